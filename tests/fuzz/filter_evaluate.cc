// Rules over an event. The input is a line for each rule and, from the first line that begins with
// a brace, the event as JSON. The ways of evaluation agree with each other, and a set of filters
// with each of them alone.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "common/filter/explain.h"
#include "common/filter/filter.h"
#include "common/filter/filter_set.h"
#include "common/idea/codec.h"
#include "tests/fuzz/require.h"

namespace filter = mentat::filter;
namespace idea = mentat::idea;
using mentat::fuzz::Require;

namespace {

constexpr size_t kMaxRules = 8;

template <typename Compiled, typename Event>
void Evaluate(const Compiled& rule, const Event& event) {
  const auto value = rule.Evaluate(event);
  const auto matches = rule.Matches(event);
  Require(!value.ok() || matches.ok(), "what has a value matches or does not",
          matches.status().ToString());
  Require(!value.ok() || *matches == value->Truth(), "what matches has a value that is true");
  const filter::Explanation explained = rule.Explain(event);
  filter::Format(explained);
  Require(explained.value.has_value() == value.ok(), "the explanation knows whether there is one");
  if (value.ok()) {
    Require(explained.value->Truth() == value->Truth(), "the explanation comes to the same");
  }
}

void EvaluateTogether(std::vector<filter::Filter> rules, const idea::v1::Event& event) {
  std::vector<absl::StatusOr<bool>> alone;
  for (const filter::Filter& rule : rules) alone.push_back(rule.Matches(event));
  const filter::FilterSet set(std::move(rules));
  filter::FilterSet::Evaluation evaluation(set);
  evaluation.Begin(event);
  size_t next = 0;
  for (auto match = evaluation.Next(0); match; match = evaluation.Next(next)) {
    for (; next < match->filter; ++next) {
      Require(alone[next].ok() && !*alone[next], "what a set leaves out is false alone");
    }
    Require(match->status.ok() ? alone[next].ok() && *alone[next] : !alone[next].ok(),
            "what a set finds is true alone, or fails");
    ++next;
  }
  for (; next < alone.size(); ++next) {
    Require(alone[next].ok() && !*alone[next], "what a set leaves out is false alone");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find("\n{");
  if (end == std::string_view::npos) return 0;
  const std::string_view json = text.substr(end + 1);
  const auto document = idea::ParseValue(json);
  idea::v1::Event event;
  std::vector<idea::Problem> problems;
  const bool valid = idea::ParseEvent(json, {}, &event, &problems);
  const auto clock = [] { return int64_t{1'700'000'000'000'000}; };

  std::vector<filter::Filter> rules;
  std::string_view lines = text.substr(0, end);
  while (!lines.empty() && rules.size() < kMaxRules) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    auto rule = filter::Filter::Compile(line, {}, clock);
    if (rule.ok() && valid) {
      Evaluate(*rule, event);
      rules.push_back(*std::move(rule));
    }
    const auto raw_rule = filter::RawFilter::Compile(line, {}, clock);
    if (raw_rule.ok() && document.ok()) Evaluate(*raw_rule, *document);
  }
  if (valid) EvaluateTogether(std::move(rules), event);
  return 0;
}
