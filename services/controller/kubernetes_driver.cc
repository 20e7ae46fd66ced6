#include "services/controller/kubernetes_driver.h"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"

namespace mentat::controller {
namespace {

using nlohmann::json;

constexpr int kMaxConflicts = 5;
// While a stage is stopped: how many replicas it had.
constexpr char kStoppedReplicas[] = "mentat.cesnet.cz/stopped-replicas";
// What `kubectl rollout restart` sets: the pods' template changes, so all pods are replaced.
constexpr char kRestartedAt[] = "kubectl.kubernetes.io/restartedAt";

// A number somewhere in an object; `otherwise` where there is none.
uint32_t NumberAt(const json& object, const char* pointer, uint32_t otherwise) {
  const json::json_pointer where(pointer);
  if (!object.contains(where)) return otherwise;
  const json& value = object.at(where);
  return value.is_number_unsigned() ? value.get<uint32_t>() : otherwise;
}

uint32_t Replicas(const json& workload) { return NumberAt(workload, "/spec/replicas", 1); }

// How many replicas a stopped stage had; none if it is not stopped.
std::optional<uint32_t> StoppedReplicas(const json& workload) {
  const json::json_pointer where("/metadata/annotations");
  if (!workload.contains(where)) return std::nullopt;
  const json& annotations = workload.at(where);
  const auto found = annotations.find(kStoppedReplicas);
  uint32_t replicas = 0;
  if (found == annotations.end() || !found->is_string() ||
      !absl::SimpleAtoi(found->get<std::string>(), &replicas)) {
    return std::nullopt;
  }
  return replicas;
}

v1::Workload Describe(const std::string& stage, const json& workload) {
  v1::Workload result;
  result.set_stage(stage);
  const std::optional<uint32_t> stopped = StoppedReplicas(workload);
  result.set_stopped(stopped.has_value());
  result.set_wanted_instances(stopped.value_or(Replicas(workload)));
  result.set_running_instances(NumberAt(workload, "/status/readyReplicas", 0));
  return result;
}

json Annotate(const json& value) {
  return {{"metadata", {{"annotations", {{kStoppedReplicas, value}}}}}};
}

absl::Status Named(const std::string& stage, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(stage, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> KubernetesDriver::Create(
    const config::v1::KubernetesDriverConfig& config, const log::Logger& log) {
  for (const StageConfig& stage : config.stages()) {
    // They become parts of a URL.
    const std::string& name = stage.workload().empty() ? stage.name() : stage.workload();
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("driver.kubernetes.stages: workload of ", stage.name(),
                       ": expected the name of a Kubernetes object, got \"", name, "\""));
    }
  }
  std::stop_source ended;
  ASSIGN_OR_RETURN(KubernetesApi api, KubernetesApi::Create(config, ended.get_token()));
  return std::unique_ptr<Driver>(
      new KubernetesDriver(config, std::move(ended), std::move(api), log));
}

void KubernetesDriver::Run(std::stop_token stop) {
  Pause(absl::InfiniteDuration(), stop);
  ended_.request_stop();
}

absl::StatusOr<std::vector<const KubernetesDriver::StageConfig*>> KubernetesDriver::Find(
    const Names& names) const {
  std::vector<const StageConfig*> found;
  std::set<std::string> missing(names.begin(), names.end());
  for (const StageConfig& stage : config_.stages()) {
    if (names.empty() || missing.erase(stage.name()) > 0) found.push_back(&stage);
  }
  if (missing.empty()) return found;
  return absl::NotFoundError(absl::StrCat("the driver has no stage ", absl::StrJoin(missing, ", "),
                                          "; driver.kubernetes.stages names them"));
}

std::string KubernetesDriver::Path(const StageConfig& stage) const {
  return absl::StrCat("/apis/apps/v1/namespaces/", api_.name_space(), "/", stage.kind(), "s/",
                      stage.workload().empty() ? stage.name() : stage.workload());
}

absl::StatusOr<v1::Workload> KubernetesDriver::ChangeOne(const StageConfig& stage,
                                                         const MakePatch& make_patch) {
  absl::Status conflict;
  for (int i = 0; i < kMaxConflicts; ++i) {
    ASSIGN_OR_RETURN(const json workload, api_.Get(Path(stage)));
    json patch = make_patch(workload);
    if (patch.is_null()) return Describe(stage.name(), workload);
    // The server refuses the patch if somebody has changed the workload since.
    if (workload.contains("metadata") && workload["metadata"].contains("resourceVersion")) {
      patch["metadata"]["resourceVersion"] = workload["metadata"]["resourceVersion"];
    }
    absl::StatusOr<json> changed = api_.Patch(Path(stage), patch);
    if (changed.ok()) {
      log_.Info("workload changed", {{"stage", stage.name()}, {"patch", patch.dump()}});
      return Describe(stage.name(), *changed);
    }
    if (!absl::IsAborted(changed.status())) return changed.status();
    conflict = changed.status();
  }
  return conflict;
}

Driver::Workloads KubernetesDriver::Change(const Names& names, const MakePatch& make_patch) {
  ASSIGN_OR_RETURN(const auto stages, Find(names));
  std::vector<v1::Workload> workloads;
  for (const StageConfig* stage : stages) {
    absl::StatusOr<v1::Workload> workload = ChangeOne(*stage, make_patch);
    if (!workload.ok()) return Named(stage->name(), workload.status());
    workloads.push_back(*std::move(workload));
  }
  return workloads;
}

Driver::Workloads KubernetesDriver::List(const Names& names) {
  return Change(names, [](const json&) { return json(); });
}

Driver::Workloads KubernetesDriver::Stop(const Names& names) {
  return Change(names, [](const json& workload) -> json {
    if (StoppedReplicas(workload).has_value()) return nullptr;
    json patch = Annotate(absl::StrCat(Replicas(workload)));
    patch["spec"] = {{"replicas", 0}};
    return patch;
  });
}

Driver::Workloads KubernetesDriver::Start(const Names& names) {
  return Change(names, [](const json& workload) -> json {
    const std::optional<uint32_t> stopped = StoppedReplicas(workload);
    if (!stopped.has_value()) return nullptr;
    json patch = Annotate(nullptr);
    patch["spec"] = {{"replicas", *stopped}};
    return patch;
  });
}

Driver::Workloads KubernetesDriver::Restart(const v1::Selection& selection) {
  if (selection.instances_size() > 0) {
    return absl::InvalidArgumentError(
        "instances: Kubernetes restarts whole stages; to replace one pod, drain that instance");
  }
  const std::string now = absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone());
  return Change({selection.stages().begin(), selection.stages().end()}, [&now](const json&) {
    json patch;
    patch["spec"]["template"]["metadata"]["annotations"][kRestartedAt] = now;
    return patch;
  });
}

Driver::Workloads KubernetesDriver::Scale(const std::string& name, uint32_t instances) {
  ASSIGN_OR_RETURN(const auto stages, Find({name}));
  const StageConfig& stage = *stages.front();
  if (instances > stage.max_instances()) {
    return absl::OutOfRangeError(absl::StrCat(name, " may have ", stage.max_instances(),
                                              " instances at the most (max_instances), not ",
                                              instances));
  }
  bool stopped = false;
  Workloads result = Change({name}, [&](const json& workload) -> json {
    // One that is stopped gets them when it is started again.
    stopped = StoppedReplicas(workload).has_value();
    return stopped ? Annotate(absl::StrCat(instances)) : json();
  });
  if (!result.ok() || stopped) return result;
  const absl::StatusOr<json> scaled =
      api_.Patch(Path(stage) + "/scale", {{"spec", {{"replicas", instances}}}});
  if (!scaled.ok()) return Named(name, scaled.status());
  log_.Info("workload scaled", {{"stage", name}, {"instances", instances}});
  result->front().set_wanted_instances(Replicas(*scaled));
  return result;
}

}  // namespace mentat::controller
