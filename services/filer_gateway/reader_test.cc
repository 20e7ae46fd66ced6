#include "services/filer_gateway/reader.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/pipeline/batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "prometheus/registry.h"
#include "services/filer_gateway/finisher.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/queue.h"
#include "services/filer_gateway/test_queue.h"

namespace mentat::filer {
namespace {

namespace fs = std::filesystem;
using pipeline::Outcomes;
using pipeline::SourceBatch;
using pipeline::v1::EventOutcome;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string EventText(const std::string& id) {
  return absl::StrCat(R"({"Format":"IDEA0","ID":")", id,
                      R"(","DetectTime":"2024-03-05T15:52:22Z","Category":["Test"]})");
}

void Until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

// The pipeline as a source sees it: takes batches, and settles each event as the test wants.
class FakePipeline {
 public:
  struct Outcome {
    Outcomes::Kind kind;
    pipeline::v1::DeadLetter dead_letter;
  };
  // By the event's ID; nothing means that it is not settled yet.
  using Decide = std::function<std::optional<Outcome>(const std::string& id)>;

  static Outcome Stored() { return {EventOutcome::KIND_STORED, {}}; }
  static Outcome Rejected(const std::string& message) {
    Outcome outcome{EventOutcome::KIND_DEAD_LETTER, {}};
    outcome.dead_letter.set_reason(pipeline::v1::REASON_POISON);
    outcome.dead_letter.set_stage("inspector");
    outcome.dead_letter.set_message(message);
    return outcome;
  }

  explicit FakePipeline(Decide decide = [](const std::string&) { return Stored(); })
      : decide_(std::move(decide)) {}

