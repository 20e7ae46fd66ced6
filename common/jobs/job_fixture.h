// What the tests of the jobs share: a server, and a database of its own for each test, with the
// schema and a table `effects` that the tests' jobs write into.
#ifndef COMMON_JOBS_JOB_FIXTURE_H_
#define COMMON_JOBS_JOB_FIXTURE_H_

#include <memory>
#include <string>
#include <string_view>

#include "common/store/connection.h"
#include "common/store/testing/private_cluster.h"
#include "gtest/gtest.h"

namespace mentat::jobs {

inline constexpr char kJob[] = "test/effects";

class JobTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;

  store::ConnectionOptions options() const;
  std::unique_ptr<store::Connection> Open() const;
  // The first value of a query as text, or its error.
  std::string Query(std::string_view sql);
  // After the server was restarted.
  void ReopenQueries() { connection_ = Open(); }
  // Waits until the query says this.
  void WaitFor(std::string_view sql, const std::string& expected);
  // As if the first time not dealt with were so long ago; wakes whoever waits.
  void MakeDue(std::string_view ago);

  static store::PrivateCluster& cluster() { return *cluster_; }

 private:
  static store::PrivateCluster* cluster_;
  std::string dsn_;
  std::unique_ptr<store::Connection> connection_;
};

}  // namespace mentat::jobs

#endif  // COMMON_JOBS_JOB_FIXTURE_H_
