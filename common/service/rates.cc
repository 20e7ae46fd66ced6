#include "common/service/rates.h"

namespace mentat::service {

void Rates::Add(absl::Time now, const pipeline::StageStatus& status) {
  if (!samples_.empty() && now - samples_.back().time < kInterval) return;
  Sample& sample = samples_.emplace_back();
  sample.time = now;
  sample.received = status.ledger.received;
  sample.settled = status.ledger.received - status.ledger.in_flight;
  for (const pipeline::PeerStatus& peer : status.peers) {
    sample.peers[{peer.output, peer.endpoint}] = peer.settled_events;
  }
  while (now - samples_.front().time > kWindow) samples_.pop_front();
}

double Rates::PerSecond(uint64_t from, uint64_t to) const {
  const double seconds = absl::ToDoubleSeconds(samples_.back().time - samples_.front().time);
  // A peer that went and came again counts from 0.
  return seconds > 0 && to >= from ? static_cast<double>(to - from) / seconds : 0;
}

double Rates::received() const {
  if (samples_.size() < 2) return 0;
  return PerSecond(samples_.front().received, samples_.back().received);
}

double Rates::settled() const {
  if (samples_.size() < 2) return 0;
  return PerSecond(samples_.front().settled, samples_.back().settled);
}

double Rates::peer(const std::string& output, const std::string& endpoint) const {
  if (samples_.size() < 2) return 0;
  const auto first = samples_.front().peers.find({output, endpoint});
  const auto last = samples_.back().peers.find({output, endpoint});
  if (last == samples_.back().peers.end()) return 0;
  return PerSecond(first == samples_.front().peers.end() ? 0 : first->second, last->second);
}

bool Rates::idle() const {
  if (samples_.size() < 2) return false;
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  return last.received == first.received && last.time - first.time >= kWindow - kInterval;
}

}  // namespace mentat::service
