#include "common/service/log.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/base/status_matchers.h"
#include "common/service/log_sink.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mentat::log {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const absl::Time kTime =
    absl::FromCivil(absl::CivilSecond(2024, 3, 5, 15, 52, 22), absl::UTCTimeZone()) +
    absl::Microseconds(1042);

std::string Json(std::string_view message, Logger::Fields fields = {}) {
  return FormatRecord({.service = "inspector", .instance = "a-1"}, kTime, Level::kWarning, "rules",
                      message, fields);
}

std::string Text(std::string_view message, Logger::Fields fields = {}) {
  return FormatRecord({.format = Format::kText}, kTime, Level::kWarning, "rules", message, fields);
}

std::string TempFile(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove(path);
  return path;
}

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(LogFormatTest, JsonHasTheRecordAndItsFieldsInOrder) {
  EXPECT_EQ(
      Json("rule set refused", {{"rules", 31u},
                                {"line", -1},
                                {"share", 0.25},
                                {"kept", true},
                                {"file", "rules.json"},
                                {"error", absl::NotFoundError("x")}}),
      "{\"time\":\"2024-03-05T15:52:22.001042Z\",\"level\":\"warning\",\"service\":\"inspector\","
      "\"instance\":\"a-1\",\"module\":\"rules\",\"message\":\"rule set refused\",\"rules\":31,"
      "\"line\":-1,\"share\":0.25,\"kept\":true,\"file\":\"rules.json\","
      "\"error\":\"NOT_FOUND: x\"}\n");
}

TEST(LogFormatTest, TextHasTheRecordAndItsFieldsInOrder) {
  EXPECT_EQ(Text("rule set refused",
                 {{"rules", 31u}, {"file", "rules.json"}, {"why", "no such file"}, {"empty", ""}}),
            "2024-03-05T15:52:22.001042Z WARNING rules: rule set refused rules=31 file=rules.json "
            "why=\"no such file\" empty=\"\"\n");
}

TEST(LogFormatTest, HostileTextStaysInItsLineAndItsValue) {
  const std::string hostile(
      "a\n{\"level\":\"error\"}\x1b[2J\x7f\0z\xff\xc0\xaf\xed\xa0\x80\u202e\u0085\u00e9\\", 41);
  for (const std::string& line : {Json("m", {{"text", hostile}}), Text("m", {{"text", hostile}}),
                                  Json(hostile), Text(hostile)}) {
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    for (const unsigned char c : line.substr(0, line.size() - 1))
      EXPECT_TRUE(c >= 0x20 && c != 0x7f) << line;
    EXPECT_EQ(line.find("\u202e"), std::string::npos);
    EXPECT_EQ(line.find("\u0085"), std::string::npos);
  }
  const json parsed = json::parse(Json("m", {{"text", hostile}}));
  EXPECT_THAT(parsed["text"].get<std::string>(), HasSubstr("\u00e9\\"));
  EXPECT_THAT(parsed["text"].get<std::string>(), HasSubstr("\ufffd"));
  EXPECT_EQ(parsed["level"], "warning");
}

TEST(LogFormatTest, FieldsCannotHideWhatTheRecordSays) {
  const json parsed = json::parse(Json("m", {{"level", "debug"}, {"message", "other"}}));
  EXPECT_EQ(parsed["level"], "warning");
  EXPECT_EQ(parsed["message"], "m");
  EXPECT_EQ(parsed["level_"], "debug");
}

TEST(LogFormatTest, LongTextIsCut) {
  const std::string line = Json("m", {{"text", std::string(1 << 20, 'x')}});
  EXPECT_LT(line.size(), 9000u);
  EXPECT_THAT(line, HasSubstr("(1048576 bytes)"));
}

