#include "common/store/connection.h"

#include <endian.h>

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/store/sql_error.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(SqlErrorTest, TellsWhoIsToBlame) {
  EXPECT_EQ(CodeOfSqlState("57P01"), absl::StatusCode::kUnavailable);  // admin shutdown
  EXPECT_EQ(CodeOfSqlState("57P03"), absl::StatusCode::kUnavailable);  // cannot connect now
  EXPECT_EQ(CodeOfSqlState("53300"), absl::StatusCode::kUnavailable);  // too many connections
  EXPECT_EQ(CodeOfSqlState("53100"), absl::StatusCode::kUnavailable);  // disk full
  EXPECT_EQ(CodeOfSqlState("25006"), absl::StatusCode::kUnavailable);  // read only
  EXPECT_EQ(CodeOfSqlState("08006"), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CodeOfSqlState("40P01"), absl::StatusCode::kAborted);  // deadlock
  EXPECT_EQ(CodeOfSqlState("40001"), absl::StatusCode::kAborted);  // serialization
  EXPECT_EQ(CodeOfSqlState("57014"), absl::StatusCode::kAborted);  // statement time-out
  EXPECT_EQ(CodeOfSqlState("55P03"), absl::StatusCode::kAborted);  // lock time-out
  EXPECT_EQ(CodeOfSqlState("22021"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOfSqlState("23514"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOfSqlState("54000"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOfSqlState("42P01"), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOfSqlState("42501"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOfSqlState("XX000"), absl::StatusCode::kInternal);
  EXPECT_EQ(CodeOfSqlState(""), absl::StatusCode::kInternal);
}

TEST(SqlErrorTest, MessageIsOneShortLine) {
  EXPECT_EQ(std::string(SqlError("23514", "ERROR:  no\nDETAIL:  \tit is so\n").message()),
            "ERROR: no DETAIL: it is so (SQLSTATE 23514)");
  std::string long_message(4095, 'x');
  long_message += "\xc3\xa9\xc3\xa9";
  EXPECT_EQ(std::string(SqlError("", long_message).message()), std::string(4095, 'x'));
}

TEST(ArrayLiteralTest, EscapesWhatArraysTreatSpecially) {
  const std::vector<std::string_view> items = {"a", "", "NULL", "q\"b\\c", "{,}"};
  EXPECT_EQ(ArrayLiteral(items), R"({"a","","NULL","q\"b\\c","{,}"})");
  EXPECT_EQ(ArrayLiteral({}), "{}");
}

// A row of one integer, in the binary format of COPY.
std::string Row(int32_t number) {
  const uint32_t big_endian = htobe32(static_cast<uint32_t>(number));
  return std::string("\0\1\0\0\0\4", 6) +
         std::string(reinterpret_cast<const char*>(&big_endian), sizeof(big_endian));
}

// The same, and a short text.
std::string Row(int32_t number, std::optional<std::string> text) {
  std::string row = Row(number);
  row[1] = 2;
  if (!text) return row + "\xff\xff\xff\xff";
  return row + std::string("\0\0\0", 3) + static_cast<char>(text->size()) + *text;
}

class ConnectionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    PrivateClusterOptions options;
    options.fsync = false;
    options.settings = {"max_connections=5", "superuser_reserved_connections=0"};
    auto cluster = PrivateCluster::Create(options);
    ASSERT_THAT(cluster, IsOk());
    cluster_ = cluster->release();
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  static absl::StatusOr<std::unique_ptr<Connection>> Open() {
    ConnectionOptions options;
    options.dsn = cluster_->Dsn("postgres");
    options.application_name = "connection_test";
    return Connection::Open(options);
  }

  static PrivateCluster* cluster_;
};

PrivateCluster* ConnectionTest::cluster_ = nullptr;

TEST_F(ConnectionTest, PassesParametersAndReturnsRows) {
  auto connection = Open();
  ASSERT_THAT(connection, IsOk());
  auto result = (*connection)
                    ->Execute("SELECT $1::text, $2::int, $3::text[], current_setting($4)",
                              {"it's; DROP", std::nullopt, R"({"a","b c"})", "application_name"});
  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->rows(), 1);
  EXPECT_EQ(result->Text(0, 0), "it's; DROP");
  EXPECT_TRUE(result->IsNull(0, 1));
  EXPECT_EQ(result->Int(0, 1), 0);
  EXPECT_EQ(result->Text(0, 2), R"({a,"b c"})");
  EXPECT_EQ(result->Text(0, 3), "connection_test");
  EXPECT_THAT((*connection)->Execute("SELECT $1::text", {std::string("a\0b", 3)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("U+0000")));
}

TEST_F(ConnectionTest, CommitsAndRollsBack) {
  auto connection = Open();
  ASSERT_THAT(connection, IsOk());
  ASSERT_THAT((*connection)->Execute("CREATE TEMPORARY TABLE t (a int, b text)"), IsOk());
  {
    auto transaction = (*connection)->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT((*transaction)->Execute("INSERT INTO t VALUES (1, 'gone')"), IsOk());
  }
  {
    auto transaction = (*connection)->Begin();
    ASSERT_THAT(transaction, IsOk());
    std::string rows;
    for (int i = 0; i < 100'000; ++i) rows += Row(i, "x\ty");
    rows += Row(7, std::nullopt);
    const std::string_view columns[] = {"a", "b"};
    ASSERT_THAT((*transaction)->Copy("t", columns, rows), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  auto result = (*connection)->Execute("SELECT count(*), max(b), count(b) FROM t");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->Int(0, 0), 100'001);
  EXPECT_EQ(result->Text(0, 1), "x\ty");
  EXPECT_EQ(result->Int(0, 2), 100'000);
}

TEST_F(ConnectionTest, ErrorsHaveTheirKind) {
  auto connection = Open();
  ASSERT_THAT(connection, IsOk());
  EXPECT_THAT((*connection)->Execute("SELECT 1/$1::int", {"0"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("(SQLSTATE 22012)")));
  EXPECT_THAT((*connection)->Execute("SELECT * FROM nothing"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("nothing")));
  EXPECT_THAT((*connection)->Execute("SELECT 1 2"),
              StatusIs(absl::StatusCode::kFailedPrecondition, _));
  ASSERT_THAT((*connection)->Execute("CREATE TEMPORARY TABLE t (a int CHECK (a < 5))"), IsOk());
  {
    auto transaction = (*connection)->Begin();
    ASSERT_THAT(transaction, IsOk());
    const std::string_view columns[] = {"a"};
    EXPECT_THAT((*transaction)->Copy("t", columns, Row(1) + Row(2) + Row(9) + Row(3)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("23514")));
  }
  {
    auto transaction = (*connection)->Begin();
    ASSERT_THAT(transaction, IsOk());
    const std::string_view columns[] = {"a"};
    EXPECT_THAT((*transaction)->Copy("t", columns, std::string("\0\1\0\0\0\5wrong", 11)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("22P03")));
  }
  // The connection is as good as before.
  EXPECT_THAT((*connection)->Execute("SELECT 1"), IsOk());
}

TEST_F(ConnectionTest, StatementTimeoutIsAborted) {
  ConnectionOptions options;
  options.dsn = cluster_->Dsn("postgres");
  options.statement_timeout = absl::Milliseconds(20);
  auto connection = Connection::Open(options);
  ASSERT_THAT(connection, IsOk());
  EXPECT_THAT((*connection)->Execute("SELECT pg_sleep(600)"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("57014")));
}

TEST_F(ConnectionTest, LostConnectionsAreUnavailable) {
  auto connection = Open();
  auto other = Open();
  ASSERT_THAT(connection, IsOk());
  ASSERT_THAT(other, IsOk());
  auto pid = (*connection)->Execute("SELECT pg_backend_pid()");
  ASSERT_THAT(pid, IsOk());
  ASSERT_THAT((*other)->Execute("SELECT pg_terminate_backend($1::int, 10000)",
                                {std::string(pid->Text(0, 0))}),
              IsOk());
  EXPECT_THAT((*connection)->Execute("SELECT 1"), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT((*connection)->Execute("SELECT 1"), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT((*connection)->Begin(), StatusIs(absl::StatusCode::kUnavailable, _));

  auto transaction = (*other)->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT(cluster_->Kill9(), IsOk());
  EXPECT_THAT((*transaction)->Execute("SELECT 1"), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT((*transaction)->Commit(), Not(IsOk()));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kUnavailable, _));
  ASSERT_THAT(cluster_->Start(), IsOk());
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(ConnectionTest, CommitOnALostConnectionIsUnavailable) {
  auto connection = Open();
  ASSERT_THAT(connection, IsOk());
  auto transaction = (*connection)->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT((*transaction)->Execute("SELECT 1"), IsOk());
  ASSERT_THAT(cluster_->Restart("immediate"), IsOk());
  EXPECT_THAT((*transaction)->Commit(), StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(ConnectionTest, CopyOnALostConnectionIsUnavailable) {
  auto connection = Open();
  ASSERT_THAT(connection, IsOk());
  ASSERT_THAT((*connection)->Execute("CREATE TEMPORARY TABLE t (a int)"), IsOk());
  auto transaction = (*connection)->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT(cluster_->Restart("immediate"), IsOk());
  const std::string_view columns[] = {"a"};
  EXPECT_THAT((*transaction)->Copy("t", columns, Row(1)),
              StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(ConnectionTest, TooManyConnectionsAreUnavailable) {
  std::vector<std::unique_ptr<Connection>> connections;
  absl::Status status;
  for (int i = 0; i < 10; ++i) {
    auto connection = Open();
    status = connection.status();
    if (!status.ok()) break;
    connections.push_back(*std::move(connection));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("too many")));
}

TEST_F(ConnectionTest, InterruptEndsAWait) {
  auto connection = Open();
  ASSERT_THAT(connection, IsOk());
  std::jthread interrupter([&] { (*connection)->Interrupt(); });
  EXPECT_THAT((*connection)->Execute("SELECT pg_sleep(600)"),
              StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST(ConnectionDsnTest, KeepsTheConnectionStringToItself) {
  for (std::string dsn : {"host=/nowhere password=hunter2", "password='hunter2", "hunter2",
                          "postgresql://u:hunter2@%2Fnowhere/db", "host=x hunter2"}) {
    ConnectionOptions options;
    options.dsn = dsn;
    auto connection = Connection::Open(options);
    EXPECT_THAT(connection, Not(IsOk()));
    EXPECT_THAT(std::string(connection.status().message()), Not(HasSubstr("hunter2"))) << dsn;
  }
}

}  // namespace
}  // namespace mentat::store
