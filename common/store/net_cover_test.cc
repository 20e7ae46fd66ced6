#include "common/store/net_cover.h"

#include <random>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

using idea::AddressRange;

std::vector<AddressRange> Ranges(std::initializer_list<std::string_view> texts) {
  std::vector<AddressRange> ranges;
  for (std::string_view text : texts) ranges.push_back(*idea::ParseAddressRange(text));
  return ranges;
}

std::string Print(const std::vector<AddressRange>& ranges) {
  std::string text;
  for (const AddressRange& range : ranges) text += (text.empty() ? "" : " ") + idea::Print(range);
  return text;
}

TEST(CoverTest, SortsAndJoins) {
  EXPECT_EQ(Print(Cover({}, 10)), "");
  EXPECT_EQ(Print(Cover(Ranges({"192.0.2.7"}), 10)), "192.0.2.7");
  EXPECT_EQ(
      Print(Cover(Ranges({"2001:db8::1", "192.0.2.128/25", "192.0.2.0/25", "192.0.2.3"}), 10)),
      "192.0.2.0/24 2001:db8::1");
  // The last address of a family has no successor.
  EXPECT_EQ(Print(Cover(Ranges({"255.255.255.255", "255.255.255.0/24", "::"}), 10)),
            "255.255.255.0/24 ::");
}

TEST(CoverTest, FillsTheSmallestGaps) {
  const auto ranges = Ranges({"10.0.0.1", "10.0.0.3", "10.0.0.9", "10.9.0.0", "2001:db8::1"});
  EXPECT_EQ(Print(Cover(ranges, 4)), "10.0.0.1-10.0.0.3 10.0.0.9 10.9.0.0 2001:db8::1");
  EXPECT_EQ(Print(Cover(ranges, 3)), "10.0.0.1-10.0.0.9 10.9.0.0 2001:db8::1");
  EXPECT_EQ(Print(Cover(ranges, 2)), "10.0.0.1-10.9.0.0 2001:db8::1");
}

TEST(CoverTest, ContainsAllWithinTheBound) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<AddressRange> ranges(random() % 40);
    for (AddressRange& range : ranges) {
      range.family = random() % 4 ? idea::Family::kIp4 : idea::Family::kIp6;
      range.first = random() % 200;
      range.last = range.first + random() % 3;
    }
    const size_t most = 2 + random() % 10;
    const std::vector<AddressRange> cover = Cover(ranges, most);
    EXPECT_LE(cover.size(), most);
    for (const AddressRange& range : ranges) {
      EXPECT_TRUE(std::any_of(cover.begin(), cover.end(),
                              [&](const AddressRange& c) { return c.Contains(range); }));
    }
    for (size_t i = 1; i < cover.size(); ++i) EXPECT_FALSE(cover[i - 1].Overlaps(cover[i]));
  }
}

}  // namespace
}  // namespace mentat::store
