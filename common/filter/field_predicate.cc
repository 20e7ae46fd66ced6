#include "common/filter/field_predicate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/filter/fields.h"
#include "common/filter/range_set.h"
#include "common/idea/address.h"
#include "google/protobuf/descriptor.h"
#include "mentat/idea/v1/options.pb.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using idea::v1::Event;
using Index = idea::Path::Index;

constexpr size_t kFewTexts = 8;  // that are faster compared one by one than hashed

// A path all of whose keys the event knows.
struct FieldPath {
  struct Step {
    FieldReader reader;
    Index index;
    size_t number;
  };
  std::vector<Step> steps;
};

std::optional<FieldPath> Resolve(const EventPath& path) {
  if (path.leaf() == nullptr) return std::nullopt;
  FieldPath resolved;
  for (size_t i = 0; i < path.chunks().size(); ++i) {
    const FieldReader* reader = FindReader(*path.fields()[i]);
    if (reader == nullptr) return std::nullopt;
    resolved.steps.push_back({*reader, path.chunks()[i].index, path.chunks()[i].number});
  }
  return resolved;
}

// Calls `visit` for the items of a list that the index means, until it returns true.
template <typename At, typename Visit>
bool AnyItem(const FieldPath::Step& step, int size, const At& at, const Visit& visit) {
  switch (step.index) {
    case Index::kNone:
    case Index::kAll:
      for (int i = 0; i < size; ++i) {
        if (visit(at(i))) return true;
      }
      return false;
    case Index::kLast:
      return size > 0 && visit(at(size - 1));
    case Index::kNumber:
      return step.number >= 1 && step.number <= static_cast<size_t>(size) &&
             visit(at(static_cast<int>(step.number) - 1));
  }
  return false;
}

// Calls `visit` for the values of the field that the step leads to, until it returns true.
template <typename Visit>
bool AnyValue(const FieldPath::Step& step, const Message& message, const Visit& visit) {
  return std::visit(
      [&](const auto& read) {
        using Reader = std::decay_t<decltype(read)>;
        if constexpr (std::is_same_v<Reader, ReadObjects>) {
          return AnyItem(
              step, read.size(message),
              [&](int i) -> const Message& { return read.at(message, i); }, visit);
        } else if constexpr (std::is_same_v<Reader, ReadTexts> ||
                             std::is_same_v<Reader, ReadIntegers> ||
                             std::is_same_v<Reader, ReadNet4s> ||
                             std::is_same_v<Reader, ReadNet6s>) {
          const auto& items = read(message);
          return AnyItem(
              step, items.size(), [&](int i) -> const auto& { return items.Get(i); }, visit);
        } else {
          if (step.index != Index::kNone) return false;
          const auto value = read(message);
          return value ? visit(*value) : false;
        }
      },
      step.reader);
}

// Calls `visit` for all values at the path, until it returns true.
template <typename Visit>
bool AnyAtPath(const FieldPath& path, size_t step, const Message& message, const Visit& visit) {
  if (step + 1 == path.steps.size()) return AnyValue(path.steps[step], message, visit);
  return AnyValue(path.steps[step], message, [&](const auto& value) {
    if constexpr (std::is_base_of_v<Message, std::decay_t<decltype(value)>>) {
      return AnyAtPath(path, step + 1, static_cast<const Message&>(value), visit);
    } else {
      return false;
    }
  });
}

// Whether any value at the path passes the test; nothing if there is none. `Condition` takes values
// of the type of the field; what it cannot take does not pass.
template <typename Condition>
class AnyPredicate : public Predicate {
 public:
  AnyPredicate(FieldPath path, Condition condition)
      : path_(std::move(path)), condition_(std::move(condition)) {}

  Truth Test(const Event& event, absl::Status*) const override {
    bool found = false;
    const bool any = AnyAtPath(path_, 0, event, [&](const auto& value) {
      found = true;
      if constexpr (std::is_invocable_v<const Condition&, decltype(value)>) {
        return condition_(value);
      } else {
        return false;
      }
    });
    if (any) return Truth::kTrue;
    return found ? Truth::kFalse : Truth::kNothing;
  }

