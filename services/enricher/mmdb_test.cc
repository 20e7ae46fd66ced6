#include "services/enricher/mmdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/status_matchers.h"
#include "common/idea/address.h"

// libmaxminddb 1.7 leaks a few kilobytes when it refuses a file for its description; a file is
// tried once each time that it is replaced, so that they never add up.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libmaxminddb"; }

namespace mentat::enricher {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kCityFile = "deploy/demo/demo-city.mmdb";
constexpr std::string_view kAsnFile = "deploy/demo/demo-asn.mmdb";

std::string ReadFile(std::string_view path) {
  std::ifstream file{std::string(path), std::ios::binary};
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
}

std::string TempPath() { return ::testing::TempDir() + "/test.mmdb"; }

std::shared_ptr<const Mmdb> OpenDemo(std::string_view path, Mmdb::Content content) {
  auto database = Mmdb::Open(std::string(path), content);
  EXPECT_THAT(database, IsOk());
  return database.ok() ? *database : nullptr;
}

std::string_view Country(const Mmdb& database, std::string_view address) {
  const auto range = idea::ParseAddressRange(address);
  return database.Country(range->family, range->first);
}

uint32_t Asn(const Mmdb& database, std::string_view address) {
  const auto range = idea::ParseAddressRange(address);
  return database.Asn(range->family, range->first);
}

TEST(MmdbTest, FindsCountriesOfBothFamilies) {
  const auto city = OpenDemo(kCityFile, Mmdb::Content::kCountry);
  ASSERT_NE(city, nullptr);
  EXPECT_EQ(Country(*city, "192.0.2.1"), "CZ");
  EXPECT_EQ(Country(*city, "192.0.2.63"), "CZ");
  EXPECT_EQ(Country(*city, "192.0.2.64"), "DE");
  EXPECT_EQ(Country(*city, "203.0.113.9"), "ZA");
  EXPECT_EQ(Country(*city, "2001:db8::1"), "CZ");
  EXPECT_EQ(Country(*city, "2001:db8:ffff::1"), "IN");
  EXPECT_EQ(Country(*city, "::ffff:192.0.2.1"), "CZ");
  EXPECT_EQ(Country(*city, "8.8.8.8"), "");
  EXPECT_EQ(Country(*city, "0.0.0.0"), "");
  EXPECT_EQ(Country(*city, "255.255.255.255"), "");
  EXPECT_EQ(Country(*city, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "");
  EXPECT_EQ(city->type(), "Mentat-Demo-City");
  EXPECT_EQ(city->build_time(), 1750000000);
}

TEST(MmdbTest, FindsAsnsOfBothFamilies) {
  const auto asn = OpenDemo(kAsnFile, Mmdb::Content::kAsn);
  ASSERT_NE(asn, nullptr);
  EXPECT_EQ(Asn(*asn, "192.0.2.1"), 64496);
  EXPECT_EQ(Asn(*asn, "198.51.100.200"), 64503);
  EXPECT_EQ(Asn(*asn, "2001:db8::1"), 65548);
  EXPECT_EQ(Asn(*asn, "8.8.8.8"), 0);
}

TEST(MmdbTest, AddressesFollowTheRangesThatTheDemoWasCutInto) {
  const auto asn = OpenDemo(kAsnFile, Mmdb::Content::kAsn);
  ASSERT_NE(asn, nullptr);
  for (const std::string_view network :
       {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "100.64.0.0/10",
        "10.0.0.0/8", "2001:db8::/32"}) {
    const auto range = idea::ParseAddressRange(network);
    EXPECT_NE(asn->Asn(range->family, range->first), 0) << network;
    EXPECT_NE(asn->Asn(range->family, range->last), 0) << network;
    EXPECT_EQ(asn->Asn(range->family, range->first - 1), 0) << network;
    EXPECT_EQ(asn->Asn(range->family, range->last + 1), 0) << network;
  }
}

TEST(MmdbTest, RefusesWhatIsNotThere) {
  EXPECT_THAT(Mmdb::Open("/nonexistent/x.mmdb", Mmdb::Content::kAsn),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/x.mmdb")));
  EXPECT_THAT(Mmdb::Open(::testing::TempDir(), Mmdb::Content::kAsn),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("regular file")));
  EXPECT_THAT(Mmdb::Open("/dev/zero", Mmdb::Content::kAsn),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("regular file")));
}

TEST(MmdbTest, RefusesExchangedDatabases) {
  EXPECT_THAT(Mmdb::Open(std::string(kAsnFile), Mmdb::Content::kCountry),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("City or Country")));
  EXPECT_THAT(Mmdb::Open(std::string(kCityFile), Mmdb::Content::kAsn),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ASN")));
}

TEST(MmdbTest, RefusesOtherContent) {
  for (const std::string& content : {std::string(), std::string("text"), std::string(100'000, '\0'),
                                     std::string("\xAB\xCD\xEFMaxMind.com"),
                                     std::string(200'000, 'x') + "\xAB\xCD\xEFMaxMind.com",
                                     "\xAB\xCD\xEFMaxMind.com" + std::string(50, '\xE1')}) {
    WriteFile(TempPath(), content);
    EXPECT_THAT(Mmdb::Open(TempPath(), Mmdb::Content::kAsn),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("test.mmdb: ")));
  }
}

TEST(MmdbTest, RefusesTruncatedFiles) {
  const std::string whole = ReadFile(kCityFile);
  ASSERT_GT(whole.size(), 1000);
  for (size_t size = 0; size < whole.size(); size += size + 300 < whole.size() ? 5 : 1) {
    WriteFile(TempPath(), std::string_view(whole).substr(0, size));
    ASSERT_THAT(Mmdb::Open(TempPath(), Mmdb::Content::kCountry),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("test.mmdb: ")))
        << size;
  }
}

// Opens a damaged copy; if it is taken all the same, every lookup must still end well.
void ExerciseDamaged(std::string_view content, Mmdb::Content kind, std::mt19937_64& random) {
  WriteFile(TempPath(), content);
  const auto database = Mmdb::Open(TempPath(), kind);
  if (!database.ok()) return;
  for (int i = 0; i < 50; ++i) {
    const absl::uint128 address =
        i % 2 == 0 ? absl::MakeUint128(0x20010db800000000 | (random() >> 32), random())
                   : absl::MakeUint128(random(), random());
    const std::string_view country = (*database)->Country(idea::Family::kIp6, address);
    EXPECT_TRUE(country.empty() || country.size() == 2);
    (*database)->Asn(idea::Family::kIp6, address);
    (*database)->Country(idea::Family::kIp4, random() >> 32);
    (*database)->Asn(idea::Family::kIp4, 0x0A000000 | (random() >> 40));
  }
}

class DamagedMmdbTest
    : public ::testing::TestWithParam<std::pair<std::string_view, Mmdb::Content>> {};

TEST_P(DamagedMmdbTest, FlippedBitsDoNoHarm) {
  const auto [path, kind] = GetParam();
  const std::string whole = ReadFile(path);
  std::mt19937_64 random(20260101);
  for (int i = 0; i < 1000; ++i) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
    ExerciseDamaged(damaged, kind, random);
  }
}

