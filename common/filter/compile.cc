#include "common/filter/compile.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/diagnostic.h"
#include "common/filter/literal.h"
#include "common/filter/number.h"

namespace mentat::filter {
namespace {

// How the constant opposite a key is read.
enum class Conversion { kNone, kTime, kStorageTime, kIp4, kIp6 };

struct KeyConversion {
  std::string_view key;
  Conversion conversion;
};

constexpr auto kKeys = std::to_array<KeyConversion>({
    {"CreateTime", Conversion::kTime},
    {"DetectTime", Conversion::kTime},
    {"EventTime", Conversion::kTime},
    {"CeaseTime", Conversion::kTime},
    {"WinStartTime", Conversion::kTime},
    {"WinEndTime", Conversion::kTime},
    {"_CESNET.StorageTime", Conversion::kStorageTime},
    {"_Mentat.StorageTime", Conversion::kStorageTime},
    {"Source.IP4", Conversion::kIp4},
    {"Target.IP4", Conversion::kIp4},
    {"Source.IP6", Conversion::kIp6},
    {"Target.IP6", Conversion::kIp6},
});

// The path without its `[digits]`.
std::string WithoutIndices(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    const size_t bracket = path.find('[');
    result += path.substr(0, bracket);
    if (bracket == std::string_view::npos) break;
    path.remove_prefix(bracket);
    const size_t end = path.find_first_not_of("0123456789", 1);
    if (end > 1 && end < path.size() && path[end] == ']') {
      path.remove_prefix(end + 1);
    } else {
      result += '[';
      path.remove_prefix(1);
    }
  }
  return result;
}

Conversion ConversionOf(const Node& key) {
  if (key.kind == Node::Kind::kCall) {
    return key.text == "utcnow" ? Conversion::kTime : Conversion::kNone;
  }
  const std::string path = WithoutIndices(key.text);
  const auto found = std::find_if(kKeys.begin(), kKeys.end(),
                                  [&](const KeyConversion& entry) { return entry.key == path; });
  return found == kKeys.end() ? Conversion::kNone : found->conversion;
}

absl::StatusOr<Value> Convert(Conversion conversion, Operator op, const Value& value) {
  switch (conversion) {
    case Conversion::kTime:
      return TimeOperand(value);
    case Conversion::kStorageTime:
      // Rules compare it with Unix seconds, which is how it stands in events.
      if (IsComparison(op) && value.IsNumber()) return UnixTimeOperand(value);
      return TimeOperand(value);
    case Conversion::kIp4:
      return AddressOperand(idea::Family::kIp4, value);
    case Conversion::kIp6:
      return AddressOperand(idea::Family::kIp6, value);
    case Conversion::kNone:
      return value;
  }
  return value;
}

bool IsConstantOrList(const Node& node) {
  return node.kind == Node::Kind::kConstant || node.kind == Node::Kind::kList;
}

bool IsNumberConstant(const Node& node) {
  return node.kind == Node::Kind::kConstant &&
         (node.literal == TokenKind::kInteger || node.literal == TokenKind::kFloat);
}

class Compiler {
 public:
  explicit Compiler(Ast* ast) : ast_(*ast), compiled_(ast->nodes.size(), kNoNode) {}

