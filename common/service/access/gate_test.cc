#include "common/service/access/gate.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/base/status_matchers.h"
#include "common/service/host_port.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace mentat::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPause[] = "/mentat.stage.v1.StageAdmin/Pause";
constexpr char kAlice[] = "the-token-of-alice";
constexpr char kBob[] = "the-token-of-bob--";

// Replaces the file as a deployment tool does: never half written.
void WriteTokens(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  ::chmod((path + ".new").c_str(), 0600);
  std::filesystem::rename(path + ".new", path);
}

Credentials Token(const std::string& token) { return {.authorization = {"Bearer " + token}}; }
Credentials Names(std::vector<std::string> names) {
  return {.certificate_names = std::move(names)};
}

class GateTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Gate>> Create(const std::string& host = "127.0.0.1") {
    config_.set_admin_listen(FormatHostPort({host, 5580}));
    return Gate::Create({.config = config_, .registry = &registry_});
  }

  prometheus::Registry registry_;
  config::v1::ServiceConfig config_;
  const std::string tokens_ = testing::TempDir() + "/tokens";
};

TEST_F(GateTest, WhoeverReachesLoopbackIsAdminWhereNoCallersAreConfigured) {
  for (const std::string host : {"127.0.0.1", "127.8.8.8", "::1"}) {
    const auto gate = Create(host);
    ASSERT_THAT(gate, IsOk());
    EXPECT_THAT((*gate)->Admit("/mentat.controller.v1.Controller/Scale", {}), IsOk());
    EXPECT_THAT((*gate)->Admit("/other.v1.Service/Unknown", {}), IsOk());
  }
}

TEST_F(GateTest, WhatIsNotSaidExplicitlyIsNotServedBeyondLoopback) {
  EXPECT_THAT(Create("0.0.0.0"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          AllOf(HasSubstr("0.0.0.0:5580"),
                                                HasSubstr("service.access.allow_plaintext"))));
  config_.mutable_access()->set_allow_plaintext(true);
  for (const std::string host : {"0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1"}) {
    EXPECT_THAT(Create(host), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("service.access.anonymous_role")));
  }
  config_.mutable_access()->set_anonymous_role("viewer");
  const auto gate = Create("0.0.0.0");
  ASSERT_THAT(gate, IsOk());
  EXPECT_THAT((*gate)->Admit("/mentat.stage.v1.StageAdmin/GetStatus", {}), IsOk());
  EXPECT_THAT((*gate)->Admit(kPause, {}),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "Pause needs the role operator; anonymous has the role viewer"));
}

TEST_F(GateTest, ContradictionsAreErrors) {
  (*config_.mutable_access()->mutable_certificate_roles())["controller"] = "admin";
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("service.access.certificate_roles")));
  config_.mutable_access()->clear_certificate_roles();
  config_.mutable_tls()->set_client_ca_file("ca.pem");
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("service.tls.client_ca_file")));
}

TEST_F(GateTest, TheFileOfTokensMustBeRightAtTheStart) {
  config_.mutable_access()->set_tokens_file("/nowhere/tokens");
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kNotFound,
                                 HasSubstr("service.access.tokens_file: cannot read /nowhere")));
  std::ofstream(tokens_) << "alice admin " << kAlice << "\n";
  ::chmod(tokens_.c_str(), 0644);
  config_.mutable_access()->set_tokens_file(tokens_);
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 AllOf(HasSubstr(tokens_), HasSubstr("chmod 600"))));
}

TEST_F(GateTest, TokensChangeWithTheirFile) {
  WriteTokens(tokens_, std::string("alice operator ") + kAlice + "\n");
  config_.mutable_access()->set_tokens_file(tokens_);
  const auto gate = Create();
  ASSERT_THAT(gate, IsOk());
  EXPECT_THAT((*gate)->Admit(kPause, Token(kAlice)), IsOk());
  EXPECT_THAT((*gate)->Admit(kPause, Token(kBob)),
              StatusIs(absl::StatusCode::kUnauthenticated, "the token is not known here"));

  WriteTokens(tokens_, std::string("bob operator ") + kBob + "\nalice viewer " + kAlice + "\n");
  EXPECT_THAT((*gate)->Admit(kPause, Token(kBob)), IsOk());
  EXPECT_THAT((*gate)->Admit(kPause, Token(kAlice)),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "Pause needs the role operator; token alice has the role viewer"));

  // A wrong file leaves the old tokens in use, and the next right one counts.
  WriteTokens(tokens_, "nonsense\n");
  EXPECT_THAT((*gate)->Admit(kPause, Token(kBob)), IsOk());
  WriteTokens(tokens_, "# nobody\n");
  EXPECT_THAT((*gate)->Admit(kPause, Token(kBob)),
              StatusIs(absl::StatusCode::kUnauthenticated, "the token is not known here"));
}

TEST_F(GateTest, ATokenGoesBeforeACertificateAndBothBeforeNothing) {
  WriteTokens(tokens_, std::string("alice viewer ") + kAlice + "\n");
  config_.mutable_access()->set_tokens_file(tokens_);
  config_.mutable_tls()->set_client_ca_file("ca.pem");
  (*config_.mutable_access()->mutable_certificate_roles())["ops.example"] = "operator";
  (*config_.mutable_access()->mutable_certificate_roles())["boss.example"] = "admin";
  const auto gate = Create();
  ASSERT_THAT(gate, IsOk());
  EXPECT_THAT((*gate)->Admit(kPause, Names({"somebody", "ops.example"})), IsOk());
  EXPECT_EQ((*gate)->Identify(Names({"ops.example", "boss.example"}))->name,
            "certificate boss.example");
  EXPECT_THAT((*gate)->Admit(kPause, Names({"somebody"})),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "Pause needs the role operator; certificate somebody has the role none"));
  Credentials both = Token(kAlice);
  both.certificate_names = {"boss.example"};
  EXPECT_EQ((*gate)->Identify(both)->name, "token alice");
  EXPECT_THAT((*gate)->Admit(kPause, {}), StatusIs(absl::StatusCode::kUnauthenticated,
                                                   HasSubstr("Pause needs the role operator")));
  for (const Credentials& wrong :
       {Credentials{.authorization = {"Basic YTpi"}}, Credentials{.authorization = {""}},
        Credentials{.authorization = {std::string("Bearer ") + kAlice, "Bearer more"}}}) {
    EXPECT_THAT((*gate)->Admit(kPause, wrong),
                StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("Bearer TOKEN")));
  }
  const std::string page = prometheus::TextSerializer().Serialize(registry_.Collect());
  EXPECT_THAT(
      page, AllOf(HasSubstr("mentat_control_refused_calls_total{reason=\"unauthenticated\"} 4"),
                  HasSubstr("mentat_control_refused_calls_total{reason=\"permission_denied\"} 1")));
}

}  // namespace
}  // namespace mentat::service
