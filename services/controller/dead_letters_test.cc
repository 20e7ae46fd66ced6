// Dead letters over the control plane: a real controller, a real storage as the first stage, a real
// database.

#include "common/store/dead_letters.h"

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/event.pb.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::ServiceProcess;
using Stub = v1::Controller::Stub;

class DeadLettersTest : public ControllerTest {
 protected:
  static void SetUpTestSuite() {
    auto cluster = store::PrivateCluster::Create({.fsync = false});
    ASSERT_THAT(cluster, IsOk());
    cluster_ = cluster->release();
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  void SetUp() override {
    ControllerTest::SetUp();
    const auto dsn =
        cluster_->CreateDatabase(testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_THAT(dsn, IsOk());
    dsn_ = *dsn;
    auto connection = store::Connection::Open({.dsn = dsn_});
    ASSERT_THAT(connection, IsOk());
    connection_ = *std::move(connection);
    ASSERT_THAT(store::Migrate(*connection_, store::Migrations(), [](std::string_view) {}), IsOk());
  }

  void StartStorage() {
    auto storage = ServiceProcess::Start(
        "services/storage/storage", folder() + "/ports", "storage",
        {"--set", "pipeline.input.bind=tcp://127.0.0.1:*", "--set", "database.dsn=" + dsn_});
    ASSERT_THAT(storage, IsOk());
    storage_ = *std::move(storage);
    ASSERT_THAT(storage_->WaitForState(stage::v1::STATE_READY), IsOk());
  }

  void Start(const Arguments& more = {}) {
    Arguments arguments = {"--set", "database.dsn=" + dsn_};
    if (storage_ != nullptr) {
      arguments.insert(arguments.end(),
                       {"--set", absl::StrCat("pipeline.outputs={\"default\": {\"peers\": [\"",
                                              storage_->ports().input, "\"]}}")});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    StartController("[]", arguments);
    if (storage_ == nullptr) return;
    const auto connected = controller().WaitUntil([](const stage::v1::Status& status) {
      return status.peers_size() == 1 && status.peers(0).connected();
    });
    ASSERT_THAT(connected, IsOk());
  }

  static std::string Event(const std::string& id, const std::string& description = "") {
    idea::v1::Event event;
    event.set_id(id);
    event.set_description(description);
    event.set_detect_time(1'709'653'942'000'000);
    return event.SerializeAsString();
  }

  void Insert(const std::string& event, const std::string& message = "it failed",
              const std::string& rule = "") {
    pipeline::v1::DeadLetter letter;
    letter.set_reason(pipeline::v1::REASON_FAILED);
    letter.set_stage("inspector");
    letter.set_instance("inspector-1");
    letter.set_message(message);
    letter.set_rule(rule);
    letter.set_time(1'709'653'942'000'000 + inserted_++);
    auto transaction = connection_->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(store::InsertDeadLetter(**transaction, letter, event, 0), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }

  std::string Query(std::string_view sql) {
    const auto result = connection_->Execute(sql);
    if (!result.ok()) return std::string(result.status().ToString());
    return result->rows() == 0 ? "" : std::string(result->Text(0, 0));
  }
  // Until a query gives this.
  void WaitFor(std::string_view sql, std::string_view value) {
    const absl::Time deadline = absl::Now() + testing_support::kPatience;
    std::string found = Query(sql);
    while (found != value) {
      ASSERT_LT(absl::Now(), deadline) << sql << " gives " << found;
      Query("SELECT pg_sleep(0.02)");
      found = Query(sql);
    }
  }

  // Its last message; the status is `code`.
  v1::ReplayDeadLettersResponse Replay(const v1::ReplayDeadLettersRequest& request,
                                       grpc::StatusCode code = grpc::OK,
                                       std::string* error = nullptr) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto reader = stub().ReplayDeadLetters(&context, request);
    v1::ReplayDeadLettersResponse last;
    while (reader->Read(&last)) {
    }
    const grpc::Status status = reader->Finish();
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    if (error != nullptr) *error = status.error_message();
    return last;
  }
  v1::ReplayDeadLettersResponse ReplayAll(uint32_t limit = 0) {
    v1::ReplayDeadLettersRequest request;
    request.set_all(true);
    request.set_limit(limit);
    return Replay(request);
  }

  static store::PrivateCluster* cluster_;
  std::string dsn_;
  std::unique_ptr<store::Connection> connection_;
  Process storage_;
  int inserted_ = 0;
};

store::PrivateCluster* DeadLettersTest::cluster_ = nullptr;

TEST_F(DeadLettersTest, AreListedCountedAndShown) {
  for (int i = 0; i < 5; ++i) {
    Insert(Event(absl::StrCat("e", i)), absl::StrCat("message ", std::string(1000, 'x')), "a rule");
  }
  Insert("{\"ID\": ", "no event");
  Start();
  v1::ListDeadLettersRequest list;
  list.mutable_selection()->add_rules("a rule");
  list.set_page_size(2);
  std::vector<std::string> seen;
  do {
    const auto page = Call(&Stub::ListDeadLetters, list);
    for (const v1::DeadLetter& letter : page.dead_letters()) {
      seen.push_back(letter.event_id());
      EXPECT_EQ(letter.message().size(), 300);
      EXPECT_EQ(letter.attempts(), 1);
      EXPECT_EQ(letter.last_time().seconds(), 1'709'653'942);
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(seen, ElementsAre("e4", "e3", "e2", "e1", "e0"));

  const auto counts = Call(&Stub::CountDeadLetters, v1::CountDeadLettersRequest());
  EXPECT_EQ(counts.total(), 6);
  ASSERT_EQ(counts.groups_size(), 2);
  EXPECT_EQ(counts.groups(0).rule(), "a rule");
  EXPECT_EQ(counts.groups(0).count(), 5);

  v1::GetDeadLetterRequest get;
  get.set_id(1);
  auto letter = Call(&Stub::GetDeadLetter, get);
  EXPECT_THAT(letter.event(), HasSubstr("\"ID\":\"e0\""));
  EXPECT_EQ(letter.dead_letter().message().size(), 1008);
  get.set_id(6);
  letter = Call(&Stub::GetDeadLetter, get);
  EXPECT_EQ(letter.raw(), "{\"ID\": ");
  EXPECT_NE(letter.unreadable(), "");
}

TEST_F(DeadLettersTest, TimesBefore1970AreTimesToo) {
  for (int i = 0; i < 3; ++i) Insert(Event(absl::StrCat("e", i)));
  Query("UPDATE dead_letters SET last_time = '1969-12-31T23:00:00Z'");
  Start();
  v1::ListDeadLettersRequest list;
  list.set_page_size(2);
  v1::ListDeadLettersResponse page = Call(&Stub::ListDeadLetters, list);
  list.set_page_token(page.next_page_token());
  page = Call(&Stub::ListDeadLetters, list);
  EXPECT_EQ(page.dead_letters_size(), 1);
  // What began in 1970 or later is none of them.
  v1::DiscardDeadLettersRequest discard;
  discard.mutable_selection()->mutable_from();
  EXPECT_EQ(Call(&Stub::DiscardDeadLetters, discard).discarded(), 0);
  discard.mutable_selection()->clear_from();
  discard.mutable_selection()->mutable_to();
  EXPECT_EQ(Call(&Stub::DiscardDeadLetters, discard).discarded(), 3);
}

TEST_F(DeadLettersTest, WrongRequestsAreRefused) {
  Start();
  v1::ListDeadLettersRequest list;
  v1::ListDeadLettersResponse page;
  list.set_page_token("1-2; DROP TABLE dead_letters");
  EXPECT_EQ(TryCall(&Stub::ListDeadLetters, list, page).error_code(), grpc::INVALID_ARGUMENT);
  list.clear_page_token();
  list.mutable_selection()->set_text(std::string(1001, 'x'));
  EXPECT_EQ(TryCall(&Stub::ListDeadLetters, list, page).error_code(), grpc::INVALID_ARGUMENT);
  list.mutable_selection()->set_text(std::string(1, '\0'));
  EXPECT_EQ(TryCall(&Stub::ListDeadLetters, list, page).error_code(), grpc::INVALID_ARGUMENT);
  list.mutable_selection()->clear_text();
  list.mutable_selection()->mutable_from()->set_seconds(int64_t{1} << 60);
  EXPECT_EQ(TryCall(&Stub::ListDeadLetters, list, page).error_code(), grpc::INVALID_ARGUMENT);
  v1::GetDeadLetterRequest get;
  v1::GetDeadLetterResponse letter;
  EXPECT_EQ(TryCall(&Stub::GetDeadLetter, get, letter).error_code(), grpc::NOT_FOUND);
  v1::DiscardDeadLettersResponse discarded;
  const auto status =
      TryCall(&Stub::DiscardDeadLetters, v1::DiscardDeadLettersRequest(), discarded);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("`all`"));
  Replay({}, grpc::INVALID_ARGUMENT);
  std::string error;
  v1::ReplayDeadLettersRequest replay;
  replay.set_all(true);
  Replay(replay, grpc::FAILED_PRECONDITION, &error);
  EXPECT_THAT(error, HasSubstr("pipeline.outputs.default"));
}

TEST_F(DeadLettersTest, EachCallHasItsRole) {
  std::ofstream(folder() + "/tokens")
      << "v viewer viewer-secret-token\no operator operator-secret-token\n"
         "a admin admin-secret-token\n";
  ::chmod((folder() + "/tokens").c_str(), 0600);
  Insert(Event("e"));
  Start({"--set", "service.access.tokens_file=" + folder() + "/tokens"});
  const auto as = [](grpc::ClientContext& context, const std::string& role) {
    if (!role.empty()) context.AddMetadata("authorization", "Bearer " + role + "-secret-token");
    SetDeadline(context);
  };
  const auto list = [&](const std::string& role) {
    grpc::ClientContext context;
    as(context, role);
    v1::ListDeadLettersResponse response;
    return stub().ListDeadLetters(&context, {}, &response).error_code();
  };
  EXPECT_EQ(list(""), grpc::UNAUTHENTICATED);
  EXPECT_EQ(list("viewer"), grpc::OK);
  const auto replay = [&](const std::string& role) {
    grpc::ClientContext context;
    as(context, role);
    v1::ReplayDeadLettersResponse response;
    const auto reader = stub().ReplayDeadLetters(&context, {});
    while (reader->Read(&response)) {
    }
    return reader->Finish().error_code();
  };
  EXPECT_EQ(replay("viewer"), grpc::PERMISSION_DENIED);
  EXPECT_EQ(replay("operator"), grpc::INVALID_ARGUMENT);
  v1::DiscardDeadLettersRequest all;
  all.set_all(true);
  v1::DiscardDeadLettersResponse discarded;
  const auto discard = [&](const std::string& role) {
    grpc::ClientContext context;
    as(context, role);
    return stub().DiscardDeadLetters(&context, all, &discarded).error_code();
  };
  EXPECT_EQ(discard("operator"), grpc::PERMISSION_DENIED);
  EXPECT_EQ(discard("admin"), grpc::OK);
  EXPECT_EQ(discarded.discarded(), 1);
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters"), "0");
  grpc::ClientContext context;
  as(context, "viewer");
  v1::ListAuditRecordsResponse records;
  ASSERT_TRUE(stub().ListAuditRecords(&context, {}, &records).ok());
  ASSERT_GE(records.records_size(), 1);
  EXPECT_EQ(records.records(0).call(), "DiscardDeadLetters");
  EXPECT_EQ(records.records(0).caller(), "token a (admin)");
}

TEST_F(DeadLettersTest, ADatabaseThatIsAwayStopsNothingElse) {
  Insert(Event("e"));
  Start();
  EXPECT_EQ(Call(&Stub::CountDeadLetters, v1::CountDeadLettersRequest()).total(), 1);
  ASSERT_THAT(cluster_->Stop("immediate"), IsOk());
  v1::CountDeadLettersResponse counts;
  const auto status = TryCall(&Stub::CountDeadLetters, v1::CountDeadLettersRequest(), counts);
  EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("the database is not to be had"));
  EXPECT_EQ(Status().stages_size(), 0);
  EXPECT_EQ(controller().Status()->state(), stage::v1::STATE_READY);
  ASSERT_THAT(cluster_->Start(), IsOk());
  EXPECT_EQ(Call(&Stub::CountDeadLetters, v1::CountDeadLettersRequest()).total(), 1);
}

TEST_F(DeadLettersTest, AReplayEndsWithTheCauseOrLeavesTheLetterOnce) {
  StartStorage();
  ASSERT_EQ(Query("ALTER TABLE events ADD CONSTRAINT no_bad CHECK (description <> 'bad')"), "");
  for (int i = 0; i < 600; ++i) Insert(Event(absl::StrCat("e", i)));
  Insert(Event("e0", "sent twice, with other bytes"));
  Insert(Event("bad", "bad"));
  Insert("{\"ID\": ");
  Start();
  v1::ReplayDeadLettersResponse told = ReplayAll(/*limit=*/100);
  EXPECT_EQ(told.stored(), 100);
  EXPECT_TRUE(told.more());
  told = ReplayAll();
  EXPECT_TRUE(told.done());
  EXPECT_FALSE(told.more());
  EXPECT_EQ(told.stored(), 500);
  EXPECT_EQ(told.duplicates(), 1);
  EXPECT_EQ(told.rejected(), 1);
  EXPECT_EQ(told.skipped(), 1);
  ASSERT_EQ(told.errors_size(), 1);
  EXPECT_THAT(told.errors(0), HasSubstr("dead letter 603: "));
  const std::string left =
      "SELECT string_agg(concat_ws(' ', event_id, stage, reason, attempts), ', ' ORDER BY id) "
      "FROM dead_letters";
  EXPECT_EQ(Query("SELECT count(*) || ' ' || count(DISTINCT id) FROM events"), "600 600");
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters WHERE replay_time IS NOT NULL"), "0");
  EXPECT_EQ(Query(left), "inspector failed 1, bad storage refused 2");
  // Again, as long as the cause is there.
  EXPECT_EQ(ReplayAll().rejected(), 1);
  EXPECT_EQ(Query(left), "inspector failed 1, bad storage refused 3");
  ASSERT_EQ(Query("ALTER TABLE events DROP CONSTRAINT no_bad"), "");
  v1::ReplayDeadLettersRequest request;
  request.mutable_selection()->add_stages("storage");
  EXPECT_EQ(Replay(request).stored(), 1);
  EXPECT_EQ(Query(left), "inspector failed 1");
  EXPECT_EQ(Query("SELECT count(*) FROM events"), "601");
}

TEST_F(DeadLettersTest, AControllerThatIsKilledLeavesNothingInBetween) {
  StartStorage();
  ASSERT_EQ(Query("ALTER TABLE events ADD CONSTRAINT no_bad CHECK (description <> 'bad')"), "");
  for (int i = 0; i < 20; ++i) Insert(Event(absl::StrCat("e", i)));
  Insert(Event("bad", "bad"));
  Start();
  Freeze(storage_);
  grpc::ClientContext context;
  v1::ReplayDeadLettersRequest request;
  request.set_all(true);
  const auto reader = stub().ReplayDeadLetters(&context, request);
  v1::ReplayDeadLettersResponse told;
  do {
    ASSERT_TRUE(reader->Read(&told));
  } while (told.on_their_way() == 0);
  EXPECT_EQ(told.on_their_way(), 21);
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters WHERE replay_time IS NOT NULL"), "21");
  // Another one has to wait for its turn.
  Replay(request, grpc::ABORTED);
  controller().process().Signal(SIGKILL);
  EXPECT_EQ(controller().process().Wait().value(), 128 + SIGKILL);
  reader->Finish();
  // All of them had been sent.
  storage_->process().Signal(SIGCONT);
  WaitFor("SELECT count(*) FROM events", "20");
  WaitFor("SELECT count(*) FROM dead_letters WHERE stage = 'storage'", "1");
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters"), "22");
  // The next controller knows by the database what became of them.
  Start();
  WaitFor("SELECT string_agg(concat_ws(' ', event_id, stage, attempts), ', ') FROM dead_letters",
          "bad storage 2");
  ASSERT_EQ(Query("ALTER TABLE events DROP CONSTRAINT no_bad"), "");
  EXPECT_EQ(ReplayAll().stored(), 1);
  EXPECT_EQ(Query("SELECT count(*) || ' ' || count(DISTINCT id) FROM events"), "21 21");
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters"), "0");
}

TEST_F(DeadLettersTest, AControllerThatEndsSaysThatItHasNotSentAll) {
  StartStorage();
  for (int i = 0; i < 300; ++i) Insert(Event(absl::StrCat("e", i)));
  Start();
  Freeze(storage_);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ReplayDeadLettersRequest request;
  request.set_all(true);
  const auto reader = stub().ReplayDeadLetters(&context, request);
  v1::ReplayDeadLettersResponse told;
  do {
    ASSERT_TRUE(reader->Read(&told));
  } while (told.on_their_way() == 0);
  controller().process().Signal(SIGTERM);
  while (reader->Read(&told)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_FALSE(told.done());
  storage_->process().Signal(SIGCONT);
}

TEST_F(DeadLettersTest, AStorageThatIsKilledStoresEachEventOnce) {
  StartStorage();
  for (int i = 0; i < 50; ++i) Insert(Event(absl::StrCat("e", i)));
  // Commits are held up, so that the storage dies in the middle of its transaction.
  auto locker = store::Connection::Open({.dsn = dsn_});
  ASSERT_THAT(locker, IsOk());
  auto lock = (*locker)->Begin();
  ASSERT_THAT(lock, IsOk());
  ASSERT_THAT((*lock)->Execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"), IsOk());
  Start();
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ReplayDeadLettersRequest request;
  request.set_all(true);
  const auto reader = stub().ReplayDeadLetters(&context, request);
  v1::ReplayDeadLettersResponse told;
  ASSERT_TRUE(reader->Read(&told));
  EXPECT_EQ(told.on_their_way(), 50);
  const std::string address = storage_->ports().input;
  storage_->process().Signal(SIGKILL);
  storage_->process().Wait().IgnoreError();
  lock->reset();
  auto again = ServiceProcess::Start(
      "services/storage/storage", folder() + "/ports", "storage",
      {"--set", "pipeline.input.bind=" + address, "--set", "database.dsn=" + dsn_});
  ASSERT_THAT(again, IsOk());
  while (reader->Read(&told)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(told.stored() + told.duplicates(), 50);
  EXPECT_EQ(Query("SELECT count(*) || ' ' || count(DISTINCT id) FROM events"), "50 50");
  EXPECT_EQ(Query("SELECT count(*) FROM dead_letters"), "0");
}

}  // namespace
}  // namespace mentat::controller
