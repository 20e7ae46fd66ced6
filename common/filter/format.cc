#include "common/filter/format.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/diagnostic.h"
#include "common/filter/parser.h"

namespace mentat::filter {
namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max() / 4;
constexpr size_t kStep = 2;        // of indentation
constexpr size_t kMaxIndent = 40;  // deeper parts stand no further to the right
constexpr size_t kMaxNested =
    100;  // parentheses; a rule with more gets none that it can do without

size_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

bool IsLogic(const Node& node) {
  return node.kind == Node::Kind::kBinary && LevelOf(node.op) < Level::kNot;
}

// Whether the operands of a chain of `op` mean the same however they are grouped.
bool IsAssociative(Operator op) {
  return LevelOf(op) < Level::kNot || op == Operator::kPlus || op == Operator::kTimes;
}

bool IsChainLink(const Node& parent, const Node& right) {
  return right.kind == Node::Kind::kBinary && right.op == parent.op && IsAssociative(parent.op);
}

// Whether the grammar asks for parentheses.
bool NeedsParentheses(const Node& parent, const Node& child, bool is_left) {
  if (parent.kind == Node::Kind::kCall) return false;
  const bool is_right = parent.kind == Node::Kind::kBinary && !is_left;
  return is_right ? LevelOf(child) < LevelOf(parent) : LevelOf(child) <= LevelOf(parent);
}

// Whether parentheses help: every operator groups to the right and arithmetic has one level only,
// symbols bind tighter than words, and `not` and `exists` looser than comparisons.
bool WantsParentheses(const Node& parent, const Node& child, bool is_left) {
  if (NeedsParentheses(parent, child, is_left)) return true;
  if (parent.kind == Node::Kind::kNot || parent.kind == Node::Kind::kExists) {
    return child.kind == Node::Kind::kBinary;
  }
  if (parent.kind != Node::Kind::kBinary || child.kind != Node::Kind::kBinary) return false;
  if (!is_left && IsChainLink(parent, child)) return false;
  if (IsLogic(parent) && IsLogic(child)) {
    const bool usual = (parent.op == Operator::kOr && child.op == Operator::kAnd) ||
                       (parent.op == Operator::kHighOr && child.op == Operator::kHighAnd);
    return !usual;
  }
  return LevelOf(parent) == LevelOf(child);
}

// Lays out one expression. There is no recursion: what is still to be written stands in a stack.
class Layout {
 public:
  Layout(const Ast& ast, NodeId root, size_t width)
      : ast_(ast), root_(root), width_(width), order_(EvaluationOrder(ast, root)) {
    helpful_ = NestedParentheses() <= kMaxNested;
    Measure();
  }

  std::string Run() {
    open_.push_back({.node = root_});
    while (!open_.empty()) {
      const Piece piece = open_.back();
      open_.pop_back();
      if (piece.node != kNoNode) {
        WriteNode(piece);
      } else if (piece.newline) {
        out_ += '\n';
        out_.append(std::min(piece.indent, kMaxIndent), ' ');
        column_ = std::min(piece.indent, kMaxIndent);
      } else {
        Write(piece.text);
      }
    }
    return std::move(out_);
  }

 private:
  // A text, the begin of a line, or an expression.
  struct Piece {
    NodeId node = kNoNode;
    std::string_view text;
    bool newline = false;
    bool flat = false;         // the expression stands on one line
    bool parentheses = false;  // around the expression
    bool in_chain = false;     // an operand of a chain that has a line for each of them
    size_t indent = 0;         // of the further lines
    size_t reserve = 0;        // characters that follow on the last line
  };

  static Piece Text(std::string_view text) { return {.text = text}; }
  static Piece Newline(size_t indent) { return {.newline = true, .indent = indent}; }

  bool Parentheses(const Node& parent, NodeId child, bool is_left) const {
    return helpful_ ? WantsParentheses(parent, ast_[child], is_left)
                    : NeedsParentheses(parent, ast_[child], is_left);
  }

