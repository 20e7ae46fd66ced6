// A hop with acknowledgements beside raw ZeroMQ PUSH/PULL of the same frames. The threads of each
// side are those that it has in a program: a source, the pipeline of each stage, a worker.
//
//   hop_benchmark [event bytes] [events a batch]    only these, to look at with a profiler
//   hop_benchmark instrumentation                   with metrics beside without
//   hop_benchmark tail                              with somebody who looks at the events beside
//   without

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/benchmark_report.h"
#include "common/base/pause.h"
#include "common/pipeline/batch.h"
#include "common/pipeline/keys.h"
#include "common/pipeline/stage.h"
#include "common/pipeline/tap.h"
#include "common/service/http_get.h"
#include "common/service/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "zmq.hpp"

namespace mentat::pipeline {
namespace {

// What a configuration has if it says nothing; proto/mentat/config/v1/common.proto.
constexpr uint32_t kBatchEvents = 128;
constexpr uint32_t kCallEvents = 256;
constexpr uint32_t kBatchBytes = 1 << 20;
constexpr uint32_t kWindowBatches = 32;
constexpr uint32_t kWindowEvents = 4096;
constexpr uint32_t kWindowBytes = 8 << 20;

struct Load {
  size_t event_bytes;
  uint32_t batch_events;
  int batches;
  bool parse = false;
};

std::string SomeEvent(size_t bytes) {
  idea::v1::Event event;
  event.set_id("0b4fcd17-9f0d-4a70-8d0c-30f1d9f0a1bb");
  event.set_note(std::string(bytes - 42, 'n'));
  return event.SerializeAsString();
}

SourceBatch MakeBatch(const std::string& event, uint32_t events) {
  SourceBatch batch;
  batch.Reserve(events * (event.size() + 20));
  for (uint32_t i = 0; i < events; ++i) batch.Add(event, 1'700'000'000'000'000);
  return batch;
}

// Runs `send` for a tenth of the batches to warm up and then for all of them; returns the events a
// second from the first sent to the last of which `arrived` was told.
class Timer {
 public:
  explicit Timer(const Load& load) : load_(load) {}

  void Arrived(uint64_t events) {
    arrived_.fetch_add(events, std::memory_order_release);
    arrived_.notify_all();
  }
  double Rate(const std::function<void()>& send) {
    Run(load_.batches / 10 + 1, send);
    const auto start = std::chrono::steady_clock::now();
    Run(load_.batches, send);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    return static_cast<double>(load_.batches) * load_.batch_events / time.count();
  }

 private:
  void Run(int batches, const std::function<void()>& send) {
    const uint64_t end = arrived_ + uint64_t{load_.batch_events} * batches;
    for (int i = 0; i < batches; ++i) send();
    for (uint64_t seen = arrived_; seen < end; seen = arrived_) arrived_.wait(seen);
  }

  const Load load_;
  std::atomic<uint64_t> arrived_ = 0;
};

// `hops` connections in a row; between two a thread passes messages on.
double RawRate(const Load& load, int hops) {
  Body body;
  const std::string event = SomeEvent(load.event_bytes);
  for (uint32_t i = 0; i < load.batch_events; ++i) body.Append(event, 1'700'000'000'000'000);
  const SharedBytes frame = EncodeBatch(
      {.epoch = 1, .id = 1, .attempt = 1, .ack_endpoint = "tcp://127.0.0.1:40000"}, body);

  Timer timer(load);
  std::vector<std::unique_ptr<zmq::context_t>> contexts;  // each process has one
  for (int i = 0; i <= hops; ++i) contexts.push_back(std::make_unique<zmq::context_t>(1));
  std::vector<zmq::socket_t> pulls;
  std::vector<zmq::socket_t> pushes;
  for (int i = 0; i < hops; ++i) {
    pulls.emplace_back(*contexts[i + 1], zmq::socket_type::pull);
    pulls.back().bind("tcp://127.0.0.1:*");
    pushes.emplace_back(*contexts[i], zmq::socket_type::push);
    pushes.back().connect(pulls.back().get(zmq::sockopt::last_endpoint));
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < hops; ++i) {
    threads.emplace_back([&, i] {
      zmq::message_t message;
      while (true) {
        (void)pulls[i].recv(message);
        const bool end = message.size() == 0;
        if (i + 1 < hops) {
          pushes[i + 1].send(message, zmq::send_flags::none);
        } else if (!end) {
          timer.Arrived(load.batch_events);
        }
        if (end) return;
      }
    });
  }
  const double rate = timer.Rate([&] { pushes[0].send(zmq::buffer(frame.bytes)); });
  pushes[0].send(zmq::message_t(), zmq::send_flags::none);
  return rate;
}

class Swallow : public Processor {
 public:
  void Process(std::span<Item> items, std::stop_token) override {
    for (Item& item : items) item.Stored();
  }
};

// Counts as the stages of an installation do, each event by itself, if it is given a counter.
class Pass : public Processor {
 public:
  explicit Pass(prometheus::Counter* counter) : counter_(counter) {}
  void Process(std::span<Item> items, std::stop_token) override {
    if (counter_ == nullptr) return;
    for (size_t i = 0; i < items.size(); ++i) counter_->Increment();
  }

 private:
  prometheus::Counter* const counter_;
};

// The metrics of all stages of a run, which somebody reads once a second: far more often than a
// Prometheus does.
class Instruments {
 public:
  Instruments()
      : server_(
            service::MetricsServer::Start("127.0.0.1:0", {registries_.begin(), registries_.end()})
                .value()),
        counter_(service::AddCounter(*registries_[0], "mentat_benchmark_events_total", "Events.")),
        reader_([this](const std::stop_token& stop) {
          do {
            (void)service::HttpGet(server_->address(), "/metrics");
          } while (Pause(absl::Seconds(1), stop));
        }) {}
  // Of a stage: a process has one for itself.
  prometheus::Registry* registry(size_t stage) { return registries_.at(stage).get(); }
  prometheus::Counter* counter() { return &counter_; }

 private:
  std::vector<std::shared_ptr<prometheus::Registry>> registries_ = {
      std::make_shared<prometheus::Registry>(), std::make_shared<prometheus::Registry>(),
      std::make_shared<prometheus::Registry>()};
  std::unique_ptr<service::MetricsServer> server_;
  prometheus::Counter& counter_;
  std::jthread reader_;
};

// Somebody who looks at what passes a stage, and takes all that it may have.
class Onlooker {
 public:
  explicit Onlooker(Tap& tap)
      : listener_(tap.Listen()), taker_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) (void)listener_->Take(std::chrono::milliseconds(100));
        }) {}

