// Properties that hold for all rules and events, on random ones.
//
// MENTAT_TEST_SEED=N repeats a run (it is part of every failure), MENTAT_TEST_ROUNDS=N lengthens
// it:
//   bazel test //common/filter:property_test --test_env=MENTAT_TEST_SEED=5
//   --test_env=MENTAT_TEST_ROUNDS=1000000
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/compare.h"
#include "common/filter/explain.h"
#include "common/filter/filter.h"
#include "common/filter/format.h"
#include "common/filter/model.h"
#include "common/filter/parser.h"
#include "common/filter/random_tree.h"
#include "common/idea/codec.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

constexpr int64_t kNow = 1'709'653'942'500'000;

class PropertyTest : public testing::Test {
 protected:
  PropertyTest()
      : seed_(TestSeed(20240305)),
        trace_(__FILE__, __LINE__, "MENTAT_TEST_SEED=" + std::to_string(seed_)),
        random_(seed_) {}

  const uint64_t seed_;
  const testing::ScopedTrace trace_;
  RandomTrees random_;
};

// The tree with all that the parser gives its nodes, but for the places.
std::string Shape(const Ast& ast, NodeId id) {
  if (id == kNoNode) return "-";
  const Node& node = ast[id];
  std::string shape = "(" + std::to_string(static_cast<int>(node.kind)) + " ";
  shape += node.kind == Node::Kind::kBinary ? std::string(Spelling(node.op)) : "";
  if (node.kind == Node::Kind::kConstant) shape += std::to_string(static_cast<int>(node.literal));
  shape += "{" + node.text + "}" + ToJson(node.value);
  for (const ListItem& item : node.items) {
    shape += std::to_string(static_cast<int>(item.kind)) + "{" + item.text + "}";
  }
  return shape + " " + Shape(ast, node.left) + " " + Shape(ast, node.right) + ")";
}

std::string ShapeOf(std::string_view text) {
  const absl::StatusOr<ParsedRule> rule = Parse(text, {});
  if (!rule.ok()) return std::string(rule.status().message());
  return Shape(rule->ast, rule->ast.root);
}

