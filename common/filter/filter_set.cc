#include "common/filter/filter_set.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "common/filter/expression_graph.h"
#include "common/filter/path_index.h"
#include "common/filter/rule.h"

namespace mentat::filter {
namespace {

using Kind = Expression::Kind;
using Chunk = idea::Path::Chunk;

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr size_t kWordBits = 64;

// Whether writing at `written` can change what is read at `read`. Where one leads on from the
// other, it can. Where they part, it can only if one of them goes through an item of a list before:
// a new item changes what `[#]` means.
bool Affects(const std::vector<Chunk>& written, const std::vector<Chunk>& read) {
  for (size_t i = 0; i < std::min(written.size(), read.size()); ++i) {
    if (written[i].name != read[i].name) return false;
    if (written[i].index != idea::Path::Index::kNone) return true;
  }
  return true;
}

// One step of the evaluation, an Expression without what is needed only to make it.
struct Step {
  Kind kind;
  Truth constant;               // of kConstant
  uint32_t path;                // of kMembership
  uint32_t number;              // of kMembership
  const Predicate* predicate;   // of kPredicate
  uint32_t first_operand;       // in the list of all operands
  uint32_t operands;            // how many
  uint32_t last_that_can_fail;  // of a chain
  uint32_t memo;                // where the result is kept if it is needed again; else kNone
};

// The memberships of which at least one is true if an expression is.
struct Guard {
  std::vector<uint32_t> memberships;
  size_t cost;
};

}  // namespace

struct FilterSet::Program {
  std::vector<Filter> filters;  // their rules are referred to
  ExpressionGraph graph;        // owns the predicates
  std::vector<Step> steps;
  std::vector<ExpressionId> operands;
  std::vector<ExpressionId> roots;  // one for each filter
  std::vector<PathIndex> indexes;
  uint32_t memos = 0;
  // The filters that have to be looked at if the membership is true, by its number; the indexes
  // with such memberships; and the filters that are looked at for each event, a bit for each.
  std::vector<uint32_t> guarded;
  std::vector<uint32_t> guarded_end;  // of each membership, where those of the next one begin
  std::vector<uint32_t> guards;
  std::vector<bool> is_guard;
  std::vector<uint64_t> always;
  // What has to be forgotten after a change, by the number of its path.
  struct Change {
    std::vector<uint32_t> indexes;
    std::vector<uint32_t> memos;
  };
  std::vector<Change> changes;

