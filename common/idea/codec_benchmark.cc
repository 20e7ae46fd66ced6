// What reading an event costs, side by side with simdjson's DOM of the same text.
//
//   ./mentat bench parse
#include <benchmark/benchmark.h>
#include <google/protobuf/arena.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "common/base/benchmark_pairs.h"
#include "common/base/benchmark_report.h"
#include "common/idea/codec.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {
namespace {

// An event of the usual size, about 600 bytes.
const std::string& SampleEvent() {
  static const std::string& event = *new std::string(
      R"({"Format":"IDEA0","ID":"4dd7cf5e-4a95-49f6-8f48-eef4d6c1a9c2","CreateTime":"2024-03-05T15:52:25Z",)"
      R"("DetectTime":"2024-03-05T15:52:22.123456Z","WinStartTime":"2024-03-05T15:47:22Z",)"
      R"("WinEndTime":"2024-03-05T15:52:22Z","Category":["Recon.Scanning"],"ConnCount":633,)"
      R"("Description":"Ping scan of many hosts","Source":[{"IP4":["192.0.2.17"],"Proto":["tcp"],)"
      R"("Port":[43211]}],"Target":[{"IP4":["198.51.100.0/24"],"Proto":["tcp","ssh"],"Port":[22],)"
      R"("Anonymised":true}],"Node":[{"Name":"cz.example.hugo.ids","Type":["Flow","Statistical"],)"
      R"("SW":["Nemea"],"AggrWin":"00:05:00"}],"Note":"seen at the edge router"})");
  return event;
}

void BM_SimdjsonDom(benchmark::State& state) {
  const simdjson::padded_string json(SampleEvent());
  simdjson::dom::parser parser;
  for (auto _ : state) {
    simdjson::dom::element root;
    if (parser.parse(json).get(root) != simdjson::SUCCESS) state.SkipWithError("not JSON");
    benchmark::DoNotOptimize(root);
  }
  state.SetBytesProcessed(state.iterations() * SampleEvent().size());
}
BENCHMARK(BM_SimdjsonDom);

void BM_ParseEvent(benchmark::State& state) {
  std::vector<Problem> problems;
  v1::Event event;  // as the filer gateway reuses it
  for (auto _ : state) {
    if (!ParseEvent(SampleEvent(), {}, &event, &problems)) {
      state.SkipWithError(Describe(problems).c_str());
    }
    benchmark::DoNotOptimize(event);
  }
  state.SetBytesProcessed(state.iterations() * SampleEvent().size());
}
BENCHMARK(BM_ParseEvent);

void BM_ParseEventOnArena(benchmark::State& state) {
  constexpr int kBatch = 256;
  std::vector<Problem> problems;
  std::vector<Problem> warnings;
  google::protobuf::Arena arena;
  int events = 0;
  for (auto _ : state) {
    if (++events % kBatch == 0) arena.Reset();
    auto* event = google::protobuf::Arena::CreateMessage<v1::Event>(&arena);
    if (!ParseEvent(SampleEvent(), {}, event, &problems, &warnings)) {
      state.SkipWithError(Describe(problems).c_str());
    }
  }
  state.SetBytesProcessed(state.iterations() * SampleEvent().size());
}
BENCHMARK(BM_ParseEventOnArena);

void BM_PrintEvent(benchmark::State& state) {
  v1::Event event;
  std::vector<Problem> problems;
  ParseEvent(SampleEvent(), {}, &event, &problems);
  std::string json;
  for (auto _ : state) {
    json.clear();
    AppendEvent(event, &json);
    benchmark::DoNotOptimize(json);
  }
  state.SetBytesProcessed(state.iterations() * json.size());
}
BENCHMARK(BM_PrintEvent);

}  // namespace
}  // namespace mentat::idea

int main(int argc, char** argv) {
  mentat::bench::Report report(argc, argv);
  const mentat::bench::Pair pairs[] = {
      {.figure = {.name = "parse",
                  .unit = "ns",
                  .bar = 8,
                  .better = mentat::bench::Better::kLower,
                  .note = "parse and validate an event of 600 bytes / simdjson's DOM of it"},
       .ours = "BM_ParseEvent",
       .baseline = "BM_SimdjsonDom"}};
  mentat::bench::RunPairs(pairs, report);
  return report.Finish();
}
