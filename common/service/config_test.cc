#include "common/service/config.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_matchers.h"
#include "common/service/nearest_name.h"
#include "gtest/gtest.h"
#include "mentat/config/test/v1/sample.pb.h"

namespace mentat::service {
namespace {

using config::test::v1::SampleConfig;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
  return path;
}

absl::StatusOr<SampleConfig> Load(ConfigSources sources) {
  sources.service = "sample-stage";
  SampleConfig config;
  auto entries = LoadConfig(sources, config);
  if (!entries.ok()) return entries.status();
  return config;
}

absl::StatusOr<SampleConfig> LoadText(const std::string& text) {
  return Load({.file = WriteFile("text.json", text)});
}

ConfigEntry EntryOf(const std::vector<ConfigEntry>& entries, const std::string& path) {
  for (const ConfigEntry& entry : entries) {
    if (entry.path == path) return entry;
  }
  return {path, "missing", "missing"};
}

TEST(ConfigTest, NothingConfiguredGivesTheDefaultsAtEveryLevel) {
  auto config = Load({});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->workers(), 2u);
  EXPECT_EQ(config->factor(), 0.5);
  EXPECT_EQ(config->mode(), "soft");
  EXPECT_THAT(config->names(), ElementsAre("a", "b"));
  EXPECT_EQ(config->service().admin_listen(), "127.0.0.1:0");
  EXPECT_EQ(config->service().log().level(), "info");
  EXPECT_FALSE(config->has_extra());
  EXPECT_EQ(config->title(), "");
}

TEST(ConfigTest, EveryKindOfFieldIsRead) {
  auto config = LoadText(R"(
# a comment
{
  // another
  "title": "caf\u00e9 # not a comment",
  "workers": 64, "factor": 3, "offset": -9223372036854775808, "eager": true, "mode": "hard",
  "colour": "COLOUR_RED", "names": [], "labels": {"a.b": "c"},
  "parts": {"x": {"host": "h"}, "y": {"host": "i", "port": 0}},
  "more": [{"host": "j"}], "extra": {"host": "k"}, "large": 18446744073709551615
}
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->title(), "caf\u00e9 # not a comment");
  EXPECT_EQ(config->workers(), 64u);
  EXPECT_EQ(config->factor(), 3);
  EXPECT_EQ(config->offset(), std::numeric_limits<int64_t>::min());
  EXPECT_TRUE(config->eager());
  EXPECT_EQ(config->colour(), config::test::v1::COLOUR_RED);
  EXPECT_TRUE(config->names().empty());
  EXPECT_EQ(config->labels().at("a.b"), "c");
  EXPECT_EQ(config->parts().at("x").port(), 80u);
  EXPECT_EQ(config->parts().at("y").port(), 0u);
  EXPECT_EQ(config->more(0).port(), 80u);
  EXPECT_EQ(config->extra().host(), "k");
  EXPECT_EQ(config->large(), std::numeric_limits<uint64_t>::max());
}

TEST(ConfigTest, LaterLayersWinKeyByKey) {
  ConfigSources sources;
  sources.service = "sample-stage";
  sources.file =
      WriteFile("layers.json", R"({"title": "file", "workers": 3, "factor": 1, "mode": "hard",
    "names": ["f", "g"],
    "parts": {"x": {"host": "file", "port": 1}, "y": {"host": "y"}}})");
  sources.directory = testing::TempDir() + "/layers.d";
  WriteFile("layers.d/20.json.conf", R"({"workers": 5})");
  WriteFile("layers.d/10.json",
            R"({"workers": 4, "names": ["d"], "parts": {"x": {"port": 2}, "y": null}})");
  WriteFile("layers.d/30.json.bak", "not read");
  sources.environment = {{"MENTAT_SAMPLE_STAGE__WORKERS", "6"},
                         {"MENTAT_SAMPLE_STAGE__PARTS__X__HOST", "env"},
                         {"MENTAT_SAMPLE_STAGE__FACTOR", "2.5"},
                         {"MENTAT_SAMPLE_STAGE", "is another"},
                         {"MENTAT_OTHER__WORKERS", "99"}};
  sources.sets = {"factor=4", "service.log.level=debug", "labels.site=a=b", "eager=true"};
  SampleConfig config;
  auto entries = LoadConfig(sources, config);
  ASSERT_THAT(entries, IsOk());
  EXPECT_EQ(config.title(), "file");
  EXPECT_EQ(config.workers(), 6u);
  EXPECT_EQ(config.factor(), 4);
  EXPECT_THAT(config.names(), ElementsAre("d"));
  EXPECT_EQ(config.parts().size(), 1u);
  EXPECT_EQ(config.parts().at("x").host(), "env");
  EXPECT_EQ(config.parts().at("x").port(), 2u);
  EXPECT_EQ(config.service().log().level(), "debug");
  EXPECT_EQ(config.labels().at("site"), "a=b");
  EXPECT_TRUE(config.eager());
  // The effective values know where they come from.
  EXPECT_EQ(EntryOf(*entries, "title").origin, sources.file + ":1");
  EXPECT_EQ(EntryOf(*entries, "workers").origin, "environment MENTAT_SAMPLE_STAGE__WORKERS");
  EXPECT_EQ(EntryOf(*entries, "parts.x.port").origin, sources.directory + "/10.json:1");
  EXPECT_EQ(EntryOf(*entries, "factor").origin, "--set factor");
  EXPECT_EQ(EntryOf(*entries, "service.admin_listen").origin, "default");
  EXPECT_EQ(EntryOf(*entries, "names").value, "[\"d\"]");
  EXPECT_THAT(FormatConfig(*entries), HasSubstr("\nmode = \"hard\"  # " + sources.file + ":1\n"));
}

