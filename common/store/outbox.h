// A transactional outbox: an effect beside the row is written in the transaction that does the row,
// and so happens if and only if that is committed; it is delivered afterwards.
//
//   RETURN_IF_ERROR(Enqueue(transaction, {.kind = "mail", .key = report_id, .payload = mail}));
//   RETURN_IF_ERROR(transaction.Commit());
//
// Delivery is at least once: a process that dies between a delivery and its mark delivers again,
// with the same key, by which the receiver knows it. Any number of replicas may deliver; they take
// different messages. docs/outbox.md.
#ifndef COMMON_STORE_OUTBOX_H_
#define COMMON_STORE_OUTBOX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/service/log.h"
#include "common/store/connection.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace mentat::store {

struct OutboxMessage {
  int64_t id = 0;
  std::string kind;       // who delivers it: `mail`
  std::string key;        // idempotence key, unique within its kind; 512 bytes at the most
  std::string payload;    // 8 MiB at the most
  uint32_t attempts = 0;  // with the one that is being made
};

// Adds a message (its kind, key and payload) to a transaction; harmless if its key was there
// before, also if it has been delivered since and is not forgotten yet. InvalidArgument if it is
// over a limit.
absl::Status Enqueue(Transaction& transaction, const OutboxMessage& message);

struct OutboxOptions {
  ConnectionOptions connection;
  std::vector<std::string> kinds;  // that this process delivers
  // Attempts until it is given up, and pauses between them: each twice as long, with jitter.
  uint32_t most_attempts = 12;
  absl::Duration first_pause = absl::Seconds(1);
  absl::Duration longest_pause = absl::Hours(1);
  // What an attempt may take; later it counts as lost with its process, and is made again.
  absl::Duration lease = absl::Minutes(2);
  absl::Duration keep_delivered = absl::Hours(24 * 7);
};

// Delivers the messages of some kinds. One thread.
class OutboxDeliverer {
 public:
  // Delivers one message, until it is safe with the receiver; must be back within the lease. An
  // error is tried again, but InvalidArgument, which is final. An error after a stop was requested
  // is no attempt.
  using Deliver = std::function<absl::Status(const OutboxMessage&, std::stop_token)>;

  // `registry` outlives the object.
  OutboxDeliverer(OutboxOptions options, Deliver deliver, prometheus::Registry& registry,
                  log::Logger log);
  ~OutboxDeliverer();

  // Delivers what is due, and waits for more (the database tells of it), until `stop` is requested.
  // A database that is away is waited for.
  void Run(const std::stop_token& stop);

 private:
  struct Metrics {
    prometheus::Counter& delivered;
    prometheus::Counter& retried;
    prometheus::Counter& failed;
  };

  absl::Status Work(const std::stop_token& stop);
  // Takes the message that has been due longest, if there is one.
  absl::StatusOr<std::optional<OutboxMessage>> Take();
  absl::Status GiveBack(const OutboxMessage& message);
  absl::Status Settle(const OutboxMessage& message, const absl::Status& delivered);
  // How long nothing will be due, unless the database tells of a new one.
  absl::StatusOr<absl::Duration> Idle();

  const OutboxOptions options_;
  const Deliver deliver_;
  Metrics metrics_;
  const log::Logger log_;
  std::string kinds_;  // as an array of SQL
  std::unique_ptr<Connection> connection_;
};

}  // namespace mentat::store

#endif  // COMMON_STORE_OUTBOX_H_
