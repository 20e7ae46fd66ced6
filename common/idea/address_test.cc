#include "common/idea/address.h"

#include <random>
#include <string>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

using std::string_literals::operator""s;

AddressRange Range(std::string_view text) {
  const auto range = ParseAddressRange(text);
  EXPECT_THAT(range, IsOk()) << text;
  return range.ok() ? *range : AddressRange{};
}

TEST(Net4Test, ReadsAndPrintsEveryForm) {
  for (const auto& [text, canonical] : {
           std::pair{"192.0.2.1", "192.0.2.1"},
           {"0.0.0.0", "0.0.0.0"},
           {"255.255.255.255", "255.255.255.255"},
           {"1.2.3.77/24", "1.2.3.77/24"},
           {"0.0.0.0/0", "0.0.0.0/0"},
           {"1.2.3.4/32", "1.2.3.4/32"},
           {"1.2.3.4-1.2.3.9", "1.2.3.4-1.2.3.9"},
           {"1.2.3.9-1.2.3.4", "1.2.3.4-1.2.3.9"},
           {"1.2.3.4-1.2.3.4", "1.2.3.4-1.2.3.4"},
       }) {
    const auto net = ParseNet4(text);
    ASSERT_THAT(net, IsOk()) << text;
    EXPECT_EQ(Print(*net), canonical);
    EXPECT_EQ(Print(*ParseNet4(canonical)), canonical);
  }
}

