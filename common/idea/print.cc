#include "common/idea/print.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "common/idea/json_reader.h"

namespace mentat::idea {
namespace {

using google::protobuf::Message;

bool Has(const Message& message, const KeySchema& key) {
  return key.is_list ? key.slot.reflection->FieldSize(message, key.slot.field) > 0
                     : key.slot.reflection->HasField(message, key.slot.field);
}

// Known keys are plain words.
void AppendKnownKey(std::string_view key, std::string* out) {
  out->append(1, '"').append(key).append("\":");
}

void AppendKnown(const Message& message, const KeySchema& key, std::string* out) {
  AppendKnownKey(key.key, out);
  if (!key.is_list) return AppendItem(message, key, 0, out);
  out->push_back('[');
  const int size = key.slot.reflection->FieldSize(message, key.slot.field);
  for (int i = 0; i < size; ++i) {
    if (i > 0) out->push_back(',');
    AppendItem(message, key, i, out);
  }
  out->push_back(']');
}

}  // namespace

void AppendObject(const Message& message, const ObjectSchema& schema, std::string* out) {
  absl::InlinedVector<const v1::Member*, 16> unknown;
  for (const v1::Member& member : schema.unknown(message)) unknown.push_back(&member);
  std::sort(unknown.begin(), unknown.end(),
            [](const v1::Member* a, const v1::Member* b) { return a->key() < b->key(); });
  out->push_back('{');
  const size_t begin = out->size();
  const auto separate = [&] {
    if (out->size() > begin) out->push_back(',');
  };
  auto next = unknown.begin();
  const auto append_unknown = [&] {
    separate();
    AppendJsonText((*next)->key(), out);
    out->push_back(':');
    AppendValue((*next)->value(), out);
    ++next;
  };
  for (const KeySchema& key : schema.keys) {
    while (next != unknown.end() && (*next)->key() < key.key) append_unknown();
    if (!Has(message, key)) continue;
    separate();
    AppendKnown(message, key, out);
    // The field says what its key is, whatever else a message from elsewhere may hold.
    while (next != unknown.end() && (*next)->key() == key.key) ++next;
  }
  while (next != unknown.end()) append_unknown();
  out->push_back('}');
}

void AppendItem(const Message& message, const KeySchema& key, int index, std::string* out) {
  if (key.object == nullptr) return key.type->print(message, key.slot, index, out);
  const auto& [field, reflection] = key.slot;
  AppendObject(key.is_list ? reflection->GetRepeatedMessage(message, field, index)
                           : reflection->GetMessage(message, field),
               *key.object, out);
}

void AppendValue(const v1::Value& value, std::string* out) {
  switch (value.kind_case()) {
    case v1::Value::KIND_NOT_SET:
      out->append("null");
      break;
    case v1::Value::kBoolean:
      out->append(value.boolean() ? "true" : "false");
      break;
    case v1::Value::kInteger:
      out->append(std::to_string(value.integer()));
      break;
    case v1::Value::kNumber:
      // A message from elsewhere may hold what is no number.
      if (IsJsonNumber(value.number())) {
        out->append(value.number());
      } else {
        AppendJsonText(value.number(), out);
      }
      break;
    case v1::Value::kText:
      AppendJsonText(value.text(), out);
      break;
    case v1::Value::kList: {
      out->push_back('[');
      bool first = true;
      for (const v1::Value& item : value.list().items()) {
        if (!first) out->push_back(',');
        first = false;
        AppendValue(item, out);
      }
      out->push_back(']');
      break;
    }
    case v1::Value::kObject: {
      out->push_back('{');
      bool first = true;
      for (const v1::Member& member : value.object().members()) {
        if (!first) out->push_back(',');
        first = false;
        AppendJsonText(member.key(), out);
        out->push_back(':');
        AppendValue(member.value(), out);
      }
      out->push_back('}');
      break;
    }
  }
}

}  // namespace mentat::idea
