// The frame as its users meet it: the demonstration stage as a real process, with real sockets,
// files and signals.

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/pipeline/stage.h"
#include "common/service/http_get.h"
#include "common/service/ports_file.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace mentat {
namespace {

using stage::v1::STATE_DRAINING;
using stage::v1::STATE_NOT_READY;
using stage::v1::STATE_PAUSED;
using stage::v1::STATE_READY;
using testing::HasSubstr;
using testing::Not;
using testing_support::ChildProcess;
using testing_support::kPatience;
using testing_support::ServiceProcess;

constexpr char kProgram[] = "services/demo/demo";

// What an idle stage may hold; a sanitizer's own memory comes on top.
#if defined(__SANITIZE_ADDRESS__) || defined(MENTAT_TSAN)
constexpr uint64_t kIdleBytes = 400 << 20;
#else
constexpr uint64_t kIdleBytes = 40 << 20;
#endif

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::string> Sets(const std::vector<std::string>& sets) {
  std::vector<std::string> arguments;
  for (const std::string& set : sets) {
    arguments.push_back("--set");
    arguments.push_back(set);
  }
  return arguments;
}

class DemoTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  // A demo stage with an input.
  std::unique_ptr<ServiceProcess> Start(const std::string& name, std::vector<std::string> sets) {
    sets.push_back("pipeline.input.bind=tcp://127.0.0.1:*");
    auto service = ServiceProcess::Start(kProgram, folder_, name, Sets(sets));
    EXPECT_THAT(service, IsOk());
    return service.ok() ? *std::move(service) : nullptr;
  }

  static std::string Peers(const std::string& endpoint) {
    return absl::StrCat("pipeline.outputs={\"default\": {\"peers\": [\"", endpoint, "\"]}}");
  }

  // The exit status and the output of a run that ends by itself.
  std::pair<int, std::string> Run(const std::vector<std::string>& arguments) {
    const std::string output = folder_ + "/run.out";
    std::filesystem::remove(output);
    auto process = ChildProcess::Start(kProgram, arguments, output);
    EXPECT_THAT(process, IsOk());
    const auto status = (*process)->Wait();
    EXPECT_THAT(status, IsOk());
    return {*status, ReadFile(output)};
  }

  std::string folder_;
};

// A source in the test's own process.
class Source {
 public:
  explicit Source(const std::string& peer) {
    pipeline::StageOptions options;
    options.name = "source";
    options.instance = "source-1";
    options.config.set_ack_bind("tcp://127.0.0.1:*");
    options.config.set_workers(1);
    options.config.set_max_batch_events(100);
    options.config.set_max_batch_bytes(1 << 20);
    options.config.set_max_event_bytes(1 << 20);
    options.config.set_max_call_events(100);
    config::v1::OutputConfig& output = (*options.config.mutable_outputs())["default"];
    output.add_peers(peer);
    output.set_window_batches(16);
    output.set_window_events(1000);
    output.set_window_bytes(1 << 20);
    output.set_ack_timeout_ms(60'000);
    output.set_resolve_seconds(1);
    output.set_resend_budget(0.1);
    auto created = pipeline::Stage::Create(std::move(options));
    EXPECT_THAT(created, IsOk());
    stage_ = *std::move(created);
    EXPECT_THAT(stage_->Start(), IsOk());
  }

  void Send(const std::vector<std::string>& categories) {
    std::vector<pipeline::SourceEvent> events;
    for (const std::string& category : categories) {
      idea::v1::Event event;
      event.set_format("IDEA0");
      event.set_id(absl::StrCat("event-", events.size()));
      event.add_category(category);
      events.push_back({event.SerializeAsString(), 1});
    }
    EXPECT_THAT(stage_->Submit(std::move(events),
                               [this](pipeline::Outcomes outcomes) {
                                 const std::lock_guard lock(mutex_);
                                 outcomes_ = std::move(outcomes);
                                 settled_.notify_all();
                               }),
                IsOk());
  }

  std::vector<pipeline::v1::EventOutcome::Kind> WaitForOutcomes() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(settled_.wait_for(lock, absl::ToChronoSeconds(kPatience),
                                  [this] { return outcomes_.size() > 0; }));
    std::vector<pipeline::v1::EventOutcome::Kind> kinds;
    for (size_t i = 0; i < outcomes_.size(); ++i) kinds.push_back(outcomes_.kind(i));
    return kinds;
  }

