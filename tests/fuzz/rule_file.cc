// A file of inspector's rules: it loads or is refused with findings, and what loads can be used on
// an event.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/idea/codec.h"
#include "common/pipeline/item.h"
#include "prometheus/registry.h"
#include "services/inspector/metrics.h"
#include "services/inspector/rule_loader.h"
#include "services/inspector/rule_set.h"
#include "tests/fuzz/require.h"

namespace inspector = mentat::inspector;
using mentat::fuzz::Require;

namespace {

std::string MakeEvent() {
  mentat::idea::v1::Event event;
  std::vector<mentat::idea::Problem> problems;
  Require(mentat::idea::ParseEvent(
              R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z",
                  "Category":["Recon.Scanning","Test"],"ConnCount":5,"Note":"x",
                  "Source":[{"IP4":["192.0.2.1"],"Port":[22,23],"Own":{"a":[1,"b"]}}],
                  "Node":[{"Name":"cz.example.ids","SW":["Kippo"],"AggrWin":"00:05:00"}]})",
              {}, &event, &problems),
          "the event is valid");
  return event.SerializeAsString();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string wire = MakeEvent();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  inspector::LoadResult loaded =
      inspector::ParseRules(text, "rules.json", {.outputs = {"default", "other"}, .queues = {}});
  inspector::Describe(loaded.errors);
  inspector::Describe(loaded.warnings);
  if (!loaded.errors.empty()) return 0;
  Require(!loaded.rules.rules.empty(), "a set has a rule");
  prometheus::Registry registry;
  inspector::Metrics metrics(registry);
  const inspector::RuleSet rules(std::move(loaded.rules), inspector::OnError::kSkip, metrics,
                                 mentat::log::Logger::Null());
  mentat::pipeline::Item item(wire);
  Require(item.Parse(), "the event can be read");
  rules.Inspect(item);
  item.TakeWire();
  return 0;
}
