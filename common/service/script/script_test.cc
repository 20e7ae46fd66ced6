// A script as a process: once, at an interval, from a shell, with its logs and run logs.

#include "common/service/script/script.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/base/status_matchers.h"
#include "common/service/runlog/runlog_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mentat/config/test/v1/sample.pb.h"

namespace mentat::service {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Sample : public Script {
 public:
  using Config = config::test::v1::SampleConfig;
  static constexpr std::string_view kName = "sample";

  Sample(const Config& config, Context& context)
      : title_(config.title()), folder_(context.state_folder), log_(context.log) {}

  std::vector<ScriptCommand> Commands() override {
    return {{"title", "shows the title",
             [this](CLI::App&) -> ScriptWork {
               return [this](ScriptRun& run) {
                 run.out << title_ << "\n";
                 run.result("length", absl::StrCat(title_.size()));
                 return absl::OkStatus();
               };
             }},
            {"fail", "fails",
             [this](CLI::App& app) -> ScriptWork {
               auto why = std::make_shared<std::string>("no reason");
               app.add_option("--why", *why, "the reason");
               auto thrown = std::make_shared<bool>(false);
               app.add_flag("--throw", *thrown, "by an exception");
               return [this, why, thrown](ScriptRun&) {
                 if (*thrown) throw std::runtime_error(*why);
                 log_.Error("something is wrong", {{"with", "it"}});
                 return absl::UnavailableError(*why);
               };
             }},
            // Appends `begin` and `end` to a file, with a while in between that a stop ends.
            {"work", "takes a while", [this](CLI::App& app) -> ScriptWork {
               auto milliseconds = std::make_shared<int>(0);
               app.add_option("--for", *milliseconds, "how long");
               return [this, milliseconds](ScriptRun& run) {
                 Say("begin");
                 const bool whole = Pause(absl::Milliseconds(*milliseconds), run.stop);
                 Say(whole ? "end" : "stopped");
                 return absl::OkStatus();
               };
             }}};
  }

