#include "services/controller/dead_letter_calls.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/idea/codec.h"
#include "common/idea/time.h"
#include "common/store/dead_letter_event.h"
#include "common/store/dead_letter_queries.h"
#include "services/controller/selection.h"
#include "services/controller/selection_values.h"

namespace mentat::controller {
namespace {

constexpr size_t kMostGroups = 1000;
// What fits into an answer of gRPC's usual 4 MiB.
constexpr size_t kMostEventBytes = 3 << 20;

absl::StatusOr<int64_t> ReadTime(const char* name, const google::protobuf::Timestamp& time) {
  constexpr int64_t kFarSeconds = 1'000'000'000'000;  // further than any year that has four digits
  const int64_t micros =
      std::clamp(time.seconds(), -kFarSeconds, kFarSeconds) * 1'000'000 + time.nanos() / 1000;
  if (!idea::IsTimestamp(micros)) {
    return absl::InvalidArgumentError(
        absl::StrCat("selection.", name, ": is not in the years 1 to 9999"));
  }
  return micros;
}

absl::StatusOr<store::DeadLetterFilter> ReadSelection(const v1::DeadLetterSelection& selection) {
  store::DeadLetterFilter filter;
  ASSIGN_OR_RETURN(filter.ids, ReadIds(selection.ids()));
  ASSIGN_OR_RETURN(filter.reasons, ReadTexts("reasons", selection.reasons()));
  ASSIGN_OR_RETURN(filter.stages, ReadTexts("stages", selection.stages()));
  ASSIGN_OR_RETURN(filter.instances, ReadTexts("instances", selection.instances()));
  ASSIGN_OR_RETURN(filter.rules, ReadTexts("rules", selection.rules()));
  if (selection.has_from()) {
    ASSIGN_OR_RETURN(filter.from, ReadTime("from", selection.from()));
  }
  if (selection.has_to()) {
    ASSIGN_OR_RETURN(filter.to, ReadTime("to", selection.to()));
  }
  ASSIGN_OR_RETURN(filter.text, ReadText("text", selection.text()));
  return filter;
}

// What changes something has to say what it means.
template <typename Request>
absl::StatusOr<store::DeadLetterFilter> ReadDangerous(const Request& request) {
  ASSIGN_OR_RETURN(store::DeadLetterFilter filter, ReadSelection(request.selection()));
  if (filter.IsEmpty() && !request.all()) return NothingChosen();
  return filter;
}

std::string TokenOf(const store::StoredDeadLetter& letter) {
  return absl::StrCat(letter.last_time, ".", letter.id);
}

absl::StatusOr<std::optional<store::DeadLetterPosition>> ReadToken(const std::string& token) {
  if (token.empty()) return std::nullopt;
  const std::pair<std::string, std::string> parts = absl::StrSplit(token, absl::MaxSplits('.', 1));
  store::DeadLetterPosition position;
  if (!absl::SimpleAtoi(parts.first, &position.last_time) ||
      !absl::SimpleAtoi(parts.second, &position.id) || !idea::IsTimestamp(position.last_time)) {
    return absl::InvalidArgumentError("page_token: is not one that an answer has given");
  }
  return position;
}

void Show(const store::StoredDeadLetter& letter, v1::DeadLetter& shown) {
  shown.set_id(letter.id);
  shown.set_reason(letter.reason);
  shown.set_stage(letter.stage);
  shown.set_instance(letter.instance);
  shown.set_rule(letter.rule);
  shown.set_message(letter.message);
  shown.set_event_id(letter.event_id);
  shown.set_event_bytes(letter.event_bytes);
  shown.set_attempts(letter.attempts);
  if (letter.received_time != 0) SetTime(letter.received_time, *shown.mutable_received_time());
  SetTime(letter.first_time, *shown.mutable_first_time());
  SetTime(letter.last_time, *shown.mutable_last_time());
  if (letter.replay_time != 0) SetTime(letter.replay_time, *shown.mutable_replay_time());
}

}  // namespace

grpc::Status DeadLetterCalls::List(const v1::ListDeadLettersRequest& request,
                                   v1::ListDeadLettersResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadSelection(request.selection());
  if (!filter.ok()) return ToGrpc(filter.status());
  const auto position = ReadToken(request.page_token());
  if (!position.ok()) return ToGrpc(position.status());
  const uint32_t size = request.page_size() == 0 ? kPage : std::min(request.page_size(), kMostPage);
  return ToGrpc(pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const auto letters,
                     store::ListDeadLetters(connection, *filter, *position, size + 1));
    for (const store::StoredDeadLetter& letter : letters) {
      if (response.dead_letters_size() == size) {
        response.set_next_page_token(TokenOf(letters[size - 1]));
        break;
      }
      Show(letter, *response.add_dead_letters());
    }
    return absl::OkStatus();
  }));
}