TEST(LogFormatTest, NumbersThatJsonLacksAreTexts) {
  const json parsed =
      json::parse(Json("m", {{"a", std::numeric_limits<double>::infinity()}, {"b", std::nan("")}}));
  EXPECT_EQ(parsed["a"], "inf");
  EXPECT_EQ(parsed["b"], "nan");
}

TEST(LogLevelTest, NamesGoBothWays) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    EXPECT_EQ(ParseLevel(LevelName(level)), level);
  }
  EXPECT_EQ(ParseLevel("INFO"), std::nullopt);
  EXPECT_EQ(ParseLevel(""), std::nullopt);
}

TEST(LoggerTest, WritesFromTheCurrentLevelUp) {
  const std::string path = TempFile("level.log");
  auto sink = Sink::Create({.level = Level::kWarning, .file = path});
  ASSERT_THAT(sink, IsOk());
  const Logger log = Logger(*sink).ForModule("m");
  log.Info("no");
  log.Warning("one");
  (*sink)->set_level(Level::kDebug);
  EXPECT_TRUE(log.Enabled(Level::kDebug));
  log.Debug("two");
  (*sink)->set_level(Level::kError);
  log.Warning("no");
  EXPECT_EQ(Lines(path).size(), 2u);
  EXPECT_EQ((*sink)->written(Level::kWarning), 1u);
  EXPECT_EQ((*sink)->written(Level::kDebug), 1u);
  EXPECT_EQ((*sink)->lost(), 0u);
}

TEST(LoggerTest, ReopenFollowsARotatedFile) {
  const std::string path = TempFile("rotate.log");
  auto sink = Sink::Create({.file = path});
  ASSERT_THAT(sink, IsOk());
  const Logger log(*sink);
  log.Info("before");
  std::filesystem::rename(path, path + ".1");
  log.Info("still before");
  ASSERT_THAT((*sink)->Reopen(), IsOk());
  log.Info("after");
  EXPECT_EQ(Lines(path + ".1").size(), 2u);
  ASSERT_EQ(Lines(path).size(), 1u);
  EXPECT_THAT(Lines(path)[0], HasSubstr("after"));
}

TEST(LoggerTest, AFileThatCannotBeOpenedIsAnErrorAndKeepsTheOldOne) {
  EXPECT_THAT(Sink::Create({.file = "/nonexistent/x.log"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/x.log")));
  const std::string folder = testing::TempDir() + "/gone";
  std::filesystem::create_directory(folder);
  auto sink = Sink::Create({.file = folder + "/x.log"});
  ASSERT_THAT(sink, IsOk());
  std::filesystem::remove_all(folder);
  EXPECT_FALSE((*sink)->Reopen().ok());
  Logger(*sink).Info("still counted");
  EXPECT_EQ((*sink)->written(Level::kInfo), 1u);
}

TEST(LoggerTest, WhatCannotBeWrittenIsCounted) {
  auto sink = Sink::Create({.file = "/dev/full"});
  ASSERT_THAT(sink, IsOk());
  Logger(*sink).Info("lost");
  EXPECT_EQ((*sink)->lost(), 1u);
}

TEST(LoggerTest, LinesOfThreadsDoNotMix) {
  const std::string path = TempFile("threads.log");
  auto sink = Sink::Create({.file = path});
  ASSERT_THAT(sink, IsOk());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([log = Logger(*sink)] {
        for (int i = 0; i < 500; ++i)
          log.Info("line", {{"filler", std::string(300, 'x')}, {"i", i}});
      });
    }
  }
  const std::vector<std::string> lines = Lines(path);
  EXPECT_EQ(lines.size(), 2000u);
  for (const std::string& line : lines) EXPECT_TRUE(json::accept(line)) << line;
}

TEST(LoggerTest, NullWritesNothing) {
  EXPECT_FALSE(Logger::Null().Enabled(Level::kError));
  Logger::Null().Error("nowhere");
  EXPECT_TRUE(Logger::Stderr().Enabled(Level::kInfo));
}

}  // namespace
}  // namespace mentat::log
