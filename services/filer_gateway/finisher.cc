#include "services/filer_gateway/finisher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"

namespace mentat::filer {
namespace {

constexpr int kClosingThreads = 8;
constexpr size_t kClosedTogether = 16;

Refusal FromDeadLetter(const pipeline::v1::DeadLetter& letter) {
  std::string reason = pipeline::v1::Reason_Name(letter.reason());  // REASON_MALFORMED
  if (reason.starts_with("REASON_")) reason.erase(0, 7);
  Refusal refusal;
  refusal.reason = absl::AsciiStrToLower(reason);
  refusal.stage = letter.stage();
  refusal.instance = letter.instance();
  refusal.message = letter.message();
  refusal.time = letter.time();
  return refusal;
}

}  // namespace

Finisher::Finisher(const Queue& queue, InMetrics& metrics, Options options)
    : queue_(queue),
      metrics_(metrics),
      options_(std::move(options)),
      roomy_files_(options_.max_files - std::max<uint64_t>(options_.max_files / 8, 1)),
      errors_(queue),
      closer_(kClosingThreads, [this] { CountDone(); }),
      thread_([this] { Run(); }) {}

Finisher::~Finisher() {
  {
    const MutexLock lock(inbox_->mutex);
    inbox_->closed = true;
  }
  inbox_->changed.NotifyAll();
  thread_.join();
}

std::shared_ptr<TakenFile> Finisher::Take(ClaimedFile file) {
  {
    const MutexLock lock(inbox_->mutex);
    ++inbox_->files;
  }
  metrics_.pending.Increment();
  return std::make_shared<TakenFile>(std::move(file));
}

bool Finisher::WaitForRoom(std::stop_token stop) {
  const MutexLock lock(inbox_->mutex);
  return inbox_->room.Wait(inbox_->mutex, stop,
                           [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(inbox_->mutex) {
                             return inbox_->files <= roomy_files_;
                           });
}

uint64_t Finisher::files() const {
  const MutexLock lock(inbox_->mutex);
  return inbox_->files;
}

absl::Status Finisher::Health() const {
  const MutexLock lock(inbox_->mutex);
  return inbox_->health;
}

void Finisher::Post(Inbox& inbox, Task task) {
  {
    const MutexLock lock(inbox.mutex);
    if (inbox.closed) return;
    inbox.tasks.push_back(std::move(task));
  }
  inbox.changed.NotifyAll();
}

std::function<void(pipeline::Outcomes)> Finisher::WhenSettled(EventRefs events) {
  return [this, inbox = inbox_, events](pipeline::Outcomes outcomes) {
    // `this` is used by the finisher's thread alone, which lives as long as the inbox takes tasks.
    Post(*inbox, [this, events, outcomes = std::move(outcomes)] {
      for (size_t i = 0; i < events->size(); ++i) {
        if (i < outcomes.size()) {
          Settle(std::move((*events)[i]), outcomes.kind(i), outcomes.dead_letter(i));
        } else {
          Settle(std::move((*events)[i]), pipeline::v1::EventOutcome::KIND_UNSPECIFIED, nullptr);
        }
      }
      return absl::OkStatus();
    });
  };
}

void Finisher::GiveBack(EventRefs events) {
  WhenSettled(std::move(events))(
      pipeline::Outcomes());  // an outcome that is not given means just that
}

void Finisher::Refuse(EventRef event, Refusal refusal) {
  Post(*inbox_, [this, event = std::move(event), refusal = std::move(refusal)] {
    return KeepRefused(event, refusal);
  });
}

void Finisher::Close(std::shared_ptr<TakenFile> file, uint64_t events,
                     std::optional<Refusal> refusal) {
  Post(*inbox_, [this, file = std::move(file), events, refusal = std::move(refusal)] {
    file->events = events;
    if (refusal) file->refusal = refusal;
    FinishIfDone(file);
    return absl::OkStatus();
  });
}

void Finisher::Abandon(std::shared_ptr<TakenFile> file, uint64_t events) {
  Post(*inbox_, [this, file = std::move(file), events] {
    file->events = events;
    file->give_back = true;
    FinishIfDone(file);
    return absl::OkStatus();
  });
}

void Finisher::Discard(std::string name, Refusal refusal) {
  Post(*inbox_, [this, name = std::move(name), refusal = std::move(refusal)] {
    const absl::Status moved = errors_.Move(name, refusal);
    // Another instance may have done it.
    if (absl::IsNotFound(moved) && !queue_.HasPending(name)) return absl::OkStatus();
    RETURN_IF_ERROR(moved);
    metrics_.irregular.Increment();
    options_.log.Warning("moved to errors unread", {{"file", name}, {"reason", refusal.message}});
    return absl::OkStatus();
  });
}

void Finisher::Run() {
  const auto retry = absl::ToChronoMilliseconds(options_.retry);
  auto next_retry = std::chrono::steady_clock::now() + retry;
  for (bool last = false; !last;) {
    std::deque<Task> tasks;
    {
      const MutexLock lock(inbox_->mutex);
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(inbox_->mutex) {
        return inbox_->closed || !inbox_->tasks.empty();
      };
      if (failed_.empty()) {
        inbox_->changed.Wait(inbox_->mutex, has_work);
      } else {
        inbox_->changed.WaitUntil(inbox_->mutex, next_retry, has_work);
      }
      tasks = std::exchange(inbox_->tasks, {});
      last = inbox_->closed && tasks.empty();
    }
    const bool none_failed = failed_.empty();
    for (Task& task : tasks) Do(std::move(task));
    const auto now = std::chrono::steady_clock::now();
    if (none_failed) {
      next_retry = now + retry;
    } else if (now >= next_retry || last) {
      RetryFailed();
      next_retry = now + retry;
    }
    if (!removed_.empty()) closer_.Close(std::exchange(removed_, {}));
  }
}

void Finisher::Do(Task task) {
  absl::Status status = task();
  if (status.ok()) return;
  metrics_.disk_errors.Increment();
  if (failed_.empty()) {
    options_.log.Error("cannot finish files, trying again until it can be done",
                       {{"queue", queue_.path()}, {"error", status}});
  }
  failed_.push_back(std::move(task));
  ReportHealth(std::move(status));
}

void Finisher::RetryFailed() {
  std::deque<Task> tasks = std::exchange(failed_, {});
  for (Task& task : tasks) {
    absl::Status status = task();
    if (status.ok()) continue;
    metrics_.disk_errors.Increment();
    failed_.push_back(std::move(task));
    ReportHealth(std::move(status));
  }
  if (failed_.empty() && !tasks.empty()) {
    options_.log.Info("files can be finished again", {{"queue", queue_.path()}});
    ReportHealth(absl::OkStatus());
  }
}

void Finisher::ReportHealth(absl::Status status) {
  const MutexLock lock(inbox_->mutex);
  inbox_->health = std::move(status);
}

void Finisher::Settle(EventRef event, pipeline::Outcomes::Kind kind,
                      const pipeline::v1::DeadLetter* dead_letter) {
  using Kind = pipeline::v1::EventOutcome;
  if (dead_letter == nullptr) dead_letter = &pipeline::v1::DeadLetter::default_instance();
  switch (kind) {
    case Kind::KIND_STORED:
    case Kind::KIND_DUPLICATE:
    case Kind::KIND_DROPPED:
      break;
    case Kind::KIND_DEAD_LETTER:
      if (event.line > 0) {
        Do([this, event = std::move(event), refusal = FromDeadLetter(*dead_letter)] {
          return KeepRefused(event, refusal);
        });
        return;
      }
      metrics_.events_refused.Increment();
      event.file->refusal = FromDeadLetter(*dead_letter);
      break;
    default:
      event.file->give_back = true;
      break;
  }
  CountSettled(event.file);
}

absl::Status Finisher::KeepRefused(const EventRef& event, const Refusal& refusal) {
  TakenFile& file = *event.file;
  if (file.kept < options_.max_error_files) {
    RETURN_IF_ERROR(errors_.Keep(file.claimed.name, event.line, event.text, refusal));
    ++file.kept;
  } else if (!file.refusal) {
    file.refusal = refusal;
    file.refusal->message =
        absl::StrCat("more than ", options_.max_error_files,
                     " events were refused, so the file is kept whole; the next was line ",
                     event.line, ": ", refusal.message);
    file.refusal->problems.clear();
  }
  metrics_.events_refused.Increment();
  CountSettled(event.file);
  return absl::OkStatus();
}

void Finisher::CountSettled(const std::shared_ptr<TakenFile>& file) {
  ++file->settled;
  FinishIfDone(file);
}

void Finisher::FinishIfDone(const std::shared_ptr<TakenFile>& file) {
  if (file->events != file->settled) return;
  Do([this, file]() -> absl::Status {
    const absl::Status finished = Finish(*file);
    if (absl::IsNotFound(finished) && !queue_.HasPending(file->claimed.name)) {
      options_.log.Warning("a file was taken away from pending",
                           {{"file", file->claimed.name}, {"error", finished}});
    } else {
      RETURN_IF_ERROR(finished);
    }
    metrics_.pending.Decrement();
    if (file->give_back || file->refusal) {
      // Whoever finds the file where it is now can lock it.
      file->claimed.lock.Reset();
      CountDone();
    } else {
      removed_.push_back(std::move(file->claimed.lock));
      if (removed_.size() >= kClosedTogether) closer_.Close(std::exchange(removed_, {}));
    }
    return absl::OkStatus();
  });
}

void Finisher::CountDone() {
  {
    const MutexLock lock(inbox_->mutex);
    // Who waits for room takes no files meanwhile: each number is passed on the way down.
    if (--inbox_->files != roomy_files_) return;
  }
  inbox_->room.NotifyAll();
}

absl::Status Finisher::Finish(TakenFile& file) {
  const std::string& name = file.claimed.name;
  if (file.give_back) {
    const absl::Status given = queue_.GiveBack(name);
    // Another file of the name waits in incoming; this one is adopted from pending before that.
    if (!absl::IsAlreadyExists(given)) RETURN_IF_ERROR(given);
    metrics_.returned.Increment();
    return absl::OkStatus();
  }
  if (file.kept > 0) RETURN_IF_ERROR(errors_.Sync());
  if (file.refusal) {
    RETURN_IF_ERROR(errors_.Move(name, *file.refusal));
    metrics_.errored.Increment();
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(queue_.Remove(name));
  metrics_.finished.Increment();
  return absl::OkStatus();
}

}  // namespace mentat::filer
