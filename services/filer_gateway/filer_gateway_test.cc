// Both directions as real processes, joined by the real pipeline: files in, files out.

#include "services/filer_gateway/filer_gateway.h"

#include <signal.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/child_process.h"
#include "common/service/testing/service_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/filer_gateway/test_queue.h"

namespace mentat::filer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::ServiceProcess;

constexpr char kProgram[] = "services/filer_gateway/filer_gateway";

class FilerGatewayTest : public QueueTest {
 protected:
  std::unique_ptr<ServiceProcess> Start(const std::string& name,
                                        const std::vector<std::string>& sets) const {
    std::vector<std::string> arguments;
    for (const std::string& set : sets) {
      arguments.push_back("--set");
      arguments.push_back(set);
    }
    auto process = ServiceProcess::Start(kProgram, root_, name, arguments);
    EXPECT_THAT(process, IsOk());
    return process.ok() ? *std::move(process) : nullptr;
  }

  std::unique_ptr<ServiceProcess> StartOut(int limit) const {
    return Start("out", {"direction=out", absl::StrCat("queue=", out().string()),
                         absl::StrCat("max_waiting_files=", limit),
                         "pipeline.input.bind=tcp://127.0.0.1:*"});
  }

  // Without heartbeats, so that ledgers count the events of the queue alone.
  std::unique_ptr<ServiceProcess> StartIn(const std::string& name, ServiceProcess& sink) const {
    return Start(name, {absl::StrCat("queue=", root_.string()), "rescan_seconds=0.2",
                        "service.grace_seconds=0.5", "pipeline.heartbeat_seconds=0",
                        absl::StrCat("pipeline.outputs={\"default\": {\"peers\": [\"",
                                     sink.ports().input, "\"]}}")});
  }

  fs::path out() const { return root_ / "out"; }

  // Waits until the out queue holds, or has held, files of so many events. Takes them all.
  std::set<std::string> Consume(size_t count) const {
    std::set<std::string> taken;
    while (taken.size() < count) {
      for (const std::string& name : List("out/incoming")) {
        taken.insert(name);
        fs::remove(out() / "incoming" / name);
      }
      std::this_thread::yield();
    }
    return taken;
  }

  std::set<std::string> PutEvents(int count) const {
    std::set<std::string> expected;
    for (int i = 0; i < count; ++i) {
      const std::string id = absl::StrCat("event-", i);
      Put(id, absl::StrCat(R"({"Format":"IDEA0","ID":")", id,
                           R"(","DetectTime":"2024-03-05T15:52:22Z","Category":["Test"]})"));
      expected.insert(id + ".idea");
    }
    return expected;
  }

  static std::function<bool(const stage::v1::Status&)> DetailIs(const std::string& name,
                                                                const std::string& value) {
    return [=](const stage::v1::Status& status) { return status.details().at(name) == value; };
  }
};

TEST_F(FilerGatewayTest, EventsPassFromQueueToQueue) {
  const std::set<std::string> expected = PutEvents(500);
  for (int i = 0; i < 5; ++i) Put(absl::StrCat("bad-", i), "{}");
  auto sink = StartOut(0);
  ASSERT_NE(sink, nullptr);
  auto source = StartIn("in", *sink);
  ASSERT_NE(source, nullptr);
  ASSERT_THAT(source->WaitUntil(DetailIs("files_finished", "500")), IsOk());
  auto status = source->WaitUntil(DetailIs("files_errored", "5"));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ledger().received(), 500);
  EXPECT_EQ(Consume(500), expected);
  EXPECT_EQ(List("errors").size(), 10);
  EXPECT_THAT(Read("errors/bad-0.reason"), HasSubstr("\"stage\": \"filer_gateway\""));
  EXPECT_THAT(List("incoming"), testing::IsEmpty());
  EXPECT_THAT(List("pending"), testing::IsEmpty());

  // One more comes through as soon as it is there.
  PutEvents(1);
  EXPECT_EQ(Consume(1).size(), 1);

  source->process().Signal(SIGTERM);
  EXPECT_EQ(source->process().Wait().value(), 0);
}

TEST_F(FilerGatewayTest, NothingIsLostWhenTheGatewayIsKilledUnderPressure) {
  const std::set<std::string> expected = PutEvents(1000);
  auto sink = StartOut(50);
  ASSERT_NE(sink, nullptr);
  auto source = StartIn("first", *sink);
  ASSERT_NE(source, nullptr);
  while (List("out/incoming").size() < 50) std::this_thread::yield();
  source->process().Signal(SIGKILL);
  EXPECT_EQ(source->process().Wait().value(), 128 + SIGKILL);
  EXPECT_LE(List("out/incoming").size(), 50);

  auto again = StartIn("second", *sink);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(Consume(1000), expected);
}

TEST_F(FilerGatewayTest, AStopUnderPressureLeavesTheRestInTheQueue) {
  const std::set<std::string> expected = PutEvents(1000);
  auto sink = StartOut(50);
  ASSERT_NE(sink, nullptr);
  {
    auto source = StartIn("first", *sink);
    ASSERT_NE(source, nullptr);
    while (List("out/incoming").size() < 50) std::this_thread::yield();
    source->process().Signal(SIGTERM);
    EXPECT_TRUE(source->process().Wait().ok());
  }
  EXPECT_GE(List("incoming").size() + List("pending").size(), 950);
  auto again = StartIn("second", *sink);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(Consume(1000), expected);
}

TEST_F(FilerGatewayTest, SaysWhatIsWrongWithItsConfiguration) {
  for (const auto& [sets, message] :
       {std::pair<std::vector<std::string>, std::string>{
            {"direction=out",
             "pipeline.outputs={\"default\": {\"peers\": [\"tcp://127.0.0.1:9\"]}}",
             absl::StrCat("queue=", out().string())},
            "pipeline.input"},
        {{"direction=in", "pipeline.input.bind=tcp://127.0.0.1:*",
          absl::StrCat("queue=", out().string())},
         "pipeline.input"}}) {
    std::vector<std::string> arguments;
    for (const std::string& set : sets) {
      arguments.push_back("--set");
      arguments.push_back(set);
    }
    auto process =
        testing_support::ChildProcess::Start(kProgram, arguments, (root_ / "output").string());
    ASSERT_THAT(process, IsOk());
    EXPECT_NE((*process)->Wait().value(), 0);
    EXPECT_THAT((*process)->Output(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace mentat::filer
