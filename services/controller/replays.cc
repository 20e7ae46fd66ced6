#include "services/controller/replays.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/base/steady_time.h"
#include "common/service/metrics.h"
#include "common/store/backoff.h"
#include "common/store/dead_letters.h"
#include "grpcpp/support/sync_stream.h"
#include "prometheus/counter.h"
#include "services/controller/selection.h"

namespace mentat::controller {
namespace {

using Kind = pipeline::v1::EventOutcome;

constexpr uint32_t kDefaultLimit = 10'000;
constexpr uint32_t kMostLimit = 1'000'000;
// A part.
constexpr uint32_t kPartLetters = 256;
constexpr uint64_t kPartBytes = 1 << 20;
constexpr int kMostErrors = 20;
constexpr size_t kErrorBytes = 500;
constexpr std::chrono::seconds kTellInterval{1};
// Without anything being settled.
constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr std::chrono::seconds kResolveInterval{30};

prometheus::Counter& MakeCounter(prometheus::Registry& registry, const char* result) {
  return service::AddCounter(registry, "mentat_controller_replayed_dead_letters_total",
                             "Dead letters that were sent again, by what became of them.",
                             {{"result", result}});
}

}  // namespace

Replays::Replays(store::Pool& pool, const service::Context& context, Streams& streams)
    : pool_(pool),
      context_(context),
      streams_(streams),
      log_(context.log.ForModule("dead_letters")),
      metrics_{
          MakeCounter(*context.registry, "stored"), MakeCounter(*context.registry, "duplicate"),
          MakeCounter(*context.registry, "dropped"), MakeCounter(*context.registry, "rejected"),
          MakeCounter(*context.registry, "skipped")} {}

grpc::Status Replays::Replay(const grpc::ServerContext& context,
                             const v1::ReplayDeadLettersRequest& request,
                             const store::DeadLetterFilter& filter,
                             grpc::ServerWriter<v1::ReplayDeadLettersResponse>& writer) {
  const std::optional<Streams::Place> place = streams_.Enter();
  if (!place.has_value()) return Streams::TooMany();
  const uint32_t limit = request.limit() == 0 ? kDefaultLimit : request.limit();
  if (limit > kMostLimit) {
    return {grpc::StatusCode::INVALID_ARGUMENT, absl::StrCat("limit: at the most ", kMostLimit)};
  }
  const auto tally = std::make_shared<Response>();
  if (const absl::Status status = Begin(tally); !status.ok()) return ToGrpc(status);
  const absl::Cleanup end = [this] {
    const MutexLock lock(mutex_);
    busy_ = false;
  };
  store::TakeOptions options{
      .filter = filter, .most_letters = kPartLetters, .most_bytes = kPartBytes};
  // Letters that come meanwhile are not meant; so it ends, whatever is rejected again.
  absl::Status status = pool_.Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(const store::Result newest,
                     connection.Execute("SELECT coalesce(max(id), 0) FROM dead_letters"));
    options.last = newest.Int(0, 0);
    return absl::OkStatus();
  });
  if (status.ok()) status = SendAll(context, std::move(options), limit, tally, writer);
  Response last = Now(tally);
  last.set_done(status.ok());
  log_.Info("dead letters were replayed", {{"stored", last.stored()},
                                           {"duplicates", last.duplicates()},
                                           {"dropped", last.dropped()},
                                           {"rejected", last.rejected()},
                                           {"skipped", last.skipped()},
                                           {"on_their_way", last.on_their_way()},
                                           {"error", status}});
  writer.Write(last);
  return ToGrpc(status);
}

absl::Status Replays::Begin(const Tally& tally) {
  pipeline::Stage* const stage = context_.stage;
  if (stage == nullptr) {
    return absl::FailedPreconditionError(
        "this controller cannot send events: configure pipeline.outputs.default");
  }
  if (const absl::Status ready = stage->Ready(); !ready.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the controller cannot send events now: ", ready.message()));
  }
  const MutexLock lock(mutex_);
  if (busy_) return absl::AbortedError("another replay is under way");
  if (flight_.has_value()) {
    return absl::AbortedError(absl::StrCat(flight_->letters.size(),
                                           " events of an earlier replay are still on their way"));
  }
  busy_ = true;
  *tally = Response();
  return absl::OkStatus();
}

