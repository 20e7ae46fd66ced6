// The filter language: an expression compiled once and evaluated on many events.
// docs/filter.md describes the language.
//
//   ASSIGN_OR_RETURN(filter::Filter rule, filter::Filter::Compile("Target.Port in [22, 23]"));
//   absl::StatusOr<bool> matches = rule.Matches(event);
//
// A compiled filter is immutable and may be used by many threads at once.
#ifndef COMMON_FILTER_FILTER_H_
#define COMMON_FILTER_FILTER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/value.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

// Bounds on what is compiled.
struct Limits {
  size_t max_bytes = 1 << 20;          // of the text
  size_t max_depth = 200;              // of nested expressions
  size_t max_nodes = 200'000;          // of the tree, list items included
  size_t max_regex_bytes = 4096;       // of one pattern
  int64_t max_regex_memory = 8 << 20;  // of one compiled pattern
};

// A place in the text of a rule, counted from 1, with what is to be said of it.
struct Diagnostic {
  int line = 1;
  int column = 1;
  std::string message;

  // `line 1, column 7: message`, the line of the text, and a caret below the place.
  std::string Format(std::string_view text) const;
};

class Filter {
 public:
  // Parses and compiles a rule for typed events. InvalidArgument with line, column, what was
  // expected and a caret; its payload-free message begins with `parse:` or `compile:`.
  static absl::StatusOr<Filter> Compile(std::string_view text, const Limits& limits = {});

  // The value of the expression. An error of evaluation (ordering a text and a number, say) is
  // InvalidArgument with the place in the rule.
  absl::StatusOr<Value> Evaluate(const idea::v1::Event& event) const;
  // Whether that value counts as true.
  absl::StatusOr<bool> Matches(const idea::v1::Event& event) const;

  // What users hardly ever mean.
  const std::vector<Diagnostic>& warnings() const;
  const std::string& text() const;

  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;
  ~Filter();

 private:
  struct Program;
  explicit Filter(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FILTER_H_
