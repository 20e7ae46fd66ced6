#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/filter/filter.h"
#include "common/idea/codec.h"
#include "common/pipeline/tap.h"
#include "common/service/event_calls.h"
#include "google/protobuf/arena.h"

namespace mentat::service {
namespace {

using pipeline::Tap;
using stage::v1::TailEventsRequest;
using stage::v1::TailEventsResponse;
using std::chrono::steady_clock;

constexpr uint32_t kDefaultPerSecond = 100;
constexpr uint32_t kMaxPerSecond = 1000;
// Well below what a gRPC message may hold.
constexpr size_t kMaxEventBytes = 1 << 20;
constexpr std::chrono::milliseconds kWait(200);
constexpr std::chrono::seconds kCountsInterval(1);

std::string OutcomeName(Tap::Fate fate) {
  switch (fate) {
    case Tap::Fate::kForwarded:
      return "forwarded";
    case Tap::Fate::kDropped:
      return "dropped";
    case Tap::Fate::kRejected:
      return "rejected";
    case Tap::Fate::kStored:
      return "stored";
    case Tap::Fate::kRetried:
      return "retried";
  }
  return "";
}

absl::Status Check(const TailEventsRequest& request) {
  if (request.max_per_second() > kMaxPerSecond) {
    return absl::InvalidArgumentError(absl::StrCat("max_per_second: expected ", kMaxPerSecond,
                                                   " at the most, got ", request.max_per_second()));
  }
  if (!(request.sample() >= 0 && request.sample() <= 1)) {
    return absl::InvalidArgumentError("sample: expected a probability from 0 to 1");
  }
  return absl::OkStatus();
}

// One call: what it wants to see, and what it has seen. One thread.
class Tail {
 public:
  Tail(const TailEventsRequest& request, std::optional<filter::Filter> filter,
       const Tap::Listener& listener)
      : limit_(request.limit()),
        max_per_second_(request.max_per_second() == 0 ? kDefaultPerSecond
                                                      : request.max_per_second()),
        sample_(request.sample() == 0 ? 1 : request.sample()),
        filter_(std::move(filter)),
        listener_(listener) {}

  // The message for an event; none if it is not to be shown.
  std::optional<TailEventsResponse> Look(const Tap::Event& event) {
    ++looked_;
    google::protobuf::Arena arena;
    auto* parsed = google::protobuf::Arena::CreateMessage<idea::v1::Event>(&arena);
    if (event.wire.size() > kMaxEventBytes || !parsed->ParseFromString(event.wire)) {
      return std::nullopt;
    }
    // An error of evaluation is no match, as it is in a rule.
    if (filter_.has_value() && !filter_->Matches(*parsed).value_or(false)) return std::nullopt;
    ++matched_;
    if (sample_ < 1 && std::uniform_real_distribution<>(0, 1)(random_) >= sample_) {
      return std::nullopt;
    }
    if (!HasTurn()) return std::nullopt;
    ++shown_;
    TailEventsResponse response = Counts();
    response.set_event(idea::PrintEvent(*parsed));
    response.set_outcome(OutcomeName(event.fate));
    response.mutable_received_time()->set_seconds(event.received_at / 1'000'000);
    response.mutable_received_time()->set_nanos(
        static_cast<int32_t>(event.received_at % 1'000'000) * 1000);
    return response;
  }

  TailEventsResponse Counts() const {
    TailEventsResponse response;
    // A batch that was under way when the listener came may be looked at without being counted.
    const uint64_t passed = std::max(listener_.passed(), looked_);
    response.set_passed(passed);
    response.set_skipped(passed - looked_);
    response.set_matched(matched_);
    return response;
  }

  bool done() const { return limit_ != 0 && shown_ >= limit_; }

 private:
  bool HasTurn() {
    const steady_clock::time_point now = steady_clock::now();
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      shown_in_second_ = 0;
    }
    return shown_in_second_ < max_per_second_ && ++shown_in_second_ > 0;
  }

  const uint64_t limit_;
  const uint32_t max_per_second_;
  const double sample_;
  const std::optional<filter::Filter> filter_;
  const Tap::Listener& listener_;
  std::mt19937 random_{std::random_device()()};
  uint64_t looked_ = 0;
  uint64_t matched_ = 0;
  uint64_t shown_ = 0;
  steady_clock::time_point second_;
  uint32_t shown_in_second_ = 0;
};

}  // namespace

absl::Status TailEvents(pipeline::Stage* stage, const TailEventsRequest& request,
                        const std::function<bool(const TailEventsResponse&)>& write,
                        const std::function<bool()>& gone) {
  if (stage == nullptr) return NoPipeline();
  RETURN_IF_ERROR(Check(request));
  std::optional<filter::Filter> filter;
  if (!request.filter().empty()) {
    absl::StatusOr<filter::Filter> compiled = filter::Filter::Compile(request.filter());
    if (!compiled.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("filter: ", compiled.status().message()));
    }
    filter = *std::move(compiled);
  }
  const std::unique_ptr<Tap::Listener> listener = stage->tap().Listen();
  if (listener == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no more than ", Tap::kMaxListeners, " may look at events at a time"));
  }
  Tail tail(request, std::move(filter), *listener);
  // At once, so that the caller knows from when on events are looked at.
  steady_clock::time_point counts_due;
  while (!gone()) {
    if (const steady_clock::time_point now = steady_clock::now(); now >= counts_due) {
      counts_due = now + kCountsInterval;
      if (!write(tail.Counts())) break;
    }
    for (const std::shared_ptr<const Tap::Event>& event : listener->Take(kWait)) {
      const std::optional<TailEventsResponse> response = tail.Look(*event);
      if (response.has_value() && !write(*response)) return absl::OkStatus();
      if (tail.done() || gone()) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

}  // namespace mentat::service
