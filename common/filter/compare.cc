#include "common/filter/compare.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/number.h"

namespace mentat::filter {
namespace {

using Kind = Value::Kind;
using Items = std::span<const Value>;

absl::string_view Name(const Value& value) {
  const std::string_view name = KindName(value.kind());
  return {name.data(), name.size()};
}

bool ObjectsEqual(const idea::v1::Value& left, const idea::v1::Value& right) {
  std::map<std::string_view, const idea::v1::Value*> members;
  for (const idea::v1::Member& member : left.object().members()) {
    members[member.key()] = &member.value();
  }
  std::map<std::string_view, const idea::v1::Value*> others;
  for (const idea::v1::Member& member : right.object().members()) {
    others[member.key()] = &member.value();
  }
  return std::equal(members.begin(), members.end(), others.begin(), others.end(),
                    [](const auto& a, const auto& b) {
                      return a.first == b.first &&
                             Equal(Value::FromIdea(*a.second), Value::FromIdea(*b.second));
                    });
}

bool Holds(Operator op, std::partial_ordering order) {
  switch (op) {
    case Operator::kGreater:
      return order > 0;
    case Operator::kGreaterEqual:
      return order >= 0;
    case Operator::kLess:
      return order < 0;
    default:
      return order <= 0;
  }
}

bool Contains(Items items, bool address_list, const Value& item) {
  return std::any_of(items.begin(), items.end(), [&](const Value& element) {
    if (address_list && element.kind() == Kind::kAddress && item.kind() == Kind::kAddress) {
      return element.address().range.Contains(item.address().range);
    }
    return Equal(element, item);
  });
}

absl::StatusOr<bool> Like(const Value& left, const Value& right, size_t right_index,
                          const ComparisonOptions& options) {
  if (!left.IsText() || !right.IsText()) {
    return absl::InvalidArgumentError(absl::StrCat("`like` needs a text and a pattern, here are ",
                                                   Name(left), " and ", Name(right)));
  }
  if (options.patterns != nullptr) {
    const absl::StatusOr<Pattern>& pattern = (*options.patterns)[right_index];
    if (!pattern.ok()) return pattern.status();
    return pattern->Search(left.text());
  }
  ASSIGN_OR_RETURN(const Pattern pattern, Pattern::Compile(right.text(), options.limits));
  return pattern.Search(left.text());
}

absl::StatusOr<bool> Pair(Operator op, const Value& left, const Value& right, size_t right_index,
                          const ComparisonOptions& options) {
  switch (op) {
    case Operator::kEqual:
      return Equal(left, right);
    case Operator::kNotEqual:
      return !Equal(left, right);
    case Operator::kLike:
      return Like(left, right, right_index, options);
    default:
      return Ordered(op, left, right);
  }
}

}  // namespace

bool Equal(const Value& left, const Value& right) {
  if (IsNumeric(left) && IsNumeric(right)) return CompareNumbers(left, right) == 0;
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::kNothing:
      return true;
    case Kind::kText:
      return left.text() == right.text();
    case Kind::kDatetime:
      return left.datetime() == right.datetime();
    case Kind::kTimedelta:
      return left.timedelta() == right.timedelta();
    case Kind::kAddress:
      return left.address().range == right.address().range;
    case Kind::kObject:
      return ObjectsEqual(left.object(), right.object());
    case Kind::kList:
      return std::equal(left.list().begin(), left.list().end(), right.list().begin(),
                        right.list().end(), Equal);
    default:
      return false;
  }
}

absl::StatusOr<bool> Ordered(Operator op, const Value& left, const Value& right) {
  if (IsNumeric(left) && IsNumeric(right)) return Holds(op, CompareNumbers(left, right));
  if (left.kind() == right.kind()) {
    switch (left.kind()) {
      case Kind::kText:
        // The order of UTF-8 bytes is the order of code points.
        return Holds(op, left.text().compare(right.text()) <=> 0);
      case Kind::kDatetime:
        return Holds(op, left.datetime() <=> right.datetime());
      case Kind::kTimedelta:
        return Holds(op, left.timedelta() <=> right.timedelta());
      case Kind::kList: {
        const auto [a, b] = std::mismatch(left.list().begin(), left.list().end(),
                                          right.list().begin(), right.list().end(), Equal);
        if (a != left.list().end() && b != right.list().end()) return Ordered(op, *a, *b);
        return Holds(op, left.list().size() <=> right.list().size());
      }
      default:
        break;
    }
  }
  const std::string_view spelling = Spelling(op);
  return absl::InvalidArgumentError(
      absl::StrCat("`", absl::string_view(spelling.data(), spelling.size()),
                   "` has no meaning between ", Name(left), " and ", Name(right)));
}

absl::StatusOr<Value> Compare(Operator op, const Value& left, const Value& right,
                              const ComparisonOptions& options) {
  if (left.IsNothing() || right.IsNothing()) return Value();
  const Items left_items = left.IsList() ? Items(left.list()) : Items(&left, 1);
  const Items right_items = right.IsList() ? Items(right.list()) : Items(&right, 1);
  if (left_items.empty() || right_items.empty()) return Value();

  if (op == Operator::kIs) {
    return Value::Boolean(!options.address_list &&
                          std::equal(left_items.begin(), left_items.end(), right_items.begin(),
                                     right_items.end(), Equal));
  }
  if (op == Operator::kIn) {
    return Value::Boolean(std::any_of(left_items.begin(), left_items.end(), [&](const Value& item) {
      return Contains(right_items, options.address_list, item);
    }));
  }
  for (const Value& item : left_items) {
    if (item.IsNothing()) continue;
    for (size_t i = 0; i < right_items.size(); ++i) {
      if (right_items[i].IsNothing()) continue;
      ASSIGN_OR_RETURN(const bool holds, Pair(op, item, right_items[i], i, options));
      if (holds) return Value::Boolean(true);
    }
  }
  return Value::Boolean(false);
}

}  // namespace mentat::filter
