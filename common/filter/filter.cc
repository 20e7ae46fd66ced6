#include "common/filter/filter.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/filter/compile.h"
#include "common/filter/evaluate.h"
#include "common/filter/explain.h"
#include "common/filter/parser.h"
#include "common/filter/path.h"
#include "common/filter/predicate.h"
#include "common/filter/rule.h"
#include "common/filter/warnings.h"

namespace mentat::filter {

// The parts refer to the rule, which therefore stays where it is.
struct Filter::Program {
  Program(Rule prepared, const ParsedRule& parsed)
      : rule(std::move(prepared)),
        warnings(FindWarnings(parsed.dropped, parsed.torn, rule, /*typed=*/true)),
        evaluator(rule, rule.ast.root),
        predicate(MakePredicate(rule, rule.ast.root)) {}

  Rule rule;
  std::vector<Diagnostic> warnings;
  Evaluator evaluator;
  std::unique_ptr<Predicate> predicate;
};

Filter::Filter(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
Filter::Filter(const Filter&) = default;
Filter& Filter::operator=(const Filter&) = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;
Filter::~Filter() = default;

absl::StatusOr<Filter> Filter::Compile(std::string_view text, const Limits& limits) {
  return Compile(text, limits, SystemClockMicros);
}

absl::StatusOr<Filter> Filter::Compile(std::string_view text, const Limits& limits, Clock clock,
                                       const FunctionTable& functions) {
  ASSIGN_OR_RETURN(ParsedRule parsed, Parse(text, limits));
  RETURN_IF_ERROR(CompileForEvents(&parsed.ast));
  ASSIGN_OR_RETURN(Rule rule,
                   PrepareRule(std::move(parsed.ast), limits, std::move(clock), functions));
  return Filter(std::make_shared<const Program>(std::move(rule), parsed));
}

absl::StatusOr<Value> Filter::Evaluate(const idea::v1::Event& event) const {
  return program_->evaluator.Evaluate(Document(event));
}

absl::StatusOr<bool> Filter::Matches(const idea::v1::Event& event) const {
  absl::Status error;
  const Truth truth = program_->predicate->Test(event, &error);
  if (truth == Truth::kError) return error;
  return truth == Truth::kTrue;
}

Explanation Filter::Explain(const idea::v1::Event& event) const {
  return filter::Explain(program_->rule, program_->evaluator, Document(event));
}

const std::vector<Diagnostic>& Filter::warnings() const { return program_->warnings; }
const std::string& Filter::text() const { return program_->rule.ast.text; }
const Rule& Filter::rule() const { return program_->rule; }

struct RawFilter::Program {
  Program(Rule prepared, const ParsedRule& parsed)
      : rule(std::move(prepared)),
        warnings(FindWarnings(parsed.dropped, parsed.torn, rule, /*typed=*/false)),
        evaluator(rule, rule.ast.root) {}

  Rule rule;
  std::vector<Diagnostic> warnings;
  Evaluator evaluator;
};

RawFilter::RawFilter(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
RawFilter::RawFilter(RawFilter&&) noexcept = default;
RawFilter& RawFilter::operator=(RawFilter&&) noexcept = default;
RawFilter::~RawFilter() = default;

absl::StatusOr<RawFilter> RawFilter::Compile(std::string_view text, const Limits& limits) {
  return Compile(text, limits, SystemClockMicros);
}

absl::StatusOr<RawFilter> RawFilter::Compile(std::string_view text, const Limits& limits,
                                             Filter::Clock clock, const FunctionTable& functions) {
  ASSIGN_OR_RETURN(ParsedRule parsed, Parse(text, limits));
  ASSIGN_OR_RETURN(Rule rule,
                   PrepareRule(std::move(parsed.ast), limits, std::move(clock), functions));
  return RawFilter(std::make_shared<const Program>(std::move(rule), parsed));
}

absl::StatusOr<Value> RawFilter::Evaluate(const idea::v1::Value& document) const {
  return program_->evaluator.Evaluate(Document(document));
}

absl::StatusOr<bool> RawFilter::Matches(const idea::v1::Value& document) const {
  ASSIGN_OR_RETURN(const Value value, Evaluate(document));
  return value.Truth();
}

Explanation RawFilter::Explain(const idea::v1::Value& document) const {
  return filter::Explain(program_->rule, program_->evaluator, Document(document));
}

const std::vector<Diagnostic>& RawFilter::warnings() const { return program_->warnings; }

}  // namespace mentat::filter
