// The values of the filter language: what expressions yield, and what events hold.
//
// Plain values with shared, immutable lists and objects, so that copies are cheap; thread-safe as
// standard containers are.
#ifndef COMMON_FILTER_VALUE_H_
#define COMMON_FILTER_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/idea/address.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

// An address, network or range, and how it is written: `10.0.0.77/24` keeps its host bits.
struct Address {
  idea::AddressRange range;
  std::string text;
};

class Value {
 public:
  enum class Kind : unsigned char {
    kNothing,  // no value; null in JSON
    kBoolean,
    kInteger,     // that fits 64 bits
    kBigInteger,  // any other whole number
    kFloat,
    kText,
    kDatetime,   // microseconds since 1970-01-01T00:00:00Z
    kTimedelta,  // microseconds
    kAddress,
    kObject,
    kList,
  };
  using ObjectPtr = std::shared_ptr<const idea::v1::Value>;
  using ListPtr = std::shared_ptr<const std::vector<Value>>;

  Value() = default;
  static Value Boolean(bool value) { return Value(Data(std::in_place_type<bool>, value)); }
  static Value Integer(int64_t value) { return Value(Data(std::in_place_type<int64_t>, value)); }
  // `digits` is a decimal numeral, perhaps with a minus and leading zeros; kInteger if it fits.
  static Value IntegerFromDigits(std::string_view digits);
  static Value Float(double value) { return Value(Data(std::in_place_type<double>, value)); }
  static Value Text(std::string value) { return Value(Data(std::move(value))); }
  static Value Datetime(int64_t micros) { return Value(Data(Time{micros})); }
  static Value Timedelta(int64_t micros) { return Value(Data(Span{micros})); }
  static Value Of(Address value) { return Value(Data(std::move(value))); }
  static Value Object(ObjectPtr value) { return Value(Data(std::move(value))); }
  static Value List(std::vector<Value> items) {
    return Value(Data(std::make_shared<const std::vector<Value>>(std::move(items))));
  }
  // A JSON value as it is: no text becomes a time or an address.
  static Value FromIdea(const idea::v1::Value& value);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool IsNothing() const { return kind() == Kind::kNothing; }
  bool IsText() const { return kind() == Kind::kText; }
  bool IsList() const { return kind() == Kind::kList; }
  // Whether it is a whole number of either kind or a float; a boolean is none.
  bool IsNumber() const {
    return kind() == Kind::kInteger || kind() == Kind::kBigInteger || kind() == Kind::kFloat;
  }

  // Each only for its kind.
  bool boolean() const { return std::get<bool>(data_); }
  int64_t integer() const { return std::get<int64_t>(data_); }
  // Decimal digits without leading zeros, perhaps after a minus.
  const std::string& big_integer() const { return std::get<BigDigits>(data_).digits; }
  double floating() const { return std::get<double>(data_); }
  const std::string& text() const { return std::get<std::string>(data_); }
  int64_t datetime() const { return std::get<Time>(data_).micros; }
  int64_t timedelta() const { return std::get<Span>(data_).micros; }
  const Address& address() const { return std::get<Address>(data_); }
  const idea::v1::Value& object() const { return *std::get<ObjectPtr>(data_); }
  const std::vector<Value>& list() const { return *std::get<ListPtr>(data_); }

  // What counts as true: all but nothing, false, zero, the empty text, the zero timedelta and the
  // empty list.
  bool Truth() const;

 private:
  struct BigDigits {
    std::string digits;
  };
  struct Time {
    int64_t micros;
  };
  struct Span {
    int64_t micros;
  };
  // In the order of Kind.
  using Data = std::variant<std::monostate, bool, int64_t, BigDigits, double, std::string, Time,
                            Span, Address, ObjectPtr, ListPtr>;

  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

// The kind as messages name it: `number`, `text`, `datetime`, ….
std::string_view KindName(Value::Kind kind);

// One line of JSON. What JSON lacks is an object with one key: `{"datetime":"…Z"}` with six digits
// of fraction, `{"timedelta":SECONDS}`, `{"ip":"…"}`. A float keeps its point (`8.0`), an infinite
// one is `1e999`, one that is not a number is null.
std::string ToJson(const Value& value);

// The value as an event stores it: times, durations and addresses become their texts.
idea::v1::Value ToIdeaValue(const Value& value);

// The shortest decimal text that reads back as `value`: `8.0`, `0.1`, `1e+22`, `inf`, `nan`.
std::string FloatText(double value);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_VALUE_H_
