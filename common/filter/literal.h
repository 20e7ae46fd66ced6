// Literals of the filter language that become values when a rule is compiled.
//
// All of these return InvalidArgument that says what is wrong with the literal.
#ifndef COMMON_FILTER_LITERAL_H_
#define COMMON_FILTER_LITERAL_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "common/filter/lexer.h"
#include "common/filter/value.h"

namespace mentat::filter {

// `2024-03-05T15:52:22.5+01:00`. The minutes of a zone always count forward, also in `-02:30`:
// rules depend on that.
absl::StatusOr<Value> ParseDatetime(std::string_view text);

// `2D01:30:00`, whose fields have no bounds.
absl::StatusOr<Value> ParseTimedelta(std::string_view text);

// The value of a literal by its kind, the rule being for typed events.
absl::StatusOr<Value> TypedLiteral(TokenKind kind, std::string_view text, const Value& raw);

// What a constant means opposite a key that holds a time: a number is a duration in whole seconds,
// a text a time, a duration, or seconds since 1970 on the clock of the local zone.
absl::StatusOr<Value> TimeOperand(const Value& value);

// A number of seconds since 1970 as a datetime.
absl::StatusOr<Value> UnixTimeOperand(const Value& number);

// What a constant means opposite a key that holds addresses: a text, or the address as a number.
absl::StatusOr<Value> AddressOperand(idea::Family family, const Value& value);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_LITERAL_H_
