#include "common/filter/warnings.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/filter/format.h"
#include "common/filter/number.h"
#include "google/protobuf/descriptor.h"
#include "mentat/idea/v1/options.pb.h"

namespace mentat::filter {
namespace {

using google::protobuf::FieldDescriptor;

constexpr size_t kMaxWarnings = 100;

// What is known of a value before there is an event.
enum class Type { kUnknown, kNumber, kText, kDatetime, kTimedelta, kAddress };

absl::string_view Name(Type type) {
  switch (type) {
    case Type::kNumber:
      return "a number";
    case Type::kText:
      return "a text";
    case Type::kDatetime:
      return "a datetime";
    case Type::kTimedelta:
      return "a duration";
    case Type::kAddress:
      return "an address";
    case Type::kUnknown:
      break;
  }
  return "a value";
}

Type TypeOf(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBoolean:
    case Value::Kind::kInteger:
    case Value::Kind::kBigInteger:
    case Value::Kind::kFloat:
      return Type::kNumber;
    case Value::Kind::kText:
      return Type::kText;
    case Value::Kind::kDatetime:
      return Type::kDatetime;
    case Value::Kind::kTimedelta:
      return Type::kTimedelta;
    case Value::Kind::kAddress:
      return Type::kAddress;
    case Value::Kind::kList: {
      // The type that all items have.
      std::optional<Type> common;
      for (const Value& item : value.list()) {
        const Type type = TypeOf(item);
        if (common.value_or(type) != type) return Type::kUnknown;
        common = type;
      }
      return common.value_or(Type::kUnknown);
    }
    default:
      return Type::kUnknown;
  }
}

Type TypeOf(const FieldDescriptor* leaf) {
  if (leaf == nullptr || HoldsObjects(*leaf)) return Type::kUnknown;
  switch (leaf->options().GetExtension(idea::v1::idea_type)) {
    case idea::v1::IDEA_TYPE_TIMESTAMP:
      return Type::kDatetime;
    case idea::v1::IDEA_TYPE_DURATION:
      return Type::kTimedelta;
    case idea::v1::IDEA_TYPE_NET4:
    case idea::v1::IDEA_TYPE_NET6:
      return Type::kAddress;
    default:
      return leaf->cpp_type() == FieldDescriptor::CPPTYPE_STRING ? Type::kText : Type::kNumber;
  }
}

// Of what two types yield; kUnknown if they yield nothing whatever the values.
Type TypeOfArithmetic(Operator op, Type left, Type right) {
  // A text is read as a number.
  if (left == Type::kText) left = Type::kNumber;
  if (right == Type::kText) right = Type::kNumber;
  const auto are = [&](Type a, Type b) { return left == a && right == b; };
  if (are(Type::kNumber, Type::kNumber)) return Type::kNumber;
  if (are(Type::kTimedelta, Type::kTimedelta)) {
    if (op == Operator::kTimes) return Type::kUnknown;
    return op == Operator::kDivide ? Type::kNumber : Type::kTimedelta;
  }
  switch (op) {
    case Operator::kPlus:
      if (are(Type::kDatetime, Type::kTimedelta)) return Type::kDatetime;
      if (are(Type::kTimedelta, Type::kDatetime)) return Type::kDatetime;
      break;
    case Operator::kMinus:
      if (are(Type::kDatetime, Type::kTimedelta)) return Type::kDatetime;
      if (are(Type::kDatetime, Type::kDatetime)) return Type::kTimedelta;
      break;
    case Operator::kTimes:
      if (are(Type::kTimedelta, Type::kNumber)) return Type::kTimedelta;
      if (are(Type::kNumber, Type::kTimedelta)) return Type::kTimedelta;
      break;
    case Operator::kDivide:
      if (are(Type::kTimedelta, Type::kNumber)) return Type::kTimedelta;
      break;
    default:
      break;
  }
  return Type::kUnknown;
}

bool IsConstantOrList(const Node& node) {
  return node.kind == Node::Kind::kConstant || node.kind == Node::Kind::kList;
}

// Whether the list is of several types, all of which are known and none of which is `type`.
bool HoldsOnlyOthers(const Node& list, Type type) {
  if (list.kind != Node::Kind::kList || TypeOf(list.value) != Type::kUnknown) return false;
  return std::none_of(list.value.list().begin(), list.value.list().end(), [&](const Value& item) {
    return TypeOf(item) == type || TypeOf(item) == Type::kUnknown;
  });
}

// Whether it is a list with times that stay texts, since nothing stands opposite that types them.
bool HoldsUntypedTimes(const Node& list) {
  return std::any_of(list.items.begin(), list.items.end(), [](const ListItem& item) {
    return item.kind == TokenKind::kDatetime || item.kind == TokenKind::kTimedelta;
  });
}

class Finder {
 public:
  Finder(const Rule& rule, bool typed) : rule_(rule), ast_(rule.ast), typed_(typed) {}

