#include "common/filter/explain.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/filter/format.h"

namespace mentat::filter {
namespace {

constexpr size_t kMaxDepth = 300;       // of the parts shown
constexpr size_t kMaxExpression = 400;  // bytes shown of one
constexpr size_t kMaxValue = 200;

bool IsLogic(const Node& node) {
  return node.kind == Node::Kind::kNot || node.kind == Node::Kind::kExists ||
         (node.kind == Node::Kind::kBinary && LevelOf(node.op) < Level::kNot);
}

// At most `size` bytes, cut between characters.
std::string Shortened(std::string text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size) + "…";
}

class Explainer {
 public:
  Explainer(const Rule& rule, const Evaluator& evaluator, const Document& document)
      : ast_(rule.ast) {
    std::vector<Value> values;
    const absl::StatusOr<Value> result = evaluator.Trace(document, &values);
    const std::vector<NodeId> nodes = evaluator.nodes();
    for (size_t i = 0; i < values.size(); ++i) values_[nodes[i]] = std::move(values[i]);
    if (!result.ok()) {
      failed_ = nodes[values.size()];
      const absl::string_view message = result.status().message();
      error_ = std::string(message.substr(0, message.find('\n')));
    }
  }

  Explanation Run(NodeId id, bool deciding, size_t depth = 0) const {
    const Node& node = ast_[id];
    Explanation explanation{.expression = Shortened(FormatLine(ast_, id), kMaxExpression)};
    if (const auto value = values_.find(id); value != values_.end()) {
      explanation.value = value->second;
    } else if (id == failed_) {
      explanation.error = error_;
      deciding = true;
    }
    explanation.deciding = deciding;
    if (depth >= kMaxDepth) return explanation;
    const std::vector<NodeId> children = Children(id);
    const NodeId decider = Decider(id, children);
    for (const NodeId child : children) {
      const bool decides = deciding && IsLogic(node) && (decider == kNoNode || decider == child);
      explanation.children.push_back(Run(child, decides, depth + 1));
    }
    return explanation;
  }

 private:
  // The operands; those of a chain of the same logical operator side by side. Constants need no
  // explanation.
  std::vector<NodeId> Children(NodeId id) const {
    const Node& node = ast_[id];
    std::vector<NodeId> children;
    if (node.kind == Node::Kind::kBinary && (IsOr(node.op) || IsAnd(node.op))) {
      NodeId part = id;
      for (; ast_[part].kind == Node::Kind::kBinary && ast_[part].op == node.op;
           part = ast_[part].right) {
        children.push_back(ast_[part].left);
      }
      children.push_back(part);
      return children;
    }
    for (const NodeId child : {node.left, node.right}) {
      if (child == kNoNode) continue;
      const Node::Kind kind = ast_[child].kind;
      if (IsLogic(node) || (kind != Node::Kind::kConstant && kind != Node::Kind::kList)) {
        children.push_back(child);
      }
    }
    return children;
  }

  // The one operand on which the result of an expression hangs: of a true `or` the first true one,
  // of a false `and` the first false one, after an error the one that failed; kNoNode if it hangs
  // on all of them.
  NodeId Decider(NodeId id, const std::vector<NodeId>& operands) const {
    const Node& node = ast_[id];
    const auto own = values_.find(id);
    if (own == values_.end()) {
      const auto failed = std::find_if(operands.begin(), operands.end(), [&](NodeId operand) {
        return values_.find(operand) == values_.end();
      });
      return failed == operands.end() ? kNoNode : *failed;
    }
    if (node.kind != Node::Kind::kBinary) return kNoNode;
    const bool truth = own->second.Truth();
    if (!(IsOr(node.op) && truth) && !(IsAnd(node.op) && !truth)) return kNoNode;
    for (const NodeId operand : operands) {
      if (values_.at(operand).Truth() == truth) return operand;
    }
    return kNoNode;
  }

  const Ast& ast_;
  std::unordered_map<NodeId, Value> values_;
  NodeId failed_ = kNoNode;
  std::string error_;
};

void Append(const Explanation& explanation, size_t depth, std::string* out) {
  std::string value = "not evaluated";
  if (explanation.value) {
    value = Shortened(ToJson(*explanation.value), kMaxValue);
  } else if (!explanation.error.empty()) {
    value = "error: " + explanation.error;
  }
  absl::StrAppend(out, explanation.deciding ? "* " : "  ", std::string(2 * depth, ' '),
                  explanation.expression, "  =>  ", value, "\n");
  for (const Explanation& child : explanation.children) Append(child, depth + 1, out);
}

}  // namespace

Explanation Explain(const Rule& rule, const Evaluator& evaluator, const Document& document) {
  return Explainer(rule, evaluator, document).Run(rule.ast.root, /*deciding=*/true);
}

std::string Format(const Explanation& explanation) {
  std::string out;
  Append(explanation, 0, &out);
  return out;
}

}  // namespace mentat::filter
