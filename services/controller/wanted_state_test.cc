#include "services/controller/wanted_state.h"

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::controller {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class WantedStateTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  const std::string path_ = testing::TempDir() + "/wanted.json";
};

TEST_F(WantedStateTest, IsEmptyWithoutAFile) {
  const auto state = LoadWantedState(path_);
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(state->revision, 0);
  EXPECT_TRUE(state->stages.empty());
}

TEST_F(WantedStateTest, IsReadAsItWasWritten) {
  WantedState state;
  state.revision = 12;
  state.stages["inspector"] = {.instances = 3, .stopped = false, .generations = {{1, 11}, {3, 12}}};
  state.stages["a \"name\"\n"] = {.instances = std::nullopt, .stopped = true, .generations = {}};
  ASSERT_THAT(SaveWantedState(path_, state), IsOk());
  const auto read = LoadWantedState(path_);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->revision, 12);
  ASSERT_EQ(read->stages.size(), 2);
  EXPECT_EQ(read->stages.at("inspector").instances, 3);
  EXPECT_EQ(read->stages.at("inspector").generations,
            (std::map<uint32_t, uint64_t>{{1, 11}, {3, 12}}));
  EXPECT_TRUE(read->stages.at("a \"name\"\n").stopped);
  EXPECT_EQ(read->stages.at("a \"name\"\n").instances, std::nullopt);
}

TEST_F(WantedStateTest, AWriteThatWasCutShortIsNotSeen) {
  ASSERT_THAT(SaveWantedState(path_, {.revision = 1, .stages = {}}), IsOk());
  std::ofstream(path_ + ".tmp") << "{\"format\": 1, \"revi";
  EXPECT_EQ(LoadWantedState(path_)->revision, 1);
  ASSERT_THAT(SaveWantedState(path_, {.revision = 2, .stages = {}}), IsOk());
  EXPECT_EQ(LoadWantedState(path_)->revision, 2);
}

TEST_F(WantedStateTest, WhatIsNoStateIsNotTakenForAnEmptyOne) {
  for (const char* text : {"", "{", "[]", R"({"format": 2, "revision": 1, "stages": {}})",
                           R"({"format": 1, "revision": "x", "stages": {}})",
                           R"({"format": 1, "revision": 1, "stages": {"a": 1}})"}) {
    std::ofstream(path_) << text;
    EXPECT_THAT(LoadWantedState(path_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 AllOf(HasSubstr(path_), HasSubstr("no state"))))
        << text;
  }
}

TEST_F(WantedStateTest, ADiskThatIsFullLeavesTheOldState) {
  ASSERT_THAT(SaveWantedState(path_, {.revision = 1, .stages = {}}), IsOk());
  // A file may not grow beyond this: the first write is short, the next fails.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const absl::Status status = SaveWantedState(path_, {.revision = 2, .stages = {}});
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(LoadWantedState(path_)->revision, 1);
}

TEST_F(WantedStateTest, AFileThatCannotBeWrittenIsAnError) {
  EXPECT_FALSE(SaveWantedState("/no/such/folder/wanted.json", {}).ok());
}

}  // namespace
}  // namespace mentat::controller