absl::Status Replays::SendAll(const grpc::ServerContext& context, store::TakeOptions options,
                              uint32_t limit, const Tally& tally,
                              grpc::ServerWriter<Response>& writer) {
  for (uint32_t looked_at = 0; looked_at < limit;) {
    options.most_letters = std::min(kPartLetters, limit - looked_at);
    store::TakenLetters taken;
    RETURN_IF_ERROR(pool_.Use([&](store::Connection& connection) {
      ASSIGN_OR_RETURN(taken, store::TakeForReplay(connection, options));
      return absl::OkStatus();
    }));
    if (taken.last_id == 0) return absl::OkStatus();
    options.after = taken.last_id;
    looked_at += static_cast<uint32_t>(taken.letters.size() + taken.unreadable.size());
    metrics_.skipped.Increment(static_cast<double>(taken.unreadable.size()));
    {
      const MutexLock lock(mutex_);
      tally->set_skipped(tally->skipped() + taken.unreadable.size());
      for (const store::UnreadableLetter& letter : taken.unreadable) {
        if (tally->errors_size() == kMostErrors) break;
        tally->add_errors(store::Storable(
            absl::StrCat("dead letter ", letter.id, ": ", letter.error), kErrorBytes));
      }
    }
    if (taken.letters.empty()) continue;
    RETURN_IF_ERROR(Send(std::move(taken.letters), tally));
    if (!Await(context, tally, writer)) break;
  }
  if (streams_.stopping()) return absl::UnavailableError("the controller is ending");
  const MutexLock lock(mutex_);
  tally->set_more(options.after < options.last);
  return absl::OkStatus();
}

absl::Status Replays::Send(std::vector<store::ReplayLetter> letters, const Tally& tally) {
  pipeline::SourceBatch batch;
  const int64_t now = absl::ToUnixMicros(absl::Now());
  for (store::ReplayLetter& letter : letters) {
    batch.Add(letter.event, letter.received_time != 0 ? letter.received_time : now);
    letter.event.clear();
  }
  {
    const MutexLock lock(mutex_);
    tally->set_on_their_way(letters.size());
    flight_.emplace(Flight{letters, tally, std::nullopt});
  }
  const auto settled = [this](pipeline::Outcomes outcomes) {
    {
      const MutexLock lock(mutex_);
      flight_->outcomes = std::move(outcomes);
    }
    changed_.NotifyAll();
  };
  const absl::Status status = context_.stage->Submit(std::move(batch), settled);
  if (status.ok()) return absl::OkStatus();
  {
    const MutexLock lock(mutex_);
    tally->set_on_their_way(0);
    flight_.reset();
  }
  pool_
      .Use([&](store::Connection& connection) { return store::ReleaseReplay(connection, letters); })
      .IgnoreError();  // the marks are resolved later
  return absl::UnavailableError(
      absl::StrCat("the controller cannot send events now: ", status.message()));
}

bool Replays::Await(const grpc::ServerContext& context, const Tally& tally,
                    grpc::ServerWriter<Response>& writer) {
  const absl::Duration deadline = SteadyNow() + kPatience;
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (changed_.WaitFor(mutex_, kTellInterval, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
            return !flight_.has_value();
          })) {
        return !streams_.Ended(context);
      }
    }
    if (streams_.Ended(context) || SteadyNow() > deadline) return false;
    if (!writer.Write(Now(tally))) return false;
  }
}

Replays::Response Replays::Now(const Tally& tally) {
  const MutexLock lock(mutex_);
  return *tally;
}

// --- What became of them
// ------------------------------------------------------------------------

