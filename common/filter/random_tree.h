// Random trees of rules, events and texts for property tests: all that the grammar allows, where
// random_rules.h draws from what hits and misses.
#ifndef COMMON_FILTER_RANDOM_TREE_H_
#define COMMON_FILTER_RANDOM_TREE_H_

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/ast.h"

namespace mentat::filter {

// The seed of a test and how many rounds it makes: `otherwise`, or what the variables
// MENTAT_TEST_SEED and MENTAT_TEST_ROUNDS say.
uint64_t TestSeed(uint64_t otherwise);
int TestRounds(int otherwise);

// Which rules are drawn.
struct RuleStyle {
  // All that the grammar allows, also what fails when it is compiled or evaluated; otherwise mostly
  // keys of Event(), and values that fit.
  bool wild = false;
  int depth = 4;
};

class RandomTrees {
 public:
  explicit RandomTrees(uint64_t seed) : random_(seed) {}

  // A tree as the parser makes them; `text` of the tree is empty.
  Ast Tree(const RuleStyle& style);
  // An expression of numbers and arithmetic.
  Ast Numbers(int depth);
  // An event in JSON, valid and with odd values.
  std::string Event();
  // Any bytes, mostly those that the language knows.
  std::string Noise();
  // The text with a few bytes changed.
  std::string Mutated(std::string text);

  size_t Below(size_t count) { return random_() % count; }

 private:
  bool Coin() { return Below(2) == 0; }
  bool OneIn(size_t count) { return Below(count) == 0; }
  std::string One(const std::vector<std::string_view>& choices) {
    return std::string(choices[Below(choices.size())]);
  }
  std::string Digits(size_t min, size_t max);
  std::string Content();
  std::string Text();
  std::string Address4();
  std::string Address6();
  std::string Datetime();
  std::string Timedelta();
  std::string WildName();
  std::string WildLiteral();
  std::string Literal(const RuleStyle& style);
  std::string Key(const RuleStyle& style);
  std::string List(const RuleStyle& style);
  NodeId Atom(Ast* ast, const RuleStyle& style, int depth);
  NodeId Grow(Ast* ast, const RuleStyle& style, int depth);
  NodeId Comparison(Ast* ast, const RuleStyle& style);
  std::string JsonList(const std::vector<std::string_view>& choices, size_t max);
  std::string JsonValue(int depth);
  std::string JsonText();
  std::string SourceOrTarget();

  std::mt19937_64 random_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_RANDOM_TREE_H_
