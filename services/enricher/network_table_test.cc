#include "services/enricher/network_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/idea/address.h"

namespace mentat::enricher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

idea::AddressRange Range(std::string_view text) { return idea::ParseAddressRange(text).value(); }

NetworkTable Table(std::initializer_list<std::pair<std::string_view, std::string_view>> networks) {
  std::vector<store::GroupNetwork> list;
  for (const auto& [range, group] : networks) list.push_back({Range(range), std::string(group)});
  return NetworkTable(std::move(list));
}

std::vector<std::string> Find(const NetworkTable& table, const idea::AddressRange& query) {
  std::vector<uint32_t> found;
  table.Find(query, &found);
  std::vector<std::string> groups;
  for (const uint32_t group : found) groups.push_back(table.groups()[group]);
  return groups;
}

std::vector<std::string> Find(const NetworkTable& table, std::string_view query) {
  return Find(table, Range(query));
}

TEST(NetworkTableTest, AnEmptyTableKnowsNothing) {
  EXPECT_THAT(Find(NetworkTable(), "192.0.2.1"), IsEmpty());
  EXPECT_THAT(Find(NetworkTable(), "::/0"), IsEmpty());
  EXPECT_EQ(NetworkTable().size(), 0);
}

TEST(NetworkTableTest, TheLongestPrefixAnswers) {
  const NetworkTable table = Table({{"0.0.0.0/0", "world"},
                                    {"10.0.0.0/8", "isp"},
                                    {"10.1.0.0/16", "campus"},
                                    {"10.1.2.0/24", "lab"},
                                    {"10.1.2.3", "server"},
                                    {"2001:db8::/32", "isp"},
                                    {"2001:db8:1::/48", "campus"}});
  EXPECT_EQ(table.size(), 7);
  EXPECT_THAT(Find(table, "10.1.2.3"), ElementsAre("server"));
  EXPECT_THAT(Find(table, "10.1.2.4"), ElementsAre("lab"));
  EXPECT_THAT(Find(table, "10.1.3.0"), ElementsAre("campus"));
  EXPECT_THAT(Find(table, "10.2.0.0"), ElementsAre("isp"));
  EXPECT_THAT(Find(table, "9.255.255.255"), ElementsAre("world"));
  EXPECT_THAT(Find(table, "2001:db8:1::1"), ElementsAre("campus"));
  EXPECT_THAT(Find(table, "2001:db8:2::1"), ElementsAre("isp"));
  EXPECT_THAT(Find(table, "2001:db9::"), IsEmpty());
}

TEST(NetworkTableTest, AllOfTheQueryMustBeInside) {
  const NetworkTable table =
      Table({{"10.0.0.0/8", "isp"}, {"10.1.2.0/24", "lab"}, {"192.0.2.0/24", "docs"}});
  EXPECT_THAT(Find(table, "10.1.2.0/24"), ElementsAre("lab"));
  EXPECT_THAT(Find(table, "10.1.2.128/25"), ElementsAre("lab"));
  EXPECT_THAT(Find(table, "10.1.2.255-10.1.3.0"), ElementsAre("isp"));
  EXPECT_THAT(Find(table, "10.1.2.0/23"), ElementsAre("isp"));
  EXPECT_THAT(Find(table, "192.0.0.0/16"), IsEmpty());
  EXPECT_THAT(Find(table, "0.0.0.0/0"), IsEmpty());
  EXPECT_THAT(Find(table, "9.255.255.255-10.0.0.0"), IsEmpty());
}