  void MakeSteps();
  void MakeGuards();
  std::optional<Guard> FindGuard(ExpressionId id, const std::vector<size_t>& costs) const;
  void CountGuards(ExpressionId id, std::vector<size_t>* counts) const;
  void MakeChanges(const std::vector<idea::Path>& paths);
};

void FilterSet::Program::MakeSteps() {
  for (const Expression& expression : graph.expressions()) {
    const bool is_kept = expression.uses > 1 && expression.kind != Kind::kConstant &&
                         expression.kind != Kind::kMembership;
    steps.push_back({.kind = expression.kind,
                     .constant = expression.constant,
                     .path = expression.path,
                     .number = expression.number,
                     .predicate = expression.kind == Kind::kPredicate
                                      ? graph.predicates()[expression.number].get()
                                      : nullptr,
                     .first_operand = static_cast<uint32_t>(operands.size()),
                     .operands = static_cast<uint32_t>(expression.operands.size()),
                     .last_that_can_fail = expression.last_that_can_fail,
                     .memo = is_kept ? memos++ : kNone});
    operands.insert(operands.end(), expression.operands.begin(), expression.operands.end());
  }
}

// Counts by membership for how many filters it could be a guard.
void FilterSet::Program::CountGuards(ExpressionId id, std::vector<size_t>* counts) const {
  const Expression& expression = graph.expressions()[id];
  if (expression.kind == Kind::kMembership) ++(*counts)[expression.number];
  if (expression.kind != Kind::kAnd && expression.kind != Kind::kOr) return;
  for (const ExpressionId operand : expression.operands) CountGuards(operand, counts);
}

// Nothing if the expression may be true without any membership being so.
std::optional<Guard> FilterSet::Program::FindGuard(ExpressionId id,
                                                   const std::vector<size_t>& costs) const {
  const Expression& expression = graph.expressions()[id];
  switch (expression.kind) {
    case Kind::kConstant:
      if (expression.constant == Truth::kTrue) return std::nullopt;
      return Guard{{}, 0};
    case Kind::kMembership:
      return Guard{{expression.number}, costs[expression.number]};
    case Kind::kAnd: {
      std::optional<Guard> best;
      for (const ExpressionId operand : expression.operands) {
        std::optional<Guard> guard = FindGuard(operand, costs);
        if (guard && (!best || guard->cost < best->cost)) best = std::move(guard);
      }
      return best;
    }
    case Kind::kOr: {
      Guard all{{}, 0};
      for (const ExpressionId operand : expression.operands) {
        const std::optional<Guard> guard = FindGuard(operand, costs);
        if (!guard) return std::nullopt;
        all.memberships.insert(all.memberships.end(), guard->memberships.begin(),
                               guard->memberships.end());
        all.cost += guard->cost;
      }
      return all;
    }
    default:
      return std::nullopt;
  }
}

void FilterSet::Program::MakeGuards() {
  // What many filters ask is true of many events, and guards badly.
  std::vector<size_t> costs(graph.memberships(), 0);
  for (const ExpressionId root : roots) CountGuards(root, &costs);
  // Patterns take much longer to search for than constants to look up.
  constexpr size_t kCostOfPatterns = 1000;
  for (const Expression& expression : graph.expressions()) {
    if (expression.kind == Kind::kMembership && expression.has_patterns) {
      costs[expression.number] += kCostOfPatterns;
    }
  }
  std::vector<std::vector<uint32_t>> guarded_by(graph.memberships());
  always.assign((roots.size() + kWordBits - 1) / kWordBits, 0);
  for (size_t i = 0; i < roots.size(); ++i) {
    // What may fail has to be looked at in any case.
    const bool can_fail = graph.expressions()[roots[i]].can_fail;
    const std::optional<Guard> guard = can_fail ? std::nullopt : FindGuard(roots[i], costs);
    if (!guard) {
      always[i / kWordBits] |= uint64_t{1} << (i % kWordBits);
      continue;
    }
    for (const uint32_t membership : guard->memberships) {
      guarded_by[membership].push_back(static_cast<uint32_t>(i));
    }
  }
  for (const std::vector<uint32_t>& some : guarded_by) {
    guarded.insert(guarded.end(), some.begin(), some.end());
    guarded_end.push_back(static_cast<uint32_t>(guarded.size()));
  }
  is_guard.assign(indexes.size(), false);
  for (const Expression& expression : graph.expressions()) {
    if (expression.kind != Kind::kMembership || guarded_by[expression.number].empty()) continue;
    is_guard[expression.path] = true;
  }
  for (uint32_t index = 0; index < indexes.size(); ++index) {
    if (is_guard[index]) guards.push_back(index);
  }
}

void FilterSet::Program::MakeChanges(const std::vector<idea::Path>& paths) {
  for (const idea::Path& path : paths) {
    std::vector<bool> variable_affected;
    for (const EventPath& variable : graph.variables()) {
      variable_affected.push_back(Affects(path.chunks(), variable.chunks()));
    }
    // Operands stand before what they are part of.
    std::vector<bool> affected;
    std::vector<bool> index_affected(indexes.size(), false);
    Change& change = changes.emplace_back();
    for (const Expression& expression : graph.expressions()) {
      const bool is_affected =
          std::any_of(expression.reads.begin(), expression.reads.end(),
                      [&](uint32_t variable) { return variable_affected[variable]; }) ||
          std::any_of(expression.operands.begin(), expression.operands.end(),
                      [&](ExpressionId operand) { return affected[operand]; });
      affected.push_back(is_affected);
      if (!is_affected) continue;
      if (expression.kind == Kind::kMembership) index_affected[expression.path] = true;
      const uint32_t memo = steps[affected.size() - 1].memo;
      if (memo != kNone) change.memos.push_back(memo);
    }
    for (uint32_t index = 0; index < indexes.size(); ++index) {
      if (index_affected[index]) change.indexes.push_back(index);
    }
  }
}

FilterSet::FilterSet(std::vector<Filter> filters, const std::vector<idea::Path>& changes) {
  auto program = std::make_unique<Program>();
  program->filters = std::move(filters);
  for (const Filter& filter : program->filters) {
    program->roots.push_back(program->graph.Add(filter.rule()));
  }
  program->indexes = program->graph.BuildIndexes();
  program->MakeSteps();
  program->MakeGuards();
  program->MakeChanges(changes);
  program_ = std::move(program);
}

FilterSet::FilterSet(FilterSet&&) noexcept = default;
FilterSet& FilterSet::operator=(FilterSet&&) noexcept = default;
FilterSet::~FilterSet() = default;

size_t FilterSet::size() const { return program_->filters.size(); }

// Nothing is cleared between events: what is known carries the number of the event, or of the
// look-up, that it holds for.
class FilterSet::Evaluation::Impl {
 public:
  explicit Impl(const Program& program)
      : program_(program),
        lookups_(program.indexes.size()),
        true_since_(program.graph.memberships(), 0),
        memos_(program.memos),
        candidates_(program.always.size()) {}

