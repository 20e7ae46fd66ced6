// StageAdmin as its callers meet it: the demonstration stage as a real process, and calls through
// real sockets. demo_test.cc has what it shows of the frame beside this.

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/pipeline/stage.h"
#include "common/service/testing/service_process.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat {
namespace {

using grpc::StatusCode;
using stage::v1::StageAdmin;
using stage::v1::STATE_PAUSED;
using stage::v1::STATE_READY;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::kPatience;
using testing_support::ServiceProcess;
using Outcome = pipeline::v1::EventOutcome;

constexpr char kProgram[] = "services/demo/demo";

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// One call without a stream.
template <typename Request, typename Response>
grpc::Status Call(ServiceProcess& service,
                  grpc::Status (StageAdmin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  return (service.admin().*method)(&context, request, response);
}

// A source in the test's own process, which counts what becomes of its events.
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

  // Blocks while too many are on their way.
  void Send(const std::vector<std::string>& categories) {
    std::vector<pipeline::SourceEvent> events;
    for (const std::string& category : categories) {
      idea::v1::Event event;
      event.set_format("IDEA0");
      event.set_id(absl::StrCat("event-", sent_ + events.size()));
      event.add_category(category);
      events.push_back({event.SerializeAsString(), 1'700'000'000'000'000});
    }
    sent_ += events.size();
    EXPECT_THAT(stage_->Submit(std::move(events),
                               [this](pipeline::Outcomes outcomes) {
                                 const std::lock_guard lock(mutex_);
                                 for (size_t i = 0; i < outcomes.size(); ++i) {
                                   ++outcomes_[outcomes.kind(i)];
                                 }
                                 settled_ += outcomes.size();
                                 changed_.notify_all();
                               }),
                IsOk());
  }

  uint64_t sent() const { return sent_; }

  // Waits until everything is settled; how often there was each outcome.
  std::map<Outcome::Kind, uint64_t> Wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, absl::ToChronoSeconds(kPatience),
                                  [this] { return settled_ == sent_; }));
    return outcomes_;
  }

 private:
  std::atomic<uint64_t> sent_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t settled_ = 0;
  std::map<Outcome::Kind, uint64_t> outcomes_;
  std::unique_ptr<pipeline::Stage> stage_;
};

class StageAdminTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    WriteFile(Unwanted(), "Test\n");
  }

  std::string Unwanted() const { return folder_ + "/unwanted"; }
  std::string ConfigFile(const std::string& name) const { return folder_ + "/" + name + ".conf"; }

  static std::string Config(const std::string& peer, const std::string& unwanted,
                            const std::string& note = "seen") {
    return absl::StrCat(
        R"({"note": ")", note, R"(", "unwanted_file": ")", unwanted,
        R"(", "pipeline": {"input": {"bind": "tcp://127.0.0.1:*"})",
        peer.empty() ? ""
                     : absl::StrCat(R"(, "outputs": {"default": {"peers": [")", peer, R"("]}})"),
        "}}");
  }

  // A demo stage that sends to `peer`, if there is one, with a file for its configuration.
  std::unique_ptr<ServiceProcess> Start(const std::string& name, const std::string& peer,
                                        const std::string& unwanted = "") {
    WriteFile(ConfigFile(name), Config(peer, unwanted));
    auto service = ServiceProcess::Start(kProgram, folder_, name, {"--config", ConfigFile(name)});
    EXPECT_THAT(service, IsOk());
    return service.ok() ? *std::move(service) : nullptr;
  }

  static std::string Detail(ServiceProcess& service) {
    const auto status = service.Status();
    EXPECT_THAT(status, IsOk());
    return status->details().at("unwanted_categories");
  }

  std::string folder_;
};