 private:
  const std::unique_ptr<Tap::Listener> listener_;
  std::jthread taker_;
};

config::v1::PipelineConfig Config(const Load& load) {
  config::v1::PipelineConfig config;
  config.set_ack_bind("tcp://127.0.0.1:*");
  config.set_workers(1);
  config.set_max_call_events(kCallEvents);
  config.set_max_batch_events(load.batch_events);
  config.set_max_batch_bytes(kBatchBytes);
  config.set_max_event_bytes(5 << 20);
  return config;
}

void AddInput(config::v1::PipelineConfig& config) {
  config.mutable_input()->set_bind("tcp://127.0.0.1:*");
  config.mutable_input()->set_max_held_events(65536);
  config.mutable_input()->set_max_held_bytes(64 << 20);
}

void AddOutput(config::v1::PipelineConfig& config, const Stage& to) {
  config::v1::OutputConfig& output = (*config.mutable_outputs())["default"];
  output.add_peers(to.input_endpoint());
  output.set_window_batches(kWindowBatches);
  output.set_window_events(kWindowEvents);
  output.set_window_bytes(kWindowBytes);
  output.set_ack_timeout_ms(5000);
  output.set_resolve_seconds(5);
  output.set_resend_budget(0.1);
}

std::unique_ptr<Stage> Start(StageOptions options) {
  std::unique_ptr<Stage> stage = *Stage::Create(std::move(options));
  (void)stage->Start();
  return stage;
}

// Keys that know each other, in files that live as long as this.
class Keys {
 public:
  Keys() : folder_(std::filesystem::temp_directory_path() / "mentat-hop-XXXXXX") {
    std::string name = folder_.string();
    folder_ = mkdtemp(name.data());
    (void)WriteKeyPair(folder_, "source", *MakeKeyPair());
    (void)WriteKeyPair(folder_, "sink", *MakeKeyPair());
  }
  ~Keys() { std::filesystem::remove_all(folder_); }
  void Use(const char* own, config::v1::PipelineConfig& config) const {
    config.mutable_curve()->set_secret_key_file(folder_ / (std::string(own) + ".key_secret"));
    if (config.has_input()) config.mutable_input()->add_allowed_keys(folder_ / "source.key");
    for (auto& [name, output] : *config.mutable_outputs()) {
      output.add_allowed_keys(folder_ / "sink.key");
    }
  }

