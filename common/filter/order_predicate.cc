#include "common/filter/order_predicate.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/filter/field_path.h"
#include "common/filter/membership.h"
#include "common/filter/number.h"
#include "google/protobuf/descriptor.h"
#include "mentat/idea/v1/options.pb.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;
using idea::v1::Event;

// The least and the greatest of some values: some pair of two such sets is in order if these are.
struct Extremes {
  int64_t least;
  int64_t greatest;
};

// Nothing if there are no values.
std::optional<Extremes> ExtremesAt(const FieldPath& path, const Event& event) {
  std::optional<Extremes> extremes;
  AnyAtPath(path, event, [&](const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, int64_t>) {
      if (!extremes) extremes = {value, value};
      extremes->least = std::min(extremes->least, value);
      extremes->greatest = std::max(extremes->greatest, value);
    }
    return false;
  });
  return extremes;
}

bool AnyInOrder(Operator op, const Extremes& left, const Extremes& right) {
  switch (op) {
    case Operator::kGreater:
      return left.greatest > right.least;
    case Operator::kGreaterEqual:
      return left.greatest >= right.least;
    case Operator::kLess:
      return left.least < right.greatest;
    default:
      return left.least <= right.greatest;
  }
}

class OtherPath {
 public:
  explicit OtherPath(FieldPath path) : path_(std::move(path)) {}
  std::optional<Extremes> Of(const Event& event) const { return ExtremesAt(path_, event); }

 private:
  FieldPath path_;
};

// The time, plus or minus a duration if there is one.
class ShiftedTime {
 public:
  ShiftedTime(const Clock& clock, Operator op, Value duration)
      : clock_(&clock), op_(op), duration_(std::move(duration)) {}
  std::optional<Extremes> Of(const Event&) const {
    Value time = Value::Datetime((*clock_)());
    if (!duration_.IsNothing()) time = Arithmetic(op_, time, duration_);
    if (time.kind() != Value::Kind::kDatetime) return std::nullopt;  // beyond all calendars
    return Extremes{time.datetime(), time.datetime()};
  }

 private:
  const Clock* clock_;
  Operator op_;
  Value duration_;
};

template <typename Right>
class OrderPredicate : public Predicate {
 public:
  OrderPredicate(FieldPath left, Operator op, Right right)
      : left_(std::move(left)), op_(op), right_(std::move(right)) {}

  Truth Test(const Event& event, absl::Status*) const override {
    const std::optional<Extremes> left = ExtremesAt(left_, event);
    if (!left) return Truth::kNothing;
    const std::optional<Extremes> right = right_.Of(event);
    if (!right) return Truth::kNothing;
    return AnyInOrder(op_, *left, *right) ? Truth::kTrue : Truth::kFalse;
  }

 private:
  const FieldPath left_;
  const Operator op_;
  const Right right_;
};

enum class Order { kNone, kTimes, kDurations, kNumbers };

Order OrderOf(const FieldDescriptor& field) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return Order::kNumbers;
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_INT64) return Order::kNone;
  switch (field.options().GetExtension(idea::v1::idea_type)) {
    case idea::v1::IDEA_TYPE_TIMESTAMP:
      return Order::kTimes;
    case idea::v1::IDEA_TYPE_DURATION:
      return Order::kDurations;
    default:
      return Order::kNumbers;
  }
}

// `utcnow()`, `utcnow() + 00:10:00`, `utcnow() - 1D00:00:00`
std::optional<ShiftedTime> FindTime(const Rule& rule, NodeId id) {
  const Node& node = rule.ast[id];
  if (node.kind == Node::Kind::kCall && node.text == "utcnow" && node.left == kNoNode) {
    return ShiftedTime(rule.clock, Operator::kPlus, Value());
  }
  if (node.kind != Node::Kind::kBinary ||
      (node.op != Operator::kPlus && node.op != Operator::kMinus)) {
    return std::nullopt;
  }
  const Node& call = rule.ast[node.left];
  const Node& duration = rule.ast[node.right];
  if (call.kind != Node::Kind::kCall || call.text != "utcnow" || call.left != kNoNode ||
      duration.kind != Node::Kind::kConstant || duration.value.kind() != Value::Kind::kTimedelta) {
    return std::nullopt;
  }
  return ShiftedTime(rule.clock, node.op, duration.value);
}

}  // namespace

std::unique_ptr<Predicate> MakeOrderPredicate(const Rule& rule, NodeId id) {
  const Node& node = rule.ast[id];
  if (node.kind != Node::Kind::kBinary || !IsOrdering(node.op)) return nullptr;
  const EventPath* const left = PathOf(rule, node.left);
  std::optional<FieldPath> left_path = left == nullptr ? std::nullopt : Resolve(*left);
  if (!left_path) return nullptr;
  const Order order = OrderOf(*left->leaf());
  if (order == Order::kNone) return nullptr;
  if (std::optional<ShiftedTime> time = FindTime(rule, node.right)) {
    if (order != Order::kTimes) return nullptr;
    return std::make_unique<OrderPredicate<ShiftedTime>>(*std::move(left_path), node.op,
                                                         *std::move(time));
  }
  const EventPath* const right = PathOf(rule, node.right);
  std::optional<FieldPath> right_path = right == nullptr ? std::nullopt : Resolve(*right);
  if (!right_path || OrderOf(*right->leaf()) != order) return nullptr;
  return std::make_unique<OrderPredicate<OtherPath>>(*std::move(left_path), node.op,
                                                     OtherPath(*std::move(right_path)));
}

}  // namespace mentat::filter
