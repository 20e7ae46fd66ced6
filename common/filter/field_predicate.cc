#include "common/filter/field_predicate.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/filter/field_path.h"
#include "common/filter/membership.h"
#include "common/filter/range_set.h"
#include "common/idea/address.h"
#include "google/protobuf/descriptor.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;
using idea::v1::Event;

constexpr size_t kFewTexts = 8;  // that are faster compared one by one than hashed

// Whether any value at the path passes the test; nothing if there is none. `Condition` takes values
// of the type of the field; what it cannot take does not pass.
template <typename Condition>
class AnyPredicate : public Predicate {
 public:
  AnyPredicate(FieldPath path, Condition condition)
      : path_(std::move(path)), condition_(std::move(condition)) {}

  Truth Test(const Event& event, absl::Status*) const override {
    bool found = false;
    const bool any = AnyAtPath(path_, event, [&](const auto& value) {
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
    return AnyAtPath(path_, event, [](const auto&) { return true; }) ? Truth::kTrue : Truth::kFalse;
  }

 private:
  const FieldPath path_;
};

// Whether an object at the path has a key that the event does not know by name, with any value but
// an empty list.
class UnknownKeyPredicate : public Predicate {
 public:
  UnknownKeyPredicate(FieldPath objects, ReadUnknown read, std::string key)
      : objects_(std::move(objects)), read_(read), key_(std::move(key)) {}

  Truth Test(const Event& event, absl::Status*) const override {
    if (objects_.steps.empty()) return HasKey(event) ? Truth::kTrue : Truth::kFalse;
    const bool any = AnyAtPath(objects_, event, [this](const auto& value) {
      if constexpr (std::is_base_of_v<google::protobuf::Message, std::decay_t<decltype(value)>>) {
        return HasKey(value);
      } else {
        return false;
      }
    });
    return any ? Truth::kTrue : Truth::kFalse;
  }

 private:
  bool HasKey(const google::protobuf::Message& object) const {
    const auto& keys = read_(object);
    for (int i = keys.size(); i-- > 0;) {  // of a key that stands twice the last counts
      if (keys[i].key() != key_) continue;
      return !keys[i].value().has_list() || keys[i].value().list().items_size() > 0;
    }
    return false;
  }

  const FieldPath objects_;
  const ReadUnknown read_;
  const std::string key_;
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
    AnyAtPath(path_, event, [&size](const auto&) {
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

std::unique_ptr<Predicate> MakeMembership(Membership membership) {
  return std::visit(
      [&](auto& among) -> std::unique_ptr<Predicate> {
        using Among = std::decay_t<decltype(among)>;
        FieldPath path = std::move(membership.path);
        if constexpr (std::is_same_v<Among, Membership::Texts>) {
          if (among.texts.size() > kFewTexts) return Any(std::move(path), ManyTexts(among.texts));
          return Any(std::move(path), FewTexts(std::move(among.texts)));
        } else if constexpr (std::is_same_v<Among, Membership::Integers>) {
          return Any(std::move(path), IntegerSet(std::move(among.integers)));
        } else if constexpr (std::is_same_v<Among, Membership::SameRanges>) {
          return Any(std::move(path), EqualRanges(std::move(among.ranges)));
        } else if constexpr (std::is_same_v<Among, Membership::ContainingRanges>) {
          return Any(std::move(path), ContainingRanges(std::move(among.ranges)));
        } else {
          return Any(std::move(path), AnyPattern(std::move(among.patterns)));
        }
      },
      membership.among);
}

std::unique_ptr<Predicate> MakeFloatBound(FieldPath path, Operator op, const Value& constant) {
  constexpr int64_t kExact = int64_t{1} << 53;
  if (op == Operator::kIn) op = Operator::kEqual;
  if (constant.kind() == Value::Kind::kFloat) {
    return Any(std::move(path), Bound<double>(op, constant.floating()));
  }
  if (constant.kind() == Value::Kind::kInteger && std::abs(constant.integer()) <= kExact) {
    return Any(std::move(path), Bound<double>(op, static_cast<double>(constant.integer())));
  }
  return nullptr;
}

// A comparison with one constant that is no membership.
std::unique_ptr<Predicate> MakeBound(FieldPath path, const FieldDescriptor& leaf, Operator op,
                                     const Value& constant) {
  const bool bounds = op == Operator::kNotEqual || IsOrdering(op);
  switch (leaf.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (op != Operator::kNotEqual || !constant.IsText()) return nullptr;
      return Any(std::move(path), OtherText(constant.text()));
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_BOOL:
      if (const std::optional<int64_t> integer = AsInteger(leaf, constant); bounds && integer) {
        return Any(std::move(path), Bound<int64_t>(op, *integer));
      }
      return nullptr;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!bounds && op != Operator::kIn && op != Operator::kEqual) return nullptr;
      return MakeFloatBound(std::move(path), op, constant);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (HoldsObjects(leaf) || op != Operator::kNotEqual ||
          constant.kind() != Value::Kind::kAddress) {
        return nullptr;
      }
      return Any(std::move(path), OtherRange(constant.address().range));
    default:
      return nullptr;
  }
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

std::unique_ptr<Predicate> MakeExists(const EventPath& path) {
  if (std::optional<FieldPath> resolved = Resolve(path)) {
    return std::make_unique<ExistsPredicate>(*std::move(resolved));
  }
  const size_t known = path.fields().size();
  const bool key_is_unknown = known + 1 == path.chunks().size() &&
                              path.chunks().back().index == idea::Path::Index::kNone &&
                              (known == 0 || HoldsObjects(*path.fields().back()));
  if (!key_is_unknown) return nullptr;
  std::optional<FieldPath> objects = ResolveFirst(path, known);
  if (!objects) return nullptr;
  const ReadUnknown read =
      FindUnknownReader(known == 0 ? *Event::descriptor() : *path.fields().back()->message_type());
  if (read == nullptr) return nullptr;
  return std::make_unique<UnknownKeyPredicate>(*std::move(objects), read,
                                               path.chunks().back().name);
}

}  // namespace

std::unique_ptr<Predicate> MakeFieldPredicate(const Rule& rule, NodeId id) {
  if (std::optional<Membership> membership = FindMembership(rule, id)) {
    return MakeMembership(*std::move(membership));
  }
  const Node& node = rule.ast[id];
  if (node.kind == Node::Kind::kVariable) {
    const EventPath* path = PathOf(rule, id);
    return path == nullptr ? nullptr : MakeExists(*path);
  }
  if (node.kind != Node::Kind::kBinary || !IsComparison(node.op)) return nullptr;
  const Node& right = rule.ast[node.right];
  if (right.kind != Node::Kind::kConstant && right.kind != Node::Kind::kList) return nullptr;
  if (rule.ast[node.left].kind == Node::Kind::kCall) return MakeSize(rule, node);

  const EventPath* path = PathOf(rule, node.left);
  const std::vector<Value> constants = ConstantsOf(right);
  if (path == nullptr || right.value.IsNothing() || constants.size() != 1) return nullptr;
  std::optional<FieldPath> resolved = Resolve(*path);
  if (!resolved) return nullptr;
  return MakeBound(*std::move(resolved), *path->leaf(), node.op, constants[0]);
}

}  // namespace mentat::filter
