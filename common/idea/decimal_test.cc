#include "common/idea/decimal.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

struct Case {
  std::string literal;
  int scale;
  int64_t value;
  bool exact = true;
};

TEST(DecimalTest, IsTheNumberCutTowardsZero) {
  for (const auto& [literal, scale, value, exact] :
       {Case{"0", 0, 0},
        {"-0", 0, 0},
        {"-0.0e-0", 6, 0},
        {"22", 0, 22},
        {"22.0", 0, 22},
        {"22.5", 0, 22, false},
        {"-22.5", 0, -22, false},
        {"22.5", 1, 225},
        {"1e3", 0, 1000},
        {"1E+3", 0, 1000},
        {"10e-1", 0, 1},
        {"1e-1", 0, 0, false},
        {"12.345e2", 0, 1234, false},
        {"12.345e3", 0, 12345},
        {"0.00000000000000000000001e23", 0, 1},
        {"100000000000000000000e-20", 0, 1},
        {"22.00000000000000000000001", 0, 22, false},
        {"0.99999999999999999999999", 6, 999'999, false},
        {"99999999999999999999e-20", 6, 999'999, false},
        // What doubles cannot tell from its neighbours.
        {"9007199254740993.0", 0, 9'007'199'254'740'993},
        {"9007199254740993e0", 0, 9'007'199'254'740'993},
        {"4503599627370496.3", 0, 4'503'599'627'370'496, false},
        {"1e18", 0, 1'000'000'000'000'000'000},
        {"1709653942123456.9e-6", 6, 1'709'653'942'123'456, false},
        // The ends.
        {"9223372036854775807", 0, kMax},
        {"9223372036854775807.9", 0, kMax, false},
        {"-9223372036854775808", 0, kMin},
        {"-922337203685477580.8e1", 0, kMin},
        {"9223372036854.775807", 6, kMax},
        // Exponents beyond all numbers.
        {"0e99999999999999999999", 0, 0},
        {"0.000E+9223372036854775807", 6, 0},
        {"1e-99999999999999999999", 0, 0, false},
        {"1e-9223372036854775808", 0, 0, false},
        {"0." + std::string(100'000, '0') + "1e100001", 0, 1},
        {"1" + std::string(100'000, '0') + "e-100000", 0, 1}}) {
    const std::optional<ScaledDecimal> decimal = ReadDecimal(literal, scale);
    ASSERT_TRUE(decimal.has_value()) << literal.substr(0, 60);
    EXPECT_EQ(decimal->value, value) << literal.substr(0, 60);
    EXPECT_EQ(decimal->exact, exact) << literal.substr(0, 60);
  }
}

TEST(DecimalTest, IsNothingBeyond64Bits) {
  for (const std::string& literal :
       {std::string("9223372036854775808"), std::string("-9223372036854775809"),
        std::string("9.223372036854775808e18"), std::string("1e19"), std::string("-1e400"),
        std::string("1e99999999999999999999"), std::string("1e9223372036854775807"),
        std::string(100'000, '9')}) {
    EXPECT_FALSE(ReadDecimal(literal, 0).has_value()) << literal.substr(0, 60);
  }
  EXPECT_FALSE(ReadDecimal("9223372036854.775808", 6).has_value());
}

}  // namespace
}  // namespace mentat::idea
