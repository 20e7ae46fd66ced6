// Reloads of many instances, over real stages.

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/log.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/controller/controller_fixture.h"
#include "services/controller/reload_store.h"

namespace mentat::controller {
namespace {

using testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::ServiceProcess;
using Stub = v1::Controller::Stub;
using state::v1::InstanceFiles;
using state::v1::Journal;

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Demo stages, each with a file of its own. What is in use shows as the number of its lines.
class ReloadsTest : public ControllerTest {
 protected:
  struct Demo {
    std::string name;
    std::string file;
    Process process;
  };

  void StartDemos(const std::vector<std::string>& names, const std::string& text) {
    for (const std::string& name : names) {
      const std::string file = absl::StrCat(folder(), "/", name, ".unwanted");
      Write(file, text);
      demos_.push_back({name, file, StartDemo(name, {"--set", "unwanted_file=" + file})});
    }
  }
  void WriteAll(const std::string& text) {
    for (const Demo& demo : demos_) Write(demo.file, text);
  }

  std::vector<std::string> Addresses() {
    std::vector<std::string> addresses;
    for (const Demo& demo : demos_) addresses.push_back(demo.process->ports().admin);
    return addresses;
  }
  void StartWithFolder(const Arguments& more = {}) {
    Arguments arguments = {"--set", "state_dir=" + state_dir()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    StartController(Stages({Stage("demo", Addresses())}), arguments);
  }
  std::string state_dir() const { return folder() + "/state"; }

  // "lines/version" of each demo.
  std::map<std::string, std::string> InUse() {
    std::map<std::string, std::string> in_use;
    for (const Demo& demo : demos_) {
      const auto status = demo.process->Status();
      EXPECT_THAT(status, IsOk());
      in_use[demo.name] =
          absl::StrCat(status->details().at("unwanted_categories"), "/", status->reload_version());
    }
    return in_use;
  }

  grpc::Status TryReload(v1::ReloadResponse& response, bool check_only = false) {
    v1::ReloadRequest request;
    request.set_check_only(check_only);
    request.set_comment("a test");
    return TryCall(&Stub::Reload, request, response);
  }
  uint64_t Reload() {
    v1::ReloadResponse response;
    const grpc::Status status = TryReload(response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.version();
  }
  grpc::Status TryRollback(uint64_t version) {
    v1::RollbackRequest request;
    request.set_version(version);
    v1::RollbackResponse response;
    return TryCall(&Stub::Rollback, request, response);
  }

  // Waits until the controller has brought what the journal said to its end.
  void WaitUntilEnded() {
    ASSERT_THAT(controller().WaitUntil([](const stage::v1::Status& status) {
      return status.details().at("unfinished_reload") == "no";
    }),
                IsOk());
  }

  void WriteJournal(const Journal& journal) {
    auto store = ReloadStore::Open(state_dir(), 20, log::Logger::Null());
    ASSERT_THAT(store, IsOk());
    ASSERT_THAT((*store)->WriteJournal(journal), IsOk());
  }
  // As a controller writes it before it commits.
  Journal CommittingJournal(const std::string& id, uint64_t version) {
    Journal journal;
    journal.set_reload_id(id);
    journal.set_phase(Journal::PHASE_COMMITTING);
    journal.mutable_target()->mutable_reload()->set_version(version);
    for (const Demo& demo : demos_) {
      grpc::ClientContext context;
      SetDeadline(context);
      stage::v1::GetReloadFilesResponse files;
      EXPECT_TRUE(demo.process->admin().GetReloadFiles(&context, {}, &files).ok());
      InstanceFiles& instance = *journal.mutable_target()->add_instances();
      instance.set_stage("demo");
      instance.set_instance(demo.name);
      instance.set_address(demo.process->ports().admin);
      instance.set_digest(files.digest());
    }
    return journal;
  }
  void Prepare(const Demo& demo, const std::string& id) {
    grpc::ClientContext context;
    SetDeadline(context);
    stage::v1::PrepareReloadRequest request;
    request.set_reload_id(id);
    stage::v1::PrepareReloadResponse response;
    const grpc::Status status = demo.process->admin().PrepareReload(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(response.errors_size(), 0);
  }

  std::vector<Demo> demos_;
};

std::map<std::string, std::string> All(const std::string& one, const std::string& two) {
  return {{"one", one}, {"two", two}};
}

TEST_F(ReloadsTest, AllTakeTheNewStateIntoUseUnderOneNumber) {
  StartDemos({"one", "two", "three"}, "a\n");
  StartWithFolder();
  WriteAll("a\nb\n");
  v1::ReloadResponse response;
  const grpc::Status status = TryReload(response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.version(), 1);
  ASSERT_EQ(response.results_size(), 3);
  for (const v1::ReloadResult& result : response.results()) {
    EXPECT_EQ(result.result().code(), 0) << result.ShortDebugString();
    EXPECT_EQ(result.digest().size(), 64);
  }
  const std::map<std::string, std::string> expected = {
      {"one", "2/1"}, {"two", "2/1"}, {"three", "2/1"}};
  EXPECT_EQ(InUse(), expected);
  EXPECT_EQ(Reload(), 2);

  const v1::ListReloadsResponse list = Call(&Stub::ListReloads, v1::ListReloadsRequest());
  ASSERT_EQ(list.reloads_size(), 2);
  EXPECT_EQ(list.reloads(0).version(), 2);
  EXPECT_EQ(list.reloads(1).version(), 1);
  EXPECT_EQ(list.reloads(1).comment(), "a test");
  EXPECT_NE(list.reloads(1).caller(), "");
  EXPECT_TRUE(list.reloads(1).has_files());
  EXPECT_EQ(list.reloads(1).digests().at("two"), demos_[1].process->Status()->reload_digest());
}

TEST_F(ReloadsTest, OneThatRefusesKeepsAllAndTheAnswerSaysWhy) {
  StartDemos({"one", "two"}, "a\n");
  StartWithFolder();
  WriteAll("a\nb\n");
  std::filesystem::remove(demos_[1].file);
  std::filesystem::create_directory(demos_[1].file);  // cannot be read as a file
  v1::ReloadResponse response;
  const grpc::Status status = TryReload(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("nothing was reloaded anywhere"));
  EXPECT_THAT(status.error_message(), HasSubstr("demo two: "));
  EXPECT_THAT(status.error_message(), HasSubstr(demos_[1].file));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::ReloadResponse results;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&results));
  ASSERT_EQ(results.results_size(), 1);
  EXPECT_EQ(results.results(0).result().instance(), "two");
  EXPECT_THAT(results.results(0).errors(0), HasSubstr(demos_[1].file));
  EXPECT_EQ(InUse(), All("1/0", "1/0"));

  std::filesystem::remove(demos_[1].file);
  Write(demos_[1].file, "a\nb\n");
  EXPECT_EQ(Reload(), 1);
  EXPECT_EQ(InUse(), All("2/1", "2/1"));
}

TEST_F(ReloadsTest, OneBrokenFileOfFortyKeepsAllAndTheAnswerNamesFileLineAndKey) {
  const std::string rules = folder() + "/rules";
  std::filesystem::create_directory(rules);
  const auto rule = [&](int number) { return absl::StrCat(rules, "/rule-", number, ".json"); };
  const auto text = [](int number, const std::string& key) {
    return absl::StrCat("{\n  \"inspection_rules\": [\n    {\n      \"name\": \"rule ", number,
                        "\",\n      \"", key,
                        "\": \"Category in [\\\"Test\\\"]\",\n"
                        "      \"actions\": [{\"action\": \"drop\"}]\n    }\n  ]\n}\n");
  };
  for (int i = 0; i < 40; ++i) Write(rule(i), text(i, "rule"));
  auto inspector = ServiceProcess::Start(
      "services/inspector/inspector", folder(), "inspector",
      {"--set", "rules=[\"" + rules + "\"]", "--set", "pipeline.input.bind=tcp://127.0.0.1:*",
       "--set", "pipeline.outputs.default.peers=[\"tcp://127.0.0.1:1\"]"});
  ASSERT_THAT(inspector, IsOk());
  StartDemos({"one", "two"}, "a\n");
  StartController(
      Stages({Stage("demo", Addresses()), Stage("inspector", {(*inspector)->ports().admin})}),
      {"--set", "state_dir=" + state_dir()});
  EXPECT_EQ(Reload(), 1);
  const std::string before = (*inspector)->Status()->reload_digest();

  WriteAll("a\nb\n");
  Write(rule(17), text(17, "rulle"));
  v1::ReloadResponse response;
  const grpc::Status status = TryReload(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("inspector: " + rule(17) + ":5: "));
  EXPECT_THAT(status.error_message(), HasSubstr("rulle"));
  EXPECT_EQ(InUse(), All("1/1", "1/1"));
  EXPECT_EQ((*inspector)->Status()->reload_version(), 1);
  EXPECT_EQ((*inspector)->Status()->reload_digest(), before);

  Write(rule(17), text(18, "rule"));
  EXPECT_EQ(Reload(), 2);
  EXPECT_EQ(InUse(), All("2/2", "2/2"));
  EXPECT_EQ((*inspector)->Status()->reload_version(), 2);
}

TEST_F(ReloadsTest, OneThatDoesNotAnswerKeepsAll) {
  StartDemos({"one", "two"}, "a\n");
  StartWithFolder({"--set", "call_timeout_seconds=1", "--set", "reload_timeout_seconds=1"});
  WriteAll("a\nb\n");
  Status();
  Freeze(demos_[1].process);
  v1::ReloadResponse response;
  const grpc::Status status = TryReload(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("demo two: "));
  demos_[1].process->process().Signal(SIGCONT);
  EXPECT_EQ(InUse(), All("1/0", "1/0"));
}

TEST_F(ReloadsTest, AStageThatCannotBeFoundKeepsAllButNotThoseThatAreNamed) {
  StartDemos({"one", "two"}, "a\n");
  StartController(Stages({Stage("demo", Addresses()), Stage("other", {"no-such-host.invalid:1"})}),
                  {"--set", "state_dir=" + state_dir()});
  WriteAll("a\nb\n");
  v1::ReloadResponse response;
  const grpc::Status status = TryReload(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("other: "));
  EXPECT_EQ(InUse(), All("1/0", "1/0"));
  v1::ReloadRequest request;
  request.mutable_selection()->add_stages("demo");
  EXPECT_EQ(Call(&Stub::Reload, request).version(), 1);
  EXPECT_EQ(InUse(), All("2/1", "2/1"));
}

TEST_F(ReloadsTest, ACheckChangesNothing) {
  StartDemos({"one", "two"}, "a\n");
  StartController(Stages({Stage("demo", Addresses())}));
  WriteAll("a\nb\n");
  v1::ReloadResponse response;
  EXPECT_TRUE(TryReload(response, true).ok());
  EXPECT_EQ(response.version(), 0);
  EXPECT_EQ(response.results_size(), 2);
  EXPECT_EQ(InUse(), All("1/0", "1/0"));
  // A real one needs a folder.
  const grpc::Status status = TryReload(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("state_dir"));
}

TEST_F(ReloadsTest, ARollbackPutsTheFilesOfAReloadBack) {
  StartDemos({"one", "two"}, "a\n");
  StartWithFolder();
  EXPECT_EQ(Reload(), 1);
  WriteAll("a\nb\n");
  EXPECT_EQ(Reload(), 2);
  WriteAll("a\nb\nc\n");

  EXPECT_TRUE(TryRollback(1).ok());
  EXPECT_EQ(InUse(), All("1/3", "1/3"));
  for (const Demo& demo : demos_) EXPECT_EQ(ReadAll(demo.file), "a\n");
  const v1::ListReloadsResponse list = Call(&Stub::ListReloads, v1::ListReloadsRequest());
  EXPECT_EQ(list.reloads(0).version(), 3);
  EXPECT_EQ(list.reloads(0).rollback_to(), 1);
  EXPECT_EQ(list.reloads(0).digests().at("one"), list.reloads(2).digests().at("one"));

  EXPECT_EQ(TryRollback(9).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ReloadsTest, ARollbackThatFailsLeavesTheFilesAsTheyWere) {
  StartDemos({"one", "two"}, "a\n");
  StartWithFolder();
  EXPECT_EQ(Reload(), 1);
  WriteAll("a\nb\n");
  EXPECT_EQ(Reload(), 2);
  // Nothing can be put in the place of a folder.
  std::filesystem::remove(demos_[1].file);
  std::filesystem::create_directory(demos_[1].file);
  const grpc::Status status = TryRollback(1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("nothing was reloaded anywhere"));
  EXPECT_EQ(ReadAll(demos_[0].file), "a\nb\n");
  EXPECT_EQ(InUse(), All("2/2", "2/2"));
  std::filesystem::remove(demos_[1].file);
}

TEST_F(ReloadsTest, FilesOfOldReloadsAreNotKept) {
  StartDemos({"one"}, "a\n");
  StartWithFolder({"--set", "kept_reloads=2"});
  for (uint64_t version = 1; version <= 3; ++version) EXPECT_EQ(Reload(), version);
  EXPECT_EQ(std::filesystem::status(state_dir() + "/reloads/0000000001.pb").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const grpc::Status status = TryRollback(1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("not kept"));
  StopController();
  StartWithFolder();
  v1::ListReloadsRequest request;
  request.set_limit(5);
  const v1::ListReloadsResponse list = Call(&Stub::ListReloads, request);
  ASSERT_EQ(list.reloads_size(), 3);
  EXPECT_TRUE(list.reloads(1).has_files());
  EXPECT_FALSE(list.reloads(2).has_files());
  EXPECT_TRUE(TryRollback(2).ok());
}

TEST_F(ReloadsTest, WhatIsKeptOfACallIsBounded) {
  StartDemos({"one"}, "a\n");
  StartWithFolder();
  v1::ReloadRequest request;
  request.set_comment(std::string(1001, 'x'));
  v1::ReloadResponse response;
  EXPECT_EQ(TryCall(&Stub::Reload, request, response).error_code(), grpc::INVALID_ARGUMENT);
  v1::RollbackRequest rollback;
  rollback.set_comment(std::string(1001, 'x'));
  v1::RollbackResponse rolled_back;
  EXPECT_EQ(TryCall(&Stub::Rollback, rollback, rolled_back).error_code(), grpc::INVALID_ARGUMENT);
  // An error that quotes the request arrives as the error that it is.
  request.clear_comment();
  request.mutable_selection()->add_stages(std::string(20'000, 'x'));
  const grpc::Status status = TryCall(&Stub::Reload, request, response);
  EXPECT_EQ(status.error_code(), grpc::NOT_FOUND) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("no stage or instance is called xxx"));
}

TEST_F(ReloadsTest, AJournalThatCannotBeReadIsNotTakenForNone) {
  std::filesystem::create_directories(state_dir());
  std::filesystem::create_symlink("journal.pb", state_dir() + "/journal.pb");
  auto controller = ChildProcess::Start("services/controller/controller",
                                        {"--set", "state_dir=" + state_dir()}, folder() + "/out");
  ASSERT_THAT(controller, IsOk());
  EXPECT_EQ((*controller)->Wait().value(), 1);
  EXPECT_THAT((*controller)->Output(), HasSubstr("journal.pb: cannot be read"));
}

TEST_F(ReloadsTest, TwoControllersCannotShareAFolder) {
  StartController("[]", {"--set", "state_dir=" + state_dir()});
  auto second = ChildProcess::Start("services/controller/controller",
                                    {"--set", "state_dir=" + state_dir()}, folder() + "/out");
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ((*second)->Wait().value(), 1);
  EXPECT_THAT((*second)->Output(), HasSubstr("is used by another controller"));
}

TEST_F(ReloadsTest, ManyReloadsLeaveNoMemoryBehind) {
  constexpr uint64_t kReloads = 200;
#if defined(__SANITIZE_ADDRESS__) || defined(MENTAT_TSAN)
  constexpr uint64_t kGrowth = 200 << 20;
#else
  constexpr uint64_t kGrowth = 8 << 20;
#endif
  StartDemos({"one", "two"}, "a\n");
  StartWithFolder();
  uint64_t memory = 0;
  for (uint64_t i = 1; i <= kReloads; ++i) {
    WriteAll(i % 2 == 0 ? "a\n" : "a\nb\n");
    ASSERT_EQ(Reload(), i);
    if (i == kReloads / 4) memory = controller().Status()->memory_bytes();
  }
  EXPECT_EQ(InUse(), All(absl::StrCat("1/", kReloads), absl::StrCat("1/", kReloads)));
  const uint64_t after = controller().Status()->memory_bytes();
  EXPECT_LE(after, memory + kGrowth);
  std::cout << "from " << memory << " to " << after << " bytes\n";
}

// --- what a controller finds that another one left ---

TEST_F(ReloadsTest, ABegunCommitIsFinishedAtTheNextStart) {
  StartDemos({"one", "two"}, "a\n");
  WriteAll("a\nb\n");
  Prepare(demos_[0], "left");  // the other one has thrown it away meanwhile
  WriteJournal(CommittingJournal("left", 7));
  StartWithFolder();
  WaitUntilEnded();
  EXPECT_EQ(InUse(), All("2/7", "2/7"));
  EXPECT_EQ(Call(&Stub::ListReloads, v1::ListReloadsRequest()).reloads(0).version(), 7);
  EXPECT_EQ(Reload(), 8);
}

TEST_F(ReloadsTest, ACommitWaitsForAnInstanceThatIsAwayAndDoesNotHinderTheOthers) {
  StartDemos({"one", "two"}, "a\n");
  WriteAll("a\nb\n");
  for (const Demo& demo : demos_) Prepare(demo, "left");
  WriteJournal(CommittingJournal("left", 7));
  Freeze(demos_[1].process);
  StartWithFolder({"--set", "call_timeout_seconds=0.3"});
  ASSERT_THAT(demos_[0].process->WaitUntil(
                  [](const stage::v1::Status& status) { return status.reload_version() == 7; }),
              IsOk());
  EXPECT_EQ(controller().Status()->details().at("unfinished_reload"), "yes");
  demos_[1].process->process().Signal(SIGCONT);
  WaitUntilEnded();
  EXPECT_EQ(InUse(), All("2/7", "2/7"));
}

TEST_F(ReloadsTest, ACommitIsGivenUpWhereTheFilesHaveBeenChangedSince) {
  StartDemos({"one", "two"}, "a\n");
  WriteAll("a\nb\n");
  Prepare(demos_[0], "left");
  WriteJournal(CommittingJournal("left", 7));
  Write(demos_[1].file, "of an operator\nin\nbetween\n");
  StartWithFolder();
  WaitUntilEnded();
  EXPECT_EQ(InUse(), All("2/7", "1/0"));
  EXPECT_EQ(ReadAll(demos_[1].file), "of an operator\nin\nbetween\n");
  EXPECT_EQ(Reload(), 8);
  EXPECT_EQ(InUse(), All("2/8", "3/8"));
}

TEST_F(ReloadsTest, ABegunRollbackIsUndoneAtTheNextStart) {
  StartDemos({"one", "two"}, "a\nb\n");
  Journal journal;
  journal.set_reload_id("left");
  journal.set_phase(Journal::PHASE_PUTTING);
  for (const Demo& demo : demos_) {
    const auto add = [&](InstanceFiles& files, const std::string& text) {
      files.set_stage("demo");
      files.set_instance(demo.name);
      files.set_address(demo.process->ports().admin);
      stage::v1::ReloadFile& file = *files.add_files();
      file.set_path(demo.file);
      file.set_content(text);
    };
    add(*journal.add_put(), "a\n");
    add(*journal.add_before(), "a\nb\n");
  }
  // The one was put, the other one an operator has changed since.
  Write(demos_[0].file, "a\n");
  Write(demos_[1].file, "of an operator\n");
  WriteJournal(journal);
  StartWithFolder();
  WaitUntilEnded();
  EXPECT_EQ(ReadAll(demos_[0].file), "a\nb\n");
  EXPECT_EQ(ReadAll(demos_[1].file), "of an operator\n");
  EXPECT_EQ(InUse(), All("2/0", "2/0"));
}

TEST_F(ReloadsTest, ADamagedStateFileIsPutAside) {
  StartDemos({"one"}, "a\n");
  std::filesystem::create_directories(state_dir() + "/reloads");
  Write(state_dir() + "/journal.pb", "no journal");
  Write(state_dir() + "/reloads/0000000001.pb", "no reload");
  Write(state_dir() + "/reloads/.0000000002.pb.Abc123", "what a kill left behind");
  StartWithFolder();
  EXPECT_EQ(Reload(), 1);
  EXPECT_TRUE(std::filesystem::exists(state_dir() + "/journal.pb.damaged"));
  EXPECT_TRUE(std::filesystem::exists(state_dir() + "/reloads/0000000001.pb.damaged"));
  EXPECT_FALSE(std::filesystem::exists(state_dir() + "/reloads/.0000000002.pb.Abc123"));
}

}  // namespace
}  // namespace mentat::controller
