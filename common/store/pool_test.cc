#include "common/store/pool.h"

#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

using ::testing::HasSubstr;

class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    auto cluster = PrivateCluster::Create({.fsync = false});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const auto dsn = cluster_->CreateDatabase("pool");
    ASSERT_THAT(dsn, IsOk());
    options_.dsn = *dsn;
  }

  void MakeSchema() {
    auto connection = Connection::Open(options_);
    ASSERT_THAT(connection, IsOk());
    ASSERT_THAT(Migrate(**connection, Migrations(), [](std::string_view) {}), IsOk());
  }

  // The number of the server's process behind the connection.
  static int64_t Backend(Pool& pool, absl::Status* status = nullptr) {
    int64_t backend = 0;
    const absl::Status used = pool.Use([&](Connection& connection) {
      const auto result = connection.Execute("SELECT pg_backend_pid()");
      if (result.ok()) backend = result->Int(0, 0);
      return result.status();
    });
    if (status != nullptr) *status = used;
    return backend;
  }

  std::unique_ptr<PrivateCluster> cluster_;
  ConnectionOptions options_;
};

TEST_F(PoolTest, AConnectionIsUsedAgainAndReplacedWhenItIsLost) {
  Pool pool(options_, 2, absl::Seconds(60));
  absl::Status status;
  Backend(pool, &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;  // no schema
  MakeSchema();
  const int64_t first = Backend(pool, &status);
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(Backend(pool), first);
  ASSERT_THAT(cluster_->Restart(), IsOk());
  const int64_t second = Backend(pool, &status);
  EXPECT_THAT(status, IsOk());
  EXPECT_NE(second, first);
  ASSERT_THAT(cluster_->Stop(), IsOk());
  Backend(pool, &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST_F(PoolTest, NoMoreThanSoManyAreInUse) {
  MakeSchema();
  Pool pool(options_, 1, absl::Milliseconds(1));
  absl::Status inner;
  EXPECT_THAT(pool.Use([&](Connection&) {
    Backend(pool, &inner);
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(inner.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(inner.message()), HasSubstr("all 1 connections"));
  Backend(pool, &inner);
  EXPECT_THAT(inner, IsOk());
}

}  // namespace
}  // namespace mentat::store
