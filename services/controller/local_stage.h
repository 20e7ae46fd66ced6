// The processes of one stage on this machine: brings them, step by step, to what is wanted.
//
// Used by one thread, which lives as long as the processes are to be started by it.
#ifndef SERVICES_CONTROLLER_LOCAL_STAGE_H_
#define SERVICES_CONTROLLER_LOCAL_STAGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/service/log.h"
#include "mentat/config/v1/controller.pb.h"
#include "mentat/controller/v1/controller.pb.h"
#include "services/controller/process.h"

namespace mentat::controller {

// Folders of a driver's state.
struct LocalFolders {
  explicit LocalFolders(const std::string& state)
      : run(state + "/run"), ports(state + "/ports"), log(state + "/log") {}
  std::string run;
  std::string ports;
  std::string log;
};

// A clock that nobody sets; only differences mean something.
absl::Time MonotonicNow();

// Name of an instance: that of the stage, then STAGE-2, STAGE-3, ….
std::string InstanceName(const std::string& stage, uint32_t number);
// The number of the stage's instance with this name; none if it is no such name.
std::optional<uint32_t> InstanceNumber(std::string_view stage, std::string_view name);

class LocalStage {
 public:
  // What is wanted now.
  struct Target {
    uint32_t instances = 0;
    std::map<uint32_t, uint64_t> generations;  // 0 where there is none
    // Whether processes that are not wanted any more have to wait until a stage before has ended.
    bool hold = false;
  };

  LocalStage(const config::v1::LocalDriverConfig& driver, config::v1::LocalStageConfig config,
             log::Logger log);

  const std::string& name() const { return config_.name(); }

  // Takes over what an earlier controller has left running under this number.
  void Adopt(uint32_t number, Process process);
  // Removes the ports files of instances that are not there.
  void RemoveStalePorts();
  // Does what can be done now. All times are MonotonicNow's.
  void Step(const Target& target, absl::Time now);
  // Deals with the end of a process that is ours; false if it is none of ours.
  bool OnEnd(int pid_fd, absl::Time now);

  // When Step has to be called again, if nothing happens before.
  absl::Time NextStep() const;
  // Descriptors that become readable with the ends of the processes.
  std::vector<int> PidFds() const;
  uint32_t running() const;
  uint64_t restarts() const { return restarts_; }
  // Without what is wanted.
  v1::Workload Describe() const;

 private:
  struct Instance {
    std::string name;
    std::optional<Process> process;
    bool wanted = false;
    bool stopping = false;
    absl::Time started;     // or taken over
    absl::Time start_time;  // the same by the wall clock
    absl::Time kill_at = absl::InfiniteFuture();
    absl::Time due = absl::InfinitePast();  // of the next start, while it is down
    absl::Duration delay;                   // after the next death
    uint64_t restarts = 0;
    std::string last_exit;
  };

  Instance& Get(uint32_t number);
  void Start(uint32_t number, uint64_t generation, absl::Time now);
  void BeginStop(Instance& instance, absl::Time now, std::string_view why);
  void Schedule(Instance& instance, absl::Time now);
  // Whether it can do its work, as far as can be seen from here.
  bool IsUp(const Instance& instance) const;
  // Replaces one process of an earlier generation, if it is time.
  void StepRestart(const Target& target, absl::Time now);
  std::vector<std::string> Command(uint32_t number, const std::string& name) const;
  std::string PidFile(const std::string& instance) const;
  std::string PortsFile(const std::string& instance) const;

  const LocalFolders folders_;
  const absl::Duration first_delay_;
  const absl::Duration longest_delay_;
  const absl::Duration steady_;
  const config::v1::LocalStageConfig config_;
  const log::Logger log_;
  std::map<uint32_t, Instance> instances_;  // by number
  uint64_t restarts_ = 0;
  std::string last_exit_;
};

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_LOCAL_STAGE_H_