TEST_P(DamagedMmdbTest, WildBytesDoNoHarm) {
  const auto [path, kind] = GetParam();
  const std::string whole = ReadFile(path);
  std::mt19937_64 random(20260102);
  for (int i = 0; i < 1000; ++i) {
    std::string damaged = whole;
    const int count = 1 + random() % 8;
    for (int j = 0; j < count; ++j)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    ExerciseDamaged(damaged, kind, random);
  }
}

// The metadata decide where everything else is looked for.
TEST_P(DamagedMmdbTest, EveryByteOfTheMetadataMayBeWrong) {
  const auto [path, kind] = GetParam();
  const std::string whole = ReadFile(path);
  const size_t metadata = whole.rfind("MaxMind.com");
  ASSERT_NE(metadata, std::string::npos);
  std::mt19937_64 random(20260103);
  for (size_t at = metadata; at < whole.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x20, 0x7F, 0xC4, 0xE1, 0xFF}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(value);
      ExerciseDamaged(damaged, kind, random);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, DamagedMmdbTest,
                         ::testing::Values(std::pair(kCityFile, Mmdb::Content::kCountry),
                                           std::pair(kAsnFile, Mmdb::Content::kAsn)),
                         [](const auto& info) { return info.index == 0 ? "City" : "Asn"; });

TEST(MmdbTest, AnOpenDatabaseOutlivesItsFile) {
  WriteFile(TempPath(), ReadFile(kCityFile));
  const auto city = OpenDemo(TempPath(), Mmdb::Content::kCountry);
  ASSERT_NE(city, nullptr);
  WriteFile(TempPath(), "overwritten in place");
  EXPECT_EQ(Country(*city, "192.0.2.1"), "CZ");
  std::filesystem::resize_file(TempPath(), 0);
  EXPECT_EQ(Country(*city, "192.0.2.64"), "DE");
  std::filesystem::remove(TempPath());
  EXPECT_EQ(Country(*city, "2001:db8::1"), "CZ");
}

}  // namespace
}  // namespace mentat::enricher
