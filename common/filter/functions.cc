#include "common/filter/functions.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/lexer.h"

namespace mentat::filter {
namespace {

absl::StatusOr<Value> HasNoLength(const Value& value) {
  const std::string_view kind = KindName(value.kind());
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(kind.data(), kind.size()), " has no length"));
}

Value Characters(std::string_view text) {
  return Value::Integer(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// How many addresses there are, which may be 2^128.
Value Addresses(const idea::AddressRange& range) {
  const absl::uint128 steps = range.last - range.first;
  if (steps == absl::Uint128Max()) {
    return Value::IntegerFromDigits("340282366920938463463374607431768211456");
  }
  std::string digits;
  for (absl::uint128 rest = steps + 1; rest != 0; rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  return Value::IntegerFromDigits(digits);
}

absl::StatusOr<Value> Length(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kText:
      return Characters(value.text());
    case Value::Kind::kList:
      return Value::Integer(static_cast<int64_t>(value.list().size()));
    case Value::Kind::kObject:
      return Value::Integer(value.object().object().members_size());
    case Value::Kind::kAddress:
      return Addresses(value.address().range);
    default:
      return HasNoLength(value);
  }
}

absl::StatusOr<Value> Size(const Value* argument, const Clock&) {
  if (argument == nullptr) return absl::InvalidArgumentError("`size` needs an argument");
  return Length(*argument);
}

absl::StatusOr<Value> StrLen(const Value* argument, const Clock&) {
  if (argument == nullptr) return absl::InvalidArgumentError("`strlen` needs an argument");
  const bool empty = (argument->IsText() || argument->IsList()) && !argument->Truth();
  if (argument->IsNothing() || empty) return Value();
  if (!argument->IsList()) return Length(*argument);
  std::vector<Value> lengths;
  for (const Value& item : argument->list()) {
    ASSIGN_OR_RETURN(Value length, Length(item));
    lengths.push_back(std::move(length));
  }
  return Value::List(std::move(lengths));
}

absl::StatusOr<Value> Time(const Value* argument, const Clock& clock) {
  if (argument != nullptr) return absl::InvalidArgumentError("`time` takes no argument");
  return Value::Float(static_cast<double>(clock()) / 1e6);
}

absl::StatusOr<Value> UtcNow(const Value* argument, const Clock& clock) {
  if (argument != nullptr) return absl::InvalidArgumentError("`utcnow` takes no argument");
  return Value::Datetime(clock());
}

}  // namespace

int64_t SystemClockMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

FunctionTable::FunctionTable()
    : entries_({{"size", {Size, true}},
                {"strlen", {StrLen, true}},
                {"time", {Time, true}},
                {"utcnow", {UtcNow, true}}}) {}

absl::Status FunctionTable::Register(std::string_view name, Function function) {
  const std::string call = std::string(name) + "(";
  const TokenList words = Tokenize(call);
  const bool readable = words.dropped.empty() && words.tokens.size() == 2 &&
                        words.tokens[0].kind == TokenKind::kFunction;
  if (!readable) {
    return absl::InvalidArgumentError(
        absl::StrCat("rules cannot call a function `", absl::string_view(name.data(), name.size()),
                     "`: a name has three or more letters, digits and underscores, no digit first "
                     "and no operator at its beginning"));
  }
  if (!entries_.emplace(name, Entry{std::move(function)}).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a function `", absl::string_view(name.data(), name.size()), "`"));
  }
  return absl::OkStatus();
}

const FunctionTable::Entry* FunctionTable::Find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace mentat::filter
