#include "common/idea/codec.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "common/idea/parser.h"
#include "common/idea/print.h"
#include "common/idea/schema.h"

namespace mentat::idea {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status InvalidArgument(const std::vector<Problem>& problems) {
  return absl::InvalidArgumentError(Describe(problems));
}

// What this process made itself is not measured again.
Limits NoLimits() {
  return {.max_bytes = SIZE_MAX, .max_depth = kMaxDepth, .max_list_items = SIZE_MAX};
}

}  // namespace

bool ParseEvent(std::string_view json, const Limits& limits, v1::Event* event,
                std::vector<Problem>* problems, std::vector<Problem>* warnings) {
  event->Clear();
  problems->clear();
  if (warnings != nullptr) warnings->clear();
  return Parser(json, limits, problems, warnings).ParseEvent(event);
}

std::string PrintEvent(const v1::Event& event) {
  std::string json;
  AppendEvent(event, &json);
  return json;
}

void AppendEvent(const v1::Event& event, std::string* out) {
  AppendObject(event, EventSchema(), out);
}

std::string Describe(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text.append("; ");
    if (!problem.path.empty()) text.append(problem.path).append(": ");
    text.append(problem.message);
  }
  return text;
}

absl::StatusOr<v1::Value> ParseValue(std::string_view json, const Limits& limits) {
  v1::Value value;
  std::vector<Problem> problems;
  if (!Parser(json, limits, &problems, nullptr).ParseValue(&value)) {
    return InvalidArgument(problems);
  }
  return value;
}

std::string PrintValue(const v1::Value& value) {
  std::string json;
  AppendValue(value, &json);
  return json;
}

absl::Status SetField(const FieldDescriptor& field, const v1::Value& value, Message* message) {
  const ObjectSchema& schema = SchemaOf(*message->GetDescriptor());
  const KeySchema& key = schema.Of(field);
  const std::string json = PrintValue(value);
  const Limits limits = NoLimits();
  std::vector<Problem> problems;
  std::vector<Problem> warnings;
  // An object is made aside, since it may be found wrong half way.
  const std::unique_ptr<Message> aside(message->New());
  if (!Parser(json, limits, &problems, &warnings).ParseField(key, aside.get())) {
    return InvalidArgument(problems.empty() ? warnings : problems);
  }
  if (!key.is_list) message->GetReflection()->ClearField(message, &field);
  message->MergeFrom(*aside);
  RemoveMember(schema.mutable_unknown(message), key.key);
  return absl::OkStatus();
}

v1::Value GetField(const Message& message, const FieldDescriptor& field, int index) {
  std::string json;
  AppendItem(message, SchemaOf(*message.GetDescriptor()).Of(field), index, &json);
  const Limits limits = NoLimits();
  v1::Value value;
  std::vector<Problem> problems;
  Parser(json, limits, &problems, nullptr).ParseValue(&value);
  return value;
}

const FieldDescriptor* FindField(const google::protobuf::Descriptor& message,
                                 std::string_view key) {
  const KeySchema* const found = SchemaOf(message).Find(key);
  return found == nullptr ? nullptr : found->slot.field;
}

}  // namespace mentat::idea
