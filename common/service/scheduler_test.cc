// What common/schedule/agenda_test.cc leaves: the thread, with the real clocks.
#include "common/service/scheduler.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/service/metrics.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() {
    context_.registry = &registry_;
    scheduler_ = std::make_unique<Scheduler>(context_);
  }

  Scheduler::Callback Note(const std::string& what) {
    return [this, what](const std::stop_token&) {
      const MutexLock lock(mutex_);
      notes_.push_back(what);
      changed_.NotifyAll();
      return absl::OkStatus();
    };
  }
  void Start() {
    thread_ = std::jthread(
        [this](std::stop_token stop) { EXPECT_TRUE(scheduler_->Run(std::move(stop)).ok()); });
  }
  std::vector<std::string> WaitForNotes(size_t count) {
    const MutexLock lock(mutex_);
    changed_.Wait(mutex_, [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return notes_.size() >= count;
    });
    return notes_;
  }
  double Runs(const std::string& task, const std::string& result) {
    return AddCounter(registry_, "mentat_scheduler_runs_total",
                      "Scheduled callbacks that have run.", {{"task", task}, {"result", result}})
        .Value();
  }
  using Notes = std::vector<std::string>;

  prometheus::Registry registry_;
  Context context_;
  std::unique_ptr<Scheduler> scheduler_;
  Mutex mutex_;
  CondVar changed_;
  Notes notes_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

TEST_F(SchedulerTest, RunsInTheOrderOfItsTimes) {
  scheduler_->Now("a", Note("now"));
  scheduler_->At(absl::Now() - absl::Seconds(1), "a", Note("due"));
  scheduler_->After(absl::Milliseconds(20), "a", Note("after"));
  scheduler_->At(absl::Now() + absl::Milliseconds(40), "a", Note("at"));
  scheduler_->Next("a", Note("next"));
  Start();
  EXPECT_EQ(WaitForNotes(5), Notes({"next", "due", "now", "after", "at"}));
}

TEST_F(SchedulerTest, WakesForWhatIsAddedWhileItWaits) {
  scheduler_->After(absl::Hours(1), "a", Note("late"));
  Start();
  scheduler_->After(absl::Milliseconds(1), "a", Note("soon"));
  EXPECT_EQ(WaitForNotes(1), Notes({"soon"}));
  scheduler_->Now("a", Note("now"));
  EXPECT_EQ(WaitForNotes(2), Notes({"soon", "now"}));
}

TEST_F(SchedulerTest, CallbacksMayScheduleAndCancel) {
  Scheduler::Id every = 0;
  int runs = 0;
  every = scheduler_->Every(schedule::Schedule::Every(absl::Milliseconds(1)), "every",
                            [&](const std::stop_token&) {
                              if (++runs == 3) {
                                EXPECT_TRUE(scheduler_->Cancel(every));
                                EXPECT_FALSE(scheduler_->Cancel(every));
                                scheduler_->Now("done", Note("done"));
                              }
                              return absl::OkStatus();
                            });
  Start();
  WaitForNotes(1);
  EXPECT_EQ(runs, 3);
}

TEST_F(SchedulerTest, ErrorsAreCountedAndChangeNothingElse) {
  int runs = 0;
  scheduler_->Every(schedule::Schedule::Every(absl::Milliseconds(1)), "failing",
                    [&](const std::stop_token&) -> absl::Status {
                      if (++runs == 2) throw std::runtime_error("thrown");
                      if (runs == 3) scheduler_->Now("done", Note("done"));
                      return absl::InternalError("broken");
                    });
  EXPECT_EQ(Runs("failing", "failed"), 0);  // the series is there from the start
  Start();
  WaitForNotes(1);
  EXPECT_GE(Runs("failing", "failed"), 3);
  EXPECT_EQ(Runs("failing", "ok"), 0);
}

TEST_F(SchedulerTest, StopsAtOnceAndLeavesTheRest) {
  scheduler_->After(absl::Hours(1), "a", Note("late"));
  scheduler_->Now("a", [&](const std::stop_token& stop) {
    EXPECT_TRUE(Note("began")(stop).ok());
    Pause(absl::InfiniteDuration(), stop);
    return absl::OkStatus();
  });
  scheduler_->Now("a", Note("never"));
  Start();
  WaitForNotes(1);
  thread_.request_stop();
  thread_.join();
  EXPECT_EQ(WaitForNotes(1), Notes({"began"}));
}

}  // namespace
}  // namespace mentat::service
