// What becomes of events in a database that works, but need not like them.
#include "services/storage/processor.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "services/storage/storage_fixture.h"

namespace mentat::storage {
namespace {

using pipeline::Item;
using ::testing::HasSubstr;
using Verdict = Item::Verdict;

class ProcessorTest : public SharedClusterTest {
 protected:
  void SetUp() override {
    fixture_ = MakeFixture();
    ASSERT_NE(fixture_, nullptr);
    processor_ = fixture_->MakeProcessor();
  }

  std::string Query(std::string_view sql) { return fixture_->Query(sql); }

  void Process(std::vector<Item>& items) { processor_->Process(items, {}); }

  std::unique_ptr<StorageFixture> fixture_;
  std::unique_ptr<StorageProcessor> processor_;
};

std::vector<Verdict> Verdicts(const std::vector<Item>& items) {
  std::vector<Verdict> verdicts;
  for (const Item& item : items) verdicts.push_back(item.verdict());
  return verdicts;
}

TEST_F(ProcessorTest, StoresEachEventOnce) {
  auto items = MakeItems("a", 3);
  Process(items);
  EXPECT_THAT(Verdicts(items), testing::Each(Verdict::kStored));
  EXPECT_EQ(Query("SELECT count(*) FROM events JOIN event_ids USING (id, detect_time)"), "3");
  EXPECT_EQ(
      Query("SELECT count(*) FROM events WHERE (event->'_Mentat'->>'StorageTime')::timestamptz "
            "= storage_time AND storage_time > now() - interval '1 hour'"),
      "3");
  EXPECT_EQ(Query("SELECT max(received_time) FROM events"), "2024-03-05 15:52:23+00");

  // The same again, and new ones among them.
  auto more = MakeItems("a", 5);
  Process(more);
  EXPECT_THAT(Verdicts(more),
              testing::ElementsAre(Verdict::kDuplicate, Verdict::kDuplicate, Verdict::kDuplicate,
                                   Verdict::kStored, Verdict::kStored));
  EXPECT_EQ(Query("SELECT count(*) FROM events"), "5");
}

TEST_F(ProcessorTest, TheFirstOfOneIdentifierWins) {
  idea::v1::Event other = MakeEvent("same");
  other.set_description("another");
  idea::v1::Event later = MakeEvent("same");
  later.set_detect_time(later.detect_time() + 1);
  std::vector<Item> items;
  items.push_back(MakeItem(MakeEvent("same")));
  items.push_back(MakeItem(other));
  Process(items);
  EXPECT_THAT(Verdicts(items), testing::ElementsAre(Verdict::kStored, Verdict::kDuplicate));
  const double conflicts = fixture_->metrics().conflicts.Value();
  std::vector<Item> again;
  again.push_back(MakeItem(other));
  again.push_back(MakeItem(later));
  Process(again);
  EXPECT_THAT(Verdicts(again), testing::Each(Verdict::kDuplicate));
  EXPECT_EQ(fixture_->metrics().conflicts.Value(), conflicts + 1);
  EXPECT_EQ(Query("SELECT count(*) || description FROM events GROUP BY description"),
            "1Horizontal scan");
}

TEST_F(ProcessorTest, ARefusedRowIsFoundAmongManyAndKept) {
  ASSERT_EQ(Query("ALTER TABLE events ADD CONSTRAINT no_bad CHECK (description <> 'bad')"), "");
  std::vector<Item> items;
  for (int i = 0; i < 1000; ++i) {
    idea::v1::Event event = MakeEvent(absl::StrCat("r", i));
    if (i == 17 || i == 500 || i == 999) event.set_description("bad");
    items.push_back(MakeItem(event));
  }
  Process(items);
  for (int i = 0; i < 1000; ++i) {
    const bool bad = i == 17 || i == 500 || i == 999;
    EXPECT_EQ(items[i].verdict(), bad ? Verdict::kReject : Verdict::kStored) << i;
  }
  EXPECT_EQ(items[17].reason(), pipeline::v1::REASON_REFUSED);
  EXPECT_THAT(items[17].message(), HasSubstr("no_bad"));
  EXPECT_EQ(Query("SELECT count(*) FROM events"), "997");
  // Not a trace of it: the event can be stored when the cause is gone.
  EXPECT_EQ(Query("SELECT count(*) FROM event_ids"), "997");
  EXPECT_EQ(
      Query("SELECT string_agg(event_id || ' ' || reason || ' ' || stage || ' ' || instance "
            "|| ' ' || event_format, ', ' ORDER BY event_id) FROM dead_letters"),
      "r17 refused storage storage-test protobuf, r500 refused storage storage-test protobuf, "
      "r999 refused storage storage-test protobuf");
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters WHERE message LIKE '%no_bad%'"), "3");
  ASSERT_EQ(Query("ALTER TABLE events DROP CONSTRAINT no_bad"), "");
  std::vector<Item> again;
  idea::v1::Event event = MakeEvent("r17");
  again.push_back(MakeItem(event));
  Process(again);
  EXPECT_EQ(again[0].verdict(), Verdict::kStored);
}

TEST_F(ProcessorTest, AnOversizedIdentifierIsRefusedAlone) {
  // Too long for an index, and not to be compressed.
  std::string id;
  for (uint32_t i = 0, x = 1; i < 9000; ++i) {
    x = x * 1664525 + 1013904223;
    id += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-."[x >> 26];
  }
  auto items = MakeItems("n", 3);
  items.push_back(MakeItem(MakeEvent(id)));
  idea::v1::Event timeless = MakeEvent("timeless");
  timeless.clear_detect_time();
  items.push_back(MakeItem(timeless));
  Process(items);
  EXPECT_THAT(Verdicts(items),
              testing::ElementsAre(Verdict::kStored, Verdict::kStored, Verdict::kStored,
                                   Verdict::kReject, Verdict::kReject));
  EXPECT_THAT(items[4].message(), HasSubstr("DetectTime"));
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters WHERE reason = 'refused'"), "2");
  EXPECT_EQ(Query("SELECT max(length(event_id)) FROM dead_letters"), "256");
}

TEST_F(ProcessorTest, DeadLettersAreKeptOnce) {
  pipeline::v1::DeadLetter letter;
  letter.set_reason(pipeline::v1::REASON_MALFORMED);
  letter.set_stage("filer_gateway");
  letter.set_instance("filer_gateway-1");
  letter.set_message(std::string("not\0JSON", 8));
  letter.set_time(1'709'653'942'000'000);
  const std::string raw("{\"ID\": \0\xff}", 10);
  std::vector<Item> items;
  items.emplace_back(raw, 1'709'653'943'000'000, &letter);
  items.emplace_back(raw, 1'709'653'943'000'000, &letter);
  items.push_back(MakeItem(MakeEvent("good")));
  Process(items);
  EXPECT_THAT(Verdicts(items), testing::Each(Verdict::kStored));
  EXPECT_EQ(
      Query("SELECT reason || '|' || stage || '|' || instance || '|' || message || '|' || "
            "event_format || '|' || attempts || '|' || encode(event, 'hex') || '|' || "
            "last_time || '|' || received_time FROM dead_letters"),
      "malformed|filer_gateway|filer_gateway-1|not\xef\xbf\xbdJSON|raw|2|7b224944223a2000ff7d|"
      "2024-03-05 15:52:22+00|2024-03-05 15:52:23+00");
  // For another reason it is another letter.
  pipeline::v1::DeadLetter failed = letter;
  failed.set_reason(pipeline::v1::REASON_FAILED);
  std::vector<Item> again;
  again.emplace_back(MakeEvent("lost").SerializeAsString(), 0, &failed);
  again.emplace_back(raw, 0, &failed);
  Process(again);
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters"), "3");
  EXPECT_EQ(Query("SELECT event_format || received_time IS NULL FROM dead_letters "
                  "WHERE event_id = 'lost'"),
            Query("SELECT 'protobuf' || NULL IS NULL"));
  EXPECT_EQ(Query("SELECT count(*) FROM events"), "1");
}

TEST_F(ProcessorTest, WorkersShareIdentifiersWithoutWaitingInACircle) {
  // Each worker has all identifiers, in an order of its own.
  constexpr int kWorkers = 4;
  constexpr int kEvents = 500;
  std::vector<int> stored(kWorkers);
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < kWorkers; ++w) {
      workers.emplace_back([&, w] {
        auto processor = fixture_->MakeProcessor();
        for (int round = 0; round < 5; ++round) {
          std::vector<Item> items;
          for (int i = 0; i < kEvents; ++i) {
            const int number = w % 2 ? i : kEvents - 1 - i;
            items.push_back(MakeItem(MakeEvent(absl::StrCat("s", round, "-", number))));
          }
          processor->Process(items, {});
          for (const Item& item : items) stored[w] += item.verdict() == Verdict::kStored;
        }
      });
    }
  }
  EXPECT_EQ(stored[0] + stored[1] + stored[2] + stored[3], 5 * kEvents);
  EXPECT_EQ(Query("SELECT count(*) FROM events"), std::to_string(5 * kEvents));
  EXPECT_EQ(fixture_->metrics().retries_aborted.Value(), 0);
}

TEST_F(ProcessorTest, AHeartbeatIsATransactionWithoutARow) {
  const std::string before = Query("SELECT pg_current_wal_flush_lsn()");
  std::vector<Item> items;
  items.emplace_back(std::string());
  items[0].MarkHeartbeat();
  Process(items);
  EXPECT_THAT(Verdicts(items), testing::ElementsAre(Verdict::kStored));
  EXPECT_EQ(fixture_->metrics().heartbeats.Value(), 1);
  EXPECT_EQ(fixture_->metrics().transactions.Value(), 1);
  EXPECT_EQ(fixture_->metrics().stored.Value(), 0);
  EXPECT_EQ(fixture_->metrics().dead_letters.Value(), 0);
  EXPECT_EQ(Query("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM dead_letters)"),
            "0");
  // It was waited for the disk.
  EXPECT_EQ(Query("SELECT pg_current_wal_flush_lsn() > '" + before + "'"), "t");
}

TEST_F(ProcessorTest, AHeartbeatGoesWithTheEventsAroundIt) {
  auto items = MakeItems("a", 2);
  items.emplace_back(std::string());
  items[2].MarkHeartbeat();
  Process(items);
  EXPECT_THAT(Verdicts(items), testing::Each(Verdict::kStored));
  EXPECT_EQ(fixture_->metrics().stored.Value(), 2);
  EXPECT_EQ(fixture_->metrics().transactions.Value(), 1);
}

TEST_F(ProcessorTest, NothingIsNothing) {
  std::vector<Item> items;
  Process(items);
  std::stop_source source;
  source.request_stop();
  auto late = MakeItems("late", 2);
  processor_->Process(late, source.get_token());
  EXPECT_THAT(Verdicts(late), testing::Each(Verdict::kRetry));
  EXPECT_EQ(Query("SELECT count(*) FROM events"), "0");
}

}  // namespace
}  // namespace mentat::storage
