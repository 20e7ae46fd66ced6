// A fresh queue for each test, below the test's own directory.
#ifndef SERVICES_FILER_GATEWAY_TEST_QUEUE_H_
#define SERVICES_FILER_GATEWAY_TEST_QUEUE_H_

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "services/filer_gateway/queue.h"

namespace mentat::filer {

class QueueTest : public testing::Test {
 protected:
  QueueTest()
      : root_(std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    auto queue = Queue::Open(root_);
    EXPECT_TRUE(queue.ok()) << queue.status().ToString().c_str();
    queue_ = std::move(queue);
  }

  // A file that comes into incoming as the protocol has it: complete, by rename.
  void Put(const std::string& name, std::string_view content) const {
    const auto temporary = root_ / "tmp" / ("." + name.substr(0, 100));
    std::ofstream(temporary, std::ios::binary) << content;
    std::filesystem::rename(temporary, root_ / "incoming" / name);
  }

  void Write(const std::filesystem::path& path, std::string_view content) const {
    std::ofstream(root_ / path, std::ios::binary) << content;
  }

  std::string Read(const std::filesystem::path& path) const {
    std::stringstream text;
    text << std::ifstream(root_ / path, std::ios::binary).rdbuf();
    return text.str();
  }

  // Names in a directory of the queue, sorted.
  std::vector<std::string> List(const std::string& directory) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(root_ / directory)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::filesystem::path root_;
  absl::StatusOr<Queue> queue_;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_TEST_QUEUE_H_
