// Stages joined by real sockets.

#include "common/pipeline/stage.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "common/base/status_matchers.h"
#include "common/pipeline/tap.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"

namespace mentat::pipeline {
namespace {

using ::testing::_;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kPatience(30);

// Calls `decide` for each item.
class EachItem : public Processor {
 public:
  explicit EachItem(std::function<void(Item&, std::stop_token)> decide)
      : decide_(std::move(decide)) {}
  void Process(std::span<Item> items, std::stop_token stop) override {
    for (Item& item : items) decide_(item, stop);
  }

 private:
  std::function<void(Item&, std::stop_token)> decide_;
};

// What a sink was given, by event id.
class Shelf {
 public:
  void Put(Item& item, std::stop_token) {
    const std::lock_guard lock(mutex_);
    if (item.dead_letter() != nullptr) {
      dead_letters_[std::string(item.wire())] = *item.dead_letter();
      item.Stored();
    } else if (++events_[item.view().id()] == 1) {
      item.Stored();
    } else {
      item.StoredBefore();
    }
    changed_.notify_all();
  }
  std::map<std::string, int> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::map<std::string, v1::DeadLetter> dead_letters() {
    const std::lock_guard lock(mutex_);
    return dead_letters_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> events_;
  std::map<std::string, v1::DeadLetter> dead_letters_;
};

// Collects the outcomes that a source is told.
class Answers {
 public:
  struct Outcome {
    Outcomes::Kind kind = v1::EventOutcome::KIND_UNSPECIFIED;
    v1::DeadLetter dead_letter;
  };

