#include "common/service/access/roles.h"

#include <algorithm>
#include <array>

namespace mentat::service {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"none", "viewer", "operator", "admin"};

// Health is open, so that probes need no secret.
constexpr std::string_view kHealth = "/grpc.health.v1.Health/";
// Of every version.
constexpr std::string_view kReflection = "/grpc.reflection.";
constexpr std::string_view kStage = "/mentat.stage.v1.StageAdmin/";
constexpr std::string_view kController = "/mentat.controller.v1.Controller/";

struct Entry {
  std::string_view service;
  std::string_view method;
  Role role;
  bool changes;
};

constexpr Entry kEntries[] = {
    {kStage, "GetStatus", Role::kViewer, false},
    {kStage, "WatchStatus", Role::kViewer, false},
    {kStage, "GetConfig", Role::kViewer, false},
    {kStage, "ListInFlight", Role::kViewer, false},
    {kStage, "GetLedger", Role::kViewer, false},
    {kStage, "TailEvents", Role::kViewer, false},
    {kStage, "DumpRunlog", Role::kViewer, false},
    {kStage, "Pause", Role::kOperator, true},
    {kStage, "Resume", Role::kOperator, true},
    {kStage, "Drain", Role::kOperator, true},
    {kStage, "Reload", Role::kOperator, true},
    {kStage, "PrepareReload", Role::kOperator, true},
    {kStage, "CommitReload", Role::kOperator, true},
    {kStage, "AbortReload", Role::kOperator, true},
    {kStage, "SetLogLevel", Role::kOperator, true},
    // Whole files, as they lie there.
    {kStage, "GetReloadFiles", Role::kAdmin, false},
    {kStage, "PutReloadFiles", Role::kAdmin, true},

    {kController, "ListStages", Role::kViewer, false},
    {kController, "GetStatus", Role::kViewer, false},
    {kController, "WatchStatus", Role::kViewer, false},
    {kController, "GetTopology", Role::kViewer, false},
    {kController, "GetConfig", Role::kViewer, false},
    {kController, "ListInFlight", Role::kViewer, false},
    {kController, "GetLedger", Role::kViewer, false},
    {kController, "TailEvents", Role::kViewer, false},
    {kController, "DumpRunlog", Role::kViewer, false},
    {kController, "ListReloads", Role::kViewer, false},
    {kController, "ListWorkloads", Role::kViewer, false},
    {kController, "ListAuditRecords", Role::kViewer, false},
    {kController, "ListDeadLetters", Role::kViewer, false},
    {kController, "CountDeadLetters", Role::kViewer, false},
    {kController, "GetDeadLetter", Role::kViewer, false},
    {kController, "ListJobs", Role::kViewer, false},
    {kController, "ListJobRuns", Role::kViewer, false},
    {kController, "RunJob", Role::kOperator, true},
    {kController, "EnableJob", Role::kOperator, true},
    {kController, "DisableJob", Role::kOperator, true},
    {kController, "ListOutbox", Role::kViewer, false},
    {kController, "CountOutbox", Role::kViewer, false},
    {kController, "RetryOutbox", Role::kOperator, true},
    {kController, "ReplayDeadLetters", Role::kOperator, true},
    // What is gone is gone.
    {kController, "DiscardDeadLetters", Role::kAdmin, true},
    {kController, "DiscardOutbox", Role::kAdmin, true},
    {kController, "Pause", Role::kOperator, true},
    {kController, "Resume", Role::kOperator, true},
    {kController, "Drain", Role::kOperator, true},
    {kController, "SetLogLevel", Role::kOperator, true},
    {kController, "Reload", Role::kOperator, true},
    {kController, "Restart", Role::kOperator, true},
    {kController, "Rollback", Role::kAdmin, true},
    {kController, "Start", Role::kAdmin, true},
    {kController, "Stop", Role::kAdmin, true},
    {kController, "Scale", Role::kAdmin, true},
};

const Entry* Find(std::string_view method) {
  const auto* found =
      std::find_if(std::begin(kEntries), std::end(kEntries), [method](const Entry& entry) {
        return method.starts_with(entry.service) &&
               method.substr(entry.service.size()) == entry.method;
      });
  return found == std::end(kEntries) ? nullptr : found;
}

}  // namespace

std::string_view RoleName(Role role) { return kNames[static_cast<size_t>(role)]; }

std::optional<Role> ParseRole(std::string_view name) {
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Role>(found - kNames.begin());
}

MethodRule RuleOf(std::string_view method) {
  if (method.starts_with(kHealth)) return {method, Role::kNone, false};
  if (method.starts_with(kReflection)) return {method, Role::kViewer, false};
  const Entry* entry = Find(method);
  if (entry == nullptr) return {method, Role::kAdmin, true};
  return {method, entry->role, entry->changes};
}

bool HasRule(std::string_view method) {
  return method.starts_with(kHealth) || method.starts_with(kReflection) || Find(method) != nullptr;
}

}  // namespace mentat::service
