#include "common/store/dead_letters.h"

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/status_matchers.h"
#include "common/store/dead_letter_queries.h"
#include "common/store/dead_letter_replay.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kTime = 1'709'653'942 * kSecond;  // 2024-03-05T15:52:22Z

std::string Event(std::string_view id, std::string_view description = "") {
  idea::v1::Event event;
  event.set_id(std::string(id));
  event.set_description(std::string(description));
  return event.SerializeAsString();
}

class DeadLettersTest : public testing::Test {
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
    auto connection = Connection::Open({.dsn = *dsn});
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(Migrate(*connection_, Migrations(), [](std::string_view) {}), IsOk());
  }

  struct Letter {
    std::string stage = "inspector";
    pipeline::v1::Reason reason = pipeline::v1::REASON_FAILED;
    int64_t time = kTime;
    std::string rule = {};
    std::string message = "it failed";
  };
  void Insert(const std::string& event, const Letter& letter) {
    pipeline::v1::DeadLetter proto;
    proto.set_reason(letter.reason);
    proto.set_stage(letter.stage);
    proto.set_instance(letter.stage + "-1");
    proto.set_message(letter.message);
    proto.set_rule(letter.rule);
    proto.set_time(letter.time);
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(InsertDeadLetter(**transaction, proto, event, kTime - kSecond), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  std::string Query(std::string_view sql) {
    const auto result = connection_->Execute(sql);
    if (!result.ok()) return std::string(result.status().ToString());
    return result->rows() == 0 ? "" : std::string(result->Text(0, 0));
  }
  // What there is: `event_id stage reason attempts`, with `*` if it is on its way.
  std::string All() {
    return Query(
        "SELECT string_agg(concat_ws(' ', event_id, stage, reason, attempts) || "
        "CASE WHEN replay_time IS NULL THEN '' ELSE '*' END, ', ' ORDER BY id) FROM dead_letters");
  }

  std::vector<std::string> List(const DeadLetterFilter& filter) {
    const auto letters = ListDeadLetters(*connection_, filter, std::nullopt, 100);
    EXPECT_THAT(letters, IsOk());
    std::vector<std::string> ids;
    if (letters.ok()) {
      for (const StoredDeadLetter& letter : *letters) ids.push_back(letter.event_id);
    }
    return ids;
  }

  TakenLetters Take(const DeadLetterFilter& filter = {}) {
    auto taken = TakeForReplay(
        *connection_,
        {.filter = filter, .last = 1'000'000, .most_letters = 100, .most_bytes = 1 << 20});
    EXPECT_THAT(taken, IsOk());
    return taken.ok() ? *std::move(taken) : TakenLetters();
  }
  static ReplayOutcome Rejected(const ReplayLetter& letter, const std::string& stage,
                                const std::string& reason) {
    return {letter.id, letter.attempts, letter.event_id, true, stage, reason};
  }
  void Settle(const std::vector<ReplayOutcome>& outcomes) {
    EXPECT_THAT(SettleReplay(*connection_, outcomes), IsOk());
  }

  static PrivateCluster* cluster_;
  std::unique_ptr<Connection> connection_;
};

PrivateCluster* DeadLettersTest::cluster_ = nullptr;

TEST_F(DeadLettersTest, EachConditionChooses) {
  Insert(Event("a"), {.rule = "one rule", .message = "rule \"one rule\": No Number"});
  Insert(Event("b"),
         {.stage = "storage", .reason = pipeline::v1::REASON_REFUSED, .time = kTime + kSecond});
  Insert(Event("c"), {.reason = pipeline::v1::REASON_POISON, .time = kTime + 2 * kSecond});
  EXPECT_THAT(List({}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(List({.reasons = {"refused", "poison"}}), ElementsAre("c", "b"));
  EXPECT_THAT(List({.stages = {"storage"}}), ElementsAre("b"));
  EXPECT_THAT(List({.instances = {"inspector-1"}}), ElementsAre("c", "a"));
  EXPECT_THAT(List({.rules = {"one rule"}}), ElementsAre("a"));
  EXPECT_THAT(List({.from = kTime + kSecond, .to = kTime + 2 * kSecond}), ElementsAre("b"));
  EXPECT_THAT(List({.text = "no number"}), ElementsAre("a"));
  EXPECT_THAT(List({.text = "c"}), ElementsAre("c"));
  EXPECT_THAT(List({.text = "' OR true --"}), IsEmpty());
  EXPECT_THAT(List({.ids = {1, 3}}), ElementsAre("c", "a"));
  EXPECT_THAT(List({.reasons = {"failed"}, .stages = {"storage"}}), IsEmpty());
  EXPECT_TRUE(DeadLetterFilter().IsEmpty());
  EXPECT_FALSE(DeadLetterFilter{.text = "x"}.IsEmpty());
}

TEST_F(DeadLettersTest, PagesStayWhileLettersComeAndGo) {
  for (int i = 0; i < 7; ++i) Insert(Event(absl::StrCat("e", i)), {.time = kTime + i / 2});
  std::vector<std::string> seen;
  std::optional<DeadLetterPosition> position;
  for (int page = 0; page < 4; ++page) {
    const auto letters = ListDeadLetters(*connection_, {}, position, 2);
    ASSERT_THAT(letters, IsOk());
    for (const StoredDeadLetter& letter : *letters) {
      seen.push_back(letter.event_id);
      position = {letter.last_time, letter.id};
    }
    if (page == 0) {
      Insert(Event("new"), {.time = kTime + 100});
      ASSERT_EQ(Query("DELETE FROM dead_letters WHERE event_id = 'e5'"), "");
    }
  }
  EXPECT_THAT(seen, ElementsAre("e6", "e5", "e4", "e3", "e2", "e1", "e0"));
}

TEST_F(DeadLettersTest, GroupsAreCounted) {
  for (int i = 0; i < 3; ++i) {
    Insert(Event(absl::StrCat("a", i)),
           {.time = kTime + i, .rule = "r", .message = absl::StrCat("message ", i)});
  }
  Insert(Event("b"), {.stage = "storage"});
  auto counts = CountDeadLetters(*connection_, {}, 10);
  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->total, 4);
  ASSERT_EQ(counts->groups.size(), 2);
  const DeadLetterGroup& group = counts->groups[0];
  EXPECT_EQ(group.reason + " " + group.stage + " " + group.rule, "failed inspector r");
  EXPECT_EQ(group.count, 3);
  EXPECT_EQ(group.message, "message 2");
  EXPECT_EQ(group.first_time, kTime);
  EXPECT_EQ(group.last_time, kTime + 2);
  // The total is that of all groups.
  counts = CountDeadLetters(*connection_, {}, 1);
  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->total, 4);
  EXPECT_EQ(counts->groups.size(), 1);
  counts = CountDeadLetters(*connection_, {.stages = {"nobody"}}, 10);
  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->total, 0);
}