  std::function<void(Outcomes)> For(std::vector<std::string> ids) {
    return [this, ids = std::move(ids)](const Outcomes& outcomes) {
      const std::lock_guard lock(mutex_);
      for (size_t i = 0; i < ids.size(); ++i) {
        outcomes_[ids[i]].kind = outcomes.kind(i);
        if (outcomes.dead_letter(i)) outcomes_[ids[i]].dead_letter = *outcomes.dead_letter(i);
      }
      changed_.notify_all();
    };
  }
  bool WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return outcomes_.size() >= count; });
  }
  Outcome operator[](const std::string& id) {
    const std::lock_guard lock(mutex_);
    return outcomes_[id];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Outcome> outcomes_;
};

config::v1::PipelineConfig BaseConfig() {
  config::v1::PipelineConfig config;
  config.set_ack_bind("tcp://127.0.0.1:*");
  config.set_workers(1);
  config.set_max_call_events(64);
  config.set_max_batch_events(16);
  config.set_max_batch_bytes(1 << 20);
  config.set_max_event_bytes(1 << 20);
  return config;
}

void AddInput(config::v1::PipelineConfig& config, std::string bind = "tcp://127.0.0.1:*") {
  config.mutable_input()->set_bind(bind);
  config.mutable_input()->set_max_held_events(10000);
  config.mutable_input()->set_max_held_bytes(1 << 26);
}

void AddOutput(config::v1::PipelineConfig& config, const std::string& name,
               std::vector<std::string> peers) {
  config::v1::OutputConfig& output = (*config.mutable_outputs())[name];
  for (std::string& peer : peers) output.add_peers(std::move(peer));
  output.set_window_batches(8);
  output.set_window_events(128);
  output.set_window_bytes(1 << 22);
  output.set_ack_timeout_ms(2000);
  output.set_resolve_seconds(1);
  output.set_resend_budget(0.1);
}

std::unique_ptr<Stage> MakeStage(const std::string& name, config::v1::PipelineConfig config,
                                 std::function<void(Item&, std::stop_token)> decide = nullptr,
                                 bool dead_letters = false) {
  StageOptions options;
  options.name = name;
  options.instance = name + "-1";
  options.config = std::move(config);
  if (decide) options.make_processor = [decide] { return std::make_unique<EachItem>(decide); };
  options.process_dead_letters = dead_letters;
  absl::StatusOr<std::unique_ptr<Stage>> stage = Stage::Create(std::move(options));
  EXPECT_THAT(stage, IsOk());
  EXPECT_THAT((*stage)->Start(), IsOk());
  return *std::move(stage);
}

std::unique_ptr<Stage> MakeSink(Shelf& shelf, std::string bind = "tcp://127.0.0.1:*") {
  config::v1::PipelineConfig config = BaseConfig();
  AddInput(config, std::move(bind));
  return MakeStage(
      "sink", config, [&shelf](Item& item, std::stop_token stop) { shelf.Put(item, stop); },
      /*dead_letters=*/true);
}

std::unique_ptr<Stage> MakeSource(std::vector<std::string> peers) {
  config::v1::PipelineConfig config = BaseConfig();
  AddOutput(config, "default", std::move(peers));
  return MakeStage("source", config);
}

void Feed(Stage& source, Answers& answers, int first, int count) {
  for (int i = first; i < first + count;) {
    std::vector<SourceEvent> events;
    std::vector<std::string> ids;
    for (; events.size() < 10 && i < first + count; ++i) {
      idea::v1::Event event;
      event.set_id("event-" + std::to_string(i));
      ids.push_back(event.id());
      events.push_back({.event = event.SerializeAsString(), .received_at = i});
    }
    ASSERT_THAT(source.Submit(std::move(events), answers.For(ids)), IsOk());
  }
}

void ExpectClosed(const Ledger& ledger) {
  EXPECT_EQ(ledger.in_flight, 0);
  EXPECT_EQ(ledger.received,
            ledger.forwarded + ledger.dropped + ledger.rejected + ledger.stored + ledger.retried);
}

TEST(StageTest, EventsGoThroughAndTheSourceIsTold) {
  Shelf shelf;
  Answers answers;
  const auto sink = MakeSink(shelf);
  config::v1::PipelineConfig config = BaseConfig();
  AddInput(config);
  AddOutput(config, "default", {sink->input_endpoint()});
  const auto middle = MakeStage("middle", config, [](Item& item, std::stop_token) {
    item.event().mutable_mentat()->set_event_class("seen");
  });
  const auto source = MakeSource({middle->input_endpoint()});
  Feed(*source, answers, 0, 1000);
  ASSERT_TRUE(answers.WaitFor(1000));
  EXPECT_EQ(shelf.events().size(), 1000);
  EXPECT_EQ(answers["event-7"].kind, v1::EventOutcome::KIND_STORED);
  for (Stage* stage : {source.get(), middle.get(), sink.get()}) {
    EXPECT_THAT(stage->Drain(absl::Seconds(10)), IsOk());
    ExpectClosed(stage->Status().ledger);
  }
  EXPECT_EQ(sink->Status().ledger.stored, 1000);
}

TEST(StageTest, EachVerdictEndsWhereItShould) {
  Shelf shelf;
  Shelf side;
  Answers answers;
  const auto sink = MakeSink(shelf);
  const auto side_sink = MakeSink(side);
  config::v1::PipelineConfig config = BaseConfig();
  AddInput(config);
  AddOutput(config, "default", {sink->input_endpoint()});
  AddOutput(config, "side", {side_sink->input_endpoint()});
  const auto middle = MakeStage("middle", config, [](Item& item, std::stop_token) {
    if (item.view().id() == "event-0") item.Drop("rule");
    if (item.view().id() == "event-1") {
      item.Reject(v1::REASON_FAILED, "it failed", "a rule");
    }
    if (item.view().id() == "event-2") item.Dispatch("side");
    if (item.view().id() == "event-3") item.Duplicate("side");
    if (item.view().id() == "event-4") item.Dispatch("nowhere");
  });
  const auto source = MakeSource({middle->input_endpoint()});
  Feed(*source, answers, 0, 6);
  ASSERT_TRUE(answers.WaitFor(6));
  EXPECT_EQ(answers["event-0"].kind, v1::EventOutcome::KIND_DROPPED);
  EXPECT_EQ(answers["event-1"].kind, v1::EventOutcome::KIND_DEAD_LETTER);
  EXPECT_EQ(answers["event-1"].dead_letter.reason(), v1::REASON_FAILED);
  EXPECT_EQ(answers["event-1"].dead_letter.stage(), "middle");
  EXPECT_EQ(answers["event-1"].dead_letter.message(), "it failed");
  EXPECT_EQ(answers["event-1"].dead_letter.rule(), "a rule");
  EXPECT_EQ(answers["event-2"].kind, v1::EventOutcome::KIND_STORED);
  EXPECT_EQ(answers["event-4"].kind, v1::EventOutcome::KIND_DEAD_LETTER);
  EXPECT_EQ(shelf.events().size(), 2);  // 3 and 5
  EXPECT_EQ(shelf.dead_letters().size(), 2);
  EXPECT_EQ(side.events().size(), 2);  // 2 and 3
  ASSERT_THAT(middle->Drain(absl::Seconds(10)), IsOk());
  const Ledger ledger = middle->Status().ledger;
  ExpectClosed(ledger);
  EXPECT_EQ(ledger.dropped, 1);
  EXPECT_EQ(ledger.rejected, 2);
  EXPECT_EQ(ledger.forwarded, 3);
}

TEST(StageTest, WhatIsNoEventBecomesADeadLetter) {
  Shelf shelf;
  Answers answers;
  const auto sink = MakeSink(shelf);
  config::v1::PipelineConfig config = BaseConfig();
  AddInput(config);
  AddOutput(config, "default", {sink->input_endpoint()});
  const auto middle = MakeStage("middle", config, [](Item&, std::stop_token) {});
  const auto source = MakeSource({middle->input_endpoint()});
  ASSERT_THAT(source->Submit({{.event = "\xff\xff garbage"}}, answers.For({"garbage"})), IsOk());
  ASSERT_TRUE(answers.WaitFor(1));
  EXPECT_EQ(answers["garbage"].kind, v1::EventOutcome::KIND_DEAD_LETTER);
  EXPECT_EQ(answers["garbage"].dead_letter.reason(), v1::REASON_MALFORMED);
  EXPECT_EQ(shelf.dead_letters().count("\xff\xff garbage"), 1);
}

TEST(StageTest, AReplicaThatGoesTakesNothingWithIt) {
  Shelf shelf;
  Answers answers;
  const auto stays = MakeSink(shelf);
  std::mutex mutex;
  std::condition_variable arrived;
  bool stuck = false;
  config::v1::PipelineConfig config = BaseConfig();
  AddInput(config);
  // The one that goes never finishes anything.
  auto goes = MakeStage("sink", config, [&](Item& item, std::stop_token stop) {
    std::unique_lock lock(mutex);
    stuck = true;
    arrived.notify_all();
    std::condition_variable_any never;
    never.wait(lock, stop, [] { return false; });
    item.Retry();
  });
  const auto source = MakeSource({stays->input_endpoint(), goes->input_endpoint()});
  std::thread feeder([&] { Feed(*source, answers, 0, 500); });
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(arrived.wait_for(lock, kPatience, [&] { return stuck; }));
  }
  goes.reset();
  feeder.join();
  ASSERT_TRUE(answers.WaitFor(500));
  EXPECT_EQ(shelf.events().size(), 500);
}

