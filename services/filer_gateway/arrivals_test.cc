#include "services/filer_gateway/arrivals.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/filer_gateway/test_queue.h"

namespace mentat::filer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ArrivalsTest : public QueueTest {
 protected:
  std::unique_ptr<Arrivals> Open(size_t chunk = 16384,
                                 absl::Duration rescan = absl::Hours(1)) const {
    Arrivals::Options options;
    options.chunk = chunk;
    options.rescan = rescan;
    auto arrivals = Arrivals::Open(*queue_, options);
    EXPECT_THAT(arrivals, IsOk());
    return *std::move(arrivals);
  }

  // All names for now, those in pending with `pending/` before them.
  static std::vector<std::string> All(Arrivals& arrivals) {
    std::vector<std::string> names;
    for (;;) {
      auto arrival = arrivals.Next();
      EXPECT_THAT(arrival, IsOk());
      if (!*arrival) return names;
      names.push_back(((*arrival)->pending ? "pending/" : "") + (*arrival)->name);
    }
  }
};

TEST_F(ArrivalsTest, FindsWhatWaits) {
  Put("a", "");
  Write("pending/b", "");
  Write("incoming/.hidden", "");
  auto arrivals = Open();
  EXPECT_THAT(All(*arrivals), ElementsAre("pending/b", "a"));
  EXPECT_THAT(All(*arrivals), IsEmpty());
}

TEST_F(ArrivalsTest, NoticesWhatComes) {
  auto arrivals = Open();
  EXPECT_THAT(All(*arrivals), IsEmpty());
  Put("a", "");
  arrivals->Wait();
  EXPECT_THAT(All(*arrivals), ElementsAre("a"));
  Write("incoming/written in place", "x");
  arrivals->Wait();
  EXPECT_THAT(All(*arrivals), ElementsAre("written in place"));
  EXPECT_EQ(arrivals->scans(), 1);
}

TEST_F(ArrivalsTest, OldestFirst) {
  const auto now = std::filesystem::file_time_type::clock::now();
  for (int i = 0; i < 9; ++i) {
    const std::string name = absl::StrCat("f", (i * 5) % 9);
    Put(name, "");
    std::filesystem::last_write_time(root_ / "incoming" / name,
                                     now - std::chrono::hours((i * 5) % 9));
  }
  auto arrivals = Open();
  EXPECT_THAT(All(*arrivals), ElementsAre("f8", "f7", "f6", "f5", "f4", "f3", "f2", "f1", "f0"));
}

TEST_F(ArrivalsTest, ListsPieceByPiece) {
  std::set<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    Put(absl::StrCat(i), "");
    expected.insert(absl::StrCat(i));
  }
  auto arrivals = Open(/*chunk=*/7);
  const std::vector<std::string> names = All(*arrivals);
  EXPECT_EQ(names.size(), 1000);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), expected);
}

TEST_F(ArrivalsTest, WhatComesDoesNotWaitForTheBacklog) {
  for (int i = 0; i < 1000; ++i) Put(absl::StrCat("old", i), "");
  auto arrivals = Open(/*chunk=*/10);
  ASSERT_THAT(arrivals->Next(), IsOk());
  Put("urgent", "");
  int before = 0;
  while ((*arrivals->Next())->name != "urgent") ++before;
  EXPECT_LE(before, 100);
}

TEST_F(ArrivalsTest, MoreNoticesThanTheSystemKeeps) {
  int limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  ASSERT_GT(limit, 0);
  auto arrivals = Open();
  EXPECT_THAT(All(*arrivals), IsEmpty());
  std::set<std::string> expected;
  for (int i = 0; i < limit + 100; ++i) {
    Put(absl::StrCat(i), "");
    expected.insert(absl::StrCat(i));
  }
  const std::vector<std::string> names = All(*arrivals);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), expected);
  EXPECT_EQ(arrivals->overflows(), 1);
  EXPECT_EQ(arrivals->scans(), 2);
}

TEST_F(ArrivalsTest, LooksAgainFromTimeToTime) {
  auto arrivals = Open(16384, absl::Milliseconds(1));
  EXPECT_THAT(All(*arrivals), IsEmpty());
  Write("pending/left", "");  // nobody is told of this
  std::vector<std::string> names;
  while (names.empty()) {
    arrivals->Wait();
    names = All(*arrivals);
  }
  EXPECT_THAT(names, testing::Contains("pending/left"));
}

}  // namespace
}  // namespace mentat::filer
