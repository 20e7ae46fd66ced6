// Every method of every service, over real sockets: without credentials, with a role that is too
// low, with the role that it needs, over TLS and plain, by token and by certificate.
#include "common/service/access/roles.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/base/status_matchers.h"
#include "common/service/access/admin_client.h"
#include "common/service/access/audit.h"
#include "common/service/access/gate.h"
#include "common/service/access/server_credentials.h"
#include "common/service/testing/certificates.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mentat/controller/v1/controller.grpc.pb.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

using ::testing::HasSubstr;

std::string TokenOf(Role role) {
  return absl::StrCat("the-token-of-the-", std::string(RoleName(role)));
}
std::string PathOf(const google::protobuf::MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

std::vector<const google::protobuf::MethodDescriptor*> AllMethods() {
  std::vector<const google::protobuf::MethodDescriptor*> methods;
  for (const char* name : {"mentat.stage.v1.StageAdmin", "mentat.controller.v1.Controller"}) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    for (int i = 0; i < service->method_count(); ++i) methods.push_back(service->method(i));
  }
  return methods;
}

// A call with an empty request.
grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::Status status;
  const auto call = stub.PrepareCall(&context, method, &queue);
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  call->WriteLast(request, grpc::WriteOptions(), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  queue.Next(&tag, &ok);
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  return status;
}

// What was changed, by whom.
class Records : public AuditSink {
 public:
  void Write(const controller::v1::AuditRecord& record) override {
    const MutexLock lock(mutex_);
    records_.push_back(record);
  }
  // A record is written before the call comes back.
  std::vector<controller::v1::AuditRecord> Take() {
    const MutexLock lock(mutex_);
    return std::exchange(records_, {});
  }

 private:
  Mutex mutex_;
  std::vector<controller::v1::AuditRecord> records_ ABSL_GUARDED_BY(mutex_);
};

// Answers UNIMPLEMENTED to everything, but Resume as it is told.
class FakeController : public controller::v1::Controller::Service {
 public:
  grpc::Status Resume(grpc::ServerContext*, const controller::v1::ResumeRequest*,
                      controller::v1::ResumeResponse* response) override {
    if (answer.empty()) return {grpc::UNIMPLEMENTED, ""};
    google::protobuf::TextFormat::ParseFromString(answer, response);
    return grpc::Status::OK;
  }
  std::string answer;
};

// A server whose own methods all answer UNIMPLEMENTED, once they are reached.
class RolesTest : public testing::Test {
 protected:
  RolesTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
      const std::string name(RoleName(role));
      WriteSecret(name + ".token", TokenOf(role) + "\n");
      tokens_ += absl::StrCat(name, " ", name, " ", TokenOf(role), "\n");
    }
    WriteSecret("tokens", tokens_);
    config_.mutable_access()->set_tokens_file(folder_ + "/tokens");
    config_.set_admin_listen("127.0.0.1:0");
  }

  void UseTls() {
    EXPECT_THAT(testing_support::MakeAuthority(folder_, "ca"), IsOk());
    EXPECT_THAT(testing_support::MakeCertificate(folder_, "ca", "server"), IsOk());
    config_.mutable_tls()->set_cert_file(folder_ + "/server.pem");
    config_.mutable_tls()->set_key_file(folder_ + "/server.key");
    client_.set_ca_file(folder_ + "/ca.pem");
  }

  void WriteSecret(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    ::chmod((folder_ + "/" + name).c_str(), 0600);
  }

  void StartServer() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    auto gate = Gate::Create({.config = config_, .registry = &registry_});
    ASSERT_THAT(gate, IsOk());
    gate_ = *std::move(gate);
    const auto credentials = MakeServerCredentials(
        gate_, config_.has_tls() ? &config_.tls() : nullptr, log::Logger::Null());
    ASSERT_THAT(credentials, IsOk());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", *credentials, &port_);
    builder.RegisterService(&stage_);
    builder.RegisterService(&controller_);
    builder.experimental().SetInterceptorCreators(
        MakeAuditInterceptors(gate_, log::Logger::Null(), &records_));
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  // A channel of its own connection.
  std::shared_ptr<grpc::Channel> Connect(const config::v1::AdminClientConfig& config) {
    const auto client = AdminClient::Create(config);
    EXPECT_THAT(client, IsOk());
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return (*client)->Connect(absl::StrCat("127.0.0.1:", port_), arguments).value();
  }
  std::shared_ptr<grpc::Channel> ConnectAs(Role role) {
    config::v1::AdminClientConfig config = client_;
    if (role != Role::kNone) {
      config.set_token_file(absl::StrCat(folder_, "/", std::string(RoleName(role)), ".token"));
    }
    return Connect(config);
  }

  // What each role may, for every method.
  void ExpectRolesHold(const std::map<Role, std::shared_ptr<grpc::Channel>>& channels) {
    for (const auto* method : AllMethods()) {
      const std::string path = PathOf(*method);
      const Role needed = RuleOf(path).role;
      EXPECT_GE(needed, Role::kViewer) << path;
      for (const auto& [role, channel] : channels) {
        const grpc::Status status = Call(channel, path);
        const grpc::StatusCode expected = role >= needed        ? grpc::UNIMPLEMENTED
                                          : role == Role::kNone ? grpc::UNAUTHENTICATED
                                                                : grpc::PERMISSION_DENIED;
        EXPECT_EQ(status.error_code(), expected)
            << path << " by " << RoleName(role) << ": " << status.error_message();
        if (expected == grpc::UNIMPLEMENTED) continue;
        EXPECT_THAT(status.error_message(),
                    HasSubstr(absl::StrCat(method->name(), " needs the role ",
                                           std::string(RoleName(needed)))));
      }
    }
  }

  const std::string folder_ = testing::TempDir() + "/roles";
  std::string tokens_;
  config::v1::ServiceConfig config_;
  config::v1::AdminClientConfig client_;
  prometheus::Registry registry_;
  std::shared_ptr<Gate> gate_;
  Records records_;
  stage::v1::StageAdmin::Service stage_;
  FakeController controller_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kPause[] = "/mentat.stage.v1.StageAdmin/Pause";