 private:
  std::mutex mutex_;
  std::condition_variable settled_;
  pipeline::Outcomes outcomes_;
  std::unique_ptr<pipeline::Stage> stage_;
};

// What the standard health service says.
grpc::health::v1::HealthCheckResponse::ServingStatus Health(ServiceProcess& service,
                                                            const std::string& name,
                                                            grpc::StatusCode* code = nullptr) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(name);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(service.channel())->Check(&context, request, &response);
  if (code != nullptr) *code = status.error_code();
  return response.status();
}

constexpr auto kServing = grpc::health::v1::HealthCheckResponse::SERVING;
constexpr auto kNotServing = grpc::health::v1::HealthCheckResponse::NOT_SERVING;

TEST_F(DemoTest, EventsPassAndTheLedgersClose) {
  const std::string unwanted = folder_ + "/unwanted";
  WriteFile(unwanted, "Test\n");
  auto last = Start("last", {});
  ASSERT_NE(last, nullptr);
  auto first = Start("first", {Peers(last->ports().input), "unwanted_file=" + unwanted});
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());

  Source source(first->ports().input);
  source.Send({"Recon.Scanning", "Test", "Malware", "Test", "Test"});
  using Outcome = pipeline::v1::EventOutcome;
  EXPECT_THAT(
      source.WaitForOutcomes(),
      testing::ElementsAre(Outcome::KIND_STORED, Outcome::KIND_DROPPED, Outcome::KIND_STORED,
                           Outcome::KIND_DROPPED, Outcome::KIND_DROPPED));
  const auto settled = [](const stage::v1::Status& status) {
    return status.ledger().received() > 0 && status.ledger().in_flight() == 0;
  };
  auto status = first->WaitUntil(settled);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->service(), "demo");
  EXPECT_EQ(status->instance(), "first");
  EXPECT_EQ(status->pid(), first->process().pid());
  EXPECT_EQ(status->ledger().received(), 5u);
  EXPECT_EQ(status->ledger().forwarded(), 2u);
  EXPECT_EQ(status->ledger().dropped(), 3u);
  ASSERT_EQ(status->peers_size(), 1);
  EXPECT_EQ(status->peers(0).output(), "default");
  EXPECT_TRUE(status->peers(0).connected());
  EXPECT_EQ(status->details().at("unwanted_categories"), "1");
  EXPECT_GT(status->memory_bytes(), 1u << 20);
  status = last->WaitUntil(settled);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ledger().received(), 2u);
  EXPECT_EQ(status->ledger().stored(), 2u);
  // The rate is seen as soon as two samples enclose the events, and goes with them.
  EXPECT_GE(status->received_per_second(), 0);

  auto page = service::HttpGet(first->ports().metrics, "/metrics");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(*page, HasSubstr("\nmentat_stage_received_events_total 5\n"));
  EXPECT_THAT(*page, HasSubstr("\nmentat_stage_dropped_events_total 3\n"));
  EXPECT_THAT(*page, HasSubstr("\nmentat_demo_noted_events_total 2\n"));
}

TEST_F(DemoTest, ReadinessFollowsThePeerAndHealthFollowsReadiness) {
  auto last = Start("last", {});
  ASSERT_NE(last, nullptr);
  const std::string endpoint = last->ports().input;
  auto first = Start("first", {Peers(endpoint)});
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  ASSERT_EQ(Health(*first, ""), kServing);
  EXPECT_EQ(Health(*first, "mentat.stage.v1.StageAdmin"), kServing);
  grpc::StatusCode code = grpc::StatusCode::OK;
  Health(*first, "no.such.Service", &code);
  EXPECT_EQ(code, grpc::StatusCode::NOT_FOUND);

  last->process().Signal(SIGKILL);
  EXPECT_EQ(last->process().Wait().value(), 128 + SIGKILL);
  auto status = first->WaitForState(STATE_NOT_READY);
  ASSERT_THAT(status, IsOk());
  EXPECT_THAT(status->not_ready_reason(), HasSubstr("default"));
  EXPECT_EQ(Health(*first, ""), kNotServing);
  EXPECT_EQ(Health(*first, "liveness"), kServing);
  auto page = service::HttpGet(first->ports().metrics, "/metrics");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(*page, HasSubstr("\nmentat_ready 0\n"));

  auto again =
      ServiceProcess::Start(kProgram, folder_, "again", Sets({"pipeline.input.bind=" + endpoint}));
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  EXPECT_EQ(Health(*first, ""), kServing);
}

