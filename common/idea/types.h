// The IDEA0 types, one row each: what JSON may stand for a value, and how it is stored and printed.
// Part of the codec.
#ifndef COMMON_IDEA_TYPES_H_
#define COMMON_IDEA_TYPES_H_

#include <string>
#include <string_view>

#include "common/idea/json_reader.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

// A JSON value that is neither an array nor an object.
struct Scalar {
  JsonReader::Kind kind;
  std::string_view text;  // of a text, or the literal of a number
};

// What became of a scalar that was to be stored in a field.
struct Reading {
  enum class Verdict : unsigned char {
    kStored,
    kStoredGenerously,  // though IDEA wants it written in another way; the note says as what
    kTooLarge,          // right, but the field cannot hold it; not stored
    kRefused,           // not stored; the note may say more
  };
  Verdict verdict = Verdict::kStored;
  std::string note;
};

// A field, with the reflection of its message, which is slow to come by.
struct Slot {
  const google::protobuf::FieldDescriptor* field;
  const google::protobuf::Reflection* reflection;
};

struct Type {
  // For people: `a port number`.
  std::string_view expected;
  // For types that are plain texts of a certain syntax.
  bool (*matches)(std::string_view text);
  // Checks, converts and sets or appends to the field.
  Reading (*read)(const Type& type, const Scalar& scalar, const Slot& slot,
                  google::protobuf::Message* message);
  // Appends the JSON of the field, of the item at `index` if it is repeated.
  void (*print)(const google::protobuf::Message& message, const Slot& slot, int index,
                std::string* out);
};

// The row of a type. IDEA_TYPE_UNSPECIFIED and IDEA_TYPE_UNKNOWN_KEYS have none.
const Type& TypeOf(v1::IdeaType type);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_TYPES_H_
