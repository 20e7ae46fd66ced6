#include "common/idea/json_equal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace mentat::idea {
namespace {

// A number: a whole one by its digits, any other by its value.
struct Number {
  bool whole = false;
  std::string digits;
  double value = 0;
};

bool IsNumber(const v1::Value& value) {
  return value.has_boolean() || value.has_integer() || value.has_number();
}

Number NumberOf(const v1::Value& value) {
  if (value.has_boolean()) return {.whole = true, .digits = value.boolean() ? "1" : "0"};
  if (value.has_integer()) return {.whole = true, .digits = std::to_string(value.integer())};
  const std::string& text = value.number();
  if (text.find_first_of(".eE") == std::string::npos) {
    return {.whole = true, .digits = text == "-0" ? "0" : text};
  }
  return {.value = std::strtod(text.c_str(), nullptr)};
}

bool NumbersEqual(const Number& left, const Number& right) {
  if (left.whole && right.whole) return left.digits == right.digits;
  if (!left.whole && !right.whole) return left.value == right.value;
  const Number& whole = left.whole ? left : right;
  const double value = left.whole ? right.value : left.value;
  if (!std::isfinite(value) || value != std::trunc(value)) return false;
  std::array<char, 400> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                          value == 0 ? 0.0 : value, std::chars_format::fixed, 0);
  return whole.digits == std::string_view(digits.data(), end - digits.data());
}

std::map<std::string_view, const v1::Value*> MembersOf(const v1::Object& object) {
  std::map<std::string_view, const v1::Value*> members;
  for (const v1::Member& member : object.members()) members[member.key()] = &member.value();
  return members;
}

}  // namespace

bool JsonEqual(const v1::Value& left, const v1::Value& right) {
  if (IsNumber(left) && IsNumber(right)) return NumbersEqual(NumberOf(left), NumberOf(right));
  if (left.kind_case() != right.kind_case()) return false;
  if (left.has_text()) return left.text() == right.text();
  if (left.has_list()) {
    const auto& a = left.list().items();
    const auto& b = right.list().items();
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), JsonEqual);
  }
  if (!left.has_object()) return true;  // both are null
  const auto a = MembersOf(left.object());
  const auto b = MembersOf(right.object());
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && JsonEqual(*x.second, *y.second);
  });
}

}  // namespace mentat::idea