TEST(Net4Test, RefusesOtherTexts) {
  for (const std::string& text : {
           ""s,
           "1.2.3"s,
           "1.2.3.4.5"s,
           "1.2.3.4."s,
           ".1.2.3.4"s,
           "1..2.3"s,
           "1.2.3.256"s,
           "1.2.3.-1"s,
           "01.2.3.4"s,
           "1.2.3.004"s,
           "1.2.3.0x4"s,
           " 1.2.3.4"s,
           "1.2.3.4 "s,
           "1.2.3.4\n"s,
           "1.2.3.4\0"s,
           "1.2.3.4/"s,
           "1.2.3.4/33"s,
           "1.2.3.4/-1"s,
           "1.2.3.4/08"s,
           "1.2.3.4/+8"s,
           "1.2.3.4/8/8"s,
           "1.2.3.4/4294967296"s,
           "1.2.3.4/255.255.255.0"s,
           "1.2.3.4..1.2.3.9"s,
           "1.2.3.4-"s,
           "-1.2.3.4"s,
           "1.2.3.4 - 1.2.3.9"s,
           "1.2.3.4-1.2.3.9-1.2.3.10"s,
           "1.2.3.4-1.2.3.9/24"s,
           "1.2.3.4/24-1.2.3.9"s,
           "16909060"s,
           "::1"s,
           "\xd9\xa1.2.3.4"s,
           std::string(100'000, '1'),
       }) {
    EXPECT_THAT(ParseNet4(text), StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
        << text.substr(0, 80);
  }
}

TEST(Net6Test, ReadsAndPrintsEveryForm) {
  for (const auto& [text, canonical] : {
           std::pair{"::", "::"},
           {"2001:DB8:0::1", "2001:db8::1"},
           {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
           {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
           {"2001:db8::1/64", "2001:db8::1/64"},
           {"::/0", "::/0"},
           {"::1/128", "::1/128"},
           {"2001:db8::9-2001:db8::4", "2001:db8::4-2001:db8::9"},
           {"::1-ffff::", "::1-ffff::"},
       }) {
    const auto net = ParseNet6(text);
    ASSERT_THAT(net, IsOk()) << text;
    EXPECT_EQ(Print(*net), canonical);
    EXPECT_EQ(Print(*ParseNet6(canonical)), canonical);
  }
}

TEST(Net6Test, RefusesOtherTexts) {
  for (const std::string& text : {
           ""s,
           ":"s,
           ":::"s,
           "1::2::3"s,
           "1:2:3:4:5:6:7"s,
           "1:2:3:4:5:6:7:8:9"s,
           "12345::"s,
           "g::"s,
           "::1.2.3"s,
           "::01.2.3.4"s,
           "::1%eth0"s,
           "fe80::1%1"s,
           "[::1]"s,
           " ::1"s,
           "::1 "s,
           "::1\n"s,
           "::1\0"s,
           "::1\0/64"s,
           "::1/129"s,
           "::1/"s,
           "::1/064"s,
           "::1-"s,
           "::1-1.2.3.4"s,
           "1.2.3.4"s,
           std::string(100'000, ':'),
       }) {
    EXPECT_THAT(ParseNet6(text), StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
        << text.substr(0, 80);
  }
}

TEST(AddressRangeTest, NetworksCoverTheWholeOfThem) {
  EXPECT_EQ(Range("1.2.3.77/24"), Range("1.2.3.0-1.2.3.255"));
  EXPECT_EQ(Range("1.2.3.77/0"), Range("0.0.0.0-255.255.255.255"));
  EXPECT_EQ(Range("1.2.3.77/32"), Range("1.2.3.77"));
  EXPECT_EQ(Range("2001:db8::77/64"), Range("2001:db8::-2001:db8::ffff:ffff:ffff:ffff"));
  EXPECT_EQ(Range("2001:db8::77/0"), Range("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(Range("2001:db8::77/63"), Range("2001:db8::-2001:db8:0:1:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(Range("::1/128"), Range("::1"));
}

TEST(AddressRangeTest, ContainsAndOverlaps) {
  EXPECT_TRUE(Range("10.0.0.0/8").Contains(Range("10.255.255.255")));
  EXPECT_TRUE(Range("10.0.0.0/8").Contains(Range("10.0.0.0/8")));
  EXPECT_FALSE(Range("10.0.0.0/9").Contains(Range("10.0.0.0/8")));
  EXPECT_TRUE(Range("10.0.0.0/9").Overlaps(Range("10.0.0.0/8")));
  EXPECT_FALSE(Range("10.0.0.0/9").Overlaps(Range("10.128.0.0/9")));
  EXPECT_FALSE(Range("::/0").Contains(Range("10.0.0.1")));
  EXPECT_FALSE(Range("::a00:1").Overlaps(Range("10.0.0.1")));
  EXPECT_TRUE(Range("10.0.0.1").IsSingle());
  EXPECT_FALSE(Range("10.0.0.0/31").IsSingle());
}

TEST(AddressRangeTest, PrintsTheShortestForm) {
  for (const auto& [text, canonical] : {
           std::pair{"1.2.3.4/32", "1.2.3.4"},
           {"1.2.3.4-1.2.3.4", "1.2.3.4"},
           {"1.2.3.77/24", "1.2.3.0/24"},
           {"1.2.3.0-1.2.3.255", "1.2.3.0/24"},
           {"1.2.3.1-1.2.4.0", "1.2.3.1-1.2.4.0"},
           {"1.2.3.255-1.2.4.0", "1.2.3.255-1.2.4.0"},
           {"1.2.3.1-1.2.3.2", "1.2.3.1-1.2.3.2"},
           {"1.2.3.2-1.2.3.3", "1.2.3.2/31"},
           {"0.0.0.0-255.255.255.255", "0.0.0.0/0"},
           {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
           {"2001:db8::1/64", "2001:db8::/64"},
           {"2001:db8::-2001:db8:0:2:ffff:ffff:ffff:ffff",
            "2001:db8::-2001:db8:0:2:ffff:ffff:ffff:ffff"},
       }) {
    EXPECT_EQ(Print(Range(text)), canonical) << text;
    EXPECT_EQ(Range(canonical), Range(text)) << text;
  }
}

TEST(AddressRangeTest, IsReadBackAsItWasPrinted) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 10'000; ++i) {
    AddressRange range;
    range.family = i % 2 == 0 ? Family::kIp4 : Family::kIp6;
    const uint64_t zeros = random() & random() & random();
    range.first = range.family == Family::kIp4 ? absl::uint128(random() & 0xffffffff)
                                               : absl::MakeUint128(random() & zeros, random());
    const absl::uint128 max =
        range.family == Family::kIp4 ? absl::uint128(0xffffffff) : absl::Uint128Max();
    range.last = range.first | ((absl::uint128(1) << (random() % 32)) - 1);
    ASSERT_LE(range.last, max);
    ASSERT_EQ(Range(Print(range)), range) << Print(range);
  }
}

TEST(AddressRangeTest, RefusesOtherTexts) {
  EXPECT_THAT(ParseAddressRange("example.org"),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("IPv4 or IPv6")));
  EXPECT_THAT(ParseAddressRange("1.2.3.4-::1"),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::_));
}

}  // namespace
}  // namespace mentat::idea
