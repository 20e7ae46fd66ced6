#include "services/enricher/enricher.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status_matchers.h"
#include "common/pipeline/item.h"
#include "common/service/testing/reload.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace mentat::enricher {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Pair;

// Far more than anything here takes; only a failure waits that long.
constexpr std::chrono::seconds kPatience{60};

class EnricherTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto cluster = store::PrivateCluster::Create({.fsync = false, .settings = {}});
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
    config_.mutable_database()->set_dsn(*dsn);
    config_.mutable_database()->set_connect_timeout_seconds(5);
    config_.mutable_database()->set_statement_timeout_seconds(10);
    config_.mutable_geoip()->set_city_db("deploy/demo/demo-city.mmdb");
    config_.mutable_geoip()->set_asn_db("deploy/demo/demo-asn.mmdb");
    config_.mutable_geoip()->set_refresh_seconds(0.05);
    config_.set_networks_refresh_seconds(0.05);
    config_.set_max_addresses(1000);
    context_.name = "enricher";
    context_.instance = "enricher-test";
    context_.registry = &registry_;
  }

  void TearDown() override {
    if (runner_.joinable()) {
      runner_.request_stop();
      runner_.join();
    }
  }

  void Create() {
    auto enricher = Enricher::Create(config_, context_);
    ASSERT_THAT(enricher, IsOk());
    enricher_ = *std::move(enricher);
    processor_ = enricher_->MakeProcessor();
  }

  void Run() {
    runner_ =
        std::jthread([this](std::stop_token stop) { EXPECT_THAT(enricher_->Run(stop), IsOk()); });
  }

  void Execute(std::string_view sql) {
    const auto connection = store::Connection::Open({.dsn = config_.database().dsn()});
    ASSERT_THAT(connection, IsOk());
    const auto transaction = (*connection)->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT((*transaction)->ExecuteScript(sql), IsOk()) << sql;
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  void MakeSchema() {
    const auto connection = store::Connection::Open({.dsn = config_.database().dsn()});
    ASSERT_THAT(connection, IsOk());
    ASSERT_THAT(store::Migrate(**connection, store::Migrations(), [](std::string_view) {}), IsOk());
  }

  void MakeNetworks() {
    MakeSchema();
    Execute(
        "INSERT INTO abuse_groups (name) VALUES ('alpha'), ('beta');"
        "INSERT INTO networks (first, last, abuse_group) VALUES ('192.0.2.0', '192.0.2.255', "
        "'alpha')");
  }

  // An event from 192.0.2.1, serialised.
  static std::string Wire() {
    idea::v1::Event event;
    event.set_id("one");
    event.add_source()->add_ip4()->set_address(0xC0000201);
    return event.SerializeAsString();
  }

  // `asns|countries|groups` that the event from 192.0.2.1 goes on with; `retry` if it does not.
  std::string Process(std::stop_token stop = {}) {
    std::vector<pipeline::Item> items;
    items.emplace_back(Wire());
    processor_->Process(items, stop);
    if (items[0].verdict() == pipeline::Item::Verdict::kRetry) return "retry";
    EXPECT_EQ(items[0].verdict(), pipeline::Item::Verdict::kForward);
    idea::v1::Event event;
    EXPECT_TRUE(event.ParseFromString(items[0].TakeWire()));
    EXPECT_EQ(event.id(), "one");
    return absl::StrJoin({absl::StrJoin(event.mentat().source_resolved_asn(), ","),
                          absl::StrJoin(event.mentat().source_resolved_country(), ","),
                          absl::StrJoin(event.mentat().resolved_abuses(), ",")},
                         "|");
  }

  // Whether the condition comes true.
  static bool Eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  static store::PrivateCluster* cluster_;
  Enricher::Config config_;
  prometheus::Registry registry_;
  service::Context context_;
  std::unique_ptr<service::Service> enricher_;
  std::unique_ptr<pipeline::Processor> processor_;
  std::jthread runner_;
};

store::PrivateCluster* EnricherTest::cluster_ = nullptr;

TEST_F(EnricherTest, EventsWaitForTheFirstTable) {
  MakeNetworks();
  // To come back at one blow: an empty table of networks would be a table, too.
  Execute("ALTER TABLE table_versions RENAME TO hidden");
  Create();
  Run();
  EXPECT_THAT(enricher_->Ready(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("networks has not been read")));
  std::string result;
  std::jthread worker([&] { result = Process(); });
  // A table is missing: this is told, and goes on being tried.
  EXPECT_TRUE(Eventually([&] {
    return std::string(enricher_->Ready().message()).find("table_versions") != std::string::npos;
  }));
  Execute("ALTER TABLE hidden RENAME TO table_versions");
  worker.join();
  EXPECT_EQ(result, "64496|CZ|alpha");
  EXPECT_THAT(enricher_->Ready(), IsOk());
  EXPECT_THAT(enricher_->Details(), AllOf(Contains(Pair("networks", HasSubstr("1 of 1 groups"))),
                                          Contains(Key("city_db")), Contains(Key("asn_db"))));
}

