#include "common/base/lock_file.h"

#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat {
namespace {

TEST(LockFileTest, OneHasIt) {
  const std::string path = testing::TempDir() + "/one.lock";
  {
    const auto lock = LockFile(path);
    ASSERT_THAT(lock, IsOk());
    EXPECT_EQ(LockFile(path).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_THAT(LockFile(path), IsOk());
}

TEST(LockFileTest, OneHasItAlsoWhereItsHolderRemovesTheFile) {
  constexpr int kThreads = 4;
  constexpr int kTimes = 2000;
  const std::string path = testing::TempDir() + "/removed.lock";
  std::atomic<int> holders = 0;
  std::atomic<int> most = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int time = 0; time < kTimes; ++time) {
          const auto lock = LockFile(path);
          if (!lock.ok()) continue;
          const int now = ++holders;
          if (now > most) most = now;
          std::this_thread::yield();
          --holders;
          ::unlink(path.c_str());
        }
      });
    }
  }
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace mentat