TEST_F(DeadLettersTest, OneWithItsEvent) {
  const std::string raw("{\"ID\": \0\xff}", 10);
  Insert(raw, {.stage = "filer_gateway", .reason = pipeline::v1::REASON_MALFORMED});
  const auto letter = GetDeadLetter(*connection_, 1);
  ASSERT_THAT(letter, IsOk());
  EXPECT_EQ(letter->event, raw);
  EXPECT_EQ(letter->letter.event_format, "raw");
  EXPECT_EQ(letter->letter.event_bytes, 10);
  EXPECT_EQ(letter->letter.event_id, "");
  EXPECT_EQ(letter->letter.received_time, kTime - kSecond);
  EXPECT_EQ(letter->letter.attempts, 1);
  EXPECT_EQ(GetDeadLetter(*connection_, 2).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DeadLettersTest, NoTimeKeepsALetterOut) {
  constexpr int64_t kTimes[] = {1,
                                -1,
                                std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::max(),
                                -70'000'000'000 * kSecond,
                                300'000'000'000 * kSecond};
  for (const int64_t time : kTimes) {
    pipeline::v1::DeadLetter letter;
    letter.set_reason(pipeline::v1::REASON_FAILED);
    letter.set_time(time);
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    const std::string event = Event(absl::StrCat(time));
    EXPECT_THAT(InsertDeadLetter(**transaction, letter, event, time), IsOk()) << time;
    EXPECT_THAT((*transaction)->Commit(), IsOk()) << time;
  }
  EXPECT_EQ(
      Query("SELECT count(*) FILTER (WHERE last_time < '1971-01-01') || ' ' || "
            "count(*) FILTER (WHERE last_time > now() - interval '1 hour') FROM dead_letters"),
      "2 4");
}

TEST_F(DeadLettersTest, ThoseThatAreMeantAreDiscarded) {
  for (int i = 0; i < 3; ++i) Insert(Event(absl::StrCat("a", i)), {});
  Insert(Event("b"), {.stage = "storage"});
  uint64_t deleted = 0;
  ASSERT_THAT(DiscardDeadLetters(*connection_, {.stages = {"inspector"}}, &deleted), IsOk());
  EXPECT_EQ(deleted, 3);
  EXPECT_EQ(All(), "b storage failed 1");
  ASSERT_EQ(
      Query("INSERT INTO dead_letters (reason, stage, instance, message, event, event_format, "
            "first_time, last_time) SELECT 'failed', 's', 'i', 'm', n::text::bytea, 'raw', "
            "now(), now() FROM generate_series(1, 25000) n"),
      "");
  deleted = 0;
  ASSERT_THAT(DiscardDeadLetters(*connection_, {}, &deleted), IsOk());
  EXPECT_EQ(deleted, 25001);
}

TEST_F(DeadLettersTest, WhatIsSettledWellGoesAndWhatIsRejectedStaysOnce) {
  Insert(Event("good"), {});
  Insert(Event("same"), {});
  Insert(Event("other"), {});
  Insert(Event("nowhere"), {});
  const TakenLetters taken = Take();
  ASSERT_EQ(taken.letters.size(), 4);
  EXPECT_EQ(taken.letters[0].event, Event("good"));
  EXPECT_EQ(taken.letters[0].received_time, kTime - kSecond);
  EXPECT_EQ(All(),
            "good inspector failed 1*, same inspector failed 1*, other inspector failed 1*, "
            "nowhere inspector failed 1*");
  // Rejected as before; rejected elsewhere, with what another stage has added; rejected where no
  // dead letters are kept.
  Insert(Event("same"), {.time = kTime + kSecond});
  Insert(Event("other", "enriched"),
         {.stage = "storage", .reason = pipeline::v1::REASON_REFUSED, .time = kTime + kSecond});
  const std::vector<ReplayOutcome> outcomes = {
      {.id = taken.letters[0].id, .attempts = 1, .event_id = "good"},
      Rejected(taken.letters[1], "inspector", "failed"),
      Rejected(taken.letters[2], "storage", "refused"),
      Rejected(taken.letters[3], "", ""),
  };
  Settle(outcomes);
  const std::string after =
      "same inspector failed 2, nowhere inspector failed 2, other storage refused 2";
  EXPECT_EQ(All(), after);
  EXPECT_EQ(Query("SELECT first_time FROM dead_letters WHERE event_id = 'other'"),
            "2024-03-05 15:52:22+00");
  Settle(outcomes);  // after a commit that nobody heard of
  EXPECT_EQ(All(), after);
}

TEST_F(DeadLettersTest, BytesThatAreNoEventAreNotTaken) {
  Insert(
      "{\"Format\": \"IDEA0\", \"ID\": \"once-too-large\", \"DetectTime\": "
      "\"2024-03-05T15:52:22Z\", \"Category\": [\"Test\"]}",
      {.reason = pipeline::v1::REASON_TOO_LARGE});
  Insert("{\"ID\": ", {.reason = pipeline::v1::REASON_MALFORMED});
  const TakenLetters taken = Take();
  ASSERT_EQ(taken.letters.size(), 1);
  EXPECT_EQ(taken.letters[0].event_id, "once-too-large");
  ASSERT_EQ(taken.unreadable.size(), 1);
  EXPECT_EQ(taken.unreadable[0].id, 2);
  EXPECT_NE(taken.unreadable[0].error, "");
  EXPECT_EQ(taken.last_id, 2);
  EXPECT_EQ(All(), "once-too-large inspector too_large 1*, inspector malformed 1");
}

TEST_F(DeadLettersTest, OnlySoManyBytesAreTakenAtATime) {
  for (int i = 0; i < 4; ++i) Insert(Event(absl::StrCat("a", i), std::string(1000, 'x')), {});
  const auto taken =
      TakeForReplay(*connection_, {.after = 1, .last = 3, .most_letters = 100, .most_bytes = 1500});
  ASSERT_THAT(taken, IsOk());
  ASSERT_EQ(taken->letters.size(), 1);
  EXPECT_EQ(taken->letters[0].event_id, "a1");
  const auto rest = TakeForReplay(
      *connection_, {.after = taken->last_id, .last = 3, .most_letters = 100, .most_bytes = 10});
  ASSERT_THAT(rest, IsOk());
  ASSERT_EQ(rest->letters.size(), 1);
  EXPECT_EQ(rest->letters[0].event_id, "a2");
  ASSERT_THAT(ReleaseReplay(*connection_, rest->letters), IsOk());
  EXPECT_EQ(
      Query("SELECT string_agg(event_id, ' ') FROM dead_letters WHERE replay_time IS NOT NULL"),
      "a1");
}

// What a process leaves behind that dies before it hears of the outcomes.
TEST_F(DeadLettersTest, MarksThatNobodyMindsAreResolved) {
  for (const char* id : {"stored", "stored-before", "rejected", "same", "minded", "unknown"}) {
    Insert(Event(id), {});
  }
  ASSERT_EQ(Query("INSERT INTO event_ids (id, detect_time, storage_time) "
                  "VALUES ('stored-before', now(), now() - interval '1 second')"),
            "");
  const TakenLetters taken = Take();
  ASSERT_EQ(taken.letters.size(), 6);
  ASSERT_EQ(Query("INSERT INTO event_ids (id, detect_time, storage_time) "
                  "VALUES ('stored', now(), now()), ('minded', now(), now())"),
            "");
  const int64_t later = 4'000'000'000 * kSecond;
  Insert(Event("rejected", "enriched"), {.stage = "storage", .time = later});
  Insert(Event("same"), {.time = later});
  const int64_t minded = taken.letters[4].id;
  const auto resolved = ResolveReplays(*connection_, {&minded, 1});
  ASSERT_THAT(resolved, IsOk());
  EXPECT_EQ(*resolved, 3);
  const std::string after =
      "stored-before inspector failed 1*, same inspector failed 2, minded inspector failed 1*, "
      "unknown inspector failed 1*, rejected storage failed 2";
  EXPECT_EQ(All(), after);
  EXPECT_EQ(ResolveReplays(*connection_, {&minded, 1}).value(), 0);
  EXPECT_EQ(All(), after);
  // They can be taken at once by who comes next, or in an hour count as never sent.
  ASSERT_EQ(Query("UPDATE dead_letters SET replay_time = now() - interval '61 minutes' "
                  "WHERE event_id = 'unknown'"),
            "");
  EXPECT_EQ(ResolveReplays(*connection_, {}).value(), 2);
  EXPECT_EQ(All(),
            "stored-before inspector failed 1*, same inspector failed 2, "
            "unknown inspector failed 1, rejected storage failed 2");
  EXPECT_EQ(Take().letters.size(), 4);
}

}  // namespace
}  // namespace mentat::store
