#include "common/filter/model.h"

#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/filter/limits.h"
#include "common/filter/literal.h"
#include "common/filter/number.h"
#include "common/filter/regex.h"
#include "common/idea/address.h"

namespace mentat::filter {
namespace {

using Kind = Value::Kind;

absl::Status CompileError() { return absl::InvalidArgumentError("compile"); }
absl::Status EvalError() { return absl::InvalidArgumentError("eval"); }

// A part of the rule with its constants typed and converted, and operands swapped.
struct Term {
  Node::Kind kind = Node::Kind::kConstant;
  Operator op = Operator::kOr;
  bool number = false;  // a number literal, or arithmetic of such
  bool address_list = false;
  std::string text;
  Value value;
  std::vector<ListItem> items;
  std::unique_ptr<Term> left;
  std::unique_ptr<Term> right;
};
using TermPtr = std::unique_ptr<Term>;

enum class KeyType { kNone, kTime, kStorageTime, kIp4, kIp6 };

KeyType KeyTypeOf(const Term& key) {
  if (key.kind == Node::Kind::kCall) return key.text == "utcnow" ? KeyType::kTime : KeyType::kNone;
  static const std::regex& index = *new std::regex(R"(\[[0-9]+\])");
  const std::string path = std::regex_replace(key.text, index, "");
  for (const std::string time :
       {"CreateTime", "DetectTime", "EventTime", "CeaseTime", "WinStartTime", "WinEndTime"}) {
    if (path == time) return KeyType::kTime;
  }
  if (path == "_CESNET.StorageTime" || path == "_Mentat.StorageTime") return KeyType::kStorageTime;
  if (path == "Source.IP4" || path == "Target.IP4") return KeyType::kIp4;
  if (path == "Source.IP6" || path == "Target.IP6") return KeyType::kIp6;
  return KeyType::kNone;
}

class Model {
 public:
  Model(const Ast& ast, bool typed, const idea::v1::Value& document, int64_t now)
      : ast_(ast), typed_(typed), document_(document), now_(now) {}

  absl::StatusOr<Value> Run() {
    ASSIGN_OR_RETURN(const TermPtr term, Build(ast_.root, typed_));
    return Evaluate(*term);
  }

 private:
  absl::StatusOr<TermPtr> Build(NodeId id, bool compile) {
    const Node& node = ast_[id];
    auto term = std::make_unique<Term>();
    term->kind = node.kind;
    term->op = node.op;
    term->text = node.text;
    term->value = node.value;
    term->items = node.items;
    if (node.kind == Node::Kind::kConstant) {
      term->number = node.literal == TokenKind::kInteger || node.literal == TokenKind::kFloat;
      if (!compile) return term;
      absl::StatusOr<Value> value = TypedLiteral(node.literal, node.text, node.value);
      if (!value.ok()) return CompileError();
      term->value = *std::move(value);
      return term;
    }
    // The compiler looks at arguments, but the call keeps them as they were.
    if (node.kind == Node::Kind::kCall && compile && node.left != kNoNode) {
      RETURN_IF_ERROR(Build(node.left, true).status());
      compile = false;
    }
    if (node.left != kNoNode) {
      ASSIGN_OR_RETURN(term->left, Build(node.left, compile));
    }
    if (node.right != kNoNode) {
      ASSIGN_OR_RETURN(term->right, Build(node.right, compile));
    }
    if (node.kind == Node::Kind::kBinary && (IsComparison(node.op) || IsArithmetic(node.op)) &&
        compile) {
      if (IsArithmetic(node.op) && term->left->number && term->right->number) {
        term->number = true;
      } else {
        RETURN_IF_ERROR(Convert(term.get()));
      }
    }
    return term;
  }

  static bool IsConstant(const Term& term) {
    return term.kind == Node::Kind::kConstant || term.kind == Node::Kind::kList || term.number;
  }