TEST_F(PropertyTest, WhatIsPrintedReadsBack) {
  for (int i = TestRounds(2'000); i > 0; --i) {
    const Ast tree = random_.Tree({.wild = true, .depth = i % 6});
    const std::string text = Print(tree, tree.root);
    const absl::StatusOr<ParsedRule> again = Parse(text, {});
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_TRUE(again->dropped.empty()) << text;
    ASSERT_TRUE(again->torn.empty()) << text;
    ASSERT_EQ(Shape(again->ast, again->ast.root), Shape(tree, tree.root)) << text;
    ASSERT_EQ(Print(again->ast, again->ast.root), text);
  }
}

TEST_F(PropertyTest, WhatIsFormattedReadsBackAndStays) {
  for (int i = TestRounds(1'500); i > 0; --i) {
    const Ast tree = random_.Tree({.wild = true, .depth = i % 6});
    const std::string shape = Shape(tree, tree.root);
    const size_t width = std::vector<size_t>{1, 20, 60, kFormatWidth}[random_.Below(4)];
    const std::string text = Format(tree, tree.root, width);
    ASSERT_EQ(ShapeOf(text), shape) << text;
    ASSERT_EQ(ShapeOf(FormatLine(tree, tree.root)), shape) << FormatLine(tree, tree.root);
    const absl::StatusOr<std::string> again = FormatRule(text, {}, width);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(*again, text);
    // The formatter is given what people write.
    const absl::StatusOr<std::string> printed = FormatRule(Print(tree, tree.root), {}, width);
    ASSERT_TRUE(printed.ok()) << printed.status();
    ASSERT_EQ(*printed, text);
  }
}

std::string Stage(const absl::Status& status) {
  const std::string message(status.message());
  return message.substr(0, message.find(':'));
}

bool SameValue(const Value& a, const Value& b) {
  return a.kind() == b.kind() && (ToJson(a) == ToJson(b) || Equal(a, b));
}

// How the results are distributed; a test whose rules all fail shows nothing.
struct Tally {
  int values = 0;
  int truths = 0;
  int errors = 0;
  int refused = 0;

  void Expect(bool some_refused) const {
    std::printf("%d values, %d of them true, %d errors, %d rules refused\n", values, truths, errors,
                refused);
    EXPECT_GT(values, errors);
    EXPECT_GT(truths * 10, values);
    EXPECT_LT(truths * 10, values * 9);
    EXPECT_GT(errors, 0);
    EXPECT_EQ(refused > 0, some_refused);
  }
};

class MeaningTest : public PropertyTest {
 protected:
  struct Document {
    idea::v1::Event event;
    idea::v1::Value typed;  // the event as the codec prints it
    idea::v1::Value raw;    // as it was written
  };

  MeaningTest() : documents_(60) {
    for (Document& document : documents_) {
      const std::string json = random_.Event();
      std::vector<idea::Problem> problems;
      EXPECT_TRUE(idea::ParseEvent(json, {}, &document.event, &problems))
          << json << idea::Describe(problems);
      document.typed = idea::ParseValue(idea::PrintEvent(document.event)).value();
      document.raw = idea::ParseValue(json).value();
    }
  }

  // The form compiled as it is used, against the model.
  template <typename Form, typename Input>
  void Check(bool typed, const Input& input, int rounds) {
    Tally tally;
    for (int i = TestRounds(rounds); i > 0; --i) {
      const Ast tree = random_.Tree({.wild = i % 8 == 0, .depth = i % 4});
      const std::string text = Print(tree, tree.root);
      const absl::StatusOr<Form> filter = Form::Compile(text, {}, [] { return kNow; });
      if (!filter.ok()) ++tally.refused;
      for (int k = 0; k < 4; ++k) {
        const Document& document = documents_[random_.Below(documents_.size())];
        SCOPED_TRACE(text + "\n" + idea::PrintValue(document.raw));
        const absl::StatusOr<Value> expected =
            ModelEvaluate(tree, typed, typed ? document.typed : document.raw, kNow);
        if (!filter.ok()) {
          // The model compiles no patterns.
          ASSERT_TRUE(Stage(filter.status()) == "compile") << filter.status();
          ASSERT_EQ(expected.status().message(), "compile") << filter.status();
          continue;
        }
        const absl::StatusOr<Value> value = filter->Evaluate(input(document));
        const absl::StatusOr<bool> matches = filter->Matches(input(document));
        const Explanation explanation = filter->Explain(input(document));
        ASSERT_EQ(matches.status(), value.status());
        if (!value.ok()) {
          ++tally.errors;
          ASSERT_EQ(expected.status().message(), Stage(value.status())) << value.status();
          ASSERT_FALSE(explanation.value.has_value());
          continue;
        }
        ASSERT_TRUE(expected.ok()) << expected.status() << ToJson(*value);
        ASSERT_TRUE(SameValue(*value, *expected))
            << ToJson(*value) << " and not " << ToJson(*expected);
        ASSERT_EQ(*matches, value->Truth());
        ASSERT_TRUE(explanation.value.has_value());
        ASSERT_TRUE(SameValue(*explanation.value, *value));
        ASSERT_TRUE(explanation.deciding);
        ++tally.values;
        tally.truths += *matches ? 1 : 0;
      }
    }
    if (TestRounds(rounds) >= rounds) tally.Expect(/*some_refused=*/typed);
  }

  std::vector<Document> documents_;
};

TEST_F(MeaningTest, RulesForEventsMeanWhatTheModelSays) {
  Check<Filter>(
      true, [](const Document& document) { return document.event; }, 6'000);
}

TEST_F(MeaningTest, RawRulesMeanWhatTheModelSays) {
  Check<RawFilter>(
      false, [](const Document& document) { return document.raw; }, 2'500);
}

TEST_F(PropertyTest, FoldingChangesNoNumber) {
  int numbers = 0;
  for (int i = TestRounds(4'000); i > 0; --i) {
    const Ast tree = random_.Numbers(1 + i % 5);
    const std::string text = Print(tree, tree.root);
    const absl::StatusOr<Value> folded = Filter::Compile(text).value().Evaluate({});
    const absl::StatusOr<Value> raw = RawFilter::Compile(text).value().Evaluate({});
    ASSERT_TRUE(folded.ok() && raw.ok()) << text;
    ASSERT_EQ(folded->kind(), raw->kind()) << text;
    ASSERT_EQ(ToJson(*folded), ToJson(*raw)) << text;
    numbers += folded->IsNumber() ? 1 : 0;
  }
  EXPECT_GT(numbers, TestRounds(4'000) / 4);
}

// Whether `line L, column C` of the message is a place in the text, or right behind it.
testing::AssertionResult HasPlace(std::string_view text, const std::string& message) {
  int line = 0;
  int column = 0;
  const size_t begin = message.find("line ");
  if (begin == std::string::npos ||
      std::sscanf(message.c_str() + begin, "line %d, column %d: ", &line, &column) != 2) {
    return testing::AssertionFailure() << "no place: " << message;
  }
  size_t at = 0;
  for (int i = 1; i < line; ++i) {
    at = text.find('\n', at);
    if (at == std::string_view::npos)
      return testing::AssertionFailure() << "no such line: " << message;
    ++at;
  }
  const size_t length = std::min(text.find('\n', at), text.size()) - at;
  if (line < 1 || column < 1 || static_cast<size_t>(column) > length + 1) {
    return testing::AssertionFailure() << "outside of the text: " << message;
  }
  return testing::AssertionSuccess();
}

template <typename Form, typename Input>
void CompileAndEvaluate(std::string_view text, const Input& input) {
  const absl::StatusOr<Form> filter = Form::Compile(text, {.max_depth = 20, .max_nodes = 200});
  if (!filter.ok()) {
    ASSERT_TRUE(HasPlace(text, std::string(filter.status().message())));
    return;
  }
  for (const Diagnostic& warning : filter->warnings()) {
    ASSERT_TRUE(HasPlace(text, warning.Format(text)));
  }
  const absl::StatusOr<Value> value = filter->Evaluate(input);
  if (!value.ok()) {
    ASSERT_TRUE(HasPlace(text, std::string(value.status().message())));
  }
}

TEST_F(MeaningTest, AnyTextIsARuleOrHasAPlaceWhereItIsNone) {
  for (int i = TestRounds(8'000); i > 0; --i) {
    const Ast tree = random_.Tree({.wild = i % 2 == 0, .depth = i % 3});
    const std::string text = i % 3 == 0 ? random_.Noise() : random_.Mutated(Print(tree, tree.root));
    SCOPED_TRACE(text);
    const Document& document = documents_[random_.Below(documents_.size())];
    CompileAndEvaluate<Filter>(text, document.event);
    CompileAndEvaluate<RawFilter>(text, document.raw);
    const absl::StatusOr<std::string> formatted = FormatRule(text, {.max_depth = 20});
    if (formatted.ok()) {
      ASSERT_EQ(ShapeOf(*formatted), ShapeOf(text));
    }
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace mentat::filter
