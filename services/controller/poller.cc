#include "services/controller/poller.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/steady_time.h"
#include "services/controller/fan_out.h"

namespace mentat::controller {
namespace {

// A round that has begun, and the one that was asked for.
constexpr int kRoundsToWait = 2;
constexpr absl::Duration kNameServiceTime = absl::Seconds(5);

}  // namespace

Poller::Poller(const config::v1::ControllerConfig& config, Clients& clients, log::Logger log)
    : config_(config),
      call_timeout_(absl::Seconds(config.call_timeout_seconds())),
      clients_(clients),
      log_(std::move(log)) {}

void Poller::Run(std::stop_token stop) {
  const auto pause = absl::ToChronoMilliseconds(absl::Seconds(config_.poll_seconds()));
  while (!stop.stop_requested()) {
    Round();
    const MutexLock lock(mutex_);
    changed_.WaitFor(mutex_, stop, pause,
                     [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_ > started_; });
  }
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
}

absl::Status Poller::WaitForRound() {
  const absl::Duration timeout = call_timeout_ * kRoundsToWait + kNameServiceTime;
  const MutexLock lock(mutex_);
  const uint64_t wanted = started_ + 1;
  wanted_ = std::max(wanted_, wanted);
  changed_.NotifyAll();
  const bool done = changed_.WaitFor(
      mutex_, absl::ToChronoMilliseconds(timeout),
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_ || finished_ >= wanted; });
  if (finished_ >= wanted) return absl::OkStatus();
  if (done) return absl::UnavailableError("the controller is ending");
  return absl::DeadlineExceededError("the instances could not all be asked in time");
}

void Poller::Round() {
  {
    const MutexLock lock(mutex_);
    ++started_;
  }
  const absl::Duration now = SteadyNow();
  std::vector<KnownStage> stages = FindStages(config_);
  std::vector<Instance*> asked;
  std::vector<Target> targets;
  std::set<std::string> addresses;
  {
    const MutexLock lock(mutex_);
    for (const KnownStage& stage : stages) {
      for (const std::string& address : stage.addresses) {
        std::unique_ptr<Instance>& instance = instances_[address];
        if (instance == nullptr) {
          instance = std::make_unique<Instance>();
          instance->status.set_address(address);
        }
        instance->stage = stage.name;
        instance->listed = now;
        asked.push_back(instance.get());
        targets.push_back({stage.name, instance->status.status().instance(), address});
        addresses.insert(address);
      }
    }
    stages_ = std::move(stages);
  }
  clients_.KeepOnly(addresses);
  auto answers = FanOut(clients_, targets, &Clients::Stub::AsyncGetStatus,
                        stage::v1::GetStatusRequest(), call_timeout_);
  {
    const MutexLock lock(mutex_);
    const absl::Duration end = SteadyNow();
    for (size_t i = 0; i < asked.size(); ++i) {
      Remember(*asked[i], answers[i].status, std::move(*answers[i].response.mutable_status()), end);
    }
    MarkGone(now);
    time_ = absl::Now();
    finished_ = started_;
  }
  changed_.NotifyAll();
}

void Poller::Remember(Instance& instance, const grpc::Status& called, stage::v1::Status&& status,
                      absl::Duration now) {
  const v1::Reachability reachability =
      called.ok() ? v1::REACHABILITY_ANSWERED : v1::REACHABILITY_UNREACHABLE;
  if (instance.status.reachability() != reachability) {
    log_.Info(called.ok() ? "instance answers" : "instance does not answer",
              {{"stage", instance.stage},
               {"address", instance.status.address()},
               {"error", called.error_message()}});
  }
  instance.status.set_reachability(reachability);
  instance.status.set_error(called.error_message());
  if (!called.ok()) return;
  instance.answered = now;
  *instance.status.mutable_status() = std::move(status);
}

void Poller::MarkGone(absl::Duration now) {
  const absl::Duration keep = absl::Seconds(config_.forget_seconds());
  for (auto each = instances_.begin(); each != instances_.end();) {
    Instance& instance = *each->second;
    if (instance.listed >= now) {
      ++each;
      continue;
    }
    if (instance.status.reachability() != v1::REACHABILITY_GONE) {
      log_.Info("instance is gone",
                {{"stage", instance.stage}, {"address", instance.status.address()}});
    }
    instance.status.set_reachability(v1::REACHABILITY_GONE);
    // One that never answered has nothing to show.
    const bool forget = !instance.answered || now - instance.listed > keep;
    each = forget ? instances_.erase(each) : std::next(each);
  }
}

absl::StatusOr<std::vector<Target>> Poller::Find(const v1::Selection& selection) {
  bool known = false;
  {
    const MutexLock lock(mutex_);
    known = time_ != absl::InfinitePast();
  }
  if (known) {
    absl::StatusOr<std::vector<Target>> targets = Select(Snapshot(), selection);
    if (!absl::IsNotFound(targets.status())) return targets;
  }
  RETURN_IF_ERROR(WaitForRound());
  return Select(Snapshot(), selection);
}

v1::GetStatusResponse Poller::Snapshot() const {
  v1::GetStatusResponse response;
  const absl::Duration now = SteadyNow();
  std::map<std::string, v1::StageStatus*> stages;
  const MutexLock lock(mutex_);
  response.mutable_time()->set_seconds(absl::ToUnixSeconds(time_));
  const auto add_stage = [&](const std::string& name) {
    v1::StageStatus*& stage = stages[name];
    if (stage == nullptr) {
      stage = response.add_stages();
      stage->set_name(name);
    }
    return stage;
  };
  for (const KnownStage& known : stages_) {
    add_stage(known.name)->set_error(known.error);
  }
  for (const auto& [address, instance] : instances_) {
    v1::InstanceStatus& copy = *add_stage(instance->stage)->add_instances();
    copy = instance->status;
    if (instance->answered) {
      copy.mutable_age()->set_seconds(absl::ToInt64Seconds(now - *instance->answered));
    }
  }
  for (v1::StageStatus& stage : *response.mutable_stages()) {
    std::stable_sort(stage.mutable_instances()->begin(), stage.mutable_instances()->end(),
                     [](const v1::InstanceStatus& a, const v1::InstanceStatus& b) {
                       return a.status().instance() < b.status().instance();
                     });
  }
  return response;
}

v1::ListStagesResponse Poller::Stages() const {
  v1::ListStagesResponse response;
  const MutexLock lock(mutex_);
  for (const KnownStage& known : stages_) {
    v1::Stage& stage = *response.add_stages();
    stage.set_name(known.name);
    for (const std::string& address : known.addresses) stage.add_addresses(address);
  }
  return response;
}

}  // namespace mentat::controller