TEST_F(DemoTest, PauseAndResume) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  ASSERT_THAT(service->WaitForState(STATE_READY), IsOk());
  for (int round = 0; round < 2; ++round) {
    grpc::ClientContext pause, resume;
    stage::v1::PauseResponse paused;
    stage::v1::ResumeResponse resumed;
    ASSERT_TRUE(service->admin().Pause(&pause, {}, &paused).ok());
    ASSERT_THAT(service->WaitForState(STATE_PAUSED), IsOk());
    ASSERT_TRUE(service->admin().Resume(&resume, {}, &resumed).ok());
    ASSERT_THAT(service->WaitForState(STATE_READY), IsOk());
  }
}

TEST_F(DemoTest, ReloadTakesTheNewAndKeepsTheOldWhenTheNewIsWrong) {
  const std::string unwanted = folder_ + "/unwanted";
  const std::string log = folder_ + "/demo.log";
  WriteFile(unwanted, "A\n");
  auto service = Start("one", {"unwanted_file=" + unwanted, "service.log.file=" + log});
  ASSERT_NE(service, nullptr);
  const auto count_is = [](const std::string& count) {
    return [count](const stage::v1::Status& status) {
      return status.details().at("unwanted_categories") == count;
    };
  };
  ASSERT_THAT(service->WaitUntil(count_is("1")), IsOk());

  // By a call.
  WriteFile(unwanted, "A\nB\n");
  grpc::ClientContext good;
  stage::v1::ReloadResponse response;
  ASSERT_TRUE(service->admin().Reload(&good, {}, &response).ok());
  ASSERT_THAT(service->WaitUntil(count_is("2")), IsOk());

  std::filesystem::rename(unwanted, unwanted + ".away");
  grpc::ClientContext bad;
  const grpc::Status refused = service->admin().Reload(&bad, {}, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr(unwanted));
  EXPECT_THAT(service->WaitUntil(count_is("2")), IsOk());

  // By SIGHUP, which opens the log file again too.
  WriteFile(unwanted, "A\nB\nC\n");
  std::filesystem::rename(log, log + ".1");
  service->process().Signal(SIGHUP);
  EXPECT_THAT(service->WaitUntil(count_is("3")), IsOk());
  EXPECT_THAT(ReadFile(log), HasSubstr("\"count\":3"));
  EXPECT_THAT(ReadFile(log + ".1"), HasSubstr("reload refused"));
  auto page = service::HttpGet(service->ports().metrics, "/metrics");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(*page, HasSubstr("mentat_reloads_total{result=\"refused\"} 1\n"));
}

