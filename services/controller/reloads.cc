#include "services/controller/reloads.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/base/steady_time.h"
#include "common/service/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/controller/file_changes.h"
#include "services/controller/reload_refusal.h"

namespace mentat::controller {
namespace {

using state::v1::InstanceFiles;
using state::v1::Journal;

// How long a call waits for its turn, and for instances that were lost after everything had been
// found right.
constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kRetryInterval = absl::Milliseconds(300);
constexpr absl::Duration kRestInterval = absl::Seconds(1);
constexpr size_t kMaxKeptBytes = 64 << 20;  // of one reload
constexpr uint32_t kDefaultListed = 20;
constexpr size_t kMaxCommentBytes = 1000;
constexpr char kNothingChanged[] = "nothing was reloaded anywhere";

constexpr char kMetric[] = "mentat_controller_reloads_total";
constexpr char kHelp[] =
    "Reloads and rollbacks of many instances: ok, refused, or unfinished where an instance was "
    "lost "
    "after the others had committed.";

// What the digests are told by.
const std::string& NameOf(const Target& target) {
  return target.instance.empty() ? target.address : target.instance;
}

// It is kept with each reload, and listed.
grpc::Status CheckComment(const std::string& comment) {
  if (comment.size() <= kMaxCommentBytes) return grpc::Status::OK;
  return {grpc::StatusCode::INVALID_ARGUMENT,
          absl::StrCat("comment: at the most ", kMaxCommentBytes, " bytes")};
}

grpc::Status NoFolder() {
  return {grpc::StatusCode::FAILED_PRECONDITION,
          "state_dir: the controller has no folder to keep reloads in; without it reloads can only "
          "be checked"};
}

}  // namespace

ReloadMetrics::ReloadMetrics(prometheus::Registry& registry)
    : ok(service::AddCounter(registry, kMetric, kHelp, {{"result", "ok"}})),
      refused(service::AddCounter(registry, kMetric, kHelp, {{"result", "refused"}})),
      unfinished(service::AddCounter(registry, kMetric, kHelp, {{"result", "unfinished"}})),
      open(
          service::AddGauge(registry, "mentat_controller_unfinished_reload",
                            "1 while a reload is not yet in use on an instance that is to have it, "
                            "or files of a rollback are to be put back, else 0.")) {}

Reloads::Reloads(Poller& poller, Clients& clients, std::unique_ptr<ReloadStore> store,
                 const Options& options, prometheus::Registry& registry, const log::Logger& log)
    : poller_(poller),
      steps_(clients, options.call_timeout, options.reload_timeout),
      store_(std::move(store)),
      log_(log),
      metrics_(registry) {
  SetOpen(store_ != nullptr && store_->journal().has_value());
}

std::map<std::string, std::string> Reloads::Details() const {
  if (store_ == nullptr) return {};
  const MutexLock lock(mutex_);
  return {{"last_reload", absl::StrCat(store_->last_version())},
          {"unfinished_reload", open_ ? "yes" : "no"}};
}

void Reloads::SetOpen(bool open) {
  {
    const MutexLock lock(mutex_);
    open_ = open;
  }
  metrics_.open.Set(open ? 1 : 0);
  changed_.NotifyAll();
}

grpc::Status Reloads::InTurn(const std::function<grpc::Status()>& work) {
  {
    const MutexLock lock(mutex_);
    const bool free =
        changed_.WaitFor(mutex_, absl::ToChronoMilliseconds(kPatience),
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !busy_; });
    if (!free) {
      return {grpc::StatusCode::ABORTED, "another reload or rollback is being made; try again"};
    }
    busy_ = true;
  }
  const absl::Cleanup end = [this] {
    {
      const MutexLock lock(mutex_);
      busy_ = false;
    }
    changed_.NotifyAll();
  };
  return work();
}

void Reloads::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      const bool open = changed_.Wait(
          mutex_, stop, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return open_ && !busy_; });
      if (!open) return;
    }
    InTurn([this] { return ToGrpc(FinishOlder()); });
    Pause(kRestInterval, stop);
  }
}

// --- the end of what has begun ---

