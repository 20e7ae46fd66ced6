#include "common/idea/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
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
           {"::1.2.3.4", "::102:304"},
           {"::1:0", "::1:0"},
           {"::ffff", "::ffff"},
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

TEST(Net4Test, PrefixesAreFrom0To32) {
  for (int prefix = 0; prefix < 1000; ++prefix) {
    const std::string text = "192.0.2.77/" + std::to_string(prefix);
    const auto net = ParseNet4(text);
    ASSERT_EQ(net.ok(), prefix <= 32) << text;
    EXPECT_FALSE(ParseNet4("192.0.2.77/0" + std::to_string(prefix)).ok());
    if (!net.ok()) continue;
    EXPECT_EQ(Print(*net), text);
    EXPECT_EQ(Bounds(*net).last - Bounds(*net).first + 1, absl::uint128(1) << (32 - prefix));
  }
}

TEST(Net6Test, PrefixesAreFrom0To128) {
  for (int prefix = 0; prefix < 1000; ++prefix) {
    const std::string text = "2001:db8::77/" + std::to_string(prefix);
    const auto net = ParseNet6(text);
    ASSERT_EQ(net.ok(), prefix <= 128) << text;
    EXPECT_FALSE(ParseNet6("2001:db8::77/0" + std::to_string(prefix)).ok());
    if (!net.ok()) continue;
    EXPECT_EQ(Print(*net), text);
    const absl::uint128 free = Bounds(*net).last ^ Bounds(*net).first;
    EXPECT_EQ(free, prefix == 0     ? absl::Uint128Max()
                    : prefix == 128 ? absl::uint128(0)
                                    : (absl::uint128(1) << (128 - prefix)) - 1);
  }
}

// The forms of one address, and those that are none, by the system's verdict.
TEST(AddressTest, TextsAreAddressesAsTheSystemSays) {
  std::mt19937_64 random(6);
  constexpr std::string_view kPieces[] = {"0",  "1", "255",  "256", "01", "ffff", "0db8", "10000",
                                          "::", ":", ".",    ".",   ":",  ":",    "a",    "G",
                                          "9",  "",  "1.2.", "3.4", "ff", "-0"};
  int accepted4 = 0;
  int accepted6 = 0;
  for (int i = 0; i < 400'000; ++i) {
    std::string text;
    if (i % 2 == 0) {
      for (size_t pieces = 1 + random() % 9; pieces > 0; --pieces) {
        text += kPieces[random() % std::size(kPieces)];
      }
    } else {
      // Nearly right: one piece of an address changed.
      static const std::string kSeeds[] = {
          "192.0.2.1",   "10.20.30.255",     "2001:db8:1:2:3:4:5:6",
          "2001:db8::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7::"};
      text = kSeeds[random() % std::size(kSeeds)];
      text.replace(random() % text.size(), random() % 3, kPieces[random() % std::size(kPieces)]);
    }
    // A hyphen or a slash would make a range or a network of it.
    if (text.find('-') != std::string::npos) continue;
    in_addr ip4;
    in6_addr ip6;
    const bool is_ip4 = inet_pton(AF_INET, text.c_str(), &ip4) == 1;
    const bool is_ip6 = inet_pton(AF_INET6, text.c_str(), &ip6) == 1;
    accepted4 += is_ip4 ? 1 : 0;
    accepted6 += is_ip6 ? 1 : 0;
    const auto net4 = ParseNet4(text);
    const auto net6 = ParseNet6(text);
    ASSERT_EQ(net4.ok(), is_ip4) << text;
    ASSERT_EQ(net6.ok(), is_ip6) << text;
    if (is_ip4) {
      ASSERT_EQ(net4->address(), ntohl(ip4.s_addr)) << text;
    }
    if (is_ip6) {
      absl::uint128 expected = 0;
      for (const uint8_t byte : ip6.s6_addr) expected = expected << 8 | byte;
      ASSERT_EQ(Bounds(*net6).first, expected) << text;
    }
  }
  EXPECT_GT(accepted4, 500);
  EXPECT_GT(accepted6, 500);
}

// RFC 5952, section 4: lower case, no leading zeros, the longest run of zeros once, the first of
// equally long ones, never a single one.
TEST(AddressTest, Ip6IsPrintedInOneWay) {
  for (const auto& [text, canonical] : {
           std::pair{"2001:0DB8:0:0:0:0:0:1", "2001:db8::1"},
           {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
           {"0:0:0:0:0:0:0:0", "::"},
           {"0:0:0:0:0:0:0:1", "::1"},
           {"1:0:0:0:0:0:0:0", "1::"},
           {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
           {"::ffff:c000:201", "::ffff:192.0.2.1"},
           {"::FFFF:0.0.0.0", "::ffff:0.0.0.0"},
           {"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
           {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
       }) {
    const auto net = ParseNet6(text);
    ASSERT_THAT(net, IsOk()) << text;
    EXPECT_EQ(Print(*net), canonical) << text;
  }
}

TEST(AddressTest, MappedAddressesAreIp6) {
  EXPECT_FALSE(Range("::ffff:192.0.2.1").Overlaps(Range("192.0.2.1")));
  EXPECT_EQ(Range("::ffff:192.0.2.1").family, Family::kIp6);
  EXPECT_EQ(Range("::ffff:0:0/96"), Range("::ffff:0.0.0.0-::ffff:255.255.255.255"));
}

TEST(AddressRangeTest, ReversedRangesArePutRight) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 5000; ++i) {
    const Family family = i % 2 == 0 ? Family::kIp4 : Family::kIp6;
    const auto any = [&] {
      return family == Family::kIp4 ? absl::uint128(random() & 0xffffffff)
                                    : absl::MakeUint128(random(), random());
    };
    const absl::uint128 one = any();
    const absl::uint128 two = any();
    const AddressRange range = Range(PrintAddress(family, one) + "-" + PrintAddress(family, two));
    ASSERT_EQ(range.first, std::min(one, two));
    ASSERT_EQ(range.last, std::max(one, two));
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
