#include "common/jobs/job_fixture.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_matchers.h"
#include "common/jobs/job_table.h"
#include "common/store/migrations.h"

namespace mentat::jobs {

store::PrivateCluster* JobTest::cluster_ = nullptr;

void JobTest::SetUpTestSuite() {
  auto cluster = store::PrivateCluster::Create({.fsync = false});
  ASSERT_THAT(cluster, IsOk());
  cluster_ = cluster->release();
}

void JobTest::TearDownTestSuite() {
  delete cluster_;
  cluster_ = nullptr;
}

void JobTest::SetUp() {
  const auto dsn =
      cluster_->CreateDatabase(testing::UnitTest::GetInstance()->current_test_info()->name());
  ASSERT_THAT(dsn, IsOk());
  dsn_ = *dsn;
  connection_ = Open();
  ASSERT_THAT(store::Migrate(*connection_, store::Migrations(), [](std::string_view) {}), IsOk());
  Query("CREATE TABLE effects (due_time timestamptz, attempt integer, instance text)");
}

store::ConnectionOptions JobTest::options() const {
  store::ConnectionOptions options;
  options.dsn = dsn_;
  options.application_name = "job_test";
  return options;
}

std::unique_ptr<store::Connection> JobTest::Open() const {
  auto connection = store::Connection::Open(options());
  EXPECT_THAT(connection, IsOk());
  return connection.ok() ? *std::move(connection) : nullptr;
}

std::string JobTest::Query(std::string_view sql) {
  const auto result = connection_->Execute(sql);
  if (!result.ok()) return std::string(result.status().ToString());
  return result->rows() == 0 ? "" : std::string(result->Text(0, 0));
}

void JobTest::WaitFor(std::string_view sql, const std::string& expected) {
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  std::string found = Query(sql);
  while (found != expected && absl::Now() < deadline) {
    Query("SELECT pg_sleep(0.01)");  // what other processes do tells no test
    found = Query(sql);
  }
  ASSERT_EQ(found, expected) << sql;
}

void JobTest::MakeDue(std::string_view ago) {
  Query(absl::StrCat("UPDATE jobs SET next_due = clock_timestamp() - interval '", std::string(ago),
                     "'"));
  Query(absl::StrCat("NOTIFY ", std::string(kChannel)));
}

}  // namespace mentat::jobs
