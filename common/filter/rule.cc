#include "common/filter/rule.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/diagnostic.h"

namespace mentat::filter {
namespace {

class Preparation {
 public:
  Preparation(Rule* rule, const FunctionTable& functions)
      : rule_(*rule), ast_(rule->ast), functions_(functions) {}

  absl::Status Run() {
    for (const NodeId id : EvaluationOrder(ast_, ast_.root)) {
      const Node& node = ast_[id];
      if (node.kind == Node::Kind::kVariable) {
        rule_.paths.emplace(id, EventPath::Parse(node.text));
      } else if (node.kind == Node::Kind::kCall) {
        const FunctionTable::Entry* const entry = functions_.Find(node.text);
        if (entry != nullptr) rule_.functions.emplace(id, *entry);
      } else if (node.kind == Node::Kind::kBinary && node.op == Operator::kLike) {
        RETURN_IF_ERROR(PreparePatterns(id));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status PreparePatterns(NodeId id) {
    const Node& operand = ast_[ast_[id].right];
    if (operand.kind != Node::Kind::kConstant && operand.kind != Node::Kind::kList) {
      return absl::OkStatus();
    }
    std::vector<absl::StatusOr<Pattern>>& patterns = rule_.patterns[id];
    if (operand.kind == Node::Kind::kConstant) {
      return Prepare(operand.value, operand.offset, &patterns);
    }
    const std::vector<Value>& items = operand.value.list();
    for (size_t i = 0; i < items.size(); ++i) {
      const size_t offset = operand.items.empty() ? operand.offset : operand.items[i].offset;
      RETURN_IF_ERROR(Prepare(items[i], offset, &patterns));
    }
    return absl::OkStatus();
  }

  absl::Status Prepare(const Value& value, size_t offset,
                       std::vector<absl::StatusOr<Pattern>>* patterns) {
    if (!value.IsText()) {
      // Never looked at: `like` refuses the operand first.
      patterns->push_back(absl::InvalidArgumentError("not a text"));
      return absl::OkStatus();
    }
    if (++count_ > rule_.limits.max_patterns) {
      return ErrorAt(Stage::kCompile, ast_.text, offset,
                     absl::StrCat("the rule has more patterns than the limit max_patterns, ",
                                  rule_.limits.max_patterns));
    }
    absl::StatusOr<Pattern> pattern = Pattern::Compile(value.text(), rule_.limits);
    if (absl::IsUnimplemented(pattern.status())) {
      const absl::string_view message = pattern.status().message();
      return ErrorAt(Stage::kCompile, ast_.text, offset, {message.data(), message.size()});
    }
    patterns->push_back(std::move(pattern));
    return absl::OkStatus();
  }

  Rule& rule_;
  const Ast& ast_;
  const FunctionTable& functions_;
  size_t count_ = 0;
};

}  // namespace

absl::StatusOr<Rule> PrepareRule(Ast ast, const Limits& limits, Clock clock,
                                 const FunctionTable& functions) {
  Rule rule{.ast = std::move(ast), .limits = limits, .clock = std::move(clock)};
  RETURN_IF_ERROR(Preparation(&rule, functions).Run());
  return rule;
}

}  // namespace mentat::filter
