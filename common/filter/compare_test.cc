#include "common/filter/compare.h"

#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

Value Ip(std::string text) {
  return Value::Of({idea::ParseAddressRange(text).value(), std::move(text)});
}

Value Object(std::string_view json) { return Value::FromIdea(idea::ParseValue(json).value()); }

// Values of all types, some of them alike.
std::vector<Value> Samples() {
  return {Value(),
          Value::Boolean(true),
          Value::Integer(1),
          Value::Integer(2),
          Value::Float(2),
          Value::Float(std::nan("")),
          Value::Float(HUGE_VAL),
          Value::IntegerFromDigits("18446744073709551616"),
          Value::Float(18446744073709551616.0),
          Value::Text("a"),
          Value::Text("b"),
          Value::Datetime(1),
          Value::Datetime(2),
          Value::Timedelta(1),
          Ip("10.0.0.0/8"),
          Ip("10.1.0.0/16"),
          Ip("10.0.0.0-10.255.255.255"),
          Ip("2001:db8::/32"),
          Value::List({Value::Integer(1)}),
          Value::List({Value::Boolean(true)}),
          Value::List({Value::Float(std::nan(""))}),
          Value::List({}),
          Object(R"({"a":1,"b":[{}]})"),
          Object(R"({"b":[{}],"a":1.0})"),
          Object(R"({"a":"1","b":[{}]})"),
          Object(R"({"a":[1],"b":null})"),
          Object("{}")};
}

constexpr Operator kOperators[] = {
    Operator::kIs,       Operator::kIn,           Operator::kEqual,
    Operator::kNotEqual, Operator::kLess,         Operator::kLessEqual,
    Operator::kGreater,  Operator::kGreaterEqual, Operator::kLike};

TEST(CompareTest, LongListsGiveTheSameResults) {
  const std::vector<Value> samples = Samples();
  std::mt19937 random(5);
  const auto list = [&] {
    // Mostly of one type, so that there is something to be found.
    const size_t begin = random() % samples.size();
    const size_t width = random() % 4 == 0 ? samples.size() : 1 + random() % 3;
    std::vector<Value> items;
    for (int i = random() % 5 + 1; i > 0; --i) {
      items.push_back(samples[(begin + random() % width) % samples.size()]);
    }
    return Value::List(std::move(items));
  };
  for (int i = 0; i < 20'000; ++i) {
    const Value left = list();
    const Value right = list();
    const Operator op = kOperators[random() % std::size(kOperators)];
    const bool addresses = random() % 2 == 0;
    const absl::StatusOr<Value> few =
        Compare(op, left, right, {.address_list = addresses, .max_pairs = 1000});
    const absl::StatusOr<Value> many =
        Compare(op, left, right, {.address_list = addresses, .max_pairs = 0});
    ASSERT_EQ(few.status().code(), many.status().code())
        << ToJson(left) << Spelling(op) << ToJson(right) << few.ok() << many.ok();
    if (few.ok()) {
      ASSERT_EQ(ToJson(*few), ToJson(*many)) << ToJson(left) << Spelling(op) << ToJson(right);
    }
  }
}

TEST(CompareTest, LongListsTakeNoQuadraticTime) {
  std::vector<Value> numbers;
  std::vector<Value> others;
  std::vector<Value> addresses;
  for (int i = 0; i < 100'000; ++i) {
    numbers.push_back(Value::Integer(2 * i));
    others.push_back(Value::Integer(2 * i + 1));
    addresses.push_back(Value::Of({{.family = idea::Family::kIp4, .first = i, .last = i}, ""}));
  }
  const Value left = Value::List(std::move(numbers));
  const Value right = Value::List(std::move(others));
  const Value ranges = Value::List(std::move(addresses));
  const Value same = Value::List(std::vector<Value>(100'000, Value::Text("a")));
  const auto compare = [](Operator op, const Value& a, const Value& b, bool address_list = false) {
    return ToJson(Compare(op, a, b, {.address_list = address_list}).value());
  };
  EXPECT_EQ(compare(Operator::kIn, left, right), "false");
  EXPECT_EQ(compare(Operator::kEqual, left, right), "false");
  EXPECT_EQ(compare(Operator::kNotEqual, same, same), "false");
  EXPECT_EQ(compare(Operator::kLess, same, same), "false");
  EXPECT_EQ(compare(Operator::kIn, Value::List({Ip("11.0.0.0"), Ip("12.0.0.0")}), ranges, true),
            "false");
}

TEST(CompareTest, LongListsOfObjectsTakeNoQuadraticTime) {
  constexpr int kObjects = 20'000;
  std::vector<Value> left;
  std::vector<Value> right;
  for (int i = 0; i < kObjects; ++i) {
    left.push_back(Object("{\"k\":" + std::to_string(i) + "}"));
    right.push_back(Object("{\"k\":[" + std::to_string(i) + "]}"));
  }
  right.push_back(Value::List({Value::Text("x")}));
  const Value a = Value::List(std::move(left));
  const Value b = Value::List(std::move(right));
  const auto compare = [](Operator op, const Value& a, const Value& b) {
    return ToJson(Compare(op, a, b, {}).value());
  };
  EXPECT_EQ(compare(Operator::kIn, a, b), "false");
  EXPECT_EQ(compare(Operator::kEqual, a, b), "false");
  EXPECT_EQ(compare(Operator::kIn, a, Value::List({Object("{\"k\":19999.0}")})), "true");
  EXPECT_EQ(compare(Operator::kNotEqual, a, a), "true");
}

TEST(CompareTest, PatternsOfEventsAreBounded) {
  std::vector<Value> patterns;
  for (int i = 0; i < 2'000; ++i) patterns.push_back(Value::Text("x" + std::to_string(i)));
  EXPECT_THAT(Compare(Operator::kLike, Value::Text("y"), Value::List(std::move(patterns)), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("max_patterns")));
}

}  // namespace
}  // namespace mentat::filter