  std::vector<Diagnostic> Run(const std::vector<DroppedCharacters>& dropped,
                              const std::vector<Token>& torn) {
    for (const DroppedCharacters& characters : dropped) WarnOfDropped(characters);
    for (const Token& token : torn) WarnOfTorn(token);
    for (const NodeId id : EvaluationOrder(ast_, ast_.root)) Look(id);

    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    if (found_.size() > kMaxWarnings) found_.resize(kMaxWarnings);
    std::vector<Diagnostic> warnings;
    for (auto& [offset, message] : found_) {
      warnings.push_back(DiagnosticAt(ast_.text, offset, std::move(message)));
    }
    return warnings;
  }

 private:
  template <typename... Parts>
  void Warn(size_t offset, const Parts&... parts) {
    found_.emplace_back(offset, absl::StrCat(parts...));
  }

  void WarnOfDropped(const DroppedCharacters& characters) {
    const std::string_view word =
        std::string_view(ast_.text).substr(characters.begin, characters.end - characters.begin);
    if (word.find_first_not_of('\r') == std::string_view::npos) return;  // of a line's end
    Warn(characters.begin, "`", absl::string_view(word.data(), std::min<size_t>(word.size(), 40)),
         "` means nothing here and is left out", ReasonOfDropped(word));
  }

  static absl::string_view ReasonOfDropped(std::string_view word) {
    if (word.find_first_of("\"'") != std::string_view::npos) {
      return "; a quote needs its pair, and an empty text cannot be written";
    }
    if (word.find('#') != std::string_view::npos) return "; there are no comments";
    return "";
  }

  void WarnOfTorn(const Token& token) {
    // Behind an operand `in2` can be no name, and the language is often written so.
    const bool is_prefix = token.op == Operator::kNot || token.op == Operator::kExists;
    const char next = ast_.text[token.end];
    if (!is_prefix && next >= '0' && next <= '9') return;
    const std::string_view name = TornName(ast_.text, token);
    const std::string_view op = token.In(ast_.text);
    Warn(token.begin, "`", absl::string_view(name.data(), std::min<size_t>(name.size(), 40)),
         "` is read as the operator `", absl::string_view(op.data(), op.size()),
         "` and what follows; put a blank behind the operator if that is meant");
  }

  void Look(NodeId id) {
    const Node& node = ast_[id];
    switch (node.kind) {
      case Node::Kind::kConstant:
        types_[id] = TypeOf(node.value);
        LookAtConstant(node);
        break;
      case Node::Kind::kList:
        types_[id] = TypeOf(node.value);
        LookAtItems(node);
        break;
      case Node::Kind::kVariable:
        LookAtVariable(id);
        break;
      case Node::Kind::kCall:
        LookAtCall(id);
        break;
      case Node::Kind::kBinary:
        LookAtBinary(id);
        break;
      default:
        break;
    }
  }