  // How deep parentheses and calls would be nested with all that help.
  size_t NestedParentheses() const {
    std::unordered_map<NodeId, size_t> depths;
    for (const NodeId id : order_) {
      const Node& node = ast_[id];
      size_t depth = 0;
      for (const NodeId child : {node.left, node.right}) {
        if (child == kNoNode) continue;
        const bool is_left = child == node.left;
        // Operands of a broken chain that are broken themselves get parentheses, too.
        const bool inner =
            IsLogic(node) && IsLogic(ast_[child]) && (is_left || !IsChainLink(node, ast_[child]));
        const bool around = inner || WantsParentheses(node, ast_[child], is_left);
        depth = std::max(depth, depths[child] + (around ? 1 : 0));
      }
      depths[id] = node.kind == Node::Kind::kCall ? depth + 1 : depth;
    }
    return depths[root_];
  }

  // How wide every expression is on one line.
  void Measure() {
    for (const NodeId id : order_) {
      const Node& node = ast_[id];
      size_t width = 0;
      switch (node.kind) {
        case Node::Kind::kBinary:
          width = Spelling(node.op).size() + 2;
          break;
        case Node::Kind::kNot:
        case Node::Kind::kExists:
          width = Prefix(node).size();
          break;
        case Node::Kind::kCall:
          width = node.text.size() + 2;
          break;
        default: {
          const std::string text = PrintLeaf(node);
          // A text may have lines of its own: then it stands on no line with others.
          width = text.find('\n') == std::string::npos ? CountCharacters(text) : kUnlimited;
        }
      }
      for (const NodeId child : {node.left, node.right}) {
        if (child == kNoNode) continue;
        width += widths_[child] + (Parentheses(node, child, child == node.left) ? 2 : 0);
      }
      widths_[id] = std::min(width, kUnlimited);
    }
  }

  static std::string_view Prefix(const Node& node) {
    return node.kind == Node::Kind::kNot ? "not " : "exists ";
  }

  void Write(std::string_view text) {
    out_ += text;
    const size_t newline = text.rfind('\n');
    column_ = newline == std::string_view::npos ? column_ + CountCharacters(text)
                                                : CountCharacters(text.substr(newline + 1));
  }

  // Puts off the pieces of an expression, to be written in this order.
  void PutOff(const std::vector<Piece>& pieces) {
    open_.insert(open_.end(), pieces.rbegin(), pieces.rend());
  }

  void WriteNode(Piece piece) {
    const Node& node = ast_[piece.node];
    const size_t width = widths_[piece.node] + (piece.parentheses ? 2 : 0) + piece.reserve;
    if (!piece.flat && width_ != kUnlimited && column_ + width > width_) {
      // A chain within a chain, both of several lines.
      if (helpful_ && piece.in_chain && IsLogic(node)) piece.parentheses = true;
      if (piece.parentheses) {
        piece.parentheses = false;
        piece.in_chain = false;
        Enclose("(", piece, ")");
      } else {
        WriteBroken(node, piece);
      }
      return;
    }
    if (piece.parentheses) {
      Write("(");
      open_.push_back(Text(")"));
    }
    WriteFlat(node);
  }

  // The expression on lines of its own between brackets.
  void Enclose(std::string_view open, Piece inner, std::string_view close) {
    Write(open);
    const size_t indent = inner.indent;
    inner.indent = indent + kStep;
    inner.reserve = 0;
    PutOff({Newline(indent + kStep), inner, Newline(indent), Text(close)});
  }

  void WriteFlat(const Node& node) {
    const auto operand = [&](NodeId id, bool is_left) {
      return Piece{.node = id, .flat = true, .parentheses = Parentheses(node, id, is_left)};
    };
    switch (node.kind) {
      case Node::Kind::kBinary:
        PutOff({operand(node.left, true), Text(" "), Text(Spelling(node.op)), Text(" "),
                operand(node.right, false)});
        break;
      case Node::Kind::kNot:
      case Node::Kind::kExists:
        Write(Prefix(node));
        open_.push_back(operand(node.left, true));
        break;
      case Node::Kind::kCall:
        Write(node.text);
        Write("(");
        open_.push_back(Text(")"));
        if (node.left != kNoNode) open_.push_back(operand(node.left, true));
        break;
      default:
        Write(PrintLeaf(node));
    }
  }

