#include "common/store/outbox.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/metrics.h"
#include "common/store/backoff.h"
#include "common/store/dead_letters.h"
#include "common/store/migrations.h"
#include "prometheus/counter.h"

namespace mentat::store {
namespace {

constexpr char kChannel[] = "mentat_outbox";
constexpr size_t kMostKeyBytes = 512;
constexpr size_t kMostPayloadBytes = 8 << 20;
constexpr size_t kMostErrorBytes = 2000;
// A message whose notification was lost, or that another process has lost, waits so long at the
// most.
constexpr absl::Duration kLongestWait = absl::Seconds(30);

prometheus::Counter& MakeCounter(prometheus::Registry& registry, const char* result) {
  return service::AddCounter(registry, "mentat_outbox_attempts_total",
                             "Attempts to deliver a message of the outbox, by what came of them.",
                             {{"result", result}});
}

std::string Seconds(absl::Duration duration) {
  return absl::StrCat(absl::ToDoubleSeconds(duration));
}

}  // namespace

absl::Status Enqueue(Transaction& transaction, const OutboxMessage& message) {
  if (message.kind.empty() || message.key.empty() || message.kind.size() > kMostKeyBytes ||
      message.key.size() > kMostKeyBytes || message.payload.size() > kMostPayloadBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("outbox: kind and key have 1 to ", kMostKeyBytes, " bytes, and a message ",
                     kMostPayloadBytes, " at the most; got ", message.kind.size(), ", ",
                     message.key.size(), " and ", message.payload.size()));
  }
  // Told with the commit, once a transaction.
  return transaction
      .Execute(
          "WITH added AS (INSERT INTO outbox (kind, key, payload) VALUES ($1, $2, $3::bytea) "
          "ON CONFLICT (kind, key) DO NOTHING RETURNING kind) "
          "SELECT pg_notify($4, kind) FROM added",
          {message.kind, message.key, "\\x" + absl::BytesToHexString(message.payload), kChannel})
      .status();
}

OutboxDeliverer::OutboxDeliverer(OutboxOptions options, Deliver deliver,
                                 prometheus::Registry& registry, log::Logger log)
    : options_(std::move(options)),
      deliver_(std::move(deliver)),
      metrics_{MakeCounter(registry, "delivered"), MakeCounter(registry, "retried"),
               MakeCounter(registry, "failed")},
      log_(std::move(log)),
      kinds_(ArrayLiteral(
          std::vector<std::string_view>(options_.kinds.begin(), options_.kinds.end()))) {}

OutboxDeliverer::~OutboxDeliverer() = default;

void OutboxDeliverer::Run(const std::stop_token& stop) {
  Backoff backoff(absl::Milliseconds(50), absl::Seconds(5));
  bool away = false;
  while (!stop.stop_requested()) {
    const absl::Status status = Work(stop);
    if (status.ok()) {
      away = false;
      backoff.Reset();
      continue;
    }
    connection_ = nullptr;
    if (!std::exchange(away, true)) {
      log_.Warning("the outbox waits for the database", {{"error", status}});
    }
    backoff.Wait(stop);
  }
  connection_ = nullptr;
}

// Until there is nothing to do any more, then a wait.
absl::Status OutboxDeliverer::Work(const std::stop_token& stop) {
  if (connection_ == nullptr) {
    ASSIGN_OR_RETURN(connection_, Connection::Open(options_.connection));
    RETURN_IF_ERROR(CheckSchema(*connection_));
    // Before the first look, so that nothing can come in between.
    RETURN_IF_ERROR(connection_->Listen(kChannel));
  }
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(const std::optional<OutboxMessage> message, Take());
    if (!message.has_value()) break;
    const bool lost_all = message->attempts > options_.most_attempts;
    const absl::Status delivered =
        lost_all ? absl::AbortedError("each attempt was lost") : deliver_(*message, stop);
    // An attempt that the end of the process has cut short says nothing about the message.
    const bool cut = stop.stop_requested() && !delivered.ok() && !lost_all &&
                     !absl::IsInvalidArgument(delivered);
    RETURN_IF_ERROR(cut ? GiveBack(*message) : Settle(*message, delivered));
  }
  if (stop.stop_requested()) return absl::OkStatus();
  RETURN_IF_ERROR(
      connection_
          ->Execute("DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE state = "
                    "'delivered' AND kind = ANY ($1::text[]) AND end_time < now() - "
                    "make_interval(secs => $2::float8) LIMIT 10000))",
                    {kinds_, Seconds(options_.keep_delivered)})
          .status());
  ASSIGN_OR_RETURN(const absl::Duration idle, Idle());
  return connection_->WaitForNotification(idle, stop);
}

