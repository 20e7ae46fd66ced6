// Jobs of a real storage, by a real controller over a real database; and mentatctl jobs.
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/access/admin_client.h"
#include "common/service/testing/child_process.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using ::testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::ServiceProcess;

constexpr char kRetention[] = "storage/retention";

class JobCallsTest : public ControllerTest {
 protected:
  void SetUp() override {
    ControllerTest::SetUp();
    auto cluster = store::PrivateCluster::Create({.fsync = false});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const auto dsn = cluster_->CreateDatabase("jobs");
    ASSERT_THAT(dsn, IsOk());
    dsn_ = *dsn;
    store::ConnectionOptions options;
    options.dsn = dsn_;
    auto connection = store::Connection::Open(options);
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(store::Migrate(*connection_, store::Migrations(), [](std::string_view) {}), IsOk());
  }

  void StartWithDatabase(Arguments more = {}) {
    more.insert(more.end(), {"--set", "database.dsn=" + dsn_});
    StartController("[]", more);
  }
  // A storage that has made its job known.
  void StartStorage() {
    auto storage = ServiceProcess::Start(
        "services/storage/storage", folder() + "/ports", "storage-1",
        {"--set", "database.dsn=" + dsn_, "--set", "pipeline.input.bind=tcp://127.0.0.1:*", "--set",
         "retention_job.schedule=30 2 * * *", "--set", "retention_job.time_zone=Europe/Prague"});
    ASSERT_THAT(storage, IsOk());
    storage_ = *std::move(storage);
    while (Jobs().jobs_size() == 0) {
    }
  }

  v1::ListJobsResponse Jobs() { return Call(&v1::Controller::Stub::ListJobs, {}); }
  v1::ListJobRunsResponse Runs(uint32_t limit = 0) {
    v1::ListJobRunsRequest request;
    request.set_name(kRetention);
    request.set_limit(limit);
    return Call(&v1::Controller::Stub::ListJobRuns, request);
  }
  // Runs the job on request, and waits for its end.
  void RunJob() {
    const int before = Runs(1000).runs_size();
    v1::RunJobRequest request;
    request.set_name(kRetention);
    Call(&v1::Controller::Stub::RunJob, request);
    for (v1::ListJobRunsResponse runs = Runs(1000);
         runs.runs_size() == before || !runs.runs(0).has_end_time();) {
      runs = Runs(1000);
    }
  }
  // The answer to each call for jobs.
  std::map<std::string, grpc::Status> CallAll(v1::Controller::Stub& stub,
                                              const std::string& name = kRetention) {
    std::map<std::string, grpc::Status> answers;
    const auto call = [&](const std::string& what, auto method, auto request, auto response) {
      grpc::ClientContext context;
      SetDeadline(context);
      if constexpr (requires { request.set_name(name); }) request.set_name(name);
      answers[what] = (stub.*method)(&context, request, &response);
    };
    using Stub = v1::Controller::Stub;
    call("ListJobs", &Stub::ListJobs, v1::ListJobsRequest(), v1::ListJobsResponse());
    call("ListJobRuns", &Stub::ListJobRuns, v1::ListJobRunsRequest(), v1::ListJobRunsResponse());
    call("RunJob", &Stub::RunJob, v1::RunJobRequest(), v1::RunJobResponse());
    call("DisableJob", &Stub::DisableJob, v1::DisableJobRequest(), v1::DisableJobResponse());
    call("EnableJob", &Stub::EnableJob, v1::EnableJobRequest(), v1::EnableJobResponse());
    return answers;
  }

  struct Result {
    int exit_status = -1;
    std::string output;
  };
  Result Ctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--controller", controller().ports().admin, "jobs"});
    auto process = ChildProcess::Start("tools/mentatctl/mentatctl", arguments,
                                       absl::StrCat(folder(), "/ctl", ++calls_));
    EXPECT_THAT(process, IsOk());
    const auto status = (*process)->Wait();
    EXPECT_THAT(status, IsOk());
    return {status.value_or(-1), (*process)->Output()};
  }

  std::unique_ptr<store::PrivateCluster> cluster_;
  std::string dsn_;
  std::unique_ptr<store::Connection> connection_;
  Process storage_;
  int calls_ = 0;
};

TEST_F(JobCallsTest, ShowsAndSteersTheJobsOfAService) {
  StartWithDatabase();
  EXPECT_EQ(Jobs().jobs_size(), 0);
  StartStorage();
  v1::Job job = Jobs().jobs(0);
  EXPECT_EQ(job.name(), kRetention);
  EXPECT_THAT(job.description(), HasSubstr("older than they are kept"));
  EXPECT_EQ(job.schedule(), "30 2 * * *");
  EXPECT_EQ(job.time_zone(), "Europe/Prague");
  EXPECT_EQ(job.missed(), "once");
  EXPECT_TRUE(job.enabled());
  EXPECT_TRUE(job.available());
  EXPECT_TRUE(job.has_next_time());
  EXPECT_FALSE(job.has_last_run());

  RunJob();
  const v1::JobRun run = Runs().runs(0);
  EXPECT_EQ(run.outcome(), v1::JOB_OUTCOME_OK);
  EXPECT_EQ(run.result(), "deleted 0 partitions, 0 identifiers, 0 dead letters");
  EXPECT_EQ(run.error(), "");
  EXPECT_EQ(run.instance(), "storage-1");
  EXPECT_EQ(run.attempt(), 1);
  EXPECT_FALSE(run.has_due_time());
  EXPECT_GE(run.end_time().seconds(), run.start_time().seconds());
  EXPECT_EQ(Jobs().jobs(0).last_run().result(), run.result());
  RunJob();
  EXPECT_EQ(Runs().runs_size(), 2);
  EXPECT_EQ(Runs(1).runs_size(), 1);

  v1::DisableJobRequest disable;
  disable.set_name(kRetention);
  job = Call(&v1::Controller::Stub::DisableJob, disable).job();
  EXPECT_FALSE(job.enabled());
  EXPECT_FALSE(job.has_next_time());
  RunJob();  // on request all the same
  v1::EnableJobRequest enable;
  enable.set_name(kRetention);
  job = Call(&v1::Controller::Stub::EnableJob, enable).job();
  EXPECT_TRUE(job.enabled());
  EXPECT_TRUE(job.has_next_time());

  for (const auto& [call, answer] : CallAll(stub(), "storage/retentoin")) {
    if (call == "ListJobs") continue;
    EXPECT_EQ(answer.error_code(), grpc::NOT_FOUND) << call;
    EXPECT_EQ(answer.error_message(), "there is no job \"storage/retentoin\"") << call;
  }
}