  absl::Status Convert(Term* term) {
    for (const Node::Kind kind : {Node::Kind::kVariable, Node::Kind::kCall}) {
      if (term->left->kind == kind && IsConstant(*term->right)) return ConvertRight(term);
      if (term->right->kind == kind && IsConstant(*term->left)) {
        std::swap(term->left, term->right);
        return ConvertRight(term);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ConvertRight(Term* term) {
    const KeyType type = KeyTypeOf(*term->left);
    if (type == KeyType::kNone) return absl::OkStatus();
    Term& right = *term->right;
    const auto convert = [&](const Value& value) -> absl::StatusOr<Value> {
      if (type == KeyType::kIp4) return AddressOperand(idea::Family::kIp4, value);
      if (type == KeyType::kIp6) return AddressOperand(idea::Family::kIp6, value);
      if (type == KeyType::kStorageTime && IsComparison(term->op) && value.IsNumber()) {
        return UnixTimeOperand(value);
      }
      return TimeOperand(value);
    };
    if (right.kind == Node::Kind::kList) {
      std::vector<Value> values;
      for (size_t i = 0; i < right.items.size(); ++i) {
        if (right.items[i].kind == TokenKind::kVariable) return CompileError();
        absl::StatusOr<Value> value = convert(right.value.list()[i]);
        if (!value.ok()) return CompileError();
        values.push_back(*std::move(value));
      }
      right.value = Value::List(std::move(values));
      right.address_list = type == KeyType::kIp4 || type == KeyType::kIp6;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const Value constant, Evaluate(right));
    absl::StatusOr<Value> value = convert(constant);
    if (!value.ok()) return CompileError();
    right.kind = Node::Kind::kConstant;
    right.number = false;
    right.value = *std::move(value);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Evaluate(const Term& term) {
    switch (term.kind) {
      case Node::Kind::kConstant:
      case Node::Kind::kList:
        return term.value;
      case Node::Kind::kVariable:
        return Read(term.text);
      case Node::Kind::kCall:
        return Call(term);
      case Node::Kind::kExists:
        return Evaluate(*term.left);
      case Node::Kind::kNot: {
        ASSIGN_OR_RETURN(const Value value, Evaluate(*term.left));
        return value.IsNothing() ? Value() : Value::Boolean(!value.Truth());
      }
      case Node::Kind::kBinary:
        break;
    }
    ASSIGN_OR_RETURN(const Value left, Evaluate(*term.left));
    ASSIGN_OR_RETURN(const Value right, Evaluate(*term.right));
    if (IsOr(term.op)) return left.Truth() ? left : right;
    if (IsAnd(term.op)) return left.Truth() ? right : left;
    if (IsXor(term.op)) return left.Truth() ? Value::Boolean(!right.Truth()) : right;
    if (IsArithmetic(term.op)) return Calculate(term.op, left, right);
    return Compare(term, left, right);
  }

  static std::vector<Value> ItemsOf(const Value& value) {
    return value.IsList() ? value.list() : std::vector<Value>{value};
  }

  static Value Calculate(Operator op, const Value& left, const Value& right) {
    if (left.IsNothing() || right.IsNothing()) return Value();
    const std::vector<Value> a = ItemsOf(left);
    const std::vector<Value> b = ItemsOf(right);
    std::vector<Value> results;
    if (a.empty() || b.empty()) return Value();
    if (b.size() == 1) {
      for (const Value& item : a) results.push_back(Arithmetic(op, Scalar(item), Scalar(b[0])));
    } else if (a.size() == 1) {
      for (const Value& item : b) results.push_back(Arithmetic(op, Scalar(a[0]), Scalar(item)));
    } else if (a.size() == b.size()) {
      for (size_t i = 0; i < a.size(); ++i)
        results.push_back(Arithmetic(op, Scalar(a[i]), Scalar(b[i])));
    } else {
      return Value();
    }
    for (const Value& result : results) {
      if (result.IsNothing()) return Value();
    }
    if (results.size() == 1) return results[0];
    return Value::List(std::move(results));
  }
  // A list within a list is no number.
  static Value Scalar(const Value& item) { return item.IsList() ? Value() : item; }

  static bool Same(const Value& a, const Value& b) {
    if (IsNumeric(a) && IsNumeric(b)) return CompareNumbers(a, b) == 0;
    if (a.kind() != b.kind()) return false;
    if (a.kind() == Kind::kAddress) return a.address().range == b.address().range;
    if (a.kind() == Kind::kList) {
      if (a.list().size() != b.list().size()) return false;
      for (size_t i = 0; i < a.list().size(); ++i) {
        if (!Same(a.list()[i], b.list()[i])) return false;
      }
      return true;
    }
    if (a.kind() == Kind::kObject) return SameMembers(a.object(), b.object());
    return ToJson(a) == ToJson(b);
  }
  // Of objects without a key that stands twice.
  static bool SameMembers(const idea::v1::Value& a, const idea::v1::Value& b) {
    if (a.object().members_size() != b.object().members_size()) return false;
    for (const idea::v1::Member& member : a.object().members()) {
      const idea::v1::Value* const other = Find(b, member.key());
      if (other == nullptr || !Same(Value::FromIdea(member.value()), Value::FromIdea(*other)))
        return false;
    }
    return true;
  }

  static absl::StatusOr<bool> InOrder(Operator op, const Value& a, const Value& b) {
    std::partial_ordering order = std::partial_ordering::equivalent;
    if (IsNumeric(a) && IsNumeric(b)) {
      order = CompareNumbers(a, b);
    } else if (a.kind() != b.kind()) {
      return EvalError();
    } else if (a.IsText()) {
      order = a.text().compare(b.text()) <=> 0;
    } else if (a.kind() == Kind::kDatetime) {
      order = a.datetime() <=> b.datetime();
    } else if (a.kind() == Kind::kTimedelta) {
      order = a.timedelta() <=> b.timedelta();
    } else if (a.IsList()) {
      // As in Python: the first items that differ, then the lengths.
      size_t i = 0;
      while (i < a.list().size() && i < b.list().size() && Same(a.list()[i], b.list()[i])) ++i;
      if (i < a.list().size() && i < b.list().size()) return InOrder(op, a.list()[i], b.list()[i]);
      order = a.list().size() <=> b.list().size();
    } else {
      return EvalError();
    }
    if (op == Operator::kLess) return order < 0;
    if (op == Operator::kLessEqual) return order <= 0;
    return op == Operator::kGreater ? order > 0 : order >= 0;
  }

  static absl::StatusOr<bool> Pair(Operator op, const Value& a, const Value& b) {
    if (op == Operator::kEqual) return Same(a, b);
    if (op == Operator::kNotEqual) return !Same(a, b);
    if (op != Operator::kLike) return InOrder(op, a, b);
    if (!a.IsText() || !b.IsText()) return EvalError();
    const absl::StatusOr<Pattern> pattern = Pattern::Compile(b.text(), Limits());
    if (!pattern.ok()) return EvalError();
    return pattern->Search(a.text());
  }

  static absl::StatusOr<Value> Compare(const Term& term, const Value& left, const Value& right) {
    if (left.IsNothing() || right.IsNothing()) return Value();
    const std::vector<Value> a = ItemsOf(left);
    const std::vector<Value> b = ItemsOf(right);
    if (a.empty() || b.empty()) return Value();
    const bool addresses = term.right->address_list;
    if (term.op == Operator::kIs)
      return Value::Boolean(!addresses && Same(Value::List(a), Value::List(b)));
    for (const Value& x : a) {
      for (const Value& y : b) {
        if (term.op == Operator::kIn) {
          const bool contains = x.kind() == Kind::kAddress && y.kind() == Kind::kAddress &&
                                y.address().range.Contains(x.address().range);
          if (addresses ? contains : Same(x, y)) return Value::Boolean(true);
          continue;
        }
        if (x.IsNothing() || y.IsNothing()) continue;
        ASSIGN_OR_RETURN(const bool holds, Pair(term.op, x, y));
        if (holds) return Value::Boolean(true);
      }
    }
    return Value::Boolean(false);
  }

  absl::StatusOr<Value> Call(const Term& term) {
    std::optional<Value> argument;
    if (term.left != nullptr) {
      ASSIGN_OR_RETURN(argument, Evaluate(*term.left));
    }
    if (term.text == "time" || term.text == "utcnow") {
      if (argument) return EvalError();
      return term.text == "time" ? Value::Float(static_cast<double>(now_) / 1e6)
                                 : Value::Datetime(now_);
    }
    if ((term.text != "size" && term.text != "strlen") || !argument) return EvalError();
    if (term.text == "size") return Length(*argument);
    if (argument->IsNothing() || (argument->IsText() && argument->text().empty()) ||
        (argument->IsList() && argument->list().empty())) {
      return Value();
    }
    if (!argument->IsList()) return Length(*argument);
    std::vector<Value> lengths;
    for (const Value& item : argument->list()) {
      ASSIGN_OR_RETURN(Value length, Length(item));
      lengths.push_back(std::move(length));
    }
    return Value::List(std::move(lengths));
  }

  static absl::StatusOr<Value> Length(const Value& value) {
    if (value.IsList()) return Value::Integer(static_cast<int64_t>(value.list().size()));
    if (value.kind() == Kind::kObject)
      return Value::Integer(value.object().object().members_size());
    if (value.IsText()) {
      int64_t characters = 0;
      for (const char c : value.text()) characters += (c & 0xc0) != 0x80;
      return Value::Integer(characters);
    }
    if (value.kind() != Kind::kAddress) return EvalError();
    // last - first + 1
    const auto number = [](absl::uint128 n) {
      Value sum = Value::Integer(0);
      for (int bits = 96; bits >= 0; bits -= 32) {
        sum = Arithmetic(Operator::kTimes, sum, Value::Integer(int64_t{1} << 32));
        sum = Arithmetic(
            Operator::kPlus, sum,
            Value::Integer(static_cast<int64_t>(absl::Uint128Low64(n >> bits) & 0xffffffff)));
      }
      return sum;
    };
    const idea::AddressRange& range = value.address().range;
    return Arithmetic(Operator::kPlus,
                      Arithmetic(Operator::kMinus, number(range.last), number(range.first)),
                      Value::Integer(1));
  }

  static const idea::v1::Value* Find(const idea::v1::Value& object, std::string_view key) {
    for (const idea::v1::Member& member : object.object().members()) {
      if (member.key() == key) return &member.value();
    }
    return nullptr;
  }

  absl::StatusOr<Value> Read(const std::string& path) const {
    static const std::regex& chunk = *new std::regex(R"(([A-Za-z0-9_]+)(?:\[([0-9]+|#|\*)\])?)");
    std::vector<const idea::v1::Value*> nodes = {&document_};
    std::string names;
    size_t begin = 0;
    while (true) {
      const size_t end = std::min(path.find('.', begin), path.size());
      std::smatch match;
      const std::string text = path.substr(begin, end - begin);
      if (!std::regex_match(text, match, chunk)) return EvalError();
      names += (names.empty() ? "" : ".") + match[1].str();
      nodes = Step(nodes, match[1], match[2]);
      if (end == path.size()) break;
      begin = end + 1;
    }
    std::vector<Value> values;
    for (const idea::v1::Value* node : nodes)
      values.push_back(typed_ ? Typed(names, *node) : Value::FromIdea(*node));
    return Value::List(std::move(values));
  }

  static std::vector<const idea::v1::Value*> Step(const std::vector<const idea::v1::Value*>& nodes,
                                                  const std::string& name,
                                                  const std::string& index) {
    std::vector<const idea::v1::Value*> next;
    for (const idea::v1::Value* node : nodes) {
      const idea::v1::Value* const value = node->has_object() ? Find(*node, name) : nullptr;
      if (value == nullptr) continue;
      if (!value->has_list()) {
        if (index.empty()) next.push_back(value);
        continue;
      }
      const auto& items = value->list().items();
      if (index.empty() || index == "*") {
        for (const idea::v1::Value& item : items) next.push_back(&item);
      } else if (!items.empty()) {
        const long place = index == "#" ? 0 : std::stol(index);
        if (place == 0) next.push_back(&items[items.size() - 1]);
        if (place > 0 && place <= items.size()) next.push_back(&items[static_cast<int>(place - 1)]);
      }
    }
    return next;
  }

  // The value of an event's key by its type.
  static Value Typed(const std::string& names, const idea::v1::Value& value) {
    if (value.has_text()) {
      if (names == "DetectTime" || names == "EventTime" || names == "CreateTime")
        return *ParseDatetime(value.text());
      if (names == "Node.AggrWin") return *ParseTimedelta(value.text());
      for (const std::string key : {"Source.IP4", "Target.IP4", "Source.IP6", "Target.IP6"}) {
        if (names == key) return Value::Of({*idea::ParseAddressRange(value.text()), value.text()});
      }
    }
    const Value plain = Value::FromIdea(value);
    if (names == "Confidence" && plain.kind() == Kind::kInteger) {
      return Value::Float(static_cast<double>(plain.integer()));
    }
    return plain;
  }

  const Ast& ast_;
  const bool typed_;
  const idea::v1::Value& document_;
  const int64_t now_;
};

}  // namespace

absl::StatusOr<Value> ModelEvaluate(const Ast& ast, bool typed, const idea::v1::Value& document,
                                    int64_t now_micros) {
  return Model(ast, typed, document, now_micros).Run();
}

}  // namespace mentat::filter
