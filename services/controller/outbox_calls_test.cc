// The outbox over the control plane: a real controller, a real database.

#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "common/store/outbox.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using ::testing::ElementsAre;
using Stub = v1::Controller::Stub;

class OutboxCallsTest : public ControllerTest {
 protected:
  void SetUp() override {
    ControllerTest::SetUp();
    auto cluster = store::PrivateCluster::Create({.fsync = false});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
    const auto dsn = cluster_->CreateDatabase("outbox");
    ASSERT_THAT(dsn, IsOk());
    dsn_ = *dsn;
    auto connection = store::Connection::Open({.dsn = dsn_});
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(store::Migrate(*connection_, store::Migrations(), [](std::string_view) {}), IsOk());
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    for (int i = 0; i < 5; ++i) {
      ASSERT_THAT(store::Enqueue(**transaction, {.kind = i < 3 ? "mail" : "warden",
                                                 .key = absl::StrCat("k", i),
                                                 .payload = "text"}),
                  IsOk());
    }
    ASSERT_THAT((*transaction)->Commit(), IsOk());
    ASSERT_THAT(
        connection_->Execute("UPDATE outbox SET state = 'failed', end_time = now(), attempts = 12, "
                             "last_error = 'no such address' WHERE key IN ('k0', 'k4')"),
        IsOk());
  }

  std::unique_ptr<store::PrivateCluster> cluster_;
  std::string dsn_;
  std::unique_ptr<store::Connection> connection_;
};

TEST_F(OutboxCallsTest, ShowTryAgainAndDiscard) {
  StartController("[]", {"--set", "database.dsn=" + dsn_});
  v1::ListOutboxRequest list;
  list.set_page_size(2);
  std::vector<std::string> seen;
  do {
    const auto page = Call(&Stub::ListOutbox, list);
    for (const v1::OutboxMessage& message : page.messages()) {
      seen.push_back(message.key() + " " + message.kind() + " " + message.state());
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(seen, ElementsAre("k4 warden failed", "k3 warden pending", "k2 mail pending",
                                "k1 mail pending", "k0 mail failed"));
  const auto counts = Call(&Stub::CountOutbox, v1::CountOutboxRequest());
  ASSERT_EQ(counts.groups_size(), 4);
  EXPECT_EQ(counts.groups(1).state(), "pending");
  EXPECT_EQ(counts.groups(1).count(), 2);

  v1::RetryOutboxRequest retry;
  retry.mutable_selection()->add_states("failed");
  retry.mutable_selection()->add_kinds("mail");
  EXPECT_EQ(Call(&Stub::RetryOutbox, retry).retried(), 1);
  v1::ListOutboxRequest failed;
  failed.mutable_selection()->add_states("failed");
  auto page = Call(&Stub::ListOutbox, failed);
  ASSERT_EQ(page.messages_size(), 1);
  EXPECT_EQ(page.messages(0).key(), "k4");
  EXPECT_EQ(page.messages(0).last_error(), "no such address");
  EXPECT_EQ(page.messages(0).attempts(), 12);
  EXPECT_EQ(page.messages(0).payload_bytes(), 4);
  EXPECT_TRUE(page.messages(0).has_end_time());

  v1::DiscardOutboxRequest discard;
  v1::DiscardOutboxResponse discarded;
  EXPECT_EQ(TryCall(&Stub::DiscardOutbox, discard, discarded).error_code(), grpc::INVALID_ARGUMENT);
  discard.mutable_selection()->add_ids(page.messages(0).id());
  EXPECT_EQ(Call(&Stub::DiscardOutbox, discard).discarded(), 1);
  EXPECT_EQ(Call(&Stub::ListOutbox, failed).messages_size(), 0);
  v1::ListOutboxResponse none;
  list.set_page_token("1; DROP TABLE outbox");
  EXPECT_EQ(TryCall(&Stub::ListOutbox, list, none).error_code(), grpc::INVALID_ARGUMENT);
}

TEST_F(OutboxCallsTest, EachCallHasItsRole) {
  std::ofstream(folder() + "/tokens")
      << "v viewer viewer-secret-token\no operator operator-secret-token\n"
         "a admin admin-secret-token\n";
  ::chmod((folder() + "/tokens").c_str(), 0600);
  StartController("[]", {"--set", "database.dsn=" + dsn_, "--set",
                         "service.access.tokens_file=" + folder() + "/tokens"});
  // The code of a call by a role; a request without a condition is refused where it changes
  // something.
  const auto call = [&](const std::string& role, auto method, const auto& request, auto response) {
    grpc::ClientContext context;
    SetDeadline(context);
    if (!role.empty()) context.AddMetadata("authorization", "Bearer " + role + "-secret-token");
    return (stub().*method)(&context, request, &response).error_code();
  };
  const auto list = [&](const std::string& role) {
    return call(role, &Stub::ListOutbox, v1::ListOutboxRequest(), v1::ListOutboxResponse());
  };
  const auto count = [&](const std::string& role) {
    return call(role, &Stub::CountOutbox, v1::CountOutboxRequest(), v1::CountOutboxResponse());
  };
  const auto retry = [&](const std::string& role) {
    return call(role, &Stub::RetryOutbox, v1::RetryOutboxRequest(), v1::RetryOutboxResponse());
  };
  const auto discard = [&](const std::string& role) {
    return call(role, &Stub::DiscardOutbox, v1::DiscardOutboxRequest(),
                v1::DiscardOutboxResponse());
  };
  EXPECT_EQ(list(""), grpc::UNAUTHENTICATED);
  EXPECT_EQ(list("viewer"), grpc::OK);
  EXPECT_EQ(count(""), grpc::UNAUTHENTICATED);
  EXPECT_EQ(count("viewer"), grpc::OK);
  EXPECT_EQ(retry("viewer"), grpc::PERMISSION_DENIED);
  EXPECT_EQ(retry("operator"), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(discard("operator"), grpc::PERMISSION_DENIED);
  EXPECT_EQ(discard("admin"), grpc::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace mentat::controller
