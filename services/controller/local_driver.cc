#include "services/controller/local_driver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/service/metrics.h"
#include "common/service/ports_file.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/controller/process.h"

namespace mentat::controller {
namespace {

namespace fs = std::filesystem;

absl::Status MakeFolders(const config::v1::LocalDriverConfig& config) {
  const LocalFolders folders(config.state_dir());
  for (const std::string& folder : {folders.run, folders.ports, folders.log}) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("driver.local.state_dir: cannot make ", folder, ": ", error.message()));
    }
  }
  return absl::OkStatus();
}

// Each name must belong to one instance of one stage.
absl::Status CheckNames(const config::v1::LocalDriverConfig& config) {
  for (const auto& stage : config.stages()) {
    if (stage.name().find_first_of("/ \n") != std::string::npos || stage.name().front() == '.') {
      return absl::InvalidArgumentError(
          absl::StrCat("driver.local.stages: \"", stage.name(), "\" cannot be the name of a file"));
    }
    if (stage.program().find('/') == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("driver.local.stages: program of ", stage.name(), ": expected a path"));
    }
    if (stage.instances() > stage.max_instances()) {
      return absl::InvalidArgumentError(absl::StrCat("driver.local.stages: ", stage.name(),
                                                     ": instances is more than max_instances"));
    }
    for (const auto& other : config.stages()) {
      if (&other != &stage && InstanceNumber(stage.name(), other.name()).has_value()) {
        return absl::InvalidArgumentError(absl::StrCat("driver.local.stages: ", other.name(),
                                                       " is the name of an instance of ",
                                                       stage.name(), " as well"));
      }
    }
  }
  return absl::OkStatus();
}

// The stage and number of an instance that is not configured.
std::pair<std::string, uint32_t> SplitName(const std::string& name) {
  const size_t dash = name.rfind('-');
  if (dash != std::string::npos && dash > 0) {
    const std::string stage = name.substr(0, dash);
    if (const auto number = InstanceNumber(stage, name)) return {stage, *number};
  }
  return {name, 1};
}

}  // namespace

struct LocalDriver::Metrics {
  struct Stage {
    prometheus::Gauge& wanted;
    prometheus::Gauge& running;
    prometheus::Counter& restarts;
  };

  Metrics(const config::v1::LocalDriverConfig& config, prometheus::Registry& registry) {
    for (const auto& stage : config.stages()) {
      const service::Labels labels = {{"stage", stage.name()}};
      stages.emplace(
          stage.name(),
          Stage{service::AddGauge(registry, "mentat_controller_wanted_instances",
                                  "Processes that the stage is to have.", labels),
                service::AddGauge(registry, "mentat_controller_running_instances",
                                  "Processes of the stage that run.", labels),
                service::AddCounter(registry, "mentat_controller_restarts_total",
                                    "Processes of the stage that died and were to run.", labels)});
    }
  }

  std::map<std::string, Stage> stages;
};

absl::StatusOr<std::unique_ptr<Driver>> LocalDriver::Create(
    const config::v1::LocalDriverConfig& config, const log::Logger& log,
    prometheus::Registry& registry) {
  RETURN_IF_ERROR(CheckNames(config));
  RETURN_IF_ERROR(MakeFolders(config));
  ASSIGN_OR_RETURN(UniqueFd lock, LockFile(config.state_dir() + "/driver.lock"));
  ASSIGN_OR_RETURN(
      std::unique_ptr<service::StateFile> file,
      service::StateFile::Open({.folder = config.state_dir(), .name = "wanted", .log = log}));
  WantedState wanted;
  RETURN_IF_ERROR(file->Read(wanted).status());
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!wake.valid() || !watch.valid() ||
      ::inotify_add_watch(watch.get(), LocalFolders(config.state_dir()).ports.c_str(),
                          IN_MOVED_TO) < 0) {
    return absl::ErrnoToStatus(errno, "cannot wait for processes");
  }
  std::unique_ptr<LocalDriver> driver(new LocalDriver(config, log, std::move(lock), std::move(wake),
                                                      std::move(watch), std::move(file),
                                                      std::move(wanted)));
  driver->metrics_ = std::make_unique<Metrics>(config, registry);
  // What is wanted is known from the first look at the metrics on.
  driver->Publish();
  return driver;
}

