#include "common/filter/number.h"

#include <cmath>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kSecond = 1'000'000;

Value Int(int64_t value) { return Value::Integer(value); }
Value Big(std::string_view digits) { return Value::IntegerFromDigits(digits); }
std::string Plus(const Value& a, const Value& b) {
  return ToJson(Arithmetic(Operator::kPlus, a, b));
}
std::string Minus(const Value& a, const Value& b) {
  return ToJson(Arithmetic(Operator::kMinus, a, b));
}
std::string Times(const Value& a, const Value& b) {
  return ToJson(Arithmetic(Operator::kTimes, a, b));
}
std::string By(const Value& a, const Value& b) {
  return ToJson(Arithmetic(Operator::kDivide, a, b));
}
std::string Modulo(const Value& a, const Value& b) {
  return ToJson(Arithmetic(Operator::kModulo, a, b));
}

TEST(NumberTest, WholeNumbersHaveNoBounds) {
  EXPECT_EQ(Plus(Int(kMax), Int(1)), "9223372036854775808");
  EXPECT_EQ(Minus(Int(kMin), Int(1)), "-9223372036854775809");
  EXPECT_EQ(Times(Int(kMax), Int(kMax)), "85070591730234615847396907784232501249");
  EXPECT_EQ(Minus(Big("9223372036854775808"), Int(1)), "9223372036854775807");
  EXPECT_EQ(Modulo(Big("100000000000000000000"), Int(-7)), "-5");
  EXPECT_EQ(By(Big("100000000000000000000"), Int(10)), "1e+19");
}

TEST(NumberTest, DivisionIsExactOrNothing) {
  EXPECT_EQ(By(Int(7), Int(2)), "3.5");
  EXPECT_EQ(By(Int(6), Int(2)), "3.0");
  EXPECT_EQ(By(Int(7), Int(0)), "null");
  EXPECT_EQ(By(Value::Float(7), Value::Float(0)), "null");
  EXPECT_EQ(Modulo(Int(7), Int(0)), "null");
}

TEST(NumberTest, ModuloHasTheSignOfTheDivisor) {
  EXPECT_EQ(Modulo(Int(7), Int(4)), "3");
  EXPECT_EQ(Modulo(Int(-7), Int(4)), "1");
  EXPECT_EQ(Modulo(Int(7), Int(-4)), "-1");
  EXPECT_EQ(Modulo(Int(kMin), Int(-1)), "0");
  EXPECT_EQ(Modulo(Value::Float(-7.5), Value::Float(2)), "0.5");
  EXPECT_EQ(Modulo(Value::Float(7.5), Value::Float(-2)), "-0.5");
}

TEST(NumberTest, OtherItemsBecomeFloatsOrNothing) {
  EXPECT_EQ(Plus(Value::Text(" 5 "), Int(1)), "6.0");
  EXPECT_EQ(Plus(Value::Text("x"), Int(1)), "null");
  EXPECT_EQ(Plus(Value(), Int(1)), "null");
  EXPECT_EQ(Plus(Value::Boolean(true), Int(1)), "2");
  EXPECT_EQ(Plus(Value::List({Int(1), Value::Text("x")}), Int(1)), "null");
}

TEST(NumberTest, ListsGoItemByItem) {
  const Value two = Value::List({Int(1), Int(2)});
  EXPECT_EQ(Plus(two, Int(10)), "[11,12]");
  EXPECT_EQ(Minus(Int(10), two), "[9,8]");
  EXPECT_EQ(Times(two, two), "[1,4]");
  EXPECT_EQ(Plus(two, Value::List({Int(1), Int(2), Int(3)})), "null");
  EXPECT_EQ(Plus(Value::List({Int(1)}), Value::List({Int(2)})), "3");
  EXPECT_EQ(Plus(Value::List({}), Int(1)), "null");
}

