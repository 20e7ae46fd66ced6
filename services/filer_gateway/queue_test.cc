#include "services/filer_gateway/queue.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <string>
#include <utility>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/filer_gateway/test_queue.h"

namespace mentat::filer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = ClaimResult::Kind;

TEST_F(QueueTest, MakesItsDirectories) {
  for (const char* name : {"incoming", "pending", "tmp", "errors"}) {
    EXPECT_TRUE(fs::is_directory(root_ / name));
  }
  EXPECT_THAT(Queue::Open(root_), IsOk());  // and takes them as they are
}

TEST_F(QueueTest, RefusesAPathThatIsNoDirectory) {
  Write("file", "");
  EXPECT_THAT(Queue::Open(root_ / "file").status().message(), HasSubstr("cannot make"));
}

TEST_F(QueueTest, AClaimedFileIsInPendingUnderItsName) {
  Put("a.idea", "{}");
  auto result = queue_->Claim("a.idea");
  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->kind, Kind::kClaimed);
  EXPECT_EQ(result->file.size, 2);
  EXPECT_THAT(List("incoming"), IsEmpty());
  EXPECT_THAT(List("pending"), ElementsAre("a.idea"));
  EXPECT_THAT(queue_->Remove("a.idea"), IsOk());
  EXPECT_THAT(List("pending"), IsEmpty());
}

TEST_F(QueueTest, WhatIsGoneIsNoError) {
  EXPECT_EQ(queue_->Claim("a")->kind, Kind::kGone);
  EXPECT_EQ(queue_->Adopt("a")->kind, Kind::kGone);
}

TEST_F(QueueTest, NobodyAdoptsAFileThatIsWorkedOn) {
  Put("a", "{}");
  {
    auto mine = queue_->Claim("a");
    ASSERT_EQ(mine->kind, Kind::kClaimed);
    auto sibling = Queue::Open(root_);
    EXPECT_EQ(sibling->Adopt("a")->kind, Kind::kGone);
    EXPECT_EQ(queue_->Adopt("a")->kind, Kind::kGone);
  }
  // Its owner is gone, as after a crash.
  EXPECT_EQ(queue_->Adopt("a")->kind, Kind::kClaimed);
}

TEST_F(QueueTest, AFileOfTheSameNameWaits) {
  Put("a", "1");
  auto first = queue_->Claim("a");
  ASSERT_EQ(first->kind, Kind::kClaimed);
  Put("a", "2");
  EXPECT_EQ(queue_->Claim("a")->kind, Kind::kBusy);
  EXPECT_THAT(queue_->GiveBack("a"), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("a")));
  ASSERT_THAT(queue_->Remove("a"), IsOk());
  EXPECT_EQ(queue_->Claim("a")->kind, Kind::kClaimed);
  EXPECT_EQ(Read("pending/a"), "2");
}

TEST_F(QueueTest, GivesBack) {
  Put("a", "1");
  ASSERT_EQ(queue_->Claim("a")->kind, Kind::kClaimed);
  ASSERT_THAT(queue_->GiveBack("a"), IsOk());
  EXPECT_THAT(List("incoming"), ElementsAre("a"));
  EXPECT_THAT(List("pending"), IsEmpty());
}

TEST_F(QueueTest, RefusesWhatIsNoRegularFile) {
  Write("secret", "{}");
  fs::create_symlink(root_ / "secret", root_ / "incoming/link");
  fs::create_symlink("nowhere", root_ / "incoming/dangling");
  fs::create_directory(root_ / "incoming/directory");
  ASSERT_EQ(mkfifo((root_ / "incoming/pipe").c_str(), 0600), 0);
  for (const auto& [name, problem] :
       {std::pair{"link", "symbolic link"}, std::pair{"dangling", "symbolic link"},
        std::pair{"directory", "a directory"}, std::pair{"pipe", "a pipe"}}) {
    auto result = queue_->Claim(name);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->kind, Kind::kRefused) << name;
    EXPECT_THAT(result->problem, HasSubstr(problem));
  }
}

TEST_F(QueueTest, TakesHostileNames) {
  const std::string names[] = {"with\nnewline", std::string(255, 'x'), "\xff\xfe not UTF-8", "-rf",
                               "...",           "semi;colon $(x)"};
  for (const std::string& name : names) {
    Put(name, "{}");
    auto result = queue_->Claim(name);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->kind, Kind::kClaimed) << name;
    EXPECT_THAT(queue_->Remove(name), IsOk());
  }
}

}  // namespace
}  // namespace mentat::filer