 private:
  void Say(const std::string& what) const {
    std::ofstream(folder_ + "/said", std::ios::app) << what << std::endl;
  }
  const std::string title_;
  const std::string folder_;
  const log::Logger log_;
};

class ScriptTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  // Starts the script with these words; its output goes to a file.
  pid_t Start(std::vector<std::string> words, const std::string& input = "") const {
    std::ofstream(folder_ + "/in") << input;
    words.insert(words.begin(),
                 {"sample", "--set", "title=a title", "--set", "service.state_dir=" + folder_,
                  "--set", "service.runlog.folder=" + folder_ + "/runs"});
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::dup2(::open((folder_ + "/in").c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open((folder_ + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    ::dup2(::open((folder_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::_Exit(ScriptMain<Sample>(static_cast<int>(words.size()), argv.data()));
  }
  static int Wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Run(std::vector<std::string> words, const std::string& input = "") const {
    return Wait(Start(std::move(words), input));
  }
  std::string Out() const { return ReadAll(folder_ + "/out"); }
  std::string Err() const { return ReadAll(folder_ + "/err"); }
  std::string Said() const { return ReadAll(folder_ + "/said"); }
  // Until the script has said so much.
  void WaitUntilSaid(const std::string& what) const {
    while (!Said().starts_with(what)) absl::SleepFor(absl::Milliseconds(5));
  }
  std::vector<ReadRunlog> Runs() const { return ListRunlogs(folder_ + "/runs")->runs; }

  const std::string folder_ =
      testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ScriptTest, RunsACommandOnce) {
  EXPECT_EQ(Run({"title"}), 0) << Err();
  EXPECT_EQ(Out(), "a title\n");
  EXPECT_EQ(Err(), "") << "nobody has asked for a log";
  ASSERT_THAT(Runs(), SizeIs(1));
  const stage::v1::Runlog run = Runs()[0].runlog;
  EXPECT_EQ(run.service(), "sample");
  EXPECT_EQ(run.command(), "title");
  EXPECT_EQ(run.result(), stage::v1::RUN_RESULT_OK);
  EXPECT_EQ(run.command_result().at("length"), "7");
}

TEST_F(ScriptTest, ACommandByItsFlag) {
  EXPECT_EQ(Run({"--command", "fail", "--", "--why", "because"}), 1);
  EXPECT_THAT(Err(), HasSubstr("because"));
}

TEST_F(ScriptTest, WhatIsThrownIsAFailureOfTheCommand) {
  EXPECT_EQ(Run({"fail", "--throw", "--why", "no such thing"}), 1);
  EXPECT_THAT(Err(), HasSubstr("exception: no such thing"));
  ASSERT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Runs()[0].runlog.result(), stage::v1::RUN_RESULT_FAILED);
}

TEST_F(ScriptTest, TellsWhatWentWrong) {
  EXPECT_EQ(Run({"fail", "--why", "the sky falls"}), 1);
  EXPECT_THAT(Err(), AllOf(HasSubstr("something is wrong with=it"), HasSubstr("the sky falls")));
  ASSERT_THAT(Runs(), SizeIs(1));
  const stage::v1::Runlog run = Runs()[0].runlog;
  EXPECT_EQ(run.result(), stage::v1::RUN_RESULT_FAILED);
  EXPECT_EQ(run.reason(), "the sky falls");
  ASSERT_EQ(run.errors_size(), 2);
  EXPECT_EQ(run.errors(0).text(), "something is wrong with=it");
}

TEST_F(ScriptTest, RefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(Run({}), 2);
  EXPECT_THAT(Err(), HasSubstr("a command is missing"));
  EXPECT_EQ(Run({"titel"}), 2);
  EXPECT_THAT(Err(), HasSubstr("did you mean title?"));
  EXPECT_EQ(Run({"--intervall", "10m", "title"}), 2);
  EXPECT_THAT(Err(), HasSubstr("did you mean --interval?"));
  EXPECT_EQ(Run({"--interval", "soon", "title"}), 2);
  EXPECT_EQ(Run({"--shell", "title"}), 2);
  EXPECT_EQ(Run({"--set", "tilte=x", "title"}), 2);
  EXPECT_THAT(Err(), HasSubstr("tilte"));
  EXPECT_EQ(Run({"--set", "service.process.daemon=true", "title"}), 2);
  EXPECT_FALSE(fs::exists(folder_ + "/runs"));
}

TEST_F(ScriptTest, HelpsWithoutAConfiguration) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("--interval TIME"), HasSubstr("shows the title"),
                           Not(HasSubstr("--daemon"))));
  EXPECT_EQ(Run({"fail", "--help"}), 0);
  EXPECT_THAT(Out(), HasSubstr("the reason"));
}

TEST_F(ScriptTest, RepeatsACommandUntilItIsTold) {
  const pid_t child = Start({"--interval", "100ms", "work"});
  WaitUntilSaid("begin\nend\nbegin\nend\nbegin\n");
  ::kill(child, SIGTERM);
  EXPECT_EQ(Wait(child), 0);
  EXPECT_GE(Runs().size(), 3) << "each run has its run log";
}

TEST_F(ScriptTest, ARunIsNeverBesideAnother) {
  const pid_t child = Start({"--interval", "100ms", "work", "--for", "250"});
  WaitUntilSaid("begin\nend\nbegin\nend\nbegin\n");
  ::kill(child, SIGINT);
  EXPECT_EQ(Wait(child), 0);
  EXPECT_THAT(Said(), Not(HasSubstr("begin\nbegin")));
}

TEST_F(ScriptTest, AFailureDoesNotEndTheRepetition) {
  const pid_t child = Start({"--interval", "100ms", "fail"});
  while (!fs::exists(folder_ + "/runs") || Runs().size() < 3) absl::SleepFor(absl::Milliseconds(5));
  ::kill(child, SIGTERM);
  EXPECT_EQ(Wait(child), 0);
  // An error of one run stands in its run log alone.
  for (const ReadRunlog& each : Runs()) {
    for (const stage::v1::RunError& error : each.runlog.errors()) EXPECT_EQ(error.count(), 1);
  }
}

TEST_F(ScriptTest, ASignalStopsTheCommand) {
  const pid_t child = Start({"work", "--for", "100000"});
  WaitUntilSaid("begin\n");
  ::kill(child, SIGTERM);
  EXPECT_EQ(Wait(child), 0);
  EXPECT_EQ(Said(), "begin\nstopped\n");
}

TEST_F(ScriptTest, TheShellTakesLines) {
  EXPECT_EQ(Run({"--shell"},
                "# a comment\n\ntitle\nfail --why 'two words'\nnonsense\n'open\nhelp\ntitle\n"),
            0)
      << Err();
  EXPECT_THAT(Out(), AllOf(HasSubstr("a title\nCommands:\n"), HasSubstr("takes a while"),
                           testing::EndsWith("a title\n")));
  EXPECT_THAT(Err(), AllOf(HasSubstr("two words"), HasSubstr("there is no command nonsense"),
                           HasSubstr("is not closed")));
  EXPECT_EQ(Run({"--shell"}, "fail\n"), 1) << "the status of the last command";
  EXPECT_EQ(Run({"--shell"}, "exit\nfail\n"), 0);
}

TEST_F(ScriptTest, LogsToAFileWhereThatIsConfigured) {
  EXPECT_EQ(Run({"--set", "service.log.file=" + folder_ + "/log", "fail"}), 1);
  EXPECT_THAT(Err(), "sample: no reason\n");
  EXPECT_THAT(ReadAll(folder_ + "/log"),
              AllOf(HasSubstr("\"message\":\"command begins\""), HasSubstr("command failed")));
}

}  // namespace
}  // namespace mentat::service