TEST_F(JobCallsTest, AJobThatNobodyCanRunIsNotAskedFor) {
  StartWithDatabase();
  StartStorage();
  storage_ = nullptr;
  // What it has said last is done.
  const auto sessions = [this] {
    return connection_
        ->Execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%storage-1'")
        ->Int(0, 0);
  };
  while (sessions() > 0) {
  }
  ASSERT_THAT(connection_->Execute("UPDATE jobs SET seen_time = '2026-01-01Z'"), IsOk());
  EXPECT_FALSE(Jobs().jobs(0).available());
  const grpc::Status answer = CallAll(stub())["RunJob"];
  EXPECT_EQ(answer.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(answer.error_message(), HasSubstr("no instance is there that can run"));
  const Result result = Ctl({"list"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("no instance is there that can run it"));
}

TEST_F(JobCallsTest, WithoutADatabaseThereAreNoJobs) {
  StartController("[]");
  for (const auto& [call, answer] : CallAll(stub())) {
    EXPECT_EQ(answer.error_code(), grpc::FAILED_PRECONDITION) << call;
    EXPECT_THAT(answer.error_message(), HasSubstr("configure database.dsn")) << call;
  }
}

TEST_F(JobCallsTest, ADatabaseThatIsAwayIsUnavailable) {
  StartWithDatabase();
  ASSERT_THAT(cluster_->Stop("immediate"), IsOk());
  for (const auto& [call, answer] : CallAll(stub())) {
    EXPECT_EQ(answer.error_code(), grpc::UNAVAILABLE) << call;
  }
  Call(&v1::Controller::Stub::ListStages, {});  // all else goes on
  ASSERT_THAT(cluster_->Start(), IsOk());
  EXPECT_EQ(Jobs().jobs_size(), 0);
}

TEST_F(JobCallsTest, EachRoleMayDoItsPart) {
  StartWithDatabase();
  StartStorage();
  std::ofstream tokens(folder() + "/tokens");
  for (const std::string role : {"viewer", "operator", "admin"}) {
    const std::string token = "the-token-of-the-" + role;
    tokens << role << " " << role << " " << token << "\n";
    std::ofstream(absl::StrCat(folder(), "/", role, ".token")) << token << "\n";
    ::chmod(absl::StrCat(folder(), "/", role, ".token").c_str(), 0600);
  }
  tokens.close();
  ::chmod((folder() + "/tokens").c_str(), 0600);
  StopController();
  StartWithDatabase({"--set", absl::StrCat("service.access.tokens_file=", folder(), "/tokens")});

  const auto answers = [&](const std::string& role) {
    config::v1::AdminClientConfig config;
    if (!role.empty()) config.set_token_file(absl::StrCat(folder(), "/", role, ".token"));
    const auto client = service::AdminClient::Create(config);
    EXPECT_THAT(client, IsOk());
    std::string text;
    const auto stub =
        v1::Controller::NewStub((*client)->Connect(controller().ports().admin).value());
    for (const auto& [call, answer] : CallAll(*stub)) {
      absl::StrAppend(&text, call, " ", static_cast<int>(answer.error_code()), "\n");
    }
    return text;
  };
  EXPECT_EQ(answers(""), "DisableJob 16\nEnableJob 16\nListJobRuns 16\nListJobs 16\nRunJob 16\n");
  EXPECT_EQ(answers("viewer"), "DisableJob 7\nEnableJob 7\nListJobRuns 0\nListJobs 0\nRunJob 7\n");
  const std::string all = "DisableJob 0\nEnableJob 0\nListJobRuns 0\nListJobs 0\nRunJob 0\n";
  EXPECT_EQ(answers("operator"), all);
  EXPECT_EQ(answers("admin"), all);
}

TEST_F(JobCallsTest, Mentatctl) {
  StartWithDatabase();
  StartStorage();
  Result result = Ctl({"list"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("storage/retention  30 2 * * * Europe/Prague  enabled"));
  result = Ctl({"disable", kRetention});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.output, "storage/retention: disabled\n");
  result = Ctl({"enable", kRetention});
  EXPECT_EQ(result.output, "storage/retention: enabled\n");
  result = Ctl({"run", kRetention});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  RunJob();
  result = Ctl({"history", kRetention, "--limit", "1"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("deleted 0 partitions"));
  EXPECT_THAT(result.output, HasSubstr("request"));
  result = Ctl({"history", "nothing"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("there is no job \"nothing\""));
  result = Ctl({"list", "--json"});
  EXPECT_THAT(result.output, HasSubstr("\"name\": \"storage/retention\""));
}

}  // namespace
}  // namespace mentat::controller