stage::v1::PrepareReloadResponse Prepare(ServiceProcess& service, const std::string& id,
                                         absl::Duration hold = absl::Minutes(5)) {
  stage::v1::PrepareReloadRequest request;
  request.set_reload_id(id);
  request.mutable_hold()->set_seconds(absl::ToInt64Seconds(hold));
  request.mutable_hold()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(hold % absl::Seconds(1))));
  stage::v1::PrepareReloadResponse response;
  const grpc::Status status = Call(service, &StageAdmin::Stub::PrepareReload, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

grpc::Status Commit(ServiceProcess& service, const std::string& id, uint64_t version) {
  stage::v1::CommitReloadRequest request;
  request.set_reload_id(id);
  request.set_version(version);
  stage::v1::CommitReloadResponse response;
  return Call(service, &StageAdmin::Stub::CommitReload, request, &response);
}

grpc::Status Abort(ServiceProcess& service, const std::string& id) {
  stage::v1::AbortReloadRequest request;
  request.set_reload_id(id);
  stage::v1::AbortReloadResponse response;
  return Call(service, &StageAdmin::Stub::AbortReload, request, &response);
}

grpc::Status Reload(ServiceProcess& service) {
  stage::v1::ReloadResponse response;
  return Call(service, &StageAdmin::Stub::Reload, {}, &response);
}

grpc::Status Put(ServiceProcess& service, const std::map<std::string, std::string>& files,
                 uint32_t* changed) {
  stage::v1::PutReloadFilesRequest request;
  for (const auto& [path, content] : files) {
    stage::v1::ReloadFile& file = *request.add_files();
    file.set_path(path);
    file.set_content(content);
  }
  stage::v1::PutReloadFilesResponse response;
  const grpc::Status status = Call(service, &StageAdmin::Stub::PutReloadFiles, request, &response);
  *changed = response.changed();
  return status;
}

// --- Reloads -------------------------------------------------------------------------------------

TEST_F(StageAdminTest, AReloadInTwoHalves) {
  auto service = Start("one", "", Unwanted());
  ASSERT_NE(service, nullptr);
  const auto start = service->Status();
  ASSERT_THAT(start, IsOk());
  EXPECT_EQ(start->reload_version(), 0u);
  EXPECT_EQ(start->reload_digest().size(), 64u);

  WriteFile(Unwanted(), "A\nB\n");
  const auto prepared = Prepare(*service, "r-1");
  EXPECT_THAT(prepared.errors(), IsEmpty());
  EXPECT_THAT(prepared.postponed_keys(), IsEmpty());
  EXPECT_EQ(prepared.digest().size(), 64u);
  EXPECT_NE(prepared.digest(), start->reload_digest());
  EXPECT_EQ(Detail(*service), "1");

  // What was prepared is used, whatever has become of the file.
  WriteFile(Unwanted(), "A\nB\nC\n");
  EXPECT_EQ(Commit(*service, "r-other", 6).error_code(), StatusCode::FAILED_PRECONDITION);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(Commit(*service, "r-1", 7).ok());
    EXPECT_EQ(Detail(*service), "2");
    const auto status = service->Status();
    ASSERT_THAT(status, IsOk());
    EXPECT_EQ(status->reload_version(), 7u);
    EXPECT_EQ(status->reload_digest(), prepared.digest());
  }

  // A reload of this instance alone has no number.
  EXPECT_TRUE(Reload(*service).ok());
  EXPECT_EQ(Detail(*service), "3");
  const auto status = service->Status();
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->reload_version(), 0u);
  EXPECT_NE(status->reload_digest(), prepared.digest());
}

