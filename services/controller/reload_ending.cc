#include "services/controller/reload_ending.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/controller/file_changes.h"

namespace mentat::controller {

using state::v1::InstanceFiles;
using state::v1::Journal;

ReloadEnding::ReloadEnding(Journal journal, const ReloadSteps& steps)
    : journal_(std::move(journal)), steps_(steps) {
  const auto& instances = journal_.phase() == Journal::PHASE_COMMITTING
                              ? journal_.target().instances()
                              : journal_.put();
  for (const InstanceFiles& each : instances) {
    participants_.push_back({{each.stage(), each.instance(), each.address()}, State::kOpen, ""});
  }
}

void ReloadEnding::Locate(const v1::GetStatusResponse& known) {
  for (Participant& participant : participants_) {
    if (participant.state != State::kOpen) continue;
    Target& target = participant.target;
    const v1::InstanceStatus* found = nullptr;
    for (const v1::StageStatus& stage : known.stages()) {
      if (stage.name() != target.stage) continue;
      for (const v1::InstanceStatus& instance : stage.instances()) {
        if (instance.reachability() == v1::REACHABILITY_GONE) continue;
        const std::string& name = instance.status().instance();
        // One that has not answered yet has no name.
        const bool same_place = instance.address() == target.address && name.empty();
        if ((!name.empty() && name == target.instance) || same_place) found = &instance;
      }
    }
    if (found != nullptr) {
      target.address = found->address();
    } else {
      participant.state = State::kGone;
      participant.error = "it is gone";
    }
  }
}

void ReloadEnding::Try() {
  if (journal_.phase() == Journal::PHASE_COMMITTING) {
    Commit();
  } else {
    PutBack();
  }
}

bool ReloadEnding::done() const { return Open().empty(); }

std::vector<size_t> ReloadEnding::Open() const {
  std::vector<size_t> open;
  for (size_t i = 0; i < participants_.size(); ++i) {
    if (participants_[i].state == State::kOpen) open.push_back(i);
  }
  return open;
}

std::vector<Target> ReloadEnding::TargetsOf(const std::vector<size_t>& indices) const {
  std::vector<Target> targets;
  for (const size_t i : indices) targets.push_back(participants_[i].target);
  return targets;
}

void ReloadEnding::Commit() {
  const std::vector<size_t> open = Open();
  const auto answers =
      steps_.Commit(TargetsOf(open), journal_.reload_id(), journal_.target().reload().version());
  std::vector<size_t> unknown;
  for (size_t i = 0; i < open.size(); ++i) {
    Participant& participant = participants_[open[i]];
    const grpc::Status& status = answers[i].status;
    if (status.ok()) {
      participant.state = State::kDone;
    } else if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
      unknown.push_back(open[i]);
    } else {
      participant.error = status.error_message();
    }
  }
  if (!unknown.empty()) PrepareAgain(unknown);
}

void ReloadEnding::PrepareAgain(const std::vector<size_t>& indices) {
  const std::string id = NewReloadId();
  const std::vector<Target> targets = TargetsOf(indices);
  const auto prepared = steps_.Prepare(targets, id);
  std::vector<size_t> right, wrong;
  for (size_t i = 0; i < indices.size(); ++i) {
    Participant& participant = participants_[indices[i]];
    const auto& [status, response] = prepared[i];
    if (!status.ok()) {
      participant.error = status.error_message();
    } else if (response.errors_size() > 0) {
      participant.state = State::kLost;
      participant.error = absl::StrCat("its files have been changed since: ", response.errors(0));
    } else if (response.digest() !=
               journal_.target().instances(static_cast<int>(indices[i])).digest()) {
      participant.state = State::kLost;
      participant.error = "its files have been changed since";
      wrong.push_back(indices[i]);
    } else {
      right.push_back(indices[i]);
    }
  }
  if (!wrong.empty()) steps_.Abort(TargetsOf(wrong), id);
  const auto committed = steps_.Commit(TargetsOf(right), id, journal_.target().reload().version());
  for (size_t i = 0; i < right.size(); ++i) {
    Participant& participant = participants_[right[i]];
    if (committed[i].status.ok()) {
      participant.state = State::kDone;
    } else {
      participant.error = committed[i].status.error_message();
    }
  }
}

void ReloadEnding::PutBack() {
  const std::vector<size_t> open = Open();
  const std::vector<Target> targets = TargetsOf(open);
  steps_.Abort(targets, journal_.reload_id());
  const auto files = steps_.GetFiles(targets);
  std::vector<size_t> indices;
  std::vector<InstanceFiles> back;
  for (size_t i = 0; i < open.size(); ++i) {
    Participant& participant = participants_[open[i]];
    if (!files[i].status.ok()) {
      participant.error = files[i].status.error_message();
      continue;
    }
    const Target& target = participant.target;
    const auto index = static_cast<int>(open[i]);
    back.push_back(FilesToPutBack(
        MakeInstanceFiles(target.stage, target.instance, target.address, files[i].response),
        journal_.put(index), journal_.before(index)));
    indices.push_back(open[i]);
  }
  const auto answers = steps_.PutFiles(TargetsOf(indices), back);
  for (size_t i = 0; i < indices.size(); ++i) {
    Participant& participant = participants_[indices[i]];
    if (answers[i].status.ok()) {
      participant.state = State::kDone;
    } else {
      participant.error = answers[i].status.error_message();
    }
  }
}

}  // namespace mentat::controller
