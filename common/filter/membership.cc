#include "common/filter/membership.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "mentat/idea/v1/options.pb.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;
using Among = decltype(Membership::among);

bool AsksEquality(Operator op) { return op == Operator::kIn || op == Operator::kEqual; }

std::optional<Among> AmongTexts(const Rule& rule, NodeId id, const std::vector<Value>& constants) {
  const Operator op = rule.ast[id].op;
  if (op == Operator::kLike) {
    const auto compiled = rule.patterns.find(id);
    if (compiled == rule.patterns.end()) return std::nullopt;
    Membership::Patterns among;
    for (const absl::StatusOr<Pattern>& pattern : compiled->second) {
      if (!pattern.ok()) return std::nullopt;
      among.patterns.push_back(*pattern);
    }
    return among;
  }
  if (!AsksEquality(op)) return std::nullopt;
  Membership::Texts among;
  for (const Value& constant : constants) {
    if (constant.IsText()) among.texts.push_back(constant.text());
  }
  return among;
}

std::optional<Among> AmongIntegers(Operator op, const FieldDescriptor& field,
                                   const std::vector<Value>& constants) {
  if (!AsksEquality(op)) return std::nullopt;
  Membership::Integers among;
  for (const Value& constant : constants) {
    if (const std::optional<int64_t> integer = AsInteger(field, constant)) {
      among.integers.push_back(*integer);
    } else if (constant.kind() == Value::Kind::kFloat && std::fabs(constant.floating()) >= 1e15) {
      return std::nullopt;  // may be equal to a field all the same
    }
  }
  return among;
}

std::optional<Among> AmongRanges(const Node& node, bool address_list,
                                 const std::vector<Value>& constants) {
  if (!AsksEquality(node.op)) return std::nullopt;
  std::vector<idea::AddressRange> ranges;
  for (const Value& constant : constants) {
    if (constant.kind() == Value::Kind::kAddress) ranges.push_back(constant.address().range);
  }
  if (node.op == Operator::kIn && address_list) {
    return Membership::ContainingRanges{std::move(ranges)};
  }
  return Membership::SameRanges{std::move(ranges)};
}

std::optional<Among> FindAmong(const Rule& rule, NodeId id, const FieldDescriptor& field) {
  const Node& node = rule.ast[id];
  const Node& right = rule.ast[node.right];
  const std::vector<Value> constants = ConstantsOf(right);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return AmongTexts(rule, id, constants);
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_BOOL:
      return AmongIntegers(node.op, field, constants);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (HoldsObjects(field)) return std::nullopt;
      return AmongRanges(node, right.address_list, constants);
    default:
      return std::nullopt;
  }
}

}  // namespace

const EventPath* PathOf(const Rule& rule, NodeId id) {
  const auto path = rule.paths.find(id);
  return path == rule.paths.end() || !path->second.ok() ? nullptr : &*path->second;
}

std::vector<Value> ConstantsOf(const Node& node) {
  return node.value.IsList() ? node.value.list() : std::vector<Value>{node.value};
}

std::optional<int64_t> AsInteger(const FieldDescriptor& field, const Value& constant) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const Value::Kind kind = constant.kind();
  switch (field.options().GetExtension(idea::v1::idea_type)) {
    case idea::v1::IDEA_TYPE_TIMESTAMP:
      if (kind == Value::Kind::kDatetime) return constant.datetime();
      return std::nullopt;
    case idea::v1::IDEA_TYPE_DURATION:
      if (kind == Value::Kind::kTimedelta) return constant.timedelta();
      return std::nullopt;
    default:
      if (kind == Value::Kind::kInteger) return constant.integer();
      if (kind == Value::Kind::kFloat && std::fabs(constant.floating()) < kExact &&
          std::trunc(constant.floating()) == constant.floating()) {
        return static_cast<int64_t>(constant.floating());
      }
      return std::nullopt;
  }
}

std::optional<Membership> FindMembership(const Rule& rule, NodeId id) {
  const Node& node = rule.ast[id];
  if (node.kind != Node::Kind::kBinary || !IsComparison(node.op)) return std::nullopt;
  const Node& right = rule.ast[node.right];
  if (right.kind != Node::Kind::kConstant && right.kind != Node::Kind::kList) return std::nullopt;
  const EventPath* path = PathOf(rule, node.left);
  if (path == nullptr || right.value.IsNothing()) return std::nullopt;
  std::optional<FieldPath> resolved = Resolve(*path);
  if (!resolved) return std::nullopt;
  std::optional<Among> among = FindAmong(rule, id, *path->leaf());
  if (!among) return std::nullopt;
  return Membership{*std::move(resolved), *std::move(among)};
}

}  // namespace mentat::filter
