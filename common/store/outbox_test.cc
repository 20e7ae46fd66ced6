#include "common/store/outbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/base/pause.h"
#include "common/base/status_matchers.h"
#include "common/store/migrations.h"
#include "common/store/outbox_queries.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"

namespace mentat::store {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// What has been delivered, in its order.
class Mailbox {
 public:
  void Put(const OutboxMessage& message) {
    {
      const MutexLock lock(mutex_);
      keys_.push_back(message.key);
      last_ = message;
    }
    changed_.NotifyAll();
  }
  // Until there are so many; what there is.
  std::vector<std::string> WaitFor(size_t count) {
    const MutexLock lock(mutex_);
    changed_.WaitFor(mutex_, std::chrono::seconds(60),
                     [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return keys_.size() >= count; });
    return keys_;
  }
  OutboxMessage last() {
    const MutexLock lock(mutex_);
    return last_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> keys_ ABSL_GUARDED_BY(mutex_);
  OutboxMessage last_ ABSL_GUARDED_BY(mutex_);
};

class OutboxTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto cluster = PrivateCluster::Create({.fsync = false});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = cluster->release();
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  void SetUp() override {
    const auto dsn =
        cluster_->CreateDatabase(testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_THAT(dsn, IsOk());
    options_.connection.dsn = *dsn;
    options_.kinds = {"mail"};
    options_.first_pause = absl::Milliseconds(1);
    auto connection = Connection::Open(options_.connection);
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(Migrate(*connection_, Migrations(), [](std::string_view) {}), IsOk());
  }

  void Send(const std::string& key, const std::string& kind = "mail") {
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(Enqueue(**transaction, {.kind = kind, .key = key, .payload = "to " + key}), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  // Delivers in a thread until the end of the test.
  void Deliver(OutboxDeliverer::Deliver deliver) {
    threads_.emplace_back([this, deliver = std::move(deliver)](const std::stop_token& stop) {
      prometheus::Registry registry;
      OutboxDeliverer(options_, deliver, registry, log::Logger::Null()).Run(stop);
    });
  }

  // `key state attempts` of all.
  std::vector<std::string> All() {
    const auto messages = ListOutbox(*connection_, {}, 0, 100);
    EXPECT_THAT(messages, IsOk());
    std::vector<std::string> all;
    for (const StoredOutboxMessage& message : *messages) {
      all.push_back(absl::StrCat(message.key, " ", message.state, " ", message.attempts));
    }
    return all;
  }
  void WaitForState(const std::string& key, const std::string& state) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      const auto rows = connection_->Execute(
          "SELECT state = $2, pg_sleep(0.01) FROM outbox WHERE key = $1", {key, state});
      ASSERT_THAT(rows, IsOk());
      if (rows->Text(0, 0) == "t") return;
    }
    FAIL() << key << " does not become " << state;
  }

  static PrivateCluster* cluster_;
  OutboxOptions options_;
  std::unique_ptr<Connection> connection_;
  std::vector<std::jthread> threads_;  // the first to go
};

PrivateCluster* OutboxTest::cluster_ = nullptr;

TEST_F(OutboxTest, AMessageIsThereIfItsTransactionIs) {
  {
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(Enqueue(**transaction, {.kind = "mail", .key = "never"}), IsOk());
  }
  EXPECT_THAT(All(), SizeIs(0));
  Send("a");
  Send("a");  // the same effect
  Send("a", "warden");
  EXPECT_THAT(All(), ElementsAre("a pending 0", "a pending 0"));
  auto transaction = connection_->Begin();
  ASSERT_THAT(transaction, IsOk());
  EXPECT_EQ(Enqueue(**transaction, {.kind = "mail", .key = std::string(513, 'x')}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(OutboxTest, ManyDeliverersDeliverEachMessageOnce) {
  Mailbox mailbox;
  const auto deliver = [&](const OutboxMessage& message, const std::stop_token&) {
    mailbox.Put(message);
    return absl::OkStatus();
  };
  for (int i = 0; i < 3; ++i) Deliver(deliver);
  for (int i = 0; i < 100; ++i) Send(absl::StrCat("m", i));
  Send("other", "warden");
  const std::vector<std::string> keys = mailbox.WaitFor(100);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 100);
  EXPECT_EQ(mailbox.last().payload, "to " + mailbox.last().key);
  for (int i = 0; i < 100; ++i) WaitForState(absl::StrCat("m", i), "delivered");
  EXPECT_THAT(mailbox.WaitFor(100), SizeIs(100));
  // Of another kind: nobody's.
  EXPECT_EQ(All().front(), "other pending 0");
}

TEST_F(OutboxTest, WhatFailsIsTriedAgainAndGivenUpInTheEnd) {
  options_.most_attempts = 3;
  Mailbox mailbox;
  Deliver([&](const OutboxMessage& message, const std::stop_token&) -> absl::Status {
    mailbox.Put(message);
    if (message.key == "wrong") return absl::InvalidArgumentError("no such address");
    if (message.key == "never" || message.attempts < 3) return absl::UnavailableError("busy");
    return absl::OkStatus();
  });
  for (const char* key : {"never", "third time", "wrong"}) Send(key);
  WaitForState("never", "failed");
  WaitForState("third time", "delivered");
  WaitForState("wrong", "failed");
  EXPECT_THAT(All(), ElementsAre("wrong failed 1", "third time delivered 3", "never failed 3"));
  const auto failed = ListOutbox(*connection_, {.states = {"failed"}}, 3, 10);
  ASSERT_THAT(failed, IsOk());
  ASSERT_THAT(*failed, SizeIs(1));
  EXPECT_EQ((*failed)[0].last_error, "busy");

  EXPECT_EQ(RetryOutbox(*connection_, {.states = {"failed"}}).value(), 2);
  EXPECT_THAT(mailbox.WaitFor(11), SizeIs(testing::Ge(11)));
  WaitForState("never", "failed");
  WaitForState("wrong", "failed");
  EXPECT_EQ(DiscardOutbox(*connection_, {.states = {"failed"}}).value(), 2);
  EXPECT_THAT(All(), ElementsAre("third time delivered 3"));
  const auto counts = CountOutbox(*connection_, {});
  ASSERT_THAT(counts, IsOk());
  ASSERT_THAT(*counts, SizeIs(1));
  EXPECT_EQ((*counts)[0].kind + " " + (*counts)[0].state, "mail delivered");
}

TEST_F(OutboxTest, ADatabaseThatComesBackIsAllThatIsNeeded) {
  Mailbox mailbox;
  Deliver([&](const OutboxMessage& message, const std::stop_token&) {
    mailbox.Put(message);
    return absl::OkStatus();
  });
  Send("before");
  WaitForState("before", "delivered");
  ASSERT_THAT(cluster_->Restart("immediate"), IsOk());
  connection_ = *Connection::Open(options_.connection);
  Send("after");
  WaitForState("after", "delivered");
  EXPECT_THAT(mailbox.WaitFor(2), ElementsAre("before", "after"));
}

// kill -9 between the delivery and its mark.
TEST_F(OutboxTest, AKilledDelivererIsFollowedByAnotherWithTheSameKey) {
  options_.lease = absl::Milliseconds(100);
  Send("once");
  const std::string file = testing::TempDir() + "/delivered";
  ::unlink(file.c_str());
  const pid_t child = ::fork();
  if (child == 0) {
    prometheus::Registry registry;
    OutboxDeliverer(
        options_,
        [&](const OutboxMessage& message, const std::stop_token&) {
          const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
          if (::write(fd, message.key.data(), message.key.size()) > 0) ::raise(SIGKILL);
          return absl::OkStatus();
        },
        registry, log::Logger::Null())
        .Run(std::stop_token());
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(::access(file.c_str(), R_OK), 0);  // it had been delivered
  Mailbox mailbox;
  Deliver([&](const OutboxMessage& message, const std::stop_token&) {
    mailbox.Put(message);
    return absl::OkStatus();
  });
  EXPECT_THAT(mailbox.WaitFor(1), ElementsAre("once"));
  EXPECT_EQ(mailbox.last().attempts, 2);
  WaitForState("once", "delivered");
  EXPECT_THAT(All(), ElementsAre("once delivered 2"));
}

// A message that kills each process that takes it is given up too.
TEST_F(OutboxTest, AnAttemptCountsBeforeItIsMade) {
  options_.most_attempts = 1;
  options_.lease = absl::Milliseconds(1);
  Send("a");
  ASSERT_THAT(connection_->Execute("UPDATE outbox SET attempts = 1"), IsOk());
  Mailbox mailbox;
  Deliver([&](const OutboxMessage& message, const std::stop_token&) {
    mailbox.Put(message);
    return absl::OkStatus();
  });
  WaitForState("a", "failed");
  EXPECT_THAT(mailbox.WaitFor(0), SizeIs(0));
}

TEST_F(OutboxTest, AStopIsNoAttempt) {
  options_.most_attempts = 1;
  Send("a");
  Mailbox mailbox;
  Deliver([&](const OutboxMessage& message, const std::stop_token& stop) -> absl::Status {
    mailbox.Put(message);
    Pause(absl::InfiniteDuration(), stop);
    return absl::CancelledError("the process ends");
  });
  mailbox.WaitFor(1);
  threads_.clear();
  EXPECT_THAT(All(), ElementsAre("a pending 0"));
  Deliver([&](const OutboxMessage&, const std::stop_token&) { return absl::OkStatus(); });
  WaitForState("a", "delivered");
}

// A deliverer that takes longer than its lease, while another one delivers the same message.
TEST_F(OutboxTest, ALateFailureDoesNotOverruleTheNextAttempt) {
  options_.lease = absl::Milliseconds(1);
  options_.most_attempts = 12;
  Send("a");
  Mailbox first, second;
  std::stop_source let_fail, let_succeed;
  Deliver([&](const OutboxMessage& message, const std::stop_token&) -> absl::Status {
    first.Put(message);
    Pause(absl::InfiniteDuration(), let_fail.get_token());
    return absl::InvalidArgumentError("too late");
  });
  first.WaitFor(1);
  options_.lease = absl::Minutes(2);
  Deliver([&](const OutboxMessage& message, const std::stop_token&) {
    second.Put(message);
    Pause(absl::InfiniteDuration(), let_succeed.get_token());
    return absl::OkStatus();
  });
  second.WaitFor(1);
  let_fail.request_stop();
  threads_.front() = std::jthread();
  EXPECT_THAT(All(), ElementsAre("a pending 2"));
  let_succeed.request_stop();
  WaitForState("a", "delivered");
}

TEST_F(OutboxTest, WhatWasDeliveredIsForgottenInTime) {
  options_.keep_delivered = absl::ZeroDuration();
  Deliver([&](const OutboxMessage&, const std::stop_token&) { return absl::OkStatus(); });
  Send("a");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!All().empty() && std::chrono::steady_clock::now() < deadline) {
    ASSERT_THAT(connection_->Execute("SELECT pg_sleep(0.01)"), IsOk());
  }
  EXPECT_THAT(All(), SizeIs(0));
}

}  // namespace
}  // namespace mentat::store
