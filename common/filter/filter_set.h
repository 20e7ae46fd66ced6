// Many filters compiled together, so that what they have in common is done once for an event.
//
// Equal parts of the filters are evaluated at most once. The constants that values of one path are
// compared with, by whatever filter, stand in one index, and a filter that can only be true if some
// value is found there is not looked at otherwise. So the cost of an event hangs on the filters
// that it comes near to, not on how many there are. docs/filter.md has the figures.
//
//   FilterSet set(std::move(filters));
//   FilterSet::Evaluation evaluation(set);  // of one thread, kept for many events
//   evaluation.Begin(event);
//   std::optional<FilterSet::Match> match = evaluation.Next(0);
//   for (; match; match = evaluation.Next(match->filter + 1)) { … }
//
// The verdicts are those of each filter alone. Only the time that filters ask for may be read once
// where each would read its own.
#ifndef COMMON_FILTER_FILTER_SET_H_
#define COMMON_FILTER_FILTER_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/filter/filter.h"
#include "common/idea/jpath.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

// Immutable, thread-safe.
class FilterSet {
 public:
  // `changes` are the paths that are written to while an event is looked at: an evaluation is told
  // by their numbers.
  explicit FilterSet(std::vector<Filter> filters, const std::vector<idea::Path>& changes = {});
  FilterSet(FilterSet&&) noexcept;
  FilterSet& operator=(FilterSet&&) noexcept;
  ~FilterSet();

  size_t size() const;

  struct Match {
    size_t filter;        // its number
    absl::Status status;  // OK if the filter is true, else why it failed: as Filter::Matches()
  };

  class Evaluation;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
};

// What is known of one event. The set outlives it. Not thread-safe.
class FilterSet::Evaluation {
 public:
  explicit Evaluation(const FilterSet& set);
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  ~Evaluation();

  // Forgets the event before. The new one stays where it is as long as it is looked at.
  void Begin(const idea::v1::Event& event);

  // The first filter from number `from` on that is true of the event as it is now, or fails;
  // nothing if there is none.
  std::optional<Match> Next(size_t from);

  // The event was written to, or something removed from it, at the path with that number.
  void Changed(size_t change);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FILTER_SET_H_
