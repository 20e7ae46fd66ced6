// The tree of an expression, as parsed and as compiled.
//
// The nodes stand in one vector, children before their parents, so that every pass is a loop and no
// rule can exhaust the stack.
#ifndef COMMON_FILTER_AST_H_
#define COMMON_FILTER_AST_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "common/filter/lexer.h"
#include "common/filter/operator.h"
#include "common/filter/value.h"

namespace mentat::filter {

using NodeId = uint32_t;
inline constexpr NodeId kNoNode = std::numeric_limits<NodeId>::max();

// One item of a list as it was written; a bare name is kVariable.
struct ListItem {
  TokenKind kind = TokenKind::kText;
  std::string text;  // of kText the content
  size_t offset = 0;
};

struct Node {
  enum class Kind : unsigned char {
    kConstant,
    kVariable,
    kList,
    kCall,    // left is the argument, or none
    kNot,     // left is the operand
    kExists,  // left is the operand
    kBinary,
  };
  Kind kind = Kind::kConstant;
  Operator op = Operator::kOr;           // of kBinary
  TokenKind literal = TokenKind::kText;  // of kConstant: how it was written
  bool address_list = false;             // of kList: `in` asks whether an item is contained
  bool swapped = false;                  // of kBinary: the constant was written on the left
  NodeId left = kNoNode;
  NodeId right = kNoNode;
  size_t offset = 0;            // where the token stands, the operator of a kBinary
  std::string text;             // of kVariable and kCall the name, of kConstant as written
  Value value;                  // of kConstant and kList
  std::vector<ListItem> items;  // of kList as parsed
};

struct Ast {
  std::string text;  // the rule
  std::vector<Node> nodes;
  NodeId root = kNoNode;

  const Node& operator[](NodeId id) const { return nodes[id]; }
};

// The nodes that `root` is made of, children first, in the order of evaluation.
std::vector<NodeId> EvaluationOrder(const Ast& ast, NodeId root);

// How tight the expression binds.
Level LevelOf(const Node& node);

// A constant, a variable or a list as text; of a list also the items one by one.
std::string PrintLeaf(const Node& node);
std::vector<std::string> PrintItems(const Node& list);

// The expression as text, with the parentheses that it needs. What was only parsed reads back as
// the same tree; what was compiled shows what it means. format.h has a form for people.
std::string Print(const Ast& ast, NodeId root);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_AST_H_