  // Rules for events are refused for these.
  void LookAtConstant(const Node& node) {
    if (typed_) return;
    const bool address = node.literal == TokenKind::kIp4 || node.literal == TokenKind::kIp6;
    if (address && node.text.find("..") != std::string::npos) {
      Warn(node.offset, "`", node.text, "` is only a text: a range is written with `-`");
    } else if (node.literal == TokenKind::kIp6) {
      Warn(node.offset, "the IPv6 address `", node.text,
           "` stands neither in a list nor in quotes, which is an error in rules for events");
    }
  }

  void LookAtItems(const Node& list) {
    for (const ListItem& item : list.items) {
      if (item.kind == TokenKind::kVariable) {
        Warn(item.offset, "in a list `", item.text,
             "` is a text, not the value of that name; put it into quotes");
      }
      const bool address = item.kind == TokenKind::kIp4 || item.kind == TokenKind::kIp6;
      if (address && item.text.find("..") != std::string::npos) {
        Warn(item.offset, "`", item.text, "` is only a text: a range is written with `-`");
      }
    }
  }

  void LookAtVariable(NodeId id) {
    const Node& node = ast_[id];
    const absl::StatusOr<EventPath>& path = rule_.paths.at(id);
    if (!path.ok()) {
      Warn(node.offset, "`", node.text,
           "` is not a path, so that every evaluation fails: ", path.status().message(),
           node.text.find('-') == std::string::npos ? "" : "; put blanks around a minus");
      return;
    }
    if (typed_) types_[id] = TypeOf(path->leaf());
    for (const std::string_view word : {"true", "false", "null", "True", "False", "None"}) {
      if (node.text != word) continue;
      Warn(node.offset, "there is no constant `", node.text,
           "`: this is the name of a key; compare with 1 or 0 instead");
    }
  }

  void LookAtCall(NodeId id) {
    const Node& node = ast_[id];
    const auto function = rule_.functions.find(id);
    if (function == rule_.functions.end()) {
      Warn(node.offset, "there is no function `", node.text, "`, so that every evaluation fails");
      return;
    }
    if (!function->second.built_in) return;
    const bool clock = node.text == "time" || node.text == "utcnow";
    if (clock != (node.left == kNoNode)) {
      Warn(node.offset, "`", node.text, clock ? "` takes no argument" : "` needs an argument",
           ", so that every evaluation fails");
    }
    types_[id] = node.text == "utcnow" ? Type::kDatetime : Type::kNumber;
  }

  void LookAtBinary(NodeId id) {
    const Node& node = ast_[id];
    const Node& left = ast_[node.left];
    const Node& right = ast_[node.right];
    const Type left_type = types_[node.left];
    const Type right_type = types_[node.right];
    const std::string_view spelling = Spelling(node.op);
    const absl::string_view op(spelling.data(), spelling.size());
    if (IsArithmetic(node.op)) {
      types_[id] = TypeOfArithmetic(node.op, left_type, right_type);
      if (types_[id] == Type::kUnknown && left_type != Type::kUnknown &&
          right_type != Type::kUnknown) {
        Warn(node.offset, "`", op, "` between ", Name(left_type), " and ", Name(right_type),
             " always yields nothing", HintOfDurations(left_type, right_type));
      }
    }

    const bool directed = IsOrdering(node.op) || node.op == Operator::kMinus ||
                          node.op == Operator::kDivide || node.op == Operator::kModulo;
    if (node.swapped && directed) {
      Warn(node.offset, "a constant on the left changes places with `", left.text,
           "`: this is read as `", FormatLine(ast_, id).substr(0, 200), "`");
    }
    if (!IsComparison(node.op)) return;

    if (node.op == Operator::kLike) LookAtPatterns(id);
    if (!typed_) return;
    const bool network = right.kind == Node::Kind::kConstant && right_type == Type::kAddress &&
                         !right.value.address().range.IsSingle();
    if (left.kind == Node::Kind::kVariable && left.text.find("[#]") != std::string::npos &&
        left_type == Type::kAddress && IsConstantOrList(right) &&
        (right_type != Type::kAddress || (network && node.op == Operator::kIn))) {
      Warn(left.offset, "with `[#]` in its path `", left.text,
           "` is compared without its type: the constants opposite stay texts, and nothing lies "
           "within a network");
      return;
    }
    if (node.op == Operator::kIs && right.address_list) {
      Warn(node.offset, "`is` between addresses and a list of them is always false");
      return;
    }
    if (node.op == Operator::kIn && network) {
      Warn(right.offset, "without brackets `in ", right.value.address().text,
           "` asks for equality; write `in [", right.value.address().text,
           "]` for what the network or range contains");
    }
    WarnOfTypes(node, left_type, right_type, op);
    if (right.kind == Node::Kind::kConstant && right.literal == TokenKind::kText &&
        right_type == Type::kDatetime && ParseFloat(right.text)) {
      Warn(right.offset, "the number in quotes counts as seconds on the clock of the local zone");
    }
  }

