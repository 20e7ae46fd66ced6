#include "services/enricher/geoip.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"

namespace mentat::enricher {

std::string_view Geoip::Country(idea::Family family, absl::uint128 address) const {
  std::string_view code;
  if (city != nullptr) code = city->Country(family, address);
  if (code.empty() && country != nullptr) code = country->Country(family, address);
  return code;
}

uint32_t Geoip::Asn(idea::Family family, absl::uint128 address) const {
  return asn == nullptr ? 0 : asn->Asn(family, address);
}

GeoipFiles::GeoipFiles(const config::v1::GeoipConfig& config, const log::Logger& log,
                       Metrics* metrics)
    : log_(log.ForModule("geoip")),
      files_{{
          {"city", config.city_db(), Mmdb::Content::kCountry, &metrics->city_file, &Geoip::city},
          {"country", config.country_db(), Mmdb::Content::kCountry, &metrics->country_file,
           &Geoip::country},
          {"asn", config.asn_db(), Mmdb::Content::kAsn, &metrics->asn_file, &Geoip::asn},
      }},
      current_(std::make_shared<const Geoip>()) {}

absl::StatusOr<GeoipFiles::Identity> GeoipFiles::Identify(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be opened"));
  }
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return Identity{.device = status.st_dev,
                  .inode = status.st_ino,
                  .size = static_cast<uint64_t>(status.st_size),
                  .modified_ns = nanoseconds(status.st_mtim),
                  .changed_ns = nanoseconds(status.st_ctim)};
}

void GeoipFiles::RefreshFile(const File& file, State& state, Geoip& next) {
  // Taken before the file is read: a change meanwhile is another identity at the next look.
  const absl::StatusOr<Identity> identity = Identify(file.path);
  std::shared_ptr<const Mmdb>& slot = next.*file.slot;
  absl::Status status = identity.status();
  if (identity.ok()) {
    if (state.seen == *identity) return;
    state.seen = *identity;
    absl::StatusOr<std::shared_ptr<const Mmdb>> opened = Mmdb::Open(file.path, file.content);
    status = opened.status();
    if (opened.ok()) slot = *std::move(opened);
  } else {
    state.seen.reset();
    if (status == state.status) return;  // missing as before
  }
  state.status = status;
  file.metrics->loaded.Set(slot != nullptr);
  file.metrics->build_time.Set(slot == nullptr ? 0 : static_cast<double>(slot->build_time()));
  if (status.ok()) {
    log_.Info("geoip database in use", {{"database", file.name},
                                        {"file", file.path},
                                        {"type", slot->type()},
                                        {"built", slot->build_time()}});
    return;
  }
  file.metrics->failures.Increment();
  log_.Warning(slot == nullptr ? "geoip database cannot be used: events go on without it"
                               : "geoip database cannot be used: the one before stays in use",
               {{"database", file.name}, {"error", status}});
}

absl::Status GeoipFiles::Refresh() {
  const MutexLock lock(mutex_);
  const std::shared_ptr<const Geoip> before = current_.load();
  Geoip next = *before;
  std::vector<std::string> problems;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].path.empty()) continue;
    RefreshFile(files_[i], states_[i], next);
    if (!states_[i].status.ok()) problems.emplace_back(states_[i].status.message());
  }
  if (next.city != before->city || next.country != before->country || next.asn != before->asn) {
    current_.store(std::make_shared<const Geoip>(std::move(next)));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(problems, "; "));
}

std::map<std::string, std::string> GeoipFiles::Details() const {
  const std::shared_ptr<const Geoip> current = Get();
  std::map<std::string, std::string> details;
  for (const File& file : files_) {
    if (file.path.empty()) continue;
    const std::shared_ptr<const Mmdb>& database = (*current).*file.slot;
    details[std::string(file.name) + "_db"] =
        database == nullptr
            ? "not in use"
            : absl::StrCat(
                  std::string(database->type()), ", built ",
                  absl::FormatTime("%Y-%m-%d", absl::FromUnixSeconds(database->build_time()),
                                   absl::UTCTimeZone()));
  }
  return details;
}

}  // namespace mentat::enricher