  void Begin(const idea::v1::Event& event) {
    event_ = &event;
    ++event_number_;
    std::copy(program_.always.begin(), program_.always.end(), candidates_.begin());
    for (const uint32_t index : program_.guards) LookUp(index);
  }

  std::optional<Match> Next(size_t from) {
    for (size_t i = NextCandidate(from); i < program_.roots.size(); i = NextCandidate(i + 1)) {
      const Truth truth = Test(program_.roots[i]);
      if (truth == Truth::kTrue) return Match{i, absl::OkStatus()};
      if (truth != Truth::kError) continue;
      // The expression that failed may stand in several filters; the error shows its place in one.
      const absl::StatusOr<bool> alone = program_.filters[i].Matches(*event_);
      if (!alone.ok() || *alone) return Match{i, alone.status()};
    }
    return std::nullopt;
  }

  void Changed(size_t change) {
    for (const uint32_t memo : program_.changes[change].memos) memos_[memo].event = 0;
    for (const uint32_t index : program_.changes[change].indexes) {
      lookups_[index].event = 0;
      if (program_.is_guard[index]) LookUp(index);
    }
  }

 private:
  struct Lookup {
    uint64_t event = 0;   // for which it was done
    uint64_t number = 0;  // its own
    bool found = false;   // any value
  };
  struct Memo {
    uint64_t event = 0;
    Truth truth = Truth::kNothing;
  };

  size_t NextCandidate(size_t from) const {
    size_t word = from / kWordBits;
    if (word >= candidates_.size()) return program_.roots.size();
    uint64_t bits = candidates_[word] & (~uint64_t{0} << (from % kWordBits));
    while (bits == 0) {
      if (++word == candidates_.size()) return program_.roots.size();
      bits = candidates_[word];
    }
    return word * kWordBits + static_cast<size_t>(std::countr_zero(bits));
  }

  void LookUp(uint32_t index) {
    Lookup& lookup = lookups_[index];
    lookup.event = event_number_;
    lookup.number = ++lookup_number_;
    lookup.found =
        program_.indexes[index].Find(*event_, &patterns_found_, [&](uint32_t membership) {
          true_since_[membership] = lookup_number_;
          const uint32_t end = program_.guarded_end[membership];
          for (uint32_t i = membership == 0 ? 0 : program_.guarded_end[membership - 1]; i < end;
               ++i) {
            const uint32_t filter = program_.guarded[i];
            candidates_[filter / kWordBits] |= uint64_t{1} << (filter % kWordBits);
          }
        });
  }

