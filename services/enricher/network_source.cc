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
  ASSIGN_OR_RETURN(const Loaded loaded, Load(always, std::move(stop)));
  Use(loaded);
  return absl::OkStatus();
}

absl::StatusOr<std::function<void()>> NetworkSource::PrepareRefresh() {
  const MutexLock refresh_lock(refresh_mutex_);
  ASSIGN_OR_RETURN(const Loaded loaded, Load(/*always=*/true, {}));
  return [this, loaded] {
    {
      const MutexLock lock(mutex_);
      if (version_.has_value() && *version_ > loaded.version) return;
    }
    Use(loaded);
  };
}

absl::StatusOr<NetworkSource::Loaded> NetworkSource::Load(bool always, std::stop_token stop) {
  absl::StatusOr<Loaded> loaded = TryLoad(always, stop);
  if (!loaded.ok()) {
    connection_.reset();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    metrics_->networks_failures.Increment();
  }
  const absl::Status status = loaded.status();
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
  return loaded;
}

absl::StatusOr<NetworkSource::Loaded> NetworkSource::TryLoad(bool always, std::stop_token stop) {
  const bool reused = connection_ != nullptr;
  if (!reused) {
    ASSIGN_OR_RETURN(connection_, store::Connection::Open(options_));
  }
  absl::StatusOr<Loaded> loaded;
  {
    store::Connection& connection = *connection_;
    const std::stop_callback interrupt(stop, [&connection] { connection.Interrupt(); });
    loaded = Read(connection, always);
  }
  if (!reused || !absl::IsUnavailable(loaded.status()) || stop.stop_requested()) return loaded;
  // The connection was lost while it was idle; that alone is worth no warning.
  connection_.reset();
  return TryLoad(always, stop);
}

absl::StatusOr<NetworkSource::Loaded> NetworkSource::Read(store::Connection& connection,
                                                          bool always) {
  std::optional<int64_t> in_use;
  {
    const MutexLock lock(mutex_);
    in_use = version_;
  }
  if (!always && in_use.has_value()) {
    ASSIGN_OR_RETURN(const int64_t version, store::ReadNetworksVersion(connection));
    if (version == *in_use) return Loaded{version, nullptr};
  }
  ASSIGN_OR_RETURN(store::Networks networks, store::ReadNetworks(connection));
  return Loaded{networks.version,
                std::make_shared<const NetworkTable>(std::move(networks.networks))};
}

void NetworkSource::Use(const Loaded& loaded) {
  if (loaded.table == nullptr) return;
  log_.Info("table of networks in use", {{"networks", loaded.table->size()},
                                         {"groups", loaded.table->groups().size()},
                                         {"version", loaded.version}});
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  metrics_->networks.Set(static_cast<double>(loaded.table->size()));
  metrics_->networks_load_time.Set(static_cast<double>(now));
  const MutexLock lock(mutex_);
  table_ = loaded.table;
  version_ = loaded.version;
  loaded_at_ = now;
  loaded_.NotifyAll();
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