 private:
  const FieldPath path_;
  const Condition condition_;
};

// Whether there is any value at the path.
class ExistsPredicate : public Predicate {
 public:
  explicit ExistsPredicate(FieldPath path) : path_(std::move(path)) {}

  Truth Test(const Event& event, absl::Status*) const override {
    return AnyAtPath(path_, 0, event, [](const auto&) { return true; }) ? Truth::kTrue
                                                                        : Truth::kFalse;
  }

 private:
  const FieldPath path_;
};

// `value op bound`
template <typename T>
bool Holds(Operator op, T value, T bound) {
  switch (op) {
    case Operator::kEqual:
      return value == bound;
    case Operator::kNotEqual:
      return value != bound;
    case Operator::kGreater:
      return value > bound;
    case Operator::kGreaterEqual:
      return value >= bound;
    case Operator::kLess:
      return value < bound;
    default:
      return value <= bound;
  }
}

// How many values there are, compared with a number.
class SizePredicate : public Predicate {
 public:
  SizePredicate(FieldPath path, Operator op, int64_t bound)
      : path_(std::move(path)), op_(op), bound_(bound) {}

  Truth Test(const Event& event, absl::Status*) const override {
    int64_t size = 0;
    AnyAtPath(path_, 0, event, [&size](const auto&) {
      ++size;
      return false;
    });
    return Holds(op_, size, bound_) ? Truth::kTrue : Truth::kFalse;
  }

 private:
  const FieldPath path_;
  const Operator op_;
  const int64_t bound_;
};

class FewTexts {
 public:
  explicit FewTexts(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  bool operator()(const std::string& text) const {
    return std::any_of(texts_.begin(), texts_.end(),
                       [&](const std::string& other) { return other == text; });
  }

 private:
  std::vector<std::string> texts_;
};

class ManyTexts {
 public:
  explicit ManyTexts(const std::vector<std::string>& texts) : texts_(texts.begin(), texts.end()) {}
  bool operator()(const std::string& text) const { return texts_.contains(text); }

 private:
  absl::flat_hash_set<std::string> texts_;
};

class OtherText {
 public:
  explicit OtherText(std::string text) : text_(std::move(text)) {}
  bool operator()(const std::string& text) const { return text != text_; }

 private:
  std::string text_;
};

class AnyPattern {
 public:
  explicit AnyPattern(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {}
  bool operator()(const std::string& text) const {
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [&](const Pattern& pattern) { return pattern.Search(text); });
  }

 private:
  std::vector<Pattern> patterns_;
};

class IntegerSet {
 public:
  explicit IntegerSet(std::vector<int64_t> integers) : integers_(std::move(integers)) {
    std::sort(integers_.begin(), integers_.end());
  }
  bool operator()(int64_t integer) const {
    return std::binary_search(integers_.begin(), integers_.end(), integer);
  }

 private:
  std::vector<int64_t> integers_;
};

template <typename T>
class Bound {
 public:
  Bound(Operator op, T bound) : op_(op), bound_(bound) {}
  bool operator()(T value) const { return Holds(op_, value, bound_); }

 private:
  Operator op_;
  T bound_;
};

class ContainingRanges {
 public:
  explicit ContainingRanges(std::vector<idea::AddressRange> ranges) : ranges_(std::move(ranges)) {}
  template <typename Net>
  auto operator()(const Net& net) const -> decltype(idea::Bounds(net), bool()) {
    return ranges_.Contains(idea::Bounds(net));
  }

 private:
  RangeSet ranges_;
};

class EqualRanges {
 public:
  explicit EqualRanges(std::vector<idea::AddressRange> ranges) : ranges_(std::move(ranges)) {
    std::sort(ranges_.begin(), ranges_.end(), Less);
  }
  template <typename Net>
  auto operator()(const Net& net) const -> decltype(idea::Bounds(net), bool()) {
    return std::binary_search(ranges_.begin(), ranges_.end(), idea::Bounds(net), Less);
  }

