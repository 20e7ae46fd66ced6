#include "common/filter/compare.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/number.h"
#include "common/filter/range_set.h"

namespace mentat::filter {
namespace {

using Kind = Value::Kind;
using Items = std::span<const Value>;

absl::string_view Name(const Value& value) {
  const std::string_view name = KindName(value.kind());
  return {name.data(), name.size()};
}

// The members by their keys; of one that stands twice the last counts.
std::map<std::string_view, const idea::v1::Value*> MembersOf(const idea::v1::Value& object) {
  std::map<std::string_view, const idea::v1::Value*> members;
  for (const idea::v1::Member& member : object.object().members()) {
    members[member.key()] = &member.value();
  }
  return members;
}

bool ObjectsEqual(const idea::v1::Value& left, const idea::v1::Value& right) {
  const auto members = MembersOf(left);
  const auto others = MembersOf(right);
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

// The patterns on the right of `like`: those of a constant, or compiled as they are needed.
class Patterns {
 public:
  explicit Patterns(const ComparisonOptions& options) : options_(options) {}

  const absl::StatusOr<Pattern>& At(size_t index, const std::string& text) {
    if (options_.patterns != nullptr) return (*options_.patterns)[index];
    const auto found = compiled_.find(index);
    if (found != compiled_.end()) return found->second;
    if (compiled_.size() == options_.limits.max_patterns) {
      return compiled_[index] = absl::InvalidArgumentError(absl::StrCat(
                 "more patterns than the limit max_patterns, ", options_.limits.max_patterns));
    }
    return compiled_.emplace(index, Pattern::Compile(text, options_.limits)).first->second;
  }

 private:
  const ComparisonOptions& options_;
  std::map<size_t, absl::StatusOr<Pattern>> compiled_;
};

absl::StatusOr<bool> AnyLike(Items left, Items right, const ComparisonOptions& options) {
  Patterns patterns(options);
  for (const Value& item : left) {
    if (item.IsNothing()) continue;
    for (size_t i = 0; i < right.size(); ++i) {
      if (right[i].IsNothing()) continue;
      if (!item.IsText() || !right[i].IsText()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "`like` needs a text and a pattern, here are ", Name(item), " and ", Name(right[i])));
      }
      const absl::StatusOr<Pattern>& pattern = patterns.At(i, right[i].text());
      if (!pattern.ok()) return absl::InvalidArgumentError(pattern.status().message());
      if (pattern->Search(item.text())) return true;
    }
  }
  return false;
}

// The types whose values have an order: numbers and booleans are one.
enum class Category { kNumber, kText, kDatetime, kTimedelta, kOther };

Category CategoryOf(const Value& value) {
  if (IsNumeric(value)) return Category::kNumber;
  switch (value.kind()) {
    case Kind::kText:
      return Category::kText;
    case Kind::kDatetime:
      return Category::kDatetime;
    case Kind::kTimedelta:
      return Category::kTimedelta;
    default:
      return Category::kOther;
  }
}

bool IsNan(const Value& value) {
  return value.kind() == Kind::kFloat && std::isnan(value.floating());
}

// The order of values of one type, kOther and NaN aside.
bool Before(const Value& left, const Value& right) {
  switch (CategoryOf(left)) {
    case Category::kNumber:
      return CompareNumbers(left, right) < 0;
    case Category::kText:
      return left.text() < right.text();
    case Category::kDatetime:
      return left.datetime() < right.datetime();
    default:
      return left.timedelta() < right.timedelta();
  }
}

// A text that two values share if, and only if, they are equal. Nothing for what holds NaN, which
// equals nothing.
class Canonical {
 public:
  static std::optional<std::string> Of(const Value& value) {
    Canonical canonical;
    if (!canonical.Append(value)) return std::nullopt;
    return std::move(canonical.text_);
  }

 private:
  bool Append(const Value& value) {
    switch (value.kind()) {
      case Kind::kNothing:
        text_ += 'z';
        return true;
      case Kind::kBoolean:
        return AppendNumber(value.boolean() ? "1" : "0");
      case Kind::kInteger:
        return AppendNumber(std::to_string(value.integer()));
      case Kind::kBigInteger:
        return AppendNumber(value.big_integer());
      case Kind::kFloat:
        return AppendFloat(value.floating());
      case Kind::kText:
        AppendText(value.text());
        return true;
      case Kind::kDatetime:
        absl::StrAppend(&text_, "d", value.datetime(), ";");
        return true;
      case Kind::kTimedelta:
        absl::StrAppend(&text_, "s", value.timedelta(), ";");
        return true;
      case Kind::kAddress: {
        const auto& [family, first, last] = value.address().range;
        absl::StrAppend(&text_, "a", static_cast<int>(family), ".", absl::Uint128High64(first), ".",
                        absl::Uint128Low64(first), ".", absl::Uint128High64(last), ".",
                        absl::Uint128Low64(last), ";");
        return true;
      }
      case Kind::kObject:
        return AppendObject(value.object());
      case Kind::kList: {
        text_ += '[';
        for (const Value& item : value.list()) {
          if (!Append(item)) return false;
        }
        text_ += ']';
        return true;
      }
    }
    return false;
  }

