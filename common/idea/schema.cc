#include "common/idea/schema.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/match.h"

namespace mentat::idea {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

template <typename T>
const UnknownKeys& UnknownOf(const Message& message) {
  return static_cast<const T&>(message).unknown();
}

template <typename T>
UnknownKeys* MutableUnknownOf(Message* message) {
  return static_cast<T*>(message)->mutable_unknown();
}

// All objects of an event, built once from the descriptors.
class Schemas {
 public:
  Schemas() {
    event_ = Add(*v1::Event::descriptor(), false);
    TellUnknownKeys<v1::Event>();
    TellUnknownKeys<v1::SourceTarget>();
    TellUnknownKeys<v1::Attach>();
    TellUnknownKeys<v1::Node>();
    TellUnknownKeys<v1::Annotations>();
  }

  const ObjectSchema& event() const { return *event_; }
  const ObjectSchema& Of(const Descriptor& message) const { return *objects_.at(&message); }

 private:
  const ObjectSchema* Add(const Descriptor& message, bool own) {
    std::unique_ptr<ObjectSchema>& object = objects_[&message];
    if (object != nullptr) return object.get();
    object = std::make_unique<ObjectSchema>();
    const auto* const reflection = google::protobuf::MessageFactory::generated_factory()
                                       ->GetPrototype(&message)
                                       ->GetReflection();
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor* const field = message.field(i);
      const v1::IdeaType type = field->options().GetExtension(v1::idea_type);
      if (type == v1::IDEA_TYPE_UNKNOWN_KEYS) {
        continue;
      }
      const bool is_own = own || field->options().GetExtension(v1::own);
      object->keys.push_back({
          .key = field->json_name(),
          .slot = {field, reflection},
          .type = &TypeOf(type),
          .object =
              type == v1::IDEA_TYPE_UNSPECIFIED ? Add(*field->message_type(), is_own) : nullptr,
          .is_list = field->is_repeated(),
          .is_mandatory = field->options().GetExtension(v1::mandatory),
          .is_own = is_own,
          .bit = uint64_t{1} << i,
      });
    }
    assert(message.field_count() <= 64);
    std::sort(object->keys.begin(), object->keys.end(),
              [](const KeySchema& a, const KeySchema& b) { return a.key < b.key; });
    for (const KeySchema& key : object->keys) {
      if (key.is_mandatory) object->mandatory |= key.bit;
      size_t i = ObjectSchema::Hash(key.key);
      while (object->table[i % ObjectSchema::kTableSize] != nullptr) ++i;
      object->table[i % ObjectSchema::kTableSize] = &key;
    }
    return object.get();
  }

  template <typename T>
  void TellUnknownKeys() {
    ObjectSchema& object = *objects_.at(T::descriptor());
    object.unknown = UnknownOf<T>;
    object.mutable_unknown = MutableUnknownOf<T>;
  }

  std::map<const Descriptor*, std::unique_ptr<ObjectSchema>> objects_;
  const ObjectSchema* event_;
};

const Schemas& AllSchemas() {
  static const Schemas& schemas = *new Schemas;  // never destroyed: threads may outlive main()
  return schemas;
}

auto Position(const UnknownKeys& members, std::string_view key) {
  return std::find_if(members.begin(), members.end(),
                      [&](const v1::Member& member) { return member.key() == key; });
}

}  // namespace

const KeySchema* ObjectSchema::FindOtherCase(std::string_view key) const {
  for (const KeySchema& candidate : keys) {
    if (candidate.key.size() == key.size() &&
        absl::EqualsIgnoreCase({candidate.key.data(), candidate.key.size()},
                               {key.data(), key.size()})) {
      return &candidate;
    }
  }
  return nullptr;
}

const KeySchema& ObjectSchema::Of(const FieldDescriptor& field) const {
  const KeySchema* const key = Find(field.json_name());
  assert(key != nullptr && key->slot.field == &field);
  return *key;
}

const ObjectSchema& SchemaOf(const Descriptor& message) { return AllSchemas().Of(message); }

const ObjectSchema& EventSchema() { return AllSchemas().event(); }

const v1::Value* FindMember(const UnknownKeys& members, std::string_view key) {
  const auto member = Position(members, key);
  return member == members.end() ? nullptr : &member->value();
}

v1::Value* FindMember(UnknownKeys* members, std::string_view key) {
  const auto member = Position(*members, key);
  return member == members->end()
             ? nullptr
             : members->Mutable(static_cast<int>(member - members->begin()))->mutable_value();
}

bool RemoveMember(UnknownKeys* members, std::string_view key) {
  const auto member = Position(*members, key);
  if (member == members->end()) return false;
  members->erase(members->begin() + (member - members->begin()));
  return true;
}

}  // namespace mentat::idea
