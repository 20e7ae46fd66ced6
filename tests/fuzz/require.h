// What a fuzz target says of its input: a property that does not hold is a crash to the fuzzer.
#ifndef TESTS_FUZZ_REQUIRE_H_
#define TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace mentat::fuzz {

inline void Require(bool holds, std::string_view property, const std::string& detail = "") {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n%s\n", static_cast<int>(property.size()),
               property.data(), detail.c_str());
  std::abort();
}

}  // namespace mentat::fuzz

#endif  // TESTS_FUZZ_REQUIRE_H_