 private:
  static bool Less(const idea::AddressRange& a, const idea::AddressRange& b) {
    if (a.family != b.family) return a.family < b.family;
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  }

  std::vector<idea::AddressRange> ranges_;
};

class OtherRange {
 public:
  explicit OtherRange(const idea::AddressRange& range) : range_(range) {}
  template <typename Net>
  auto operator()(const Net& net) const -> decltype(idea::Bounds(net), bool()) {
    return !(idea::Bounds(net) == range_);
  }

 private:
  idea::AddressRange range_;
};

template <typename Condition>
std::unique_ptr<Predicate> Any(FieldPath path, Condition condition) {
  return std::make_unique<AnyPredicate<Condition>>(std::move(path), std::move(condition));
}

// A comparison of the values at a path with constants.
struct Comparison {
  FieldPath path;
  const FieldDescriptor& leaf;
  Operator op;
  std::vector<Value> constants;  // never empty
  bool address_list;
  const std::vector<absl::StatusOr<Pattern>>* patterns;  // of `like`

  bool AsksEquality() const { return op == Operator::kIn || op == Operator::kEqual; }
  // The comparison is one of a value with a single constant.
  bool IsBound() const {
    return constants.size() == 1 && (op == Operator::kNotEqual || IsOrdering(op));
  }
};

std::unique_ptr<Predicate> CompareTexts(Comparison comparison) {
  if (comparison.op == Operator::kLike) {
    std::vector<Pattern> patterns;
    for (const absl::StatusOr<Pattern>& pattern : *comparison.patterns) {
      if (!pattern.ok()) return nullptr;
      patterns.push_back(*pattern);
    }
    return Any(std::move(comparison.path), AnyPattern(std::move(patterns)));
  }
  std::vector<std::string> texts;
  for (const Value& constant : comparison.constants) {
    if (constant.IsText()) texts.push_back(constant.text());
  }
  if (comparison.AsksEquality()) {
    if (texts.size() <= kFewTexts)
      return Any(std::move(comparison.path), FewTexts(std::move(texts)));
    return Any(std::move(comparison.path), ManyTexts(texts));
  }
  if (comparison.op == Operator::kNotEqual && comparison.IsBound() && texts.size() == 1) {
    return Any(std::move(comparison.path), OtherText(std::move(texts[0])));
  }
  return nullptr;
}

// The constant as a whole number that fields of this type are compared with; nothing if it is of
// another type, or no whole number of 64 bits.
std::optional<int64_t> AsInteger(idea::v1::IdeaType type, const Value& constant) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const Value::Kind kind = constant.kind();
  switch (type) {
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

std::unique_ptr<Predicate> CompareIntegers(Comparison comparison) {
  const idea::v1::IdeaType type = comparison.leaf.options().GetExtension(idea::v1::idea_type);
  std::vector<int64_t> integers;
  for (const Value& constant : comparison.constants) {
    if (const std::optional<int64_t> integer = AsInteger(type, constant)) {
      integers.push_back(*integer);
    } else if (constant.kind() == Value::Kind::kFloat && std::fabs(constant.floating()) >= 1e15) {
      return nullptr;  // may be equal to a field all the same
    }
  }
  if (comparison.AsksEquality())
    return Any(std::move(comparison.path), IntegerSet(std::move(integers)));
  if (comparison.IsBound() && integers.size() == 1) {
    return Any(std::move(comparison.path), Bound<int64_t>(comparison.op, integers[0]));
  }
  return nullptr;
}

std::unique_ptr<Predicate> CompareFloats(Comparison comparison) {
  if (comparison.constants.size() != 1 || comparison.op == Operator::kLike) return nullptr;
  const Value& constant = comparison.constants[0];
  const Operator op = comparison.AsksEquality() ? Operator::kEqual : comparison.op;
  if (constant.kind() == Value::Kind::kFloat) {
    return Any(std::move(comparison.path), Bound<double>(op, constant.floating()));
  }
  constexpr int64_t kExact = int64_t{1} << 53;
  if (constant.kind() == Value::Kind::kInteger && std::abs(constant.integer()) <= kExact) {
    return Any(std::move(comparison.path),
               Bound<double>(op, static_cast<double>(constant.integer())));
  }
  return nullptr;
}

std::unique_ptr<Predicate> CompareAddresses(Comparison comparison) {
  std::vector<idea::AddressRange> ranges;
  for (const Value& constant : comparison.constants) {
    if (constant.kind() == Value::Kind::kAddress) ranges.push_back(constant.address().range);
  }
  if (comparison.op == Operator::kIn && comparison.address_list) {
    return Any(std::move(comparison.path), ContainingRanges(std::move(ranges)));
  }
  if (comparison.AsksEquality())
    return Any(std::move(comparison.path), EqualRanges(std::move(ranges)));
  if (comparison.op == Operator::kNotEqual && comparison.IsBound() && ranges.size() == 1) {
    return Any(std::move(comparison.path), OtherRange(ranges[0]));
  }
  return nullptr;
}

std::unique_ptr<Predicate> MakeComparison(Comparison comparison) {
  if (comparison.op == Operator::kIs) return nullptr;
  switch (comparison.leaf.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return CompareTexts(std::move(comparison));
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_BOOL:
      return CompareIntegers(std::move(comparison));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return CompareFloats(std::move(comparison));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (HoldsObjects(comparison.leaf)) return nullptr;
      return CompareAddresses(std::move(comparison));
    default:
      return nullptr;
  }
}

const EventPath* PathOf(const Rule& rule, NodeId id) {
  const auto path = rule.paths.find(id);
  return path == rule.paths.end() || !path->second.ok() ? nullptr : &*path->second;
}

std::unique_ptr<Predicate> MakeSize(const Rule& rule, const Node& node) {
  const Node& call = rule.ast[node.left];
  const Value& constant = rule.ast[node.right].value;
  if (call.text != "size" || call.left == kNoNode) return nullptr;
  const EventPath* path = PathOf(rule, call.left);
  if (path == nullptr || constant.kind() != Value::Kind::kInteger) return nullptr;
  if (node.op != Operator::kEqual && node.op != Operator::kNotEqual && !IsOrdering(node.op))
    return nullptr;
  std::optional<FieldPath> resolved = Resolve(*path);
  if (!resolved) return nullptr;
  return std::make_unique<SizePredicate>(*std::move(resolved), node.op, constant.integer());
}

}  // namespace

std::unique_ptr<Predicate> MakeFieldPredicate(const Rule& rule, NodeId id) {
  const Node& node = rule.ast[id];
  if (node.kind == Node::Kind::kVariable) {
    const EventPath* path = PathOf(rule, id);
    std::optional<FieldPath> resolved = path == nullptr ? std::nullopt : Resolve(*path);
    if (!resolved) return nullptr;
    return std::make_unique<ExistsPredicate>(*std::move(resolved));
  }
  if (node.kind != Node::Kind::kBinary || !IsComparison(node.op)) return nullptr;
  const Node& right = rule.ast[node.right];
  if (right.kind != Node::Kind::kConstant && right.kind != Node::Kind::kList) return nullptr;
  if (rule.ast[node.left].kind == Node::Kind::kCall) return MakeSize(rule, node);

  const EventPath* path = PathOf(rule, node.left);
  if (path == nullptr || right.value.IsNothing()) return nullptr;
  std::optional<FieldPath> resolved = Resolve(*path);
  if (!resolved) return nullptr;
  const auto patterns = rule.patterns.find(id);
  return MakeComparison(
      {.path = *std::move(resolved),
       .leaf = *path->leaf(),
       .op = node.op,
       .constants = right.value.IsList() ? right.value.list() : std::vector<Value>{right.value},
       .address_list = right.address_list,
       .patterns = patterns == rule.patterns.end() ? nullptr : &patterns->second});
}

}  // namespace mentat::filter
