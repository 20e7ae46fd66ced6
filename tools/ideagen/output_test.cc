#include "tools/ideagen/output.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::ideagen {
namespace {

namespace fs = std::filesystem;

class OutputTest : public testing::Test {
 protected:
  OutputTest()
      : root_(fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  static std::string Read(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  const fs::path root_;
};

TEST_F(OutputTest, WritesIntoTheIncomingOfAQueue) {
  fs::create_directory(root_ / "incoming");
  fs::create_directory(root_ / "tmp");
  auto output = OpenOutput(root_, 0);
  ASSERT_THAT(output, IsOk());
  ASSERT_THAT((*output)->Write("a.idea", "{}"), IsOk());
  EXPECT_EQ(Read(root_ / "incoming/a.idea"), "{}");
  EXPECT_TRUE(fs::is_empty(root_ / "tmp"));
}

TEST_F(OutputTest, MakesAPlainDirectory) {
  auto output = OpenOutput(root_ / "new/dir", 0);
  ASSERT_THAT(output, IsOk());
  ASSERT_THAT((*output)->Write("a.idea", "x"), IsOk());
  EXPECT_EQ(Read(root_ / "new/dir/a.idea"), "x");
  EXPECT_FALSE(fs::exists(root_ / "new/dir/.a.idea"));
}

TEST_F(OutputTest, HasNoRoomWhileTheLimitIsReached) {
  auto output = OpenOutput(root_, 2);
  ASSERT_THAT(output, IsOk());
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE((*output)->HasRoom());
    ASSERT_THAT((*output)->Write(name, ""), IsOk());
  }
  EXPECT_FALSE((*output)->HasRoom());
  fs::remove(root_ / "a");
  EXPECT_TRUE((*output)->HasRoom());
}

TEST_F(OutputTest, SaysWhatCannotBeWritten) {
  std::ofstream(root_ / "file") << "not a directory";
  EXPECT_THAT(OpenOutput(root_ / "file", 0).status().message(),
              testing::HasSubstr("cannot make the directory"));
}

}  // namespace
}  // namespace mentat::ideagen
