#include "common/service/log.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
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

std::string FormatOne(std::string_view message, Logger::Fields fields, Format format) {
  return FormatRecord({.time = kTime,
                       .level = Level::kWarning,
                       .service = "inspector",
                       .instance = "a-1",
                       .module = "rules",
                       .message = message,
                       .fields = fields},
                      format);
}

std::string Json(std::string_view message, Logger::Fields fields = {}) {
  return FormatOne(message, fields, Format::kJson);
}

std::string Text(std::string_view message, Logger::Fields fields = {}) {
  return FormatOne(message, fields, Format::kText);
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

TEST(LoggerTest, ModulesHaveLevelsOfTheirOwn) {
  const std::string path = TempFile("modules.log");
  auto sink = Sink::Create({.modules = {{"rules", Level::kError}}, .file = path});
  ASSERT_THAT(sink, IsOk());
  const Logger rules(*sink, "rules");
  const Logger pipeline = rules.ForModule("pipeline");
  EXPECT_FALSE(rules.Enabled(Level::kWarning));
  EXPECT_TRUE(pipeline.Enabled(Level::kInfo));

  EXPECT_EQ((*sink)->SetModuleLevel("pipeline", Level::kDebug).value(), Level::kInfo);
  EXPECT_TRUE(pipeline.Enabled(Level::kDebug));
  EXPECT_FALSE(rules.Enabled(Level::kWarning));
  // The level of all others leaves them alone, and comes into effect when they give theirs up.
  (*sink)->set_level(Level::kWarning);
  EXPECT_TRUE(pipeline.Enabled(Level::kDebug));
  EXPECT_EQ((*sink)->SetModuleLevel("pipeline", std::nullopt).value(), Level::kDebug);
  EXPECT_FALSE(pipeline.Enabled(Level::kInfo));

  EXPECT_THAT((*sink)->SetModuleLevel("pipelin", Level::kDebug),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean pipeline?")));
  EXPECT_THAT((*sink)->SetModuleLevel("something else", Level::kDebug),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there are pipeline, rules")));
}

TEST(LoggerTest, DebugIsToggledOverEverything) {
  auto sink = Sink::Create({.modules = {{"rules", Level::kError}}, .file = TempFile("toggle.log")});
  ASSERT_THAT(sink, IsOk());
  const Logger rules(*sink, "rules");
  const Logger other(*sink, "other");
  EXPECT_TRUE((*sink)->ToggleDebug());
  EXPECT_TRUE(rules.Enabled(Level::kDebug));
  EXPECT_TRUE(other.Enabled(Level::kDebug));
  EXPECT_FALSE((*sink)->ToggleDebug());
  EXPECT_FALSE(rules.Enabled(Level::kWarning));
  EXPECT_FALSE(other.Enabled(Level::kDebug));
}

TEST(LoggerTest, RepetitionsAreHeldBackAndCounted) {
  const std::string path = TempFile("repeats.log");
  auto sink = Sink::Create(
      {.file = path, .repeats = {.records = 2, .period = std::chrono::milliseconds(3'600'000)}});
  ASSERT_THAT(sink, IsOk());
  const Logger log(*sink, "m");
  for (int i = 0; i < 7; ++i) log.Warning("again", {{"i", i}});
  log.Info("again");                    // of another level
  log.ForKey("k").Warning("again");     // of another key
  log.ForModule("n").Warning("again");  // of another module
  log.Unlimited().Warning("again");     // not limited
  log.Warning("another");               // another message
  EXPECT_EQ(Lines(path).size(), 7u);
  EXPECT_EQ((*sink)->held_back(), 5u);
  EXPECT_EQ((*sink)->written(Level::kWarning), 6u);

  (*sink)->TellHeldBack(/*at_end=*/false);  // the period goes on
  EXPECT_EQ(Lines(path).size(), 7u);
  (*sink)->TellHeldBack(/*at_end=*/true);
  ASSERT_EQ(Lines(path).size(), 8u);
  const json told = json::parse(Lines(path)[7]);
  EXPECT_EQ(told["message"], "records were held back");
  EXPECT_EQ(told["of"], "again");
  EXPECT_EQ(told["level"], "warning");
  EXPECT_EQ(told["module"], "m");
  EXPECT_EQ(told["held_back"], 5);
}

TEST(RepeatsTest, TheFirstOfANewPeriodTellsOfTheOnesBefore) {
  using std::chrono::seconds;
  Repeats repeats({.records = 2, .period = seconds(10)});
  const Repeats::Kind kind = {.message = "m"};
  const Repeats::Clock::time_point start{};
  EXPECT_EQ(repeats.Admit(kind, start), 0u);
  EXPECT_EQ(repeats.Admit(kind, start + seconds(9)), 0u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(repeats.Admit(kind, start + seconds(9)), std::nullopt);
  EXPECT_EQ(repeats.Admit(kind, start + seconds(10)), 3u);
  EXPECT_EQ(repeats.Admit(kind, start + seconds(11)), 0u);
  EXPECT_EQ(repeats.Admit(kind, start + seconds(11)), std::nullopt);
  EXPECT_TRUE(repeats.Collect(start + seconds(19), /*all=*/false).empty());
  const auto held = repeats.Collect(start + seconds(20), /*all=*/false);
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].message, "m");
  EXPECT_EQ(held[0].count, 1u);
  EXPECT_TRUE(repeats.Collect(start + seconds(40), /*all=*/true).empty());
}

TEST(RepeatsTest, KindsAreBounded) {
  Repeats repeats({.records = 1});
  const Repeats::Clock::time_point now{};
  uint64_t admitted = 0;
  for (size_t i = 0; i < 2 * Repeats::kMaxKinds; ++i) {
    admitted += repeats.Admit({.key = std::to_string(i), .message = "m"}, now).has_value();
  }
  EXPECT_EQ(admitted, Repeats::kMaxKinds + 1);
  const auto held = repeats.Collect(now, /*all=*/true);
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].message, "other records");
  EXPECT_EQ(held[0].count, Repeats::kMaxKinds - 1);
}

