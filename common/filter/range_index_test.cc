#include "common/filter/range_index.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using idea::AddressRange;
using idea::Family;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

std::vector<uint32_t> Find(const RangeIndex& index, const AddressRange& range) {
  std::vector<uint32_t> found;
  index.Find(range, [&](uint32_t number) { found.push_back(number); });
  return found;
}

TEST(RangeIndexTest, FindsAllThatContain) {
  const RangeIndex index({{{Family::kIp4, 0, 100}, 1},
                          {{Family::kIp4, 10, 20}, 2},
                          {{Family::kIp4, 15, 15}, 3},
                          {{Family::kIp6, 0, 100}, 4},
                          {{Family::kIp4, 10, 20}, 5}});
  EXPECT_THAT(Find(index, {Family::kIp4, 15, 15}), UnorderedElementsAre(1, 2, 3, 5));
  EXPECT_THAT(Find(index, {Family::kIp4, 15, 21}), UnorderedElementsAre(1));
  EXPECT_THAT(Find(index, {Family::kIp6, 15, 15}), UnorderedElementsAre(4));
  EXPECT_THAT(Find(index, {Family::kIp4, 100, 101}), IsEmpty());
  EXPECT_THAT(Find(RangeIndex(), {Family::kIp4, 0, 0}), IsEmpty());
}

TEST(RangeIndexTest, AgreesWithComparingOneByOne) {
  std::mt19937 random(20240305);
  const auto any_range = [&random] {
    const uint32_t first = random() % 60;
    return AddressRange{random() % 4 == 0 ? Family::kIp6 : Family::kIp4, first,
                        first + random() % (random() % 2 == 0 ? 4 : 40)};
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<RangeIndex::Entry> entries(random() % 40);
    for (uint32_t i = 0; i < entries.size(); ++i) entries[i] = {any_range(), i};
    const RangeIndex index(entries);
    for (int query = 0; query < 20; ++query) {
      const AddressRange range = any_range();
      std::vector<uint32_t> expected;
      for (const RangeIndex::Entry& entry : entries) {
        if (entry.range.Contains(range)) expected.push_back(entry.number);
      }
      ASSERT_THAT(Find(index, range), UnorderedElementsAreArray(expected));
    }
  }
}

}  // namespace
}  // namespace mentat::filter
