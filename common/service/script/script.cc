#include "common/service/script/script.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/base/steady_time.h"
#include "common/service/log_config.h"
#include "common/service/log_sink.h"
#include "common/service/process.h"
#include "common/service/process_stats.h"
#include "common/service/runlog/runlog_keeper.h"
#include "common/service/script/commands.h"
#include "common/service/script/shell.h"
#include "common/service/signals.h"
#include "common/service/startup.h"
#include "google/protobuf/message.h"

namespace mentat::service {
namespace {

// Lets TERM and INT stop what runs; a second one ends the process at once, and so does a TERM while
// nothing runs.
class SignalWatch {
 public:
  // HUP opens the log again. `last_words` is called before a signal ends the process.
  SignalWatch(Signals& signals, log::Sink& sink, std::function<void()> last_words)
      : signals_(signals),
        sink_(sink),
        last_words_(std::move(last_words)),
        thread_([this](const std::stop_token& end) {
          while (!end.stop_requested()) {
            if (const std::optional<int> signal = signals_.Wait()) Take(*signal);
          }
        }) {}
  ~SignalWatch() {
    thread_.request_stop();
    signals_.Wake();
  }

  // Something runs from now on; it is to stop when the token says so.
  std::stop_token Begin() {
    const MutexLock lock(mutex_);
    return running_.emplace().get_token();
  }
  void End() {
    const MutexLock lock(mutex_);
    running_.reset();
  }
  // Whether the process is to end.
  bool ended() const {
    const MutexLock lock(mutex_);
    return ended_;
  }

 private:
  void Take(int signal) {
    if (signal == SIGHUP) sink_.Reopen().IgnoreError();
    if (signal != SIGTERM && signal != SIGINT) return;
    std::optional<int> exit_status;
    {
      const MutexLock lock(mutex_);
      if (signal == SIGTERM) ended_ = true;
      if (!running_.has_value()) {
        if (signal == SIGTERM) exit_status = 0;
      } else if (running_->stop_requested()) {
        exit_status = kExitFailure;
      }
      // Under the mutex: End waits until all are told.
      if (running_.has_value()) running_->request_stop();
    }
    if (!exit_status.has_value()) return;
    last_words_();
    std::_Exit(*exit_status);
  }

  Signals& signals_;
  log::Sink& sink_;
  const std::function<void()> last_words_;
  mutable Mutex mutex_;
  std::optional<std::stop_source> running_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

// Where nobody has said how to log, and people read: no more than what is wrong, as text.
config::v1::LogConfig LogOf(const config::v1::ServiceConfig& service,
                            const std::vector<ConfigEntry>& entries) {
  config::v1::LogConfig log = service.log();
  if (!log.file().empty() || log.system_log() != "none") return log;
  for (const ConfigEntry& entry : entries) {
    if (entry.origin != "default") continue;
    if (entry.path == "service.log.format") log.set_format("text");
    if (entry.path == "service.log.level") log.set_level("warning");
  }
  return log;
}

// What is thrown is a failure of the command, and no end of the process.
absl::Status Work(const ScriptWork& work, ScriptRun& run) {
  try {
    return work(run);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("exception: ", error.what()));
  }
}

class Runner {
 public:
  Runner(std::string name, const google::protobuf::Message& config, Startup startup)
      : name_(std::move(name)),
        config_(config),
        service_(ServicePart(config)),
        startup_(std::move(startup)) {}

  absl::Status SetUp(const ScriptFactory& factory) {
    if (service_.process().daemon()) {
      return absl::InvalidArgumentError(
          "service.process.daemon: a script stays in the foreground; --interval repeats it");
    }
    ASSIGN_OR_RETURN(pid_file_, SetUpProcess(service_.process()));
    ASSIGN_OR_RETURN(signals_, Signals::Create());
    context_.name = name_;
    context_.instance = service_.instance().empty() ? DefaultInstance(name_) : service_.instance();
    context_.state_folder = service_.state_dir();
    ASSIGN_OR_RETURN(sink_, OpenLog(LogOf(service_, startup_.entries), name_, context_.instance));
    context_.log = log::Logger(sink_);
    script_ = factory(config_, context_);
    commands_ = script_->Commands();
    watch_ = std::make_unique<SignalWatch>(*signals_, *sink_, [this] { EndByForce(); });
    return absl::OkStatus();
  }

  int Once(const std::vector<std::string>& words) { return Execute(words, watch_->Begin()); }

  // The times of the beginnings are multiples of the interval after the first one; those that a run
  // was still busy at are left out.
  int Repeat(const std::vector<std::string>& words, absl::Duration interval) {
    const std::stop_token stop = watch_->Begin();
    const auto first = std::chrono::steady_clock::now();
    int status = 0;
    do {
      status = Execute(words, stop);
      if (status == kExitConfig) return status;
      const absl::Duration since = absl::FromChrono(std::chrono::steady_clock::now() - first);
      absl::Duration over;
      absl::IDivDuration(since, interval, &over);
      Pause(interval - over, stop);
    } while (!stop.stop_requested());
    return 0;
  }

  int Shell() {
    return RunShell(
        name_, commands_,
        [this](const std::vector<std::string>& words) {
          const int status = Execute(words, watch_->Begin());
          watch_->End();
          return status;
        },
        [this] { return watch_->ended(); });
  }