LocalDriver::LocalDriver(const config::v1::LocalDriverConfig& config, log::Logger log,
                         UniqueFd lock, UniqueFd wake, UniqueFd watch,
                         std::unique_ptr<service::StateFile> file, WantedState wanted)
    : config_(config),
      log_(std::move(log)),
      lock_(std::move(lock)),
      wake_(std::move(wake)),
      watch_(std::move(watch)),
      file_(std::move(file)),
      wanted_(std::move(wanted)) {
  for (const StageConfig& stage : config_.stages()) {
    stages_.push_back(std::make_unique<LocalStage>(config_, stage, log_));
  }
}

LocalDriver::~LocalDriver() = default;

// --- calls ---------------------------------------------------------------------------------------

absl::StatusOr<std::vector<const LocalDriver::StageConfig*>> LocalDriver::Find(
    const Names& names) const {
  std::vector<const StageConfig*> found;
  std::set<std::string> missing(names.begin(), names.end());
  for (const StageConfig& stage : config_.stages()) {
    if (names.empty() || missing.erase(stage.name()) > 0) found.push_back(&stage);
  }
  if (missing.empty()) return found;
  return absl::NotFoundError(absl::StrCat("the driver has no stage ", absl::StrJoin(missing, ", "),
                                          "; driver.local.stages names them"));
}

uint32_t LocalDriver::Instances(const WantedState& wanted, const StageConfig& stage) const {
  const auto found = wanted.stages().find(stage.name());
  if (found == wanted.stages().end() || !found->second.has_instances()) return stage.instances();
  // Whoever edits the configuration has the last word.
  if (found->second.has_configured() && found->second.configured() != stage.instances()) {
    return stage.instances();
  }
  return std::min(found->second.instances(), stage.max_instances());
}

v1::Workload LocalDriver::Describe(const StageConfig& stage) const {
  v1::Workload workload;
  if (const auto seen = seen_.find(stage.name()); seen != seen_.end()) workload = seen->second;
  const auto wanted = wanted_.stages().find(stage.name());
  workload.set_stage(stage.name());
  workload.set_stopped(wanted != wanted_.stages().end() && wanted->second.stopped());
  workload.set_wanted_instances(Instances(wanted_, stage));
  return workload;
}

Driver::Workloads LocalDriver::Commit(WantedState wanted,
                                      const std::vector<const StageConfig*>& stages) {
  wanted.set_revision(wanted_.revision() + 1);
  RETURN_IF_ERROR(file_->Write(wanted));
  wanted_ = std::move(wanted);
  const uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  std::vector<v1::Workload> workloads;
  for (const StageConfig* stage : stages) workloads.push_back(Describe(*stage));
  return workloads;
}

Driver::Workloads LocalDriver::List(const Names& names) {
  ASSIGN_OR_RETURN(const auto stages, Find(names));
  std::vector<v1::Workload> workloads;
  const MutexLock lock(mutex_);
  for (const StageConfig* stage : stages) workloads.push_back(Describe(*stage));
  return workloads;
}

Driver::Workloads LocalDriver::Start(const Names& names) {
  ASSIGN_OR_RETURN(const auto stages, Find(names));
  const MutexLock lock(mutex_);
  WantedState wanted = wanted_;
  for (const StageConfig* stage : stages) {
    (*wanted.mutable_stages())[stage->name()].set_stopped(false);
  }
  return Commit(std::move(wanted), stages);
}

Driver::Workloads LocalDriver::Stop(const Names& names) {
  ASSIGN_OR_RETURN(const auto stages, Find(names));
  const MutexLock lock(mutex_);
  WantedState wanted = wanted_;
  for (const StageConfig* stage : stages) {
    (*wanted.mutable_stages())[stage->name()].set_stopped(true);
  }
  return Commit(std::move(wanted), stages);
}

