// Run logs, from the first to the last moment of a run, of processes that end and that are killed.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "common/service/log_sink.h"
#include "common/service/runlog/runlog_files.h"
#include "common/service/runlog/runlog_keeper.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RunlogTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    sink_ = log::Sink::Create({.file = log_}).value();
  }

  RunlogOptions Options(const std::string& instance = "demo-1") const {
    RunlogOptions options;
    options.config.set_folder(folder_ + "/runs");
    options.config.set_save_seconds(3600);
    options.config.set_kept(100);
    options.service = "demo";
    options.instance = instance;
    options.entries = {{"note", "\"x\"", "default"}};
    options.sink = sink_;
    return options;
  }
  std::unique_ptr<RunlogKeeper> Begin(const RunlogOptions& options) const {
    auto keeper = RunlogKeeper::Begin(options);
    EXPECT_THAT(keeper, IsOk());
    return *std::move(keeper);
  }
  RunlogList List() const {
    auto list = ListRunlogs(folder_ + "/runs");
    EXPECT_THAT(list, IsOk());
    return list.value_or(RunlogList());
  }
  std::string Log() const {
    std::ifstream in(log_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  size_t Files() const {
    return std::distance(fs::directory_iterator(folder_ + "/runs"), fs::directory_iterator());
  }
  // A process whose run goes on until it is killed; returns when the run has begun.
  pid_t StartChild(const RunlogOptions& options) const {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto keeper = RunlogKeeper::Begin(options);
      if (!keeper.ok() || ::write(ends[1], "x", 1) != 1) std::_Exit(1);
      while (true) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    ::close(ends[0]);
    ::close(ends[1]);
    return child;
  }
  static void Kill(pid_t child) {
    ::kill(child, SIGKILL);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  }

  const std::string folder_ =
      testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string log_ = folder_ + "/log";
  std::shared_ptr<log::Sink> sink_;
};

TEST_F(RunlogTest, TellsARunThatEndsWell) {
  const auto keeper = Begin(Options());
  keeper->SetFill([](stage::v1::Runlog& runlog) { runlog.set_received_events(7); });
  keeper->Mark("ready");
  keeper->Mark("draining");
  ASSERT_THAT(List().runs, SizeIs(1));
  EXPECT_EQ(List().runs[0].runlog.result(), stage::v1::RUN_RESULT_RUNNING);
  keeper->End(0, "");
  keeper->End(1, "a second end does not count");

  const RunlogList list = List();
  EXPECT_THAT(list.wrong, IsEmpty());
  ASSERT_THAT(list.runs, SizeIs(1));
  const stage::v1::Runlog& run = list.runs[0].runlog;
  EXPECT_EQ(run.service(), "demo");
  EXPECT_EQ(run.instance(), "demo-1");
  EXPECT_EQ(run.pid(), ::getpid());
  EXPECT_EQ(run.config_digest().size(), 64);
  EXPECT_EQ(run.result(), stage::v1::RUN_RESULT_OK);
  EXPECT_EQ(run.received_events(), 7);
  EXPECT_GT(run.memory_bytes(), 0);
  ASSERT_EQ(run.marks_size(), 2);
  EXPECT_EQ(run.marks(0).name(), "ready");
  EXPECT_GE(run.end_time().seconds(), run.start_time().seconds());
  EXPECT_EQ(Files(), 1) << "no lock is left";
}

TEST_F(RunlogTest, TellsWhyARunFailed) {
  Begin(Options())->End(1, "the database\nis \xff away");
  ASSERT_THAT(List().runs, SizeIs(1));
  const stage::v1::Runlog run = List().runs[0].runlog;
  EXPECT_EQ(run.result(), stage::v1::RUN_RESULT_FAILED);
  EXPECT_EQ(run.exit_status(), 1);
  EXPECT_EQ(run.reason(), "the database\\nis \\ufffd away");
}

TEST_F(RunlogTest, IsWrittenNowAndThen) {
  RunlogOptions options = Options();
  options.config.set_save_seconds(0.1);
  const auto keeper = Begin(options);
  keeper->Mark("ready");
  while (List().runs.at(0).runlog.marks_size() == 0) absl::SleepFor(absl::Milliseconds(5));
}

TEST_F(RunlogTest, ARunThatWasKilledIsKnown) {
  const pid_t child = StartChild(Options("killed"));
  ASSERT_THAT(List().runs, SizeIs(1));
  EXPECT_EQ(List().runs[0].runlog.result(), stage::v1::RUN_RESULT_RUNNING);
  Kill(child);
  // Whoever reads knows it at once, and the next run writes it down.
  ASSERT_THAT(List().runs, SizeIs(1));
  EXPECT_EQ(List().runs[0].runlog.result(), stage::v1::RUN_RESULT_KILLED);
  const std::string path = List().runs[0].path;
  EXPECT_EQ(ReadRunlogFile(path)->result(), stage::v1::RUN_RESULT_RUNNING);
  const auto next = Begin(Options("next"));
  const auto run = ReadRunlogFile(path);
  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->result(), stage::v1::RUN_RESULT_KILLED);
  EXPECT_EQ(run->end_time().seconds(), run->saved_time().seconds());
  EXPECT_THAT(run->reason(), HasSubstr("no end of its own"));
  EXPECT_THAT(Log(), AllOf(HasSubstr("an earlier run came to no end of its own"),
                           HasSubstr("\"run_instance\":\"killed\"")));
  EXPECT_EQ(Files(), 3) << "two runs and the lock of the one that lives";
}

