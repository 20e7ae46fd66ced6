#include "common/base/json_tree.h"

#include <string>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat {
namespace {

using ::testing::HasSubstr;

TEST(JsonTree, EveryNodeKnowsItsLineAndCommentsCount) {
  const absl::StatusOr<JsonNode> root = ParseJsonTree(
      "# first\n"
      "{\n"
      "   // second\n"
      "  \"a\": [1,\n"
      "        22\n"
      "        ,\"#x // y\"],\n"
      "\n"
      "  \"b\": {\"c\": true}\n"
      "}\n");
  ASSERT_THAT(root, IsOk());
  EXPECT_EQ(root->line, 2);
  ASSERT_EQ(root->members.size(), 2);
  const JsonNode& list = root->members[0].value;
  EXPECT_EQ(list.line, 4);
  ASSERT_EQ(list.items.size(), 3);
  EXPECT_EQ(list.items[0].line, 4);
  EXPECT_EQ(list.items[1].line, 5);
  EXPECT_EQ(list.items[2].line, 6);
  EXPECT_EQ(list.items[2].scalar.text(), "#x // y");
  EXPECT_EQ(root->members[1].value.line, 8);
  EXPECT_TRUE(root->members[1].value.members[0].value.scalar.boolean());
}

TEST(JsonTree, KeepsNumbersAndOrderExactly) {
  const absl::StatusOr<JsonNode> root =
      ParseJsonTree(R"({"z": 18446744073709551615, "a": 1.50, "n": null, "m": -9})");
  ASSERT_THAT(root, IsOk());
  const idea::v1::Value value = root->ToValue();
  ASSERT_EQ(value.object().members_size(), 4);
  EXPECT_EQ(value.object().members(0).key(), "z");
  EXPECT_EQ(value.object().members(0).value().number(), "18446744073709551615");
  EXPECT_EQ(value.object().members(1).value().number(), "1.50");
  EXPECT_EQ(value.object().members(2).value().kind_case(), idea::v1::Value::KIND_NOT_SET);
  EXPECT_EQ(value.object().members(3).value().integer(), -9);
}

TEST(JsonTree, KeepsAKeyThatStandsTwice) {
  const absl::StatusOr<JsonNode> root = ParseJsonTree(R"({"a": 1, "a": 2})");
  ASSERT_THAT(root, IsOk());
  EXPECT_EQ(root->members.size(), 2);
}

TEST(JsonTree, SaysWhereTheSyntaxBreaks) {
  EXPECT_THAT(ParseJsonTree("# comment\n{\n  \"a\": 1,\n}\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 4")));
  EXPECT_THAT(ParseJsonTree(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 1")));
  EXPECT_THAT(ParseJsonTree("{} {}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected end of input")));
}

TEST(JsonTree, BoundsTheDepth) {
  EXPECT_THAT(ParseJsonTree(std::string(100'000, '[')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("deeper than 64")));
}

TEST(JsonTree, DescribesWhatStandsThere) {
  const absl::StatusOr<JsonNode> root = ParseJsonTree(R"(["x", 5, null, false, {}, []])");
  ASSERT_THAT(root, IsOk());
  EXPECT_EQ(root->Describe(), "a list");
  EXPECT_EQ(root->items[0].Describe(), "the text \"x\"");
  EXPECT_EQ(root->items[1].Describe(), "the number 5");
  EXPECT_EQ(root->items[2].Describe(), "null");
  EXPECT_EQ(root->items[3].Describe(), "false");
  EXPECT_EQ(root->items[4].Describe(), "an object");
}

}  // namespace
}  // namespace mentat