absl::Status Reloads::FinishOlder() {
  const std::optional<Journal> journal = store_ == nullptr ? std::nullopt : store_->journal();
  if (!journal.has_value()) return absl::OkStatus();
  const bool committing = journal->phase() == Journal::PHASE_COMMITTING;
  // The one before may have been killed between the two.
  if (committing && store_->last_version() < journal->target().reload().version()) {
    RETURN_IF_ERROR(store_->Keep(journal->target()));
  }
  RETURN_IF_ERROR(poller_.WaitForRound());
  ReloadEnding ending(*journal, steps_);
  ending.Locate(poller_.Snapshot());
  if (TryOnce(ending) || committing) return absl::OkStatus();
  std::string message = "files of a rollback that was broken off have to be put back first:";
  for (const ReloadEnding::Participant& each : ending.participants()) {
    if (each.state != ReloadEnding::State::kOpen) continue;
    absl::StrAppend(&message, "\n", each.target.stage, " ", NameOf(each.target), ": ", each.error);
  }
  return absl::FailedPreconditionError(message);
}

bool Reloads::TryOnce(ReloadEnding& ending) {
  ending.Try();
  if (!ending.done()) return false;
  const bool committed = ending.journal().phase() == Journal::PHASE_COMMITTING;
  const uint64_t version = ending.journal().target().reload().version();
  if (const absl::Status status = store_->RemoveJournal(); !status.ok()) {
    log_.Error("the journal cannot be removed", {{"error", status}});
    return false;
  }
  for (const ReloadEnding::Participant& each : ending.participants()) {
    if (each.state == ReloadEnding::State::kDone) continue;
    log_.Warning("an instance did not take part to the end", {{"version", version},
                                                              {"stage", each.target.stage},
                                                              {"instance", NameOf(each.target)},
                                                              {"error", each.error}});
  }
  log_.Info(committed ? "reload in use" : "files of a rollback put back", {{"version", version}});
  SetOpen(false);
  return true;
}

bool Reloads::End(ReloadEnding& ending) {
  const absl::Duration deadline = SteadyNow() + kPatience;
  while (!TryOnce(ending)) {
    if (SteadyNow() >= deadline) return false;
    Pause(kRetryInterval, {});
    if (!poller_.WaitForRound().ok()) return false;
    ending.Locate(poller_.Snapshot());
  }
  return true;
}

// --- the steps ---

absl::StatusOr<Reloads::Attempt> Reloads::Begin(const v1::Selection& selection,
                                                const std::string& caller,
                                                const std::string& comment) {
  RETURN_IF_ERROR(FinishOlder());
  RETURN_IF_ERROR(poller_.WaitForRound());
  const v1::GetStatusResponse known = poller_.Snapshot();
  Attempt attempt;
  ASSIGN_OR_RETURN(attempt.targets, Select(known, selection));
  attempt.id = NewReloadId();
  attempt.journal.set_reload_id(attempt.id);
  v1::ReloadVersion& version = *attempt.journal.mutable_target()->mutable_reload();
  version.set_version(store_ == nullptr ? 0 : store_->last_version() + 1);
  version.mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  version.set_caller(caller);
  version.set_comment(comment);
  for (const Target& target : attempt.targets) {
    *attempt.response.add_results()->mutable_result() = MakeResult(target, grpc::Status::OK);
  }
  // All means those too that cannot be found now.
  const bool all = selection.stages().empty() && selection.instances().empty();
  for (const v1::StageStatus& stage : known.stages()) {
    if (!all || stage.error().empty()) continue;
    *attempt.response.add_results()->mutable_result() =
        MakeResult({stage.name(), "", ""}, {grpc::StatusCode::UNAVAILABLE, stage.error()});
  }
  return attempt;
}

bool Reloads::Prepare(Attempt& attempt) const {
  const auto answers = steps_.Prepare(attempt.targets, attempt.id);
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto& [status, answer] = answers[i];
    v1::ReloadResult& result = *attempt.response.mutable_results(static_cast<int>(i));
    *result.mutable_result() = MakeResult(attempt.targets[i], status);
    *result.mutable_errors() = answer.errors();
    result.set_digest(answer.digest());
    *result.mutable_postponed_keys() = answer.postponed_keys();
    if (status.ok() && answer.errors_size() > 0) {
      result.mutable_result()->set_code(grpc::StatusCode::FAILED_PRECONDITION);
      result.mutable_result()->set_error("its files are not right");
    }
  }
  return std::all_of(attempt.response.results().begin(), attempt.response.results().end(),
                     [](const v1::ReloadResult& each) { return each.result().code() == 0; });
}

