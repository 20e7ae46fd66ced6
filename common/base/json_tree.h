// A JSON text as a tree whose nodes know the line they stand on, so that whoever reads a file can
// say where something in it is wrong. Lines whose first visible characters are `#` or `//` are
// comments.
//
// Plain values and a stateless function, thread-safe.
#ifndef COMMON_BASE_JSON_TREE_H_
#define COMMON_BASE_JSON_TREE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat {

struct JsonNode {
  enum class Kind { kScalar, kList, kObject };
  struct KeyValue;

  Kind kind = Kind::kScalar;
  int line = 1;            // on which the value begins, counted from 1
  idea::v1::Value scalar;  // null, boolean, number or text
  std::vector<JsonNode> items;
  std::vector<KeyValue> members;  // in their order, a key twice if it is so

  bool IsText() const {
    return kind == Kind::kScalar && scalar.kind_case() == idea::v1::Value::kText;
  }
  bool IsBoolean() const {
    return kind == Kind::kScalar && scalar.kind_case() == idea::v1::Value::kBoolean;
  }

  // What stands here, in a few words: `the text "x"`, `a list`.
  std::string Describe() const;
  // The tree without its lines.
  idea::v1::Value ToValue() const;
};

struct JsonNode::KeyValue {
  std::string key;
  JsonNode value;
};

// InvalidArgument says line, column and what was expected.
absl::StatusOr<JsonNode> ParseJsonTree(std::string_view text);

}  // namespace mentat

#endif  // COMMON_BASE_JSON_TREE_H_
