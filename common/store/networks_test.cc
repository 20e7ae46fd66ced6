#include "common/store/networks.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/idea/address.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class NetworksTest : public testing::Test {
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
    const auto dsn =
        cluster_->CreateDatabase(testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_THAT(dsn, IsOk());
    auto connection = Connection::Open({.dsn = *dsn});
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
  }

  void Execute(std::string_view sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }

  void MakeSchema() {
    ASSERT_THAT(Migrate(*connection_, Migrations(), [](std::string_view) {}), IsOk());
    Execute("INSERT INTO abuse_groups (name) VALUES ('a'), ('b')");
  }

  int64_t Version() {
    const auto version = ReadNetworksVersion(*connection_);
    EXPECT_THAT(version, IsOk());
    return version.value_or(-1);
  }

  // `group range`, as texts.
  std::vector<std::string> Read() {
    const auto networks = ReadNetworks(*connection_);
    EXPECT_THAT(networks, IsOk());
    std::vector<std::string> lines;
    if (!networks.ok()) return lines;
    for (const GroupNetwork& network : networks->networks) {
      lines.push_back(network.group + " " + idea::Print(network.range));
    }
    return lines;
  }

  static PrivateCluster* cluster_;
  std::unique_ptr<Connection> connection_;
};

PrivateCluster* NetworksTest::cluster_ = nullptr;

TEST_F(NetworksTest, ReadsBothFamiliesAndAnyRange) {
  MakeSchema();
  EXPECT_THAT(Read(), IsEmpty());
  Execute(
      "INSERT INTO networks (first, last, abuse_group) VALUES ('192.0.2.0', '192.0.2.255', 'a'), "
      "('192.0.2.7', '192.0.2.9', 'b'), ('192.0.2.7', '192.0.2.7', 'a'), "
      "('2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'b'), "
      "('::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'a'), ('0.0.0.0', '255.255.255.255', "
      "'a')");
  EXPECT_THAT(Read(), UnorderedElementsAre("a 192.0.2.0/24", "b 192.0.2.7-192.0.2.9", "a 192.0.2.7",
                                           "b 2001:db8::/32", "a ::/0", "a 0.0.0.0/0"));
}

TEST_F(NetworksTest, LeavesOutDisabledGroups) {
  MakeSchema();
  Execute(
      "INSERT INTO networks (first, last, abuse_group) VALUES ('192.0.2.0', '192.0.2.255', 'a'), "
      "('192.0.2.7', '192.0.2.9', 'b')");
  Execute("UPDATE abuse_groups SET enabled = false WHERE name = 'b'");
  EXPECT_THAT(Read(), UnorderedElementsAre("a 192.0.2.0/24"));
}

TEST_F(NetworksTest, EveryChangeMakesAnotherVersion) {
  MakeSchema();
  int64_t version = Version();
  EXPECT_EQ(Version(), version);
  for (const std::string_view change :
       {"INSERT INTO networks (first, last, abuse_group) VALUES ('192.0.2.0', '192.0.2.255', 'a')",
        "UPDATE networks SET last = '192.0.2.127'",
        "UPDATE abuse_groups SET enabled = false WHERE name = 'a'",
        "UPDATE abuse_groups SET name = 'c' WHERE name = 'a'", "DELETE FROM networks",
        "DELETE FROM abuse_groups", "TRUNCATE networks"}) {
    Execute(change);
    const int64_t next = Version();
    EXPECT_NE(next, version) << change;
    version = next;
  }
  const auto networks = ReadNetworks(*connection_);
  ASSERT_THAT(networks, IsOk());
  EXPECT_EQ(networks->version, version);
}

TEST_F(NetworksTest, TooManyAreRefused) {
  MakeSchema();
  Execute(
      "INSERT INTO networks (first, last, abuse_group) VALUES ('192.0.2.0', '192.0.2.255', 'a'), "
      "('192.0.2.7', '192.0.2.9', 'b')");
  EXPECT_THAT(ReadNetworks(*connection_, 2), IsOk());
  EXPECT_THAT(ReadNetworks(*connection_, 1),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 1 ")));
}

TEST_F(NetworksTest, ADatabaseWithoutTheTablesIsAClearError) {
  EXPECT_THAT(ReadNetworks(*connection_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("table_versions")));
}

}  // namespace
}  // namespace mentat::store