TEST(NumberTest, TimesAndDurations) {
  const Value noon = Value::Datetime(43'200 * kSecond);
  const Value hour = Value::Timedelta(3600 * kSecond);
  EXPECT_EQ(Plus(noon, hour), R"({"datetime":"1970-01-01T13:00:00.000000Z"})");
  EXPECT_EQ(Plus(hour, noon), R"({"datetime":"1970-01-01T13:00:00.000000Z"})");
  EXPECT_EQ(Minus(noon, hour), R"({"datetime":"1970-01-01T11:00:00.000000Z"})");
  EXPECT_EQ(Minus(noon, noon), R"({"timedelta":0})");
  EXPECT_EQ(Plus(noon, noon), "null");
  EXPECT_EQ(Minus(hour, noon), "null");
  EXPECT_EQ(Plus(noon, Int(1)), "null");
  EXPECT_EQ(Plus(hour, Int(1)), "null");
  EXPECT_EQ(Times(hour, Int(2)), R"({"timedelta":7200})");
  EXPECT_EQ(Times(Value::Float(0.5), hour), R"({"timedelta":1800})");
  EXPECT_EQ(By(hour, Int(2)), R"({"timedelta":1800})");
  EXPECT_EQ(By(hour, hour), "1.0");
  EXPECT_EQ(By(Value::Timedelta(3), Int(2)), R"({"timedelta":2e-06})");
  EXPECT_EQ(By(Value::Timedelta(1), Int(2)), R"({"timedelta":0})");
  EXPECT_EQ(By(Value::Timedelta(-3), Int(2)), R"({"timedelta":-2e-06})");
  EXPECT_EQ(By(Int(1), hour), "null");
  EXPECT_EQ(Modulo(hour, Value::Timedelta(7 * kSecond)), R"({"timedelta":2})");
  EXPECT_EQ(Modulo(Value::Timedelta(-kSecond), hour), R"({"timedelta":3599})");
  EXPECT_EQ(Plus(noon, Value::Timedelta(kMax)), "null");
  EXPECT_EQ(Times(Value::Timedelta(kMax), Int(2)), "null");
}

TEST(NumberTest, ComparesExactly) {
  const auto compare = [](const Value& a, const Value& b) { return CompareNumbers(a, b); };
  EXPECT_TRUE(compare(Int(9007199254740993), Value::Float(9007199254740992.0)) > 0);
  EXPECT_TRUE(compare(Value::Float(9007199254740992.0), Int(9007199254740993)) < 0);
  EXPECT_TRUE(compare(Int(kMax), Value::Float(9223372036854775808.0)) < 0);
  EXPECT_TRUE(compare(Big("9223372036854775808"), Value::Float(9223372036854775808.0)) == 0);
  EXPECT_TRUE(compare(Big("-9223372036854775809"), Int(kMin)) < 0);
  EXPECT_TRUE(compare(Big("1" + std::string(400, '0')), Value::Float(HUGE_VAL)) < 0);
  EXPECT_TRUE(compare(Value::Boolean(true), Value::Float(1)) == 0);
  EXPECT_TRUE(compare(Int(1), Value::Float(std::nan(""))) == std::partial_ordering::unordered);
}

TEST(NumberTest, ReadsFloatsAsPython) {
  EXPECT_EQ(ParseFloat(" 1_000.5 "), 1000.5);
  EXPECT_EQ(ParseFloat("+5"), 5);
  EXPECT_EQ(ParseFloat("-.5"), -0.5);
  EXPECT_EQ(ParseFloat("5."), 5);
  EXPECT_EQ(ParseFloat("1E3"), 1000);
  EXPECT_EQ(ParseFloat("-Infinity"), -HUGE_VAL);
  EXPECT_EQ(ParseFloat("1e999"), HUGE_VAL);
  EXPECT_TRUE(std::isnan(ParseFloat("NaN").value()));
  for (const std::string_view text :
       {"", " ", "x", "1x", "0x10", "+-5", "_1", "1__0", "e5", "--1"}) {
    EXPECT_EQ(ParseFloat(text), std::nullopt) << text;
  }
}

TEST(NumberTest, WholeNumbersHaveABound) {
  const Value large = Value::IntegerFromDigits(std::string(4300, '9'));
  EXPECT_FALSE(Arithmetic(Operator::kMinus, large, Value::Integer(1)).IsNothing());
  EXPECT_TRUE(Arithmetic(Operator::kPlus, large, Value::Integer(1)).IsNothing());
  EXPECT_TRUE(Arithmetic(Operator::kTimes, large, large).IsNothing());
  const Value negative = Value::IntegerFromDigits("-" + std::string(4300, '9'));
  EXPECT_FALSE(Arithmetic(Operator::kPlus, negative, Value::Integer(1)).IsNothing());
  EXPECT_TRUE(Arithmetic(Operator::kMinus, negative, Value::Integer(1)).IsNothing());
}

}  // namespace
}  // namespace mentat::filter