TEST_F(RolesTest, EveryMethodHasARule) {
  for (const auto* method : AllMethods()) EXPECT_TRUE(HasRule(PathOf(*method))) << PathOf(*method);
  EXPECT_FALSE(HasRule("/mentat.stage.v1.StageAdmin/New"));
  EXPECT_EQ(RuleOf("/mentat.stage.v1.StageAdmin/New").role, Role::kAdmin);
}

TEST_F(RolesTest, PlainByToken) {
  StartServer();
  ExpectRolesHold({{Role::kNone, ConnectAs(Role::kNone)},
                   {Role::kViewer, ConnectAs(Role::kViewer)},
                   {Role::kOperator, ConnectAs(Role::kOperator)},
                   {Role::kAdmin, ConnectAs(Role::kAdmin)}});
}

TEST_F(RolesTest, TlsByToken) {
  UseTls();
  StartServer();
  ExpectRolesHold({{Role::kNone, ConnectAs(Role::kNone)},
                   {Role::kViewer, ConnectAs(Role::kViewer)},
                   {Role::kOperator, ConnectAs(Role::kOperator)},
                   {Role::kAdmin, ConnectAs(Role::kAdmin)}});
  // Nothing plain is understood.
  config::v1::AdminClientConfig plain;
  EXPECT_EQ(Call(Connect(plain), kHealth).error_code(), grpc::UNAVAILABLE);
}

TEST_F(RolesTest, TlsByCertificate) {
  UseTls();
  config_.mutable_access()->clear_tokens_file();
  config_.mutable_tls()->set_client_ca_file(folder_ + "/ca.pem");
  std::map<Role, std::shared_ptr<grpc::Channel>> channels;
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    const std::string name(RoleName(role));
    ASSERT_THAT(testing_support::MakeCertificate(folder_, "ca", name), IsOk());
    (*config_.mutable_access()->mutable_certificate_roles())[name] = name;
  }
  StartServer();
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    config::v1::AdminClientConfig config = client_;
    config.set_cert_file(absl::StrCat(folder_, "/", std::string(RoleName(role)), ".pem"));
    config.set_key_file(absl::StrCat(folder_, "/", std::string(RoleName(role)), ".key"));
    channels[role] = Connect(config);
  }
  channels[Role::kNone] = ConnectAs(Role::kNone);
  ExpectRolesHold(channels);

  // A name that means something, from an authority that means nothing.
  ASSERT_THAT(testing_support::MakeAuthority(folder_, "other"), IsOk());
  ASSERT_THAT(testing_support::MakeCertificate(folder_, "other", "forged"), IsOk());
  ASSERT_THAT(testing_support::MakeCertificate(folder_, "other", "admin"), IsOk());
  config::v1::AdminClientConfig forged = client_;
  forged.set_cert_file(folder_ + "/admin.pem");
  forged.set_key_file(folder_ + "/admin.key");
  EXPECT_EQ(Call(Connect(forged), kHealth).error_code(), grpc::UNAVAILABLE);
  // A valid certificate whose name has no role.
  forged.set_cert_file(folder_ + "/server.pem");
  forged.set_key_file(folder_ + "/server.key");
  const grpc::Status status = Call(Connect(forged), kPause);
  EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("certificate server has the role none"));
}