TEST(NetworkTableTest, GroupsOfEquallyNarrowNetworksAllAnswer) {
  const NetworkTable table = Table({{"10.0.0.0/24", "b"},
                                    {"10.0.0.0/24", "a"},
                                    {"10.0.0.0/24", "a"},
                                    {"10.0.0.0/8", "wide"},
                                    {"10.0.0.128-10.0.1.127", "c"},
                                    {"10.0.0.128-10.0.1.127", "a"}});
  EXPECT_EQ(table.size(), 3);
  EXPECT_THAT(Find(table, "10.0.0.1"), ElementsAre("a", "b"));
  EXPECT_THAT(Find(table, "10.0.0.200"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Find(table, "10.0.1.1"), ElementsAre("a", "c"));
}

TEST(NetworkTableTest, OverlappingRangesAnswerByTheirWidth) {
  const NetworkTable table =
      Table({{"10.0.0.0-10.0.0.99", "left"}, {"10.0.0.50-10.0.0.110", "right"}});
  EXPECT_THAT(Find(table, "10.0.0.49"), ElementsAre("left"));
  EXPECT_THAT(Find(table, "10.0.0.50"), ElementsAre("right"));
  EXPECT_THAT(Find(table, "10.0.0.40-10.0.0.60"), ElementsAre("left"));
  EXPECT_THAT(Find(table, "10.0.0.60-10.0.0.105"), ElementsAre("right"));
  EXPECT_THAT(Find(table, "10.0.0.40-10.0.0.105"), IsEmpty());
}

TEST(NetworkTableTest, FamiliesDoNotMix) {
  const NetworkTable table = Table({{"0.0.0.0/0", "four"}, {"::/96", "six"}});
  EXPECT_THAT(Find(table, "0.0.0.1"), ElementsAre("four"));
  EXPECT_THAT(Find(table, "::1"), ElementsAre("six"));
}

TEST(NetworkTableTest, TheEndsOfTheAddressSpaceAreReached) {
  const NetworkTable table = Table({{"255.255.255.255", "last4"},
                                    {"0.0.0.0", "first4"},
                                    {"::/0", "all6"},
                                    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "last6"}});
  EXPECT_THAT(Find(table, "255.255.255.255"), ElementsAre("last4"));
  EXPECT_THAT(Find(table, "0.0.0.0"), ElementsAre("first4"));
  EXPECT_THAT(Find(table, "::/0"), ElementsAre("all6"));
  EXPECT_THAT(Find(table, "::"), ElementsAre("all6"));
  EXPECT_THAT(Find(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ElementsAre("last6"));
}

TEST(NetworkTableTest, ResultsAreAppended) {
  const NetworkTable table = Table({{"10.0.0.0/8", "isp"}});
  std::vector<uint32_t> found = {7};
  table.Find(Range("10.0.0.1"), &found);
  EXPECT_THAT(found, ElementsAre(7, 0));
}

// The definition, said plainly.
std::vector<std::string> FindNaively(const std::vector<store::GroupNetwork>& networks,
                                     const idea::AddressRange& query) {
  absl::uint128 width = absl::Uint128Max();
  for (const store::GroupNetwork& network : networks) {
    if (network.range.Contains(query))
      width = std::min(width, network.range.last - network.range.first);
  }
  std::set<std::string> groups;
  for (const store::GroupNetwork& network : networks) {
    if (network.range.Contains(query) && network.range.last - network.range.first == width) {
      groups.insert(network.group);
    }
  }
  return {groups.begin(), groups.end()};
}

// Random ranges in a small space, so that they nest, touch, overlap and coincide.
class RandomRanges {
 public:
  explicit RandomRanges(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  idea::AddressRange Next() {
    constexpr uint64_t kSpace = 4096;
    const bool six = Below(3) == 0;
    const absl::uint128 base =
        six ? absl::MakeUint128(0x20010db800000000, 0) : absl::uint128(0xC0000000);
    uint64_t first = Below(kSpace);
    uint64_t last = first;
    if (Below(2) == 0) {  // a prefix
      const uint64_t size = uint64_t{1} << Below(13);
      first -= first % size;
      last = first + size - 1;
    } else if (Below(3) > 0) {
      last = Below(kSpace);
      if (last < first) std::swap(first, last);
    }
    return {.family = six ? idea::Family::kIp6 : idea::Family::kIp4,
            .first = base + first,
            .last = base + last};
  }

 private:
  std::mt19937_64 random_;
};

TEST(NetworkTableTest, AgreesWithALinearSearch) {
  constexpr uint64_t kSeed = 20260104;
  RandomRanges ranges(kSeed);
  int hits = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<store::GroupNetwork> networks;
    const uint64_t size = ranges.Below(round % 10 == 0 ? 400 : 40);
    for (uint64_t i = 0; i < size; ++i) {
      networks.push_back({ranges.Next(), absl::StrCat("group", ranges.Below(20))});
    }
    const NetworkTable table(networks);
    for (int i = 0; i < 500; ++i) {
      const idea::AddressRange query = ranges.Next();
      const std::vector<std::string> expected = FindNaively(networks, query);
      ASSERT_EQ(Find(table, query), expected)
          << "seed " << kSeed << ", round " << round << ", query " << idea::Print(query);
      hits += !expected.empty();
    }
  }
  EXPECT_GT(hits, 10'000);
}

}  // namespace
}  // namespace mentat::enricher
