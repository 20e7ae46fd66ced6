#include "common/filter/expression_graph.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/filter/functions.h"

namespace mentat::filter {
namespace {

using Kind = Expression::Kind;

// --- keys: expressions of one key are the same to every event ---

void AppendText(std::string_view text, std::string* key) {
  absl::StrAppend(key, text.size(), ":");
  key->append(text);
}

void AppendRange(const idea::AddressRange& range, std::string* key) {
  AppendText(idea::Print(range), key);
}

// The order and the number of the constants mean nothing.
template <typename Items, typename Append>
void AppendSet(const Items& items, const Append& append, std::string* key) {
  std::vector<std::string> texts;
  for (const auto& item : items) append(item, &texts.emplace_back());
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  for (const std::string& text : texts) key->append(text);
}

std::string KeyOf(std::string_view path, const Membership& membership) {
  std::string key = "member ";
  AppendText(path, &key);
  absl::StrAppend(&key, membership.among.index(), " ");
  std::visit(
      [&key](const auto& among) {
        using Among = std::decay_t<decltype(among)>;
        if constexpr (std::is_same_v<Among, Membership::Texts>) {
          AppendSet(among.texts, AppendText, &key);
        } else if constexpr (std::is_same_v<Among, Membership::Integers>) {
          AppendSet(
              among.integers, [](int64_t i, std::string* out) { absl::StrAppend(out, i, " "); },
              &key);
        } else if constexpr (std::is_same_v<Among, Membership::Patterns>) {
          AppendSet(
              among.patterns,
              [](const Pattern& pattern, std::string* out) { AppendText(pattern.regex(), out); },
              &key);
        } else {
          AppendSet(among.ranges, AppendRange, &key);
        }
      },
      membership.among);
  return key;
}

bool IsSystemClock(const Clock& clock) {
  const auto* function = clock.target<int64_t (*)()>();
  return function != nullptr && *function == SystemClockMicros;
}

// Whether the same call in another rule yields the same.
bool IsCommon(const Rule& rule, NodeId call) {
  const auto function = rule.functions.find(call);
  if (function == rule.functions.end()) return true;  // fails
  return function->second.built_in && IsSystemClock(rule.clock);
}

// Any expression as it stands, operands before operators. Those with functions or a clock that
// others may not have are never those of the rule with another number.
std::string KeyOf(const Rule& rule, NodeId root, uint32_t rule_number) {
  std::string key;
  for (const NodeId id : EvaluationOrder(rule.ast, root)) {
    const Node& node = rule.ast[id];
    absl::StrAppend(&key, static_cast<int>(node.kind), " ");
    switch (node.kind) {
      case Node::Kind::kConstant:
      case Node::Kind::kList:
        absl::StrAppend(&key, static_cast<int>(node.value.kind()), " ", node.address_list, " ");
        AppendText(ToJson(node.value), &key);
        break;
      case Node::Kind::kVariable:
        AppendText(node.text, &key);
        break;
      case Node::Kind::kCall:
        absl::StrAppend(&key, node.left != kNoNode, " ");
        AppendText(node.text, &key);
        if (!IsCommon(rule, id)) absl::StrAppend(&key, "of ", rule_number, " ");
        break;
      case Node::Kind::kNot:
      case Node::Kind::kExists:
        break;
      case Node::Kind::kBinary:
        absl::StrAppend(&key, static_cast<int>(node.op), " ");
        if (node.op == Operator::kLike) {
          absl::StrAppend(&key, rule.limits.max_regex_bytes, " ", rule.limits.max_regex_memory, " ",
                          rule.limits.max_patterns, " ");
        }
        break;
    }
  }
  return key;
}

std::string KeyOf(Kind kind, const std::vector<ExpressionId>& operands) {
  std::string key = absl::StrCat("chain ", static_cast<int>(kind));
  for (const ExpressionId operand : operands) absl::StrAppend(&key, " ", operand);
  return key;
}

// --- chains ---

bool SameLogic(Operator a, Operator b) {
  return (IsOr(a) && IsOr(b)) || (IsAnd(a) && IsAnd(b)) || (IsXor(a) && IsXor(b));
}

// Takes out operands that stand twice. The first that is false decides an `and`, else the last one
// counts, which is true: of two the first is enough. If an `or` has nothing that is true, the last
// one counts: of two the last is enough.
void RemoveRepeated(bool is_or, std::vector<ExpressionId>* operands) {
  if (is_or) std::reverse(operands->begin(), operands->end());
  std::vector<ExpressionId> rest;
  absl::flat_hash_set<ExpressionId> seen;
  for (const ExpressionId operand : *operands) {
    if (seen.insert(operand).second) rest.push_back(operand);
  }
  if (is_or) std::reverse(rest.begin(), rest.end());
  *operands = std::move(rest);
}

Truth TruthOf(const Value& value) {
  if (value.IsNothing()) return Truth::kNothing;
  return value.Truth() ? Truth::kTrue : Truth::kFalse;
}

}  // namespace

ExpressionId ExpressionGraph::Add(const Rule& rule) {
  const ExpressionId id = AddNode(rule, rule.ast.root);
  ++expressions_[id].uses;
  ++rules_;
  return id;
}

std::vector<PathIndex> ExpressionGraph::BuildIndexes() {
  std::vector<PathIndex> indexes;
  for (PathIndex::Builder& builder : builders_) indexes.push_back(std::move(builder).Build());
  builders_.clear();
  return indexes;
}

template <typename Make>
ExpressionId ExpressionGraph::Intern(std::string key, const Make& make) {
  if (const auto known = ids_.find(key); known != ids_.end()) return known->second;
  Expression expression = make();
  for (const ExpressionId operand : expression.operands) ++expressions_[operand].uses;
  const auto id = static_cast<ExpressionId>(expressions_.size());
  expressions_.push_back(std::move(expression));
  ids_.emplace(std::move(key), id);
  return id;
}

ExpressionId ExpressionGraph::AddNode(const Rule& rule, NodeId id) {
  const Node& node = rule.ast[id];
  switch (node.kind) {
    case Node::Kind::kConstant:
    case Node::Kind::kList:
      return AddConstant(TruthOf(node.value));
    case Node::Kind::kNot:
      return AddNot(AddNode(rule, node.left));
    case Node::Kind::kExists:
      return AddNode(rule, node.left);
    case Node::Kind::kBinary:
      if (LevelOf(node.op) < Level::kNot) return AddChain(rule, id);
      break;
    default:
      break;
  }
  return AddLeaf(rule, id);
}

ExpressionId ExpressionGraph::AddConstant(Truth truth) {
  return Intern(absl::StrCat("constant ", static_cast<int>(truth)),
                [&] { return Expression{.kind = Kind::kConstant, .constant = truth}; });
}

ExpressionId ExpressionGraph::AddNot(ExpressionId operand) {
  return Intern(KeyOf(Kind::kNot, {operand}), [&] {
    return Expression{
        .kind = Kind::kNot, .can_fail = expressions_[operand].can_fail, .operands = {operand}};
  });
}

void ExpressionGraph::CollectOperands(const Rule& rule, NodeId id, Operator op,
                                      std::vector<ExpressionId>* all) {
  const auto is_chain = [&] {
    return rule.ast[id].kind == Node::Kind::kBinary && SameLogic(rule.ast[id].op, op);
  };
  for (; is_chain(); id = rule.ast[id].right) {
    if (IsXor(op)) {
      all->push_back(AddNode(rule, rule.ast[id].left));
    } else {
      CollectOperands(rule, rule.ast[id].left, op, all);
    }
  }
  all->push_back(AddNode(rule, id));
}

ExpressionId ExpressionGraph::AddChain(const Rule& rule, NodeId id) {
  const Operator op = rule.ast[id].op;
  const Kind kind = IsOr(op) ? Kind::kOr : IsAnd(op) ? Kind::kAnd : Kind::kXor;
  std::vector<ExpressionId> operands;
  CollectOperands(rule, id, op, &operands);
  if (kind != Kind::kXor) RemoveRepeated(kind == Kind::kOr, &operands);
  if (operands.size() == 1) return operands[0];
  return Intern(KeyOf(kind, operands), [&] {
    Expression chain{.kind = kind, .operands = operands};
    for (size_t i = 0; i < operands.size(); ++i) {
      if (expressions_[operands[i]].can_fail) chain.last_that_can_fail = i + 1;
    }
    chain.can_fail = chain.last_that_can_fail > 0;
    return chain;
  });
}

ExpressionId ExpressionGraph::AddLeaf(const Rule& rule, NodeId id) {
  if (const std::optional<Membership> membership = FindMembership(rule, id)) {
    const std::string& path = rule.ast[rule.ast[id].left].text;
    return Intern(KeyOf(path, *membership), [&] {
      const auto [known, added] = builder_of_.emplace(path, builders_.size());
      if (added) builders_.emplace_back(membership->path);
      builders_[known->second].Add(*membership, memberships_);
      return Expression{
          .kind = Kind::kMembership,
          .path = known->second,
          .has_patterns = std::holds_alternative<Membership::Patterns>(membership->among),
          .number = memberships_++,
          .reads = Reads(rule, id)};
    });
  }
  return Intern("leaf " + KeyOf(rule, id, rules_), [&] {
    predicates_.push_back(MakePredicate(rule, id));
    return Expression{.kind = Kind::kPredicate,
                      .can_fail = predicates_.back()->can_fail(),
                      .number = static_cast<uint32_t>(predicates_.size() - 1),
                      .reads = Reads(rule, id)};
  });
}

std::vector<uint32_t> ExpressionGraph::Reads(const Rule& rule, NodeId id) {
  std::vector<uint32_t> reads;
  for (const NodeId part : EvaluationOrder(rule.ast, id)) {
    const EventPath* const path = PathOf(rule, part);
    if (path == nullptr) continue;
    const auto [known, added] = variable_of_.emplace(rule.ast[part].text, variables_.size());
    if (added) variables_.push_back(*path);
    reads.push_back(known->second);
  }
  return reads;
}

}  // namespace mentat::filter
