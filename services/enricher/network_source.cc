#include "services/enricher/network_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/store/networks.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"

namespace mentat::enricher {

NetworkSource::NetworkSource(store::ConnectionOptions options, const log::Logger& log,
                             Metrics* metrics)
    : options_(std::move(options)), log_(log.ForModule("networks")), metrics_(metrics) {}

absl::Status NetworkSource::Refresh(bool always, std::stop_token stop) {
  const MutexLock refresh_lock(refresh_mutex_);
  absl::Status status = TryRefresh(always, stop);
  if (!status.ok()) {
    connection_.reset();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    metrics_->networks_failures.Increment();
  }
  const MutexLock lock(mutex_);
  if (!status.ok() && status != status_) {
    log_.Warning(table_ == nullptr
                     ? "the table of networks cannot be read: events are held"
                     : "the table of networks cannot be read: the one before stays in use",
                 {{"error", status}});
  } else if (status.ok() && !status_.ok()) {
    log_.Info("the table of networks can be read");
  }
  status_ = status;
  return status;
}

absl::Status NetworkSource::TryRefresh(bool always, std::stop_token stop) {
  const bool reused = connection_ != nullptr;
  if (!reused) {
    ASSIGN_OR_RETURN(connection_, store::Connection::Open(options_));
  }
  absl::Status status;
  {
    store::Connection& connection = *connection_;
    const std::stop_callback interrupt(stop, [&connection] { connection.Interrupt(); });
    status = Read(connection, always);
  }
  if (!reused || !absl::IsUnavailable(status) || stop.stop_requested()) return status;
  // The connection was lost while it was idle; that alone is worth no warning.
  connection_.reset();
  return TryRefresh(always, stop);
}

absl::Status NetworkSource::Read(store::Connection& connection, bool always) {
  if (!always && version_.has_value()) {
    ASSIGN_OR_RETURN(const int64_t version, store::ReadNetworksVersion(connection));
    if (version == *version_) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(store::Networks networks, store::ReadNetworks(connection));
  version_ = networks.version;
  auto table = std::make_shared<const NetworkTable>(std::move(networks.networks));
  log_.Info(
      "table of networks in use",
      {{"networks", table->size()}, {"groups", table->groups().size()}, {"version", *version_}});
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  metrics_->networks.Set(static_cast<double>(table->size()));
  metrics_->networks_load_time.Set(static_cast<double>(now));
  const MutexLock lock(mutex_);
  table_ = std::move(table);
  loaded_at_ = now;
  loaded_.NotifyAll();
  return absl::OkStatus();
}

std::shared_ptr<const NetworkTable> NetworkSource::Get(std::stop_token stop) const {
  const MutexLock lock(mutex_);
  loaded_.Wait(mutex_, stop,
               [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return table_ != nullptr; });
  return table_;
}

absl::Status NetworkSource::Ready() const {
  const MutexLock lock(mutex_);
  if (table_ != nullptr) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the table of networks has not been read: ", status_.message()));
}

std::string NetworkSource::Details() const {
  const MutexLock lock(mutex_);
  if (table_ == nullptr) return "not read yet";
  return absl::StrCat(
      table_->size(), " of ", table_->groups().size(), " groups, read ",
      absl::FormatTime(absl::RFC3339_sec, absl::FromUnixSeconds(loaded_at_), absl::UTCTimeZone()));
}

}  // namespace mentat::enricher