bool Reloads::ReadFiles(Attempt& attempt) const {
  const auto answers = steps_.GetFiles(attempt.targets);
  state::v1::KeptReload& kept = *attempt.journal.mutable_target();
  v1::ReloadVersion& version = *kept.mutable_reload();
  bool well = true;
  bool has_files = true;
  size_t bytes = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto& [status, answer] = answers[i];
    const Target& target = attempt.targets[i];
    v1::ReloadResult& result = *attempt.response.mutable_results(static_cast<int>(i));
    InstanceFiles& files = *kept.add_instances();
    files = MakeInstanceFiles(target.stage, target.instance, target.address, answer);
    files.set_digest(result.digest());
    (*version.mutable_digests())[NameOf(target)] = result.digest();
    bytes += answer.ByteSizeLong();
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      log_.Warning("the files of a reload are too large to be kept",
                   {{"instance", NameOf(target)}, {"error", status.error_message()}});
      has_files = false;
    } else if (!status.ok()) {
      *result.mutable_result() = MakeResult(target, status);
      well = false;
    } else if (answer.digest() != result.digest()) {
      *result.mutable_result() = MakeResult(
          target, {grpc::StatusCode::ABORTED, "its files were changed while they were checked"});
      well = false;
    }
  }
  if (bytes > kMaxKeptBytes) {
    log_.Warning("the files of a reload are too large to be kept", {{"bytes", bytes}});
    has_files = false;
  }
  version.set_has_files(has_files);
  if (!has_files) {
    for (InstanceFiles& each : *kept.mutable_instances()) each.clear_files();
  }
  return well;
}

grpc::Status Reloads::Commit(Attempt& attempt) {
  const v1::ReloadVersion& version = attempt.journal.target().reload();
  Journal journal = attempt.journal;
  journal.set_phase(Journal::PHASE_COMMITTING);
  journal.clear_before();
  journal.clear_put();
  if (const absl::Status status = store_->WriteJournal(journal); !status.ok()) {
    if (attempt.journal.phase() != Journal::PHASE_PUTTING) store_->RemoveJournal().IgnoreError();
    return Refuse(absl::StrCat(kNothingChanged, ": ", status.message()), attempt);
  }
  if (const absl::Status status = store_->Keep(journal.target()); !status.ok()) {
    log_.Error("a reload is not kept", {{"version", version.version()}, {"error", status}});
  }
  attempt.response.set_version(version.version());
  ReloadEnding ending(std::move(journal), steps_);
  const bool ended = End(ending);
  bool everywhere = ended;
  for (size_t i = 0; i < ending.participants().size(); ++i) {
    const ReloadEnding::Participant& each = ending.participants()[i];
    if (each.state == ReloadEnding::State::kDone) continue;
    const bool gone = each.state == ReloadEnding::State::kGone;
    everywhere = everywhere && gone;
    *attempt.response.mutable_results(static_cast<int>(i))->mutable_result() = MakeResult(
        each.target,
        {gone ? grpc::StatusCode::NOT_FOUND : grpc::StatusCode::UNAVAILABLE, each.error});
  }
  if (!ended) SetOpen(true);
  log_.Info("reload committed", {{"version", version.version()},
                                 {"caller", version.caller()},
                                 {"comment", version.comment()},
                                 {"instances", attempt.targets.size()},
                                 {"everywhere", everywhere}});
  if (everywhere) {
    metrics_.ok.Increment();
    return grpc::Status::OK;
  }
  metrics_.unfinished.Increment();
  return RefuseReload(grpc::StatusCode::UNAVAILABLE,
                      absl::StrCat("reload ", version.version(), " is in use, but not everywhere",
                                   ended ? "" : " yet; the controller goes on trying"),
                      attempt.response);
}

grpc::Status Reloads::Refuse(const std::string& what, const Attempt& attempt) {
  std::string message = what;
  if (attempt.journal.phase() == Journal::PHASE_PUTTING) {
    ReloadEnding ending(attempt.journal, steps_);
    if (!End(ending)) {
      SetOpen(true);
      message += "; some files are still to be put back, and the controller goes on trying";
    }
  } else {
    steps_.Abort(attempt.targets, attempt.id);
  }
  metrics_.refused.Increment();
  const grpc::Status status =
      RefuseReload(grpc::StatusCode::FAILED_PRECONDITION, message, attempt.response);
  log_.Warning("reload refused", {{"error", status.error_message()}});
  return status;
}

// --- calls ---