TEST_F(RunlogTest, ARunBesideItIsLeftAlone) {
  const pid_t child = StartChild(Options("beside"));
  const auto keeper = Begin(Options());
  ASSERT_THAT(List().runs, SizeIs(2));
  for (const ReadRunlog& each : List().runs) {
    EXPECT_EQ(each.runlog.result(), stage::v1::RUN_RESULT_RUNNING);
  }
  EXPECT_THAT(Log(), Not(HasSubstr("an earlier run")));
  Kill(child);
}

TEST_F(RunlogTest, OldRunsAreRemovedAndOnlyThoseOfTheService) {
  RunlogOptions other = Options();
  other.service = "other";
  Begin(other)->End(0, "");
  const pid_t child = StartChild(Options("lives"));
  RunlogOptions options = Options();
  options.config.set_kept(3);
  for (int i = 0; i < 6; ++i) {
    options.instance = absl::StrCat("run ", i);
    Begin(options)->End(0, "");
  }
  std::vector<std::string> instances;
  for (const ReadRunlog& each : List().runs) {
    if (each.runlog.service() == "demo") instances.push_back(each.runlog.instance());
  }
  EXPECT_THAT(instances, SizeIs(3));
  EXPECT_THAT(instances, testing::Contains("lives"));
  EXPECT_THAT(instances, testing::Contains("run 5"));
  EXPECT_THAT(List().runs, SizeIs(4));
  Kill(child);
}

TEST_F(RunlogTest, ErrorsOfTheLogStandInItOnceEach) {
  const auto keeper = Begin(Options());
  const log::Logger log(sink_, "database");
  for (int i = 0; i < 3; ++i) log.Error("is away", {{"attempt", i}});
  log.Warning("no error");
  stage::v1::Runlog run = keeper->Now();
  ASSERT_EQ(run.errors_size(), 1);
  EXPECT_EQ(run.errors(0).module(), "database");
  EXPECT_EQ(run.errors(0).text(), "is away attempt=0");
  EXPECT_EQ(run.errors(0).count(), 3);
  EXPECT_EQ(run.log_records().at("error"), 3);
  EXPECT_EQ(run.log_records().at("warning"), 1);
  // There is an end to it.
  for (int i = 0; i < 60; ++i) {
    log.Error(absl::StrCat("error ", i), {{"text", std::string(5000, 'x')}});
  }
  run = keeper->Now();
  EXPECT_EQ(run.errors_size(), 50);
  EXPECT_EQ(run.more_errors(), 11);
  EXPECT_EQ(run.errors(49).text().size(), 1000);
}

TEST_F(RunlogTest, OfManyMarksTheFirstAndTheLastStay) {
  const auto keeper = Begin(Options());
  for (int i = 0; i < 1000; ++i) keeper->Mark(absl::StrCat("mark ", i));
  const stage::v1::Runlog run = keeper->Now();
  ASSERT_EQ(run.marks_size(), 50);
  EXPECT_EQ(run.more_marks(), 950);
  EXPECT_EQ(run.marks(0).name(), "mark 0");
  EXPECT_EQ(run.marks(49).name(), "mark 999");
}

TEST_F(RunlogTest, WithoutAFolderNothingIsWritten) {
  RunlogOptions options = Options();
  options.config.clear_folder();
  const auto keeper = Begin(options);
  keeper->Mark("ready");
  EXPECT_EQ(keeper->Now().marks_size(), 1);
  keeper->End(0, "");
  EXPECT_FALSE(fs::exists(folder_ + "/runs"));
}

TEST_F(RunlogTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(folder_ + "/file") << "x";
  RunlogOptions options = Options();
  options.config.set_folder(folder_ + "/file/runs");
  EXPECT_THAT(RunlogKeeper::Begin(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("service.runlog.folder")));
}

TEST_F(RunlogTest, AFileThatCannotBeWrittenIsLoggedAndCounted) {
  const auto keeper = Begin(Options());
  fs::remove_all(folder_ + "/runs");
  keeper->End(0, "");
  EXPECT_EQ(keeper->failed_saves(), 1);
  EXPECT_THAT(Log(), HasSubstr("cannot write the run log"));
}

TEST_F(RunlogTest, ForeignFilesAreToldApart) {
  Begin(Options())->End(0, "");
  std::ofstream(folder_ + "/runs/demo.20261124T000000Z.1.runlog") << "{\"service\": ";
  std::ofstream(folder_ + "/runs/demo.20261124T000000Z.2.runlog") << std::string(2 << 20, ' ');
  std::ofstream(folder_ + "/runs/notes.txt") << "mine";
  std::ofstream(folder_ + "/runs/.hidden.1.2.runlog") << "{}";
  const RunlogList list = List();
  EXPECT_THAT(list.runs, SizeIs(1));
  ASSERT_THAT(list.wrong, SizeIs(2));
  EXPECT_THAT(list.wrong[0].message(), HasSubstr("1.runlog: is no run log"));
  EXPECT_THAT(list.wrong[1].message(), HasSubstr("2.runlog: is larger"));
}

}  // namespace
}  // namespace mentat::service
