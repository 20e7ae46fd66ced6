#include "common/store/migrations.h"

#include <string>
#include <thread>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

using ::testing::HasSubstr;

class MigrationsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    PrivateClusterOptions options;
    options.fsync = false;
    auto cluster = PrivateCluster::Create(options);
    ASSERT_THAT(cluster, IsOk());
    cluster_ = cluster->release();
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    auto dsn = cluster_->CreateDatabase(name);
    ASSERT_THAT(dsn, IsOk());
    dsn_ = *dsn;
    connection_ = Open();
  }

  std::unique_ptr<Connection> Open() const {
    ConnectionOptions options;
    options.dsn = dsn_;
    auto connection = Connection::Open(options);
    EXPECT_THAT(connection, IsOk());
    return connection.ok() ? *std::move(connection) : nullptr;
  }

  absl::Status Apply(std::span<const Migration> migrations) {
    return Migrate(*connection_, migrations,
                   [this](std::string_view line) { progress_.emplace_back(line); });
  }

  // The first value of a query; its error's text if it fails.
  std::string Query(std::string_view sql) {
    auto result = connection_->Execute(sql);
    return result.ok() ? std::string(result->Text(0, 0)) : std::string(result.status().ToString());
  }

  static PrivateCluster* cluster_;
  std::string dsn_;
  std::unique_ptr<Connection> connection_;
  std::vector<std::string> progress_;
};

PrivateCluster* MigrationsTest::cluster_ = nullptr;

TEST_F(MigrationsTest, AreNumberedWithoutGaps) {
  int expected = 1;
  for (const Migration& migration : Migrations()) EXPECT_EQ(migration.version, expected++);
}

TEST_F(MigrationsTest, TwiceIsOnce) {
  EXPECT_THAT(CheckSchema(*connection_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("has version 0, this")));
  ASSERT_THAT(Apply(Migrations()), IsOk());
  EXPECT_THAT(CheckSchema(*connection_), IsOk());
  EXPECT_EQ(progress_.size(), Migrations().size() + 1);
  EXPECT_EQ(progress_.front(), "applying 0001_events");
  progress_.clear();
  ASSERT_THAT(Apply(Migrations()), IsOk());
  EXPECT_EQ(progress_.size(), 1);
  EXPECT_THAT(progress_.back(), HasSubstr("applied now: 0"));
}

TEST_F(MigrationsTest, ManyAtOnceAreOnce) {
  std::vector<absl::Status> statuses(4);
  {
    std::vector<std::jthread> threads;
    for (absl::Status& status : statuses) {
      threads.emplace_back([this, &status] {
        std::unique_ptr<Connection> connection = Open();
        status = Migrate(*connection, Migrations(), [](std::string_view) {});
      });
    }
  }
  for (const absl::Status& status : statuses) EXPECT_THAT(status, IsOk());
  EXPECT_EQ(Query("SELECT count(*) FROM schema_migrations"), std::to_string(Migrations().size()));
}

TEST_F(MigrationsTest, AFailedOneLeavesNothing) {
  const Migration migrations[] = {
      {1, "good", "CREATE TABLE a (); CREATE TABLE b ();"},
      {2, "bad", "CREATE TABLE c (); SELECT 1/0;"},
  };
  EXPECT_THAT(Apply(migrations),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("migration 0002_bad: ")));
  EXPECT_EQ(Query("SELECT to_regclass('b')"), "b");
  EXPECT_EQ(Query("SELECT to_regclass('c')"), "");
  EXPECT_EQ(Query("SELECT max(version) FROM schema_migrations"), "1");
}

TEST_F(MigrationsTest, RefusesAChangedMigrationAndANewerDatabase) {
  const Migration before[] = {{1, "one", "CREATE TABLE a ();"}, {2, "two", "CREATE TABLE b ();"}};
  const Migration changed[] = {{1, "one", "CREATE TABLE x ();"}, {2, "two", "CREATE TABLE b ();"}};
  ASSERT_THAT(Apply(before), IsOk());
  EXPECT_THAT(Apply(changed),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("0001_one was applied")));
  EXPECT_THAT(Apply(std::span(before, 1)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("has version 2, this program needs version 1")));
}

TEST_F(MigrationsTest, RefusesAnotherEncoding) {
  ASSERT_THAT(connection_->Execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' "
                                   "TEMPLATE template0"),
              IsOk());
  ConnectionOptions options;
  options.dsn = cluster_->Dsn("latin");
  auto latin = Connection::Open(options);
  ASSERT_THAT(latin, IsOk());
  EXPECT_THAT(Migrate(**latin, Migrations(), [](std::string_view) {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("LATIN1")));
}

constexpr char kInsertEvent[] =
    "INSERT INTO events VALUES ($1::timestamptz, $2::timestamptz, NULL, NULL, $3, '{}', NULL, "
    "'{}', "
    "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', NULL, '{}', NULL, "
    "NULL, "
    "'{}', NULL, '{}', NULL, false, false, '{}')";