 private:
  int Execute(const std::vector<std::string>& words, const std::stop_token& stop) {
    absl::StatusOr<ParsedCommand> command = ParseCommand(name_, commands_, words);
    if (!command.ok()) {
      PrintError(name_, command.status());
      return kExitConfig;
    }
    if (!command->help.empty()) {
      std::cout << command->help << std::flush;
      return 0;
    }
    if (absl::Status status = BeginRunlog(command->name); !status.ok()) {
      PrintError(name_, status);
      return kExitConfig;
    }
    const log::Logger log(sink_, "script");
    log.Info("command begins", {{"command", command->name}});
    const absl::Duration start = SteadyNow();
    ScriptRun run = {
        .stop = stop, .out = std::cout, .result = [this](std::string name, std::string value) {
          const MutexLock lock(mutex_);
          results_[std::move(name)] = std::move(value);
        }};
    const absl::Status status = Work(command->work, run);
    std::cout << std::flush;
    const double seconds = absl::ToDoubleSeconds(SteadyNow() - start);
    if (status.ok()) {
      log.Info("command has ended", {{"command", command->name}, {"seconds", seconds}});
    } else {
      log.Error("command failed",
                {{"command", command->name}, {"seconds", seconds}, {"error", status}});
      if (!service_.log().file().empty() || service_.log().system_log() != "none") {
        PrintError(name_, status);
      }
    }
    const int exit_status = status.ok() ? 0 : kExitFailure;
    runlog()->End(exit_status, std::string(status.message()));
    return exit_status;
  }

  // Each run of a command has a run log of its own.
  absl::Status BeginRunlog(const std::string& command) {
    ASSIGN_OR_RETURN(std::shared_ptr<RunlogKeeper> runlog,
                     RunlogKeeper::Begin({.config = service_.runlog(),
                                          .service = name_,
                                          .instance = context_.instance,
                                          .entries = startup_.entries,
                                          .sink = sink_}));
    runlog->SetFill([this, command](stage::v1::Runlog& message) {
      message.set_command(command);
      const MutexLock lock(mutex_);
      for (const auto& [name, value] : results_) (*message.mutable_command_result())[name] = value;
    });
    const MutexLock lock(mutex_);
    results_.clear();
    runlog_ = std::move(runlog);
    return absl::OkStatus();
  }
  std::shared_ptr<RunlogKeeper> runlog() const {
    const MutexLock lock(mutex_);
    return runlog_;
  }
  void EndByForce() {
    if (const auto keeper = runlog()) keeper->End(kExitFailure, "told to end twice");
    if (pid_file_ != nullptr) pid_file_->Remove();
    LeaveTerminal();
  }

  const std::string name_;
  const google::protobuf::Message& config_;
  const config::v1::ServiceConfig service_;
  const Startup startup_;
  std::unique_ptr<PidFile> pid_file_;
  std::unique_ptr<Signals> signals_;
  std::shared_ptr<log::Sink> sink_;
  Context context_;
  std::unique_ptr<Script> script_;
  std::vector<ScriptCommand> commands_;

  mutable Mutex mutex_;
  std::map<std::string, std::string> results_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<RunlogKeeper> runlog_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<SignalWatch> watch_;
};

// What is wrong with the command line, as far as can be said without the configuration.
absl::Status Check(const CommandLine& line) {
  if (line.shell && (!line.words.empty() || !line.interval.empty())) {
    return absl::InvalidArgumentError("--shell takes no command and no --interval");
  }
  return line.interval.empty() ? absl::OkStatus() : ParseInterval(line.interval).status();
}

}  // namespace

int RunScript(int argc, char** argv, std::string_view name, google::protobuf::Message& config,
              const ScriptFactory& factory) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(
      std::vector<std::string>(argv + std::min(argc, 1), argv + argc), ProgramKind::kScript);
  const absl::Status checked = line.ok() ? Check(*line) : line.status();
  if (!checked.ok()) {
    PrintError(name, checked);
    return kExitConfig;
  }
  using Action = CommandLine::Action;
  if (line->action == Action::kHelp || line->action == Action::kRun) {
    // Neither needs a configuration.
    Context context;
    const std::unique_ptr<Script> script = factory(config, context);
    if (line->action == Action::kHelp) {
      std::cout << CommandLineHelp(name, ProgramKind::kScript) << "\n"
                << CommandsHelp(script->Commands()) << "  COMMAND --help       its arguments\n"
                << std::flush;
      return 0;
    }
    if (!line->shell) {
      const absl::StatusOr<ParsedCommand> command =
          ParseCommand(name, script->Commands(), line->words);
      if (!command.ok()) {
        PrintError(name, command.status());
        return kExitConfig;
      }
      if (!command->help.empty()) {
        std::cout << command->help << std::flush;
        return 0;
      }
    }
  }
  Startup startup = LoadStartup(argc, argv, name, *line, config);
  if (startup.exit_status.has_value()) return *startup.exit_status;
  Runner runner(std::string(name), config, std::move(startup));
  if (absl::Status status = runner.SetUp(factory); !status.ok()) {
    PrintError(name, status);
    return kExitConfig;
  }
  if (line->shell) return runner.Shell();
  if (line->interval.empty()) return runner.Once(line->words);
  return runner.Repeat(line->words, ParseInterval(line->interval).value());
}

}  // namespace mentat::service
