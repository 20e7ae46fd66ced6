// The service as a whole, without the frame around it; and the maintenance.
#include "services/storage/storage.h"

#include <string>
#include <thread>

#include "common/base/status_matchers.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/storage/maintenance.h"
#include "services/storage/retention.h"
#include "services/storage/storage_fixture.h"

namespace mentat::storage {
namespace {

using ::testing::HasSubstr;

Storage::Config MakeConfig(const StorageFixture& fixture) {
  Storage::Config config;
  config.mutable_database()->set_dsn(fixture.options().dsn);
  config.mutable_database()->set_connect_timeout_seconds(5);
  config.set_partition_days(7);
  config.set_partitions_past_days(14);
  config.set_partitions_ahead_days(30);
  config::v1::JobConfig& job = *config.mutable_retention_job();
  job.set_time_zone("UTC");
  job.set_missed("once");
  job.set_enabled(true);
  job.set_attempts(2);
  job.set_kept_runs(100);
  return config;
}

class StorageTest : public SharedClusterTest {};

TEST_F(StorageTest, IsReadyOnceTheSchemaIsThere) {
  auto fixture = MakeFixture(/*migrate=*/false);
  prometheus::Registry registry;
  service::Context context;
  context.name = "storage";
  context.instance = "storage-1";
  context.registry = &registry;
  auto service = Storage::Create(MakeConfig(*fixture), context);
  ASSERT_THAT(service, IsOk());
  EXPECT_THAT((*service)->Ready(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not been")));
  std::jthread runner([&](std::stop_token stop) { EXPECT_THAT((*service)->Run(stop), IsOk()); });
  while ((*service)->Ready().code() != absl::StatusCode::kFailedPrecondition) {
    std::this_thread::yield();
  }
  EXPECT_THAT((*service)->Ready(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("has version 0, this program needs version")));
  EXPECT_THAT((*service)->Details().at("database"), HasSubstr("run mentat-migrate"));

  auto connection = store::Connection::Open(fixture->options());
  ASSERT_THAT(connection, IsOk());
  ASSERT_THAT(store::Migrate(**connection, store::Migrations(), [](std::string_view) {}), IsOk());
  while (!(*service)->Ready().ok()) std::this_thread::yield();
  EXPECT_EQ((*service)->Details().at("database"), "ready");
  while (fixture->Query("SELECT count(*) > 5 FROM event_partitions") != "t") {
    std::this_thread::yield();
  }

  // A worker of the service stores.
  auto processor = (*service)->MakeProcessor();
  auto items = MakeItems("x", 3);
  processor->Process(items, {});
  EXPECT_EQ(fixture->Query("SELECT count(*) FROM events"), "3");
}

TEST_F(StorageTest, RetentionIsAJob) {
  auto fixture = MakeFixture();
  prometheus::Registry registry;
  service::Context context;
  context.instance = "storage-1";
  context.registry = &registry;
  Storage::Config config = MakeConfig(*fixture);
  config.set_dead_letter_retention_days(10);
  auto service = Storage::Create(config, context);
  ASSERT_THAT(service, IsOk());
  std::jthread runner([&](std::stop_token stop) { EXPECT_THAT((*service)->Run(stop), IsOk()); });
  while (fixture->Query("SELECT schedule FROM jobs WHERE name = 'storage/retention'") !=
         "23 * * * *") {
    std::this_thread::yield();
  }
  fixture->Query(
      "INSERT INTO dead_letters (reason, stage, instance, message, event, event_format, "
      "first_time, "
      "last_time) VALUES ('failed', 's', 'i', '', '', 'raw', '2026-01-14Z', '2026-01-14Z')");
  fixture->Query("UPDATE jobs SET request_time = now()");
  fixture->Query("NOTIFY mentat_jobs");
  while (fixture->Query("SELECT outcome FROM job_runs") != "ok") std::this_thread::yield();
  EXPECT_EQ(fixture->Query("SELECT message FROM job_runs"),
            "deleted 0 partitions, 0 identifiers, 1 dead letters");
  EXPECT_EQ(fixture->Query("SELECT count(*) FROM dead_letters"), "0");
}

TEST_F(StorageTest, AWrongScheduleIsNamed) {
  prometheus::Registry registry;
  service::Context context;
  context.registry = &registry;
  Storage::Config config;
  config.mutable_retention_job()->set_schedule("23 * * *");
  config.mutable_retention_job()->set_time_zone("UTC");
  EXPECT_THAT(Storage::Create(config, context),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("retention_job.schedule: \"23 * * *\" has 4 fields")));
}

TEST_F(StorageTest, HasNoOutputs) {
  prometheus::Registry registry;
  service::Context context;
  context.registry = &registry;
  Storage::Config config;
  (*config.mutable_pipeline()->mutable_outputs())["default"].add_peers("tcp://127.0.0.1:1");
  EXPECT_THAT(Storage::Create(config, context),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pipeline.outputs")));
}

class MaintenanceTest : public SharedClusterTest {
 protected:
  void SetUp() override {
    fixture_ = MakeFixture(/*migrate=*/true);
    auto connection = store::Connection::Open(fixture_->options());
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    config_ = MakeConfig(*fixture_);
  }

  absl::Status MaintainAt(std::string_view time) {
    absl::Time now;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, std::string(time), &now, &error)) << error;
    const absl::Status made =
        MakePartitions(*connection_, config_, now, fixture_->metrics(), log::Logger::Null());
    if (!made.ok()) return made;
    const auto deleted = Retain(*connection_, config_, now, {}, fixture_->metrics());
    if (deleted.ok()) deleted_ = *deleted;
    return deleted.status();
  }

  std::unique_ptr<StorageFixture> fixture_;
  std::unique_ptr<store::Connection> connection_;
  Storage::Config config_;
  std::string deleted_;
};

TEST_F(MaintenanceTest, PartitionsGoAheadOfTime) {
  ASSERT_THAT(MaintainAt("2026-01-14T12:00:00Z"), IsOk());
  EXPECT_EQ(fixture_->Query("SELECT min(first) || ' ' || max(last) || ' ' || count(*) "
                            "FROM event_partitions"),
            "2025-12-29 00:00:00+00 2026-02-16 00:00:00+00 7");
  EXPECT_EQ(fixture_->metrics().partitions_end.Value(), 1771200000);
  ASSERT_THAT(MaintainAt("2026-01-21T12:00:00Z"), IsOk());
  EXPECT_EQ(fixture_->Query("SELECT count(*) FROM event_partitions"), "8");
}

TEST_F(MaintenanceTest, RetentionDropsAndDoesNotMakeAgain) {
  config_.set_retention_days(10);
  config_.set_dead_letter_retention_days(10);
  ASSERT_THAT(MaintainAt("2026-01-14T12:00:00Z"), IsOk());
  fixture_->Query(
      "INSERT INTO event_ids SELECT 'i' || i, '2026-01-14Z', '2026-01-14Z' "
      "FROM generate_series(1, 25000) i");
  fixture_->Query(
      "INSERT INTO dead_letters (reason, stage, instance, message, event, event_format, "
      "first_time, "
      "last_time) VALUES ('failed', 's', 'i', '', '', 'raw', '2026-01-14Z', '2026-01-14Z')");
  ASSERT_THAT(MaintainAt("2026-02-14T12:00:00Z"), IsOk());
  EXPECT_EQ(fixture_->Query("SELECT min(first) FROM event_partitions"), "2026-02-02 00:00:00+00");
  EXPECT_EQ(fixture_->Query("SELECT count(*) FROM event_ids"), "0");
  EXPECT_EQ(fixture_->Query("SELECT count(*) FROM dead_letters"), "0");
  EXPECT_EQ(fixture_->metrics().partitions_dropped.Value(), 5);
  EXPECT_EQ(deleted_, "deleted 5 partitions, 25000 identifiers, 1 dead letters");
  ASSERT_THAT(MaintainAt("2026-02-14T12:00:00Z"), IsOk());
  EXPECT_EQ(fixture_->Query("SELECT min(first) FROM event_partitions"), "2026-02-02 00:00:00+00");
}

TEST_F(MaintenanceTest, DoesNotQueueBehindASearch) {
  ASSERT_THAT(MaintainAt("2026-01-14T12:00:00Z"), IsOk());
  config_.set_retention_days(10);
  auto searcher = store::Connection::Open(fixture_->options());
  ASSERT_THAT(searcher, IsOk());
  auto search = (*searcher)->Begin();
  ASSERT_THAT(search, IsOk());
  ASSERT_THAT((*search)->Execute("SELECT count(*) FROM events"), IsOk());
  EXPECT_THAT(MaintainAt("2026-02-14T12:00:00Z"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("55P03")));
  ASSERT_THAT((*search)->Commit(), IsOk());
  EXPECT_THAT(MaintainAt("2026-02-14T12:00:00Z"), IsOk());
}

}  // namespace
}  // namespace mentat::storage
