// IDEA0 events between JSON and protobuf. Both directions are driven by the descriptors of
// proto/mentat/idea/v1: a field's json_name is its key, its idea_type the syntax and conversion.
// docs/idea.md says what is accepted and how it is normalised.
//
// Stateless functions, thread-safe.
#ifndef COMMON_IDEA_CODEC_H_
#define COMMON_IDEA_CODEC_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/idea/v1/event.pb.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace mentat::idea {

// Depth of nested objects and arrays that no limit goes beyond: what is deeper could not be read
// back by protobuf libraries, which all nest 100 messages by default, three of them an object of
// unknown keys.
inline constexpr size_t kMaxDepth = 32;

// What an event may measure.
struct Limits {
  size_t max_bytes = 5 * 1024 * 1024;  // of the JSON text
  size_t max_depth = 32;               // of nested objects and arrays; never more than kMaxDepth
  size_t max_list_items = 100'000;     // of any array
  size_t max_problems = 100;           // reported; one more counts the rest
};

// One thing that is wrong with an event.
struct Problem {
  std::string path;     // `Source[2].IP4[1]`, counted from 1; empty for the event as a whole
  std::string message;  // what stood there and what was expected
};

// Parses, checks and normalises one event. Returns whether it is valid; if it is not, `problems`
// says all that is wrong and `event` is unspecified. `warnings`, if given, is told what was read
// generously.
bool ParseEvent(std::string_view json, const Limits& limits, v1::Event* event,
                std::vector<Problem>* problems, std::vector<Problem>* warnings = nullptr);

// The event as one line of JSON, keys sorted, without a newline at the end.
std::string PrintEvent(const v1::Event& event);
void AppendEvent(const v1::Event& event, std::string* out);

// Problems as a single line for logs and reasons: `Source[1].IP4[2]: got "x", expected …; …`.
std::string Describe(const std::vector<Problem>& problems);

// Any JSON text as a Value, exactly; and back, on one line, members in their order.
absl::StatusOr<v1::Value> ParseValue(std::string_view json, const Limits& limits = {});
std::string PrintValue(const v1::Value& value);

// Converts `value` to the type of `field` (one item if the field is repeated) and sets or appends
// it. InvalidArgument says what stood there and what was expected. Takes away an unknown key of the
// same name, where ParseEvent() keeps what the field cannot hold.
absl::Status SetField(const google::protobuf::FieldDescriptor& field, const v1::Value& value,
                      google::protobuf::Message* message);

// The value of a field (the item at `index` if the field is repeated) as JSON would show it.
v1::Value GetField(const google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field, int index);

// The field of a message whose IDEA key is `key`; null if the key is not known.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& message,
                                                   std::string_view key);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_CODEC_H_
