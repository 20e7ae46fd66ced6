#include "common/filter/value.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

Address Ip(std::string text) { return {idea::ParseAddressRange(text).value(), std::move(text)}; }

TEST(ValueTest, OnlyEmptyAndZeroValuesAreFalse) {
  EXPECT_FALSE(Value().Truth());
  EXPECT_FALSE(Value::Boolean(false).Truth());
  EXPECT_FALSE(Value::Integer(0).Truth());
  EXPECT_FALSE(Value::Float(-0.0).Truth());
  EXPECT_FALSE(Value::Text("").Truth());
  EXPECT_FALSE(Value::Timedelta(0).Truth());
  EXPECT_FALSE(Value::List({}).Truth());

  EXPECT_TRUE(Value::Text("0").Truth());
  EXPECT_TRUE(Value::Datetime(0).Truth());
  EXPECT_TRUE(Value::Of(Ip("0.0.0.0")).Truth());
  EXPECT_TRUE(Value::List({Value::Boolean(false)}).Truth());
  EXPECT_TRUE(Value::Float(std::nan("")).Truth());
}

TEST(ValueTest, WholeNumbersHaveNoBounds) {
  EXPECT_EQ(Value::IntegerFromDigits("007").integer(), 7);
  EXPECT_EQ(Value::IntegerFromDigits("-0").integer(), 0);
  EXPECT_EQ(Value::IntegerFromDigits("9223372036854775807").integer(),
            std::numeric_limits<int64_t>::max());
  const Value big = Value::IntegerFromDigits("0009223372036854775808");
  EXPECT_EQ(big.kind(), Value::Kind::kBigInteger);
  EXPECT_EQ(ToJson(big), "9223372036854775808");
}

TEST(ValueTest, PrintsJson) {
  EXPECT_EQ(ToJson(Value()), "null");
  EXPECT_EQ(ToJson(Value::Boolean(true)), "true");
  EXPECT_EQ(ToJson(Value::Integer(-8)), "-8");
  EXPECT_EQ(ToJson(Value::Text("a\"\\\n\x01ž")), "\"a\\\"\\\\\\n\\u0001ž\"");
  EXPECT_EQ(ToJson(Value::Datetime(1709653942000000)),
            R"({"datetime":"2024-03-05T15:52:22.000000Z"})");
  EXPECT_EQ(ToJson(Value::Datetime(1709653942000005)),
            R"({"datetime":"2024-03-05T15:52:22.000005Z"})");
  EXPECT_EQ(ToJson(Value::Timedelta(742000000)), R"({"timedelta":742})");
  EXPECT_EQ(ToJson(Value::Timedelta(-500000)), R"({"timedelta":-0.5})");
  EXPECT_EQ(ToJson(Value::Of(Ip("10.0.0.77/24"))), R"({"ip":"10.0.0.77/24"})");
  EXPECT_EQ(ToJson(Value::List({Value::Integer(1), Value::Of(Ip("::1"))})), R"([1,{"ip":"::1"}])");
}

TEST(ValueTest, PrintsFloatsAsPythonDoes) {
  EXPECT_EQ(FloatText(8), "8.0");
  EXPECT_EQ(FloatText(0.1), "0.1");
  EXPECT_EQ(FloatText(-0.0), "-0.0");
  EXPECT_EQ(FloatText(1e22), "1e+22");
  EXPECT_EQ(FloatText(1e15), "1000000000000000.0");
  EXPECT_EQ(FloatText(0.0001), "0.0001");
  EXPECT_EQ(FloatText(0.00001), "1e-05");
  EXPECT_EQ(ToJson(Value::Float(HUGE_VAL)), "1e999");
  EXPECT_EQ(ToJson(Value::Float(std::nan(""))), "null");
}

TEST(ValueTest, ReadsJsonValues) {
  idea::v1::Value number;
  number.set_number("1.50");
  EXPECT_EQ(Value::FromIdea(number).floating(), 1.5);
  number.set_number("1e400");
  EXPECT_TRUE(std::isinf(Value::FromIdea(number).floating()));
  number.set_number("-1e-400");
  EXPECT_EQ(Value::FromIdea(number).floating(), 0);
  number.set_number("18446744073709551616");
  EXPECT_EQ(Value::FromIdea(number).big_integer(), "18446744073709551616");

  idea::v1::Value object;
  idea::v1::Member* member = object.mutable_object()->add_members();
  member->set_key("k");
  member->mutable_value()->mutable_list()->add_items();
  EXPECT_EQ(ToJson(Value::FromIdea(object)), R"({"k":[null]})");
}

TEST(ValueTest, WritesTheTextsOfEvents) {
  EXPECT_EQ(ToIdeaValue(Value()).kind_case(), idea::v1::Value::KIND_NOT_SET);
  EXPECT_EQ(ToIdeaValue(Value::Datetime(1709653942000000)).text(), "2024-03-05T15:52:22Z");
  EXPECT_EQ(ToIdeaValue(Value::Timedelta(300000000)).text(), "00:05:00");
  EXPECT_EQ(ToIdeaValue(Value::Of(Ip("192.0.2.0/28"))).text(), "192.0.2.0/28");
  EXPECT_EQ(ToIdeaValue(Value::Float(0.5)).number(), "0.5");
  EXPECT_EQ(ToIdeaValue(Value::Integer(5)).integer(), 5);
  const idea::v1::Value list = ToIdeaValue(Value::List({Value::Text("a")}));
  ASSERT_EQ(list.list().items_size(), 1);
  EXPECT_EQ(list.list().items(0).text(), "a");
}

}  // namespace
}  // namespace mentat::filter
