#include "common/service/log_sink.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/service/nearest_name.h"

namespace mentat::log {
namespace {

constexpr char kSyslogSocket[] = "/dev/log";
constexpr char kJournalSocket[] = "/run/systemd/journal/socket";

absl::StatusOr<std::unique_ptr<Output>> OpenOutput(const SinkOptions& options) {
  if (options.system_log == SinkOptions::SystemLog::kNone) return OpenFile(options.file);
  if (!options.file.empty()) {
    return absl::InvalidArgumentError("the log goes either to a file or to the system's log");
  }
  const Speaker speaker = {options.service, options.instance};
  const auto socket = [&](const char* usual) {
    return options.system_log_socket.empty() ? usual : options.system_log_socket;
  };
  return options.system_log == SinkOptions::SystemLog::kSyslog
             ? OpenSyslog(socket(kSyslogSocket), speaker)
             : OpenJournal(socket(kJournalSocket), speaker);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Sink>> Sink::Create(SinkOptions options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Output> output, OpenOutput(options));
  return std::shared_ptr<Sink>(new Sink(std::move(options), std::move(output)));
}

Sink::Sink(SinkOptions options, std::unique_ptr<Output> output)
    : options_(std::move(options)),
      output_(std::move(output)),
      repeats_(options_.repeats),
      level_(options_.level),
      own_levels_(options_.modules) {}

Level Sink::level() const {
  const MutexLock lock(mutex_);
  return level_;
}

void Sink::set_level(Level level) {
  const MutexLock lock(mutex_);
  level_ = level;
  debug_ = false;
  SetLevels();
}

absl::StatusOr<Level> Sink::SetModuleLevel(std::string_view module, std::optional<Level> level) {
  const MutexLock lock(mutex_);
  const auto it = modules_.find(module);
  if (it == modules_.end() || module.empty()) {
    std::vector<std::string> known;
    for (const auto& [name, unused] : modules_) {
      if (!name.empty()) known.push_back(name);
    }
    const std::string name(module);
    const std::optional<std::string> nearest = service::NearestName(name, known);
    return absl::NotFoundError(
        absl::StrCat("there is no module \"", name, "\"; ",
                     nearest.has_value() ? absl::StrCat("did you mean ", *nearest, "?")
                                         : absl::StrCat("there are ", absl::StrJoin(known, ", "))));
  }
  const Level before = it->second.level;
  if (level.has_value()) {
    own_levels_[it->first] = *level;
  } else {
    own_levels_.erase(it->first);
  }
  SetLevels();
  return before;
}

bool Sink::ToggleDebug() {
  const MutexLock lock(mutex_);
  debug_ = !debug_;
  SetLevels();
  return debug_;
}

Level Sink::LevelOf(const std::string& module) const {
  if (debug_) return Level::kDebug;
  const auto it = own_levels_.find(module);
  return it == own_levels_.end() ? level_ : it->second;
}

void Sink::SetLevels() {
  for (auto& [name, module] : modules_) module.level = LevelOf(name);
}

const Module& Sink::GetModule(std::string_view name) {
  const MutexLock lock(mutex_);
  const auto it = modules_.find(name);
  if (it != modules_.end()) return it->second;
  const std::string text(name);
  return modules_.try_emplace(text, text, LevelOf(text)).first->second;
}

void Sink::Write(const Entry& entry, Logger::Fields fields) {
  uint64_t before = 0;
  if (entry.limited) {
    const std::optional<uint64_t> admitted = repeats_.Admit(
        {entry.level, &entry.module, entry.key, entry.message}, Repeats::Clock::now());
    if (!admitted.has_value()) {
      held_back_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    before = *admitted;
  }
  Put(entry.level, entry.module.name, entry.message, fields, before);
}

void Sink::TellHeldBack(bool at_end) {
  for (const Repeats::Held& held : repeats_.Collect(Repeats::Clock::now(), at_end)) {
    Put(held.level, held.module == nullptr ? "" : held.module->name, "records were held back",
        {{"of", held.message}}, held.count);
  }
}

void Sink::Put(Level level, std::string_view module, std::string_view message,
               Logger::Fields fields, uint64_t held_back) {
  const Record record = {.time = absl::Now(),
                         .level = level,
                         .service = options_.service,
                         .instance = options_.instance,
                         .module = module,
                         .message = message,
                         .fields = fields,
                         .held_back = held_back};
  const std::string line = FormatRecord(record, options_.format);
  if (level == Level::kError) {
    errors_.Add(record.time, module, message, FormatMessage(record, KeptErrors::kMaxTextBytes),
                1 + held_back);
  }
  if (output_->Write(level, module, line)) {
    written_[static_cast<size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  } else {
    lost_.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace mentat::log