  bool AppendNumber(std::string_view digits) {
    text_.append("n").append(digits).append(";");
    return true;
  }
  bool AppendFloat(double value) {
    if (std::isnan(value)) return false;
    if (std::isinf(value) || value != std::trunc(value)) return AppendNumber(FloatText(value));
    // All digits of a whole number, as whole numbers have them.
    std::array<char, 400> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                            value == 0 ? 0.0 : value, std::chars_format::fixed, 0);
    return AppendNumber({digits.data(), end});
  }
  void AppendText(std::string_view text) {
    absl::StrAppend(&text_, "t", text.size(), ":", absl::string_view(text.data(), text.size()));
  }
  bool AppendObject(const idea::v1::Value& object) {
    text_ += '{';
    for (const auto& [key, member] : MembersOf(object)) {
      AppendText(key);
      if (!Append(Value::FromIdea(*member))) return false;
    }
    text_ += '}';
    return true;
  }

  std::string text_;
};

bool HasContainer(Items items) {
  return std::any_of(items.begin(), items.end(), [](const Value& item) {
    return item.kind() == Kind::kObject || item.kind() == Kind::kList;
  });
}

bool AnyPair(Items left, Items right, bool (*holds)(const Value&, const Value&)) {
  return std::any_of(left.begin(), left.end(), [&](const Value& item) {
    return std::any_of(right.begin(), right.end(),
                       [&](const Value& other) { return holds(item, other); });
  });
}

// Whether any item of one list equals one of the other. Objects and lists are not compared pair by
// pair, since they may be large.
bool AnyEqual(Items left, Items right, size_t max_pairs) {
  if (left.size() * right.size() <= max_pairs && !(HasContainer(left) && HasContainer(right))) {
    return AnyPair(left, right, Equal);
  }
  std::unordered_set<std::string> texts;
  for (const Value& item : right) {
    if (std::optional<std::string> text = Canonical::Of(item)) texts.insert(*std::move(text));
  }
  return std::any_of(left.begin(), left.end(), [&](const Value& item) {
    const std::optional<std::string> text = Canonical::Of(item);
    return text && texts.contains(*text);
  });
}

// Whether any item of one list differs from one of the other: unless all of them are the same.
bool AnyDiffers(Items left, Items right) {
  const auto all_equal = [](Items items, const Value& value) {
    return std::all_of(items.begin(), items.end(),
                       [&](const Value& item) { return Equal(item, value); });
  };
  return !all_equal(left, right.front()) || !all_equal(right, left.front());
}

bool AnyContained(Items left, Items right) {
  std::vector<idea::AddressRange> ranges;
  for (const Value& item : right) {
    if (item.kind() == Kind::kAddress) ranges.push_back(item.address().range);
  }
  const RangeSet set(std::move(ranges));
  return std::any_of(left.begin(), left.end(), [&](const Value& item) {
    return item.kind() == Kind::kAddress && set.Contains(item.address().range);
  });
}

// Whether some pair is in order: against the greatest or least item on the right where all of them
// have one type, else pair by pair, which ends with an error before long.
absl::StatusOr<bool> AnyOrdered(Operator op, Items left, Items right, size_t max_pairs) {
  const Category category = CategoryOf(right.front());
  const bool uniform = category != Category::kOther &&
                       std::all_of(right.begin(), right.end(), [&](const Value& item) {
                         return CategoryOf(item) == category && !IsNan(item);
                       });
  if (left.size() * right.size() > max_pairs && uniform) {
    const bool less = op == Operator::kLess || op == Operator::kLessEqual;
    right = less ? Items(&*std::max_element(right.begin(), right.end(), Before), 1)
                 : Items(&*std::min_element(right.begin(), right.end(), Before), 1);
  }
  for (const Value& item : left) {
    if (item.IsNothing()) continue;
    for (const Value& other : right) {
      if (other.IsNothing()) continue;
      ASSIGN_OR_RETURN(const bool holds, Ordered(op, item, other));
      if (holds) return true;
    }
  }
  return false;
}

bool Contained(const Value& item, const Value& other) {
  return item.kind() == Kind::kAddress && other.kind() == Kind::kAddress &&
         other.address().range.Contains(item.address().range);
}

// The items that are something.
std::vector<Value> WithoutNothing(Items items) {
  std::vector<Value> rest;
  std::copy_if(items.begin(), items.end(), std::back_inserter(rest),
               [](const Value& item) { return !item.IsNothing(); });
  return rest;
}

bool HasNothing(Items items) {
  return std::any_of(items.begin(), items.end(),
                     [](const Value& item) { return item.IsNothing(); });
}

// `==` or `!=` between items none of which is nothing.
bool AnyEquality(Operator op, Items left, Items right, size_t max_pairs) {
  if (left.empty() || right.empty()) return false;
  if (op == Operator::kEqual) return AnyEqual(left, right, max_pairs);
  return AnyDiffers(left, right);
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
  switch (op) {
    case Operator::kIn:
      if (!options.address_list) {
        return Value::Boolean(AnyEqual(left_items, right_items, options.max_pairs));
      }
      return Value::Boolean(left_items.size() * right_items.size() <= options.max_pairs
                                ? AnyPair(left_items, right_items, Contained)
                                : AnyContained(left_items, right_items));
    case Operator::kEqual:
    case Operator::kNotEqual:
      if (HasNothing(left_items) || HasNothing(right_items)) {
        return Value::Boolean(AnyEquality(op, WithoutNothing(left_items),
                                          WithoutNothing(right_items), options.max_pairs));
      }
      return Value::Boolean(AnyEquality(op, left_items, right_items, options.max_pairs));
    case Operator::kLike: {
      ASSIGN_OR_RETURN(const bool any, AnyLike(left_items, right_items, options));
      return Value::Boolean(any);
    }
    default: {
      ASSIGN_OR_RETURN(const bool any, AnyOrdered(op, left_items, right_items, options.max_pairs));
      return Value::Boolean(any);
    }
  }
}

}  // namespace mentat::filter
