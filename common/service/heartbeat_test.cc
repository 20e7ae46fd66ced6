// Heartbeats through stages that are joined by real sockets.

#include "common/service/heartbeat.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status_matchers.h"
#include "common/pipeline/stage.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

using pipeline::Item;
using pipeline::Stage;

constexpr std::chrono::seconds kPatience(30);

class EachItem : public pipeline::Processor {
 public:
  explicit EachItem(std::function<void(Item&)> decide) : decide_(std::move(decide)) {}
  void Process(std::span<Item> items, std::stop_token) override {
    for (Item& item : items) decide_(item);
  }

 private:
  const std::function<void(Item&)> decide_;
};

// A stage of its own registry. Without `decide` it is a source, without `peer` a sink.
struct Place {
  prometheus::Registry registry;
  std::unique_ptr<Stage> stage;

  Place(const std::string& name, const std::string& peer, std::function<void(Item&)> decide) {
    pipeline::StageOptions options;
    options.name = name;
    options.instance = name;
    options.registry = &registry;
    options.config.set_ack_bind("tcp://127.0.0.1:*");
    options.config.set_workers(1);
    options.config.set_max_call_events(64);
    options.config.set_max_batch_events(16);
    options.config.set_max_batch_bytes(1 << 20);
    options.config.set_max_event_bytes(1 << 20);
    if (decide) {
      options.config.mutable_input()->set_bind("tcp://127.0.0.1:*");
      options.config.mutable_input()->set_max_held_events(1000);
      options.config.mutable_input()->set_max_held_bytes(1 << 20);
      options.make_processor = [decide] { return std::make_unique<EachItem>(decide); };
    }
    if (!peer.empty()) {
      config::v1::OutputConfig& output = (*options.config.mutable_outputs())["default"];
      output.add_peers(peer);
      output.set_window_batches(8);
      output.set_window_events(128);
      output.set_window_bytes(1 << 20);
      output.set_ack_timeout_ms(5000);
      output.set_resolve_seconds(1);
    } else {
      options.process_dead_letters = true;
    }
    absl::StatusOr<std::unique_ptr<Stage>> made = Stage::Create(std::move(options));
    EXPECT_THAT(made, IsOk());
    stage = *std::move(made);
    EXPECT_THAT(stage->Start(), IsOk());
  }

  // The value of a series; 0 if there is none.
  double Value(const std::string& name, const std::string& label = "") const {
    for (const prometheus::MetricFamily& family : registry.Collect()) {
      if (family.name != name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (!label.empty() && metric.label.at(0).value != label) continue;
        return metric.counter.value + metric.gauge.value +
               static_cast<double>(metric.histogram.sample_count);
      }
    }
    return 0;
  }
};

// Waits for heartbeats at the end of the pipeline.
class Gong {
 public:
  void Strike() {
    const MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();
  }
  bool WaitFor(int count) {
    const MutexLock lock(mutex_);
    return changed_.WaitFor(
        mutex_, kPatience, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return count_ >= count; });
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(HeartbeatTest, PassesByWhatWouldDropItAndIsMeasuredAtItsCommit) {
  Gong gong;
  std::atomic<Stage*> origin = nullptr;
  Place sink("storage", "", [&](Item& item) {
    // One at a time, so that they do not pile up where the pipeline stands still.
    EXPECT_LE(origin.load()->Status().ledger.in_flight, 1);
    EXPECT_TRUE(item.heartbeat());
    EXPECT_TRUE(item.wire().empty());
    EXPECT_GT(item.received_at(), 0);
    item.Stored();
    gong.Strike();
  });
  Place middle("inspector", sink.stage->input_endpoint(), [](Item& item) {
    ADD_FAILURE() << "it was given to a processor";
    item.Drop("everything");
  });
  Place source("source", middle.stage->input_endpoint(), nullptr);
  origin = source.stage.get();
  {
    Heartbeat heartbeat(source.registry, *source.stage, absl::Milliseconds(1));
    ASSERT_TRUE(gong.WaitFor(3));
    heartbeat.RequestStop();
    EXPECT_THAT(source.stage->Drain(absl::Seconds(30)), IsOk());
  }
  const double committed = source.Value("mentat_heartbeats_total", "committed");
  EXPECT_GE(committed, 3);
  EXPECT_EQ(source.Value("mentat_heartbeat_seconds"), committed);
  EXPECT_EQ(source.Value("mentat_heartbeats_total", "failed"), 0);
  // They are in the ledgers, which close.
  EXPECT_THAT(middle.stage->Drain(absl::Seconds(30)), IsOk());
  EXPECT_THAT(sink.stage->Drain(absl::Seconds(30)), IsOk());
  const pipeline::Ledger ledger = middle.stage->Status().ledger;
  EXPECT_EQ(ledger.received, ledger.forwarded);
  EXPECT_EQ(ledger.dropped, 0);
  EXPECT_GE(sink.stage->Status().ledger.stored, committed);
}

TEST(HeartbeatTest, OneThatIsGivenBackHasFailedAndTheNextIsSent) {
  Gong gong;
  Place sink("storage", "", [&gong](Item& item) {
    item.Reject(pipeline::v1::REASON_FAILED, "not today");
    gong.Strike();
  });
  Place source("source", sink.stage->input_endpoint(), nullptr);
  {
    Heartbeat heartbeat(source.registry, *source.stage, absl::Milliseconds(1));
    ASSERT_TRUE(gong.WaitFor(2));
    heartbeat.RequestStop();
    EXPECT_THAT(source.stage->Drain(absl::Seconds(30)), IsOk());
  }
  EXPECT_EQ(source.Value("mentat_heartbeats_total", "committed"), 0);
  EXPECT_GE(source.Value("mentat_heartbeats_total", "failed"), 1);
}

}  // namespace
}  // namespace mentat::service