  absl::Status Submit(const SourceBatch& batch, std::function<void(Outcomes)> settled) {
    std::unique_lock lock(mutex_);
    if (draining_) return absl::UnavailableError("draining");
    Outcomes outcomes(batch.size());
    size_t decided = 0;
    const pipeline::BatchView view = pipeline::ViewOf(batch.body());
    for (size_t i = 0; i < view.items.size(); ++i) {
      const std::string_view bytes = view.items[i].event;
      idea::v1::Event event;
      EXPECT_TRUE(event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
      EXPECT_GT(view.items[i].received_at, 0);
      ++seen_[event.id()];
      if (auto outcome = decide_(event.id())) {
        ++decided;
        outcomes.Set(i, outcome->kind);
        if (outcome->kind == EventOutcome::KIND_DEAD_LETTER) outcomes.Set(i, outcome->dead_letter);
      }
    }
    largest_batch_ = std::max<size_t>(largest_batch_, batch.size());
    const bool complete = decided == batch.size();
    if (!complete) held_.push_back({batch.size(), settled});
    lock.unlock();
    if (complete) settled(std::move(outcomes));
    return absl::OkStatus();
  }

  void SettleHeld() {
    std::unique_lock lock(mutex_);
    auto held = std::exchange(held_, {});
    lock.unlock();
    for (auto& [count, settled] : held) settled(Outcomes(count, EventOutcome::KIND_STORED));
  }

  void Drain() {
    std::lock_guard lock(mutex_);
    draining_ = true;
  }

  // How often each ID was submitted.
  std::map<std::string, int> seen() const {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  size_t largest_batch() const { return largest_batch_; }

 private:
  const Decide decide_;
  mutable std::mutex mutex_;
  std::map<std::string, int> seen_;
  std::vector<std::pair<size_t, std::function<void(Outcomes)>>> held_;
  size_t largest_batch_ = 0;
  bool draining_ = false;
};

// One instance of the gateway without its frame.
class Gateway {
 public:
  Gateway(const fs::path& root, FakePipeline& pipeline, Reader::Options options = {},
          Finisher::Options finisher = {})
      : queue_(Queue::Open(root)),
        metrics_(registry_),
        finisher_(std::make_unique<Finisher>(*queue_, metrics_, finisher)),
        reader_(
            *queue_, *finisher_, metrics_,
            [&pipeline](const SourceBatch& batch, auto settled) {
              return pipeline.Submit(batch, std::move(settled));
            },
            std::move(options)),
        thread_([this](std::stop_token stop) { EXPECT_THAT(reader_.Run(stop), IsOk()); }) {}
  ~Gateway() { Stop(); }

  // Takes no more, and finishes what is settled.
  void Stop() {
    StopReading();
    finisher_.reset();
  }
  void StopReading() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  InMetrics& metrics() { return metrics_; }
  double Ended() const {
    return metrics_.finished.Value() + metrics_.errored.Value() + metrics_.irregular.Value();
  }
  void WaitForEnded(int files) {
    Until([&] { return Ended() >= files; });
  }
  absl::Status FinisherHealth() const { return finisher_->Health(); }

 private:
  absl::StatusOr<Queue> queue_;
  prometheus::Registry registry_;
  InMetrics metrics_;
  std::unique_ptr<Finisher> finisher_;
  Reader reader_;
  std::jthread thread_;
};

class ReaderTest : public QueueTest {
 protected:
  static Reader::Options Options() {
    Reader::Options options;
    options.stage = "filer_gateway";
    options.instance = "test";
    options.rescan = absl::Milliseconds(20);
    options.retry = absl::Milliseconds(5);
    return options;
  }

  void ExpectEmpty(std::initializer_list<std::string> directories) const {
    for (const std::string& directory : directories) EXPECT_THAT(List(directory), IsEmpty());
  }

  nlohmann::json Reason(const std::string& name) const {
    return nlohmann::json::parse(Read("errors/" + name + ".reason"));
  }
};

TEST_F(ReaderTest, FilesGoAwayWhenTheirEventsAreSettled) {
  Put("waiting.idea", EventText("a"));
  FakePipeline pipeline;
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(1);
  Put("new.idea", EventText("b"));
  gateway.WaitForEnded(2);
  ExpectEmpty({"incoming", "pending", "errors"});
  EXPECT_THAT(pipeline.seen(), UnorderedElementsAre(std::pair("a", 1), std::pair("b", 1)));
}

TEST_F(ReaderTest, FilesStayInPendingUntilThen) {
  Put("a.idea", EventText("a"));
  FakePipeline pipeline([](const std::string&) { return std::nullopt; });
  Gateway gateway(root_, pipeline, Options());
  Until([&] { return !pipeline.seen().empty(); });
  EXPECT_THAT(List("pending"), ElementsAre("a.idea"));
  // Looks at pending meanwhile leave it alone.
  const double scans = gateway.metrics().scans.Value();
  Until([&] { return gateway.metrics().scans.Value() > scans + 3; });
  EXPECT_THAT(List("pending"), ElementsAre("a.idea"));
  EXPECT_EQ(gateway.metrics().pending.Value(), 1);
  pipeline.SettleHeld();
  gateway.WaitForEnded(1);
  ExpectEmpty({"incoming", "pending", "errors"});
  EXPECT_EQ(pipeline.seen()["a"], 1);
  EXPECT_EQ(gateway.metrics().pending.Value(), 0);
}

TEST_F(ReaderTest, BadFilesGoToErrorsWithTheirReason) {
  Put("empty", "");
  Put("blank", " \n");
  Put("broken", "{\"Format\":");
  Put("wrong", R"({"Format":"IDEA0","ID":"x","DetectTime":"yesterday","Category":["Test"]})");
  Put("good", EventText("good"));
  FakePipeline pipeline;
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(5);
  ExpectEmpty({"incoming", "pending", "tmp"});
  EXPECT_EQ(List("errors").size(), 8);
  EXPECT_EQ(Read("errors/broken"), "{\"Format\":");
  EXPECT_THAT(Reason("empty")["message"].get<std::string>(), HasSubstr("empty"));
  EXPECT_THAT(Reason("blank")["message"].get<std::string>(), HasSubstr("empty"));
  const nlohmann::json reason = Reason("wrong");
  EXPECT_EQ(reason["file"], "wrong");
  EXPECT_EQ(reason["reason"], "malformed");
  EXPECT_EQ(reason["stage"], "filer_gateway");
  EXPECT_EQ(reason["problems"][0]["path"], "DetectTime");
  EXPECT_THAT(reason["problems"][0]["message"].get<std::string>(), HasSubstr("yesterday"));
  EXPECT_TRUE(reason.contains("time"));
  EXPECT_EQ(gateway.metrics().events_refused.Value(), 2);
}

TEST_F(ReaderTest, WhatAStageGivesUpGoesToErrors) {
  Put("poison.idea", EventText("p"));
  Put("lines", EventText("a") + "\n" + EventText("p2") + "\n" + EventText("b"));
  FakePipeline pipeline([](const std::string& id) {
    return id[0] == 'p' ? FakePipeline::Rejected("killed two workers") : FakePipeline::Stored();
  });
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(2);
  EXPECT_THAT(List("errors"),
              ElementsAre("lines.2", "lines.2.reason", "poison.idea", "poison.idea.reason"));
  EXPECT_EQ(Reason("poison.idea")["reason"], "poison");
  EXPECT_EQ(Reason("poison.idea")["stage"], "inspector");
  EXPECT_EQ(Read("errors/lines.2"), EventText("p2"));
  EXPECT_EQ(Reason("lines.2")["line"], 2);
  ExpectEmpty({"incoming", "pending"});
}

TEST_F(ReaderTest, LinesWithBadOnesAmongThem) {
  Put("many.ndjson",
      EventText("a") + "\nbad\n" + EventText("b") + "\n{\"ID\":7}\n" + EventText("c") + "\n");
  FakePipeline pipeline;
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(1);
  EXPECT_EQ(pipeline.seen().size(), 3);
  EXPECT_THAT(List("errors"), ElementsAre("many.ndjson.2", "many.ndjson.2.reason", "many.ndjson.4",
                                          "many.ndjson.4.reason"));
  EXPECT_EQ(Read("errors/many.ndjson.2"), "bad");
  EXPECT_EQ(Read("errors/many.ndjson.4"), "{\"ID\":7}");
  ExpectEmpty({"incoming", "pending", "tmp"});
}

TEST_F(ReaderTest, TooManyBadLinesKeepTheFileWhole) {
  std::string text = EventText("a") + "\n";
  for (int i = 0; i < 10; ++i) text += "bad\n";
  Put("many.ndjson", text);
  FakePipeline pipeline;
  Finisher::Options finisher;
  finisher.max_error_files = 3;
  Gateway gateway(root_, pipeline, Options(), finisher);
  gateway.WaitForEnded(1);
  EXPECT_THAT(List("errors"), ElementsAre("many.ndjson", "many.ndjson.2", "many.ndjson.2.reason",
                                          "many.ndjson.3", "many.ndjson.3.reason", "many.ndjson.4",
                                          "many.ndjson.4.reason", "many.ndjson.reason"));
  EXPECT_EQ(Read("errors/many.ndjson"), text);
  EXPECT_THAT(Reason("many.ndjson")["message"].get<std::string>(), HasSubstr("line 5"));
}

TEST_F(ReaderTest, EarlierErrorsAreNeverOverwritten) {
  Write("errors/bad", "an older one");
  Write("errors/many.ndjson.1", "an older one");
  Write("errors/many.ndjson.2", "same");
  Put("bad", "newer");
  Put("many.ndjson", "newer\nsame\n");
  FakePipeline pipeline;
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(2);
  EXPECT_EQ(Read("errors/bad"), "an older one");
  EXPECT_EQ(Read("errors/bad~2"), "newer");
  EXPECT_EQ(Reason("bad~2")["file"], "bad");
  EXPECT_EQ(Read("errors/many.ndjson.1"), "an older one");
  EXPECT_EQ(Read("errors/many.ndjson.1~2"), "newer");
  EXPECT_FALSE(fs::exists(root_ / "errors/many.ndjson.2~2"));
  EXPECT_TRUE(fs::exists(root_ / "errors/many.ndjson.2.reason"));
}

TEST_F(ReaderTest, OddThingsAndOddNames) {
  Write("secret", EventText("secret"));
  fs::create_symlink(root_ / "secret", root_ / "incoming/link");
  fs::create_directory(root_ / "incoming/directory");
  fs::create_directory(root_ / "pending/left");
  ASSERT_EQ(mkfifo((root_ / "incoming/pipe").c_str(), 0600), 0);
  const std::string longest(255, 'x');
  Put(longest, "bad");
  Put("a\nb", EventText("newline"));
  Put("not \xff UTF-8", "bad");
  FakePipeline pipeline;
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(7);
  ExpectEmpty({"incoming", "pending", "tmp"});
  EXPECT_THAT(pipeline.seen(), UnorderedElementsAre(std::pair("newline", 1)));
  EXPECT_EQ(Read("errors/" + longest), "bad");
  EXPECT_EQ(gateway.metrics().irregular.Value(), 4);
  EXPECT_EQ(Reason("link")["reason"], "unreadable");
  EXPECT_TRUE(fs::is_symlink(root_ / "errors/link"));
  EXPECT_THAT(List("errors"), Contains("not \xff UTF-8.reason"));
  // Each has its reason, also the one whose name leaves no room for the ending.
  EXPECT_EQ(List("errors").size(), 12);
}

TEST_F(ReaderTest, ABombIsKeptAndDoesNotBlock) {
  const std::string zeros(32 << 20, '0');
  std::string packed(compressBound(zeros.size()) + 100, '\0');
  z_stream stream = {};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = zeros.size();
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = packed.size();
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  Put("bomb.gz", packed);
  Put("good", EventText("a"));
  FakePipeline pipeline;
  Reader::Options options = Options();
  options.event_limits.max_bytes = 64 << 20;
  Gateway gateway(root_, pipeline, options);
  gateway.WaitForEnded(2);
  EXPECT_EQ(Read("errors/bomb.gz"), packed);
  EXPECT_EQ(Reason("bomb.gz")["reason"], "too_large");
  EXPECT_EQ(pipeline.seen().size(), 1);
}

TEST_F(ReaderTest, BatchesAcrossFilesAndWithinThem) {
  for (int i = 0; i < 300; ++i) Put(absl::StrCat("f", i), EventText(absl::StrCat("f", i)));
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += EventText(absl::StrCat("l", i)) + "\n";
  Put("lines", lines);
  FakePipeline pipeline;
  Reader::Options options = Options();
  options.max_batch_events = 32;
  Gateway gateway(root_, pipeline, options);
  gateway.WaitForEnded(301);
  gateway.Stop();
  EXPECT_EQ(pipeline.seen().size(), 1300);
  EXPECT_EQ(pipeline.largest_batch(), 32);
  EXPECT_EQ(gateway.metrics().events.Value(), 1300);
  ExpectEmpty({"incoming", "pending", "errors"});
}

TEST_F(ReaderTest, ALimitOnFilesHoldsTheRestInIncoming) {
  for (int i = 0; i < 20; ++i) Put(absl::StrCat(i), EventText(absl::StrCat(i)));
  FakePipeline pipeline([](const std::string&) { return std::nullopt; });
  Finisher::Options finisher;
  finisher.max_files = 5;
  Gateway gateway(root_, pipeline, Options(), finisher);
  Until([&] { return pipeline.seen().size() == 5; });
  EXPECT_EQ(List("pending").size(), 5);
  EXPECT_EQ(List("incoming").size(), 15);
  Until([&] {
    pipeline.SettleHeld();
    return gateway.Ended() == 20;
  });
  ExpectEmpty({"incoming", "pending"});
}

// Else each file that is settled at the limit would become a batch of its own.
TEST_F(ReaderTest, RoomAtTheLimitIsForManyFiles) {
  const auto queue = Queue::Open(root_);
  prometheus::Registry registry;
  InMetrics metrics(registry);
  Finisher::Options options;
  options.max_files = 16;
  Finisher finisher(*queue, metrics, options);
  std::vector<std::shared_ptr<TakenFile>> files;
  for (int i = 0; i < 16; ++i) {
    Put(absl::StrCat(i), EventText(absl::StrCat(i)));
    auto claimed = queue->Claim(absl::StrCat(i));
    files.push_back(finisher.Take(std::move(claimed->file)));
  }
  EXPECT_TRUE(finisher.AtLimit());
  std::atomic<bool> room = false;
  std::jthread waiting([&](std::stop_token stop) { room = finisher.WaitForRoom(stop); });
  finisher.Close(files[0], 0, std::nullopt);
  Until([&] { return finisher.files() == 15; });
  EXPECT_FALSE(room);
  finisher.Close(files[1], 0, std::nullopt);
  waiting.join();
  EXPECT_TRUE(room);
}

TEST_F(ReaderTest, LargeFilesGoOnAtTheLimit) {
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += EventText(absl::StrCat(i)) + "\n";
  for (int i = 0; i < 6; ++i) Put(absl::StrCat("lines", i), lines);
  FakePipeline pipeline;
  Finisher::Options finisher;
  finisher.max_files = 2;
  Gateway gateway(root_, pipeline, Options(), finisher);
  gateway.WaitForEnded(6);
  EXPECT_EQ(pipeline.seen().size(), 500);
}

TEST_F(ReaderTest, WhatThePipelineDoesNotTakeIsGivenBack) {
  for (int i = 0; i < 50; ++i) Put(absl::StrCat(i), EventText(absl::StrCat(i)));
  Put("lines", EventText("a") + "\n" + EventText("b") + "\nbad");
  FakePipeline draining;
  draining.Drain();
  Gateway gateway(root_, draining, Options());
  Until([&] { return gateway.metrics().returned.Value() > 0; });
  gateway.Stop();
  ExpectEmpty({"pending"});
  EXPECT_EQ(List("incoming").size(), 51);
}

TEST_F(ReaderTest, AnEventToBeSentAgainGivesItsFileBack) {
  Put("a", EventText("a"));
  int tries = 0;
  FakePipeline pipeline([&](const std::string&) {
    return ++tries < 3 ? FakePipeline::Outcome{EventOutcome::KIND_RETRY, {}}
                       : FakePipeline::Stored();
  });
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(1);
  EXPECT_EQ(pipeline.seen()["a"], 3);
  EXPECT_EQ(gateway.metrics().returned.Value(), 2);
}

TEST_F(ReaderTest, OutcomesAfterTheEndAreHarmless) {
  Put("a", EventText("a"));
  FakePipeline pipeline([](const std::string&) { return std::nullopt; });
  {
    Gateway gateway(root_, pipeline, Options());
    Until([&] { return !pipeline.seen().empty(); });
  }
  pipeline.SettleHeld();
  EXPECT_THAT(List("pending"), ElementsAre("a"));
}

TEST_F(ReaderTest, SettledWorkIsFinishedAfterReadingHasStopped) {
  Put("a", EventText("a"));
  FakePipeline pipeline([](const std::string&) { return std::nullopt; });
  Gateway gateway(root_, pipeline, Options());
  Until([&] { return !pipeline.seen().empty(); });
  gateway.StopReading();
  pipeline.SettleHeld();
  gateway.Stop();
  ExpectEmpty({"incoming", "pending"});
}

TEST_F(ReaderTest, FilesLeftInPendingAreTakenUp) {
  Write("pending/by hand", EventText("a"));
  FakePipeline pipeline;
  Gateway gateway(root_, pipeline, Options());
  gateway.WaitForEnded(1);
  Write("pending/later", EventText("b"));
  gateway.WaitForEnded(2);
  EXPECT_EQ(gateway.metrics().adopted.Value(), 2);
  ExpectEmpty({"pending"});
}

TEST_F(ReaderTest, TwoInstancesTakeEachFileOnce) {
  constexpr int kFiles = 3000;
  FakePipeline pipeline;
  Gateway first(root_, pipeline, Options());
  Gateway second(root_, pipeline, Options());
  for (int i = 0; i < kFiles; ++i) Put(absl::StrCat(i), EventText(absl::StrCat(i)));
  Until([&] { return first.Ended() + second.Ended() >= kFiles; });
  first.Stop();
  second.Stop();
  const std::map<std::string, int> seen = pipeline.seen();
  EXPECT_EQ(seen.size(), kFiles);
  for (const auto& [id, times] : seen) EXPECT_EQ(times, 1) << id;
  EXPECT_EQ(first.Ended() + second.Ended(), kFiles);
  ExpectEmpty({"incoming", "pending", "errors"});
}

TEST_F(ReaderTest, AKilledProcessLosesNothingAndItsSiblingTakesOver) {
  constexpr int kFiles = 200;
  for (int i = 0; i < kFiles; ++i) Put(absl::StrCat(i), EventText(absl::StrCat(i)));
  Put("lines", EventText("x") + "\nbad\n" + EventText("y"));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Settles nothing, so that all that it takes stays in pending.
    FakePipeline never([](const std::string&) { return std::nullopt; });
    Finisher::Options only_these;
    only_these.max_files = kFiles + 1;
    Gateway gateway(root_, never, Options(), only_these);
    for (;;) pause();
  }
  Until([&] { return List("pending").size() == kFiles + 1; });

  FakePipeline pipeline;
  Gateway sibling(root_, pipeline, Options());
  Put("another", EventText("another"));
  sibling.WaitForEnded(1);
  EXPECT_EQ(pipeline.seen().size(), 1);  // the living owner's files are left to it
  EXPECT_EQ(List("pending").size(), kFiles + 1);

  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  sibling.WaitForEnded(kFiles + 2);
  sibling.Stop();
  EXPECT_EQ(pipeline.seen().size(), kFiles + 3);
  for (const auto& [id, times] : pipeline.seen()) EXPECT_EQ(times, 1) << id;
  EXPECT_THAT(List("errors"), ElementsAre("lines.2", "lines.2.reason"));
  ExpectEmpty({"incoming", "pending"});
}

TEST_F(ReaderTest, AQueueInTroubleIsTriedAgain) {
  FakePipeline pipeline;
  Finisher::Options finisher;
  finisher.retry = absl::Milliseconds(5);
  Gateway gateway(root_, pipeline, Options(), finisher);
  fs::remove(root_ / "tmp");  // so that no reason can be written
  Write("bad", "bad");
  fs::rename(root_ / "bad", root_ / "incoming/bad");
  Until([&] { return gateway.metrics().disk_errors.Value() > 2; });
  EXPECT_FALSE(gateway.FinisherHealth().ok());
  EXPECT_THAT(List("pending"), ElementsAre("bad"));
  gateway.Stop();

  Gateway healed(root_, pipeline, Options(), finisher);
  healed.WaitForEnded(1);
  EXPECT_THAT(healed.FinisherHealth(), IsOk());
  EXPECT_THAT(List("errors"), ElementsAre("bad", "bad.reason"));
}

}  // namespace
}  // namespace mentat::filer
