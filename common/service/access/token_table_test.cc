#include "common/service/access/token_table.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "0123456789abcdef0123456789abcdef";

TEST(TokenTableTest, TokensAreFoundByThemselvesAndByTheirDigests) {
  const auto table =
      TokenTable::Parse(absl::StrCat("# people\n\nalice operator ", kToken,
                                     "\n  bob\tviewer  sha256:", Sha256Hex("another-token-of-bob"),
                                     "\r\nbob admin bobs-second-token"),
                        "tokens");
  ASSERT_THAT(table, IsOk());
  ASSERT_NE(table->Find(kToken), nullptr);
  EXPECT_EQ(table->Find(kToken)->name, "alice");
  EXPECT_EQ(table->Find(kToken)->role, Role::kOperator);
  ASSERT_NE(table->Find("another-token-of-bob"), nullptr);
  EXPECT_EQ(table->Find("another-token-of-bob")->role, Role::kViewer);
  ASSERT_NE(table->Find("bobs-second-token"), nullptr);
  EXPECT_EQ(table->Find("bobs-second-token")->role, Role::kAdmin);
  EXPECT_EQ(table->Find(""), nullptr);
  EXPECT_EQ(table->Find("alice"), nullptr);
  EXPECT_EQ(table->Find(absl::StrCat("sha256:", Sha256Hex("another-token-of-bob"))), nullptr);
  EXPECT_EQ(table->Find(Sha256Hex("another-token-of-bob")), nullptr);
}

TEST(TokenTableTest, ErrorsNameTheLineAndNothingOfTheSecret) {
  const struct {
    std::string line;
    const char* wrong;
  } kCases[] = {
      {absl::StrCat("alice ", kToken), "three words"},
      {absl::StrCat("alice operator ", kToken, " more"), "three words"},
      {absl::StrCat("alice root ", kToken), "viewer, operator or admin"},
      {absl::StrCat("alice none ", kToken), "viewer, operator or admin"},
      {absl::StrCat(kToken, "=/ admin ", kToken), "letters, digits"},
      {"alice admin short", "16 characters"},
      {"alice admin sha256:abcd", "64 hexadecimal"},
      {absl::StrCat("alice admin sha256:", kToken, kToken, "xx"), "64 hexadecimal"},
      {absl::StrCat("bob viewer ", kToken), "another line"},
  };
  for (const auto& each : kCases) {
    const auto table =
        TokenTable::Parse(absl::StrCat("carol viewer ", kToken, "\n", each.line), "etc/tokens");
    EXPECT_THAT(table, StatusIs(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("etc/tokens:2: "), HasSubstr(each.wrong),
                                      Not(HasSubstr(std::string(kToken).substr(0, 8))))))
        << each.line;
  }
}

}  // namespace
}  // namespace mentat::service
