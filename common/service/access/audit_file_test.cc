#include "common/service/access/audit_file.h"

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

controller::v1::AuditRecord Record(int number) {
  controller::v1::AuditRecord record;
  record.set_call("Scale");
  record.set_caller("token alice (admin)");
  record.set_request(absl::StrCat("{\"number\":", number, ",\"text\":\"\n\xc3\xa1\"}"));
  record.set_code(number % 2);
  record.mutable_time()->set_seconds(1'700'000'000 + number);
  return record;
}

class AuditFileTest : public testing::Test {
 protected:
  AuditFileTest() {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + ".1");
  }
  std::unique_ptr<AuditFile> Open(size_t max_bytes = 1 << 20) {
    auto file = AuditFile::Open({.path = path_, .max_bytes = max_bytes, .max_listed = 50});
    EXPECT_THAT(file, IsOk());
    return *std::move(file);
  }

  const std::string path_ = testing::TempDir() + "/audit.log";
};

TEST_F(AuditFileTest, TheNewestComeFirstAndOutliveTheProcess) {
  for (int i = 0; i < 3; ++i) Open()->Write(Record(i));
  const auto listed = Open()->List(2);
  ASSERT_EQ(listed.size(), 2);
  EXPECT_EQ(listed[0].SerializeAsString(), Record(2).SerializeAsString());
  EXPECT_EQ(listed[1].SerializeAsString(), Record(1).SerializeAsString());
  EXPECT_EQ(Open()->List(1000).size(), 3);
}

TEST_F(AuditFileTest, ALineThatACrashCutCostsNoOtherRecord) {
  Open()->Write(Record(1));
  std::ofstream(path_, std::ios::app) << "{\"call\":\"Sca";
  Open()->Write(Record(2));
  EXPECT_EQ(Open()->List(1000).size(), 2);
}

TEST_F(AuditFileTest, ARecordThatAFullDiskCutCostsNoOther) {
  {
    const auto file = Open();
    file->Write(Record(1));
    // A file may not grow beyond this: the write is short, the next one fails.
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before;
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small = {std::filesystem::file_size(path_) + 10, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    file->Write(Record(2));
    ::setrlimit(RLIMIT_FSIZE, &before);
    file->Write(Record(3));
    EXPECT_EQ(file->List(1000).size(), 3);
  }
  const auto listed = Open()->List(1000);
  ASSERT_EQ(listed.size(), 2);
  EXPECT_EQ(listed[0].SerializeAsString(), Record(3).SerializeAsString());
}

TEST_F(AuditFileTest, ThereAreNeverMoreThanTwoFilesWorth) {
  constexpr size_t kMaxBytes = 4000;
  {
    const auto file = Open(kMaxBytes);
    for (int i = 0; i < 500; ++i) file->Write(Record(i));
    EXPECT_EQ(file->List(1000).size(), 50);
  }
  EXPECT_LE(std::filesystem::file_size(path_), kMaxBytes);
  EXPECT_LE(std::filesystem::file_size(path_ + ".1"), kMaxBytes);
  const auto listed = Open(kMaxBytes)->List(1000);
  ASSERT_GT(listed.size(), 10);
  for (size_t i = 0; i < listed.size(); ++i) {
    EXPECT_EQ(listed[i].SerializeAsString(), Record(499 - static_cast<int>(i)).SerializeAsString());
  }
}

TEST_F(AuditFileTest, WithoutAFileRecordsLiveWithTheProcess) {
  const auto file = AuditFile::Open({});
  ASSERT_THAT(file, IsOk());
  (*file)->Write(Record(1));
  EXPECT_EQ((*file)->List(10).size(), 1);
  EXPECT_THAT(AuditFile::Open({.path = "/nowhere/audit"}),
              StatusIs(absl::StatusCode::kUnavailable, testing::HasSubstr("/nowhere/audit")));
}

}  // namespace
}  // namespace mentat::service