TEST(ConfigTest, IncludedFilesAreWeakerThanTheFileAndInTheirOrder) {
  WriteFile("inc/base.json", R"({"title": "base", "workers": 3,
    "parts": {"x": {"host": "base", "port": 1}, "y": {"host": "base"}}})");
  WriteFile("inc/more/20.json", R"({"workers": 5})");
  WriteFile("inc/more/10.json.conf", R"({"workers": 4, "factor": 4})");
  WriteFile("inc/more/.hidden.json", "not read");
  WriteFile("inc/deep/b.json", R"({"offset": 7})");
  WriteFile("inc/deep/a.json", "{\"include\": \"b.json\", \"mode\": \"hard\"}");
  const std::string file = WriteFile("inc/main.json", R"({
    "include": ["base.json", "more", "deep/a.json"],
    "title": "main", "parts": {"x": {"port": 2}, "y": null}})");
  SampleConfig config;
  auto entries = LoadConfig({.service = "s", .file = file}, config);
  ASSERT_THAT(entries, IsOk());
  EXPECT_EQ(config.title(), "main");
  EXPECT_EQ(config.workers(), 5u);
  EXPECT_EQ(config.factor(), 4);
  EXPECT_EQ(config.offset(), 7);
  EXPECT_EQ(config.mode(), "hard");
  EXPECT_EQ(config.parts().size(), 1u);
  EXPECT_EQ(config.parts().at("x").host(), "base");
  EXPECT_EQ(config.parts().at("x").port(), 2u);
  // Each value knows the file that it stands in.
  const std::string folder = testing::TempDir() + "/inc/";
  EXPECT_EQ(EntryOf(*entries, "title").origin, folder + "main.json:3");
  EXPECT_EQ(EntryOf(*entries, "workers").origin, folder + "more/20.json:1");
  EXPECT_EQ(EntryOf(*entries, "parts.x.host").origin, folder + "base.json:2");
  EXPECT_EQ(EntryOf(*entries, "offset").origin, folder + "deep/b.json:1");
  // And a reload knows all that was read.
  std::vector<std::string> paths;
  for (const ReloadPath& path : ConfigPaths({.service = "s", .file = file})) {
    paths.push_back(path.path);
  }
  EXPECT_THAT(paths, ElementsAre(folder + "main.json", folder + "base.json", folder + "more",
                                 folder + "deep/a.json", folder + "deep/b.json"));
}

TEST(ConfigTest, TwoFilesMayIncludeTheSame) {
  WriteFile("twice/base.json", R"({"workers": 9})");
  WriteFile("twice/a.json", R"({"include": "base.json"})");
  WriteFile("twice/b.json", R"({"include": "base.json"})");
  auto config =
      Load({.file = WriteFile("twice/main.json", R"({"include": ["a.json", "b.json"]})")});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->workers(), 9u);
}