  absl::Status Run() {
    // Children stand before their parents.
    for (NodeId id = 0; id < compiled_.size(); ++id) {
      ASSIGN_OR_RETURN(compiled_[id], CompileNode(id));
    }
    ast_.root = compiled_[ast_.root];
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<NodeId> CompileNode(NodeId id) {
    switch (ast_[id].kind) {
      case Node::Kind::kConstant:
        return CompileLiteral(id);
      case Node::Kind::kVariable:
      case Node::Kind::kList:
      case Node::Kind::kCall:  // keeps its argument as it was written
        return id;
      case Node::Kind::kNot:
      case Node::Kind::kExists: {
        if (compiled_[ast_[id].left] == ast_[id].left) return id;
        Node node = ast_[id];
        node.left = compiled_[node.left];
        return Add(std::move(node));
      }
      case Node::Kind::kBinary:
        return CompileBinary(id);
    }
    return id;
  }

  absl::StatusOr<NodeId> CompileLiteral(NodeId id) {
    absl::StatusOr<Value> value = TypedLiteral(ast_[id].literal, ast_[id].text, ast_[id].value);
    if (!value.ok()) return Error(ast_[id].offset, value.status());
    Node node = ast_[id];
    node.value = *std::move(value);
    return Add(std::move(node));
  }

  absl::StatusOr<NodeId> CompileBinary(NodeId id) {
    Node node = ast_[id];
    node.left = compiled_[node.left];
    node.right = compiled_[node.right];
    if (IsComparison(node.op) || IsArithmetic(node.op)) {
      const Node& left = ast_[node.left];
      const Node& right = ast_[node.right];
      if (IsArithmetic(node.op) && IsNumberConstant(left) && IsNumberConstant(right)) {
        return Add({.kind = Node::Kind::kConstant,
                    .literal = TokenKind::kInteger,
                    .offset = left.offset,
                    .value = Arithmetic(node.op, left.value, right.value)});
      }
      RETURN_IF_ERROR(ConvertOpposite(&node));
    }
    return Add(std::move(node));
  }

  // The first case that fits: variable and constant, constant and variable, the same with a call.
  absl::Status ConvertOpposite(Node* node) {
    for (const Node::Kind key : {Node::Kind::kVariable, Node::Kind::kCall}) {
      if (ast_[node->left].kind == key && IsConstantOrList(ast_[node->right])) {
        return ConvertRight(node);
      }
      if (ast_[node->right].kind == key && IsConstantOrList(ast_[node->left])) {
        std::swap(node->left, node->right);
        node->swapped = true;
        return ConvertRight(node);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ConvertRight(Node* node) {
    const Node& key = ast_[node->left];
    const Conversion conversion = ConversionOf(key);
    if (conversion == Conversion::kNone) return absl::OkStatus();
    Node constant = ast_[node->right];
    if (constant.kind == Node::Kind::kConstant) {
      absl::StatusOr<Value> value = Convert(conversion, node->op, constant.value);
      if (!value.ok()) return Error(constant.offset, value.status(), key.text);
      constant.value = *std::move(value);
    } else {
      std::vector<Value> values;
      values.reserve(constant.items.size());
      for (size_t i = 0; i < constant.items.size(); ++i) {
        const ListItem& item = constant.items[i];
        absl::StatusOr<Value> value = Convert(conversion, node->op, constant.value.list()[i]);
        if (item.kind == TokenKind::kVariable) {
          value = absl::InvalidArgumentError(
              absl::StrCat("the name `", item.text, "` stands where a value is needed"));
        }
        if (!value.ok()) return Error(item.offset, value.status(), key.text);
        values.push_back(*std::move(value));
      }
      constant.value = Value::List(std::move(values));
      constant.items.clear();
      constant.address_list = conversion == Conversion::kIp4 || conversion == Conversion::kIp6;
    }
    ASSIGN_OR_RETURN(node->right, Add(std::move(constant)));
    return absl::OkStatus();
  }

  absl::StatusOr<NodeId> Add(Node node) {
    ast_.nodes.push_back(std::move(node));
    return static_cast<NodeId>(ast_.nodes.size() - 1);
  }

  absl::Status Error(size_t offset, const absl::Status& status, std::string_view key = "") const {
    const std::string opposite =
        key.empty() ? ""
                    : absl::StrCat(" (opposite `", absl::string_view(key.data(), key.size()), "`)");
    return ErrorAt(Stage::kCompile, ast_.text, offset, absl::StrCat(status.message(), opposite));
  }

  Ast& ast_;
  std::vector<NodeId> compiled_;
};

}  // namespace

absl::Status CompileForEvents(Ast* ast) { return Compiler(ast).Run(); }

}  // namespace mentat::filter
