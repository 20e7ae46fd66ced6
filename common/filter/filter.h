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
#include "common/filter/diagnostic.h"
#include "common/filter/functions.h"
#include "common/filter/limits.h"
#include "common/filter/value.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

struct Explanation;
struct Rule;

// Copies share what was compiled.
class Filter {
 public:
  // What `time()` and `utcnow()` read.
  using Clock = filter::Clock;

  // Parses and compiles a rule for typed events. InvalidArgument with line, column, what was
  // expected and a caret; its payload-free message begins with `parse:` or `compile:`.
  static absl::StatusOr<Filter> Compile(std::string_view text, const Limits& limits = {});
  // `functions` are those that the rule may call; see functions.h.
  static absl::StatusOr<Filter> Compile(std::string_view text, const Limits& limits, Clock clock,
                                        const FunctionTable& functions = {});

  // The value of the expression. An error of evaluation (ordering a text and a number, say) is
  // InvalidArgument with the place in the rule, its message begins with `eval:`.
  absl::StatusOr<Value> Evaluate(const idea::v1::Event& event) const;
  // Whether that value counts as true. Much faster, since most of the values in between need not
  // be.
  absl::StatusOr<bool> Matches(const idea::v1::Event& event) const;
  // What the parts of the expression came to, and which of them decided.
  Explanation Explain(const idea::v1::Event& event) const;

  // What users hardly ever mean.
  const std::vector<Diagnostic>& warnings() const;
  const std::string& text() const;
  // What it was compiled to; for FilterSet.
  const Rule& rule() const;

  Filter(const Filter&);
  Filter& operator=(const Filter&);
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;
  ~Filter();

 private:
  struct Program;
  explicit Filter(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;
};

// The raw form of the language: on JSON as it is, without types. Literals of addresses, times and
// durations are texts, and nothing is converted, folded or swapped. Otherwise like Filter.
class RawFilter {
 public:
  static absl::StatusOr<RawFilter> Compile(std::string_view text, const Limits& limits = {});
  static absl::StatusOr<RawFilter> Compile(std::string_view text, const Limits& limits,
                                           Filter::Clock clock,
                                           const FunctionTable& functions = {});

  absl::StatusOr<Value> Evaluate(const idea::v1::Value& document) const;
  absl::StatusOr<bool> Matches(const idea::v1::Value& document) const;
  Explanation Explain(const idea::v1::Value& document) const;

  const std::vector<Diagnostic>& warnings() const;

  RawFilter(RawFilter&&) noexcept;
  RawFilter& operator=(RawFilter&&) noexcept;
  ~RawFilter();

 private:
  struct Program;
  explicit RawFilter(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FILTER_H_
