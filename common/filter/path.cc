#include "common/filter/path.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/base/status_macros.h"
#include "common/idea/address.h"
#include "common/idea/codec.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "mentat/idea/v1/options.pb.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Chunk = idea::Path::Chunk;

// The place in a list of `size` items that the index of the chunk means.
std::optional<int> PlaceOf(const Chunk& chunk, int size) {
  if (chunk.index == idea::Path::Index::kLast) {
    return size > 0 ? std::optional<int>(size - 1) : std::nullopt;
  }
  if (chunk.number < 1 || chunk.number > static_cast<size_t>(size)) return std::nullopt;
  return static_cast<int>(chunk.number) - 1;
}

bool MeansAll(const Chunk& chunk) {
  return chunk.index == idea::Path::Index::kNone || chunk.index == idea::Path::Index::kAll;
}

template <typename Net>
Value AddressOf(const Message& message) {
  const Net& net = static_cast<const Net&>(message);
  return Value::Of(Address{.range = idea::Bounds(net), .text = idea::Print(net)});
}

Value IntegerOf(idea::v1::IdeaType type, int64_t value) {
  switch (type) {
    case idea::v1::IDEA_TYPE_TIMESTAMP:
      return Value::Datetime(value);
    case idea::v1::IDEA_TYPE_DURATION:
      return Value::Timedelta(value);
    default:
      return Value::Integer(value);
  }
}

// The value of a field, the item at `index` if it is a list.
Value ValueOf(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool list = field.is_repeated();
  const idea::v1::IdeaType type = field.options().GetExtension(idea::v1::idea_type);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      return Value::Text(
          list ? reflection.GetRepeatedStringReference(message, &field, index, &scratch)
               : reflection.GetStringReference(message, &field, &scratch));
    }
    case FieldDescriptor::CPPTYPE_INT64:
      return IntegerOf(type, list ? reflection.GetRepeatedInt64(message, &field, index)
                                  : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return Value::Boolean(list ? reflection.GetRepeatedBool(message, &field, index)
                                 : reflection.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Value::Float(list ? reflection.GetRepeatedDouble(message, &field, index)
                               : reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Message& item = list ? reflection.GetRepeatedMessage(message, &field, index)
                                 : reflection.GetMessage(message, &field);
      if (type == idea::v1::IDEA_TYPE_NET4) return AddressOf<idea::v1::Net4>(item);
      if (type == idea::v1::IDEA_TYPE_NET6) return AddressOf<idea::v1::Net6>(item);
      return Value::Object(
          std::make_shared<const idea::v1::Value>(idea::GetField(message, field, index)));
    }
    default:
      return Value();
  }
}

// The value of a key that the event does not know by name; of one that stands twice the last
// counts.
const idea::v1::Value* FindUnknown(const Message& message, std::string_view key) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("unknown");
  const Reflection& reflection = *message.GetReflection();
  for (int i = reflection.FieldSize(message, field); i-- > 0;) {
    const auto& member =
        static_cast<const idea::v1::Member&>(reflection.GetRepeatedMessage(message, field, i));
    if (member.key() == key) return &member.value();
  }
  return nullptr;
}

const idea::v1::Value* FindMember(const idea::v1::Object& object, std::string_view key) {
  const auto& members = object.members();
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [&](const auto& member) { return member.key() == key; });
  return found == members.rend() ? nullptr : &found->value();
}

}  // namespace

bool HoldsObjects(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.options().GetExtension(idea::v1::idea_type) == idea::v1::IDEA_TYPE_UNSPECIFIED;
}

EventPath::EventPath(idea::Path path) : path_(std::move(path)) {
  const google::protobuf::Descriptor* message = idea::v1::Event::descriptor();
  for (const Chunk& chunk : path_.chunks()) {
    const FieldDescriptor* field = idea::FindField(*message, chunk.name);
    if (field == nullptr) break;
    fields_.push_back(field);
    if (!HoldsObjects(*field)) break;
    message = field->message_type();
  }
}

absl::StatusOr<EventPath> EventPath::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(idea::Path path, idea::Path::Parse(text));
  return EventPath(std::move(path));
}

std::vector<Value> EventPath::Read(const Document& document) const {
  std::vector<Value> values;
  if (document.event != nullptr) {
    ReadMessage(*document.event, 0, &values);
  } else {
    ReadObject(*document.value, 0, &values);
  }
  return values;
}

void EventPath::ReadMessage(const Message& message, size_t step, std::vector<Value>* values) const {
  const Chunk& chunk = chunks()[step];
  if (step >= fields_.size()) {
    const idea::v1::Value* value = FindUnknown(message, chunk.name);
    if (value != nullptr) ReadMember(*value, step, values);
    return;
  }
  const FieldDescriptor& field = *fields_[step];
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    if (chunk.index != idea::Path::Index::kNone || !reflection.HasField(message, &field)) return;
    ReadField(message, step, 0, values);
    return;
  }
  const int size = reflection.FieldSize(message, &field);
  if (MeansAll(chunk)) {
    for (int i = 0; i < size; ++i) ReadField(message, step, i, values);
  } else if (const std::optional<int> place = PlaceOf(chunk, size)) {
    ReadField(message, step, *place, values);
  }
}

void EventPath::ReadField(const Message& message, size_t step, int index,
                          std::vector<Value>* values) const {
  const FieldDescriptor& field = *fields_[step];
  if (step + 1 == chunks().size()) {
    values->push_back(ValueOf(message, field, index));
  } else if (HoldsObjects(field)) {
    const Reflection& reflection = *message.GetReflection();
    ReadMessage(field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, index)
                                    : reflection.GetMessage(message, &field),
                step + 1, values);
  }
}

void EventPath::ReadObject(const idea::v1::Value& object, size_t step,
                           std::vector<Value>* values) const {
  if (step == chunks().size()) {
    values->push_back(Value::FromIdea(object));
    return;
  }
  if (!object.has_object()) return;
  const idea::v1::Value* value = FindMember(object.object(), chunks()[step].name);
  if (value != nullptr) ReadMember(*value, step, values);
}

void EventPath::ReadMember(const idea::v1::Value& value, size_t step,
                           std::vector<Value>* values) const {
  const Chunk& chunk = chunks()[step];
  if (!value.has_list()) {
    if (chunk.index == idea::Path::Index::kNone) ReadObject(value, step + 1, values);
    return;
  }
  const auto& items = value.list().items();
  if (MeansAll(chunk)) {
    for (const idea::v1::Value& item : items) ReadObject(item, step + 1, values);
  } else if (const std::optional<int> place = PlaceOf(chunk, items.size())) {
    ReadObject(items[*place], step + 1, values);
  }
}

}  // namespace mentat::filter