TEST_F(RolesTest, EveryChangingCallIsRecorded) {
  StartServer();
  const auto viewer = ConnectAs(Role::kViewer);
  const auto admin = ConnectAs(Role::kAdmin);
  for (const auto* method : AllMethods()) {
    const bool changes = RuleOf(PathOf(*method)).changes;
    Call(viewer, PathOf(*method));  // what is refused changes nothing
    Call(admin, PathOf(*method));
    const std::vector<controller::v1::AuditRecord> records = records_.Take();
    ASSERT_EQ(records.size(), changes ? 1 : 0) << PathOf(*method);
    if (!changes) continue;
    EXPECT_EQ(records[0].call(), method->name());
    EXPECT_EQ(records[0].caller(), "token admin (admin)");
    EXPECT_THAT(records[0].peer(), HasSubstr("127.0.0.1:"));
    EXPECT_EQ(records[0].code(), grpc::UNIMPLEMENTED);
    EXPECT_EQ(records[0].request(), "{}");
    EXPECT_GT(records[0].time().seconds(), 1'700'000'000);
  }
}

TEST_F(RolesTest, RecordsTellTheRequestButNoFiles) {
  StartServer();
  const auto channel = ConnectAs(Role::kAdmin);
  {
    grpc::ClientContext context;
    controller::v1::ScaleRequest request;
    request.set_stage("inspector");
    request.set_instances(3);
    controller::v1::ScaleResponse response;
    controller::v1::Controller::NewStub(channel)->Scale(&context, request, &response);
    EXPECT_EQ(records_.Take().at(0).request(), R"({"stage":"inspector","instances":3})");
  }
  grpc::ClientContext context;
  stage::v1::PutReloadFilesRequest request;
  request.add_files()->set_path("rules.json");
  request.mutable_files(0)->set_content("in a file");
  stage::v1::PutReloadFilesResponse response;
  stage::v1::StageAdmin::NewStub(channel)->PutReloadFiles(&context, request, &response);
  EXPECT_EQ(records_.Take().at(0).request(), R"({"files":[{"path":"rules.json"}]})");
}

TEST_F(RolesTest, RecordsTellHowManyInstancesFailed) {
  StartServer();
  const auto channel = ConnectAs(Role::kOperator);
  grpc::ClientContext context;
  controller::v1::ResumeResponse response;
  controller_.answer = R"(results { code: 0 } results { code: 14 error: "away" })";
  EXPECT_TRUE(controller::v1::Controller::NewStub(channel)->Resume(&context, {}, &response).ok());
  const auto record = records_.Take().at(0);
  EXPECT_EQ(record.code(), 0);
  EXPECT_EQ(record.error(), "1 of 2 instances failed: away");
}

TEST_F(RolesTest, HealthIsOpenReflectionForViewersAndTheUnknownForAdmins) {
  StartServer();
  EXPECT_TRUE(Call(ConnectAs(Role::kNone), kHealth).ok());
  EXPECT_EQ(Call(ConnectAs(Role::kNone), kReflection).error_code(), grpc::UNAUTHENTICATED);
  EXPECT_NE(Call(ConnectAs(Role::kViewer), kReflection).error_code(), grpc::UNAUTHENTICATED);
  const std::string unknown = "/mentat.stage.v1.StageAdmin/New";
  EXPECT_EQ(Call(ConnectAs(Role::kOperator), unknown).error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(Call(ConnectAs(Role::kAdmin), unknown).error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(RolesTest, AServerThatIsNotTheOneIsNotTalkedTo) {
  UseTls();
  StartServer();
  ASSERT_THAT(testing_support::MakeAuthority(folder_, "other"), IsOk());
  config::v1::AdminClientConfig config = client_;
  config.set_ca_file(folder_ + "/other.pem");
  EXPECT_EQ(Call(Connect(config), kHealth).error_code(), grpc::UNAVAILABLE);
  config = client_;
  config.set_server_name("elsewhere.example");
  EXPECT_EQ(Call(Connect(config), kHealth).error_code(), grpc::UNAVAILABLE);
  config.set_server_name("localhost");
  EXPECT_TRUE(Call(Connect(config), kHealth).ok());
}

TEST_F(RolesTest, CertificatesChangeWithTheirFiles) {
  UseTls();
  StartServer();
  const auto standing = ConnectAs(Role::kAdmin);
  EXPECT_EQ(Call(standing, kPause).error_code(), grpc::UNIMPLEMENTED);

  // Another authority: who trusts the old one alone is not served by new connections any more.
  std::filesystem::copy_file(folder_ + "/ca.pem", folder_ + "/old.pem");
  config::v1::AdminClientConfig old_client = client_;
  old_client.set_ca_file(folder_ + "/old.pem");
  ASSERT_THAT(testing_support::MakeAuthority(folder_, "ca"), IsOk());
  ASSERT_THAT(testing_support::MakeCertificate(folder_, "ca", "server"), IsOk());
  EXPECT_TRUE(Call(ConnectAs(Role::kNone), kHealth).ok());
  EXPECT_EQ(Call(Connect(old_client), kHealth).error_code(), grpc::UNAVAILABLE);
  // A connection that stands goes on.
  EXPECT_EQ(Call(standing, kPause).error_code(), grpc::UNIMPLEMENTED);

  // A key that does not belong to the certificate, and a file that is no key, change nothing.
  ASSERT_THAT(testing_support::MakeCertificate(folder_, "ca", "unrelated"), IsOk());
  std::filesystem::copy_file(folder_ + "/server.key", folder_ + "/right.key");
  std::filesystem::rename(folder_ + "/unrelated.key", folder_ + "/server.key");
  EXPECT_TRUE(Call(ConnectAs(Role::kNone), kHealth).ok());
  WriteSecret("server.key", "no key");
  EXPECT_TRUE(Call(ConnectAs(Role::kNone), kHealth).ok());
  std::filesystem::rename(folder_ + "/right.key", folder_ + "/server.key");
  EXPECT_TRUE(Call(ConnectAs(Role::kNone), kHealth).ok());
}

TEST_F(RolesTest, TheClientsTokenChangesWithItsFile) {
  StartServer();
  WriteSecret("mine.token", TokenOf(Role::kViewer));
  config::v1::AdminClientConfig config;
  config.set_token_file(folder_ + "/mine.token");
  const auto channel = Connect(config);
  EXPECT_EQ(Call(channel, kPause).error_code(), grpc::PERMISSION_DENIED);
  WriteSecret("mine.token", TokenOf(Role::kOperator));
  EXPECT_EQ(Call(channel, kPause).error_code(), grpc::UNIMPLEMENTED);
}

TEST(AdminClientTest, TokensNeverGoOverTheNetworkInTheClear) {
  const std::string file = testing::TempDir() + "/client.token";
  std::ofstream(file) << TokenOf(Role::kAdmin);
  ::chmod(file.c_str(), 0600);
  config::v1::AdminClientConfig config;
  config.set_token_file(file);
  const auto client = AdminClient::Create(config);
  ASSERT_THAT(client, IsOk());
  EXPECT_THAT((*client)->Connect("127.0.0.1:1"), IsOk());
  EXPECT_THAT((*client)->Connect("localhost:1"), IsOk());
  EXPECT_THAT((*client)->Connect("[::1]:1"), IsOk());
  for (const char* address : {"192.0.2.1:1", "controller:1", "[2001:db8::1]:1"}) {
    EXPECT_THAT((*client)->Connect(address),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in the clear")));
  }
  config.set_allow_plaintext(true);
  EXPECT_THAT((*AdminClient::Create(config))->Connect("192.0.2.1:1"), IsOk());
}

TEST(AdminClientTest, WrongFilesAreNamed) {
  const std::string file = testing::TempDir() + "/wrong.token";
  std::ofstream(file) << "two words\n";
  config::v1::AdminClientConfig config;
  config.set_token_file(file);
  ::chmod(file.c_str(), 0644);
  EXPECT_THAT(AdminClient::Create(config),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("token_file: " + file)));
  ::chmod(file.c_str(), 0600);
  EXPECT_THAT(AdminClient::Create(config), StatusIs(absl::StatusCode::kInvalidArgument,
                                                    HasSubstr(file + ":1: expected a token")));
  config.clear_token_file();
  config.set_cert_file("a.pem");
  EXPECT_THAT(AdminClient::Create(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("only one of them")));
  config.set_key_file("a.key");
  EXPECT_THAT(AdminClient::Create(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ca_file: is required")));
  config.set_ca_file("/nowhere/ca.pem");
  EXPECT_THAT(AdminClient::Create(config),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ca_file: cannot read /nowhere")));
}

}  // namespace
}  // namespace mentat::service