TEST(ConfigTest, WrongIncludesSayWhere) {
  const std::string folder = testing::TempDir() + "/wrong/";
  WriteFile("wrong/self.json", R"({"include": "self.json"})");
  WriteFile("wrong/ring1.json", "{\n\"include\": \"./ring2.json\"}");
  WriteFile("wrong/ring2.json", R"({"include": ["../wrong/ring1.json"]})");
  WriteFile("wrong/broken.json", "{\"title\": }");
  WriteFile("wrong/typo.json", "{\n\"titel\": 1}");
  WriteFile("wrong/list.json", "[]");
  for (int i = 0; i < 12; ++i) {
    WriteFile(absl::StrCat("wrong/deep", i, ".json"),
              absl::StrCat("{\"include\": \"deep", i + 1, ".json\"}"));
  }
  for (int i = 0; i < 300; ++i) WriteFile(absl::StrCat("wrong/many/", i, ".json"), "{}");
  struct Case {
    std::string include, error;
  };
  for (const Case& c : std::vector<Case>{
           {"\"self.json\"", "self.json includes itself"},
           {"\"ring1.json\"", "ring1.json:2: include: FOLDER./ring2.json:1: include: "},
           {"\"deep0.json\"", "deep7.json would be more than 8 files deep"},
           {"\"many\"", "over 256 files are included"},
           {"\"missing.json\"",
            "main.json:1: include: cannot read the configuration file FOLDERmissing.json"},
           {"[\"list.json\"]", "list.json:1: expected an object"},
           {"\"broken.json\"", "main.json:1: include: FOLDERbroken.json: "},
           {"\"typo.json\"", "FOLDERtypo.json:2: titel: unknown key; did you mean title?"},
           {"1", "main.json:1: include: expected a path or a list of paths, got 1"},
           {"[\"self.json\", {}]",
            "main.json:1: include: expected a path or a list of paths, got {}"},
           {"\"\"", "expected a path or a list of paths, got \"\""},
       }) {
    const std::string file =
        WriteFile("wrong/main.json", absl::StrCat("{\"include\": ", c.include, "}"));
    const auto config = Load({.file = file});
    ASSERT_FALSE(config.ok()) << c.include;
    EXPECT_THAT(std::string(config.status().message()),
                HasSubstr(absl::StrReplaceAll(c.error, {{"FOLDER", folder}})))
        << c.include;
  }
  // Only the outermost object has it.
  EXPECT_THAT(
      LoadText(R"({"service": {"include": "x.json"}})"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("service.include: unknown key")));
}

TEST(ConfigTest, NullGivesTheDefaultBack) {
  auto config = Load({.file = WriteFile("null.json", R"({"workers": 3, "extra": {"host": "h"}})"),
                      .sets = {"workers=null", "extra=null"}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->workers(), 2u);
  EXPECT_FALSE(config->has_extra());
}

TEST(ConfigTest, TextsInVariablesAndFlagsAreTakenAsTheyAre) {
  auto config = Load({.environment = {{"MENTAT_SAMPLE_STAGE__TITLE", "{\"no\": [json"}},
                      .sets = {"password={x}", "names=[\"p\"]", "parts={\"q\": {\"host\": \"h\"}}",
                               "parts.q.port=7"}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->title(), "{\"no\": [json");
  EXPECT_EQ(config->password(), "{x}");
  EXPECT_THAT(config->names(), ElementsAre("p"));
  EXPECT_EQ(config->parts().at("q").port(), 7u);
}

TEST(ConfigTest, SecretsComeFromFilesAndAreNeverShown) {
  const std::string secret = WriteFile("secret", "s3same\n");
  SampleConfig config;
  const std::string file =
      WriteFile("secrets.json", absl::StrCat("{\"password\": {\"file\": \"", secret, "\"}}"));
  auto entries = LoadConfig({.service = "s", .file = file}, config);
  ASSERT_THAT(entries, IsOk());
  EXPECT_EQ(config.password(), "s3same");
  EXPECT_EQ(EntryOf(*entries, "password").value, "\"***\"");
  EXPECT_THAT(FormatConfig(*entries), Not(HasSubstr("s3same")));

  EXPECT_THAT(Load({.sets = {"password=[1"}}), IsOk());
  for (const char* text :
       {R"({"password": {"file": "/nonexistent"}})", R"({"password": {"fil": "x"}})",
        R"({"password": 12345})", R"({"password": ["s3same"]})"}) {
    EXPECT_THAT(LoadText(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                         AllOf(HasSubstr("password: "), Not(HasSubstr("12345")),
                                               Not(HasSubstr("s3same")))))
        << text;
  }
}

TEST(ConfigTest, ErrorsSayWhereAndWhatIsAllowed) {
  struct Case {
    std::string text, error;
  };
  for (const Case& c : std::vector<Case>{
           {"{\"titel\": \"x\"}", "FILE:1: titel: unknown key; did you mean title?"},
           {"{\n\"service\":\n {\"log\":\n{\"levle\": 1}}}",
            "FILE:4: service.log.levle: unknown key; did you mean level?"},
           {"{\"zzzzzzzzzz\": 1}",
            "FILE:1: zzzzzzzzzz: unknown key; known are service, title, workers, "},
           {"{\"workers\": 0}", "FILE:1: workers: must be from 1 to 64, got 0"},
           {"{\"workers\": 65}", "FILE:1: workers: must be from 1 to 64, got 65"},
           {"{\"workers\": -1}", "FILE:1: workers: expected a whole number from 1 to 64, got -1"},
           {"{\"workers\": 1.5}", "FILE:1: workers: expected a whole number from 1 to 64, got 1.5"},
           {"{\"workers\": \"3\"}",
            "FILE:1: workers: expected a whole number from 1 to 64, got \"3\""},
           {"{\"workers\": [3]}", "FILE:1: workers: expected a whole number from 1 to 64, got [3]"},
           {"{\"factor\": -0.5}", "FILE:1: factor: must be from 0, got -0.5"},
           {"{\"factor\": 1e999}", "number overflow"},
           {"{\"eager\": \"yes\"}", "FILE:1: eager: expected true or false, got \"yes\""},
           {"{\"mode\": \"sofd\"}",
            "FILE:1: mode: must be one of soft, hard, got \"sofd\"; did you mean soft?"},
           {"{\"colour\": \"BLUE\"}", "FILE:1: colour: expected a text, one of"},
           {"{\"title\": \"a\\u0000\"}", "FILE:1: title: must not hold a character U+0000"},
           {"{\"names\": \"a\"}", "FILE:1: names: expected a list, got \"a\""},
           {"{\"names\": [\"a\", 1]}", "FILE:1: names[1]: expected a text, got 1"},
           {"{\"labels\": [1]}", "FILE:1: labels: expected an object, got [1]"},
           {"{\"labels\": {\"a\": 1}}", "FILE:1: labels.a: expected a text, got 1"},
           {"{\"parts\": {\"x\": {}}}", "parts.x.host: is required: a text"},
           {"{\"parts\": {\"x\": {\"host\": \"\"}}}", "FILE:1: parts.x.host: must not be empty"},
           {"{\"parts\": {\"x\": 1}}", "FILE:1: parts.x: expected an object, got 1"},
           {"{\"more\": [{\"host\": \"a\", \"port\": 65536}]}",
            "FILE:1: more[0].port: must be up to 65535, got 65536"},
           {"{\"extra\": {}}", "extra.host: is required: a text"},
           {"{\"title\": 1, \"title\": 2}", "FILE:1: the key \"title\" stands twice in one object"},
           {"[1]", "FILE:1: expected an object with the service's configuration"},
           {"{\"title\": \n}", "line 2"},
           {"", "FILE"},
       }) {
    const std::string file = WriteFile("errors.json", c.text);
    EXPECT_THAT(Load({.file = file}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrReplaceAll(c.error, {{"FILE", file}}))))
        << c.text;
  }
}

TEST(ConfigTest, AllErrorsAreToldAtOnce) {
  EXPECT_THAT(
      LoadText("{\"titel\": 1,\n\"workers\": 0,\n\"mode\": 5}"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr(":1: titel"), HasSubstr(":2: workers"), HasSubstr(":3: mode"))));
}