TEST_F(DemoTest, ReloadReadsThePeersAgain) {
  const std::string file = folder_ + "/demo.json";
  const std::string log = folder_ + "/demo.log";
  const auto write = [&](const std::string& peers, const std::string& note) {
    WriteFile(file, absl::StrCat(R"({"note": ")", note,
                                 R"(", "pipeline": {"input": {"bind": "tcp://127.0.0.1:*"}, )",
                                 R"("outputs": {"default": {"peers": [)", peers, "]}}}}"));
  };
  const auto reload = [&](ServiceProcess& service) {
    grpc::ClientContext context;
    stage::v1::ReloadResponse response;
    return service.admin().Reload(&context, {}, &response);
  };
  const auto has_peers = [](std::vector<std::string> endpoints) {
    return [endpoints](const stage::v1::Status& status) {
      std::vector<std::string> found;
      for (const stage::v1::Peer& peer : status.peers()) found.push_back(peer.endpoint());
      std::sort(found.begin(), found.end());
      return found == endpoints;
    };
  };
  write(R"("tcp://127.0.0.1:1")", "one");
  auto service = ServiceProcess::Start(kProgram, folder_, "one",
                                       {"--config", file, "--set", "service.log.file=" + log});
  ASSERT_THAT(service, IsOk());
  ASSERT_THAT((*service)->WaitUntil(has_peers({"tcp://127.0.0.1:1"})), IsOk());

  write(R"("tcp://127.0.0.1:2", "tcp://127.0.0.1:3")", "two");
  EXPECT_TRUE(reload(**service).ok());
  EXPECT_THAT((*service)->WaitUntil(has_peers({"tcp://127.0.0.1:2", "tcp://127.0.0.1:3"})), IsOk());
  // What takes no effect is told.
  EXPECT_THAT(ReadFile(log), HasSubstr("\"key\":\"note\""));
  grpc::ClientContext context;
  stage::v1::GetConfigResponse config;
  ASSERT_TRUE((*service)->admin().GetConfig(&context, {}, &config).ok());
  for (const auto& entry : config.entries()) {
    if (entry.path() == "note") {
      EXPECT_EQ(entry.value(), "\"one\"");
    }
    if (entry.path() == "pipeline.outputs.default.peers") {
      EXPECT_THAT(entry.value(), HasSubstr("127.0.0.1:3"));
    }
  }

  for (const char* peers : {R"("nonsense")", R"("tcp://127.0.0.1:4)", ""}) {
    write(peers, "one");
    const grpc::Status refused = reload(**service);
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << peers;
  }
  EXPECT_THAT((*service)->WaitUntil(has_peers({"tcp://127.0.0.1:2", "tcp://127.0.0.1:3"})), IsOk());
}

TEST_F(DemoTest, LogLevelAndConfigurationByCall) {
  WriteFile(folder_ + "/demo.json", "{\n# comment\n\"note\": \"hello\"}");
  auto started = ServiceProcess::Start(
      kProgram, folder_, "one",
      {"--config", folder_ + "/demo.json", "--set", "pipeline.input.bind=tcp://127.0.0.1:*"});
  ASSERT_THAT(started, IsOk());
  stage::v1::StageAdmin::Stub& admin = (*started)->admin();
  stage::v1::SetLogLevelRequest request;
  stage::v1::SetLogLevelResponse response;
  request.set_level("loud");
  grpc::ClientContext wrong, right, config_context;
  EXPECT_EQ(admin.SetLogLevel(&wrong, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.set_level("debug");
  ASSERT_TRUE(admin.SetLogLevel(&right, request, &response).ok());
  EXPECT_EQ(response.previous_level(), "info");

  // Of one module, and not of one that does not speak here.
  grpc::ClientContext module_context, unknown_context;
  request.set_module("pipeline");
  request.set_level("error");
  ASSERT_TRUE(admin.SetLogLevel(&module_context, request, &response).ok());
  EXPECT_EQ(response.previous_level(), "debug");
  request.set_module("pipelin");
  const grpc::Status unknown = admin.SetLogLevel(&unknown_context, request, &response);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(unknown.error_message(), HasSubstr("did you mean pipeline?"));

  stage::v1::GetConfigResponse config;
  ASSERT_TRUE(admin.GetConfig(&config_context, {}, &config).ok());
  bool found = false;
  for (const auto& entry : config.entries()) {
    if (entry.path() != "note") continue;
    found = true;
    EXPECT_EQ(entry.value(), "\"hello\"");
    EXPECT_EQ(entry.origin(), folder_ + "/demo.json:3");
  }
  EXPECT_TRUE(found);
}

TEST_F(DemoTest, DrainFinishesWhatIsHeldAndExitsWithZero) {
  auto last = Start("last", {});
  ASSERT_NE(last, nullptr);
  auto first = Start("first", {Peers(last->ports().input), "service.grace_seconds=60"});
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  Source source(first->ports().input);
  last->process().Signal(SIGSTOP);
  source.Send({"Recon", "Malware"});
  ASSERT_THAT(first->WaitUntil([](const auto& status) { return status.ledger().in_flight() == 2; }),
              IsOk());

  first->process().Signal(SIGTERM);
  ASSERT_THAT(first->WaitForState(STATE_DRAINING), IsOk());
  EXPECT_EQ(Health(*first, ""), kNotServing);
  last->process().Signal(SIGCONT);
  EXPECT_THAT(source.WaitForOutcomes(), testing::Each(pipeline::v1::EventOutcome::KIND_STORED));
  const auto exit_status = first->process().Wait();
  ASSERT_THAT(exit_status, IsOk());
  EXPECT_EQ(*exit_status, 0);
  EXPECT_FALSE(std::filesystem::exists(first->ports_file()));
  EXPECT_THAT(first->process().Output(), Not(HasSubstr("not everything was settled")));
}

TEST_F(DemoTest, WhatCannotBeSettledInTimeIsLeftAndSaid) {
  auto last = Start("last", {});
  ASSERT_NE(last, nullptr);
  auto first = Start("first", {Peers(last->ports().input), "service.grace_seconds=0.2"});
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  Source source(first->ports().input);
  last->process().Signal(SIGSTOP);
  source.Send({"Recon"});
  ASSERT_THAT(first->WaitUntil([](const auto& status) { return status.ledger().in_flight() == 1; }),
              IsOk());
  first->process().Signal(SIGTERM);
  const auto exit_status = first->process().Wait();
  ASSERT_THAT(exit_status, IsOk());
  EXPECT_EQ(*exit_status, 0);
  EXPECT_THAT(first->process().Output(), HasSubstr("not everything was settled in time"));
}

TEST_F(DemoTest, MoreSignalsHurryTheDrain) {
  auto last = Start("last", {});
  ASSERT_NE(last, nullptr);
  auto first = Start("first", {Peers(last->ports().input), "service.grace_seconds=3600"});
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  Source source(first->ports().input);
  last->process().Signal(SIGSTOP);
  source.Send({"Recon"});
  ASSERT_THAT(first->WaitUntil([](const auto& status) { return status.ledger().in_flight() == 1; }),
              IsOk());
  first->process().Signal(SIGTERM);
  ASSERT_THAT(first->WaitForState(STATE_DRAINING), IsOk());
  first->process().Signal(SIGTERM);
  const auto exit_status = first->process().Wait();
  ASSERT_THAT(exit_status, IsOk());
  EXPECT_EQ(*exit_status, 0);
  EXPECT_THAT(first->process().Output(), HasSubstr("ending before everything was settled"));
}

TEST_F(DemoTest, DrainByCallEndsTheProcess) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  grpc::ClientContext context;
  stage::v1::DrainResponse response;
  ASSERT_TRUE(service->admin().Drain(&context, {}, &response).ok());
  EXPECT_EQ(service->process().Wait().value(), 0);
}

TEST_F(DemoTest, UserSignalLogsTheStatistics) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  service->process().Signal(SIGUSR1);
  service->process().Signal(SIGTERM);
  EXPECT_EQ(service->process().Wait().value(), 0);
  EXPECT_THAT(service->process().Output(), HasSubstr("\"message\":\"statistics\""));
}

TEST_F(DemoTest, UserSignalTogglesDebugLogging) {
  auto service = Start("one", {"service.log.modules={\"demo\": \"error\"}"});
  ASSERT_NE(service, nullptr);
  const auto wait_for = [&](const std::string& text) {
    return service->WaitUntil(
        [&](const auto&) { return service->process().Output().find(text) != std::string::npos; });
  };
  service->process().Signal(SIGUSR2);
  EXPECT_THAT(wait_for("everything is logged until the next SIGUSR2"), IsOk());
  service->process().Signal(SIGUSR2);
  EXPECT_THAT(wait_for("the log levels are as before"), IsOk());
}

TEST_F(DemoTest, StatisticsComeAtAnInterval) {
  auto service = Start("one", {"service.statistics_seconds=0.1"});
  ASSERT_NE(service, nullptr);
  EXPECT_THAT(service->WaitUntil([&](const auto&) {
    const std::string output = service->process().Output();
    const size_t first = output.find("\"received_per_second\"");
    return first != std::string::npos &&
           output.find("\"received_per_second\"", first + 1) != std::string::npos;
  }),
              IsOk());
}

// What systemd gives a service, and hears of it.
class NotifyTest : public DemoTest {
 protected:
  NotifyTest() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    char folder[] = "/tmp/notify.XXXXXX";  // short, as the path of a socket must be
    EXPECT_NE(::mkdtemp(folder), nullptr);
    socket_folder_ = folder;
    const std::string path = socket_folder_ + "/socket";
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience = {absl::ToInt64Seconds(kPatience), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "600000", 1);
  }
  ~NotifyTest() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(fd_);
    std::filesystem::remove_all(socket_folder_);
  }

  // Waits for a message that begins so, and returns it; others are passed over.
  std::string WaitFor(const std::string& begin) const {
    std::string text(4096, 0);
    while (true) {
      const ssize_t size = ::recv(fd_, text.data(), text.size(), 0);
      if (size <= 0) return "";
      if (std::string_view(text).starts_with(begin)) return text.substr(0, size);
    }
  }

  const int fd_;
  std::string socket_folder_;
};

