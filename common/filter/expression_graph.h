// Many rules as one graph in which what several of them say stands once.
#ifndef COMMON_FILTER_EXPRESSION_GRAPH_H_
#define COMMON_FILTER_EXPRESSION_GRAPH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/filter/membership.h"
#include "common/filter/path_index.h"
#include "common/filter/predicate.h"
#include "common/filter/rule.h"

namespace mentat::filter {

using ExpressionId = uint32_t;

// A part of one or more rules: what it is to the logical operators.
struct Expression {
  enum class Kind : unsigned char {
    kConstant,
    kMembership,
    kPredicate,  // any other comparison, value or call
    kNot,
    kAnd,  // chains
    kOr,
    kXor,
  };
  Kind kind = Kind::kConstant;
  Truth constant = Truth::kNothing;  // of kConstant
  bool can_fail = false;
  uint32_t uses = 0;                // places where it stands
  uint32_t path = 0;                // of kMembership: the number of the index
  bool has_patterns = false;        // of kMembership
  uint32_t number = 0;              // of kMembership and kPredicate: its own among them
  uint32_t last_that_can_fail = 0;  // of the operands of a chain, counted from 1; 0 if none can
  std::vector<ExpressionId> operands;
  std::vector<uint32_t> reads;  // of kMembership and kPredicate: the variables it depends on
};

class ExpressionGraph {
 public:
  // The expression of a rule, which must outlive the graph. Its operands have been added before it.
  ExpressionId Add(const Rule& rule);
  // Ends the adding; gives the indexes by the number of their path.
  std::vector<PathIndex> BuildIndexes();

  const std::vector<Expression>& expressions() const { return expressions_; }
  const std::vector<std::unique_ptr<Predicate>>& predicates() const { return predicates_; }
  uint32_t memberships() const { return memberships_; }
  // The variables, by their numbers.
  const std::vector<EventPath>& variables() const { return variables_; }

 private:
  ExpressionId AddNode(const Rule& rule, NodeId id);
  ExpressionId AddLeaf(const Rule& rule, NodeId id);
  ExpressionId AddChain(const Rule& rule, NodeId id);
  ExpressionId AddNot(ExpressionId operand);
  ExpressionId AddConstant(Truth truth);
  // The operands of a chain of `and` or of `or`, also those in parentheses.
  void CollectOperands(const Rule& rule, NodeId id, Operator op, std::vector<ExpressionId>* all);
  // The expression of that key; made, if there is none yet.
  template <typename Make>
  ExpressionId Intern(std::string key, const Make& make);
  std::vector<uint32_t> Reads(const Rule& rule, NodeId id);

  std::vector<Expression> expressions_;
  absl::flat_hash_map<std::string, ExpressionId> ids_;
  std::vector<std::unique_ptr<Predicate>> predicates_;
  uint32_t memberships_ = 0;
  std::vector<PathIndex::Builder> builders_;
  absl::flat_hash_map<std::string, uint32_t> builder_of_;
  std::vector<EventPath> variables_;
  absl::flat_hash_map<std::string, uint32_t> variable_of_;
  uint32_t rules_ = 0;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_EXPRESSION_GRAPH_H_
