#include "tools/mentatctl/reload_command.h"

#include <filesystem>

#include "common/base/status_matchers.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;

class ReloadTest : public CtlTest {
 protected:
  // Categories that are in use for being dropped.
  std::string InUse(const std::string& name) {
    return demo(name).Status()->details().at("unwanted_categories");
  }
};

TEST_F(ReloadTest, AReloadHasANumberAndIsRolledBackTo) {
  StartDemos({"one", "two"});
  Result result = Ctl({"reload", "demo", "--comment", "first"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, "one: done\ntwo: done\nreload 1\n");
  Write(UnwantedFile("one"), "Test\nOther\n");
  EXPECT_EQ(Ctl({"reload", "--all"}).exit_status, 0);
  EXPECT_EQ(InUse("one"), "2");

  result = Ctl({"rollback", "1", "--comment", "wrong"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("reload 3\n"));
  EXPECT_EQ(InUse("one"), "1");
  result = Ctl({"reloads"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("back to 1: wrong"));
  EXPECT_THAT(result.out, HasSubstr("first"));
  result = Ctl({"reloads", "--limit", "1", "--json"});
  ASSERT_EQ(result.Json()["reloads"].size(), 1u) << result.out;
  EXPECT_EQ(result.Json()["reloads"][0]["version"], 3);
  EXPECT_EQ(result.Json()["reloads"][0]["rollback_to"], 1);
  result = Ctl({"rollback", "17"});
  EXPECT_EQ(result.exit_status, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("17"));

  result = Ctl({"audit", "--json"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  ASSERT_EQ(result.Json()["records"].size(), 4u) << result.out;
  EXPECT_EQ(result.Json()["records"][0]["call"], "Rollback");
  EXPECT_THAT(Ctl({"audit"}).out, HasSubstr("Reload"));
}

TEST_F(ReloadTest, WhatIsWrongAnywhereIsToldAndNothingChanges) {
  StartDemos({"one", "two"});
  Write(UnwantedFile("one"), "Test\nOther\n");
  std::filesystem::remove(UnwantedFile("two"));
  Result result = Ctl({"reload", "demo"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("nothing was reloaded anywhere\ndemo two: "));
  EXPECT_THAT(result.err, HasSubstr(UnwantedFile("two")));
  EXPECT_EQ(InUse("one"), "1");
  result = Ctl({"reload", "demo", "--check", "--json"});
  EXPECT_EQ(result.exit_status, 1);
  ASSERT_EQ(result.Json()["results"].size(), 1u) << result.out;
  EXPECT_EQ(result.Json()["results"][0]["result"]["instance"], "two");
  EXPECT_NE(result.Json()["error"], "");
}

TEST_F(ReloadTest, ACheckChangesNothing) {
  StartDemos({"one"});
  Write(UnwantedFile("one"), "Test\nOther\n");
  const Result result = Ctl({"reload", "demo", "--check"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, "one: right\n");
  EXPECT_EQ(InUse("one"), "1");
}

}  // namespace
}  // namespace mentat::mentatctl