TEST_F(NotifyTest, TellsSystemdWhatHappens) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(WaitFor("READY=1"), absl::StrCat("READY=1\nMAINPID=", service->process().pid()));
  EXPECT_EQ(WaitFor("WATCHDOG=1"), "WATCHDOG=1");
  service->process().Signal(SIGHUP);
  EXPECT_THAT(WaitFor("RELOADING=1"), HasSubstr("MONOTONIC_USEC="));
  EXPECT_THAT(WaitFor("READY=1"), HasSubstr("READY=1"));
  service->process().Signal(SIGTERM);
  EXPECT_EQ(WaitFor("STOPPING=1"), "STOPPING=1");
  EXPECT_EQ(service->process().Wait().value(), 0);
}

TEST_F(DemoTest, ADaemonLeavesItsCallerWhenItListens) {
  const std::string pid_file = folder_ + "/demo.pid";
  const std::string log = folder_ + "/demo.log";
  const std::vector<std::string> sets = {"pipeline.input.bind=tcp://127.0.0.1:*",
                                         "service.process.pid_file=" + pid_file,
                                         "service.process.umask=027", "service.log.file=" + log,
                                         "service.ports_file=" + folder_ + "/ports.json"};
  std::vector<std::string> arguments = Sets(sets);
  arguments.push_back("--daemon");
  const auto [status, output] = Run(arguments);
  ASSERT_EQ(status, 0) << output;
  // It listens by now.
  auto ports = service::ReadPortsFile(folder_ + "/ports.json");
  ASSERT_THAT(ports, IsOk());
  const std::string pid = std::to_string(ports->pid);
  EXPECT_EQ(ReadFile(pid_file), pid + "\n");
  const std::string proc = "/proc/" + pid;
  EXPECT_EQ(std::filesystem::read_symlink(proc + "/cwd"), "/");
  for (const char* fd : {"0", "1", "2"}) {
    EXPECT_EQ(std::filesystem::read_symlink(proc + "/fd/" + fd), "/dev/null");
  }
  EXPECT_THAT(ReadFile(proc + "/status"), HasSubstr("Umask:\t0027\n"));
  EXPECT_NE(::getsid(ports->pid), ::getsid(0));
  EXPECT_NE(::getsid(ports->pid), ports->pid) << "it could take a terminal";

  const auto [second, refusal] = Run(arguments);
  EXPECT_NE(second, 0);
  EXPECT_THAT(refusal, HasSubstr("the service runs already, as process " + pid));

  const int pid_fd = static_cast<int>(::syscall(SYS_pidfd_open, ports->pid, 0));
  ASSERT_GE(pid_fd, 0);
  ::kill(ports->pid, SIGTERM);
  pollfd ended = {pid_fd, POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(kPatience))), 1);
  ::close(pid_fd);
  EXPECT_FALSE(std::filesystem::exists(pid_file));
  EXPECT_THAT(ReadFile(log), HasSubstr("\"message\":\"ended\""));
}