  static absl::string_view HintOfDurations(Type left, Type right) {
    const auto is_time = [](Type type) {
      return type == Type::kTimedelta || type == Type::kDatetime;
    };
    const bool durations =
        (is_time(left) && right == Type::kNumber) || (left == Type::kNumber && is_time(right));
    return durations ? "; write a duration as `00:10:00`" : "";
  }

  void WarnOfTypes(const Node& node, Type left, Type right, absl::string_view op) {
    const bool is_time = left == Type::kTimedelta || left == Type::kDatetime;
    const bool equality = !IsOrdering(node.op) && node.op != Operator::kLike;
    if (equality && is_time && HoldsUntypedTimes(ast_[node.right])) {
      Warn(node.offset, "times in this list stay texts, and ", Name(left),
           " never equals a text; compare with `==` and one after the other");
      return;
    }
    if (equality && left != Type::kUnknown && HoldsOnlyOthers(ast_[node.right], left)) {
      Warn(node.offset, Name(left), " never equals any of these values");
      return;
    }
    if (left == Type::kUnknown || right == Type::kUnknown) return;
    if (node.op == Operator::kLike) {
      if (left == Type::kText && right == Type::kText) return;
      Warn(node.offset, "`like` takes texts; between ", Name(left), " and ", Name(right),
           " it fails");
      return;
    }
    if (left == right) {
      if (left == Type::kAddress && IsOrdering(node.op)) {
        Warn(node.offset, "addresses have no order: `", op, "` fails");
      }
      return;
    }
    const bool number_as_duration = right == Type::kTimedelta && left == Type::kDatetime &&
                                    ast_[node.right].literal == TokenKind::kInteger;
    const absl::string_view hint =
        number_as_duration ? "; a number opposite a time counts as a duration in seconds"
                           : HintOfDurations(left, right);
    if (IsOrdering(node.op)) {
      Warn(node.offset, "`", op, "` between ", Name(left), " and ", Name(right), " fails", hint);
    } else {
      Warn(node.offset, Name(left), " never equals ", Name(right), hint);
    }
  }

  void LookAtPatterns(NodeId id) {
    const auto patterns = rule_.patterns.find(id);
    if (patterns == rule_.patterns.end()) return;
    const Node& operand = ast_[ast_[id].right];
    for (size_t i = 0; i < patterns->second.size(); ++i) {
      const absl::StatusOr<Pattern>& pattern = patterns->second[i];
      const Value& text = operand.value.IsList() ? operand.value.list()[i] : operand.value;
      if (pattern.ok() || !text.IsText()) continue;
      Warn(operand.items.empty() ? operand.offset : operand.items[i].offset,
           pattern.status().message(), ", so that evaluations fail");
    }
  }

  const Rule& rule_;
  const Ast& ast_;
  const bool typed_;
  std::unordered_map<NodeId, Type> types_;
  std::vector<std::pair<size_t, std::string>> found_;
};

}  // namespace

std::vector<Diagnostic> FindWarnings(const std::vector<DroppedCharacters>& dropped,
                                     const std::vector<Token>& torn, const Rule& rule, bool typed) {
  return Finder(rule, typed).Run(dropped, torn);
}

}  // namespace mentat::filter
