// The database goes away, comes back, blocks: events are held, and each is there once in the end.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "services/storage/commit_gate.h"
#include "services/storage/storage_fixture.h"

namespace mentat::storage {
namespace {

using pipeline::Item;
using ::testing::HasSubstr;
using Verdict = Item::Verdict;

// Counts what happens in one thread so that another can wait for it.
class Progress {
 public:
  void Add() {
    std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void AwaitAtLeast(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  int count() {
    std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

class FaultTest : public SharedClusterTest {};

// Two workers write batches until they are told to finish, while `fault` strikes again and again.
template <typename Fault>
void RunUnderFaults(StorageFixture& fixture, int strikes, Fault fault) {
  constexpr int kBatch = 200;
  std::atomic<bool> finish = false;
  std::atomic<int> sent = 0;
  std::atomic<int> unsettled = 0;
  Progress progress;
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < 2; ++w) {
      workers.emplace_back([&, w] {
        auto processor = fixture.MakeProcessor();
        for (int batch = 0; !finish; ++batch) {
          auto items = MakeItems(absl::StrCat("w", w, "-", batch, "-"), kBatch);
          processor->Process(items, {});
          for (const Item& item : items) {
            // An event whose commit was lost on the way counts as stored before.
            unsettled +=
                item.verdict() != Verdict::kStored && item.verdict() != Verdict::kDuplicate;
          }
          sent += kBatch;
          progress.Add();
        }
      });
    }
    for (int strike = 0; strike < strikes; ++strike) {
      progress.AwaitAtLeast(progress.count() + 5);
      ASSERT_THAT(fault(), IsOk());
    }
    progress.AwaitAtLeast(progress.count() + 5);
    finish = true;
  }
  EXPECT_EQ(unsettled, 0);
  EXPECT_EQ(fixture.Query("SELECT count(*) FROM events"), std::to_string(sent));
  EXPECT_EQ(fixture.Query("SELECT count(DISTINCT id) FROM events"), std::to_string(sent));
  EXPECT_EQ(fixture.Query("SELECT count(*) FROM event_ids"), std::to_string(sent));
  EXPECT_EQ(fixture.Query("SELECT count(*) FROM dead_letters"), "0");
  EXPECT_THAT(fixture.health().Get(), IsOk());
}

TEST_F(FaultTest, RestartsInTheMiddle) {
  auto fixture = MakeFixture();
  RunUnderFaults(*fixture, 3, [&] { return fixture->cluster().Restart("fast"); });
}

TEST_F(FaultTest, CrashesInTheMiddle) {
  auto fixture = MakeFixture();
  RunUnderFaults(*fixture, 3, [&]() -> absl::Status {
    if (absl::Status status = fixture->cluster().Kill9(); !status.ok()) return status;
    return fixture->cluster().Start();
  });
}

TEST_F(FaultTest, SessionsTerminatedInTheMiddle) {
  auto fixture = MakeFixture();
  RunUnderFaults(*fixture, 20, [&] {
    fixture->Query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'storage_test' AND pid <> pg_backend_pid()");
    return absl::OkStatus();
  });
}

TEST_F(FaultTest, ACommitWhoseAnswerIsLostIsFoundDone) {
  auto fixture = MakeFixture();
  CommitGate gate(fixture->cluster().socket_directory(), CommitGate::Cut::kAnswer);
  auto processor = fixture->MakeProcessor(gate.directory());
  auto items = MakeItems("answer", 100);
  processor->Process(items, {});
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kDuplicate);
  EXPECT_EQ(fixture->metrics().retries_unavailable.Value(), 1);
  EXPECT_EQ(fixture->Query("SELECT count(*) || ' ' || count(DISTINCT id) FROM events"), "100 100");
}

TEST_F(FaultTest, ACommitThatIsLostIsRepeated) {
  auto fixture = MakeFixture();
  CommitGate gate(fixture->cluster().socket_directory(), CommitGate::Cut::kRequest);
  auto processor = fixture->MakeProcessor(gate.directory());
  auto items = MakeItems("request", 100);
  processor->Process(items, {});
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kStored);
  EXPECT_EQ(fixture->metrics().retries_unavailable.Value(), 1);
  EXPECT_EQ(fixture->Query("SELECT count(*) || ' ' || count(DISTINCT id) FROM events"), "100 100");
}

TEST_F(FaultTest, HoldsWhileTheServerIsAwayAndStopsWhenTold) {
  auto fixture = MakeFixture();
  ASSERT_THAT(fixture->cluster().Stop(), IsOk());
  auto processor = fixture->MakeProcessor();
  auto items = MakeItems("held", 10);
  {
    std::jthread worker([&](std::stop_token stop) { processor->Process(items, stop); });
    worker.request_stop();
  }
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kRetry);

