#include "common/idea/setter.h"

#include <memory>
#include <type_traits>
#include <utility>

#include "common/idea/codec.h"
#include "common/idea/schema.h"

namespace mentat::idea {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Index = Path::Index;

// Whether the list holds that value already.
template <typename T>
bool Contains(const Message& message, const Slot& slot, const T& value) {
  const auto [field, reflection] = slot;
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    if constexpr (std::is_same_v<T, std::string>) {
      std::string scratch;
      if (reflection->GetRepeatedStringReference(message, field, i, &scratch) == value) return true;
    } else if constexpr (std::is_same_v<T, int64_t>) {
      if (reflection->GetRepeatedInt64(message, field, i) == value) return true;
    } else if constexpr (std::is_same_v<T, bool>) {
      if (reflection->GetRepeatedBool(message, field, i) == value) return true;
    } else {
      if (reflection->GetRepeatedDouble(message, field, i) == value) return true;
    }
  }
  return false;
}

template <typename T>
void StoreScalar(Message* message, const Slot& slot, const T& value) {
  const auto [field, reflection] = slot;
  const bool list = field->is_repeated();
  if constexpr (std::is_same_v<T, std::string>) {
    list ? reflection->AddString(message, field, value)
         : reflection->SetString(message, field, value);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    list ? reflection->AddInt64(message, field, value)
         : reflection->SetInt64(message, field, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    list ? reflection->AddBool(message, field, value) : reflection->SetBool(message, field, value);
  } else {
    list ? reflection->AddDouble(message, field, value)
         : reflection->SetDouble(message, field, value);
  }
}

}  // namespace

Setter::Setter(Path path, v1::Value value, SetOptions options)
    : path_(std::move(path)), value_(std::move(value)), options_(options) {
  Prepare();
}

void Setter::Prepare() {
  std::vector<const KeySchema*> keys;
  const ObjectSchema* schema = &EventSchema();
  for (const Path::Chunk& chunk : path_.chunks()) {
    if (schema == nullptr) return;
    const KeySchema* const key = schema->Find(chunk.name);
    if (key == nullptr) return;
    const bool is_last = keys.size() + 1 == path_.chunks().size();
    const Index index = is_last && key->is_list ? Index::kAll : Index::kNone;
    if (chunk.index != index || (key->object != nullptr) == is_last) return;
    if (!is_last && key->is_list) return;
    keys.push_back(key);
    schema = key->object;
  }
  const auto& [field, reflection] = keys.back()->slot;
  const std::unique_ptr<Message> aside(google::protobuf::MessageFactory::generated_factory()
                                           ->GetPrototype(field->containing_type())
                                           ->New());
  if (!SetField(*field, value_, aside.get()).ok()) return;
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      converted_ = list ? reflection->GetRepeatedString(*aside, field, 0)
                        : reflection->GetString(*aside, field);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      converted_ = list ? reflection->GetRepeatedInt64(*aside, field, 0)
                        : reflection->GetInt64(*aside, field);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      converted_ =
          list ? reflection->GetRepeatedBool(*aside, field, 0) : reflection->GetBool(*aside, field);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      converted_ = list ? reflection->GetRepeatedDouble(*aside, field, 0)
                        : reflection->GetDouble(*aside, field);
      break;
    default:
      return;  // addresses, which tags hardly ever write
  }
  keys_ = std::move(keys);
}

absl::StatusOr<SetResult> Setter::Apply(v1::Event* event) const {
  Message* message = event;
  const ObjectSchema* schema = &EventSchema();
  for (const KeySchema* key : keys_) {
    // The key may be held as an untyped one: an empty list, or what its field cannot hold.
    if (FindMember(schema->unknown(*message), key->key) != nullptr) break;
    if (key == keys_.back()) return Store(message, *key);
    message = key->slot.reflection->MutableMessage(message, key->slot.field);
    schema = key->object;
  }
  return Set(event, path_, value_, options_);
}

SetResult Setter::Store(Message* message, const KeySchema& key) const {
  const Slot& slot = key.slot;
  if (!key.is_list && !options_.overwrite && slot.reflection->HasField(*message, slot.field)) {
    return SetResult::kExists;
  }
  return std::visit(
      [&](const auto& value) {
        if (key.is_list && options_.unique && Contains(*message, slot, value)) {
          return SetResult::kDuplicate;
        }
        StoreScalar(message, slot, value);
        return SetResult::kSet;
      },
      converted_);
}

}  // namespace mentat::idea
