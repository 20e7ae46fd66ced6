#include "services/controller/targets.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mentat::controller {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class TargetsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/ports");
    config_.set_ports_dir(folder_ + "/ports");
    config_.set_targets_file(folder_ + "/made/targets.json");
    config_.mutable_service()->set_metrics_listen("127.0.0.1:0");
  }

  void Announce(const std::string& service, const std::string& instance,
                const std::string& metrics) const {
    ASSERT_THAT(
        service::WritePortsFile(
            absl::StrCat(folder_, "/ports/", instance, ".json"),
            {.service = service, .instance = instance, .admin = "127.0.0.1:1", .metrics = metrics}),
        IsOk());
  }

  Targets Make() const { return Targets(config_, "controller", log::Logger::Null()); }

  Json Written() const {
    std::ifstream in(config_.targets_file());
    return Json::parse(std::string(std::istreambuf_iterator<char>(in), {}), nullptr, false);
  }

  static Json Target(const std::string& service, const std::string& instance,
                     const std::string& metrics) {
    return {{"targets", {metrics}}, {"labels", {{"service", service}, {"instance", instance}}}};
  }

  std::string folder_;
  config::v1::ControllerConfig config_;
};

TEST_F(TargetsTest, ItselfAndThoseWhosePortsFilesAreThere) {
  config_.mutable_service()->set_metrics_listen("127.0.0.1:9090");
  Announce("enricher", "enricher-2", "127.0.0.1:2");
  Announce("enricher", "enricher", "127.0.0.1:1");
  Targets targets = Make();
  ASSERT_THAT(targets.Update(), IsOk());
  EXPECT_EQ(Written(), Json({Target("controller", "controller", "127.0.0.1:9090"),
                             Target("enricher", "enricher", "127.0.0.1:1"),
                             Target("enricher", "enricher-2", "127.0.0.1:2")}));
}

TEST_F(TargetsTest, FollowsWhatComesAndGoes) {
  Targets targets = Make();
  ASSERT_THAT(targets.Update(), IsOk());
  EXPECT_EQ(Written(), Json::array());
  Announce("enricher", "enricher", "127.0.0.1:1");
  ASSERT_THAT(targets.Update(), IsOk());
  EXPECT_EQ(Written(), Json::array({Target("enricher", "enricher", "127.0.0.1:1")}));
  fs::remove(folder_ + "/ports/enricher.json");
  ASSERT_THAT(targets.Update(), IsOk());
  EXPECT_EQ(Written(), Json::array());
}

TEST_F(TargetsTest, WhatHasNotChangedIsNotWrittenAgain) {
  Announce("enricher", "enricher", "127.0.0.1:1");
  Targets targets = Make();
  ASSERT_THAT(targets.Update(), IsOk());
  fs::remove(config_.targets_file());
  ASSERT_THAT(targets.Update(), IsOk());
  EXPECT_FALSE(fs::exists(config_.targets_file()));
}

TEST_F(TargetsTest, SaysWhyItCannotBeWrittenAndTriesAgain) {
  config_.set_targets_file(folder_ + "/ports/in_the_way/targets.json");
  std::ofstream(folder_ + "/ports/in_the_way") << "a file";
  Targets targets = Make();
  EXPECT_THAT(targets.Update(),
              StatusIs(absl::StatusCode::kUnavailable, testing::HasSubstr("targets_file: ")));
  fs::remove(folder_ + "/ports/in_the_way");
  EXPECT_THAT(targets.Update(), IsOk());
}

TEST_F(TargetsTest, WithoutTheFolderItKeepsWhatItSaid) {
  Announce("enricher", "enricher", "127.0.0.1:1");
  Targets targets = Make();
  ASSERT_THAT(targets.Update(), IsOk());
  fs::rename(folder_ + "/ports", folder_ + "/elsewhere");
  EXPECT_THAT(targets.Update(),
              StatusIs(absl::StatusCode::kUnavailable, testing::HasSubstr("/ports")));
  EXPECT_EQ(Written().size(), 1);
}

}  // namespace
}  // namespace mentat::controller
