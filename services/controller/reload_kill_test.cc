// kill -9 of the controller at random moments of reloads and rollbacks: no stage has another state
// than the others, and the next call converges.

#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/pause.h"
#include "common/base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/controller/controller_fixture.h"

namespace mentat::controller {
namespace {

using Stub = v1::Controller::Stub;

constexpr int kRounds = 24;
constexpr int kDemos = 4;
constexpr char kSeedVariable[] = "MENTAT_TEST_SEED";

class ReloadKillTest : public ControllerTest {
 protected:
  // What a stage has in use, and the file that it read it from.
  struct Seen {
    uint64_t version;
    std::string lines;
    std::string file;
    bool operator==(const Seen&) const = default;
  };

  static std::string Lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) absl::StrAppend(&text, "Category.", i, "\n");
    return text;
  }
  void WriteAll(int lines) {
    for (const std::string& file : files_) std::ofstream(file, std::ios::trunc) << Lines(lines);
  }

  void Start() {
    std::vector<std::string> addresses;
    for (const Process& demo : demos_) addresses.push_back(demo->ports().admin);
    // Two stages, so that a rollback has to look after both.
    StartController(Stages({Stage("first", {addresses[0], addresses[1]}),
                            Stage("second", {addresses[2], addresses[3]})}),
                    {"--set", "state_dir=" + folder() + "/state"});
  }

  // Asks for a reload, or a rollback to a version, and kills the controller after a while.
  void CallAndKill(uint64_t rollback_to, absl::Duration after) {
    {
      const std::jthread caller([&] {
        // It may have been answered before.
        if (rollback_to == 0) {
          v1::ReloadResponse response;
          TryCall(&Stub::Reload, v1::ReloadRequest(), response);
        } else {
          v1::RollbackRequest request;
          request.set_version(rollback_to);
          v1::RollbackResponse response;
          TryCall(&Stub::Rollback, request, response);
        }
      });
      Pause(after, {});
      controller().process().Signal(SIGKILL);
    }
    EXPECT_EQ(controller().process().Wait().value(), 128 + SIGKILL);
  }

  // All stages, which have to have the same.
  Seen SeenByAll() {
    std::vector<Seen> seen;
    for (size_t i = 0; i < demos_.size(); ++i) {
      const auto status = demos_[i]->Status();
      EXPECT_THAT(status, IsOk());
      std::ostringstream file;
      file << std::ifstream(files_[i]).rdbuf();
      seen.push_back(
          {status->reload_version(), status->details().at("unwanted_categories"), file.str()});
    }
    for (size_t i = 1; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].version, seen[0].version) << i;
      EXPECT_EQ(seen[i].lines, seen[0].lines) << i;
      EXPECT_EQ(seen[i].file, seen[0].file) << i;
    }
    return seen[0];
  }

  std::vector<std::string> files_;
  std::vector<Process> demos_;
};

TEST_F(ReloadKillTest, NoStageHasHalfOfIt) {
  const char* given = std::getenv(kSeedVariable);
  const uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  std::cout << kSeedVariable << "=" << seed << std::endl;
  std::mt19937_64 random(seed);

  for (int i = 0; i < kDemos; ++i) {
    files_.push_back(absl::StrCat(folder(), "/", i, ".unwanted"));
    std::ofstream(files_.back()) << Lines(1);
    demos_.push_back(
        StartDemo(absl::StrCat("demo-", i), {"--set", "unwanted_file=" + files_.back()}));
  }
  Start();
  const absl::Time start = absl::Now();
  uint64_t version = Call(&Stub::Reload, v1::ReloadRequest()).version();
  const absl::Duration usual = absl::Now() - start;

  int finished = 0;
  int undone = 0;
  for (int round = 0; round < kRounds; ++round) {
    const bool rollback = round % 2 == 1;
    const int lines = 2 + round;
    // A rollback goes back to the reload before; files that nobody has loaded yet are overwritten.
    WriteAll(lines);
    const Seen before = SeenByAll();
    const absl::Duration after = usual * std::uniform_real_distribution<>(0, 1.5)(random);
    CallAndKill(rollback ? version : 0, after);
    Start();
    ASSERT_THAT(controller().WaitUntil([](const stage::v1::Status& status) {
      return status.details().at("unfinished_reload") == "no";
    }),
                IsOk());
    const Seen seen = SeenByAll();
    const v1::ListReloadsResponse list = Call(&Stub::ListReloads, v1::ListReloadsRequest());
    EXPECT_EQ(seen.version, list.reloads(0).version()) << "round " << round;
    if (seen.version == before.version) {
      ++undone;
      EXPECT_EQ(seen.lines, before.lines) << "round " << round;
      EXPECT_EQ(seen.file, before.file) << "round " << round;
    } else {
      ++finished;
      EXPECT_EQ(seen.version, before.version + 1) << "round " << round;
      EXPECT_EQ(seen.file, rollback ? Lines(std::stoi(before.lines)) : before.file)
          << "round " << round;
      EXPECT_EQ(seen.file, Lines(std::stoi(seen.lines))) << "round " << round;
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;

    WriteAll(lines);
    version = Call(&Stub::Reload, v1::ReloadRequest()).version();
    EXPECT_EQ(SeenByAll(), (Seen{seen.version + 1, absl::StrCat(lines), Lines(lines)}));
    EXPECT_EQ(version, seen.version + 1);
  }
  std::cout << finished << " of " << kRounds << " were finished, " << undone << " had not begun or "
            << "were undone\n";
}

}  // namespace
}  // namespace mentat::controller
