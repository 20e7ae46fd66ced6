// What the descriptors of proto/mentat/idea/v1 say about events, made ready for fast look-up.
// Part of the codec.
#ifndef COMMON_IDEA_SCHEMA_H_
#define COMMON_IDEA_SCHEMA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/types.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

using UnknownKeys = google::protobuf::RepeatedPtrField<v1::Member>;

struct ObjectSchema;

// One known key of an object.
struct KeySchema {
  std::string_view key;
  Slot slot;
  const Type* type;            // of a scalar
  const ObjectSchema* object;  // of an object, else null
  bool is_list;
  bool is_mandatory;
  bool is_own;   // not in IDEA0
  uint64_t bit;  // of its own among the keys of the object

  std::string_view expected() const { return object != nullptr ? "an object" : type->expected; }
};

// The known keys of one kind of object.
struct ObjectSchema {
  std::vector<KeySchema> keys;  // sorted
  uint64_t mandatory = 0;       // the bits of those keys
  const UnknownKeys& (*unknown)(const google::protobuf::Message& message);
  UnknownKeys* (*mutable_unknown)(google::protobuf::Message* message);

  // Null if the key is not known.
  const KeySchema* Find(std::string_view key) const {
    for (size_t i = Hash(key);; ++i) {
      const KeySchema* const candidate = table[i % kTableSize];
      if (candidate == nullptr || candidate->key == key) return candidate;
    }
  }
  // The known key that `key` is but for the case of letters.
  const KeySchema* FindOtherCase(std::string_view key) const;
  const KeySchema& Of(const google::protobuf::FieldDescriptor& field) const;

  static constexpr size_t kTableSize = 256;
  static size_t Hash(std::string_view key) {
    if (key.empty()) return 0;
    return key.size() * 41 + static_cast<unsigned char>(key.front()) * 7 +
           static_cast<unsigned char>(key[key.size() / 2]) * 3 +
           static_cast<unsigned char>(key.back());
  }
  std::array<const KeySchema*, kTableSize> table{};  // open addressing, ever sparse
};

// Of the messages Event, SourceTarget, Attach, Node, Annotations.
const ObjectSchema& SchemaOf(const google::protobuf::Descriptor& message);
const ObjectSchema& EventSchema();

// The value of a key; null if it is not there.
const v1::Value* FindMember(const UnknownKeys& members, std::string_view key);
v1::Value* FindMember(UnknownKeys* members, std::string_view key);
// Removes the key; false if it is not there.
bool RemoveMember(UnknownKeys* members, std::string_view key);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_SCHEMA_H_
