#include "services/filer_gateway/reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"

namespace mentat::filer {
namespace {

// Files that are read in turn. Each holds a buffer of up to the largest event.
constexpr size_t kMaxLargeFiles = 4;
constexpr size_t kLargeEventBytes = 64 << 10;

}  // namespace

Reader::Reader(const Queue& queue, Finisher& finisher, InMetrics& metrics, SubmitFunction submit,
               Options options)
    : queue_(queue),
      finisher_(finisher),
      metrics_(metrics),
      submit_(std::move(submit)),
      options_(std::move(options)) {}

absl::Status Reader::Health() const {
  const MutexLock lock(mutex_);
  return health_;
}

void Reader::Report(absl::Status status) {
  if (!status.ok()) metrics_.disk_errors.Increment();
  const MutexLock lock(mutex_);
  if (!status.ok() && health_.ok()) {
    options_.log.Error("cannot take files, trying again until it can be done",
                       {{"queue", queue_.path()}, {"error", status}});
  } else if (status.ok() && !health_.ok()) {
    options_.log.Info("files can be taken again", {{"queue", queue_.path()}});
  }
  health_ = std::move(status);
}

Refusal Reader::MakeRefusal(std::string_view reason, std::string message) const {
  Refusal refusal;
  refusal.reason = std::string(reason);
  refusal.stage = options_.stage;
  refusal.instance = options_.instance;
  refusal.message = std::move(message);
  refusal.time = absl::ToUnixMicros(absl::Now());
  return refusal;
}

absl::Status Reader::Run(std::stop_token stop) {
  Arrivals::Options arrivals;
  arrivals.rescan = options_.rescan;
  arrivals.log = options_.log;
  ASSIGN_OR_RETURN(arrivals_, Arrivals::Open(queue_, std::move(arrivals)));
  const std::stop_callback wake(stop, [this] { arrivals_->Wake(); });
  uint64_t scans = 0;
  uint64_t overflows = 0;
  while (!stop.stop_requested() && !stopping_) {
    if (arrivals_->scans() != scans) {
      metrics_.scans.Increment(static_cast<double>(arrivals_->scans() - scans));
      scans = arrivals_->scans();
      metrics_.overflows.Increment(static_cast<double>(arrivals_->overflows() - overflows));
      overflows = arrivals_->overflows();
    }
    if (!large_.empty()) {
      OpenFile file = std::move(large_.front());
      large_.pop_front();
      if (ReadSome(file)) large_.push_back(std::move(file));
      if (large_.size() >= kMaxLargeFiles) continue;
    }
    if (finisher_.AtLimit()) {
      // What is waited for may be the outcome of this very batch, or the rest of a large file.
      Flush();
      if (!large_.empty() || !finisher_.WaitForRoom(stop)) continue;
    }
    absl::StatusOr<std::optional<Arrival>> arrival = arrivals_->Next();
    if (!arrival.ok()) {
      Report(arrival.status());
    } else if (*arrival) {
      Take(**arrival);
    } else if (large_.empty()) {
      Flush();
      if (!stopping_) arrivals_->Wait();
    }
    if (!Health().ok()) {
      Flush();
      Pause(options_.retry, stop);
    }
  }
  for (OpenFile& file : large_) finisher_.Abandon(std::move(file.taken), file.count);
  large_.clear();
  finisher_.GiveBack(std::move(refs_));
  batch_ = {};
  return absl::OkStatus();
}

void Reader::Take(const Arrival& arrival) {
  absl::StatusOr<ClaimResult> claimed =
      arrival.pending ? queue_.Adopt(arrival.name) : queue_.Claim(arrival.name);
  Report(claimed.status());
  if (!claimed.ok()) {
    arrivals_->Rescan();
    return;
  }
  switch (claimed->kind) {
    case ClaimResult::Kind::kGone:
      // Our own files are in pending too, at each look.
      if (!arrival.pending) metrics_.skipped.Increment();
      return;
    case ClaimResult::Kind::kBusy:
      return;
    case ClaimResult::Kind::kRefused:
      finisher_.Discard(arrival.name, MakeRefusal("unreadable", std::move(claimed->problem)));
      return;
    case ClaimResult::Kind::kClaimed:
      break;
  }
  (arrival.pending ? metrics_.adopted : metrics_.taken).Increment();
  OpenFile file;
  file.taken = finisher_.Take(std::move(claimed->file));
  absl::StatusOr<std::unique_ptr<Content>> content =
      Content::Open(file.taken->claimed.lock.get(), options_.content_limits);
  if (!content.ok()) {
    finisher_.Close(file.taken, 0,
                    MakeRefusal("unreadable", std::string(content.status().message())));
    return;
  }
  file.events = std::make_unique<EventReader>(std::move(*content), arrival.name,
                                              options_.event_limits.max_bytes);
  if (ReadSome(file)) large_.push_back(std::move(file));
}

bool Reader::ReadSome(OpenFile& file) {
  for (size_t i = 0; i < options_.max_batch_events && !stopping_; ++i) {
    absl::StatusOr<std::optional<EventReader::Piece>> piece = file.events->Next();
    if (!piece.ok()) {
      const std::string_view reason = absl::IsResourceExhausted(piece.status()) ? "too_large"
                                      : absl::IsDataLoss(piece.status())        ? "malformed"
                                                                                : "unreadable";
      std::string message(piece.status().message());
      if (file.count > 0)
        absl::StrAppend(&message, "; ", file.count, " events before it were read");
      finisher_.Close(std::move(file.taken), file.count, MakeRefusal(reason, std::move(message)));
      return false;
    }
    if (!*piece) {
      std::optional<Refusal> refusal;
      if (file.count == 0)
        refusal = MakeRefusal("malformed", "the file is empty, expected an event");
      finisher_.Close(std::move(file.taken), file.count, std::move(refusal));
      return false;
    }
    AddEvent(file, **piece);
    if (file.taken == nullptr) return false;  // a document, that is all of the file
  }
  return true;
}

void Reader::AddEvent(OpenFile& file, const EventReader::Piece& piece) {
  metrics_.bytes.Increment(static_cast<double>(piece.text.size()));
  // What a large one occupies is given back, what all others occupy serves the next.
  std::optional<idea::v1::Event> large;
  idea::v1::Event& event = piece.text.size() > kLargeEventBytes ? large.emplace() : event_;
  std::vector<idea::Problem> problems;
  if (!idea::ParseEvent(piece.text, options_.event_limits, &event, &problems)) {
    Refusal refusal = MakeRefusal("malformed", idea::Describe(problems));
    refusal.problems = std::move(problems);
    if (piece.line == 0) {
      metrics_.events_refused.Increment();
      finisher_.Close(std::move(file.taken), 0, std::move(refusal));
      return;
    }
    ++file.count;
    finisher_.Refuse({file.taken, piece.line, std::string(piece.text)}, std::move(refusal));
    return;
  }
  const size_t bytes = event.ByteSizeLong();
  if (batch_.size() > 0 && batch_.bytes() + bytes > options_.max_batch_bytes) Flush();
  if (stopping_) return;  // not counted, so the file is given back
  ++file.count;
  batch_.Add(event, absl::ToUnixMicros(absl::Now()));
  if (piece.line == 0) {
    // Told right here and not by Close: most files are of this kind, and it saves a message for
    // each.
    file.taken->events = 1;
    refs_->push_back({std::move(file.taken), 0, {}});
  } else {
    refs_->push_back({file.taken, piece.line, std::string(piece.text)});
  }
  if (batch_.size() >= options_.max_batch_events) Flush();
}

void Reader::Flush() {
  if (batch_.size() == 0) return;
  const EventRefs refs = std::exchange(refs_, std::make_shared<std::vector<EventRef>>());
  const size_t events = batch_.size();
  const absl::Status submitted = submit_(std::exchange(batch_, {}), finisher_.WhenSettled(refs));
  if (submitted.ok()) {
    metrics_.events.Increment(static_cast<double>(events));
    return;
  }
  options_.log.Info("the pipeline takes no more, files are given back",
                    {{"events", events}, {"reason", submitted}});
  finisher_.GiveBack(refs);
  stopping_ = true;
}

}  // namespace mentat::filer