grpc::Status DeadLetterCalls::Count(const v1::CountDeadLettersRequest& request,
                                    v1::CountDeadLettersResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadSelection(request.selection());
  if (!filter.ok()) return ToGrpc(filter.status());
  return ToGrpc(pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const store::DeadLetterCounts counts,
                     store::CountDeadLetters(connection, *filter, kMostGroups));
    response.set_total(counts.total);
    for (const store::DeadLetterGroup& group : counts.groups) {
      v1::DeadLetterGroup& shown = *response.add_groups();
      shown.set_reason(group.reason);
      shown.set_stage(group.stage);
      shown.set_rule(group.rule);
      shown.set_message(group.message);
      shown.set_count(group.count);
      SetTime(group.first_time, *shown.mutable_first_time());
      SetTime(group.last_time, *shown.mutable_last_time());
    }
    return absl::OkStatus();
  }));
}

grpc::Status DeadLetterCalls::Get(const v1::GetDeadLetterRequest& request,
                                  v1::GetDeadLetterResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  store::DeadLetterWithEvent letter;
  const absl::Status status = pool_->Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(letter, store::GetDeadLetter(connection, request.id()));
    return absl::OkStatus();
  });
  if (!status.ok()) return ToGrpc(status);
  Show(letter.letter, *response.mutable_dead_letter());
  const auto event = store::ReadDeadLetterEvent(letter.letter.event_format, letter.event);
  if (event.ok()) {
    response.set_event(idea::PrintEvent(*event));
  } else {
    response.set_raw(std::move(letter.event));
    response.set_unreadable(std::string(event.status().message()));
  }
  if (response.event().size() + response.raw().size() > kMostEventBytes) {
    response.clear_event();
    response.clear_raw();
    response.set_unreadable(absl::StrCat("the event is too large to be shown; ", kMostEventBytes,
                                         " bytes are the most"));
  }
  return grpc::Status::OK;
}

grpc::Status DeadLetterCalls::Replay(const grpc::ServerContext& context,
                                     const v1::ReplayDeadLettersRequest& request,
                                     grpc::ServerWriter<v1::ReplayDeadLettersResponse>& writer) {
  if (replays_ == nullptr) return NoDatabase();
  const auto filter = ReadDangerous(request);
  if (!filter.ok()) return ToGrpc(filter.status());
  return replays_->Replay(context, request, *filter, writer);
}

grpc::Status DeadLetterCalls::Discard(const v1::DiscardDeadLettersRequest& request,
                                      v1::DiscardDeadLettersResponse& response) {
  if (pool_ == nullptr) return NoDatabase();
  const auto filter = ReadDangerous(request);
  if (!filter.ok()) return ToGrpc(filter.status());
  uint64_t discarded = 0;
  const absl::Status status = pool_->Use([&](store::Connection& connection) {
    return store::DiscardDeadLetters(connection, *filter, &discarded);
  });
  response.set_discarded(discarded);
  if (status.ok() || discarded == 0) return ToGrpc(status);
  return ToGrpc(absl::Status(status.code(), absl::StrCat(status.message(), "; ", discarded,
                                                         " had been discarded before")));
}

}  // namespace mentat::controller