Driver::Workloads LocalDriver::Scale(const std::string& name, uint32_t instances) {
  ASSIGN_OR_RETURN(const auto stages, Find({name}));
  if (instances > stages.front()->max_instances()) {
    return absl::OutOfRangeError(absl::StrCat(name, " may have ", stages.front()->max_instances(),
                                              " instances at the most (max_instances), not ",
                                              instances));
  }
  const MutexLock lock(mutex_);
  WantedState wanted = wanted_;
  state::v1::WantedStage& stage = (*wanted.mutable_stages())[name];
  stage.set_instances(instances);
  stage.set_configured(stages.front()->instances());
  // What comes back later begins anew anyway.
  auto& generations = *stage.mutable_generations();
  for (auto it = generations.begin(); it != generations.end();) {
    it = it->first > instances ? generations.erase(it) : std::next(it);
  }
  return Commit(std::move(wanted), stages);
}

Driver::Workloads LocalDriver::Restart(const v1::Selection& selection) {
  ASSIGN_OR_RETURN(const auto stages, Find({selection.stages().begin(), selection.stages().end()}));
  std::set<std::string> names(selection.instances().begin(), selection.instances().end());
  std::set<std::string> missing = names;
  const bool all = names.empty();
  // An address stands for the instance that tells it in its ports file.
  const auto ports = service::ReadPortsFolder(LocalFolders(config_.state_dir()).ports)
                         .value_or(std::vector<service::Ports>());
  const MutexLock lock(mutex_);
  WantedState wanted = wanted_;
  std::vector<const StageConfig*> touched;
  for (const StageConfig* stage : stages) {
    bool any = false;
    for (uint32_t number = 1; number <= Instances(wanted_, *stage); ++number) {
      const std::string name = InstanceName(stage->name(), number);
      bool chosen = all || names.contains(name);
      missing.erase(name);
      for (const service::Ports& each : ports) {
        if (each.instance != name || !names.contains(each.admin)) continue;
        chosen = true;
        missing.erase(each.admin);
      }
      if (!chosen) continue;
      auto& generations = *(*wanted.mutable_stages())[stage->name()].mutable_generations();
      generations[number] = wanted_.revision() + 1;
      any = true;
    }
    if (any || all) touched.push_back(stage);
  }
  if (!missing.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no stage of the selection has the instance ", absl::StrJoin(missing, ", ")));
  }
  return Commit(std::move(wanted), touched);
}

// --- Run's thread --------------------------------------------------------------------------------

void LocalDriver::Run(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  });
  TakeOver();
  while (!stop.stop_requested()) {
    Step(/*end=*/false);
    Publish();
    Wait();
  }
  const auto running = [this] {
    uint32_t sum = 0;
    for (const auto& stage : stages_) sum += stage->running();
    return sum;
  };
  while (config_.stop_on_exit() && running() > 0) {
    Step(/*end=*/true);
    Publish();
    if (running() > 0) Wait();
  }
  if (running() > 0) {
    log_.Info("the processes go on; the next controller takes them over", {{"count", running()}});
  }
}

void LocalDriver::TakeOver() {
  std::error_code error;
  for (fs::directory_iterator entries(LocalFolders(config_.state_dir()).run, error);
       !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() == ".pid") {
      AdoptFile(entries->path().stem(), entries->path());
    }
  }
  if (error) log_.Error("cannot look for processes", {{"error", error.message()}});
  // Of processes that died while there was no controller.
  for (const auto& stage : stages_) stage->RemoveStalePorts();
}

