// Reading, setting and removing by a path. The input is three lines: the path, a JSON value, an
// event.
#include "common/idea/jpath.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "tests/fuzz/require.h"

namespace idea = mentat::idea;
using mentat::fuzz::Require;

namespace {

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return line;
}

void RequireSound(const idea::v1::Event& event) {
  const std::string printed = idea::PrintEvent(event);
  const auto value = idea::ParseValue(printed);
  Require(value.ok(), "an event is JSON", value.status().ToString() + "\n" + printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto path = idea::Path::Parse(TakeLine(&text));
  const auto value = idea::ParseValue(TakeLine(&text));
  idea::v1::Event event;
  std::vector<idea::Problem> problems;
  if (!path.ok() || !idea::ParseEvent(text, {}, &event, &problems)) return 0;
  for (const idea::v1::Value& found : idea::Values(event, *path)) idea::PrintValue(found);
  if (value.ok()) {
    for (const bool overwrite : {false, true}) {
      for (const bool unique : {false, true}) {
        idea::v1::Event changed = event;
        const auto result =
            idea::Set(&changed, *path, *value, {.overwrite = overwrite, .unique = unique});
        RequireSound(changed);
        if (result.ok() && *result != idea::SetResult::kSet) {
          Require(idea::PrintEvent(changed) == idea::PrintEvent(event),
                  "what is not set changes nothing", idea::PrintEvent(changed));
        }
      }
    }
  }
  if (idea::Unset(&event, *path).ok()) {
    RequireSound(event);
    Require(idea::Values(event, *path).empty() || path->text().find('[') != std::string::npos,
            "what was removed is gone", idea::PrintEvent(event));
  }
  return 0;
}
