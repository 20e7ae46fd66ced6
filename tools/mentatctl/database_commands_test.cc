// `mentatctl outbox` and `mentatctl dead-letters count --nagios` against a real controller with a
// real database.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/store/connection.h"
#include "common/store/dead_letters.h"
#include "common/store/migrations.h"
#include "common/store/outbox.h"
#include "common/store/testing/private_cluster.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

class DatabaseCommandsTest : public CtlTest {
 protected:
  void SetUp() override {
    CtlTest::SetUp();
    auto cluster = store::PrivateCluster::Create({.fsync = false});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const auto dsn = cluster_->CreateDatabase("mentat");
    ASSERT_THAT(dsn, IsOk());
    auto connection = store::Connection::Open({.dsn = *dsn});
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(store::Migrate(*connection_, store::Migrations(), [](std::string_view) {}), IsOk());
    StartDemos({}, {"--set", "database.dsn=" + *dsn});
  }

  void Enqueue(const std::string& kind, const std::string& key) {
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(store::Enqueue(**transaction, {.kind = kind, .key = key, .payload = "text"}),
                IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  // Gives a message up, as its deliverer does after its last attempt.
  void Fail(const std::string& key) {
    ASSERT_THAT(connection_->Execute(
                    absl::StrCat("UPDATE outbox SET state = 'failed', end_time = now(), attempts = "
                                 "12, last_error = 'no such \033[31maddress' WHERE key = '",
                                 key, "'")),
                IsOk());
  }

  void InsertDeadLetter(const std::string& bytes) {
    pipeline::v1::DeadLetter letter;
    letter.set_reason(pipeline::v1::REASON_FAILED);
    letter.set_stage("inspector");
    letter.set_rule("broken");
    letter.set_time(1'709'653'942'000'000);
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(store::InsertDeadLetter(**transaction, letter, bytes, 0), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  std::unique_ptr<store::PrivateCluster> cluster_;
  std::unique_ptr<store::Connection> connection_;
};

std::vector<std::string> Keys(const nlohmann::json& listed) {
  std::vector<std::string> keys;
  for (const auto& message : listed.value("messages", nlohmann::json::array())) {
    keys.push_back(message.value("key", ""));
  }
  return keys;
}

TEST_F(DatabaseCommandsTest, TheOutboxIsShownTriedAgainAndDiscarded) {
  EXPECT_EQ(Ctl({"outbox", "list"}).out, "there are none\n");
  for (const char* key : {"one", "two", "three"}) Enqueue("mail", key);
  Enqueue("warden", "four");
  Fail("one");
  Fail("four");

  Result result = Ctl({"outbox", "list", "--state", "failed", "--kind", "mail"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("no such ?[31maddress\n")) << "text must not steer terminals";
  EXPECT_THAT(Keys(Ctl({"outbox", "list", "--json"}).Json()),
              ElementsAre("four", "three", "two", "one"));
  result = Ctl({"outbox", "list", "--limit", "1", "--json"});
  EXPECT_THAT(Keys(result.Json()), ElementsAre("four"));
  result = Ctl({"outbox", "list", "--limit", "3"});
  EXPECT_EQ(result.err, "there are more: --limit\n");
  result = Ctl({"outbox", "count"});
  EXPECT_THAT(result.out, MatchesRegex("KIND +STATE +COUNT +OLDEST\n"
                                       "mail +failed +1 .*\nmail +pending +2 .*\n"
                                       "warden +failed +1 .*\n"));

  result = Ctl({"outbox", "retry"});
  EXPECT_NE(result.exit_status, 0) << "all of them only if it is said";
  EXPECT_EQ(Ctl({"outbox", "retry", "--state", "failed", "--kind", "mail"}).out, "1 are due now\n");
  EXPECT_THAT(Keys(Ctl({"outbox", "list", "--state", "failed", "--json"}).Json()),
              ElementsAre("four"));

  EXPECT_NE(Ctl({"outbox", "discard"}).exit_status, 0);
  const auto listed = Ctl({"outbox", "list", "--state", "failed", "--json"}).Json();
  const std::string id = listed["messages"][0]["id"].dump();
  EXPECT_EQ(Ctl({"outbox", "discard", "--id", id}).out, "1 discarded\n");
  EXPECT_EQ(Ctl({"outbox", "discard", "--all"}).out, "3 discarded\n");
  EXPECT_EQ(Ctl({"outbox", "list"}).out, "there are none\n");

  result = Ctl({"outbox", "retry", "--id", "seven"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("--id: the number of a message is expected, got seven"));
}

TEST_F(DatabaseCommandsTest, DeadLettersAreMeasuredForMonitoring) {
  const std::vector<std::string> check = {"dead-letters", "count", "--nagios", "--warning", "0",
                                          "--critical",   "2"};
  EXPECT_EQ(Ctl(check).out, "MENTAT OK - 0 dead letters | 'dead_letters'=0;0;2\n");
  InsertDeadLetter("a");
  Result result = Ctl(check);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out,
            "MENTAT WARNING - 1 dead letter (warning 0): 1 failed at inspector (rule broken) | "
            "'dead_letters'=1;0;2\n");
  InsertDeadLetter("b");
  InsertDeadLetter("c");
  EXPECT_EQ(Ctl(check).exit_status, 2);
  result = Ctl({"dead-letters", "count", "--nagios", "--warning", "0", "--from", "1h"});
  EXPECT_EQ(result.out, "MENTAT OK - 0 dead letters | 'dead_letters'=0;0\n") << "none is so new";

  EXPECT_EQ(Ctl({"dead-letters", "count", "--nagios", "--warning", "x"}).exit_status, 3);
  EXPECT_NE(Ctl({"dead-letters", "count", "--warning", "1"}).exit_status, 0) << "needs --nagios";
  ASSERT_THAT(cluster_->Stop(), IsOk());
  result = Ctl(check);
  EXPECT_GE(result.exit_status, 2) << result.out;
  EXPECT_THAT(result.out, MatchesRegex("MENTAT (CRITICAL|UNKNOWN) - .*\n"));
}

}  // namespace
}  // namespace mentat::mentatctl
