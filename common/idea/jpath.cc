#include "common/idea/jpath.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "common/base/status_macros.h"
#include "common/idea/codec.h"
#include "common/idea/json_equal.h"
#include "common/idea/schema.h"

namespace mentat::idea {
namespace {

using google::protobuf::Message;
using google::protobuf::RepeatedPtrField;
using Chunk = Path::Chunk;
using Index = Path::Index;

// The chunks that are still to go, and the path as a whole for messages.
class Rest {
 public:
  explicit Rest(const Path& path) : path_(&path), at_(0) {}

  const Chunk& chunk() const { return path_->chunks()[at_]; }
  bool is_last() const { return at_ + 1 == path_->chunks().size(); }
  Rest next() const { return Rest(*path_, at_ + 1); }

  absl::Status Expected(std::string_view what) const {
    std::string message = "path ";
    message.append(path_->text()).append(": expected ").append(what).append(" under ");
    return absl::InvalidArgumentError(message.append(chunk().name));
  }

 private:
  Rest(const Path& path, size_t at) : path_(&path), at_(at) {}

  const Path* path_;
  size_t at_;
};

// The place, from 0, that an index means in a list of `size` items; nothing if there is none.
std::optional<int> PlaceOf(const Chunk& chunk, int size) {
  if (chunk.index == Index::kLast && size > 0) return size - 1;
  if (chunk.index == Index::kNumber && chunk.number <= static_cast<size_t>(size)) {
    return static_cast<int>(chunk.number) - 1;
  }
  return std::nullopt;
}

// The places that a chunk leads to in a list of `size` items, as a first and an end.
std::pair<int, int> PlacesOf(const Chunk& chunk, int size) {
  if (chunk.index == Index::kNone || chunk.index == Index::kAll) return {0, size};
  const std::optional<int> place = PlaceOf(chunk, size);
  return place ? std::pair(*place, *place + 1) : std::pair(0, 0);
}

bool IsTrue(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kBoolean:
      return value.boolean();
    case v1::Value::kInteger:
      return value.integer() != 0;
    case v1::Value::kNumber: {
      // Zero, however it is written, has no other digit before its exponent.
      const std::string digits = value.number().substr(0, value.number().find_first_of("eE"));
      return digits.find_first_of("123456789") != std::string::npos;
    }
    case v1::Value::kText:
      return !value.text().empty();
    case v1::Value::kList:
      return !value.list().items().empty();
    case v1::Value::kObject:
      return !value.object().members().empty();
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return false;
}

bool IsEmptyList(const v1::Value& value) {
  return value.has_list() && value.list().items().empty();
}

bool Contains(const v1::List& list, const v1::Value& value) {
  return std::any_of(list.items().begin(), list.items().end(),
                     [&](const v1::Value& item) { return JsonEqual(item, value); });
}

// ---- Untyped: the members of a JSON object.

void ReadMembers(const UnknownKeys& members, Rest rest, std::vector<v1::Value>* values);

void ReadValue(const v1::Value& value, Rest rest, std::vector<v1::Value>* values) {
  if (rest.is_last()) {
    values->push_back(value);
  } else if (value.has_object()) {
    ReadMembers(value.object().members(), rest.next(), values);
  }
}

void ReadMembers(const UnknownKeys& members, Rest rest, std::vector<v1::Value>* values) {
  const v1::Value* const value = FindMember(members, rest.chunk().name);
  if (value == nullptr) return;
  if (value->has_list()) {
    const auto [first, end] = PlacesOf(rest.chunk(), value->list().items_size());
    for (int i = first; i < end; ++i) ReadValue(value->list().items(i), rest, values);
  } else if (rest.chunk().index == Index::kNone) {
    ReadValue(*value, rest, values);
  }
}

absl::StatusOr<SetResult> SetMember(UnknownKeys* members, Rest rest, const v1::Value& value,
                                    SetOptions options);

absl::StatusOr<SetResult> SetInList(v1::List* list, Rest rest, const v1::Value& value,
                                    SetOptions options) {
  const std::optional<int> place = PlaceOf(rest.chunk(), list->items_size());
  if (!rest.is_last()) {
    if (place && !list->items(*place).has_object()) return rest.Expected("an object");
    v1::Value* const item = place ? list->mutable_items(*place) : list->add_items();
    return SetMember(item->mutable_object()->mutable_members(), rest.next(), value, options);
  }
  if (place) {
    if (!options.overwrite && IsTrue(list->items(*place))) return SetResult::kExists;
    *list->mutable_items(*place) = value;
  } else {
    if (options.unique && Contains(*list, value)) return SetResult::kDuplicate;
    *list->add_items() = value;
  }
  return SetResult::kSet;
}

absl::StatusOr<SetResult> SetMember(UnknownKeys* members, Rest rest, const v1::Value& value,
                                    SetOptions options) {
  v1::Value* member = FindMember(members, rest.chunk().name);
  const bool exists = member != nullptr;
  if (!exists) {
    v1::Member* const added = members->Add();
    added->set_key(rest.chunk().name);
    member = added->mutable_value();
  }
  if (rest.chunk().index != Index::kNone) {
    if (exists && !member->has_list()) return rest.Expected("a list");
    return SetInList(member->mutable_list(), rest, value, options);
  }
  if (rest.is_last()) {
    if (exists && !options.overwrite) return SetResult::kExists;
    *member = value;
    return SetResult::kSet;
  }
  if (exists && !member->has_object()) return rest.Expected("an object");
  return SetMember(member->mutable_object()->mutable_members(), rest.next(), value, options);
}

absl::Status UnsetMember(UnknownKeys* members, Rest rest) {
  const Chunk& chunk = rest.chunk();
  v1::Value* const value = FindMember(members, chunk.name);
  if (value == nullptr) return absl::OkStatus();
  if (chunk.index != Index::kNone && !value->has_list()) return rest.Expected("a list");
  if (rest.is_last() && (chunk.index == Index::kNone || chunk.index == Index::kAll)) {
    RemoveMember(members, chunk.name);
    return absl::OkStatus();
  }
  if (!value->has_list()) {
    if (!value->has_object()) return rest.Expected("an object");
    return UnsetMember(value->mutable_object()->mutable_members(), rest.next());
  }
  v1::List* const list = value->mutable_list();
  const auto [first, end] = PlacesOf(chunk, list->items_size());
  if (rest.is_last()) {
    list->mutable_items()->DeleteSubrange(first, end - first);
    return absl::OkStatus();
  }
  for (int i = first; i < end; ++i) {
    v1::Value* const item = list->mutable_items(i);
    if (!item->has_object()) return rest.Expected("an object");
    RETURN_IF_ERROR(UnsetMember(item->mutable_object()->mutable_members(), rest.next()));
  }
  return absl::OkStatus();
}

// ---- Typed: the fields of a message. A known key may also be held among the unknown ones: an
// empty list, which is like a field without items, or a value that its field cannot hold, which is
// untyped.

// The field of a chunk, null if the key is unknown or its value is held as an untyped one.
const KeySchema* FindTyped(const Message& message, const ObjectSchema& schema, const Chunk& chunk) {
  const KeySchema* const key = schema.Find(chunk.name);
  if (key == nullptr) return nullptr;
  const v1::Value* const held = FindMember(schema.unknown(message), chunk.name);
  return held == nullptr || IsEmptyList(*held) ? key : nullptr;
}

bool IsThere(const Message& message, const ObjectSchema& schema, const KeySchema& key) {
  const auto* reflection = message.GetReflection();
  if (!key.is_list) return reflection->HasField(message, key.slot.field);
  return reflection->FieldSize(message, key.slot.field) > 0 ||
         FindMember(schema.unknown(message), key.key) != nullptr;
}

int SizeOf(const Message& message, const KeySchema& key) {
  return message.GetReflection()->FieldSize(message, key.slot.field);
}

// Holds an empty list, which the field cannot.
void HoldEmptyList(Message* message, const ObjectSchema& schema, const KeySchema& key) {
  if (FindMember(schema.unknown(*message), key.key) != nullptr) return;
  v1::Member* const member = schema.mutable_unknown(message)->Add();
  member->set_key(key.key.data(), key.key.size());
  member->mutable_value()->mutable_list();
}

void ReadMessage(const Message& message, const ObjectSchema& schema, Rest rest,
                 std::vector<v1::Value>* values) {
  const KeySchema* const key = FindTyped(message, schema, rest.chunk());
  if (key == nullptr) return ReadMembers(schema.unknown(message), rest, values);
  const auto* reflection = message.GetReflection();
  int first = 0;
  int end = 0;
  if (key->is_list) {
    std::tie(first, end) = PlacesOf(rest.chunk(), SizeOf(message, *key));
  } else if (rest.chunk().index == Index::kNone && reflection->HasField(message, key->slot.field)) {
    end = 1;
  }
  for (int i = first; i < end; ++i) {
    if (rest.is_last()) {
      values->push_back(GetField(message, *key->slot.field, i));
    } else if (key->object != nullptr) {
      ReadMessage(key->is_list ? reflection->GetRepeatedMessage(message, key->slot.field, i)
                               : reflection->GetMessage(message, key->slot.field),
                  *key->object, rest.next(), values);
    }
  }
}

// Replaces the list of a key as a whole.
absl::Status SetList(Message* message, const ObjectSchema& schema, const KeySchema& key, Rest rest,
                     const v1::Value& value) {
  if (!value.has_list()) return rest.Expected("a list");
  const std::unique_ptr<Message> aside(message->New());
  for (const v1::Value& item : value.list().items()) {
    RETURN_IF_ERROR(SetField(*key.slot.field, item, aside.get()));
  }
  message->GetReflection()->ClearField(message, key.slot.field);
  message->MergeFrom(*aside);
  if (value.list().items().empty()) {
    HoldEmptyList(message, schema, key);
  } else {
    RemoveMember(schema.mutable_unknown(message), key.key);
  }
  return absl::OkStatus();
}

absl::StatusOr<SetResult> SetItem(Message* message, const KeySchema& key, const Chunk& chunk,
                                  const v1::Value& value, SetOptions options) {
  const auto* reflection = message->GetReflection();
  const int size = SizeOf(*message, key);
  const std::optional<int> place = PlaceOf(chunk, size);
  if (place && !options.overwrite && IsTrue(GetField(*message, *key.slot.field, *place))) {
    return SetResult::kExists;
  }
  RETURN_IF_ERROR(SetField(*key.slot.field, value, message));  // appends
  if (place) {
    reflection->SwapElements(message, key.slot.field, *place, size);
    reflection->RemoveLast(message, key.slot.field);
    return SetResult::kSet;
  }
  if (options.unique) {
    // Compared as converted, so that two texts of one address are the same.
    const std::string added = PrintValue(GetField(*message, *key.slot.field, size));
    for (int i = 0; i < size; ++i) {
      if (PrintValue(GetField(*message, *key.slot.field, i)) != added) continue;
      reflection->RemoveLast(message, key.slot.field);
      return SetResult::kDuplicate;
    }
  }
  return SetResult::kSet;
}

absl::StatusOr<SetResult> SetInMessage(Message* message, const ObjectSchema& schema, Rest rest,
                                       const v1::Value& value, SetOptions options) {
  const Chunk& chunk = rest.chunk();
  const KeySchema* const key = FindTyped(*message, schema, chunk);
  if (key == nullptr) {
    // A value that the field cannot hold gives way to one that it can.
    const bool replaces = schema.Find(chunk.name) != nullptr && rest.is_last() &&
                          chunk.index == Index::kNone && options.overwrite;
    if (!replaces) return SetMember(schema.mutable_unknown(message), rest, value, options);
    const KeySchema& known = *schema.Find(chunk.name);
    RETURN_IF_ERROR(known.is_list ? SetList(message, schema, known, rest, value)
                                  : SetField(*known.slot.field, value, message));
    return SetResult::kSet;
  }
  if (chunk.index != Index::kNone && !key->is_list) return rest.Expected("a list");
  if (rest.is_last()) {
    if (chunk.index != Index::kNone) return SetItem(message, *key, chunk, value, options);
    if (!options.overwrite && IsThere(*message, schema, *key)) return SetResult::kExists;
    RETURN_IF_ERROR(key->is_list ? SetList(message, schema, *key, rest, value)
                                 : SetField(*key->slot.field, value, message));
    return SetResult::kSet;
  }
  if (key->object == nullptr || (chunk.index == Index::kNone && key->is_list)) {
    return rest.Expected("an object");
  }
  const auto* reflection = message->GetReflection();
  if (!key->is_list) {
    return SetInMessage(reflection->MutableMessage(message, key->slot.field), *key->object,
                        rest.next(), value, options);
  }
  const std::optional<int> place = PlaceOf(chunk, SizeOf(*message, *key));
  if (!place) RemoveMember(schema.mutable_unknown(message), key->key);
  Message* const item = place ? reflection->MutableRepeatedMessage(message, key->slot.field, *place)
                              : reflection->AddMessage(message, key->slot.field);
  return SetInMessage(item, *key->object, rest.next(), value, options);
}

absl::Status UnsetInMessage(Message* message, const ObjectSchema& schema, Rest rest) {
  const Chunk& chunk = rest.chunk();
  const KeySchema* const key = FindTyped(*message, schema, chunk);
  if (key == nullptr) return UnsetMember(schema.mutable_unknown(message), rest);
  if (!IsThere(*message, schema, *key)) return absl::OkStatus();
  if (chunk.index != Index::kNone && !key->is_list) return rest.Expected("a list");
  const auto* reflection = message->GetReflection();
  if (rest.is_last() && (chunk.index == Index::kNone || chunk.index == Index::kAll)) {
    reflection->ClearField(message, key->slot.field);
    RemoveMember(schema.mutable_unknown(message), key->key);
    return absl::OkStatus();
  }
  const int size = key->is_list ? SizeOf(*message, *key) : 1;
  const auto [first, end] = PlacesOf(chunk, size);
  if (rest.is_last()) {
    if (first == end) return absl::OkStatus();
    for (int i = first; i + 1 < size; ++i)
      reflection->SwapElements(message, key->slot.field, i, i + 1);
    reflection->RemoveLast(message, key->slot.field);
    if (size == 1) HoldEmptyList(message, schema, *key);
    return absl::OkStatus();
  }
  for (int i = first; i < end; ++i) {
    if (key->object == nullptr) return rest.Expected("an object");
    Message* const item = key->is_list
                              ? reflection->MutableRepeatedMessage(message, key->slot.field, i)
                              : reflection->MutableMessage(message, key->slot.field);
    RETURN_IF_ERROR(UnsetInMessage(item, *key->object, rest.next()));
  }
  return absl::OkStatus();
}

bool IsNameCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// An index of digits; one that is too large for any list is the largest number.
Chunk WithNumber(std::string name, std::string_view digits) {
  Chunk chunk{std::move(name), Index::kNumber, 0};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), chunk.number);
  if (error != std::errc()) chunk.number = std::numeric_limits<size_t>::max();
  if (chunk.number == 0) chunk.index = Index::kLast;
  return chunk;
}

}  // namespace