TEST_F(EnricherTest, StoppingEndsTheWait) {
  Create();
  std::stop_source stop;
  std::string result;
  std::jthread worker([&] { result = Process(stop.get_token()); });
  stop.request_stop();
  worker.join();
  EXPECT_EQ(result, "retry");
}

TEST_F(EnricherTest, ChangesOfTheTableAreTakenUp) {
  MakeNetworks();
  Create();
  Run();
  EXPECT_EQ(Process(), "64496|CZ|alpha");
  Execute(
      "INSERT INTO networks (first, last, abuse_group) VALUES ('192.0.2.0', '192.0.2.7', 'beta')");
  EXPECT_TRUE(Eventually([&] { return Process() == "64496|CZ|beta"; }));
  Execute("UPDATE abuse_groups SET name = 'gamma' WHERE name = 'beta'");
  EXPECT_TRUE(Eventually([&] { return Process() == "64496|CZ|gamma"; }));
  Execute("UPDATE abuse_groups SET enabled = false WHERE name = 'gamma'");
  EXPECT_TRUE(Eventually([&] { return Process() == "64496|CZ|alpha"; }));
  Execute("TRUNCATE networks");
  EXPECT_TRUE(Eventually([&] { return Process() == "64496|CZ|"; }));
}

TEST_F(EnricherTest, ADatabaseThatIsAwayLeavesTheTableInUse) {
  MakeNetworks();
  Create();
  Run();
  EXPECT_EQ(Process(), "64496|CZ|alpha");
  ASSERT_THAT(cluster_->Stop("immediate"), IsOk());
  EXPECT_THAT(testing_support::Reload(*enricher_),
              StatusIs(absl::StatusCode::kUnavailable, testing::_));
  EXPECT_EQ(Process(), "64496|CZ|alpha");
  EXPECT_THAT(enricher_->Ready(), IsOk());
  ASSERT_THAT(cluster_->Start(), IsOk());
  Execute("UPDATE abuse_groups SET name = 'gamma' WHERE name = 'alpha'");
  EXPECT_TRUE(Eventually([&] { return Process() == "64496|CZ|gamma"; }));
}

TEST_F(EnricherTest, AConnectionLostWhileIdleIsNoFailure) {
  MakeNetworks();
  config_.set_networks_refresh_seconds(3600);
  Create();
  EXPECT_THAT(testing_support::Reload(*enricher_), IsOk());
  ASSERT_THAT(cluster_->Restart(), IsOk());
  EXPECT_THAT(testing_support::Reload(*enricher_), IsOk());
}

TEST_F(EnricherTest, StoppingCutsAQuery) {
  MakeNetworks();
  Create();
  const auto connection = store::Connection::Open({.dsn = config_.database().dsn()});
  ASSERT_THAT(connection, IsOk());
  const auto transaction = (*connection)->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT((*transaction)->ExecuteScript("LOCK TABLE table_versions"), IsOk());
  Run();
  // Until the enricher waits for the lock.
  EXPECT_TRUE(Eventually([&] {
    const auto waiting =
        (*transaction)
            ->Execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'");
    return waiting.ok() && waiting->Int(0, 0) > 0;
  }));
  runner_.request_stop();
  runner_.join();  // and not for the statement time-out
}

TEST_F(EnricherTest, WithoutADatabaseThereAreNoGroups) {
  config_.clear_database();
  Create();
  EXPECT_THAT(enricher_->Ready(), IsOk());
  EXPECT_EQ(Process(), "64496|CZ|");
  EXPECT_THAT(enricher_->Details(), Contains(Pair("networks", "no database")));
  EXPECT_THAT(testing_support::Reload(*enricher_), IsOk());
}

TEST_F(EnricherTest, MissingFilesAreNoReasonNotToServeOrToReloadButBadOnesAre) {
  MakeNetworks();
  const std::string path = testing::TempDir() + "/missing.mmdb";
  config_.mutable_geoip()->set_city_db(path);
  Create();
  Run();
  EXPECT_EQ(Process(), "64496||alpha");
  EXPECT_THAT(enricher_->Ready(), IsOk());
  EXPECT_THAT(testing_support::Reload(*enricher_), IsOk());
  EXPECT_THAT(enricher_->Details(), Contains(Pair("city_db", "not in use")));
  std::ofstream(path) << "no database";
  EXPECT_THAT(testing_support::Reload(*enricher_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing.mmdb")));
  std::filesystem::remove(path);
}

TEST_F(EnricherTest, AnEventWithNothingToAddTravelsOnAsItCame) {
  config_.clear_database();
  config_.clear_geoip();
  Create();
  std::vector<pipeline::Item> items;
  // A field that this version does not know.
  const std::string wire = Wire() + std::string("\xFA\x3E\x01x", 4);
  items.emplace_back(wire);
  processor_->Process(items, {});
  EXPECT_EQ(items[0].TakeWire(), wire);
}

}  // namespace
}  // namespace mentat::enricher
