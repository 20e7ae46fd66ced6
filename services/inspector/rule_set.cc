#include "services/inspector/rule_set.h"

#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/value.h"
#include "common/idea/jpath.h"
#include "mentat/pipeline/v1/batch.pb.h"
#include "prometheus/counter.h"

namespace mentat::inspector {
namespace {

using pipeline::Item;

// The event's identifier for the log, in bounds.
std::string_view Id(Item& item) {
  constexpr size_t kMaxBytes = 128;
  return std::string_view(item.view().id()).substr(0, kMaxBytes);
}

// What a condition does not see.
constexpr size_t kNoChange = std::numeric_limits<size_t>::max();

// Where an action writes to the event; null if it does not.
const idea::Path* PathOf(const Action& action) {
  if (const auto* tag = std::get_if<TagAction>(&action.what)) return &tag->setter.path();
  if (const auto* set = std::get_if<SetAction>(&action.what)) return &set->path;
  if (const auto* unset = std::get_if<UnsetAction>(&action.what)) return &unset->path;
  return nullptr;
}

bool Withheld(const Item& item) {
  return item.verdict() == Item::Verdict::kDrop || item.verdict() == Item::Verdict::kDispatch;
}

ActionResult ResultOf(idea::SetResult result) {
  return result == idea::SetResult::kSet ? ActionResult::kDone : ActionResult::kUnchanged;
}

absl::StatusOr<ActionResult> Put(Item& item, const idea::Path& path, const idea::v1::Value& value,
                                 idea::SetOptions options) {
  ASSIGN_OR_RETURN(const idea::SetResult result, idea::Set(&item.event(), path, value, options));
  return ResultOf(result);
}

// Puts the value of an expression. A path to the end of a list takes the values one by one; a key
// that holds one value takes a list of one.
absl::StatusOr<ActionResult> PutResult(Item& item, const SetAction& set) {
  ASSIGN_OR_RETURN(const filter::Value result, set.expression.Evaluate(item.view()));
  if (result.IsNothing() || (result.IsList() && result.list().empty())) {
    return ActionResult::kUnchanged;
  }
  const idea::v1::Value value = filter::ToIdeaValue(result);
  if (!value.has_list()) return Put(item, set.path, value, set.options);

  const auto& items = value.list().items();
  switch (set.path.chunks().back().index) {
    case idea::Path::Index::kAll: {
      ActionResult all = ActionResult::kUnchanged;
      for (const idea::v1::Value& one : items) {
        ASSIGN_OR_RETURN(const ActionResult put, Put(item, set.path, one, set.options));
        if (put == ActionResult::kDone) all = put;
      }
      return all;
    }
    case idea::Path::Index::kNone: {
      absl::StatusOr<ActionResult> put = Put(item, set.path, value, set.options);
      if (put.ok() || items.size() != 1) return put;
      return Put(item, set.path, items[0], set.options);
    }
    default:
      if (items.size() == 1) return Put(item, set.path, items[0], set.options);
      return absl::InvalidArgumentError(
          absl::StrCat(set.path.text(), " takes one value, the expression has ", items.size()));
  }
}

}  // namespace

RuleSet::RuleSet(Rules rules, OnError on_error, Metrics& metrics, log::Logger log)
    : rules_(std::move(rules)),
      on_error_(on_error),
      metrics_(metrics),
      log_(std::move(log)),
      fallback_(MakeEntry("fallback", rules_.fallback)),
      conditions_(MakeConditions()) {}

RuleSet::Entry RuleSet::MakeEntry(const std::string& name,
                                  const std::vector<Action>& actions) const {
  return {.name = name,
          .actions = &actions,
          .changes = std::vector<size_t>(actions.size(), kNoChange),
          .counters = metrics_.ForRule(name),
          .log = log_.ForKey(name)};
}

filter::FilterSet RuleSet::MakeConditions() {
  std::vector<filter::Filter> conditions;
  std::vector<idea::Path> changes;
  std::map<std::string_view, size_t> numbers;  // of the changes, by their paths
  for (const Rule& rule : rules_.rules) {
    conditions.push_back(rule.condition);
    Entry& entry = entries_.emplace_back(MakeEntry(rule.name, rule.actions));
    for (size_t i = 0; i < rule.actions.size(); ++i) {
      const idea::Path* const path = PathOf(rule.actions[i]);
      if (path == nullptr) continue;
      const auto [number, added] = numbers.emplace(path->text(), changes.size());
      if (added) changes.push_back(*path);
      entry.changes[i] = number->second;
    }
  }
  return filter::FilterSet(std::move(conditions), changes);
}

std::unique_ptr<RuleSet::Evaluation> RuleSet::TakeEvaluation() const {
  {
    absl::MutexLock lock(&mutex_);
    if (!evaluations_.empty()) {
      std::unique_ptr<Evaluation> evaluation = std::move(evaluations_.back());
      evaluations_.pop_back();
      return evaluation;
    }
  }
  return std::make_unique<Evaluation>(conditions_);
}

void RuleSet::Inspect(std::span<Item> items) const {
  std::unique_ptr<Evaluation> evaluation = TakeEvaluation();
  for (Item& item : items) Inspect(item, *evaluation);
  absl::MutexLock lock(&mutex_);
  evaluations_.push_back(std::move(evaluation));
}

void RuleSet::Inspect(Item& item, Evaluation& evaluation) const {
  bool matched = false;
  evaluation.Begin(item.view());
  std::optional<filter::FilterSet::Match> match = evaluation.Next(0);
  for (; match; match = evaluation.Next(match->filter + 1)) {
    const Entry& entry = entries_[match->filter];
    if (!match->status.ok()) {
      if (!Survive(entry, match->status, item)) return;
      continue;
    }
    matched = true;
    entry.counters.matches->Increment();
    if (!Run(entry, item, evaluation)) return;
    if (rules_.rules[match->filter].final) break;
  }
  if (matched) return;
  metrics_.fallbacks.Increment();
  Run(fallback_, item, evaluation);
}

bool RuleSet::Run(const Entry& entry, Item& item, Evaluation& evaluation) const {
  for (size_t i = 0; i < entry.actions->size(); ++i) {
    const size_t kind = (*entry.actions)[i].what.index();
    const absl::StatusOr<ActionResult> result = Apply(entry, i, item);
    metrics_.ForAction(kind, result.ok() ? *result : ActionResult::kFailed).Increment();
    // What failed may have made a part of the way.
    if (entry.changes[i] != kNoChange && (!result.ok() || *result == ActionResult::kDone)) {
      evaluation.Changed(entry.changes[i]);
    }
    if (result.ok()) continue;
    const std::string& name = (*entry.actions)[i].name;
    const absl::Status error(
        result.status().code(),
        absl::StrCat("action ", i + 1, " (", name, "): ", result.status().message()));
    if (!Survive(entry, error, item)) return false;
  }
  return true;
}

absl::StatusOr<ActionResult> RuleSet::Apply(const Entry& entry, size_t index, Item& item) const {
  const Action& action = (*entry.actions)[index];
  if (const auto* tag = std::get_if<TagAction>(&action.what)) {
    ASSIGN_OR_RETURN(const idea::SetResult result, tag->setter.Apply(&item.event()));
    return ResultOf(result);
  }
  if (const auto* set = std::get_if<SetAction>(&action.what)) return PutResult(item, *set);
  if (const auto* unset = std::get_if<UnsetAction>(&action.what)) {
    RETURN_IF_ERROR(idea::Unset(&item.event(), unset->path));
    return ActionResult::kDone;
  }
  if (const auto* line = std::get_if<LogAction>(&action.what)) {
    if (!entry.log.Enabled(line->level)) return ActionResult::kDone;
    entry.log.Write(line->level, "rule matched",
                    {{"label", line->label}, {"rule", entry.name}, {"event", Id(item)}});
    return ActionResult::kDone;
  }

  // What is left decides where the event goes, and it goes only one way: the first one wins.
  if (Withheld(item)) return ActionResult::kSkipped;
  if (const auto* duplicate = std::get_if<DuplicateAction>(&action.what)) {
    item.Duplicate(duplicate->output);
  } else if (const auto* dispatch = std::get_if<DispatchAction>(&action.what)) {
    item.Dispatch(dispatch->output);
  } else if (const auto* drop = std::get_if<DropAction>(&action.what)) {
    item.Drop(entry.name);
    if (entry.log.Enabled(log::Level::kInfo)) {
      entry.log.Info("event dropped",
                     {{"label", drop->label}, {"rule", entry.name}, {"event", Id(item)}});
    }
  }
  return ActionResult::kDone;
}

bool RuleSet::Survive(const Entry& entry, const absl::Status& error, Item& item) const {
  entry.counters.errors->Increment();
  const std::string message(error.message());
  entry.log.Warning("rule failed", {{"rule", entry.name}, {"event", Id(item)}, {"error", message}});
  if (on_error_ == OnError::kSkip) return true;
  item.Reject(pipeline::v1::REASON_FAILED, absl::StrCat("rule \"", entry.name, "\": ", message),
              entry.name);
  return false;
}

std::vector<RuleStatus> RuleSet::Status() const {
  std::vector<RuleStatus> status;
  status.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    status.push_back({entry.name, static_cast<uint64_t>(entry.counters.matches->Value()),
                      static_cast<uint64_t>(entry.counters.errors->Value())});
  }
  return status;
}

}  // namespace mentat::inspector
