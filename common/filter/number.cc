#include "common/filter/number.h"

#include <gmpxx.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace mentat::filter {
namespace {

using Kind = Value::Kind;

// 0001-01-01T00:00:00 and the last microsecond of the year 9999.
constexpr int64_t kFirstDatetime = -62'135'596'800'000'000;
constexpr int64_t kLastDatetime = 253'402'300'799'999'999;
constexpr long double kTwoTo63 = 9223372036854775808.0L;

bool IsWhole(const Value& value) {
  return value.kind() == Kind::kInteger || value.kind() == Kind::kBigInteger;
}

mpz_class ToBig(const Value& value) {
  if (value.kind() == Kind::kBigInteger) return mpz_class(value.big_integer());
  return mpz_class(std::to_string(value.integer()));
}

// Nothing if there are more digits than a literal may have, so that no rule takes forever.
Value FromBig(const mpz_class& value) {
  constexpr size_t kMaxDigits = 4300;
  if (mpz_sizeinbase(value.get_mpz_t(), 10) > kMaxDigits + 1) return Value();
  const std::string digits = value.get_str();
  const size_t minus = value < 0 ? 1 : 0;
  return digits.size() > kMaxDigits + minus ? Value() : Value::IntegerFromDigits(digits);
}

// Nothing if a whole number is too large, as in Python.
std::optional<double> ToDouble(const Value& value) {
  if (value.kind() == Kind::kFloat) return value.floating();
  if (value.kind() == Kind::kInteger) return static_cast<double>(value.integer());
  const double result = std::strtod(value.big_integer().c_str(), nullptr);
  if (std::isinf(result)) return std::nullopt;
  return result;
}

long double ToLongDouble(const Value& value) {
  if (value.kind() == Kind::kInteger) return static_cast<long double>(value.integer());
  return std::strtold(value.big_integer().c_str(), nullptr);
}

Value CheckedDatetime(int64_t micros) {
  if (micros < kFirstDatetime || micros > kLastDatetime) return Value();
  return Value::Datetime(micros);
}

// The nearest whole number of microseconds, half to even; nothing if it does not fit.
Value RoundedTimedelta(long double micros) {
  const long double rounded = std::rint(micros);
  if (!(rounded >= -kTwoTo63 && rounded < kTwoTo63)) return Value();
  return Value::Timedelta(static_cast<int64_t>(rounded));
}

// The remainder that has the sign of the divisor, which is not zero.
int64_t FlooredModulo(int64_t left, int64_t right) {
  if (right == -1) return 0;
  const int64_t remainder = left % right;
  return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder;
}

double FlooredModulo(double left, double right) {
  const double remainder = std::fmod(left, right);
  if (remainder == 0) return std::copysign(0.0, right);
  return (remainder < 0) != (right < 0) ? remainder + right : remainder;
}

// left / right, rounded half to even; `right` is not zero.
Value DividedTimedelta(int64_t left, int64_t right) {
  const __int128 doubled = 2 * static_cast<__int128>(left);
  const __int128 divisor = right;
  __int128 quotient = left / divisor;
  if (left % divisor != 0 && (left < 0) != (right < 0)) --quotient;
  const __int128 remainder = doubled - 2 * quotient * divisor;  // twice, with the sign of divisor
  const __int128 magnitude = remainder < 0 ? -remainder : remainder;
  const __int128 limit = divisor < 0 ? -divisor : divisor;
  if (magnitude > limit || (magnitude == limit && quotient % 2 != 0)) ++quotient;
  if (quotient > std::numeric_limits<int64_t>::max()) return Value();
  return Value::Timedelta(static_cast<int64_t>(quotient));
}

Value SmallWholes(Operator op, int64_t left, int64_t right, bool* overflow) {
  int64_t result = 0;
  switch (op) {
    case Operator::kPlus:
      *overflow = __builtin_add_overflow(left, right, &result);
      return Value::Integer(result);
    case Operator::kMinus:
      *overflow = __builtin_sub_overflow(left, right, &result);
      return Value::Integer(result);
    case Operator::kTimes:
      *overflow = __builtin_mul_overflow(left, right, &result);
      return Value::Integer(result);
    default:
      return right == 0 ? Value() : Value::Integer(FlooredModulo(left, right));
  }
}

Value Wholes(Operator op, const Value& left, const Value& right) {
  if (op == Operator::kDivide) {
    if (right.kind() == Kind::kInteger && right.integer() == 0) return Value();
    // Of 64 bits the mantissa holds all, so that the quotient of ordinary numbers is exact enough.
    const double quotient = static_cast<double>(ToLongDouble(left) / ToLongDouble(right));
    return std::isfinite(quotient) ? Value::Float(quotient) : Value();
  }
  if (left.kind() == Kind::kInteger && right.kind() == Kind::kInteger) {
    bool overflow = false;
    Value result = SmallWholes(op, left.integer(), right.integer(), &overflow);
    if (!overflow) return result;
  }
  const mpz_class a = ToBig(left);
  const mpz_class b = ToBig(right);
  switch (op) {
    case Operator::kPlus:
      return FromBig(a + b);
    case Operator::kMinus:
      return FromBig(a - b);
    case Operator::kTimes:
      return FromBig(a * b);
    default: {
      if (b == 0) return Value();
      mpz_class remainder;
      mpz_fdiv_r(remainder.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
      return FromBig(remainder);
    }
  }
}

Value Floats(Operator op, double left, double right) {
  switch (op) {
    case Operator::kPlus:
      return Value::Float(left + right);
    case Operator::kMinus:
      return Value::Float(left - right);
    case Operator::kTimes:
      return Value::Float(left * right);
    case Operator::kDivide:
      return right == 0 ? Value() : Value::Float(left / right);
    default:
      return right == 0 ? Value() : Value::Float(FlooredModulo(left, right));
  }
}

Value TwoTimedeltas(Operator op, int64_t left, int64_t right) {
  int64_t result = 0;
  switch (op) {
    case Operator::kPlus:
      return __builtin_add_overflow(left, right, &result) ? Value() : Value::Timedelta(result);
    case Operator::kMinus:
      return __builtin_sub_overflow(left, right, &result) ? Value() : Value::Timedelta(result);
    case Operator::kDivide:
      if (right == 0) return Value();
      return Value::Float(static_cast<double>(static_cast<long double>(left) / right));
    case Operator::kModulo:
      return right == 0 ? Value() : Value::Timedelta(FlooredModulo(left, right));
    default:
      return Value();
  }
}

Value TimedeltaTimes(int64_t micros, const Value& factor) {
  if (factor.kind() == Kind::kFloat)
    return RoundedTimedelta(micros * static_cast<long double>(factor.floating()));
  if (factor.kind() != Kind::kInteger) return Value();
  int64_t result = 0;
  if (__builtin_mul_overflow(micros, factor.integer(), &result)) return Value();
  return Value::Timedelta(result);
}

Value TimedeltaBy(int64_t micros, const Value& divisor) {
  if (divisor.kind() == Kind::kFloat) {
    if (divisor.floating() == 0) return Value();
    return RoundedTimedelta(micros / static_cast<long double>(divisor.floating()));
  }
  if (divisor.kind() != Kind::kInteger || divisor.integer() == 0) return Value();
  return DividedTimedelta(micros, divisor.integer());
}

Value Shifted(int64_t datetime, int64_t micros, bool back) {
  int64_t result = 0;
  const bool overflow = back ? __builtin_sub_overflow(datetime, micros, &result)
                             : __builtin_add_overflow(datetime, micros, &result);
  return overflow ? Value() : CheckedDatetime(result);
}

// The form in which an item takes part; nothing if it cannot.
std::optional<Value> Operand(const Value& item) {
  switch (item.kind()) {
    case Kind::kInteger:
    case Kind::kBigInteger:
    case Kind::kFloat:
    case Kind::kDatetime:
    case Kind::kTimedelta:
      return item;
    case Kind::kBoolean:
      return Value::Integer(item.boolean() ? 1 : 0);
    case Kind::kText:
      if (const std::optional<double> number = ParseFloat(item.text()))
        return Value::Float(*number);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// Nothing where the operation fails.
Value Items(Operator op, const Value& left_item, const Value& right_item) {
  const std::optional<Value> left = Operand(left_item);
  const std::optional<Value> right = Operand(right_item);
  if (!left || !right) return Value();
  const Kind a = left->kind();
  const Kind b = right->kind();
  if (left->IsNumber() && right->IsNumber()) {
    if (IsWhole(*left) && IsWhole(*right)) return Wholes(op, *left, *right);
    const std::optional<double> x = ToDouble(*left);
    const std::optional<double> y = ToDouble(*right);
    return x && y ? Floats(op, *x, *y) : Value();
  }
  if (a == Kind::kTimedelta && b == Kind::kTimedelta) {
    return TwoTimedeltas(op, left->timedelta(), right->timedelta());
  }
  if (op == Operator::kPlus) {
    if (a == Kind::kDatetime && b == Kind::kTimedelta)
      return Shifted(left->datetime(), right->timedelta(), false);
    if (a == Kind::kTimedelta && b == Kind::kDatetime)
      return Shifted(right->datetime(), left->timedelta(), false);
  }
  if (op == Operator::kMinus && a == Kind::kDatetime) {
    if (b == Kind::kTimedelta) return Shifted(left->datetime(), right->timedelta(), true);
    if (b == Kind::kDatetime) return Value::Timedelta(left->datetime() - right->datetime());
  }
  if (op == Operator::kTimes) {
    if (a == Kind::kTimedelta && right->IsNumber())
      return TimedeltaTimes(left->timedelta(), *right);
    if (b == Kind::kTimedelta && left->IsNumber()) return TimedeltaTimes(right->timedelta(), *left);
  }
  if (op == Operator::kDivide && a == Kind::kTimedelta && right->IsNumber()) {
    return TimedeltaBy(left->timedelta(), *right);
  }
  return Value();
}

std::partial_ordering CompareWholes(const Value& left, const Value& right) {
  const bool left_big = left.kind() == Kind::kBigInteger;
  const bool right_big = right.kind() == Kind::kBigInteger;
  if (!left_big && !right_big) return left.integer() <=> right.integer();
  return cmp(ToBig(left), ToBig(right)) <=> 0;
}

std::partial_ordering CompareWholeToFloat(const Value& left, double right) {
  if (std::isnan(right)) return std::partial_ordering::unordered;
  if (std::isinf(right)) {
    return right > 0 ? std::partial_ordering::less : std::partial_ordering::greater;
  }
  if (left.kind() == Kind::kBigInteger) return cmp(ToBig(left), right) <=> 0;
  // A long double holds either of them exactly.
  return static_cast<long double>(left.integer()) <=> static_cast<long double>(right);
}

// The numeric value with a boolean as 0 or 1.
Value Unboolean(const Value& value) {
  return value.kind() == Kind::kBoolean ? Value::Integer(value.boolean() ? 1 : 0) : value;
}

}  // namespace

std::optional<double> ParseFloat(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\v\f\x1c\x1d\x1e\x1f";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);

  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&](size_t k) {
      return k < text.size() && text[k] >= '0' && text[k] <= '9';
    };
    if (text[i] == '_' && i > 0 && is_digit(i - 1) && is_digit(i + 1)) continue;
    plain += text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
  }
  const double sign = negative ? -1 : 1;
  if (plain == "inf" || plain == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (plain == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (plain.empty() || plain.find_first_not_of("0123456789.e+-") != std::string::npos ||
      plain[0] == '-') {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (end != plain.data() + plain.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return sign * std::strtod(plain.c_str(), nullptr);
  if (error != std::errc()) return std::nullopt;
  return sign * value;
}

bool IsNumeric(const Value& value) { return value.IsNumber() || value.kind() == Kind::kBoolean; }

std::partial_ordering CompareNumbers(const Value& left, const Value& right) {
  const Value a = Unboolean(left);
  const Value b = Unboolean(right);
  if (IsWhole(a) && IsWhole(b)) return CompareWholes(a, b);
  if (IsWhole(a)) return CompareWholeToFloat(a, b.floating());
  if (IsWhole(b)) return 0 <=> CompareWholeToFloat(b, a.floating());
  return a.floating() <=> b.floating();
}

Value Arithmetic(Operator op, const Value& left, const Value& right) {
  if (left.IsNothing() || right.IsNothing()) return Value();
  const Value* const left_items = left.IsList() ? left.list().data() : &left;
  const Value* const right_items = right.IsList() ? right.list().data() : &right;
  const size_t left_size = left.IsList() ? left.list().size() : 1;
  const size_t right_size = right.IsList() ? right.list().size() : 1;
  if (left_size == 0 || right_size == 0) return Value();
  if (right_size != 1 && left_size != 1 && left_size != right_size) return Value();

  const size_t size = std::max(left_size, right_size);
  std::vector<Value> results;
  results.reserve(size);
  for (size_t i = 0; i < size; ++i) {
    Value result =
        Items(op, left_items[left_size == 1 ? 0 : i], right_items[right_size == 1 ? 0 : i]);
    if (result.IsNothing()) return Value();
    results.push_back(std::move(result));
  }
  if (results.size() == 1) return std::move(results.front());
  return Value::List(std::move(results));
}

}  // namespace mentat::filter