TEST_F(StageAdminTest, WhatWasPreparedIsThrownAway) {
  auto service = Start("one", "", Unwanted());
  ASSERT_NE(service, nullptr);
  WriteFile(Unwanted(), "A\nB\n");

  Prepare(*service, "aborted");
  EXPECT_TRUE(Abort(*service, "unknown").ok());
  EXPECT_TRUE(Abort(*service, "aborted").ok());
  EXPECT_TRUE(Abort(*service, "aborted").ok());
  EXPECT_EQ(Commit(*service, "aborted", 1).error_code(), StatusCode::FAILED_PRECONDITION);

  Prepare(*service, "overtaken");
  Prepare(*service, "newer");
  EXPECT_EQ(Commit(*service, "overtaken", 1).error_code(), StatusCode::FAILED_PRECONDITION);

  Prepare(*service, "short", absl::Nanoseconds(1));
  const grpc::Status late = Commit(*service, "short", 1);
  EXPECT_EQ(late.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(late.error_message(), HasSubstr("held for too long"));
  EXPECT_EQ(Detail(*service), "1");

  // It would bring back what is older.
  Prepare(*service, "older");
  EXPECT_TRUE(Reload(*service).ok());
  EXPECT_EQ(Commit(*service, "older", 1).error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(StageAdminTest, PrepareTellsWhatIsWrongAndWhatHasToWait) {
  auto service = Start("one", "tcp://127.0.0.1:1", Unwanted());
  ASSERT_NE(service, nullptr);
  std::filesystem::remove(Unwanted());
  EXPECT_THAT(Prepare(*service, "a").errors(), ElementsAre(HasSubstr(Unwanted())));
  EXPECT_EQ(Commit(*service, "a", 1).error_code(), StatusCode::FAILED_PRECONDITION);
  WriteFile(Unwanted(), "");

  WriteFile(ConfigFile("one"), R"({"nte": 1, "pipeline": {"workers": 0}})");
  const auto wrong = Prepare(*service, "b");
  EXPECT_GE(wrong.errors_size(), 2);
  EXPECT_THAT(absl::StrCat(wrong.errors(0), wrong.errors(1)),
              testing::AllOf(HasSubstr("one.conf:1"), HasSubstr("did you mean note?"),
                             HasSubstr("must be from 1 to 256")));

  // Bytes that are no UTF-8 do not break the answer.
  WriteFile(ConfigFile("one"), "{\"n\xff\": 1}");
  EXPECT_GE(Prepare(*service, "b").errors_size(), 1);

  WriteFile(ConfigFile("one"), Config("tcp://127.0.0.1:2", Unwanted(), "another"));
  const auto right = Prepare(*service, "c");
  EXPECT_THAT(right.errors(), IsEmpty());
  EXPECT_THAT(right.postponed_keys(), ElementsAre("note"));
  EXPECT_TRUE(Commit(*service, "c", 1).ok());
  EXPECT_THAT(service->WaitUntil([](const stage::v1::Status& status) {
    return status.peers_size() == 1 && status.peers(0).endpoint() == "tcp://127.0.0.1:2";
  }),
              IsOk());
}

TEST_F(StageAdminTest, WrongArgumentsOfAReload) {
  auto service = Start("one", "", Unwanted());
  ASSERT_NE(service, nullptr);
  const auto code = [&](const std::string& id, int64_t hold_seconds) {
    stage::v1::PrepareReloadRequest request;
    request.set_reload_id(id);
    request.mutable_hold()->set_seconds(hold_seconds);
    stage::v1::PrepareReloadResponse response;
    return Call(*service, &StageAdmin::Stub::PrepareReload, request, &response).error_code();
  };
  EXPECT_EQ(code("", 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("with blank", 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(std::string(101, 'x'), 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("a", 0), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("a", -1), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("a", 601), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("a", 600), StatusCode::OK);
  EXPECT_EQ(Commit(*service, "", 1).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(Abort(*service, "").ok());
}

TEST_F(StageAdminTest, FilesOfAReloadAreReadAndPut) {
  auto service = Start("one", "", Unwanted());
  ASSERT_NE(service, nullptr);
  const auto get = [&] {
    stage::v1::GetReloadFilesResponse response;
    EXPECT_TRUE(Call(*service, &StageAdmin::Stub::GetReloadFiles, {}, &response).ok());
    return response;
  };
  const auto before = get();
  ASSERT_EQ(before.files_size(), 2);
  EXPECT_EQ(before.files(0).path(), ConfigFile("one"));
  EXPECT_EQ(before.files(1).path(), Unwanted());
  EXPECT_EQ(before.files(1).content(), "Test\n");
  EXPECT_EQ(before.digest(), service->Status()->reload_digest());

  uint32_t changed = 0;
  EXPECT_TRUE(Put(*service,
                  {{Unwanted(), "A\nB\n"}, {ConfigFile("one"), ReadFile(ConfigFile("one"))}},
                  &changed)
                  .ok());
  EXPECT_EQ(changed, 1u);
  EXPECT_EQ(ReadFile(Unwanted()), "A\nB\n");
  EXPECT_EQ(Detail(*service), "1");  // not before a reload
  const auto prepared = Prepare(*service, "a");
  EXPECT_EQ(prepared.digest(), get().digest());
  EXPECT_TRUE(Commit(*service, "a", 1).ok());
  EXPECT_EQ(Detail(*service), "2");

  WriteFile(folder_ + "/foreign", "mine");
  const grpc::Status refused =
      Put(*service, {{folder_ + "/foreign", "yours"}, {Unwanted(), "C\n"}}, &changed);
  EXPECT_EQ(refused.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), HasSubstr("foreign"));
  EXPECT_EQ(ReadFile(folder_ + "/foreign"), "mine");
  EXPECT_EQ(ReadFile(Unwanted()), "A\nB\n");

  // A file that is not there is told as well, and one is taken away.
  stage::v1::PutReloadFilesRequest request;
  request.add_files()->set_path(Unwanted());
  request.mutable_files(0)->set_absent(true);
  stage::v1::PutReloadFilesResponse response;
  ASSERT_TRUE(Call(*service, &StageAdmin::Stub::PutReloadFiles, request, &response).ok());
  EXPECT_EQ(response.changed(), 1u);
  EXPECT_FALSE(std::filesystem::exists(Unwanted()));
  EXPECT_TRUE(get().files(1).absent());
}

// Each changes what becomes of events, while they pass.
TEST_F(StageAdminTest, AThousandReloadsUnderLoadLoseNothing) {
  constexpr int kReloads = 1000;
#if defined(__SANITIZE_ADDRESS__) || defined(MENTAT_TSAN)
  constexpr uint64_t kGrowth = 200 << 20;
#else
  constexpr uint64_t kGrowth = 8 << 20;
#endif
  auto last = Start("last", "");
  ASSERT_NE(last, nullptr);
  auto first = Start("first", last->ports().input, Unwanted());
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  Source source(first->ports().input);
  std::jthread load([&source](const std::stop_token& stop) {
    while (!stop.stop_requested()) source.Send({"A", "B", "Recon", "Malware"});
  });
  uint64_t memory = 0;
  for (int i = 1; i <= kReloads; ++i) {
    uint32_t changed = 0;
    ASSERT_TRUE(Put(*first, {{Unwanted(), i % 2 == 0 ? "A\nB\n" : "A\n"}}, &changed).ok());
    if (i % 4 == 0) {
      ASSERT_TRUE(Reload(*first).ok());
    } else {
      ASSERT_THAT(Prepare(*first, absl::StrCat(i)).errors(), IsEmpty());
      ASSERT_TRUE(Commit(*first, absl::StrCat(i), i).ok());
    }
    if (i == kReloads / 4) memory = first->Status()->memory_bytes();
  }
  load.request_stop();
  load.join();
  const auto outcomes = source.Wait();
  uint64_t kept = 0;
  for (const auto& [kind, count] : outcomes) {
    EXPECT_TRUE(kind == Outcome::KIND_STORED || kind == Outcome::KIND_DROPPED) << kind;
    kept += count;
  }
  EXPECT_EQ(kept, source.sent());
  EXPECT_GT(outcomes.at(Outcome::KIND_DROPPED), 0u);
  EXPECT_GT(outcomes.at(Outcome::KIND_STORED), 0u);
  const auto status = first->Status();
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ledger().received(), source.sent());
  EXPECT_LE(status->memory_bytes(), memory + kGrowth);
  RecordProperty("events", static_cast<int>(source.sent()));
  RecordProperty("memory_growth_bytes", static_cast<int>(status->memory_bytes() - memory));
}

// --- Status --------------------------------------------------------------------------------------

TEST_F(StageAdminTest, TheStatusTellsSincePausedAndOfPeers) {
  auto last = Start("last", "");
  ASSERT_NE(last, nullptr);
  auto first = Start("first", last->ports().input);
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  Source source(first->ports().input);
  std::jthread load([&source](const std::stop_token& stop) {
    while (!stop.stop_requested()) source.Send({"A", "B", "C"});
  });
  auto status = first->WaitUntil([](const stage::v1::Status& status) {
    return status.peers_size() == 1 && status.peers(0).settled_events() > 0 &&
           status.peers(0).events_per_second() > 0 && status.settled_per_second() > 0;
  });
  ASSERT_THAT(status, IsOk());
  load.request_stop();
  load.join();
  EXPECT_EQ(status->peers(0).window_events(), 4096u);
  EXPECT_FALSE(status->has_paused_since());

  stage::v1::PauseResponse paused;
  ASSERT_TRUE(Call(*first, &StageAdmin::Stub::Pause, {}, &paused).ok());
  status = first->WaitForState(STATE_PAUSED);
  ASSERT_THAT(status, IsOk());
  EXPECT_GE(status->paused_since().seconds(), status->start_time().seconds());
  EXPECT_LE(status->paused_since().seconds(), status->time().seconds());
  stage::v1::ResumeResponse resumed;
  ASSERT_TRUE(Call(*first, &StageAdmin::Stub::Resume, {}, &resumed).ok());
  status = first->WaitForState(STATE_READY);
  ASSERT_THAT(status, IsOk());
  EXPECT_FALSE(status->has_paused_since());
}

TEST_F(StageAdminTest, WatchersAreToldOfChangesAtOnceAndAreLimited) {
  auto service = Start("one", "");
  ASSERT_NE(service, nullptr);
  stage::v1::WatchStatusRequest request;
  request.mutable_interval()->set_seconds(3600);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<stage::v1::WatchStatusResponse>>> readers;
  stage::v1::WatchStatusResponse response;
  for (int i = 0; i < 9; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    contexts.back()->set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    readers.push_back(service->admin().WatchStatus(contexts.back().get(), request));
    ASSERT_EQ(readers.back()->Read(&response), i < 8) << i;
  }
  EXPECT_EQ(readers.back()->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);

  // A change is told at once, whatever the interval.
  stage::v1::PauseResponse paused;
  ASSERT_TRUE(Call(*service, &StageAdmin::Stub::Pause, {}, &paused).ok());
  for (int i = 0; i < 8; ++i) {
    do {
      ASSERT_TRUE(readers[i]->Read(&response)) << i;
    } while (response.status().state() != STATE_PAUSED);
    contexts[i]->TryCancel();
  }
}

TEST_F(StageAdminTest, WatchersAreToldAgainByTheInterval) {
  auto service = Start("one", "");
  ASSERT_NE(service, nullptr);
  stage::v1::WatchStatusRequest request;
  stage::v1::WatchStatusResponse response;
  // A shorter one than 100 ms is not to be had.
  for (const int32_t nanos : {1, -5}) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    request.mutable_interval()->set_seconds(0);
    request.mutable_interval()->set_nanos(nanos);
    const auto reader = service->admin().WatchStatus(&context, request);
    const absl::Time start = absl::Now();
    // Two of the first ones may tell of changes.
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(reader->Read(&response));
    EXPECT_GE(absl::Now() - start, absl::Milliseconds(190));
    context.TryCancel();
  }
}

// --- Batches and events
// ---------------------------------------------------------------------------

TEST_F(StageAdminTest, WhatIsInFlightIsListedOldestFirst) {
  auto last = Start("last", "");
  ASSERT_NE(last, nullptr);
  auto first = Start("first", last->ports().input);
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  const auto list = [&](uint32_t limit, stage::v1::ListInFlightResponse* response) {
    stage::v1::ListInFlightRequest request;
    request.set_limit(limit);
    return Call(*first, &StageAdmin::Stub::ListInFlight, request, response).error_code();
  };
  stage::v1::ListInFlightResponse nothing;
  ASSERT_EQ(list(0, &nothing), StatusCode::OK);
  EXPECT_EQ(nothing.batches_size(), 0);

  Source source(first->ports().input);
  last->process().Signal(SIGSTOP);
  source.Send({"A", "B", "C"});
  ASSERT_THAT(first->WaitUntil([](const auto& status) {
    return status.ledger().in_flight() == 3 && status.peers(0).outstanding_events() == 3;
  }),
              IsOk());
  source.Send({"D"});
  ASSERT_THAT(first->WaitUntil([](const auto& status) {
    return status.ledger().in_flight() == 4 && status.peers(0).outstanding_events() == 4;
  }),
              IsOk());
  stage::v1::ListInFlightResponse all;
  ASSERT_EQ(list(0, &all), StatusCode::OK);
  ASSERT_EQ(all.batches_size(), 4);
  EXPECT_EQ(all.not_listed(), 0u);
  std::map<stage::v1::InFlightBatch::Side, std::vector<uint64_t>> events;
  for (const stage::v1::InFlightBatch& batch : all.batches()) {
    events[batch.side()].push_back(batch.events());
    EXPECT_EQ(batch.open_events(), batch.events());
    EXPECT_EQ(batch.attempt(), 1u);
    EXPECT_EQ(batch.epoch().size(), 16u);
    EXPECT_GT(batch.bytes(), 0u);
    EXPECT_GE(batch.age().nanos() + batch.age().seconds() * 1'000'000'000, 0);
    EXPECT_FALSE(batch.isolated());
    if (batch.side() == stage::v1::InFlightBatch::SIDE_OUTPUT) {
      EXPECT_EQ(batch.output(), "default");
      EXPECT_EQ(batch.peer(), last->ports().input);
    } else {
      EXPECT_EQ(batch.output(), "");
      EXPECT_THAT(batch.peer(), HasSubstr("tcp://127.0.0.1:"));
      EXPECT_TRUE(batch.begun());
    }
  }
  EXPECT_THAT(events[stage::v1::InFlightBatch::SIDE_INPUT], ElementsAre(3, 1));
  EXPECT_THAT(events[stage::v1::InFlightBatch::SIDE_OUTPUT], ElementsAre(3, 1));

  stage::v1::ListInFlightResponse few;
  ASSERT_EQ(list(1, &few), StatusCode::OK);
  ASSERT_EQ(few.batches_size(), 1);
  EXPECT_EQ(few.batches(0).events(), 3u);
  EXPECT_EQ(few.not_listed(), 3u);
  EXPECT_EQ(list(10'000, &few), StatusCode::OK);
  EXPECT_EQ(list(10'001, &few), StatusCode::INVALID_ARGUMENT);

  last->process().Signal(SIGCONT);
  source.Wait();
  ASSERT_THAT(first->WaitUntil([](const auto& status) { return status.ledger().in_flight() == 0; }),
              IsOk());
  ASSERT_EQ(list(0, &nothing), StatusCode::OK);
  EXPECT_EQ(nothing.batches_size(), 0);
}

TEST_F(StageAdminTest, BatchesWaitWhereNoPeerIs) {
  auto first = Start("first", "tcp://127.0.0.1:1");
  ASSERT_NE(first, nullptr);
  Source source(first->ports().input);
  source.Send({"A", "B"});
  ASSERT_THAT(first->WaitUntil([](const auto& status) { return status.ledger().in_flight() == 2; }),
              IsOk());
  stage::v1::ListInFlightResponse response;
  bool waiting = false;
  const absl::Time deadline = absl::Now() + kPatience;
  while (!waiting && absl::Now() < deadline) {  // a worker has the events for a moment
    ASSERT_TRUE(Call(*first, &StageAdmin::Stub::ListInFlight, {}, &response).ok());
    for (const auto& batch : response.batches()) {
      if (batch.side() != stage::v1::InFlightBatch::SIDE_WAITING) continue;
      waiting = true;
      EXPECT_EQ(batch.events(), 2u);
      EXPECT_EQ(batch.attempt(), 0u);
      EXPECT_EQ(batch.peer(), "");
    }
  }
  EXPECT_TRUE(waiting);
}

TEST_F(StageAdminTest, TheLedgerClosesAndTellsOfOutputs) {
  auto last = Start("last", "");
  ASSERT_NE(last, nullptr);
  auto first = Start("first", last->ports().input, Unwanted());
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  const auto ledger = [](ServiceProcess& service) {
    stage::v1::GetLedgerResponse response;
    EXPECT_TRUE(Call(service, &StageAdmin::Stub::GetLedger, {}, &response).ok());
    EXPECT_EQ(response.difference(), 0);
    return response;
  };
  Source source(first->ports().input);
  std::jthread load([&source](const std::stop_token& stop) {
    while (!stop.stop_requested()) source.Send({"A", "Test", "B"});
  });
  // At every moment.
  for (int i = 0; i < 200; ++i) ledger(*first);
  load.request_stop();
  load.join();
  source.Wait();
  ASSERT_THAT(first->WaitUntil([&](const auto& status) {
    return status.ledger().received() == source.sent() && status.ledger().in_flight() == 0 &&
           status.peers(0).settled_events() == status.ledger().forwarded();
  }),
              IsOk());
  const auto response = ledger(*first);
  EXPECT_EQ(response.ledger().received(), source.sent());
  EXPECT_EQ(response.ledger().forwarded(), source.sent() / 3 * 2);
  EXPECT_EQ(response.ledger().dropped(), source.sent() / 3);
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).output(), "default");
  EXPECT_GT(response.outputs(0).batches(), 0u);
  EXPECT_EQ(response.outputs(0).events(), source.sent() / 3 * 2);
  EXPECT_EQ(response.outputs(0).settled_events(), source.sent() / 3 * 2);
  EXPECT_EQ(response.outputs(0).resent_batches(), 0u);
  EXPECT_EQ(ledger(*last).outputs_size(), 0);
}

// A reader of events, from its making on.
class Tail {
 public:
  Tail(ServiceProcess& service, const stage::v1::TailEventsRequest& request) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    reader_ = service.admin().TailEvents(&context_, request);
  }
  ~Tail() { context_.TryCancel(); }

  // The counts alone, or an event too.
  bool Read(stage::v1::TailEventsResponse* response) { return reader_->Read(response); }
  // The next event; nothing if the stream has ended.
  stage::v1::TailEventsResponse Event() {
    stage::v1::TailEventsResponse response;
    while (reader_->Read(&response)) {
      if (!response.event().empty()) return response;
    }
    return {};
  }
  grpc::Status Finish() { return reader_->Finish(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<stage::v1::TailEventsResponse>> reader_;
};

TEST_F(StageAdminTest, EventsAreShownAsTheyLeave) {
  auto first = Start("first", "", Unwanted());
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  stage::v1::TailEventsRequest request;
  request.set_limit(2);
  Tail all(*first, request);
  request.set_filter("Category == 'Test'");
  request.set_limit(1);
  Tail some(*first, request);
  stage::v1::TailEventsResponse response;
  // Both listen by now.
  ASSERT_TRUE(all.Read(&response));
  ASSERT_TRUE(some.Read(&response));
  EXPECT_EQ(response.passed(), 0u);
  Source source(first->ports().input);
  source.Send({"Recon", "Test"});
  response = all.Event();
  EXPECT_THAT(response.event(), HasSubstr("\"Recon\""));
  EXPECT_THAT(response.event(), HasSubstr("\"seen\""));  // as the stage has changed it
  EXPECT_EQ(response.outcome(), "stored");
  EXPECT_EQ(response.received_time().seconds(), 1'700'000'000);
  EXPECT_EQ(response.matched(), 1u);
  response = all.Event();
  EXPECT_THAT(response.event(), HasSubstr("\"Test\""));
  EXPECT_EQ(response.outcome(), "dropped");
  EXPECT_EQ(response.passed(), 2u);
  EXPECT_EQ(response.skipped(), 0u);
  EXPECT_EQ(all.Event().event(), "");
  EXPECT_TRUE(all.Finish().ok());

  response = some.Event();
  EXPECT_THAT(response.event(), HasSubstr("\"Test\""));
  EXPECT_EQ(response.matched(), 1u);
  EXPECT_EQ(some.Event().event(), "");
  EXPECT_TRUE(some.Finish().ok());
}

TEST_F(StageAdminTest, WrongArgumentsOfATail) {
  auto first = Start("first", "");
  ASSERT_NE(first, nullptr);
  const auto fails = [&](const stage::v1::TailEventsRequest& request, const std::string& with) {
    const grpc::Status status = Tail(*first, request).Finish();
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(with));
  };
  stage::v1::TailEventsRequest request;
  request.set_filter("Category == ");
  fails(request, "filter: parse:");
  request.clear_filter();
  request.set_max_per_second(1001);
  fails(request, "max_per_second");
  request.set_max_per_second(1000);
  for (const double sample : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    request.set_sample(sample);
    fails(request, "sample");
  }
}

TEST_F(StageAdminTest, TailsAreLimited) {
  auto first = Start("first", "");
  ASSERT_NE(first, nullptr);
  std::vector<std::unique_ptr<Tail>> tails;
  stage::v1::TailEventsResponse response;
  for (int i = 0; i < 5; ++i) {
    tails.push_back(std::make_unique<Tail>(*first, stage::v1::TailEventsRequest()));
    ASSERT_EQ(tails.back()->Read(&response), i < 4);
  }
  EXPECT_EQ(tails.back()->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

// Neither too many events for a reader nor one that does not read keep the stage from its work.
TEST_F(StageAdminTest, ATailThatNobodyReadsHoldsNothingUp) {
  auto first = Start("first", "", Unwanted());
  ASSERT_NE(first, nullptr);
  ASSERT_THAT(first->WaitForState(STATE_READY), IsOk());
  stage::v1::TailEventsRequest request;
  request.set_max_per_second(1000);
  Tail unread(*first, request);
  request.set_max_per_second(1);
  Tail read(*first, request);
  stage::v1::TailEventsResponse response;
  ASSERT_TRUE(unread.Read(&response));
  ASSERT_TRUE(read.Read(&response));
  Source source(first->ports().input);
  std::jthread load([&source](const std::stop_token& stop) {
    while (!stop.stop_requested()) source.Send({"A", "Test", "B", "C", "D"});
  });
  // Twice the events that fit into all buffers, and until something was passed over.
  uint64_t shown = 0;
  do {
    ASSERT_TRUE(read.Read(&response));
    shown += response.event().empty() ? 0 : 1;
  } while (response.passed() < 20'000 || response.skipped() == 0);
  EXPECT_LT(shown, response.matched());
  load.request_stop();
  load.join();
  uint64_t settled = 0;
  for (const auto& [kind, count] : source.Wait()) settled += count;
  EXPECT_EQ(settled, source.sent());
}

TEST_F(StageAdminTest, ATailEndsWithTheProcess) {
  auto first = Start("first", "");
  ASSERT_NE(first, nullptr);
  Tail tail(*first, {});
  stage::v1::TailEventsResponse response;
  ASSERT_TRUE(tail.Read(&response));
  first->process().Signal(SIGTERM);
  EXPECT_EQ(tail.Event().event(), "");
  EXPECT_EQ(first->process().Wait().value(), 0);
}

}  // namespace
}  // namespace mentat
