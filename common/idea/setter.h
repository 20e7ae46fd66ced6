// A value that is put into many events at one path: what Set() does for each event (finding the
// fields, converting the value) is done once where that is possible.
#ifndef COMMON_IDEA_SETTER_H_
#define COMMON_IDEA_SETTER_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/idea/jpath.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

struct KeySchema;

// Immutable, thread-safe.
class Setter {
 public:
  Setter(Path path, v1::Value value, SetOptions options = {});

  // As Set(event, path, value, options).
  absl::StatusOr<SetResult> Apply(v1::Event* event) const;

  const Path& path() const { return path_; }
  const SetOptions& options() const { return options_; }

 private:
  // Finds the fields and converts the value; leaves `keys_` empty where Set() has to do it.
  void Prepare();
  SetResult Store(google::protobuf::Message* message, const KeySchema& key) const;

  Path path_;
  v1::Value value_;
  SetOptions options_;
  // Of each chunk: objects, and at last a scalar or the end of a list of scalars.
  std::vector<const KeySchema*> keys_;
  std::variant<std::string, int64_t, bool, double> converted_;
};

}  // namespace mentat::idea

#endif  // COMMON_IDEA_SETTER_H_