absl::StatusOr<std::optional<OutboxMessage>> OutboxDeliverer::Take() {
  // The attempt is counted before it is made, so that a message which kills its process is given up
  // in the end too.
  ASSIGN_OR_RETURN(
      const Result rows,
      connection_->Execute(
          "UPDATE outbox SET attempts = attempts + 1, "
          "due_time = clock_timestamp() + make_interval(secs => $2::float8) "
          "WHERE id = (SELECT id FROM outbox WHERE state = 'pending' AND kind = ANY ($1::text[]) "
          "AND due_time <= clock_timestamp() ORDER BY due_time LIMIT 1 FOR UPDATE SKIP LOCKED) "
          "RETURNING id, kind, key, encode(payload, 'hex'), attempts",
          {kinds_, Seconds(options_.lease)}));
  if (rows.rows() == 0) return std::nullopt;
  const std::string_view hex = rows.Text(0, 3);
  return OutboxMessage{.id = rows.Int(0, 0),
                       .kind = std::string(rows.Text(0, 1)),
                       .key = std::string(rows.Text(0, 2)),
                       .payload = absl::HexStringToBytes(absl::string_view(hex.data(), hex.size())),
                       .attempts = static_cast<uint32_t>(rows.Int(0, 4))};
}

absl::Status OutboxDeliverer::GiveBack(const OutboxMessage& message) {
  return connection_
      ->Execute(
          "UPDATE outbox SET attempts = attempts - 1, due_time = clock_timestamp() "
          "WHERE id = $1::bigint AND state = 'pending' AND attempts = $2::integer",
          {absl::StrCat(message.id), absl::StrCat(message.attempts)})
      .status();
}

absl::Status OutboxDeliverer::Settle(const OutboxMessage& message, const absl::Status& delivered) {
  // The lease may be over, and another attempt under way: that one says what becomes of the message
  // if this one has failed. What is delivered is delivered.
  const std::string id = absl::StrCat(message.id);
  const std::string attempts = absl::StrCat(message.attempts);
  if (delivered.ok()) {
    metrics_.delivered.Increment();
    return connection_
        ->Execute(
            "UPDATE outbox SET state = 'delivered', end_time = now(), last_error = '' "
            "WHERE id = $1::bigint AND state <> 'delivered'",
            {id})
        .status();
  }
  const std::string error = Storable(std::string(delivered.message()), kMostErrorBytes);
  const bool final =
      absl::IsInvalidArgument(delivered) || message.attempts >= options_.most_attempts;
  (final ? metrics_.failed : metrics_.retried).Increment();
  log_.Warning(final ? "a message of the outbox is given up" : "a message of the outbox is kept",
               {{"kind", message.kind},
                {"key", message.key},
                {"attempts", message.attempts},
                {"error", delivered}});
  if (final) {
    return connection_
        ->Execute(
            "UPDATE outbox SET state = 'failed', end_time = now(), last_error = $2 "
            "WHERE id = $1::bigint AND state = 'pending' AND attempts = $3::integer",
            {id, error, attempts})
        .status();
  }
  const double doubled = static_cast<double>(uint64_t{1} << std::min(message.attempts - 1, 40u));
  Backoff pause(std::min(options_.first_pause * doubled, options_.longest_pause),
                options_.longest_pause);
  return connection_
      ->Execute(
          "UPDATE outbox SET due_time = clock_timestamp() + make_interval(secs => "
          "$2::float8), last_error = $3 WHERE id = $1::bigint AND state = 'pending' "
          "AND attempts = $4::integer",
          {id, Seconds(pause.Next()), error, attempts})
      .status();
}

absl::StatusOr<absl::Duration> OutboxDeliverer::Idle() {
  ASSIGN_OR_RETURN(
      const Result rows,
      connection_->Execute("SELECT ceil(extract(epoch FROM min(due_time) - clock_timestamp()) * "
                           "1000)::bigint FROM outbox WHERE state = 'pending' "
                           "AND kind = ANY ($1::text[])",
                           {kinds_}));
  if (rows.IsNull(0, 0)) return kLongestWait;
  return std::clamp(absl::Milliseconds(rows.Int(0, 0)), absl::ZeroDuration(), kLongestWait);
}

}  // namespace mentat::store
