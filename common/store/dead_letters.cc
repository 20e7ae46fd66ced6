#include "common/store/dead_letters.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/utf8.h"
#include "common/idea/time.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::store {
namespace {

// Bounds on the texts, so that a dead letter is never refused itself: what is indexed has to fit
// into an index.
constexpr size_t kMaxName = 256;
constexpr size_t kMaxMessage = 8192;

}  // namespace

std::string Storable(std::string_view text, size_t most) {
  text = Utf8Prefix(text, most);
  return absl::StrReplaceAll(absl::string_view(text.data(), text.size()),
                             {{absl::string_view("\0", 1), "\xef\xbf\xbd"}});
}

std::string StorableEventId(std::string_view id) { return Storable(id, kMaxName); }

std::string ReasonName(pipeline::v1::Reason reason) {
  std::string name = pipeline::v1::Reason_Name(reason);
  if (name.empty()) name = "REASON_UNSPECIFIED";  // from a newer Mentat
  return absl::AsciiStrToLower(absl::StripPrefix(name, "REASON_"));
}

absl::Status InsertDeadLetter(Transaction& transaction, const pipeline::v1::DeadLetter& letter,
                              std::string_view event, int64_t received_time) {
  // What was malformed never became an event; the rest tells by itself.
  idea::v1::Event parsed;
  const bool is_event = letter.reason() != pipeline::v1::REASON_MALFORMED &&
                        parsed.ParseFromArray(event.data(), static_cast<int>(event.size())) &&
                        !parsed.id().empty();
  // A stage's clock may say anything; no time is a reason to lose the letter.
  const bool has_time = letter.time() != 0 && idea::IsTimestamp(letter.time());
  const int64_t time = has_time ? letter.time() : absl::ToUnixMicros(absl::Now());
  Parameter received;
  if (received_time != 0 && idea::IsTimestamp(received_time)) {
    received = idea::FormatTimestamp(received_time);
  }
  Parameter id;
  if (is_event) id = StorableEventId(parsed.id());
  return transaction
      .Execute(
          "INSERT INTO dead_letters (reason, stage, instance, message, event, event_format, "
          "event_id, received_time, first_time, last_time, rule) VALUES ($1, $2, $3, $4, "
          "$5::bytea, "
          "$6, $7, $8::timestamptz, $9::timestamptz, $9::timestamptz, $10) "
          "ON CONFLICT (event_sha256, stage, reason) DO UPDATE SET "
          "attempts = dead_letters.attempts + 1, instance = excluded.instance, "
          "message = excluded.message, rule = excluded.rule, "
          "last_time = greatest(dead_letters.last_time, excluded.last_time)",
          {ReasonName(letter.reason()), Storable(letter.stage(), kMaxName),
           Storable(letter.instance(), kMaxName), Storable(letter.message(), kMaxMessage),
           "\\x" + absl::BytesToHexString(absl::string_view(event.data(), event.size())),
           is_event ? "protobuf" : "raw", id, received, idea::FormatTimestamp(time),
           Storable(letter.rule(), kMaxName)})
      .status();
}

}  // namespace mentat::store
