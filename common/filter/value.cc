#include "common/filter/value.h"

#include <charconv>
#include <cmath>

#include "common/idea/codec.h"
#include "common/idea/json_reader.h"
#include "common/idea/time.h"

namespace mentat::filter {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;

// Without leading zeros and without the minus of zero.
std::string CanonicalDigits(std::string_view digits) {
  const bool negative = !digits.empty() && digits.front() == '-';
  if (negative) digits.remove_prefix(1);
  const size_t first = digits.find_first_not_of('0');
  if (first == std::string_view::npos) return "0";
  return std::string(negative ? "-" : "").append(digits.substr(first));
}

bool IsWholeNumeral(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Value NumberFromLiteral(std::string_view literal) {
  if (IsWholeNumeral(literal)) return Value::IntegerFromDigits(literal);
  double value = 0;
  const auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), value);
  if (error == std::errc::result_out_of_range) {
    // Too large or too small: the sign of the exponent tells.
    const size_t exponent = literal.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && literal.substr(exponent + 1, 1) == "-";
    value = std::copysign(tiny ? 0.0 : HUGE_VAL, literal.front() == '-' ? -1.0 : 1.0);
  }
  return Value::Float(value);
}

// `2024-03-05T15:52:22.000000Z`
std::string DatetimeText(int64_t micros) {
  std::string text = idea::FormatTimestamp(micros);
  if (micros % kMicrosPerSecond == 0) text.insert(text.size() - 1, ".000000");
  return text;
}

std::string SecondsText(int64_t micros) {
  if (micros % kMicrosPerSecond == 0) return std::to_string(micros / kMicrosPerSecond);
  return FloatText(static_cast<double>(micros) / kMicrosPerSecond);
}

void AppendJson(const Value& value, std::string* out) {
  switch (value.kind()) {
    case Value::Kind::kNothing:
      *out += "null";
      break;
    case Value::Kind::kBoolean:
      *out += value.boolean() ? "true" : "false";
      break;
    case Value::Kind::kInteger:
      *out += std::to_string(value.integer());
      break;
    case Value::Kind::kBigInteger:
      *out += value.big_integer();
      break;
    case Value::Kind::kFloat:
      if (std::isnan(value.floating())) {
        *out += "null";
      } else if (std::isinf(value.floating())) {
        *out += value.floating() < 0 ? "-1e999" : "1e999";
      } else {
        *out += FloatText(value.floating());
      }
      break;
    case Value::Kind::kText:
      idea::AppendJsonText(value.text(), out);
      break;
    case Value::Kind::kDatetime:
      *out += "{\"datetime\":\"" + DatetimeText(value.datetime()) + "\"}";
      break;
    case Value::Kind::kTimedelta:
      *out += "{\"timedelta\":" + SecondsText(value.timedelta()) + "}";
      break;
    case Value::Kind::kAddress:
      *out += "{\"ip\":";
      idea::AppendJsonText(value.address().text, out);
      *out += "}";
      break;
    case Value::Kind::kObject:
      *out += idea::PrintValue(value.object());
      break;
    case Value::Kind::kList: {
      out->push_back('[');
      bool first = true;
      for (const Value& item : value.list()) {
        if (!std::exchange(first, false)) out->push_back(',');
        AppendJson(item, out);
      }
      out->push_back(']');
      break;
    }
  }
}

}  // namespace

Value Value::IntegerFromDigits(std::string_view digits) {
  std::string canonical = CanonicalDigits(digits);
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(canonical.data(), canonical.data() + canonical.size(), value);
  if (error == std::errc()) return Integer(value);
  return Value(Data(BigDigits{std::move(canonical)}));
}

Value Value::FromIdea(const idea::v1::Value& value) {
  switch (value.kind_case()) {
    case idea::v1::Value::KIND_NOT_SET:
      return Value();
    case idea::v1::Value::kBoolean:
      return Boolean(value.boolean());
    case idea::v1::Value::kInteger:
      return Integer(value.integer());
    case idea::v1::Value::kNumber:
      return NumberFromLiteral(value.number());
    case idea::v1::Value::kText:
      return Text(value.text());
    case idea::v1::Value::kList: {
      std::vector<Value> items;
      items.reserve(value.list().items_size());
      for (const idea::v1::Value& item : value.list().items()) items.push_back(FromIdea(item));
      return List(std::move(items));
    }
    case idea::v1::Value::kObject:
      return Object(std::make_shared<const idea::v1::Value>(value));
  }
  return Value();
}

bool Value::Truth() const {
  switch (kind()) {
    case Kind::kNothing:
      return false;
    case Kind::kBoolean:
      return boolean();
    case Kind::kInteger:
      return integer() != 0;
    case Kind::kFloat:
      return floating() != 0;
    case Kind::kText:
      return !text().empty();
    case Kind::kTimedelta:
      return timedelta() != 0;
    case Kind::kList:
      return !list().empty();
    case Kind::kBigInteger:
    case Kind::kDatetime:
    case Kind::kAddress:
    case Kind::kObject:
      return true;
  }
  return false;
}

std::string_view KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNothing:
      return "nothing";
    case Value::Kind::kBoolean:
      return "boolean";
    case Value::Kind::kInteger:
    case Value::Kind::kBigInteger:
    case Value::Kind::kFloat:
      return "number";
    case Value::Kind::kText:
      return "text";
    case Value::Kind::kDatetime:
      return "datetime";
    case Value::Kind::kTimedelta:
      return "timedelta";
    case Value::Kind::kAddress:
      return "address";
    case Value::Kind::kObject:
      return "object";
    case Value::Kind::kList:
      return "list";
  }
  return "";
}

std::string ToJson(const Value& value) {
  std::string out;
  AppendJson(value, &out);
  return out;
}

idea::v1::Value ToIdeaValue(const Value& value) {
  idea::v1::Value result;
  switch (value.kind()) {
    case Value::Kind::kNothing:
      break;
    case Value::Kind::kBoolean:
      result.set_boolean(value.boolean());
      break;
    case Value::Kind::kInteger:
      result.set_integer(value.integer());
      break;
    case Value::Kind::kBigInteger:
      result.set_number(value.big_integer());
      break;
    case Value::Kind::kFloat:
      // JSON has no other number for what is infinite, and none for what is not a number.
      if (std::isinf(value.floating())) {
        result.set_number(value.floating() < 0 ? "-1e999" : "1e999");
      } else if (!std::isnan(value.floating())) {
        result.set_number(FloatText(value.floating()));
      }
      break;
    case Value::Kind::kText:
      result.set_text(value.text());
      break;
    case Value::Kind::kDatetime:
      result.set_text(idea::FormatTimestamp(value.datetime()));
      break;
    case Value::Kind::kTimedelta:
      result.set_text(idea::FormatDuration(value.timedelta()));
      break;
    case Value::Kind::kAddress:
      result.set_text(value.address().text);
      break;
    case Value::Kind::kObject:
      result = value.object();
      break;
    case Value::Kind::kList:
      result.mutable_list();
      for (const Value& item : value.list())
        *result.mutable_list()->add_items() = ToIdeaValue(item);
      break;
  }
  return result;
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value,
                    scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer, end);
  if (!scientific && text.find('.') == std::string::npos) text += ".0";
  return text;
}

}  // namespace mentat::filter