TEST_F(MigrationsTest, PartitionsAreMadeAroundWhatExistsAndTakeTheirRows) {
  ASSERT_THAT(Apply(Migrations()), IsOk());
  for (const char* time : {"0001-01-01Z", "2026-01-07Z", "2026-01-11 23:59:59Z", "9999-12-31Z"}) {
    ASSERT_THAT(connection_->Execute(kInsertEvent, {time, "2026-01-07Z", time}), IsOk());
  }
  EXPECT_EQ(Query("SELECT count(*) FROM events_default"), "4");
  // From a Wednesday to the next one: two weeks.
  EXPECT_EQ(Query("SELECT create_event_partitions('2026-01-07Z', '2026-01-14Z', 7)"), "2");
  EXPECT_EQ(Query("SELECT create_event_partitions('2026-01-07Z', '2026-01-14Z', 7)"), "0");
  EXPECT_EQ(Query("SELECT count(*) FROM events_default"), "2");
  EXPECT_EQ(Query("SELECT count(*) FROM events_20260105"), "2");
  // Another width fills the gaps only.
  EXPECT_EQ(Query("SELECT create_event_partitions('2026-01-03Z', '2026-01-22Z', 1)"), "5");
  EXPECT_EQ(Query("SELECT count(*) FROM event_partitions a JOIN event_partitions b "
                  "ON a.first < b.last AND b.first < a.last AND a.first <> b.first"),
            "0");
  EXPECT_EQ(Query("SELECT min(first) || ' ' || max(last) FROM event_partitions"),
            "2026-01-03 00:00:00+00 2026-01-22 00:00:00+00");
  // All indexes are there, so that a search stays a search.
  EXPECT_EQ(Query("SELECT count(DISTINCT n) FROM (SELECT count(*) n FROM pg_indexes "
                  "WHERE tablename LIKE 'events%' GROUP BY tablename) t"),
            "1");
}

TEST_F(MigrationsTest, RetentionDropsWhatIsOldAndNothingElse) {
  ASSERT_THAT(Apply(Migrations()), IsOk());
  ASSERT_EQ(Query("SELECT create_event_partitions('2026-01-05Z', '2026-01-26Z', 7)"), "3");
  const char* events[][3] = {
      {"2026-01-06Z", "2026-01-06Z", "old"},
      {"2026-01-13Z", "2026-01-13Z", "straddling"},
      {"0001-01-01Z", "2026-01-06Z", "odd and old"},
      {"0001-01-01Z", "2026-01-20Z", "odd and new"},
  };
  for (const auto& [detected, stored, id] : events) {
    ASSERT_THAT(connection_->Execute(kInsertEvent, {detected, stored, id}), IsOk());
    ASSERT_THAT(
        connection_->Execute("INSERT INTO event_ids VALUES ($1, $2, $3)", {id, detected, stored}),
        IsOk());
  }
  EXPECT_EQ(Query("SELECT drop_event_partitions('2026-01-15Z')"), "1");
  EXPECT_EQ(Query("SELECT string_agg(id, ', ' ORDER BY id) FROM events"),
            "odd and new, straddling");
  EXPECT_EQ(Query("SELECT forget_event_ids('2026-01-12Z', 1)"), "1");
  EXPECT_EQ(Query("SELECT forget_event_ids('2026-01-12Z', 10)"), "1");
  EXPECT_EQ(Query("SELECT string_agg(id, ', ' ORDER BY id) FROM event_ids"),
            "odd and new, straddling");
}

TEST_F(MigrationsTest, NetworksAreCheckedAndTheirChangesCounted) {
  ASSERT_THAT(Apply(Migrations()), IsOk());
  const std::string version = "SELECT version FROM table_versions WHERE subject = 'networks'";
  EXPECT_EQ(Query(version), "1");
  ASSERT_THAT(connection_->Execute("INSERT INTO abuse_groups (name) VALUES ('abuse@example.org')"),
              IsOk());
  EXPECT_EQ(Query(version), "2");
  const std::string insert =
      "INSERT INTO networks (first, last, abuse_group) VALUES ($1::inet, $2::inet, "
      "'abuse@example.org')";
  EXPECT_THAT(connection_->Execute(insert, {"192.0.2.0", "192.0.2.255"}), IsOk());
  EXPECT_THAT(connection_->Execute(insert, {"2001:db8::", "2001:db8::ffff"}), IsOk());
  EXPECT_EQ(Query(version), "4");
  EXPECT_THAT(connection_->Execute(insert, {"192.0.2.255", "192.0.2.0"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("networks_bounds")));
  EXPECT_THAT(connection_->Execute(insert, {"192.0.2.0", "2001:db8::"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("networks_bounds")));
  EXPECT_THAT(connection_->Execute(insert, {"192.0.2.0/24", "192.0.2.255/24"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("networks_bounds")));
  ASSERT_THAT(connection_->Execute("DELETE FROM abuse_groups"), IsOk());
  EXPECT_EQ(Query("SELECT count(*) FROM networks"), "0");
}

}  // namespace
}  // namespace mentat::store
