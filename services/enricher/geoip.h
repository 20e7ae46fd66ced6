// Where addresses are and who announces them, by files that may be replaced at any time.
#ifndef SERVICES_ENRICHER_GEOIP_H_
#define SERVICES_ENRICHER_GEOIP_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/idea/address.h"
#include "common/service/log.h"
#include "mentat/config/v1/enricher.pb.h"
#include "services/enricher/metrics.h"
#include "services/enricher/mmdb.h"

namespace mentat::enricher {

// The databases in use at one moment; null are those that are not. Immutable, thread-safe.
struct Geoip {
  std::shared_ptr<const Mmdb> city;
  std::shared_ptr<const Mmdb> country;
  std::shared_ptr<const Mmdb> asn;

  // Empty if unknown; the view lives as long as this.
  std::string_view Country(idea::Family family, absl::uint128 address) const;
  // 0 if unknown.
  uint32_t Asn(idea::Family family, absl::uint128 address) const;
};

// Keeps the databases fresh. Thread-safe.
class GeoipFiles {
 public:
  // `metrics` outlives this. Nothing is opened before the first Refresh.
  GeoipFiles(const config::v1::GeoipConfig& config, const log::Logger& log, Metrics* metrics);

  // Takes the files into use that have appeared or changed since the last time. What cannot be used
  // is told of once, in the log and in the metrics, and leaves what was in use before. The status
  // names each configured file that is at present missing or refused.
  absl::Status Refresh();
  // Opens the files that have appeared or changed, and checks them all; what it returns takes them
  // into use. FailedPrecondition names each configured file that is refused; all are optional, so a
  // missing one is no error.
  absl::StatusOr<std::function<void()>> PrepareRefresh();

  // Never null.
  std::shared_ptr<const Geoip> Get() const {
    const MutexLock lock(current_mutex_);
    return current_;
  }

  // What is in use, for people, by the name of the database.
  std::map<std::string, std::string> Details() const;

 private:
  // What tells a replaced or rewritten file from the one before.
  struct Identity {
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct File {
    std::string_view name;
    std::string path;
    Mmdb::Content content;
    Metrics::File* metrics;
    std::shared_ptr<const Mmdb> Geoip::*slot;
  };
  struct State {
    std::optional<Identity> seen;  // the file that `status` speaks of
    absl::Status status;
  };

  // What a look at a file has shown that is new.
  struct News {
    size_t file = 0;  // index
    std::optional<Identity> identity;
    absl::Status status;
    std::shared_ptr<const Mmdb> opened;  // if the status is OK
  };

  static absl::StatusOr<Identity> Identify(const std::string& path);
  std::optional<News> Look(size_t index) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Use(const std::vector<News>& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Use(const News& news, Geoip& next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  log::Logger log_;
  const std::array<File, 3> files_;
  Mutex mutex_;
  std::array<State, 3> states_ ABSL_GUARDED_BY(mutex_);  // of the files
  mutable Mutex current_mutex_;
  std::shared_ptr<const Geoip> current_ ABSL_GUARDED_BY(current_mutex_);
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_GEOIP_H_
