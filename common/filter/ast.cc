#include "common/filter/ast.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "common/idea/time.h"

namespace mentat::filter {
namespace {

std::string Quoted(std::string_view text) {
  // The content of a text holds no quotes, and only quotes inside make an empty one.
  if (text.empty()) return "\"'\"";
  return std::string("'").append(text).append("'");
}

std::string PrintValue(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kText:
      return Quoted(value.text());
    case Value::Kind::kDatetime:
      return idea::FormatTimestamp(value.datetime());
    case Value::Kind::kTimedelta:
      return idea::FormatDuration(value.timedelta());
    case Value::Kind::kAddress:
      return value.address().text;
    case Value::Kind::kList: {
      std::string text = "[";
      for (const Value& item : value.list()) {
        if (text.size() > 1) text += ", ";
        text += PrintValue(item);
      }
      return text + "]";
    }
    default:
      return ToJson(value);
  }
}

std::string PrintConstant(const Node& node) {
  // Texts are values; what else was not converted stands as it was written.
  const bool as_written = node.value.IsText() ? node.literal != TokenKind::kText
                                              : node.value.IsNumber() && !node.text.empty();
  return as_written ? node.text : PrintValue(node.value);
}

}  // namespace

Level LevelOf(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kBinary:
      return LevelOf(node.op);
    case Node::Kind::kNot:
      return Level::kNot;
    case Node::Kind::kExists:
      return Level::kExists;
    default:
      return Level::kAtom;
  }
}

std::vector<std::string> PrintItems(const Node& list) {
  std::vector<std::string> texts;
  if (list.items.empty()) {
    for (const Value& item : list.value.list()) texts.push_back(PrintValue(item));
  }
  for (const ListItem& item : list.items) {
    texts.push_back(item.kind == TokenKind::kText ? Quoted(item.text) : item.text);
  }
  return texts;
}

std::string PrintLeaf(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kVariable:
      return node.text;
    case Node::Kind::kConstant:
      return PrintConstant(node);
    case Node::Kind::kList: {
      std::string text = "[";
      for (const std::string& item : PrintItems(node)) {
        if (text.size() > 1) text += ", ";
        text += item;
      }
      return text + "]";
    }
    default:
      return "";
  }
}

std::vector<NodeId> EvaluationOrder(const Ast& ast, NodeId root) {
  std::vector<NodeId> order;
  // Parents before children and the right before the left; reversed, that is the order wanted.
  std::vector<NodeId> open = {root};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    order.push_back(id);
    if (ast[id].left != kNoNode) open.push_back(ast[id].left);
    if (ast[id].right != kNoNode) open.push_back(ast[id].right);
  }
  std::reverse(order.begin(), order.end());
  return order;
}

std::string Print(const Ast& ast, NodeId root) {
  struct Operand {
    NodeId id;
    Level level;  // that it must have, else it stands in parentheses
  };
  std::string out;
  // What is still to be printed, the next at the back.
  std::vector<std::variant<std::string_view, Operand>> open = {Operand{root, Level::kOr}};
  while (!open.empty()) {
    const auto next = open.back();
    open.pop_back();
    if (const auto* text = std::get_if<std::string_view>(&next)) {
      out += *text;
      continue;
    }
    const auto [id, level] = std::get<Operand>(next);
    const Node& node = ast[id];
    const Level own = LevelOf(node);
    if (own < level) {
      out += "(";
      open.emplace_back(")");
    }
    const auto above = [](Level below) { return static_cast<Level>(static_cast<int>(below) + 1); };
    switch (node.kind) {
      case Node::Kind::kBinary:
        open.emplace_back(Operand{node.right, own});
        open.emplace_back(" ");
        open.emplace_back(Spelling(node.op));
        open.emplace_back(" ");
        open.emplace_back(Operand{node.left, above(own)});
        break;
      case Node::Kind::kNot:
      case Node::Kind::kExists:
        out += node.kind == Node::Kind::kNot ? "not " : "exists ";
        open.emplace_back(Operand{node.left, above(own)});
        break;
      case Node::Kind::kCall:
        out += node.text + "(";
        open.emplace_back(")");
        if (node.left != kNoNode) open.emplace_back(Operand{node.left, Level::kOr});
        break;
      default:
        out += PrintLeaf(node);
    }
  }
  return out;
}

}  // namespace mentat::filter
