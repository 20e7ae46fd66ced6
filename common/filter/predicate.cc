#include "common/filter/predicate.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/filter/evaluate.h"
#include "common/filter/field_predicate.h"
#include "common/filter/order_predicate.h"

namespace mentat::filter {
namespace {

using idea::v1::Event;
using Predicates = std::vector<std::unique_ptr<Predicate>>;

Truth TruthOf(const Value& value) {
  if (value.IsNothing()) return Truth::kNothing;
  return value.Truth() ? Truth::kTrue : Truth::kFalse;
}

Truth FromBool(bool value) { return value ? Truth::kTrue : Truth::kFalse; }

// Whether an evaluation of this part may fail, its operands aside.
bool MayFail(const Rule& rule, NodeId id) {
  const Node& node = rule.ast[id];
  switch (node.kind) {
    case Node::Kind::kVariable:
      return !rule.paths.at(id).ok();
    case Node::Kind::kCall:
      return node.left != kNoNode || (node.text != "time" && node.text != "utcnow");
    case Node::Kind::kBinary:
      return IsOrdering(node.op) || node.op == Operator::kLike;
    default:
      return false;
  }
}

// Anything: by the evaluator.
class GeneralPredicate : public Predicate {
 public:
  GeneralPredicate(const Rule& rule, NodeId root) : evaluator_(rule, root) {
    for (const NodeId id : evaluator_.nodes()) can_fail_ |= MayFail(rule, id);
  }
  Truth Test(const Event& event, absl::Status* error) const override {
    const absl::StatusOr<Value> value = evaluator_.Evaluate(Document(event));
    if (value.ok()) return TruthOf(*value);
    *error = value.status();
    return Truth::kError;
  }
  bool can_fail() const override { return can_fail_; }

 private:
  Evaluator evaluator_;
  bool can_fail_ = false;
};

class ConstantPredicate : public Predicate {
 public:
  explicit ConstantPredicate(Truth truth) : truth_(truth) {}
  Truth Test(const Event&, absl::Status*) const override { return truth_; }

 private:
  Truth truth_;
};

class NotPredicate : public Predicate {
 public:
  explicit NotPredicate(std::unique_ptr<Predicate> operand) : operand_(std::move(operand)) {}
  Truth Test(const Event& event, absl::Status* error) const override {
    const Truth truth = operand_->Test(event, error);
    if (truth == Truth::kTrue) return Truth::kFalse;
    return truth == Truth::kFalse ? Truth::kTrue : truth;
  }
  bool can_fail() const override { return operand_->can_fail(); }

 private:
  std::unique_ptr<Predicate> operand_;
};

// A chain of `or` or of `and`: the first operand that decides is the result, else the last one.
class ChainPredicate : public Predicate {
 public:
  ChainPredicate(bool is_or, Predicates operands) : is_or_(is_or), operands_(std::move(operands)) {
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (operands_[i]->can_fail()) last_that_can_fail_ = i + 1;
    }
  }
  Truth Test(const Event& event, absl::Status* error) const override {
    Truth result = Truth::kNothing;
    bool decided = false;
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (decided && i >= last_that_can_fail_) break;
      const Truth truth = operands_[i]->Test(event, error);
      if (truth == Truth::kError) return truth;
      if (decided) continue;
      result = truth;
      decided = (truth == Truth::kTrue) == is_or_;
    }
    return result;
  }
  bool can_fail() const override { return last_that_can_fail_ > 0; }

 private:
  const bool is_or_;
  const Predicates operands_;
  size_t last_that_can_fail_ =
      0;  // counted from 1; what stands behind it has no effect but its value
};

// A chain of `xor`, which groups to the right.
class XorPredicate : public Predicate {
 public:
  explicit XorPredicate(Predicates operands) : operands_(std::move(operands)) {}
  Truth Test(const Event& event, absl::Status* error) const override {
    std::vector<Truth> truths;
    truths.reserve(operands_.size());
    for (const std::unique_ptr<Predicate>& operand : operands_) {
      truths.push_back(operand->Test(event, error));
      if (truths.back() == Truth::kError) return Truth::kError;
    }
    Truth result = truths.back();
    for (size_t i = truths.size() - 1; i-- > 0;) {
      if (truths[i] == Truth::kTrue) result = FromBool(result != Truth::kTrue);
    }
    return result;
  }
  bool can_fail() const override {
    return std::any_of(operands_.begin(), operands_.end(),
                       [](const auto& operand) { return operand->can_fail(); });
  }

 private:
  const Predicates operands_;
};

// Two operators that mean the same, or twice the same one.
bool SameLogic(Operator a, Operator b) {
  return (IsOr(a) && IsOr(b)) || (IsAnd(a) && IsAnd(b)) || (IsXor(a) && IsXor(b));
}

std::unique_ptr<Predicate> MakeChain(const Rule& rule, NodeId root) {
  const Operator op = rule.ast[root].op;
  Predicates operands;
  NodeId id = root;
  for (; rule.ast[id].kind == Node::Kind::kBinary && SameLogic(rule.ast[id].op, op);
       id = rule.ast[id].right) {
    operands.push_back(MakePredicate(rule, rule.ast[id].left));
  }
  operands.push_back(MakePredicate(rule, id));
  if (IsXor(op)) return std::make_unique<XorPredicate>(std::move(operands));
  return std::make_unique<ChainPredicate>(IsOr(op), std::move(operands));
}

}  // namespace

std::unique_ptr<Predicate> MakePredicate(const Rule& rule, NodeId root) {
  const Node& node = rule.ast[root];
  switch (node.kind) {
    case Node::Kind::kConstant:
    case Node::Kind::kList:
      return std::make_unique<ConstantPredicate>(TruthOf(node.value));
    case Node::Kind::kNot:
      return std::make_unique<NotPredicate>(MakePredicate(rule, node.left));
    case Node::Kind::kExists:
      return MakePredicate(rule, node.left);
    case Node::Kind::kBinary:
      if (LevelOf(node.op) < Level::kNot) return MakeChain(rule, root);
      break;
    default:
      break;
  }
  if (std::unique_ptr<Predicate> predicate = MakeFieldPredicate(rule, root)) return predicate;
  if (std::unique_ptr<Predicate> predicate = MakeOrderPredicate(rule, root)) return predicate;
  return std::make_unique<GeneralPredicate>(rule, root);
}

}  // namespace mentat::filter