  void WriteBroken(const Node& node, const Piece& piece) {
    switch (node.kind) {
      case Node::Kind::kBinary:
        return IsAssociative(node.op) ? WriteChain(piece) : WriteComparison(node, piece);
      case Node::Kind::kNot:
      case Node::Kind::kExists:
        Write(Prefix(node));
        open_.push_back({.node = node.left,
                         .parentheses = Parentheses(node, node.left, true),
                         .indent = piece.indent,
                         .reserve = piece.reserve});
        return;
      case Node::Kind::kCall:
        Write(node.text);
        if (node.left == kNoNode) return Write("()");
        return Enclose("(", {.node = node.left, .indent = piece.indent}, ")");
      case Node::Kind::kList:
        return WriteList(node, piece.indent);
      default:
        Write(PrintLeaf(node));
    }
  }

  // A line for each operand.
  void WriteChain(const Piece& piece) {
    // What stands in parentheses can be broken from where the chain begins.
    const size_t inner = helpful_ ? piece.indent : piece.indent + kStep;
    std::vector<Piece> pieces;
    NodeId id = piece.node;
    const Operator op = ast_[id].op;
    while (true) {
      const Node& link = ast_[id];
      pieces.push_back({.node = link.left,
                        .parentheses = Parentheses(link, link.left, true),
                        .in_chain = true,
                        .indent = inner});
      pieces.push_back(Newline(piece.indent));
      pieces.push_back(Text(Spelling(op)));
      pieces.push_back(Text(" "));
      if (!IsChainLink(link, ast_[link.right])) break;
      id = link.right;
    }
    const Node& last = ast_[id];
    pieces.push_back({.node = last.right,
                      .parentheses = Parentheses(last, last.right, false),
                      .in_chain = true,
                      .indent = inner,
                      .reserve = piece.reserve});
    PutOff(pieces);
  }

  // Both operands one behind the other, each broken where that is possible.
  void WriteComparison(const Node& node, const Piece& piece) {
    const size_t op = Spelling(node.op).size() + 2;
    const Piece right{.node = node.right,
                      .parentheses = Parentheses(node, node.right, false),
                      .indent = piece.indent,
                      .reserve = piece.reserve};
    const Node::Kind kind = ast_[node.right].kind;
    const bool fixed = kind == Node::Kind::kConstant || kind == Node::Kind::kVariable;
    const Piece left{.node = node.left,
                     .parentheses = Parentheses(node, node.left, true),
                     .indent = piece.indent,
                     .reserve = op + (fixed ? widths_[node.right] + piece.reserve : 0)};
    PutOff({left, Text(" "), Text(Spelling(node.op)), Text(" "), right});
  }

  // As many items a line as it takes.
  void WriteList(const Node& list, size_t indent) {
    const std::string line = "\n" + std::string(std::min(indent + kStep, kMaxIndent), ' ');
    Write("[");
    const std::vector<std::string> items = PrintItems(list);
    for (size_t i = 0; i < items.size(); ++i) {
      const size_t width = CountCharacters(items[i]) + (i + 1 < items.size() ? 1 : 0);
      if (i == 0 || column_ + 1 + width > width_) {
        Write(line);
      } else {
        Write(" ");
      }
      Write(items[i]);
      if (i + 1 < items.size()) Write(",");
    }
    Write("\n" + std::string(std::min(indent, kMaxIndent), ' '));
    Write("]");
  }

  const Ast& ast_;
  const NodeId root_;
  const size_t width_;
  const std::vector<NodeId> order_;
  bool helpful_ = true;  // parentheses that help are written
  std::unordered_map<NodeId, size_t> widths_;
  std::string out_;
  size_t column_ = 0;
  std::vector<Piece> open_;  // the next at the back
};

}  // namespace

absl::StatusOr<std::string> FormatRule(std::string_view text, const Limits& limits, size_t width) {
  ASSIGN_OR_RETURN(const ParsedRule rule, Parse(text, limits));
  for (const DroppedCharacters& dropped : rule.dropped) {
    const std::string_view word = text.substr(dropped.begin, dropped.end - dropped.begin);
    if (word.find_first_not_of('\r') == std::string_view::npos) continue;  // of a line's end
    return ErrorAt(Stage::kParse, text, dropped.begin,
                   "this means nothing here and formatting would lose it: the language has no "
                   "comments; take it out first");
  }
  return Format(rule.ast, rule.ast.root, width);
}

std::string Format(const Ast& ast, NodeId root, size_t width) {
  return Layout(ast, root, width).Run();
}

std::string FormatLine(const Ast& ast, NodeId root) { return Layout(ast, root, kUnlimited).Run(); }

}  // namespace mentat::filter
