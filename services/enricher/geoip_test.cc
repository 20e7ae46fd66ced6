#include "services/enricher/geoip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/status_matchers.h"
#include "common/idea/address.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace mentat::enricher {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr std::string_view kCityFile = "deploy/demo/demo-city.mmdb";
constexpr std::string_view kAsnFile = "deploy/demo/demo-asn.mmdb";
constexpr absl::uint128 kAddress = 0xC0000201;  // 192.0.2.1

class GeoipTest : public ::testing::Test {
 protected:
  GeoipTest() : folder_(::testing::TempDir() + "/geoip_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    config_.set_city_db(folder_ + "/city.mmdb");
    config_.set_asn_db(folder_ + "/asn.mmdb");
  }

  // As updaters do: a new file takes the place of the old one.
  void Install(std::string_view source, const std::string& target) {
    std::filesystem::copy_file(source, target + ".new");
    std::filesystem::rename(target + ".new", target);
  }

  static std::string_view Country(const GeoipFiles& files) {
    return files.Get()->Country(idea::Family::kIp4, kAddress);
  }

  std::string folder_;
  config::v1::GeoipConfig config_;
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
};

TEST_F(GeoipTest, MissingFilesAreToldOfAndUsedOnceTheyAreThere) {
  GeoipFiles files(config_, log::Logger::Null(), &metrics_);
  EXPECT_THAT(files.Refresh(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("city.mmdb: cannot be opened"), HasSubstr("asn.mmdb"))));
  EXPECT_EQ(Country(files), "");
  EXPECT_EQ(files.Get()->Asn(idea::Family::kIp4, kAddress), 0);
  EXPECT_EQ(metrics_.city_file.loaded.Value(), 0);
  EXPECT_EQ(metrics_.city_file.failed.Value(), 1);
  EXPECT_EQ(metrics_.city_file.failures.Value(), 1);
  EXPECT_THAT(files.Details(),
              ElementsAre(Pair("asn_db", "not in use"), Pair("city_db", "not in use")));

  // Looking again is no further failure.
  EXPECT_THAT(files.Refresh(), Not(IsOk()));
  EXPECT_EQ(metrics_.city_file.failures.Value(), 1);

  Install(kCityFile, config_.city_db());
  EXPECT_THAT(files.Refresh(),
              StatusIs(absl::StatusCode::kFailedPrecondition, Not(HasSubstr("city.mmdb"))));
  EXPECT_EQ(Country(files), "CZ");
  Install(kAsnFile, config_.asn_db());
  EXPECT_THAT(files.Refresh(), IsOk());
  EXPECT_EQ(files.Get()->Asn(idea::Family::kIp4, kAddress), 64496);
  EXPECT_EQ(metrics_.city_file.loaded.Value(), 1);
  EXPECT_EQ(metrics_.city_file.build_time.Value(), 1750000000);
  EXPECT_THAT(files.Details(), ElementsAre(Pair("asn_db", "Mentat-Demo-ASN, built 2025-06-15"),
                                           Pair("city_db", "Mentat-Demo-City, built 2025-06-15")));
}

TEST_F(GeoipTest, WithoutFilesNothingIsKnownAndNothingIsWrong) {
  GeoipFiles files({}, log::Logger::Null(), &metrics_);
  EXPECT_THAT(files.Refresh(), IsOk());
  EXPECT_EQ(Country(files), "");
  EXPECT_TRUE(files.Details().empty());
}

TEST_F(GeoipTest, CountriesAreAskedWhereCitiesDoNotKnow) {
  config_.clear_city_db();
  config_.set_country_db(std::string(kCityFile));
  config_.set_asn_db(std::string(kAsnFile));
  GeoipFiles files(config_, log::Logger::Null(), &metrics_);
  EXPECT_THAT(files.Refresh(), IsOk());
  EXPECT_EQ(Country(files), "CZ");
}

TEST_F(GeoipTest, ABadReplacementLeavesTheOldDatabaseInUse) {
  Install(kCityFile, config_.city_db());
  Install(kAsnFile, config_.asn_db());
  GeoipFiles files(config_, log::Logger::Null(), &metrics_);
  ASSERT_THAT(files.Refresh(), IsOk());
  const auto before = files.Get();

  std::filesystem::resize_file(config_.city_db(), 1000);
  EXPECT_THAT(files.Refresh(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("city.mmdb")));
  EXPECT_EQ(Country(files), "CZ");
  EXPECT_EQ(files.Get(), before);
  EXPECT_EQ(metrics_.city_file.loaded.Value(), 1);
  EXPECT_EQ(metrics_.city_file.failures.Value(), 1);
  // The same bad file is not read again, but stays told of.
  EXPECT_THAT(files.Refresh(), Not(IsOk()));
  EXPECT_EQ(metrics_.city_file.failures.Value(), 1);

  std::filesystem::remove(config_.city_db());
  EXPECT_THAT(files.Refresh(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot be opened")));
  EXPECT_EQ(Country(files), "CZ");
  EXPECT_EQ(metrics_.city_file.failures.Value(), 2);

  // The wrong database under the right name.
  Install(kAsnFile, config_.city_db());
  EXPECT_THAT(files.Refresh(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("City or Country")));
  EXPECT_EQ(Country(files), "CZ");

  Install(kCityFile, config_.city_db());
  EXPECT_THAT(files.Refresh(), IsOk());
  EXPECT_EQ(Country(files), "CZ");
  EXPECT_NE(files.Get(), before);
}

TEST_F(GeoipTest, FilesMayBeReplacedWhileTheyAreRead) {
  Install(kCityFile, config_.city_db());
  Install(kAsnFile, config_.asn_db());
  GeoipFiles files(config_, log::Logger::Null(), &metrics_);
  ASSERT_THAT(files.Refresh(), IsOk());
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto geoip = files.Get();
        if (geoip->Country(idea::Family::kIp4, kAddress) != "CZ") ++wrong;
        if (geoip->Asn(idea::Family::kIp4, kAddress) != 64496) ++wrong;
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    if (i % 2 == 0) {
      Install(i % 4 == 0 ? kAsnFile : kCityFile, config_.city_db());
    } else {
      std::ofstream(config_.city_db(), std::ios::binary) << "written in place";
    }
    files.Refresh().IgnoreError();
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(metrics_.city_file.failures.Value(), 0);
}

}  // namespace
}  // namespace mentat::enricher
