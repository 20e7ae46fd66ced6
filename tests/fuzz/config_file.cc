// A configuration file: it becomes a message or is refused with the keys that are wrong.
#include <cstdint>
#include <string>
#include <string_view>

#include "common/service/config_binder.h"
#include "common/service/config_node.h"
#include "mentat/config/v1/inspector.pb.h"
#include "tests/fuzz/require.h"

namespace service = mentat::service;
using mentat::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto node = service::ParseConfigText(text, "fuzz.json");
  if (!node.ok()) return 0;
  const std::string json = node->ToJson();
  const auto again = service::ParseConfigValue(json, "again");
  Require(again.ok() && again->ToJson() == json, "a configuration is kept", json);
  mentat::config::v1::InspectorConfig config;
  service::BindConfig(*node, config).status().IgnoreError();
  service::Merge(*again, *node);
  return 0;
}