TEST_F(DemoTest, ADaemonThatCannotStartTellsItsCaller) {
  std::vector<std::string> arguments =
      Sets({"pipeline.input.bind=tcp://127.0.0.1:*", "unwanted_file=/nonexistent",
            "service.log.file=" + folder_ + "/demo.log"});
  arguments.push_back("--daemon");
  const auto [status, output] = Run(arguments);
  EXPECT_EQ(status, 1);
  EXPECT_THAT(output, HasSubstr("cannot read /nonexistent"));
}

TEST_F(DemoTest, IdleMemoryStaysSmall) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  auto status = service->WaitForState(STATE_READY);
  ASSERT_THAT(status, IsOk());
  EXPECT_LE(status->memory_bytes(), kIdleBytes);
}

// A metric that goes or gets another name breaks somebody's dashboard: change the list on purpose.
TEST_F(DemoTest, TheMetricsOfTheFrame) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  auto page = service::HttpGet(service->ports().metrics, "/metrics");
  ASSERT_THAT(page, IsOk());
  std::set<std::string> metrics;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(*page, '\n'))) {
    static const std::regex type("# TYPE (mentat_(?!pipeline_|demo_)[a-z_]+ [a-z]+)");
    std::smatch match;
    if (std::regex_match(line, match, type)) metrics.insert(match[1]);
  }
  EXPECT_THAT(metrics,
              testing::ElementsAre("mentat_build_info gauge",                                    //
                                   "mentat_control_certificate_expiry_timestamp_seconds gauge",  //
                                   "mentat_control_refused_calls_total counter",                 //
                                   "mentat_log_held_back_records_total counter",                 //
                                   "mentat_log_lost_records_total counter",                      //
                                   "mentat_log_records_total counter",                           //
                                   "mentat_process_cpu_seconds_total counter",                   //
                                   "mentat_process_max_fds gauge",                               //
                                   "mentat_process_open_fds gauge",                              //
                                   "mentat_process_resident_memory_bytes gauge",                 //
                                   "mentat_process_start_time_seconds gauge",                    //
                                   "mentat_ready gauge",                                         //
                                   "mentat_reloads_total counter",                               //
                                   "mentat_runlog_failed_saves_total counter",                   //
                                   "mentat_stage_dropped_events_total counter",                  //
                                   "mentat_stage_forwarded_events_total counter",                //
                                   "mentat_stage_in_flight_events gauge",                        //
                                   "mentat_stage_paused gauge",                                  //
                                   "mentat_stage_received_events_total counter",                 //
                                   "mentat_stage_rejected_events_total counter",                 //
                                   "mentat_stage_retried_events_total counter",                  //
                                   "mentat_stage_stored_events_total counter"));
}