  auto again = MakeItems("held", 10);
  {
    std::jthread worker([&] { processor->Process(again, {}); });
    EXPECT_THAT(fixture->cluster().Start(), IsOk());
  }
  for (const Item& item : again) EXPECT_EQ(item.verdict(), Verdict::kStored);
}

TEST_F(FaultTest, StopEndsAWaitForALock) {
  auto fixture = MakeFixture();
  auto processor = fixture->MakeProcessor();
  auto items = MakeItems("locked", 10);
  auto locker = store::Connection::Open(fixture->options());
  ASSERT_THAT(locker, IsOk());
  auto transaction = (*locker)->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT((*transaction)->ExecuteScript("LOCK TABLE event_ids IN ACCESS EXCLUSIVE MODE"),
              IsOk());
  {
    std::jthread worker([&](std::stop_token stop) { processor->Process(items, stop); });
    // Until the worker waits for the lock.
    while (fixture->Query("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") {
      std::this_thread::yield();
    }
  }
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kRetry);
}

TEST_F(FaultTest, ALockTimeoutIsNobodysFault) {
  auto fixture = MakeFixture();
  fixture->Query("ALTER DATABASE \"ALockTimeoutIsNobodysFault\" SET lock_timeout = '20ms'");
  auto locker = store::Connection::Open(fixture->options());
  ASSERT_THAT(locker, IsOk());
  auto transaction = (*locker)->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT((*transaction)->ExecuteScript("LOCK TABLE event_ids IN ACCESS EXCLUSIVE MODE"),
              IsOk());
  auto processor = fixture->MakeProcessor();
  auto items = MakeItems("locked", 10);
  {
    std::jthread worker([&] { processor->Process(items, {}); });
    while (fixture->metrics().retries_aborted.Value() < 2) std::this_thread::yield();
    EXPECT_THAT(fixture->health().Get(), StatusIs(absl::StatusCode::kAborted, HasSubstr("55P03")));
    EXPECT_THAT((*transaction)->Commit(), IsOk());
  }
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kStored);
  EXPECT_THAT(fixture->health().Get(), IsOk());
}

TEST_F(FaultTest, AReadOnlyServerIsWaitedFor) {
  auto fixture = MakeFixture();
  fixture->Query(
      "ALTER DATABASE \"AReadOnlyServerIsWaitedFor\" SET default_transaction_read_only = on");
  auto processor = fixture->MakeProcessor();
  auto items = MakeItems("readonly", 10);
  {
    std::jthread worker([&] { processor->Process(items, {}); });
    while (fixture->metrics().retries_unavailable.Value() < 1) std::this_thread::yield();
    auto admin = fixture->options();
    admin.dsn = fixture->cluster().Dsn("postgres");
    auto connection = store::Connection::Open(admin);
    EXPECT_THAT(connection, IsOk());
    EXPECT_THAT((*connection)
                    ->Execute("ALTER DATABASE \"AReadOnlyServerIsWaitedFor\" "
                              "RESET default_transaction_read_only"),
                IsOk());
  }
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kStored);
}

TEST_F(FaultTest, AnotherSchemaIsWaitedFor) {
  auto fixture = MakeFixture();
  fixture->Query("INSERT INTO schema_migrations VALUES (99, 'future', '', 0)");
  auto processor = fixture->MakeProcessor();
  auto items = MakeItems("future", 10);
  {
    std::jthread worker([&] { processor->Process(items, {}); });
    while (fixture->metrics().retries_schema.Value() < 1) std::this_thread::yield();
    EXPECT_THAT(fixture->health().Get(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("has version 99, this")));
    fixture->Query("DELETE FROM schema_migrations WHERE version = 99");
  }
  for (const Item& item : items) EXPECT_EQ(item.verdict(), Verdict::kStored);
}

}  // namespace
}  // namespace mentat::storage
