#include "common/filter/evaluate.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/compare.h"
#include "common/filter/diagnostic.h"
#include "common/filter/number.h"

namespace mentat::filter {
namespace {

bool IsConstant(const Node& node) {
  return node.kind == Node::Kind::kConstant || node.kind == Node::Kind::kList;
}

Value Not(const Value& value) {
  return value.IsNothing() ? Value() : Value::Boolean(!value.Truth());
}

Value Xor(const Value& left, const Value& right) {
  return left.Truth() ? Value::Boolean(!right.Truth()) : right;
}

}  // namespace

Evaluator::Evaluator(const Rule& rule, NodeId root) : rule_(&rule) {
  std::unordered_map<NodeId, uint32_t> step_of;
  for (const NodeId id : EvaluationOrder(rule.ast, root)) {
    const Node& node = rule.ast[id];
    Step step{.id = id, .node = &node};
    if (node.left != kNoNode) step.left = step_of.at(node.left);
    if (node.right != kNoNode) step.right = step_of.at(node.right);
    if (const auto path = rule.paths.find(id); path != rule.paths.end()) step.path = &path->second;
    if (const auto patterns = rule.patterns.find(id); patterns != rule.patterns.end()) {
      step.patterns = &patterns->second;
    }
    if (const auto call = rule.functions.find(id); call != rule.functions.end()) {
      step.function = &call->second.function;
    }
    step_of[id] = static_cast<uint32_t>(steps_.size());
    steps_.push_back(step);
  }
}

std::vector<NodeId> Evaluator::nodes() const {
  std::vector<NodeId> ids;
  ids.reserve(steps_.size());
  for (const Step& step : steps_) ids.push_back(step.id);
  return ids;
}

const Value& Evaluator::Operand(uint32_t step, const std::vector<Value>& slots) const {
  const Node& node = *steps_[step].node;
  return IsConstant(node) ? node.value : slots[step];
}

absl::StatusOr<Value> Evaluator::Evaluate(const Document& document) const {
  std::vector<Value> slots;
  slots.reserve(steps_.size());
  RETURN_IF_ERROR(Run(document, &slots));
  return Operand(static_cast<uint32_t>(steps_.size() - 1), slots);
}

absl::StatusOr<Value> Evaluator::Trace(const Document& document, std::vector<Value>* values) const {
  values->clear();
  const absl::Status status = Run(document, values);
  for (size_t i = 0; i < values->size(); ++i) (*values)[i] = Operand(i, *values);
  if (!status.ok()) return status;
  return values->back();
}

absl::Status Evaluator::Run(const Document& document, std::vector<Value>* slots) const {
  for (const Step& step : steps_) {
    absl::StatusOr<Value> value = Carry(step, document, *slots);
    if (!value.ok()) {
      const absl::string_view message = value.status().message();
      return ErrorAt(Stage::kEvaluate, rule_->ast.text, step.node->offset,
                     {message.data(), message.size()});
    }
    slots->push_back(*std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Evaluator::Carry(const Step& step, const Document& document,
                                       const std::vector<Value>& slots) const {
  const Node& node = *step.node;
  switch (node.kind) {
    case Node::Kind::kConstant:
    case Node::Kind::kList:
      return Value();
    case Node::Kind::kVariable:
      if (!step.path->ok()) return step.path->status();
      return Value::List((*step.path)->Read(document));
    case Node::Kind::kCall:
      if (step.function == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("there is no function `", node.text, "`"));
      }
      return (*step.function)(node.left == kNoNode ? nullptr : &Operand(step.left, slots),
                              rule_->clock);
    case Node::Kind::kNot:
      return Not(Operand(step.left, slots));
    case Node::Kind::kExists:
      return Operand(step.left, slots);
    case Node::Kind::kBinary:
      return Binary(step, Operand(step.left, slots), Operand(step.right, slots));
  }
  return Value();
}

absl::StatusOr<Value> Evaluator::Binary(const Step& step, const Value& left,
                                        const Value& right) const {
  const Operator op = step.node->op;
  if (IsOr(op)) return left.Truth() ? left : right;
  if (IsAnd(op)) return left.Truth() ? right : left;
  if (IsXor(op)) return Xor(left, right);
  if (IsArithmetic(op)) return Arithmetic(op, left, right);
  return Compare(op, left, right,
                 {.address_list = steps_[step.right].node->address_list,
                  .patterns = step.patterns,
                  .limits = rule_->limits});
}

}  // namespace mentat::filter
