// Patterns of `like`: the syntax and meaning of Python's re, carried out by RE2, so that no pattern
// can hang or exhaust the process.
#ifndef COMMON_FILTER_REGEX_H_
#define COMMON_FILTER_REGEX_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/filter/limits.h"

namespace re2 {
class RE2;
}

namespace mentat::filter {

// Thread-safe; copies share the compiled pattern.
class Pattern {
 public:
  // InvalidArgument if Python would refuse the pattern; Unimplemented if Python would take it, but
  // it asks for more than RE2 or the limits allow. The message says where.
  static absl::StatusOr<Pattern> Compile(std::string_view pattern, const Limits& limits);

  // Whether the pattern matches anywhere in the text.
  bool Search(std::string_view text) const;
  // The pattern in the syntax of RE2.
  const std::string& regex() const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> regex) : regex_(std::move(regex)) {}

  std::shared_ptr<const re2::RE2> regex_;
};

// The same pattern in the syntax of RE2. Errors as those of Pattern::Compile.
absl::StatusOr<std::string> TranslatePattern(std::string_view pattern);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_REGEX_H_
