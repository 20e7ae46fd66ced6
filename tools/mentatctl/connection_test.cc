#include "tools/mentatctl/connection.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

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

  absl::StatusOr<Connection> Take(std::vector<std::string> words) {
    words_ = std::move(words);
    return TakeConnection(words_, [this](const std::string& name) {
      const auto it = variables_.find(name);
      return it == variables_.end() ? "" : it->second;
    });
  }
  void WriteFile(const std::string& text) {
    std::ofstream(home_ + "/.config/mentat/mentatctl.json") << text;
  }

  const std::string home_ = testing::TempDir() + "/home";
  std::map<std::string, std::string> variables_;
  std::vector<std::string> words_;
};

TEST_F(ConnectionTest, NothingSaidIsTheControllerOfThisMachine) {
  const auto connection = Take({"status", "--json"});
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->controller, "127.0.0.1:5580");
  EXPECT_EQ(connection->client.ByteSizeLong(), 0);
  EXPECT_THAT(words_, ElementsAre("status", "--json"));
}

TEST_F(ConnectionTest, FlagsGoBeforeVariablesAndTheseBeforeTheFile) {
  WriteFile(R"({"controller": "file:1", "ca_file": "file.pem", "token_file": "file.token",
                "server_name": "file", "allow_plaintext": true})");
  variables_["MENTATCTL_CA_FILE"] = "variable.pem";
  variables_["MENTATCTL_TOKEN_FILE"] = "variable.token";
  const auto connection =
      Take({"--token-file=flag.token", "pause", "--controller", "flag:1", "demo"});
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->controller, "flag:1");
  EXPECT_EQ(connection->client.token_file(), "flag.token");
  EXPECT_EQ(connection->client.ca_file(), "variable.pem");
  EXPECT_EQ(connection->client.server_name(), "file");
  EXPECT_TRUE(connection->client.allow_plaintext());
  EXPECT_THAT(words_, ElementsAre("pause", "demo"));
}

TEST_F(ConnectionTest, WhatIsWrongIsSaid) {
  EXPECT_THAT(Take({"status", "--ca-file"}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                      "--ca-file needs a value: --ca-file FILE"));
  EXPECT_THAT(Take({"status", "--controller="}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--controller HOST:PORT")));
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