TEST_F(DemoTest, CommandLine) {
  struct Case {
    std::vector<std::string> arguments;
    int exit_status;
    std::string output;
  };
  const std::string bind = "pipeline.input.bind=tcp://127.0.0.1:*";
  for (const Case& c : std::vector<Case>{
           {{"--help"}, 0, "MENTAT_DEMO__SERVICE__LOG__LEVEL"},
           {{"--version"}, 0, "demo "},
           {{"--daemon", "--set", bind}, 2, "a daemon has no standard error to log to"},
           {{"--config-check", "--set", bind}, 0, "the configuration is valid"},
           {{"--config-view", "--set=" + bind, "--instance-id", "x"},
            0,
            "service.instance = \"x\"  # --set service.instance"},
           {{"--cofig", "x"}, 2, "unknown argument --cofig; did you mean --config?"},
           {{"--config"}, 2, "--config needs a value: --config FILE"},
           {{"--help=x"}, 2, "--help takes no value"},
           {{"--config", "/nonexistent.json"}, 2, "/nonexistent.json"},
           {{"--set", "pipline.workers=1"}, 2, "did you mean pipeline?"},
           {{"--config-check", "--set", "pipeline.workers=0"}, 2, "must be from 1 to 256, got 0"},
           {{"--set", bind, "--set", "service.log.file=/nonexistent/x"}, 2, "/nonexistent/x"},
           {{"--set", bind, "--set", "unwanted_file=/nonexistent"}, 1, "cannot start"},
           {{"--set", bind, "--set", "service.admin_listen=nowhere"}, 1, "host:port"},
       }) {
    const auto [exit_status, output] = Run(c.arguments);
    EXPECT_EQ(exit_status, c.exit_status) << output;
    EXPECT_THAT(output, HasSubstr(c.output));
  }
}

TEST_F(DemoTest, ATakenPortIsAnError) {
  auto service = Start("one", {});
  ASSERT_NE(service, nullptr);
  const std::string bind = "pipeline.input.bind=tcp://127.0.0.1:*";
  for (const std::string& taken : {"service.admin_listen=" + service->ports().admin,
                                   "service.metrics_listen=" + service->ports().metrics,
                                   "pipeline.input.bind=" + service->ports().input}) {
    const auto [exit_status, output] = Run(Sets({bind, taken}));
    EXPECT_EQ(exit_status, 1) << taken;
    EXPECT_THAT(output, HasSubstr("cannot start")) << taken;
  }
}

}  // namespace
}  // namespace mentat
