// Paths into events, as rules write them: `Source[1].IP4[*]`, `_Mentat.EventClass`. A chunk is a
// name of letters, digits and underscores, with `[n]` (from 1), `[#]` (the last; `[0]` too) or
// `[*]` (all).
//
// Paths reach the typed fields by their IDEA keys and the unknown keys alike. Writing to a typed
// field converts the value to its type; see SetField() in codec.h.
//
// Stateless functions and plain values, thread-safe as far as the event is not shared.
#ifndef COMMON_IDEA_JPATH_H_
#define COMMON_IDEA_JPATH_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

class Path {
 public:
  enum class Index : unsigned char { kNone, kNumber, kLast, kAll };
  struct Chunk {
    std::string name;
    Index index = Index::kNone;
    size_t number = 0;  // from 1, if the index is kNumber
  };

  // InvalidArgument with the place of what does not belong to a path.
  static absl::StatusOr<Path> Parse(std::string_view text);

  const std::vector<Chunk>& chunks() const { return chunks_; }  // never empty
  const std::string& text() const { return text_; }

 private:
  Path(std::string_view text, std::vector<Chunk> chunks)
      : text_(text), chunks_(std::move(chunks)) {}

  std::string text_;
  std::vector<Chunk> chunks_;
};

// All values that the path leads to, as JSON would show them. A chunk without an index stands for
// all items of a list; lists directly inside lists are not descended.
std::vector<v1::Value> Values(const v1::Event& event, const Path& path);

// The first of them, if there is one.
std::optional<v1::Value> First(const v1::Event& event, const Path& path);

// Whether there is a first value and it is not null: `0`, `false` and `""` exist, `null` and `[]`
// do not.
bool Exists(const v1::Event& event, const Path& path);

enum class SetResult : unsigned char {
  kSet = 0,        // set or appended
  kExists = 1,     // there already, and not to be overwritten
  kDuplicate = 2,  // in the list already, and it is to be unique
};

struct SetOptions {
  bool overwrite = true;
  bool unique = false;  // of values that are appended to a list; as JsonEqual() has it
};

// Sets what the path leads to; objects and lists on the way are made where they are missing. An
// index that the list does not have, and `[*]`, append. InvalidArgument if there is something else
// on the way than the path needs, or `value` cannot be converted to the type of the field; the
// event may have new empty objects then.
absl::StatusOr<SetResult> Set(v1::Event* event, const Path& path, const v1::Value& value,
                              SetOptions options = {});

// Removes what the path leads to, the whole key for `[*]`; what is not there is ignored.
// InvalidArgument if there is something else on the way than the path needs.
absl::Status Unset(v1::Event* event, const Path& path);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_JPATH_H_
