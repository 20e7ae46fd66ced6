// Random numbers that are the same on every machine for the same seed (the distributions of the
// standard library are not).
#ifndef TOOLS_IDEAGEN_RANDOM_H_
#define TOOLS_IDEAGEN_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <random>

namespace mentat::ideagen {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Bits() { return engine_(); }
  // From 0 to `bound` - 1.
  uint64_t Below(uint64_t bound) { return engine_() % bound; }
  // From `low` to `high`, both included.
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  // True in the given share of cases.
  bool Chance(double share) { return static_cast<double>(engine_() >> 11) * 0x1.0p-53 < share; }
  template <typename List>
  const auto& Pick(const List& list) {
    return list[Below(list.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_RANDOM_H_
