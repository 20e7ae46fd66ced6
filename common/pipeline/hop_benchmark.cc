// One hop with acknowledgements, against raw ZeroMQ PUSH/PULL of the same frames.
//
//   ./mentat bench hop

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "common/base/benchmark_report.h"
#include "common/pipeline/frame.h"
#include "common/pipeline/keys.h"
#include "common/pipeline/stage.h"
#include "zmq.hpp"

namespace mentat::pipeline {
namespace {

constexpr int kBatch = 128;

std::string SomeEvent() {
  idea::v1::Event event;
  event.set_id("0b4fcd17-9f0d-4a70-8d0c-30f1d9f0a1bb");
  event.set_note(std::string(180, 'n'));
  return event.SerializeAsString();
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

double RawRate(int batches) {
  zmq::context_t context(1);
  zmq::socket_t pull(context, zmq::socket_type::pull);
  pull.bind("tcp://127.0.0.1:*");
  zmq::socket_t push(context, zmq::socket_type::push);
  push.connect(pull.get(zmq::sockopt::last_endpoint));
  v1::Batch batch;
  for (int i = 0; i < kBatch; ++i) batch.add_items()->set_event(SomeEvent());
  const std::string frame = EncodeFrame(FrameKind::kBatch, batch);
  const auto start = std::chrono::steady_clock::now();
  std::thread reader([&] {
    zmq::message_t message;
    for (int i = 0; i < batches; ++i) (void)pull.recv(message);
  });
  for (int i = 0; i < batches; ++i) push.send(zmq::buffer(frame));
  reader.join();
  return batches * kBatch / Seconds(start);
}

class Swallow : public Processor {
 public:
  void Process(std::span<Item> items, std::stop_token) override {
    for (Item& item : items) item.Stored();
  }
};

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

// Encrypted if there are keys.
double HopRate(int batches, const Keys* keys = nullptr) {
  StageOptions sink;
  sink.name = "sink";
  sink.config.mutable_input()->set_bind("tcp://127.0.0.1:*");
  sink.config.mutable_input()->set_max_held_events(65536);
  sink.config.mutable_input()->set_max_held_bytes(64 << 20);
  sink.config.set_max_batch_bytes(1 << 20);
  sink.config.set_max_call_events(1024);
  sink.config.set_workers(1);
  sink.make_processor = [] { return std::make_unique<Swallow>(); };
  if (keys != nullptr) keys->Use("sink", sink.config);
  auto sink_stage = *Stage::Create(std::move(sink));
  StageOptions source;
  source.name = "source";
  source.config.set_ack_bind("tcp://127.0.0.1:*");
  source.config.set_max_batch_events(kBatch);
  source.config.set_max_batch_bytes(1 << 20);
  auto& output = (*source.config.mutable_outputs())["default"];
  output.add_peers(sink_stage->input_endpoint());
  output.set_window_batches(32);
  output.set_window_events(4096);
  output.set_window_bytes(8 << 20);
  output.set_ack_timeout_ms(5000);
  output.set_resolve_seconds(5);
  if (keys != nullptr) keys->Use("source", source.config);
  auto source_stage = *Stage::Create(std::move(source));
  (void)sink_stage->Start();
  (void)source_stage->Start();
  while (!source_stage->Ready().ok()) std::this_thread::yield();
  const std::string event = SomeEvent();
  std::atomic<int> settled = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < batches; ++i) {
    std::vector<SourceEvent> events(kBatch);
    for (SourceEvent& source_event : events) source_event.event = event;
    (void)source_stage->Submit(std::move(events), [&](std::vector<Outcome> outcomes) {
      settled += static_cast<int>(outcomes.size());
      settled.notify_all();
    });
  }
  int seen = settled;
  while (seen < batches * kBatch) {
    settled.wait(seen);
    seen = settled;
  }
  return batches * kBatch / Seconds(start);
}

}  // namespace
}  // namespace mentat::pipeline

int main(int argc, char** argv) {
  mentat::bench::Report report(argc, argv);
  const int batches = static_cast<int>(report.Size(3000));
  report.Compare(
      {.name = "hop",
       .unit = "events/s",
       .bar = 0.8,
       .note = "a hop with acknowledgements / raw ZeroMQ PUSH/PULL of the same frames"},
      [&] { return mentat::pipeline::HopRate(batches); },
      [&] { return mentat::pipeline::RawRate(batches); });
  const mentat::pipeline::Keys keys;
  report.Compare(
      {.name = "hop-curve", .unit = "events/s", .note = "the same hop encrypted / plain"},
      [&] { return mentat::pipeline::HopRate(batches, &keys); },
      [&] { return mentat::pipeline::HopRate(batches); });
  return report.Finish();
}
