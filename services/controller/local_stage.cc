#include "services/controller/local_stage.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/service/ports_file.h"

namespace mentat::controller {

absl::Time MonotonicNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

std::string InstanceName(const std::string& stage, uint32_t number) {
  return number == 1 ? stage : absl::StrCat(stage, "-", number);
}

std::optional<uint32_t> InstanceNumber(std::string_view stage, std::string_view name) {
  if (name == stage) return 1;
  if (!name.starts_with(stage) || name.size() < stage.size() + 2 || name[stage.size()] != '-') {
    return std::nullopt;
  }
  const std::string text(name.substr(stage.size() + 1));
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 2 || absl::StrCat(number) != text) {
    return std::nullopt;
  }
  return number;
}

LocalStage::LocalStage(const config::v1::LocalDriverConfig& driver,
                       config::v1::LocalStageConfig config, log::Logger log)
    : folders_(driver.state_dir()),
      first_delay_(absl::Seconds(driver.first_delay_seconds())),
      longest_delay_(absl::Seconds(driver.longest_delay_seconds())),
      steady_(absl::Seconds(driver.steady_seconds())),
      config_(std::move(config)),
      log_(std::move(log)) {}

LocalStage::Instance& LocalStage::Get(uint32_t number) {
  Instance& instance = instances_[number];
  if (instance.name.empty()) {
    instance.name = InstanceName(name(), number);
    instance.delay = first_delay_;
  }
  return instance;
}

void LocalStage::Adopt(uint32_t number, Process process) {
  Instance& instance = Get(number);
  log_.Info("process taken over", {{"stage", name()},
                                   {"instance", instance.name},
                                   {"pid", process.pid},
                                   {"generation", process.generation}});
  instance.process = std::move(process);
  instance.started = MonotonicNow();
  instance.start_time = absl::Now();
}

void LocalStage::RemoveStalePorts() {
  std::error_code error;
  for (std::filesystem::directory_iterator files(folders_.ports, error);
       !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    const auto number = InstanceNumber(name(), files->path().stem().string());
    if (!number.has_value() || files->path().extension() != ".json") continue;
    const auto instance = instances_.find(*number);
    if (instance != instances_.end() && instance->second.process.has_value()) continue;
    ::unlink(files->path().c_str());
  }
}

void LocalStage::Step(const Target& target, absl::Time now) {
  for (uint32_t number = 1; number <= target.instances; ++number) Get(number);
  for (auto each = instances_.begin(); each != instances_.end();) {
    const uint32_t number = each->first;
    Instance& instance = each->second;
    instance.wanted = number <= target.instances;
    if (instance.process.has_value()) {
      if (!instance.wanted && !instance.stopping && !target.hold) {
        BeginStop(instance, now, "not wanted any more");
      }
      if (instance.stopping && now >= instance.kill_at) {
        log_.Warning(
            "process has not ended in time: killed",
            {{"stage", name()}, {"instance", instance.name}, {"pid", instance.process->pid}});
        Signal(*instance.process, SIGKILL);
        instance.kill_at = absl::InfiniteFuture();
      }
    } else if (!instance.wanted) {
      ::unlink(PortsFile(instance.name).c_str());
      each = instances_.erase(each);
      continue;
    } else if (now >= instance.due) {
      const auto generation = target.generations.find(number);
      Start(number, generation == target.generations.end() ? 0 : generation->second, now);
    }
    ++each;
  }
  StepRestart(target, now);
}

void LocalStage::StepRestart(const Target& target, absl::Time now) {
  Instance* outdated = nullptr;
  for (auto& [number, instance] : instances_) {
    if (!instance.wanted) continue;
    const auto found = target.generations.find(number);
    const uint64_t generation = found == target.generations.end() ? 0 : found->second;
    const bool old = instance.process.has_value() && instance.process->generation < generation;
    // One at a time, and the next only when all that were started anew do their work: what cannot
    // start with, say, a broken configuration takes no more than one instance down.
    if (instance.stopping || (!old && generation > 0 && !IsUp(instance))) return;
    if (old && outdated == nullptr) outdated = &instance;
  }
  if (outdated != nullptr) BeginStop(*outdated, now, "to be started again");
}

void LocalStage::Start(uint32_t number, uint64_t generation, absl::Time now) {
  Instance& instance = Get(number);
  const SpawnOptions options = {.pid_file = PidFile(instance.name),
                                .generation = generation,
                                .command = Command(number, instance.name),
                                .working_directory = config_.working_directory(),
                                .output = absl::StrCat(folders_.log, "/", instance.name, ".log"),
                                .limits = config_.limits()};
  absl::StatusOr<Process> process = Spawn(options);
  if (absl::IsAlreadyExists(process.status())) {
    auto holder = FindHolder(options.pid_file);
    if (holder.ok() && holder->has_value()) return Adopt(number, **std::move(holder));
  }
  instance.started = now;
  instance.start_time = absl::Now();
  if (!process.ok()) {
    log_.Error("process cannot be started",
               {{"stage", name()}, {"instance", instance.name}, {"error", process.status()}});
    instance.last_exit = last_exit_ = std::string(process.status().message());
    Schedule(instance, now);
    return;
  }
  log_.Info("process started", {{"stage", name()},
                                {"instance", instance.name},
                                {"pid", process->pid},
                                {"generation", generation}});
  instance.process = *std::move(process);
}