grpc::Status Reloads::Reload(const v1::ReloadRequest& request, const std::string& caller,
                             v1::ReloadResponse& response) {
  if (store_ == nullptr && !request.check_only()) return NoFolder();
  if (const grpc::Status fits = CheckComment(request.comment()); !fits.ok()) return fits;
  return InTurn([&]() -> grpc::Status {
    absl::StatusOr<Attempt> attempt = Begin(request.selection(), caller, request.comment());
    if (!attempt.ok()) return ToGrpc(attempt.status());
    if (!Prepare(*attempt)) return Refuse(kNothingChanged, *attempt);
    if (request.check_only()) {
      steps_.Abort(attempt->targets, attempt->id);
      response = std::move(attempt->response);
      return grpc::Status::OK;
    }
    if (!ReadFiles(*attempt)) return Refuse(kNothingChanged, *attempt);
    const grpc::Status status = Commit(*attempt);
    response = std::move(attempt->response);
    return status;
  });
}

grpc::Status Reloads::Rollback(const v1::RollbackRequest& request, const std::string& caller,
                               v1::RollbackResponse& response) {
  if (store_ == nullptr) return NoFolder();
  if (const grpc::Status fits = CheckComment(request.comment()); !fits.ok()) return fits;
  return InTurn([&]() -> grpc::Status {
    const absl::StatusOr<state::v1::KeptReload> kept = store_->Read(request.version());
    if (!kept.ok()) return ToGrpc(kept.status());
    if (!kept->reload().has_files()) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              absl::StrCat("the files of reload ", request.version(), " are not kept")};
    }
    // A stage that the installation has no more needs no files.
    std::set<std::string> stages;
    for (const InstanceFiles& each : kept->instances()) stages.insert(each.stage());
    v1::Selection selection;
    const v1::ListStagesResponse known = poller_.Stages();
    for (const v1::Stage& stage : known.stages()) {
      if (stages.contains(stage.name())) selection.add_stages(stage.name());
    }
    if (selection.stages().empty()) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              absl::StrCat("no stage of reload ", request.version(), " is there any more")};
    }
    absl::StatusOr<Attempt> attempt = Begin(selection, caller, request.comment());
    if (!attempt.ok()) return ToGrpc(attempt.status());
    attempt->journal.mutable_target()->mutable_reload()->set_rollback_to(request.version());
    const absl::StatusOr<bool> put = PutFiles(*kept, *attempt);
    if (!put.ok()) return ToGrpc(put.status());
    if (!*put || !Prepare(*attempt) || !ReadFiles(*attempt)) {
      return Refuse(kNothingChanged, *attempt);
    }
    const grpc::Status status = Commit(*attempt);
    response.set_version(attempt->response.version());
    *response.mutable_results() = std::move(*attempt->response.mutable_results());
    return status;
  });
}

absl::StatusOr<bool> Reloads::PutFiles(const state::v1::KeptReload& kept, Attempt& attempt) {
  const auto failed = [&attempt](size_t i, const grpc::Status& status) {
    *attempt.response.mutable_results(static_cast<int>(i))->mutable_result() =
        MakeResult(attempt.targets[i], status);
    return !status.ok();
  };
  const auto now = steps_.GetFiles(attempt.targets);
  bool well = true;
  for (size_t i = 0; i < now.size(); ++i) {
    if (failed(i, now[i].status)) well = false;
    const Target& target = attempt.targets[i];
    const InstanceFiles files =
        MakeInstanceFiles(target.stage, target.instance, target.address, now[i].response);
    InstanceFiles& put = *attempt.journal.add_put();
    put = FilesToPut(files, kept);
    *attempt.journal.add_before() = FilesBefore(files, put);
  }
  if (!well) return false;
  attempt.journal.set_phase(Journal::PHASE_PUTTING);
  if (absl::Status status = store_->WriteJournal(attempt.journal); !status.ok()) {
    store_->RemoveJournal().IgnoreError();
    return status;
  }
  const std::vector<InstanceFiles> files(attempt.journal.put().begin(),
                                         attempt.journal.put().end());
  const auto answers = steps_.PutFiles(attempt.targets, files);
  for (size_t i = 0; i < answers.size(); ++i) {
    if (failed(i, answers[i].status)) well = false;
  }
  return well;
}

grpc::Status Reloads::ListReloads(const v1::ListReloadsRequest& request,
                                  v1::ListReloadsResponse& response) const {
  if (store_ == nullptr) return NoFolder();
  const uint32_t limit = request.limit() == 0 ? kDefaultListed : request.limit();
  for (v1::ReloadVersion& version : store_->List()) {
    if (static_cast<uint32_t>(response.reloads_size()) >= limit) break;
    *response.add_reloads() = std::move(version);
  }
  return grpc::Status::OK;
}

}  // namespace mentat::controller