TEST(StageTest, APeerThatComesLateIsFound) {
  Shelf shelf;
  Answers answers;
  auto first = MakeSink(shelf);
  const std::string endpoint = first->input_endpoint();
  first.reset();
  const auto source = MakeSource({endpoint});
  EXPECT_THAT(source->Ready(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("default")));
  Feed(*source, answers, 0, 50);
  const auto sink = MakeSink(shelf, endpoint);
  ASSERT_TRUE(answers.WaitFor(50));
  while (!source->Ready().ok()) std::this_thread::yield();  // the state is published now and then
}

TEST(StageTest, ItsPeersCanBeReplacedWhileItRuns) {
  Shelf first_shelf;
  Shelf second_shelf;
  Answers answers;
  const auto first = MakeSink(first_shelf);
  const auto second = MakeSink(second_shelf);
  const auto source = MakeSource({first->input_endpoint()});
  Feed(*source, answers, 0, 100);
  EXPECT_THAT(source->SetPeers("default", {second->input_endpoint()}), IsOk());
  // What the first one holds is settled with it; in the end all goes to the second.
  int fed = 100;
  while (second_shelf.events().empty() && fed < 100'000) {
    Feed(*source, answers, fed, 100);
    fed += 100;
  }
  EXPECT_TRUE(answers.WaitFor(fed));
  EXPECT_EQ(first_shelf.events().size() + second_shelf.events().size(), fed);
  EXPECT_FALSE(second_shelf.events().empty());

  EXPECT_THAT(source->SetPeers("default", {"nonsense"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nonsense")));
  EXPECT_THAT(source->SetPeers("other", {second->input_endpoint()}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("other")));
}

TEST(StageTest, AcknowledgementsCanBeForwardedFromAnotherPort) {
  config::v1::PipelineConfig config = BaseConfig();
  AddOutput(config, "default", {"tcp://127.0.0.1:1"});
  config.set_ack_advertise("no-such-host.invalid:7");
  StageOptions options;
  options.name = "source";
  options.config = config;
  EXPECT_THAT(Stage::Create(options),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("pipeline.ack_advertise")));
  options.config.set_ack_advertise("127.0.0.1:7");
  EXPECT_THAT(Stage::Create(options), IsOk());
}

TEST(StageTest, OnAllInterfacesAcknowledgementsFindTheirWay) {
  Shelf shelf;
  Answers answers;
  const auto sink = MakeSink(shelf, "tcp://0.0.0.0:*");
  const std::string endpoint = sink->input_endpoint();
  config::v1::PipelineConfig config = BaseConfig();
  config.set_ack_bind("tcp://*:*");
  AddOutput(config, "default", {"tcp://127.0.0.1" + endpoint.substr(endpoint.rfind(':'))});
  const auto source = MakeStage("source", config);
  Feed(*source, answers, 0, 100);
  EXPECT_TRUE(answers.WaitFor(100));
}

TEST(StageTest, AFullWindowHoldsTheSource) {
  Answers answers;
  std::mutex mutex;
  std::condition_variable_any changed;
  bool open = false;
  std::atomic<int> done = 0;
  config::v1::PipelineConfig config = BaseConfig();
  AddInput(config);
  const auto sink = MakeStage("sink", config, [&](Item& item, std::stop_token stop) {
    std::unique_lock lock(mutex);
    if (!changed.wait(lock, stop, [&] { return open; })) return item.Retry();
    item.Stored();
    ++done;
  });
  const auto source = MakeSource({sink->input_endpoint()});
  std::atomic<int> handed_over = 0;
  std::thread feeder([&] {
    for (int i = 0; i < 100; ++i) {
      Feed(*source, answers, i * 10, 10);
      handed_over += 10;
    }
  });
  // The window is 128 events; more than that the source must not have taken while the sink is shut.
  while (handed_over < 120) std::this_thread::yield();
  EXPECT_LE(handed_over, 128);
  EXPECT_EQ(done, 0);
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  ASSERT_TRUE(answers.WaitFor(1000));
  feeder.join();
}

TEST(StageTest, PausedItHoldsAndResumedItGoesOn) {
  Shelf shelf;
  Answers answers;
  const auto sink = MakeSink(shelf);
  const auto source = MakeSource({sink->input_endpoint()});
  Feed(*source, answers, 0, 10);
  ASSERT_TRUE(answers.WaitFor(10));
  sink->Pause();
  EXPECT_TRUE(sink->Status().paused);
  EXPECT_THAT(sink->Ready(), StatusIs(absl::StatusCode::kUnavailable, _));
  Feed(*source, answers, 10, 20);
  EXPECT_EQ(shelf.events().size(), 10);
  sink->Resume();
  EXPECT_FALSE(sink->Status().paused);
  EXPECT_THAT(sink->Ready(), IsOk());
  ASSERT_TRUE(answers.WaitFor(30));
}

TEST(StageTest, DrainingSettlesWhatIsHeldAndTurnsSourcesAway) {
  Shelf shelf;
  Answers answers;
  const auto sink = MakeSink(shelf);
  const auto source = MakeSource({sink->input_endpoint()});
  Feed(*source, answers, 0, 100);
  ASSERT_THAT(source->Drain(absl::Seconds(20)), IsOk());
  ASSERT_TRUE(answers.WaitFor(100));
  EXPECT_THAT(source->Submit({{.event = ""}}, [](Outcomes) { FAIL(); }),
              StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST(StageTest, DrainingGivesUpAfterTheGraceTime) {
  Answers answers;
  const auto source = MakeSource({"tcp://127.0.0.1:1"});
  Feed(*source, answers, 0, 10);
  EXPECT_THAT(source->Drain(absl::Milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("10 events")));
}

TEST(StageTest, ABadConfigurationIsNamed) {
  StageOptions options;
  options.name = "source";
  options.config = BaseConfig();
  AddOutput(options.config, "default", {"nonsense"});
  EXPECT_THAT(Stage::Create(options), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("pipeline.outputs.default.peers")));
}

TEST(StageTest, AnEventThatNoPeerWouldTakeEndsAtOnce) {
  Shelf shelf;
  Answers answers;
  const auto sink = MakeSink(shelf);
  const auto source = MakeSource({sink->input_endpoint()});
  idea::v1::Event event;
  event.set_id("huge");
  event.set_note(std::string(3 << 20, 'n'));
  ASSERT_THAT(source->Submit({{.event = event.SerializeAsString()}}, answers.For({"huge"})),
              IsOk());
  Feed(*source, answers, 0, 100);
  ASSERT_TRUE(answers.WaitFor(101));
  EXPECT_EQ(answers["huge"].kind, v1::EventOutcome::KIND_DEAD_LETTER);
  EXPECT_EQ(answers["huge"].dead_letter.reason(), v1::REASON_TOO_LARGE);
  EXPECT_EQ(shelf.events().size(), 100);
}

TEST(StageTest, WithoutADefaultOutputItDoesNotStart) {
  StageOptions options;
  options.name = "source";
  options.config = BaseConfig();
  AddOutput(options.config, "other", {"tcp://127.0.0.1:1"});
  EXPECT_THAT(Stage::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pipeline.outputs")));
}

TEST(StageTest, AllSeriesExistFromTheStart) {
  prometheus::Registry registry;
  StageOptions options;
  options.name = "source";
  options.config = BaseConfig();
  AddOutput(options.config, "default", {"tcp://127.0.0.1:1"});
  options.registry = &registry;
  ASSERT_THAT(Stage::Create(std::move(options)), IsOk());
  std::set<std::string> names;
  for (const auto& family : registry.Collect()) names.insert(family.name);
  EXPECT_EQ(names, std::set<std::string>({
                       "mentat_pipeline_abandoned_batches_total",
                       "mentat_pipeline_condemned_events_total",
                       "mentat_pipeline_encrypted",
                       "mentat_pipeline_failed_connections_total",
                       "mentat_pipeline_given_up_events_total",
                       "mentat_pipeline_held_bytes",
                       "mentat_pipeline_held_events",
                       "mentat_pipeline_isolated_batches_total",
                       "mentat_pipeline_late_acks_total",
                       "mentat_pipeline_lost_peers_total",
                       "mentat_pipeline_oldest_event_age_seconds",
                       "mentat_pipeline_peers",
                       "mentat_pipeline_peers_up",
                       "mentat_pipeline_queued_events",
                       "mentat_pipeline_received_batches_total",
                       "mentat_pipeline_refused_batches_total",
                       "mentat_pipeline_refused_connections_total",
                       "mentat_pipeline_refused_frames_total",
                       "mentat_pipeline_repeated_batches_total",
                       "mentat_pipeline_resent_batches_total",
                       "mentat_pipeline_resolve_failures_total",
                       "mentat_pipeline_returned_events_total",
                       "mentat_pipeline_sent_batches_total",
                       "mentat_pipeline_silent_batches_total",
                       "mentat_pipeline_unsettled_events",
                   }));
}

TEST(StageTest, ASourceShowsItsOwnEventsAndBatches) {
  const auto source = MakeSource({"tcp://127.0.0.1:1"});
  const std::unique_ptr<Tap::Listener> listener = source->tap().Listen();
  ASSERT_NE(listener, nullptr);
  ASSERT_THAT(source->Submit({{"event", 7}, {"other", 8}}, [](const Outcomes&) {}), IsOk());
  const auto events = listener->Take(kPatience);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0]->wire, "event");
  EXPECT_EQ(events[1]->received_at, 8);
  EXPECT_EQ(events[1]->fate, Tap::Fate::kForwarded);
  EXPECT_EQ(listener->passed(), 2u);

  // Submissions come before calls.
  const auto listed = source->ListInFlight(10);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->batches.size(), 2u);
  EXPECT_EQ(listed->not_listed, 0u);
  std::set<InFlightBatch::Side> sides;
  for (const InFlightBatch& batch : listed->batches) {
    sides.insert(batch.side);
    EXPECT_EQ(batch.open_events, 2u);
  }
  EXPECT_THAT(sides,
              ::testing::ElementsAre(InFlightBatch::Side::kInput, InFlightBatch::Side::kWaiting));
  EXPECT_THAT(source->Drain(absl::ZeroDuration()), Not(IsOk()));
  EXPECT_THAT(source->ListInFlight(10), StatusIs(absl::StatusCode::kUnavailable, _));
}

}  // namespace
}  // namespace mentat::pipeline
