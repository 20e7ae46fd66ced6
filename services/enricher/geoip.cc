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

// None if the file is as it was, there or not.
std::optional<GeoipFiles::News> GeoipFiles::Look(size_t index) const {
  const File& file = files_[index];
  const State& state = states_[index];
  if (file.path.empty()) return std::nullopt;
  // Taken before the file is read: a change meanwhile is another identity at the next look.
  const absl::StatusOr<Identity> identity = Identify(file.path);
  News news{
      .file = index, .identity = std::nullopt, .status = identity.status(), .opened = nullptr};
  if (!identity.ok()) {
    if (!state.seen.has_value() && news.status == state.status) return std::nullopt;
    return news;
  }
  if (state.seen == *identity) return std::nullopt;
  news.identity = *identity;
  absl::StatusOr<std::shared_ptr<const Mmdb>> opened = Mmdb::Open(file.path, file.content);
  news.status = opened.status();
  if (opened.ok()) news.opened = *std::move(opened);
  return news;
}

void GeoipFiles::Use(const News& news, Geoip& next) {
  const File& file = files_[news.file];
  State& state = states_[news.file];
  std::shared_ptr<const Mmdb>& slot = next.*file.slot;
  state.seen = news.identity;
  state.status = news.status;
  if (news.opened != nullptr) slot = news.opened;
  file.metrics->loaded.Set(slot != nullptr);
  file.metrics->failed.Set(!news.status.ok());
  file.metrics->build_time.Set(slot == nullptr ? 0 : static_cast<double>(slot->build_time()));
  if (news.status.ok()) {
    log_.Info("geoip database in use", {{"database", file.name},
                                        {"file", file.path},
                                        {"type", slot->type()},
                                        {"built", slot->build_time()}});
    return;
  }
  file.metrics->failures.Increment();
  log_.Warning(slot == nullptr ? "geoip database cannot be used: events go on without it"
                               : "geoip database cannot be used: the one before stays in use",
               {{"database", file.name}, {"error", news.status}});
}

void GeoipFiles::Use(const std::vector<News>& news) {
  Geoip next = *Get();
  bool opened = false;
  for (const News& each : news) {
    Use(each, next);
    opened |= each.opened != nullptr;
  }
  if (!opened) return;
  auto current = std::make_shared<const Geoip>(std::move(next));
  const MutexLock lock(current_mutex_);
  current_.swap(current);
}

absl::Status GeoipFiles::Refresh() {
  const MutexLock lock(mutex_);
  std::vector<News> news;
  std::vector<std::string> problems;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (std::optional<News> each = Look(i)) news.push_back(*std::move(each));
  }
  Use(news);
  for (const State& state : states_) {
    if (!state.status.ok()) problems.emplace_back(state.status.message());
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(problems, "; "));
}

absl::StatusOr<std::function<void()>> GeoipFiles::PrepareRefresh() {
  const MutexLock lock(mutex_);
  std::vector<News> news;
  std::vector<std::string> problems;
  for (size_t i = 0; i < files_.size(); ++i) {
    const std::optional<News> each = Look(i);
    const absl::Status& status = each.has_value() ? each->status : states_[i].status;
    // All files are optional: one that is not there is no reason to refuse a reload.
    if (!status.ok() && !absl::IsNotFound(status)) problems.emplace_back(status.message());
    if (each.has_value()) news.push_back(*each);
  }
  if (!problems.empty()) return absl::FailedPreconditionError(absl::StrJoin(problems, "\n"));
  return [this, news = std::move(news)] {
    std::vector<News> current;
    for (const News& each : news) {
      // What was replaced meanwhile is for the next Refresh.
      const absl::StatusOr<Identity> identity = Identify(files_[each.file].path);
      if (identity.ok() && each.identity == *identity) current.push_back(each);
    }
    const MutexLock use_lock(mutex_);
    Use(current);
  };
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