// A datagram socket as the system's log has it.
class SystemLogTest : public testing::Test {
 protected:
  SystemLogTest() : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    // The path of a socket must be short.
    char folder[] = "/tmp/log_test.XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/socket";
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << path_;
  }
  ~SystemLogTest() override {
    ::close(fd_);
    std::filesystem::remove_all(folder_);
  }

  absl::StatusOr<std::shared_ptr<Sink>> Open(SinkOptions::SystemLog system_log) const {
    return Sink::Create({.format = Format::kText,
                         .system_log = system_log,
                         .system_log_socket = path_,
                         .service = "inspector",
                         .instance = "a-1"});
  }
  std::string Receive() const {
    std::string text(1 << 16, 0);
    const ssize_t size = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    text.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return text;
  }

  const int fd_;
  std::string folder_;
  std::string path_;
};

TEST_F(SystemLogTest, SyslogTakesALine) {
  auto sink = Open(SinkOptions::SystemLog::kSyslog);
  ASSERT_THAT(sink, IsOk());
  Logger(*sink, "rules").Warning("refused", {{"text", "a\nb"}});
  EXPECT_THAT(Receive(), testing::MatchesRegex(
                             "<28>[A-Z][a-z][a-z] [ 1-3][0-9] [0-9:]+ mentat-inspector.[0-9]+.: "
                             ".* WARNING rules: refused text=.a.nb."));
  Logger(*sink, "rules").Error("x");
  EXPECT_THAT(Receive(), testing::StartsWith("<27>"));
}

TEST_F(SystemLogTest, TheJournalTakesFields) {
  auto sink = Open(SinkOptions::SystemLog::kJournal);
  ASSERT_THAT(sink, IsOk());
  Logger(*sink, "rules").Info("refused", {{"text", "a\nPRIORITY=0"}});
  EXPECT_THAT(Receive(),
              testing::MatchesRegex("PRIORITY=6\nSYSLOG_IDENTIFIER=mentat-inspector\n"
                                    "MENTAT_INSTANCE=a-1\nMENTAT_MODULE=rules\n"
                                    "MESSAGE=.* INFO rules: refused [^\n]*PRIORITY=0.\n"));
}

TEST_F(SystemLogTest, WhatItDoesNotTakeIsCounted) {
  auto sink = Open(SinkOptions::SystemLog::kSyslog);
  ASSERT_THAT(sink, IsOk());
  std::filesystem::remove(path_);
  Logger(*sink).Info("lost");
  EXPECT_EQ((*sink)->lost(), 1u);
}

TEST(LoggerTest, ASystemLogThatIsNotThereIsAnError) {
  EXPECT_THAT(Sink::Create({.system_log = SinkOptions::SystemLog::kJournal,
                            .system_log_socket = "/nonexistent/socket"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/socket")));
  EXPECT_THAT(Sink::Create({.file = "/tmp/x", .system_log = SinkOptions::SystemLog::kSyslog}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("either to a file")));
}

TEST(LoggerTest, NullWritesNothing) {
  EXPECT_FALSE(Logger::Null().Enabled(Level::kError));
  Logger::Null().Error("nowhere");
  EXPECT_TRUE(Logger::Stderr().Enabled(Level::kInfo));
}

}  // namespace
}  // namespace mentat::log
