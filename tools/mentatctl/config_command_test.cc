#include "tools/mentatctl/config_command.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tools/mentatctl/config_values.h"
#include "tools/mentatctl/ctl_fixture.h"
#include "tools/mentatctl/program.h"

namespace mentat::mentatctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kDemo[] = "services/demo/demo";

TEST(ConfigValuesTest, DifferencesAreKeysThatNotAllHaveAlike) {
  const auto one =
      FromView("one", "a = 1  # default\nb = \"x  # y\"  # f.json:3\nc = 2  # default\n");
  ASSERT_THAT(one, IsOk());
  EXPECT_EQ(one->values.at("b").value, "\"x  # y\"");
  EXPECT_EQ(one->values.at("b").origin, "f.json:3");
  const auto two = FromView("two", "a = 1  # flag\nb = 3  # default\n");
  ASSERT_THAT(two, IsOk());
  EXPECT_THAT(Differences({*one, *two}), ElementsAre("b", "c"));
  EXPECT_THAT(FromView("three", "no view"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("three: expected lines")));
}

TEST(ProgramTest, RunsAndTellsHowItEnded) {
  auto ended = RunProgram("/bin/sh", {"-c", "echo out; echo err >&2; exit 3"});
  ASSERT_THAT(ended, IsOk());
  EXPECT_EQ(ended->exit_status, 3);
  EXPECT_EQ(ended->output, "out\n");
  EXPECT_EQ(ended->errors, "err\n");
  ended = RunProgram("/bin/sh", {"-c", "kill -9 $$"});
  ASSERT_THAT(ended, IsOk());
  EXPECT_EQ(ended->exit_status, 128 + 9);
  EXPECT_THAT(FindProgram("/no/such"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such")));
  EXPECT_THAT(FindProgram("no-such-service"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("--program")));
  EXPECT_THAT(FindProgram("sh"), IsOk());
}

class ConfigTest : public CtlTest {};

TEST_F(ConfigTest, ViewShowsValuesWithOrigins) {
  StartDemos({"one"});
  Result result = Ctl({"config", "view", "demo"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("pipeline.workers = 1  # default\n"));
  result = Ctl({"config", "view", "one", "--changed", "--key", "unwanted_file"});
  EXPECT_EQ(result.out,
            absl::StrCat("unwanted_file = \"", UnwantedFile("one"), "\"  # --set unwanted_file\n"));
  result = Ctl({"config", "view", "--all", "--json", "--key", "pipeline"});
  ASSERT_EQ(result.Json()["instances"].size(), 1u) << result.out;
  EXPECT_EQ(result.Json()["instances"][0]["instance"], "one");
  const nlohmann::json json = result.Json();
  for (const auto& entry : json["instances"][0]["entries"]) {
    EXPECT_THAT(entry["key"].get<std::string>(), testing::StartsWith("pipeline."));
  }
}

TEST_F(ConfigTest, DiffComparesInstancesDefaultsAndAFile) {
  StartDemos({"one", "two"});
  Result result = Ctl({"config", "diff", "demo"});
  EXPECT_EQ(result.exit_status, 1) << result.err;
  EXPECT_THAT(result.out, HasSubstr("unwanted_file"));
  EXPECT_THAT(result.out, Not(HasSubstr("pipeline.workers")));
  result = Ctl({"config", "diff", "one"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, HasSubstr("--set unwanted_file"));
  EXPECT_THAT(result.out, Not(HasSubstr("pipeline.workers")));

  const std::string file = folder() + "/demo.json";
  Write(file, "{\"pipeline\": {\"workers\": 3}}");
  result = Ctl({"config", "diff", "one", "--file", file, "--program", kDemo, "--json"});
  EXPECT_EQ(result.exit_status, 1) << result.err;
  bool found = false;
  const nlohmann::json json = result.Json();
  for (const auto& difference : json["differences"]) {
    if (difference["key"].get<std::string>() != "pipeline.workers") continue;
    found = true;
    EXPECT_EQ(difference["values"][0]["value"], 3);
    EXPECT_EQ(difference["values"][1]["value"], 1);
  }
  EXPECT_TRUE(found) << result.out;
  Write(file, "{\"note\": 7}");
  result = Ctl({"config", "diff", "one", "--file", file, "--program", kDemo});
  EXPECT_THAT(result.err, HasSubstr("note"));
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(Ctl({"config", "diff"}).exit_status, 3);
}

TEST_F(ConfigTest, CheckAsksTheServicesProgram) {
  const std::string right = folder() + "/right.json";
  const std::string wrong = folder() + "/wrong.json";
  Write(right, "{\"pipeline\": {\"workers\": 2, \"input\": {\"bind\": \"tcp://127.0.0.1:*\"}}}");
  Write(wrong, "{\n  \"pipeline\": {\"wokers\": 2}\n}");
  Result result = Ctl({"config", "check", "demo", right, "--program", kDemo});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, right + ": valid\n");
  result = Ctl({"config", "check", "demo", right, wrong, "--program", kDemo});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("wrong.json:2"));
  EXPECT_THAT(result.err, HasSubstr("wokers"));
  result = Ctl({"config", "check", "demo", wrong, "--program", kDemo, "--json"});
  EXPECT_EQ(result.Json()["files"][0]["valid"], false);
  EXPECT_EQ(Ctl({"config", "check", "no-such-service", right}).exit_status, 2);
}

}  // namespace
}  // namespace mentat::mentatctl