  Truth Test(ExpressionId id) {
    const Step& step = program_.steps[id];
    if (step.memo == kNone) return Compute(step);
    Memo& memo = memos_[step.memo];
    if (memo.event != event_number_) memo = {event_number_, Compute(step)};
    return memo.truth;
  }

  Truth Compute(const Step& step) {
    switch (step.kind) {
      case Kind::kConstant:
        return step.constant;
      case Kind::kMembership: {
        if (lookups_[step.path].event != event_number_) LookUp(step.path);
        const Lookup& lookup = lookups_[step.path];
        if (true_since_[step.number] == lookup.number) return Truth::kTrue;
        return lookup.found ? Truth::kFalse : Truth::kNothing;
      }
      case Kind::kPredicate: {
        absl::Status ignored;
        return step.predicate->Test(*event_, &ignored);
      }
      case Kind::kNot: {
        const Truth truth = Test(program_.operands[step.first_operand]);
        if (truth == Truth::kTrue) return Truth::kFalse;
        return truth == Truth::kFalse ? Truth::kTrue : truth;
      }
      case Kind::kAnd:
        return Chain(step, /*is_or=*/false);
      case Kind::kOr:
        return Chain(step, /*is_or=*/true);
      case Kind::kXor:
        return Xor(step);
    }
    return Truth::kNothing;
  }

  // As ChainPredicate.
  Truth Chain(const Step& step, bool is_or) {
    const ExpressionId* const operands = program_.operands.data() + step.first_operand;
    Truth result = Truth::kNothing;
    bool decided = false;
    for (uint32_t i = 0; i < step.operands; ++i) {
      if (decided && i >= step.last_that_can_fail) break;
      const Truth truth = Test(operands[i]);
      if (truth == Truth::kError) return truth;
      if (decided) continue;
      result = truth;
      decided = (truth == Truth::kTrue) == is_or;
    }
    return result;
  }

  // As XorPredicate: groups to the right. Each true operand before the last one turns the result
  // round.
  Truth Xor(const Step& step) {
    const ExpressionId* const operands = program_.operands.data() + step.first_operand;
    bool turned = false;
    bool turns = false;
    Truth last = Truth::kNothing;
    for (uint32_t i = 0; i < step.operands; ++i) {
      const Truth truth = Test(operands[i]);
      if (truth == Truth::kError) return truth;
      last = truth;
      if (i + 1 == step.operands || truth != Truth::kTrue) continue;
      turned = true;
      turns = !turns;
    }
    if (!turned) return last;
    return ((last == Truth::kTrue) != turns) ? Truth::kTrue : Truth::kFalse;
  }

  const Program& program_;
  const idea::v1::Event* event_ = nullptr;
  uint64_t event_number_ = 0;
  uint64_t lookup_number_ = 0;
  std::vector<Lookup> lookups_;       // by index
  std::vector<uint64_t> true_since_;  // by membership: the look-up that found it
  std::vector<Memo> memos_;
  std::vector<uint64_t> candidates_;  // filters to look at, a bit for each
  std::vector<int> patterns_found_;   // a buffer
};

FilterSet::Evaluation::Evaluation(const FilterSet& set)
    : impl_(std::make_unique<Impl>(*set.program_)) {}
FilterSet::Evaluation::~Evaluation() = default;

void FilterSet::Evaluation::Begin(const idea::v1::Event& event) { impl_->Begin(event); }

std::optional<FilterSet::Match> FilterSet::Evaluation::Next(size_t from) {
  return impl_->Next(from);
}

void FilterSet::Evaluation::Changed(size_t change) { impl_->Changed(change); }

}  // namespace mentat::filter
