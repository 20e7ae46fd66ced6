// Events that pass many instances in one stream, and where they went.

#include <signal.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/service/testing/event_source.h"
#include "gtest/gtest.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using testing::HasSubstr;
using testing_support::EventSource;
using Stub = v1::Controller::Stub;

// Two stages side by side, each with a source of its own.
class TailCallsTest : public ControllerTest {
 protected:
  void Start(const Arguments& arguments = {}) {
    for (const std::string name : {"one", "two"}) {
      demos_.push_back(StartDemo(name));
      auto source = EventSource::Start(demos_.back()->ports().input, {"Malware", "Recon"});
      ASSERT_THAT(source, IsOk());
      sources_.push_back(*std::move(source));
    }
    StartController(Stages({Stage("first", {demos_[0]->ports().admin}),
                            Stage("second", {demos_[1]->ports().admin})}),
                    arguments);
    Status();
  }

  // The messages until the stream ends or `enough` says that it may.
  template <typename Enough>
  std::vector<v1::TailEventsResponse> Tail(const stage::v1::TailEventsRequest& tail,
                                           const Enough& enough, grpc::Status& status) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::TailEventsRequest request;
    *request.mutable_tail() = tail;
    const auto reader = stub().TailEvents(&context, request);
    std::vector<v1::TailEventsResponse> messages;
    v1::TailEventsResponse response;
    while (reader->Read(&response)) {
      messages.push_back(response);
      if (enough(response)) context.TryCancel();
    }
    status = reader->Finish();
    return messages;
  }

  std::vector<Process> demos_;
  std::vector<std::unique_ptr<EventSource>> sources_;
};

TEST_F(TailCallsTest, EventsOfAllComeInOneStreamUpToTheLimit) {
  Start();
  stage::v1::TailEventsRequest tail;
  tail.set_filter("Category in [\"Malware\"]");
  tail.set_limit(30);
  grpc::Status status;
  const auto messages = Tail(
      tail, [](const auto&) { return false; }, status);
  EXPECT_TRUE(status.ok()) << status.error_message();
  size_t events = 0;
  for (const v1::TailEventsResponse& message : messages) {
    if (message.tail().event().empty()) continue;
    ++events;
    EXPECT_THAT(message.tail().event(), HasSubstr("Malware"));
    EXPECT_EQ(message.instance(), message.stage() == "first" ? "one" : "two");
  }
  EXPECT_EQ(events, 30);
}

TEST_F(TailCallsTest, AWrongFilterIsToldWithItsPlace) {
  Start();
  stage::v1::TailEventsRequest tail;
  tail.set_filter("Category in [");
  grpc::Status status;
  Tail(
      tail, [](const auto&) { return false; }, status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message(), "");
}

TEST_F(TailCallsTest, OneThatEndsSaysSoAndTheOthersGoOn) {
  Start();
  stage::v1::TailEventsRequest tail;
  std::set<std::string> seen;
  bool killed = false;
  bool ended = false;
  grpc::Status status;
  Tail(
      tail,
      [&](const v1::TailEventsResponse& message) {
        seen.insert(message.instance());
        if (seen.size() == 2 && !killed) {
          demos_[1]->process().Signal(SIGKILL);
          killed = true;
        }
        if (message.has_ended()) {
          EXPECT_EQ(message.instance(), "two");
          EXPECT_EQ(message.ended().code(), grpc::StatusCode::UNAVAILABLE);
          ended = true;
        }
        return ended && message.instance() == "one";
      },
      status);
  EXPECT_TRUE(ended);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(TailCallsTest, EachInstanceTellsWhatItHoldsAndWhereEventsWent) {
  Start();
  for (const Process& demo : demos_) {
    ASSERT_THAT(demo->WaitUntil(
                    [](const stage::v1::Status& status) { return status.ledger().received() > 0; }),
                IsOk());
  }
  const v1::GetLedgerResponse ledgers = Call(&Stub::GetLedger, v1::GetLedgerRequest());
  ASSERT_EQ(ledgers.instances_size(), 2);
  for (const v1::InstanceLedger& instance : ledgers.instances()) {
    EXPECT_EQ(instance.result().code(), 0) << instance.result().error();
    EXPECT_GT(instance.answer().ledger().received(), 0);
    EXPECT_EQ(instance.answer().difference(), 0);
  }
  // What is held settles at once where there is nobody behind; only that all answer can be known.
  const v1::ListInFlightResponse held = Call(&Stub::ListInFlight, v1::ListInFlightRequest());
  ASSERT_EQ(held.instances_size(), 2);
  for (const v1::InstanceInFlight& instance : held.instances()) {
    EXPECT_EQ(instance.result().code(), 0) << instance.result().error();
  }
}

}  // namespace
}  // namespace mentat::controller
