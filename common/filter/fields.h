// Typed access to the fields of events without reflection, for predicates that run on every event.
#ifndef COMMON_FILTER_FIELDS_H_
#define COMMON_FILTER_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "google/protobuf/message.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

template <typename Result>
using ReadField = Result (*)(const google::protobuf::Message& message);

using ReadText = ReadField<const std::string*>;  // null if the field is not there
using ReadTexts = ReadField<const google::protobuf::RepeatedPtrField<std::string>&>;
using ReadInteger =
    ReadField<std::optional<int64_t>>;  // also times, durations, and booleans as 0, 1
using ReadIntegers = ReadField<const google::protobuf::RepeatedField<int64_t>&>;
using ReadFloat = ReadField<std::optional<double>>;
using ReadNet4s = ReadField<const google::protobuf::RepeatedPtrField<idea::v1::Net4>&>;
using ReadNet6s = ReadField<const google::protobuf::RepeatedPtrField<idea::v1::Net6>&>;
using ReadObject = ReadField<const google::protobuf::Message*>;  // null if the field is not there
struct ReadObjects {
  int (*size)(const google::protobuf::Message& message);
  const google::protobuf::Message& (*at)(const google::protobuf::Message& message, int index);
};

using FieldReader = std::variant<ReadText, ReadTexts, ReadInteger, ReadIntegers, ReadFloat,
                                 ReadNet4s, ReadNet6s, ReadObject, ReadObjects>;

// The reader of a field of Event, SourceTarget, Attach, Node or Annotations; null if there is none.
// It may only be given messages of the field's type.
const FieldReader* FindReader(const google::protobuf::FieldDescriptor& field);

using ReadUnknown = ReadField<const google::protobuf::RepeatedPtrField<idea::v1::Member>&>;

// Reads the keys that messages of one of these types do not know by name; null for other types.
ReadUnknown FindUnknownReader(const google::protobuf::Descriptor& message);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FIELDS_H_