TEST(ConfigTest, WrongVariablesAndFlagsAreNamed) {
  struct Case {
    ConfigSources sources;
    std::string error;
  };
  for (const Case& c : std::vector<Case>{
           {{.environment = {{"MENTAT_SAMPLE_STAGE__WORKRS", "1"}}},
            "environment MENTAT_SAMPLE_STAGE__WORKRS: workrs: unknown key; did you mean workers?"},
           {{.environment = {{"MENTAT_SAMPLE_STAGE__WORKERS", "many"}}},
            "environment MENTAT_SAMPLE_STAGE__WORKERS: workers: expected a whole number from 1 to "
            "64, got \"many\""},
           {{.environment = {{"MENTAT_SAMPLE_STAGE__", "1"}}}, "unknown key"},
           {{.sets = {"service.log.levels=debug"}},
            "--set service.log.levels: service.log.levels: unknown key; did you mean level?"},
           {{.sets = {"workers"}}, "--set workers: expected path.to.key=value"},
           {{.sets = {"=1"}}, "--set =1: expected path.to.key=value"},
           {{.sets = {"title.x=1"}}, "--set title.x: title.x: title has no keys of its own"},
           {{.sets = {"names=a"}}, "--set names"},
           {{.sets = {"workers=0"}}, "--set workers: workers: must be from 1 to 64, got 0"},
       }) {
    EXPECT_THAT(Load(c.sources), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.error)));
  }
}

TEST(ConfigTest, MissingFilesAreErrors) {
  EXPECT_THAT(Load({.file = "/nonexistent.json"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent.json")));
  EXPECT_THAT(Load({.directory = "/nonexistent.d"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent.d")));
  EXPECT_FALSE(Load({.file = testing::TempDir()}).ok());
}

TEST(NearestNameTest, SuggestsOnlyWhatMayHaveBeenMeant) {
  const std::vector<std::string> known = {"window_batches", "window_events", "peers", "log"};
  EXPECT_EQ(NearestName("window_batchs", known), "window_batches");
  EXPECT_EQ(NearestName("peer", known), "peers");
  EXPECT_EQ(NearestName("lgo", known), "log");
  EXPECT_EQ(NearestName("something_else", known), std::nullopt);
  EXPECT_EQ(NearestName("", known), std::nullopt);
  EXPECT_EQ(NearestName(std::string(100000, 'x'), known), std::nullopt);
}

}  // namespace
}  // namespace mentat::service