 private:
  std::filesystem::path folder_;
};

struct Extras {
  const Keys* keys = nullptr;          // for one hop
  Instruments* instruments = nullptr;  // for up to two
  bool tail = false;                   // of the last stage but one
};

double HopRate(const Load& load, int hops, const Extras& extras = {}) {
  const auto& [keys, instruments, tail] = extras;
  const auto registry = [instruments = instruments](size_t stage) {
    return instruments == nullptr ? nullptr : instruments->registry(stage);
  };
  StageOptions sink;
  sink.name = "sink";
  sink.config = Config(load);
  AddInput(sink.config);
  if (keys != nullptr) keys->Use("sink", sink.config);
  sink.parse_events = load.parse;
  sink.make_processor = [] { return std::make_unique<Swallow>(); };
  sink.registry = registry(0);
  std::vector<std::unique_ptr<Stage>> stages;  // from the end
  stages.push_back(Start(std::move(sink)));
  for (int i = 1; i < hops; ++i) {
    StageOptions middle;
    middle.name = "middle";
    middle.config = Config(load);
    AddInput(middle.config);
    AddOutput(middle.config, *stages.back());
    middle.parse_events = load.parse;
    middle.registry = registry(1);
    middle.make_processor = [instruments = instruments] {
      return std::make_unique<Pass>(instruments == nullptr ? nullptr : instruments->counter());
    };
    stages.push_back(Start(std::move(middle)));
  }
  StageOptions source;
  source.name = "source";
  source.config = Config(load);
  AddOutput(source.config, *stages.back());
  if (keys != nullptr) keys->Use("source", source.config);
  source.registry = registry(2);
  stages.push_back(Start(std::move(source)));
  for (const auto& stage : stages) {
    while (!stage->Ready().ok()) std::this_thread::yield();
  }
  std::optional<Onlooker> onlooker;
  if (tail) onlooker.emplace(stages.at(1)->tap());
  Timer timer(load);
  const std::string event = SomeEvent(load.event_bytes);
  const double rate = timer.Rate([&] {
    (void)stages.back()->Submit(MakeBatch(event, load.batch_events),
                                [&](const Outcomes& outcomes) { timer.Arrived(outcomes.size()); });
  });
  onlooker.reset();
  while (!stages.empty()) stages.pop_back();
  return rate;
}

void Compare(bench::Report& report, const bench::Figure& figure, const Load& load, int hops) {
  report.Compare(
      figure, [&] { return HopRate(load, hops); }, [&] { return RawRate(load, hops); });
}

// Processor time of the process so far.
double CpuSeconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A middle stage with something beside one without: what passes in a second, and what an event
// takes of the processors, which other work on the machine disturbs less.
void CompareCosts(bench::Report& report, const Load& load, bench::Figure rate, bench::Figure cost,
                  const std::function<double()>& rate_with) {
  std::vector<double> rates[2], costs[2];
  const auto measure = [&](bool with) {
    const double before = CpuSeconds();
    rates[with].push_back(with ? rate_with() : HopRate(load, 2));
    costs[with].push_back((CpuSeconds() - before) * 1e9 /
                          (double{1.1} * load.batches * load.batch_events));
  };
  for (int round = 0; round < report.rounds(); ++round) {
    measure(round % 2 == 0);
    measure(round % 2 != 0);
  }
  rate.unit = "events/s";
  cost.unit = "ns/event";
  cost.better = bench::Better::kLower;
  report.Add(rate, rates[1], rates[0]);
  report.Add(cost, costs[1], costs[0]);
}

void CompareInstrumentation(bench::Report& report, const Load& load) {
  CompareCosts(report, load,
               {.name = "instrumentation",
                .bar = 0.98,
                .note = "a stage that counts, metrics read every second / without metrics"},
               {.name = "instrumentation-cpu",
                .bar = 1.02,
                .note = "the same: processor time of three stages and the reader"},
               [&] {
                 Instruments instruments;
                 return HopRate(load, 2, {.instruments = &instruments});
               });
}

void CompareTail(bench::Report& report, const Load& load) {
  CompareCosts(report, load,
               {.name = "tail",
                .bar = 0.95,
                .note = "a stage whose events somebody looks at / with nobody looking"},
               {.name = "tail-cpu",
                .bar = 1.05,
                .note = "the same: processor time of three stages and the onlooker"},
               [&] { return HopRate(load, 2, {.tail = true}); });
}

int Main(int argc, char** argv) {
  bench::Report report(argc, argv);
  const auto batches = [&](size_t event_bytes, uint32_t batch_events) {
    const size_t bytes = event_bytes * batch_events;
    return static_cast<int>(report.Size(std::max<int64_t>(200, 250'000'000 / bytes)));
  };
  const auto load = [&](size_t event_bytes, uint32_t batch_events) {
    return Load{event_bytes, batch_events, batches(event_bytes, batch_events)};
  };
  if (report.arguments() == std::vector<std::string>{"instrumentation"}) {
    CompareInstrumentation(report, load(240, kBatchEvents));
    return report.Finish();
  }
  if (report.arguments() == std::vector<std::string>{"tail"}) {
    CompareTail(report, load(240, kBatchEvents));
    return report.Finish();
  }
  if (!report.arguments().empty()) {
    const size_t bytes = std::stoul(report.arguments()[0]);
    const uint32_t events =
        report.arguments().size() > 1 ? std::stoul(report.arguments()[1]) : kBatchEvents;
    Compare(report,
            {.name = absl::StrCat("hop-", bytes, "x", events), .unit = "events/s", .note = ""},
            load(bytes, events), 1);
    Compare(report,
            {.name = absl::StrCat("middle-", bytes, "x", events), .unit = "events/s", .note = ""},
            load(bytes, events), 2);
    return report.Finish();
  }
  Compare(report,
          {.name = "hop",
           .unit = "events/s",
           .bar = 0.8,
           .note = "a hop with acknowledgements / raw ZeroMQ PUSH/PULL of the same frames"},
          load(240, kBatchEvents), 1);
  Compare(report,
          {.name = "hop-middle",
           .unit = "events/s",
           .bar = 0.8,
           .note = "through a stage that changes nothing / PULL and PUSH of the same frames"},
          load(240, kBatchEvents), 2);
  for (const size_t bytes : {100, 1000, 5000}) {
    Compare(report,
            {.name = absl::StrCat("hop-", bytes, "-bytes"),
             .unit = "events/s",
             .note = absl::StrCat("a hop with events of ", bytes, " bytes")},
            load(bytes, kBatchEvents), 1);
  }
  for (const uint32_t events : {32, 128, 1024}) {
    Compare(report,
            {.name = absl::StrCat("hop-batches-of-", events),
             .unit = "events/s",
             .note = absl::StrCat("a hop in batches of ", events, " events")},
            load(240, events), 1);
  }
  Load parsed = load(240, kBatchEvents);
  parsed.parse = true;
  Compare(report,
          {.name = "hop-parsed",
           .unit = "events/s",
           .note = "a hop whose worker is given each event parsed"},
          parsed, 1);
  const Keys keys;
  const Load plain = load(240, kBatchEvents);
  report.Compare(
      {.name = "hop-curve", .unit = "events/s", .note = "the same hop encrypted / plain"},
      [&] { return HopRate(plain, 1, {.keys = &keys}); }, [&] { return HopRate(plain, 1); });
  return report.Finish();
}

}  // namespace
}  // namespace mentat::pipeline

int main(int argc, char** argv) { return mentat::pipeline::Main(argc, argv); }
