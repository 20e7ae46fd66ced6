// The demo's databases and networks, against the addresses that ideagen draws from.
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/idea/address.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "common/store/networks.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/enricher/mmdb.h"
#include "services/enricher/network_table.h"
#include "tools/ideagen/addresses.h"

namespace mentat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

idea::AddressRange RangeOf(const ideagen::Pool4& pool) {
  return {.family = idea::Family::kIp4,
          .first = pool.base,
          .last = pool.base | (0xFFFFFFFFu >> pool.prefix)};
}

idea::AddressRange RangeOf(const ideagen::Pool6& pool) {
  const uint64_t rest = pool.prefix == 64 ? 0 : ~uint64_t{0} >> pool.prefix;
  return {.family = idea::Family::kIp6,
          .first = absl::MakeUint128(pool.high, 0),
          .last = absl::MakeUint128(pool.high | rest, ~uint64_t{0})};
}

template <typename Pools4, typename Pools6>
std::vector<idea::AddressRange> Ranges(const Pools4& pools4, const Pools6& pools6) {
  std::vector<idea::AddressRange> ranges;
  for (const auto& pool : pools4) ranges.push_back(RangeOf(pool));
  for (const auto& pool : pools6) ranges.push_back(RangeOf(pool));
  return ranges;
}

const std::vector<idea::AddressRange>& Inside() {
  static const auto* ranges =
      new std::vector<idea::AddressRange>(Ranges(ideagen::kInside4, ideagen::kInside6));
  return *ranges;
}

const std::vector<idea::AddressRange>& Outside() {
  static const auto* ranges =
      new std::vector<idea::AddressRange>(Ranges(ideagen::kOutside4, ideagen::kOutside6));
  return *ranges;
}

// Both ends of a range, and addresses between them.
std::vector<idea::AddressRange> Sample(const idea::AddressRange& range) {
  std::mt19937_64 random(20260105);
  std::vector<idea::AddressRange> addresses;
  for (int i = 0; i < 1000; ++i) {
    absl::uint128 address = range.first;
    if (i == 1) address = range.last;
    if (i > 1) address += absl::MakeUint128(random(), random()) % (range.last - range.first + 1);
    addresses.push_back({.family = range.family, .first = address, .last = address});
  }
  return addresses;
}

TEST(DemoTest, EveryAddressHasACountryAndAnAsn) {
  using enricher::Mmdb;
  const auto city = Mmdb::Open("deploy/demo/demo-city.mmdb", Mmdb::Content::kCountry);
  const auto asn = Mmdb::Open("deploy/demo/demo-asn.mmdb", Mmdb::Content::kAsn);
  ASSERT_THAT(city, IsOk());
  ASSERT_THAT(asn, IsOk());
  std::set<std::string> countries;
  std::set<uint32_t> asns;
  for (const auto& ranges : {Inside(), Outside()}) {
    for (const idea::AddressRange& range : ranges) {
      for (const idea::AddressRange& address : Sample(range)) {
        const std::string country((*city)->Country(address.family, address.first));
        const uint32_t number = (*asn)->Asn(address.family, address.first);
        ASSERT_THAT(country, SizeIs(2)) << idea::Print(address);
        // Numbers for documentation, RFC 5398.
        ASSERT_TRUE((number >= 64496 && number <= 64511) || (number >= 65536 && number <= 65551))
            << idea::Print(address) << " AS" << number;
        countries.insert(country);
        asns.insert(number);
      }
    }
  }
  EXPECT_THAT(countries, SizeIs(13));
  EXPECT_THAT(asns, SizeIs(32));
}

class DemoNetworksTest : public testing::Test {
 protected:
  void SetUp() override {
    auto cluster = store::PrivateCluster::Create({.fsync = false, .settings = {}});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const auto dsn = cluster_->CreateDatabase("demo");
    ASSERT_THAT(dsn, IsOk());
    auto connection = store::Connection::Open({.dsn = *dsn});
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(store::Migrate(*connection_, store::Migrations(), [](std::string_view) {}), IsOk());
  }

  void LoadDemo() {
    std::ifstream file("deploy/demo/networks.sql");
    const std::string sql{std::istreambuf_iterator<char>(file), {}};
    // The file opens and commits a transaction of its own.
    const size_t begin = sql.find("BEGIN;");
    const size_t commit = sql.rfind("COMMIT;");
    ASSERT_NE(begin, std::string::npos);
    ASSERT_NE(commit, std::string::npos);
    const auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT((*transaction)->ExecuteScript(sql.substr(begin + 6, commit - begin - 6)), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  std::vector<std::string> Find(std::string_view query) {
    const auto networks = store::ReadNetworks(*connection_);
    EXPECT_THAT(networks, IsOk());
    return Find(enricher::NetworkTable(networks->networks), idea::ParseAddressRange(query).value());
  }

  static std::vector<std::string> Find(const enricher::NetworkTable& table,
                                       const idea::AddressRange& query) {
    std::vector<uint32_t> found;
    table.Find(query, &found);
    std::vector<std::string> groups;
    for (const uint32_t group : found) groups.push_back(table.groups()[group]);
    return groups;
  }

  std::unique_ptr<store::PrivateCluster> cluster_;
  std::unique_ptr<store::Connection> connection_;
};

TEST_F(DemoNetworksTest, TheInsideHasGroupsAndTheOutsideHasNone) {
  LoadDemo();
  LoadDemo();  // as a second start of the demo does
  const auto networks = store::ReadNetworks(*connection_);
  ASSERT_THAT(networks, IsOk());
  EXPECT_EQ(networks->networks.size(), 1091);
  const enricher::NetworkTable table(networks->networks);
  EXPECT_EQ(table.groups().size(), 165);
  for (const idea::AddressRange& range : Inside()) {
    for (const idea::AddressRange& address : Sample(range)) {
      ASSERT_FALSE(Find(table, address).empty()) << idea::Print(address);
    }
  }
  for (const idea::AddressRange& range : Outside()) {
    for (const idea::AddressRange& address : Sample(range)) {
      ASSERT_THAT(Find(table, address), IsEmpty()) << idea::Print(address);
    }
  }
}

TEST_F(DemoNetworksTest, NetworksAreNested) {
  LoadDemo();
  EXPECT_THAT(Find("192.0.2.9"), ElementsAre("abuse@harbour.example"));
  EXPECT_THAT(Find("10.3.1.1"), ElementsAre("abuse@org03.example"));
  EXPECT_THAT(Find("10.3.5.1"), ElementsAre("abuse@dept1.org03.example"));
  EXPECT_THAT(Find("10.3.5.16"), ElementsAre("abuse@servers.org03.example"));
  EXPECT_THAT(Find("10.3.0.17"),
              ElementsAre("abuse@servers.org03.example", "cloud@harbour.example"));
  EXPECT_THAT(Find("10.3.241.1"), ElementsAre("abuse@residence.example"));
  EXPECT_THAT(Find("2001:db8:3::1"), ElementsAre("abuse@org03.example"));
  EXPECT_THAT(Find("2001:db8:3:100::1"), ElementsAre("abuse@dept1.org03.example"));
}

}  // namespace
}  // namespace mentat