void Replays::Run(const std::stop_token& stop) {
  store::Backoff backoff(absl::Milliseconds(50), absl::Seconds(5));
  bool holding = false;
  auto resolve_at = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    std::optional<Flight> landed;
    {
      const MutexLock lock(mutex_);
      const auto pause = std::max(resolve_at - std::chrono::steady_clock::now(),
                                  std::chrono::steady_clock::duration::zero());
      changed_.WaitFor(mutex_, stop, pause, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return flight_.has_value() && flight_->outcomes.has_value();
      });
      if (flight_.has_value() && flight_->outcomes.has_value()) landed = flight_;
    }
    if (!landed.has_value()) {
      if (stop.stop_requested()) return;
      Resolve();
      resolve_at = std::chrono::steady_clock::now() + kResolveInterval;
      continue;
    }
    const absl::Status status = Settle(*landed);
    if (!status.ok()) {
      if (!holding) {
        log_.Warning("what became of replayed dead letters cannot be written yet",
                     {{"error", status}});
      }
      holding = true;
      backoff.Wait(stop);
      continue;
    }
    holding = false;
    backoff.Reset();
    Count(*landed);
    {
      const MutexLock lock(mutex_);
      flight_.reset();
    }
    changed_.NotifyAll();
  }
}

absl::Status Replays::Settle(const Flight& flight) {
  std::vector<store::ReplayOutcome> outcomes;
  std::vector<store::ReplayLetter> unsettled;
  for (size_t i = 0; i < flight.letters.size(); ++i) {
    const store::ReplayLetter& letter = flight.letters[i];
    const Kind::Kind kind = flight.outcomes->kind(i);
    if (kind == Kind::KIND_RETRY || kind == Kind::KIND_UNSPECIFIED) {
      unsettled.push_back(letter);
      continue;
    }
    store::ReplayOutcome outcome{letter.id, letter.attempts, letter.event_id, false, "", ""};
    outcome.rejected = kind == Kind::KIND_DEAD_LETTER;
    if (const auto* rejection = flight.outcomes->dead_letter(i)) {
      outcome.stage = rejection->stage();
      outcome.reason = store::ReasonName(rejection->reason());
    }
    outcomes.push_back(std::move(outcome));
  }
  return pool_.Use([&](store::Connection& connection) -> absl::Status {
    if (!unsettled.empty()) RETURN_IF_ERROR(store::ReleaseReplay(connection, unsettled));
    return store::SettleReplay(connection, outcomes);
  });
}

void Replays::Count(const Flight& flight) {
  const MutexLock lock(mutex_);
  Response& tally = *flight.tally;
  tally.set_on_their_way(0);
  for (size_t i = 0; i < flight.letters.size(); ++i) {
    switch (flight.outcomes->kind(i)) {
      case Kind::KIND_STORED:
        tally.set_stored(tally.stored() + 1);
        metrics_.stored.Increment();
        break;
      case Kind::KIND_DUPLICATE:
        tally.set_duplicates(tally.duplicates() + 1);
        metrics_.duplicates.Increment();
        break;
      case Kind::KIND_DROPPED:
        tally.set_dropped(tally.dropped() + 1);
        metrics_.dropped.Increment();
        break;
      case Kind::KIND_DEAD_LETTER:
        tally.set_rejected(tally.rejected() + 1);
        metrics_.rejected.Increment();
        break;
      default:  // given back by a stage that ended
        tally.set_skipped(tally.skipped() + 1);
        metrics_.skipped.Increment();
        break;
    }
  }
}

void Replays::Resolve() {
  std::vector<int64_t> ids;
  {
    const MutexLock lock(mutex_);
    if (flight_.has_value()) {
      for (const store::ReplayLetter& letter : flight_->letters) ids.push_back(letter.id);
    } else if (busy_) {
      return;  // a part may just have been marked
    }
  }
  uint64_t resolved = 0;
  const absl::Status status = pool_.Use([&](store::Connection& connection) {
    ASSIGN_OR_RETURN(resolved, store::ResolveReplays(connection, ids));
    return absl::OkStatus();
  });
  if (!status.ok()) {
    log_.Warning("marks of an earlier replay cannot be resolved yet", {{"error", status}});
  } else if (resolved > 0) {
    log_.Info("marks of an earlier replay were resolved", {{"letters", resolved}});
  }
}

}  // namespace mentat::controller
