#include "services/inspector/rule_set.h"

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

void Write(const log::Logger& log, log::Level level, std::string_view message,
           log::Logger::Fields fields) {
  switch (level) {
    case log::Level::kDebug:
      return log.Debug(message, fields);
    case log::Level::kInfo:
      return log.Info(message, fields);
    case log::Level::kWarning:
      return log.Warning(message, fields);
    case log::Level::kError:
      return log.Error(message, fields);
  }
}

bool Withheld(const Item& item) {
  return item.verdict() == Item::Verdict::kDrop || item.verdict() == Item::Verdict::kDispatch;
}

absl::StatusOr<ActionResult> Put(Item& item, const idea::Path& path, const idea::v1::Value& value,
                                 idea::SetOptions options) {
  ASSIGN_OR_RETURN(const idea::SetResult result, idea::Set(&item.event(), path, value, options));
  return result == idea::SetResult::kSet ? ActionResult::kDone : ActionResult::kUnchanged;
}

// Puts the value of an expression. A path to the end of a list takes the values one by one; a key
// that holds one value takes a list of one.
absl::StatusOr<ActionResult> PutResult(Item& item, const SetAction& set) {
  ASSIGN_OR_RETURN(const filter::Value result, set.expression.Evaluate(item.view()));
  if (result.IsNothing() || (result.IsList() && result.list().empty())) {
    return ActionResult::kUnchanged;
  }
  const idea::SetOptions options{.overwrite = set.overwrite, .unique = set.unique};
  const idea::v1::Value value = filter::ToIdeaValue(result);
  if (!value.has_list()) return Put(item, set.path, value, options);

  const auto& items = value.list().items();
  switch (set.path.chunks().back().index) {
    case idea::Path::Index::kAll: {
      ActionResult all = ActionResult::kUnchanged;
      for (const idea::v1::Value& one : items) {
        ASSIGN_OR_RETURN(const ActionResult put, Put(item, set.path, one, options));
        if (put == ActionResult::kDone) all = put;
      }
      return all;
    }
    case idea::Path::Index::kNone: {
      absl::StatusOr<ActionResult> put = Put(item, set.path, value, options);
      if (put.ok() || items.size() != 1) return put;
      return Put(item, set.path, items[0], options);
    }
    default:
      if (items.size() == 1) return Put(item, set.path, items[0], options);
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
      fallback_(MakeEntry("fallback", rules_.fallback)) {
  entries_.reserve(rules_.rules.size());
  for (const Rule& rule : rules_.rules) entries_.push_back(MakeEntry(rule.name, rule.actions));
}

RuleSet::Entry RuleSet::MakeEntry(const std::string& name,
                                  const std::vector<Action>& actions) const {
  return {name, &actions, metrics_.ForRule(name), std::make_unique<LogLimit>(),
          std::make_unique<LogLimit[]>(actions.size())};
}

void RuleSet::Inspect(Item& item) const {
  bool matched = false;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const absl::StatusOr<bool> matches = rules_.rules[i].condition.Matches(item.view());
    if (!matches.ok()) {
      if (!Survive(entries_[i], matches.status(), item)) return;
      continue;
    }
    if (!*matches) continue;
    matched = true;
    entries_[i].counters.matches->Increment();
    if (!Run(entries_[i], item)) return;
    if (rules_.rules[i].final) break;
  }
  if (matched) return;
  metrics_.fallbacks.Increment();
  Run(fallback_, item);
}

bool RuleSet::Run(const Entry& entry, Item& item) const {
  for (size_t i = 0; i < entry.actions->size(); ++i) {
    const size_t kind = (*entry.actions)[i].what.index();
    const absl::StatusOr<ActionResult> result = Apply(entry, i, item);
    metrics_.ForAction(kind, result.ok() ? *result : ActionResult::kFailed).Increment();
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
  LogLimit& limit = entry.action_limits[index];
  if (const auto* tag = std::get_if<TagAction>(&action.what)) {
    return Put(item, tag->path, tag->value, {.overwrite = tag->overwrite, .unique = tag->unique});
  }
  if (const auto* set = std::get_if<SetAction>(&action.what)) return PutResult(item, *set);
  if (const auto* unset = std::get_if<UnsetAction>(&action.what)) {
    RETURN_IF_ERROR(idea::Unset(&item.event(), unset->path));
    return ActionResult::kDone;
  }
  if (const auto* line = std::get_if<LogAction>(&action.what)) {
    if (!log_.Enabled(line->level)) return ActionResult::kDone;
    const std::optional<uint64_t> held_back = limit.Admit();
    if (!held_back.has_value()) return ActionResult::kDone;
    Write(log_, line->level, "rule matched",
          {{"label", line->label},
           {"rule", entry.name},
           {"event", Id(item)},
           {"held_back", *held_back}});
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
    if (log_.Enabled(log::Level::kInfo)) {
      if (const std::optional<uint64_t> held_back = limit.Admit()) {
        log_.Info("event dropped", {{"label", drop->label},
                                    {"rule", entry.name},
                                    {"event", Id(item)},
                                    {"held_back", *held_back}});
      }
    }
  }
  return ActionResult::kDone;
}

bool RuleSet::Survive(const Entry& entry, const absl::Status& error, Item& item) const {
  entry.counters.errors->Increment();
  const std::string message(error.message());
  if (const std::optional<uint64_t> held_back = entry.error_limit->Admit()) {
    log_.Warning(
        "rule failed",
        {{"rule", entry.name}, {"event", Id(item)}, {"error", message}, {"held_back", *held_back}});
  }
  if (on_error_ == OnError::kSkip) return true;
  item.Reject(pipeline::v1::REASON_FAILED, absl::StrCat("rule \"", entry.name, "\": ", message));
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
