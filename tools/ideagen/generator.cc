#include "tools/ideagen/generator.h"

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/ideagen/bad.h"
#include "tools/ideagen/event.h"
#include "tools/ideagen/scenarios.h"

namespace mentat::ideagen {
namespace {

std::string MakeUuid(Random& random) {
  // Version 4, variant 1, as RFC 4122 lays them out.
  const uint64_t high = (random.Bits() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (random.Bits() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, high >> 16 & 0xffff,
                         high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

const Scenario& PickScenario(int total_weight, Random& random) {
  int64_t rest = random.Below(total_weight);
  for (const Scenario& scenario : Scenarios()) {
    rest -= scenario.weight;
    if (rest < 0) return scenario;
  }
  return Scenarios().back();
}

}  // namespace

Generator::Generator(GeneratorOptions options)
    : options_(std::move(options)), random_(options_.seed) {
  if (!options_.now) options_.now = [] { return static_cast<int64_t>(time(nullptr)); };
  for (const Scenario& scenario : Scenarios()) total_weight_ += scenario.weight;
}

GeneratedEvent Generator::Next() {
  GeneratedEvent result;
  result.id = absl::StrCat(options_.prefix, MakeUuid(random_));
  result.bad = random_.Chance(options_.bad_share);
  const Scenario& scenario = PickScenario(total_weight_, random_);
  if (!result.bad) {
    result.json = MakeEvent(scenario, result.id, options_.now(), random_).dump();
    result.event_class = scenario.event_class;
    return result;
  }
  const size_t skipped = options_.allow_empty ? 0 : 1;
  const BadKind& kind = BadKinds()[skipped + random_.Below(BadKinds().size() - skipped)];
  result.id = absl::StrCat("bad-", options_.prefix, std::string(kind.name), "-",
                           result.id.substr(options_.prefix.size()));
  result.json = kind.spoil(MakeEvent(scenario, result.id, options_.now(), random_));
  return result;
}

}  // namespace mentat::ideagen
