#include "services/filer_gateway/arrivals.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"

namespace mentat::filer {
namespace {

constexpr absl::Duration kPollWithoutNotices = absl::Seconds(1);
constexpr size_t kNamesBetweenNotices = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<Arrivals>> Arrivals::Open(const Queue& queue, Options options) {
  // Watched before it is listed, so that nothing comes in between unseen.
  absl::StatusOr<Watch> watch =
      Watch::Open(queue.incoming(), Watch::Events::kArrivals, queue.path() + "/incoming");
  if (!watch.ok()) {
    options.log.Warning("no notices about new files, incoming is listed every second",
                        {{"error", watch.status()}});
    watch = Watch::OpenWithoutNotices();
    RETURN_IF_ERROR(watch.status());
    options.rescan = std::min(options.rescan, kPollWithoutNotices);
  }
  return std::unique_ptr<Arrivals>(new Arrivals(queue, std::move(options), *std::move(watch)));
}

Arrivals::Arrivals(const Queue& queue, Options options, Watch watch)
    : queue_(queue),
      options_(std::move(options)),
      watch_(std::move(watch)),
      incoming_(queue.incoming(), queue.path() + "/incoming", options_.chunk),
      pending_(queue.pending(), queue.path() + "/pending", options_.chunk) {}

void Arrivals::ReadNotices() {
  since_notices_ = 0;
  // What does not fit stays with the system, whose own queue overflows and says so.
  if (noticed_.size() >= options_.chunk) return;
  std::vector<std::string> names;
  if (!watch_.Read(&names)) {
    ++overflows_;
    Rescan();
  }
  for (std::string& name : names) {
    if (!name.starts_with('.')) noticed_.push_back(std::move(name));
  }
}

absl::Status Arrivals::ListMore() {
  if (!pending_.active() && !incoming_.active()) {
    const Clock::time_point now = Clock::now();
    if (now < rescan_at_) return absl::OkStatus();
    rescan_at_ = now + absl::ToChronoMicroseconds(options_.rescan);
    ++scans_;
    RETURN_IF_ERROR(pending_.Start());
    RETURN_IF_ERROR(incoming_.Start());
  }
  const bool pending = pending_.active();
  ASSIGN_OR_RETURN(std::vector<std::string> names, (pending ? pending_ : incoming_).Next());
  for (std::string& name : names) listed_.push_back({std::move(name), pending});
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Arrival>> Arrivals::Next() {
  const bool known = !noticed_.empty() || !listed_.empty();
  if (!known || ++since_notices_ > kNamesBetweenNotices) ReadNotices();
  while (listed_.empty()) {
    const bool was_active = pending_.active() || incoming_.active();
    RETURN_IF_ERROR(ListMore());
    if (!was_active && !pending_.active() && !incoming_.active()) break;
  }
  turn_ = !turn_;
  std::optional<Arrival> arrival;
  if (!listed_.empty() && (turn_ || noticed_.empty())) {
    arrival = std::move(listed_.front());
    listed_.pop_front();
  } else if (!noticed_.empty()) {
    arrival = Arrival{std::move(noticed_.front()), false};
    noticed_.pop_front();
  }
  return arrival;
}

void Arrivals::Wait() { watch_.Wait(absl::FromChrono(rescan_at_ - Clock::now())); }

}  // namespace mentat::filer
