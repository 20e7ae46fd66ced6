// The texts of times, durations, addresses and paths: what is read is printed in one way only.
#include <cstdint>
#include <string>
#include <string_view>

#include "common/idea/address.h"
#include "common/idea/jpath.h"
#include "common/idea/time.h"
#include "tests/fuzz/require.h"

namespace idea = mentat::idea;
using mentat::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto time = idea::ParseTimestamp(text); time.ok()) {
    Require(idea::IsTimestamp(*time), "a time is in the years 1 to 9999");
    const auto again = idea::ParseTimestamp(idea::FormatTimestamp(*time));
    Require(again.ok() && *again == *time, "a time is kept");
  }
  if (const auto duration = idea::ParseDuration(text); duration.ok()) {
    Require(*duration >= 0, "a duration is not negative");
    const auto again = idea::ParseDuration(idea::FormatDuration(*duration));
    Require(again.ok() && *again == *duration, "a duration is kept");
  }
  const auto net4 = idea::ParseNet4(text);
  const auto net6 = idea::ParseNet6(text);
  Require(!net4.ok() || !net6.ok(), "an address has one family");
  if (net4.ok()) {
    const std::string printed = idea::Print(*net4);
    const auto again = idea::ParseNet4(printed);
    Require(again.ok() && idea::Print(*again) == printed, "an IPv4 address is kept", printed);
  }
  if (net6.ok()) {
    const std::string printed = idea::Print(*net6);
    const auto again = idea::ParseNet6(printed);
    Require(again.ok() && idea::Print(*again) == printed, "an IPv6 address is kept", printed);
  }
  const auto range = idea::ParseAddressRange(text);
  Require(range.ok() == (net4.ok() || net6.ok()), "a range is an address of either family");
  if (range.ok()) {
    Require(range->first <= range->last, "a range is in order");
    const auto again = idea::ParseAddressRange(idea::Print(*range));
    Require(again.ok() && *again == *range, "a range is kept", idea::Print(*range));
  }
  if (const auto path = idea::Path::Parse(text); path.ok()) {
    Require(!path->chunks().empty(), "a path leads somewhere");
  }
  return 0;
}
