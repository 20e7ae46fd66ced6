#include "common/service/state/state_file.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

namespace mentat::service {
namespace {

namespace fs = std::filesystem;
using ::google::protobuf::StringValue;
using ::google::protobuf::Struct;
using ::testing::AllOf;
using ::testing::HasSubstr;

class StateFileTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }

  StateFileOptions Options() const { return {.folder = folder_, .name = "test"}; }
  std::string PathOf(int slot) const { return absl::StrCat(folder_, "/test.", slot, ".state"); }

  void Write(const std::string& text, StateFileOptions options) const {
    const auto file = StateFile::Open(std::move(options));
    ASSERT_THAT(file, IsOk());
    StringValue value;
    value.set_value(text);
    ASSERT_THAT((*file)->Write(value), IsOk());
  }
  void Write(const std::string& text) const { Write(text, Options()); }

  // The state, `none`, or the error.
  std::string Read(const StateFileOptions& options) const {
    const auto file = StateFile::Open(options);
    if (!file.ok()) return std::string(file.status().message());
    StringValue value;
    const absl::StatusOr<bool> found = (*file)->Read(value);
    if (!found.ok()) return std::string(found.status().message());
    return *found ? value.value() : "none";
  }
  std::string Read() const { return Read(Options()); }

  static void Damage(const std::string& path, size_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  const std::string folder_ = testing::TempDir() + "/state/" +
                              testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(StateFileTest, IsNoneAtFirst) { EXPECT_EQ(Read(), "none"); }

TEST_F(StateFileTest, IsReadByTheNextRun) {
  for (const char* text : {"first", "second", "third \"\n\u00e9"}) {
    Write(text);
    EXPECT_EQ(Read(), text);
  }
}

TEST_F(StateFileTest, IsNobodyElsesToRead) {
  fs::create_directories(folder_);  // by somebody who lets others look into it
  Write("a text");
  EXPECT_EQ(fs::status(PathOf(0)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(StateFileTest, OfManyWritesTheLastCounts) {
  {
    const auto file = StateFile::Open(Options());
    ASSERT_THAT(file, IsOk());
    StringValue value;
    for (int i = 0; i < 9; ++i) {
      value.set_value(absl::StrCat("write ", i));
      ASSERT_THAT((*file)->Write(value), IsOk());
    }
    EXPECT_FALSE((*file)->Read(value).value()) << "what was there when it was opened";
  }
  EXPECT_EQ(Read(), "write 8");
}

TEST_F(StateFileTest, WithoutAFolderNothingIsRemembered) {
  Write("lost", {.name = "test"});
  EXPECT_EQ(Read({.name = "test"}), "none");
}

TEST_F(StateFileTest, HasOneOwner) {
  const auto file = StateFile::Open(Options());
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(StateFile::Open(Options()), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   HasSubstr("another process uses it")));
  EXPECT_THAT(StateFile::Open({.folder = folder_, .name = "other"}), IsOk());
}

TEST_F(StateFileTest, WhereTheNewestIsDamagedTheOneBeforeCounts) {
  Write("before");
  Write("newest");
  // Every byte of it matters.
  const std::string newest = PathOf(1);
  const size_t size = fs::file_size(newest);
  const fs::path copy = folder_ + "/copy";
  fs::copy_file(newest, copy);
  for (size_t at = 0; at < size; ++at) {
    fs::copy_file(copy, newest, fs::copy_options::overwrite_existing);
    Damage(newest, at);
    ASSERT_EQ(Read(), "before") << "at byte " << at;
  }
  EXPECT_TRUE(fs::exists(newest + ".damaged"));
}

TEST_F(StateFileTest, AFileThatWasCutIsDamaged) {
  Write("before");
  Write("newest");
  fs::resize_file(PathOf(1), fs::file_size(PathOf(1)) - 1);
  EXPECT_EQ(Read(), "before");
  Write("again");
  EXPECT_EQ(Read(), "again");
}

TEST_F(StateFileTest, ALostStateIsNotTakenForNone) {
  Write("only");
  Damage(PathOf(0), fs::file_size(PathOf(0)) - 2);
  EXPECT_THAT(Read(), AllOf(HasSubstr(PathOf(0)), HasSubstr("checksum")));
  EXPECT_TRUE(fs::exists(PathOf(0))) << "it stays until somebody decides";
}

TEST_F(StateFileTest, ALaterFormatIsRefusedAndStays) {
  StateFileOptions later = Options();
  later.format = 2;
  Write("of a later version", later);
  EXPECT_THAT(Read(), AllOf(HasSubstr("format 2"), HasSubstr("formats up to 1")));
  EXPECT_EQ(Read(later), "of a later version");
}

TEST_F(StateFileTest, AnEarlierFormatIsTold) {
  Write("of an earlier version");
  StateFileOptions later = Options();
  later.format = 2;
  const auto file = StateFile::Open(later);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ((*file)->stored_format(), 1);
  StringValue value;
  EXPECT_TRUE((*file)->Read(value).value());
}

TEST_F(StateFileTest, WhatIsOfAnotherTypeIsAnError) {
  Write("a text");
  const auto file = StateFile::Open(Options());
  Struct message;
  EXPECT_THAT((*file)->Read(message),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("Struct")));
}

TEST_F(StateFileTest, ALargeStateIsRefusedAndTheOldOneStays) {
  StateFileOptions small = Options();
  small.max_bytes = 20;
  Write("small", small);
  {
    const auto file = StateFile::Open(small);
    StringValue value;
    value.set_value(std::string(100, 'x'));
    EXPECT_THAT((*file)->Write(value),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("it may have 20")));
  }
  EXPECT_EQ(Read(small), "small");
}

TEST_F(StateFileTest, ADiskThatIsFullLeavesTheOldState) {
  Write("old");
  {
    const auto file = StateFile::Open(Options());
    ASSERT_THAT(file, IsOk());
    // A file may not grow beyond this: the first write is short, the next fails.
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before;
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small = {10, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    StringValue value;
    value.set_value("new");
    const absl::Status status = (*file)->Write(value);
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_FALSE(status.ok());
  }
  EXPECT_EQ(Read(), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2)
      << "state and lock; nothing else is left behind";
}

// What the writing process tells, also after its end.
struct Told {
  std::atomic<uint64_t> begun = 0;
  std::atomic<uint64_t> written = 0;  // Write has returned
};

// A process that writes states, each with its number and a text that belongs to it, without a
// pause.
[[noreturn]] void WriteForEver(StateFileOptions options, Told& told) {
  const auto file = StateFile::Open(std::move(options));
  if (!file.ok()) std::_Exit(1);
  for (uint64_t number = told.begun + 1;; ++number) {
    Struct state;
    (*state.mutable_fields())["number"].set_string_value(absl::StrCat(number));
    (*state.mutable_fields())["text"].set_string_value(
        std::string(number * 7919 % 50000, static_cast<char>('a' + number % 26)));
    told.begun = number;
    if (!(*file)->Write(state).ok()) std::_Exit(2);
    told.written = number;
  }
}

TEST_F(StateFileTest, SurvivesKillsInTheMiddleOfWrites) {
  constexpr int kKills = 300;
  void* memory =
      ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Told& told = *new (memory) Told;
  std::mt19937 random(1);
  int in_the_middle = 0;
  uint64_t last_read = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    const uint64_t first = told.begun;
    const pid_t child = ::fork();
    if (child == 0) WriteForEver(Options(), told);
    // Somewhere in one of the next few writes.
    const uint64_t until = first + 1 + random() % 4;
    while (told.begun < until) ::usleep(50);
    ::usleep(random() % 1000);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);

    const auto file = StateFile::Open(Options());
    ASSERT_THAT(file, IsOk());
    Struct state;
    const absl::StatusOr<bool> found = (*file)->Read(state);
    ASSERT_THAT(found, IsOk());
    if (!*found) {
      ASSERT_EQ(told.written, 0);
      continue;
    }
    const uint64_t read = std::stoull(state.fields().at("number").string_value());
    // Of a write whose end was not seen either state is right, but the same one from then on.
    const uint64_t before = std::max(last_read, told.written.load());
    ASSERT_TRUE(read == before || read == told.begun)
        << read << " was read after kill " << kill << ", neither " << before << " nor "
        << told.begun;
    last_read = read;
    if (told.written != told.begun) ++in_the_middle;
    ASSERT_EQ(state.fields().at("text").string_value(),
              std::string(read * 7919 % 50000, static_cast<char>('a' + read % 26)));
    ASSERT_LE(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 3)
        << "two states and the lock";
  }
  RecordProperty("in_the_middle", in_the_middle);
  EXPECT_GT(in_the_middle, kKills / 2) << "the kills did not hit writes";
  ::munmap(memory, sizeof(Told));
}

}  // namespace
}  // namespace mentat::service