void LocalStage::BeginStop(Instance& instance, absl::Time now, std::string_view why) {
  log_.Info("process told to end", {{"stage", name()},
                                    {"instance", instance.name},
                                    {"pid", instance.process->pid},
                                    {"reason", std::string(why)}});
  instance.stopping = true;
  instance.kill_at = now + absl::Seconds(config_.grace_seconds());
  Signal(*instance.process, SIGTERM);
}

void LocalStage::Schedule(Instance& instance, absl::Time now) {
  if (now - instance.started >= steady_) instance.delay = first_delay_;
  instance.due = now + instance.delay;
  instance.delay = std::min(instance.delay * 2, longest_delay_);
  ++instance.restarts;
  ++restarts_;
}

bool LocalStage::OnEnd(int pid_fd, absl::Time now) {
  const auto found = std::find_if(instances_.begin(), instances_.end(), [&](const auto& each) {
    return each.second.process.has_value() && each.second.process->pid_fd.get() == pid_fd;
  });
  if (found == instances_.end()) return false;
  Instance& instance = found->second;
  const pid_t pid = instance.process->pid;
  const std::string how = Reap(*instance.process, PidFile(instance.name));
  instance.process.reset();
  // What it could not take away itself would show a process that is not there, and send its peers
  // to an address that may soon be somebody else's; an address of its own will be its own again.
  if (instance.stopping || !config_.fixed_ports()) ::unlink(PortsFile(instance.name).c_str());
  instance.kill_at = absl::InfiniteFuture();
  if (std::exchange(instance.stopping, false)) {
    log_.Info("process has ended",
              {{"stage", name()}, {"instance", instance.name}, {"pid", pid}, {"how", how}});
    instance.due = absl::InfinitePast();
    return true;
  }
  instance.last_exit = last_exit_ = how;
  Schedule(instance, now);
  log_.Error("process has died", {{"stage", name()},
                                  {"instance", instance.name},
                                  {"pid", pid},
                                  {"how", how},
                                  {"again_in_seconds", absl::ToDoubleSeconds(instance.due - now)}});
  return true;
}

bool LocalStage::IsUp(const Instance& instance) const {
  if (!instance.process.has_value()) return false;
  if (config_.plain()) return true;
  const auto ports = service::ReadPortsFile(PortsFile(instance.name));
  return ports.ok() && ports->pid == instance.process->pid;
}

absl::Time LocalStage::NextStep() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [number, instance] : instances_) {
    if (instance.process.has_value()) {
      next = std::min(next, instance.kill_at);
    } else if (instance.wanted) {
      next = std::min(next, instance.due);
    }
  }
  return next;
}

std::vector<int> LocalStage::PidFds() const {
  std::vector<int> fds;
  for (const auto& [number, instance] : instances_) {
    if (instance.process.has_value()) fds.push_back(instance.process->pid_fd.get());
  }
  return fds;
}

uint32_t LocalStage::running() const { return static_cast<uint32_t>(PidFds().size()); }

v1::Workload LocalStage::Describe() const {
  v1::Workload workload;
  workload.set_stage(name());
  workload.set_running_instances(running());
  workload.set_restarts(restarts_);
  workload.set_last_exit(last_exit_);
  for (const auto& [number, instance] : instances_) {
    v1::WorkloadProcess& process = *workload.add_processes();
    process.set_instance(instance.name);
    process.set_stopping(instance.stopping);
    process.set_restarts(instance.restarts);
    process.set_last_exit(instance.last_exit);
    if (!instance.process.has_value()) continue;
    process.set_pid(instance.process->pid);
    process.mutable_start_time()->set_seconds(absl::ToUnixSeconds(instance.start_time));
  }
  return workload;
}

std::vector<std::string> LocalStage::Command(uint32_t number, const std::string& name) const {
  const std::string ports_file = PortsFile(name);
  std::vector<std::string> command = {config_.program()};
  for (const std::string& argument : config_.arguments()) {
    command.push_back(absl::StrReplaceAll(
        argument,
        {{"{instance}", name}, {"{number}", absl::StrCat(number)}, {"{ports_file}", ports_file}}));
  }
  if (config_.plain()) return command;
  for (const std::string& set :
       {absl::StrCat("service.instance=", name), absl::StrCat("service.ports_file=", ports_file),
        absl::StrCat("service.log.file=", folders_.log, "/", name, ".log")}) {
    command.push_back("--set");
    command.push_back(set);
  }
  return command;
}

std::string LocalStage::PidFile(const std::string& instance) const {
  return absl::StrCat(folders_.run, "/", instance, ".pid");
}

std::string LocalStage::PortsFile(const std::string& instance) const {
  return absl::StrCat(folders_.ports, "/", instance, ".json");
}

}  // namespace mentat::controller