absl::StatusOr<Path> Path::Parse(std::string_view text) {
  // A chunk makes an object and a list, and no event may be nested deeper than kMaxDepth.
  constexpr size_t kMaxChunks = kMaxDepth / 2;
  size_t at = 0;
  const auto fail = [&](std::string_view expected) {
    std::string message = "invalid path \"";
    message.append(text.substr(0, 200)).append("\": expected ").append(expected);
    return absl::InvalidArgumentError(
        message.append(" at character ").append(std::to_string(at + 1)));
  };
  std::vector<Chunk> chunks;
  while (true) {
    if (chunks.size() == kMaxChunks) {
      return fail(std::to_string(kMaxChunks) + " names at most; another one begins");
    }
    const size_t begin = at;
    while (at < text.size() && IsNameCharacter(text[at])) ++at;
    if (at == begin) return fail("a name of letters, digits and underscores");
    std::string name(text.substr(begin, at - begin));
    if (at < text.size() && text[at] == '[') {
      const size_t close = text.find(']', ++at);
      const std::string_view index =
          close == std::string_view::npos ? "" : text.substr(at, close - at);
      const bool is_number = !index.empty() && std::all_of(index.begin(), index.end(), [](char c) {
        return c >= '0' && c <= '9';
      });
      if (index == "#") {
        chunks.push_back({std::move(name), Index::kLast, 0});
      } else if (index == "*") {
        chunks.push_back({std::move(name), Index::kAll, 0});
      } else if (is_number) {
        chunks.push_back(WithNumber(std::move(name), index));
      } else {
        return fail("a number, # or * and a closing bracket");
      }
      at = close + 1;
    } else {
      chunks.push_back({std::move(name), Index::kNone, 0});
    }
    if (at == text.size()) return Path(text, std::move(chunks));
    if (text[at] != '.') return fail("a dot, a bracket or the end");
    ++at;
  }
}

std::vector<v1::Value> Values(const v1::Event& event, const Path& path) {
  std::vector<v1::Value> values;
  ReadMessage(event, EventSchema(), Rest(path), &values);
  return values;
}

std::optional<v1::Value> First(const v1::Event& event, const Path& path) {
  std::vector<v1::Value> values = Values(event, path);
  if (values.empty()) return std::nullopt;
  return std::move(values.front());
}

bool Exists(const v1::Event& event, const Path& path) {
  const std::optional<v1::Value> value = First(event, path);
  return value && value->kind_case() != v1::Value::KIND_NOT_SET;
}

absl::StatusOr<SetResult> Set(v1::Event* event, const Path& path, const v1::Value& value,
                              SetOptions options) {
  return SetInMessage(event, EventSchema(), Rest(path), value, options);
}

absl::Status Unset(v1::Event* event, const Path& path) {
  return UnsetInMessage(event, EventSchema(), Rest(path));
}

}  // namespace mentat::idea
