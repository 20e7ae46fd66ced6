#include "services/storage/processor.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/store/migrations.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"

namespace mentat::storage {

StorageProcessor::StorageProcessor(std::string name, Identity identity,
                                   store::ConnectionOptions options, Health& health,
                                   Metrics& metrics, log::Logger log)
    : name_(std::move(name)),
      identity_(std::move(identity)),
      options_(std::move(options)),
      health_(health),
      metrics_(metrics),
      log_(std::move(log)),
      backoff_(absl::Milliseconds(50), absl::Seconds(2)) {}

StorageProcessor::~StorageProcessor() {
  EndHold();
  Disconnect();
}

void StorageProcessor::Process(std::span<pipeline::Item> items, std::stop_token stop) {
  std::stop_callback interrupt(stop, [this] {
    const MutexLock lock(mutex_);
    if (interruptible_ != nullptr) interruptible_->Interrupt();
  });
  std::vector<Work> work(items.size());
  for (size_t i = 0; i < items.size(); ++i) work[i].item = &items[i];
  WriteAll(work, stop);
}

void StorageProcessor::WriteAll(std::span<Work> work, const std::stop_token& stop) {
  bool refused_alone = false;
  while (!work.empty() && !stop.stop_requested()) {
    const absl::StatusOr<Written> written = TryWrite(work, stop);
    if (written.ok()) {
      EndHold();
      return Settle(work, *written);
    }
    if (!absl::IsInvalidArgument(written.status())) {
      Hold(written.status(), stop);
      continue;
    }
    if (work.size() > 1) {
      metrics_.bisections.Increment();
      WriteAll(work.first(work.size() / 2), stop);
      return WriteAll(work.subspan(work.size() / 2), stop);
    }
    if (work[0].item->heartbeat() || work[0].item->dead_letter() != nullptr ||
        !work[0].refusal.empty()) {
      // There is no other place for a dead letter, and nothing wrong with a heartbeat.
      Hold(written.status(), stop);
    } else if (!refused_alone) {
      // A second opinion: the refusal can have come from something that changed at that moment,
      // such as a partition.
      refused_alone = true;
    } else {
      log_.Warning("an event is refused by the database",
                   {{"event", work[0].item->view().id()}, {"error", written.status()}});
      work[0].refusal = std::string(written.status().message());
    }
  }
  for (Work& one : work) one.item->Retry();
}

absl::StatusOr<Written> StorageProcessor::TryWrite(std::span<Work> work,
                                                   const std::stop_token& stop) {
  const absl::Status connected = Connect(stop);
  if (!connected.ok()) {
    // Not the rows' fault, whatever the code.
    return absl::IsInvalidArgument(connected) ? absl::UnavailableError(connected.message())
                                              : connected;
  }
  const absl::Time begin = absl::Now();
  absl::StatusOr<Written> written = Write(*connection_, identity_, work);
  if (written.ok()) {
    metrics_.transactions.Increment();
    metrics_.transaction_events.Observe(static_cast<double>(work.size()));
    metrics_.transaction_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  } else if (!absl::IsInvalidArgument(written.status()) && !absl::IsAborted(written.status())) {
    Disconnect();
  }
  return written;
}

absl::Status StorageProcessor::Connect(const std::stop_token& stop) {
  if (connection_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<store::Connection> connection,
                   store::Connection::Open(options_));
  RETURN_IF_ERROR(store::CheckSchema(*connection));
  const MutexLock lock(mutex_);
  if (stop.stop_requested()) return absl::CancelledError("stopping");
  connection_ = std::move(connection);
  interruptible_ = connection_.get();
  metrics_.connections.Increment();
  return absl::OkStatus();
}

void StorageProcessor::Disconnect() {
  if (connection_ == nullptr) return;
  {
    const MutexLock lock(mutex_);
    interruptible_ = nullptr;
  }
  connection_ = nullptr;
  metrics_.connections.Decrement();
}

void StorageProcessor::Hold(const absl::Status& status, const std::stop_token& stop) {
  if (stop.stop_requested()) return;
  metrics_.Retry(status.code()).Increment();
  health_.Report(name_, status);
  if (!holding_) {
    holding_ = true;
    metrics_.holding_workers.Increment();
    log_.Warning("events are held: the database does not take them",
                 {{"worker", name_}, {"error", status}});
  }
  backoff_.Wait(stop);
}

void StorageProcessor::EndHold() {
  backoff_.Reset();
  if (!holding_) return;
  holding_ = false;
  metrics_.holding_workers.Decrement();
  health_.Report(name_, absl::OkStatus());
  log_.Info("the database takes events again", {{"worker", name_}});
}

void StorageProcessor::Settle(std::span<Work> work, const Written& written) {
  const int64_t now = absl::ToUnixMicros(absl::Now());
  metrics_.conflicts.Increment(static_cast<double>(written.conflicts));
  for (Work& one : work) {
    switch (one.outcome) {
      case Work::Outcome::kStored:
        metrics_.stored.Increment();
        one.item->Stored();
        break;
      case Work::Outcome::kDuplicate:
        metrics_.duplicates.Increment();
        one.item->StoredBefore();
        break;
      case Work::Outcome::kDeadLetter:
        metrics_.dead_letters.Increment();
        one.item->Stored();
        break;
      case Work::Outcome::kRefused:
        metrics_.dead_letters.Increment();
        metrics_.refused.Increment();
        one.item->Reject(pipeline::v1::REASON_REFUSED, one.refusal);
        break;
      case Work::Outcome::kHeartbeat:
        metrics_.heartbeats.Increment();
        one.item->Stored();
        continue;  // the source itself takes its time
    }
    if (one.item->received_at() != 0) {
      metrics_.latency_seconds.Observe(
          static_cast<double>(std::max<int64_t>(now - one.item->received_at(), 0)) / 1e6);
    }
  }
}

}  // namespace mentat::storage
