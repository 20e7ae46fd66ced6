// What variables read: the values at a path of a document.
#ifndef COMMON_FILTER_PATH_H_
#define COMMON_FILTER_PATH_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/value.h"
#include "common/idea/jpath.h"
#include "mentat/idea/v1/event.pb.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace mentat::filter {

// What a rule is evaluated on: an event, or any JSON value for the raw form of the language.
struct Document {
  explicit Document(const idea::v1::Event& event) : event(&event) {}
  explicit Document(const idea::v1::Value& value) : value(&value) {}

  const idea::v1::Event* event = nullptr;
  const idea::v1::Value* value = nullptr;
};

// A path whose known keys are resolved to the fields of the event.
class EventPath {
 public:
  // InvalidArgument for what is not a path.
  static absl::StatusOr<EventPath> Parse(std::string_view text);

  // All values at the path, none if there is nothing.
  std::vector<Value> Read(const Document& document) const;

  const std::vector<idea::Path::Chunk>& chunks() const { return path_.chunks(); }
  // The fields of the first chunks, as far as they are keys that the event knows.
  const std::vector<const google::protobuf::FieldDescriptor*>& fields() const { return fields_; }
  // The field of the last chunk; null if one of the chunks is no key that the event knows.
  const google::protobuf::FieldDescriptor* leaf() const {
    return fields_.size() == chunks().size() ? fields_.back() : nullptr;
  }

 private:
  explicit EventPath(idea::Path path);

  void ReadMessage(const google::protobuf::Message& message, size_t step,
                   std::vector<Value>* values) const;
  void ReadField(const google::protobuf::Message& message, size_t step, int index,
                 std::vector<Value>* values) const;
  void ReadObject(const idea::v1::Value& object, size_t step, std::vector<Value>* values) const;
  void ReadMember(const idea::v1::Value& value, size_t step, std::vector<Value>* values) const;

  idea::Path path_;
  std::vector<const google::protobuf::FieldDescriptor*> fields_;
};

// Whether the field holds objects with keys of their own.
bool HoldsObjects(const google::protobuf::FieldDescriptor& field);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_PATH_H_
