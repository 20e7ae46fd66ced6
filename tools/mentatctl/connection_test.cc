#include "tools/mentatctl/connection.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"
#include "tools/mentatctl/cli/parse.h"

namespace mentat::mentatctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A person's variables and files.
class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_ + "/.config/mentat");
    variables_["HOME"] = home_;
  }

  // A command line whose command is `status TARGET...`.
  absl::StatusOr<Connection> Take(std::vector<std::string> words) {
    ConnectionFlags flags;
    targets_.clear();
    Command status{.name = "status",
                   .summary = "tells",
                   .arguments = {{"TARGET", &targets_, "a stage"}},
                   .run = [](Session&) { return 0; }};
    const Command root{.name = "mentatctl",
                       .summary = "all of it",
                       .arguments = ConnectionArguments(flags),
                       .commands = {std::move(status)}};
    const Parsed parsed = Parse(root, std::move(words));
    if (!parsed.error.empty()) return absl::InvalidArgumentError(parsed.error);
    return MakeConnection(flags, [this](const std::string& name) {
      const auto it = variables_.find(name);
      return it == variables_.end() ? "" : it->second;
    });
  }
  void WriteFile(const std::string& text) {
    std::ofstream(home_ + "/.config/mentat/mentatctl.json") << text;
  }

  const std::string home_ = testing::TempDir() + "/home";
  std::map<std::string, std::string> variables_;
  std::vector<std::string> targets_;
};

TEST_F(ConnectionTest, NothingSaidIsTheControllerOfThisMachine) {
  const auto connection = Take({"status", "demo"});
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->controller, "127.0.0.1:5580");
  EXPECT_EQ(connection->client.ByteSizeLong(), 0);
  EXPECT_THAT(targets_, ElementsAre("demo"));
}

TEST_F(ConnectionTest, FlagsGoBeforeVariablesAndTheseBeforeTheFile) {
  WriteFile(R"({"controller": "file:1", "ca_file": "file.pem", "token_file": "file.token",
                "server_name": "file", "allow_plaintext": true})");
  variables_["MENTATCTL_CA_FILE"] = "variable.pem";
  variables_["MENTATCTL_TOKEN_FILE"] = "variable.token";
  const auto connection =
      Take({"--token-file=flag.token", "status", "--controller", "flag:1", "demo"});
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->controller, "flag:1");
  EXPECT_EQ(connection->client.token_file(), "flag.token");
  EXPECT_EQ(connection->client.ca_file(), "variable.pem");
  EXPECT_EQ(connection->client.server_name(), "file");
  EXPECT_TRUE(connection->client.allow_plaintext());
  EXPECT_THAT(targets_, ElementsAre("demo"));
}

TEST_F(ConnectionTest, WhatIsWrongIsSaid) {
  EXPECT_THAT(Take({"status", "--ca-file"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "--ca-file needs a value"));
  EXPECT_THAT(Take({"status", "--controller="}),
              StatusIs(absl::StatusCode::kInvalidArgument, "--controller needs a value"));
  WriteFile("{\"ca_fil\": \"x\"}");
  EXPECT_THAT(Take({"status"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr("mentatctl.json"), HasSubstr("ca_fil"))));
  WriteFile("[]");
  EXPECT_THAT(Take({"status"}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("object")));
  variables_["MENTATCTL_CONFIG"] = "/nowhere.json";
  EXPECT_THAT(Take({"status"}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere.json")));
}

}  // namespace
}  // namespace mentat::mentatctl