void LocalDriver::AdoptFile(const std::string& name, const std::string& path) {
  absl::StatusOr<std::optional<Process>> process = FindHolder(path);
  if (!process.ok()) {
    log_.Error("cannot look for a process", {{"file", path}, {"error", process.status()}});
    return;
  }
  if (!process->has_value()) return;
  {
    // Where the state was lost, a later restart must still be a later generation.
    const MutexLock lock(mutex_);
    wanted_.set_revision(std::max(wanted_.revision(), (*process)->generation));
  }
  for (const auto& stage : stages_) {
    if (const auto number = InstanceNumber(stage->name(), name)) {
      stage->Adopt(*number, **std::move(process));
      return;
    }
  }
  // Of a stage that is not configured any more: nothing of it is wanted.
  const auto [stage_name, number] = SplitName(name);
  StageConfig removed;
  removed.set_name(stage_name);
  removed.set_plain(true);
  removed.set_grace_seconds(config_.stages().empty() ? 20 : config_.stages(0).grace_seconds());
  stages_.push_back(std::make_unique<LocalStage>(config_, removed, log_));
  stages_.back()->Adopt(number, **std::move(process));
}

LocalStage::Target LocalDriver::TargetOf(const LocalStage& stage, const WantedState& wanted,
                                         bool end) const {
  LocalStage::Target target;
  const auto config =
      std::find_if(config_.stages().begin(), config_.stages().end(),
                   [&](const StageConfig& each) { return each.name() == stage.name(); });
  if (end || config == config_.stages().end()) return target;
  const auto found = wanted.stages().find(stage.name());
  if (found == wanted.stages().end()) {
    target.instances = config->instances();
  } else if (!found->second.stopped()) {
    target.instances = Instances(wanted, *config);
    const auto& generations = found->second.generations();
    target.generations = {generations.begin(), generations.end()};
  }
  return target;
}

void LocalDriver::Step(bool end) {
  WantedState wanted;
  {
    const MutexLock lock(mutex_);
    wanted = wanted_;
  }
  const absl::Time now = MonotonicNow();
  std::vector<LocalStage::Target> targets;
  for (const auto& stage : stages_) targets.push_back(TargetOf(*stage, wanted, end));
  // Whoever receives is there before those that send; where whole stages end, it ends after them.
  size_t first_ending = 0;
  while (first_ending < stages_.size() &&
         (targets[first_ending].instances > 0 || stages_[first_ending]->running() == 0)) {
    ++first_ending;
  }
  for (size_t i = stages_.size(); i-- > 0;) {
    targets[i].hold = targets[i].instances == 0 && i > first_ending;
    stages_[i]->Step(targets[i], now);
  }
}

void LocalDriver::Wait() {
  std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}, {watch_.get(), POLLIN, 0}};
  absl::Time next = absl::InfiniteFuture();
  for (const auto& stage : stages_) {
    next = std::min(next, stage->NextStep());
    for (const int fd : stage->PidFds()) fds.push_back({fd, POLLIN, 0});
  }
  const absl::Duration rest = next - MonotonicNow();
  constexpr absl::Duration kLongest = absl::Hours(1);
  const int timeout =
      rest > kLongest
          ? -1
          : static_cast<int>(absl::ToInt64Milliseconds(std::max(rest, absl::ZeroDuration()))) + 1;
  if (::poll(fds.data(), fds.size(), next == absl::InfiniteFuture() ? -1 : timeout) <= 0) return;
  char ignored[4096];
  for (const int fd : {wake_.get(), watch_.get()}) {
    while (::read(fd, ignored, sizeof ignored) > 0) {
    }
  }
  const absl::Time now = MonotonicNow();
  for (const pollfd& each : fds) {
    if (each.fd == wake_.get() || each.fd == watch_.get() || each.revents == 0) continue;
    for (const auto& stage : stages_) {
      if (stage->OnEnd(each.fd, now)) break;
    }
  }
}

void LocalDriver::Publish() {
  const MutexLock lock(mutex_);
  seen_.clear();
  for (const auto& stage : stages_) seen_[stage->name()] = stage->Describe();
  for (const StageConfig& stage : config_.stages()) {
    const v1::Workload workload = Describe(stage);
    const Metrics::Stage& metrics = metrics_->stages.at(stage.name());
    metrics.wanted.Set(workload.stopped() ? 0 : workload.wanted_instances());
    metrics.running.Set(workload.running_instances());
    metrics.restarts.Increment(static_cast<double>(workload.restarts()) - metrics.restarts.Value());
  }
}

}  // namespace mentat::controller
