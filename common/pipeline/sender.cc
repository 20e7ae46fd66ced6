#include "common/pipeline/sender.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mentat::pipeline {
namespace {

constexpr PeerId kNoPeer = std::numeric_limits<PeerId>::max();
// What may be sent again at once after a quiet time.
constexpr double kMaxBudget = 16;

// The tickets of single events.
std::vector<Tickets> Singles(const std::vector<Tickets>& ranges) {
  std::vector<Tickets> singles;
  for (const Tickets& range : ranges) {
    for (uint32_t i = 0; i < range.count; ++i) {
      singles.push_back({range.group, range.first + i, 1});
    }
  }
  return singles;
}

void Add(const ItemView& item, const Tickets& ticket, Parcel* parcel) {
  parcel->body.Append(item.event, item.received_at, item.dead_letter, item.heartbeat);
  parcel->AddTicket(ticket.group, ticket.first);
}

}  // namespace

Sender::Sender(Options options, Effects* effects)
    : options_(std::move(options)),
      effects_(effects),
      random_(options_.seed),
      budget_(kMaxBudget) {}

// --- Peers ---------------------------------------------------------------------------------------

void Sender::AddPeer(PeerId id, std::string address) {
  Peer& peer = peers_[id];
  peer.address = std::move(address);
  peer.removed = false;
}

void Sender::RemovePeer(PeerId id, Instant now) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  it->second.removed = true;
  if (!it->second.connected) Died(it->second, /*proven=*/false);
  if (it->second.held.empty()) peers_.erase(it);
  Dispatch(now);
}

bool Sender::IsIdle(PeerId id) const {
  const auto it = peers_.find(id);
  return it == peers_.end() || it->second.held.empty();
}

void Sender::Connected(PeerId id, Instant now) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  if (peer.connected) Disconnected(id, now);
  peer.connected = true;
  peer.congested = false;
  peer.state = PeerState::kGreeting;
  peer.nonce = 0;
  Greet(id, peer, now);
}

void Sender::Disconnected(PeerId id, Instant now) {
  const auto it = peers_.find(id);
  if (it == peers_.end() || !it->second.connected) return;
  Peer& peer = it->second;
  peer.connected = false;
  peer.state = PeerState::kLost;
  peer.lost_at = now;
  ++counters_.lost_peers;
  if (usable_peers() > 0) {
    // What it had not begun need not wait for news of it.
    const std::vector<uint64_t> held(peer.held.begin(), peer.held.end());
    for (const uint64_t batch_id : held) {
      Entry& entry = entries_.at(batch_id);
      if (entry.begun || entry.isolated) continue;
      ++entry.lost;
      Requeue(batch_id, /*front=*/true);
    }
  }
  Dispatch(now);
}

void Sender::Greet(PeerId id, Peer& peer, Instant now) {
  if (peer.nonce == 0 || peer.state == PeerState::kUp) peer.nonce = random_() | 1;
  peer.greeted = now;
  v1::Control control;
  control.set_epoch(options_.epoch);
  v1::Hello& hello = *control.mutable_hello();
  hello.set_nonce(peer.nonce);
  hello.set_ack_endpoint(options_.ack_endpoint);
  hello.set_stage(options_.stage);
  hello.set_instance(options_.instance);
  hello.set_ack_timeout_ms(
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.ack_timeout).count());
  effects_->Send(id, control);
}

void Sender::OnGreetingAnswered(Peer& peer, const v1::Ack& ack, Instant now) {
  if (peer.epoch != 0 && peer.epoch != ack.receiver_epoch()) {
    peer.charged.clear();
    Died(peer, /*proven=*/true);
  } else {
    // It was only out of reach: nothing that it worked on has killed it.
    for (const uint64_t batch_id : std::exchange(peer.charged, {})) {
      const auto it = entries_.find(batch_id);
      if (it != entries_.end() && it->second.deaths > 0) --it->second.deaths;
    }
  }
  if (peer.epoch == ack.receiver_epoch() && peer.state != PeerState::kUp) {
    // No batch was sent since the connection stands, so what the peer does not name never arrived.
    std::set<uint64_t> named;
    for (const v1::BatchRef& ref : ack.held()) named.insert(ref.id());
    const std::vector<uint64_t> held(peer.held.begin(), peer.held.end());
    for (const uint64_t batch_id : held) {
      if (named.contains(batch_id)) {
        entries_.at(batch_id).last_sign = now;
      } else if (entries_.at(batch_id).isolated) {
        Suspect(batch_id, /*singly=*/false);
      } else {
        Requeue(batch_id, /*front=*/true);
      }
    }
  }
  peer.epoch = ack.receiver_epoch();
  peer.state = PeerState::kUp;
}

// The process behind a peer is gone, or as good as gone: what it was working on may have killed it.
// `proven` if another process has answered in its place.
void Sender::Died(Peer& peer, bool proven) {
  uint64_t begun_events = 0;
  for (const uint64_t batch_id : peer.held) {
    const Entry& entry = entries_.at(batch_id);
    if (entry.begun && !entry.isolated) begun_events += entry.events();
  }
  // Trying singly finds poison soonest, but is slow: not for a peer that may only be out of reach.
  const bool singly = proven && begun_events <= options_.try_singly_limit;
  const std::vector<uint64_t> held(peer.held.begin(), peer.held.end());
  for (const uint64_t batch_id : held) {
    Entry& entry = entries_.at(batch_id);
    if (entry.isolated) {
      if (!entry.gone) {
        Suspect(batch_id, /*singly=*/false);
      } else if (entry.events() > 1) {
        Suspect(batch_id, /*singly=*/true);
      } else if (++entry.deaths >= options_.deaths_limit) {
        Condemn(batch_id);
      } else {
        if (!proven) peer.charged.push_back(batch_id);
        Suspect(batch_id, /*singly=*/false);
      }
    } else if (entry.begun) {
      Suspect(batch_id, singly);
    } else if (++entry.lost >= options_.lost_limit) {
      Suspect(batch_id, entry.events() <= options_.try_singly_limit);
    } else {
      Requeue(batch_id, /*front=*/true);
    }
  }
}

int Sender::usable_peers() const {
  return std::count_if(peers_.begin(), peers_.end(), [](const auto& item) {
    const Peer& peer = item.second;
    return peer.state == PeerState::kUp && !peer.closed && !peer.removed;
  });
}

bool Sender::any_up() const {
  return std::any_of(peers_.begin(), peers_.end(), [](const auto& item) {
    return item.second.state == PeerState::kUp && !item.second.removed;
  });
}

std::map<PeerId, Sender::PeerView> Sender::peers() const {
  std::map<PeerId, PeerView> views;
  for (const auto& [id, peer] : peers_) {
    PeerView& view = views[id];
    view.address = peer.address;
    view.up = peer.state == PeerState::kUp;
    view.closed = peer.closed;
    view.batches = peer.held.size();
    view.events = peer.events;
    view.settled_events = peer.settled_events;
    for (const uint64_t batch_id : peer.held) {
      const Instant created = entries_.at(batch_id).created;
      if (!view.oldest || created < *view.oldest) view.oldest = created;
    }
  }
  return views;
}

std::vector<Sender::UnsettledView> Sender::Oldest(size_t limit) const {
  std::vector<std::pair<Instant, uint64_t>> ages;
  for (const auto& [batch_id, entry] : entries_) ages.emplace_back(entry.created, batch_id);
  const auto end = ages.begin() + static_cast<ptrdiff_t>(std::min(limit, ages.size()));
  std::partial_sort(ages.begin(), end, ages.end());
  std::vector<UnsettledView> views;
  for (auto it = ages.begin(); it != end; ++it) {
    const Entry& entry = entries_.at(it->second);
    views.push_back({.id = it->second,
                     .attempt = entry.attempt,
                     .events = entry.events(),
                     .bytes = entry.bytes(),
                     .created = entry.created,
                     .peer = entry.at ? peers_.at(*entry.at).address : "",
                     .begun = entry.begun,
                     .isolated = entry.isolated});
  }
  return views;
}

// --- Batches on their way
// -------------------------------------------------------------------------

void Sender::Submit(Parcel parcel, Instant now) {
  Entry entry(std::move(parcel));
  entry.created = now;
  ++counters_.batches;
  counters_.events += entry.events();
  unsettled_events_ += entry.events();
  unsettled_bytes_ += entry.bytes();
  queue_.push_back(Enqueue(std::move(entry)));
  Dispatch(now);
}

// Makes the entry known under a new id, which the caller puts where it is to wait.
uint64_t Sender::Enqueue(Entry entry) {
  const uint64_t batch_id = next_id_++;
  queued_events_ += entry.events();
  entries_.emplace(batch_id, std::move(entry));
  return batch_id;
}

// Takes the batch from the peer that had it.
void Sender::Detach(uint64_t batch_id, Entry& entry) {
  if (!entry.at) return;
  Peer& peer = peers_.at(*entry.at);
  peer.held.erase(batch_id);
  peer.events -= entry.events();
  peer.bytes -= entry.bytes();
  if (peer.isolated == batch_id) peer.isolated.reset();
  entry.at.reset();
  entry.begun = false;
  entry.gone = false;
  queued_events_ += entry.events();
}

void Sender::Requeue(uint64_t batch_id, bool front) {
  Entry& entry = entries_.at(batch_id);
  Detach(batch_id, entry);
  if (front) {
    queue_.push_front(batch_id);
  } else {
    queue_.push_back(batch_id);
  }
}

void Sender::Suspect(uint64_t batch_id, bool singly) {
  Entry& entry = entries_.at(batch_id);
  Detach(batch_id, entry);
  if (!singly || entry.events() == 1) {
    entry.isolated = true;
    suspects_.push_back(batch_id);
    return;
  }
  queued_events_ -= entry.events();
  unsettled_bytes_ -= entry.bytes();
  const Entry whole = std::move(entry);
  entries_.erase(batch_id);
  const BatchView batch = ViewOf(whole.parcel.body);
  const std::vector<Tickets> tickets = Singles(whole.parcel.tickets);
  for (size_t i = 0; i < tickets.size(); ++i) {
    Parcel parcel;
    Add(batch.items[i], tickets[i], &parcel);
    parcel.deadline = whole.parcel.deadline;
    Entry single(std::move(parcel));
    single.isolated = true;
    single.created = whole.created;
    single.returns = whole.returns;
    unsettled_bytes_ += single.bytes();
    suspects_.push_back(Enqueue(std::move(single)));
  }
}

void Sender::Condemn(uint64_t batch_id) {
  Entry& entry = entries_.at(batch_id);
  Detach(batch_id, entry);
  ++counters_.condemned_events;
  const Tickets ticket = entry.parcel.tickets[0];
  v1::DeadLetter dead_letter;
  dead_letter.set_reason(v1::REASON_POISON);
  dead_letter.set_stage(options_.stage);
  dead_letter.set_instance(options_.instance);
  dead_letter.set_message("alone with it, " + std::to_string(entry.deaths) + " workers died");
  const BatchView batch = ViewOf(entry.parcel.body);
  ItemView item = batch.items[0];
  effects_->Condemned(ticket, batch_id, item.event, &dead_letter);
  if (item.dead_letter != nullptr || item.IsHeartbeat()) {
    // Not even as raw bytes: nobody behind this output can keep it, so the source has to. Of a
    // heartbeat there is nothing to keep.
    Forget(batch_id);
    Settle(ticket, v1::EventOutcome::KIND_DEAD_LETTER, &dead_letter);
    return;
  }
  unsettled_bytes_ -= entry.bytes();
  item.dead_letter = &dead_letter;
  Parcel parcel;
  Add(item, ticket, &parcel);
  parcel.deadline = entry.parcel.deadline;
  entry.parcel = std::move(parcel);
  unsettled_bytes_ += entry.bytes();
  entry.isolated = false;
  entry.deaths = 0;
  entry.lost = 0;
  queue_.push_back(batch_id);
}

// Ends an entry that no peer holds.
void Sender::Forget(uint64_t batch_id) {
  const auto it = entries_.find(batch_id);
  queued_events_ -= it->second.events();
  unsettled_bytes_ -= it->second.bytes();
  entries_.erase(it);
}

bool Sender::HasRoom(const Peer& peer, const Entry& entry) const {
  if (peer.held.empty()) return true;
  return peer.held.size() < options_.window_batches &&
         peer.events + entry.events() <= options_.window_events &&
         peer.bytes + entry.bytes() <= options_.window_bytes;
}

// The usable peer with the fewest events outstanding that has room; one that was silent about this
// batch only if there is no other.
PeerId Sender::PickPeer(const Entry& entry, bool isolated) const {
  const PeerId best = PickPeerBut(entry.avoid, entry, isolated);
  return best == kNoPeer && entry.avoid ? PickPeerBut(std::nullopt, entry, isolated) : best;
}

PeerId Sender::PickPeerBut(std::optional<PeerId> avoid, const Entry& entry, bool isolated) const {
  PeerId best = kNoPeer;
  // Of several that have equally little, the one whose turn is longest ago: also when there is not
  // much to do, each has its share.
  std::pair<uint64_t, uint64_t> least;
  for (const auto& [id, peer] : peers_) {
    if (peer.state != PeerState::kUp || peer.closed || peer.removed || peer.congested) continue;
    if (isolated && peer.isolated) continue;
    if (avoid == id) continue;
    if (!HasRoom(peer, entry)) continue;
    const std::pair<uint64_t, uint64_t> load(peer.events, peer.turn);
    if (best == kNoPeer || load < least) {
      best = id;
      least = load;
    }
  }
  return best;
}

bool Sender::SendTo(PeerId id, Peer& peer, uint64_t batch_id, Entry& entry, Instant now) {
  BatchHeader header{.epoch = options_.epoch,
                     .id = batch_id,
                     .attempt = entry.attempt + 1,
                     .ack_endpoint = options_.ack_endpoint,
                     .isolated = entry.isolated};
  if (entry.parcel.deadline) {
    const Span left = *entry.parcel.deadline - now;
    header.deadline_ms = static_cast<uint32_t>(std::clamp<int64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(left).count(), 1, UINT32_MAX));
  }
  if (!effects_->Send(id, header, entry.parcel.body)) {
    peer.congested = true;
    return false;
  }
  entry.attempt = header.attempt;
  peer.turn = ++counters_.sent_batches;
  if (entry.attempt > 1) {
    ++counters_.resent_batches;
  } else {
    budget_ = std::min(budget_ + options_.resend_budget, kMaxBudget);
  }
  if (entry.isolated) {
    ++counters_.isolated_batches;
    peer.isolated = batch_id;
  }
  entry.at = id;
  entry.last_sign = now;
  peer.held.insert(batch_id);
  peer.events += entry.events();
  peer.bytes += entry.bytes();
  queued_events_ -= entry.events();
  return true;
}

void Sender::DispatchSuspects(Instant now) {
  while (!suspects_.empty()) {
    const uint64_t batch_id = suspects_.front();
    const auto it = entries_.find(batch_id);
    if (it == entries_.end()) {  // settled late, by the worker that had it first
      suspects_.pop_front();
      continue;
    }
    const PeerId id = PickPeer(it->second, /*isolated=*/true);
    if (id == kNoPeer || !SendTo(id, peers_.at(id), batch_id, it->second, now)) return;
    suspects_.pop_front();
  }
}

void Sender::Dispatch(Instant now) {
  DispatchSuspects(now);
  while (!queue_.empty()) {
    const uint64_t batch_id = queue_.front();
    const auto it = entries_.find(batch_id);
    if (it == entries_.end()) {
      queue_.pop_front();
      continue;
    }
    const PeerId id = PickPeer(it->second, /*isolated=*/false);
    if (id == kNoPeer) return;
    if (SendTo(id, peers_.at(id), batch_id, it->second, now)) queue_.pop_front();
  }
}

// --- What comes back
// ------------------------------------------------------------------------------

void Sender::OnAck(const v1::Ack& ack, Instant now) {
  if (ack.epoch() != options_.epoch) return;
  const uint64_t settled_before = counters_.settled_events;
  for (const v1::BatchOutcome& outcome : ack.settled()) OnSettled(outcome, now);
  const auto settler = std::find_if(peers_.begin(), peers_.end(), [&](const auto& item) {
    return item.second.epoch == ack.receiver_epoch();
  });
  if (settler != peers_.end()) {
    settler->second.settled_events += counters_.settled_events - settled_before;
  }

  const auto from_holder = [&](const v1::BatchRef& ref) -> Entry* {
    const auto it = entries_.find(ref.id());
    if (it == entries_.end() || !it->second.at) return nullptr;
    return peers_.at(*it->second.at).epoch == ack.receiver_epoch() ? &it->second : nullptr;
  };
  for (const v1::BatchRef& ref : ack.held()) {
    if (Entry* entry = from_holder(ref)) entry->last_sign = now;
  }
  v1::Control control;
  for (const v1::BatchRef& ref : ack.begun()) {
    Entry* entry = from_holder(ref);
    if (entry == nullptr) continue;
    entry->begun = true;
    entry->last_sign = now;
    if (!entry->isolated) continue;
    control.set_epoch(options_.epoch);
    control.clear_go();
    *control.add_go() = ref;
    // From here on a death counts against the batch, whether or not the message arrives.
    if (effects_->Send(*entry->at, control)) entry->gone = true;
  }
  for (const v1::BatchRef& ref : ack.finished()) {
    if (Entry* entry = from_holder(ref)) {
      entry->begun = false;
      entry->gone = false;
      entry->last_sign = now;
      Peer& holder = peers_.at(*entry->at);
      if (holder.isolated == ref.id()) holder.isolated.reset();  // the next may have its turn
    }
  }
  if (ack.has_released()) {
    for (const auto& [id, peer] : peers_) {
      if (peer.epoch != ack.receiver_epoch()) continue;
      v1::Control release;
      release.set_epoch(options_.epoch);
      *release.mutable_release() = ack.released();
      effects_->Send(id, release);
    }
  }
  for (auto& [id, peer] : peers_) {
    if (ack.nonce() != 0 && ack.nonce() == peer.nonce && peer.connected) {
      OnGreetingAnswered(peer, ack, now);
    }
    if (peer.epoch == ack.receiver_epoch()) peer.closed = ack.closed();
  }
  Dispatch(now);
}

void Sender::OnSettled(const v1::BatchOutcome& outcome, Instant now) {
  const auto it = entries_.find(outcome.id());
  if (it == entries_.end()) {
    ++counters_.late_acks;
    return;
  }
  Entry& entry = it->second;
  if (outcome.attempt() > entry.attempt || outcome.attempt() == 0) return;
  if (Severity(outcome.kind()) == 0) return;
  for (const v1::EventOutcome& exception : outcome.exceptions()) {
    if (exception.index() >= entry.events() || Severity(exception.kind()) == 0) return;
  }
  if (outcome.attempt() < entry.attempt) ++counters_.late_acks;

  Detach(outcome.id(), entry);
  Entry whole = std::move(entry);
  queued_events_ -= whole.events();
  unsettled_bytes_ -= whole.bytes();
  entries_.erase(it);
  if (!outcome.exceptions().empty()) {
    SettleEach(std::move(whole), outcome, now);
  } else if (outcome.kind() == v1::EventOutcome::KIND_RETRY) {
    GiveBack(std::move(whole), now);
  } else {
    SettleAll(whole.parcel.tickets, outcome.kind());
  }
}

// The outcome of a batch whose events did not all fare alike: whatever the peer sends, each is
// settled once, so begin with the common outcome, then overwrite.
void Sender::SettleEach(Entry entry, const v1::BatchOutcome& outcome, Instant now) {
  std::vector<v1::EventOutcome::Kind> kinds(entry.events(), outcome.kind());
  std::vector<const v1::DeadLetter*> dead_letters(entry.events(), nullptr);
  for (const v1::EventOutcome& exception : outcome.exceptions()) {
    kinds[exception.index()] = exception.kind();
    if (exception.has_dead_letter()) {
      dead_letters[exception.index()] = &exception.dead_letter();
    }
  }
  const std::vector<Tickets> tickets = Singles(entry.parcel.tickets);
  const BatchView batch = ViewOf(entry.parcel.body);
  Parcel returned;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == v1::EventOutcome::KIND_RETRY) {
      Add(batch.items[i], tickets[i], &returned);
    } else {
      Settle(tickets[i], kinds[i], dead_letters[i]);
    }
  }
  if (returned.body.empty()) return;
  returned.deadline = entry.parcel.deadline;
  entry.parcel = std::move(returned);
  GiveBack(std::move(entry), now);
}

// Sends a batch that came back with RETRY again, under another id, after a while.
void Sender::GiveBack(Entry entry, Instant now) {
  counters_.returned_events += entry.events();
  if (entry.parcel.deadline && *entry.parcel.deadline <= now) {
    SettleAll(entry.parcel.tickets, v1::EventOutcome::KIND_RETRY);
    return;
  }
  Span delay = options_.retry_delay_min * (1 << std::min<uint32_t>(entry.returns, 10));
  delay = Jitter(std::min(delay, options_.retry_delay_max));
  Entry again(std::move(entry.parcel));
  again.isolated = entry.isolated;
  again.created = entry.created;
  again.returns = entry.returns + 1;
  again.deaths = entry.deaths;
  unsettled_bytes_ += again.bytes();
  delayed_.emplace(now + delay, Enqueue(std::move(again)));
}

void Sender::SettleAll(const std::vector<Tickets>& ranges, v1::EventOutcome::Kind kind) {
  for (const Tickets& tickets : ranges) Settle(tickets, kind, nullptr);
}

void Sender::Settle(const Tickets& tickets, v1::EventOutcome::Kind kind,
                    const v1::DeadLetter* dead_letter) {
  unsettled_events_ -= tickets.count;
  if (kind != v1::EventOutcome::KIND_RETRY) counters_.settled_events += tickets.count;
  effects_->Settled(tickets, kind, dead_letter);
}

Span Sender::Jitter(Span span) {
  const double factor = 0.75 + 0.5 * std::uniform_real_distribution<double>(0, 1)(random_);
  return std::chrono::duration_cast<Span>(span * factor);
}

// --- Time
// -----------------------------------------------------------------------------------------

void Sender::Tick(Instant now) {
  if (last_tick_ != Instant()) {
    const double seconds = std::chrono::duration<double>(now - last_tick_).count();
    budget_ = std::min(budget_ + seconds, kMaxBudget);
  }
  last_tick_ = now;

  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const uint64_t batch_id = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    const auto it = entries_.find(batch_id);
    if (it == entries_.end()) continue;
    (it->second.isolated ? suspects_ : queue_).push_back(batch_id);
  }

  std::vector<PeerId> gone;
  for (auto& [id, peer] : peers_) {
    peer.congested = false;
    if (peer.connected) {
      const Span wait =
          peer.state == PeerState::kUp ? options_.hello_interval : options_.hello_retry;
      if (now - peer.greeted >= wait) Greet(id, peer, now);
    }
    const bool verdict_due = !peer.held.empty() &&
                             (peer.state == PeerState::kLost || peer.state == PeerState::kGreeting);
    if (verdict_due && now - peer.lost_at >= options_.verdict_wait) {
      Died(peer, /*proven=*/false);
    }
    if (peer.removed && peer.held.empty()) gone.push_back(id);
  }
  for (const PeerId id : gone) peers_.erase(id);

  std::vector<uint64_t> silent;
  std::vector<uint64_t> expired;
  for (auto& [batch_id, entry] : entries_) {
    if (!entry.at) {
      if (entry.parcel.deadline && *entry.parcel.deadline <= now) expired.push_back(batch_id);
      continue;
    }
    if (peers_.at(*entry.at).state != PeerState::kUp) continue;
    const Span limit = options_.ack_timeout * (1 << std::min<uint32_t>(entry.silences, 3));
    if (now - entry.last_sign > limit) silent.push_back(batch_id);
  }
  std::sort(silent.begin(), silent.end());
  for (const uint64_t batch_id : silent) {
    if (budget_ < 1) break;
    Entry& entry = entries_.at(batch_id);
    budget_ -= 1;
    ++counters_.silent_batches;
    ++entry.silences;
    entry.avoid = *entry.at;
    Peer& peer = peers_.at(*entry.at);
    if (entry.isolated) {
      Suspect(batch_id, /*singly=*/false);
    } else {
      Requeue(batch_id, /*front=*/true);
    }
    if (peer.state == PeerState::kUp && peer.connected) {
      // It has to show that it hears us before it is given more.
      peer.state = PeerState::kGreeting;
      peer.lost_at = now;
      peer.nonce = 0;
      Greet(*entries_.at(batch_id).avoid, peer, now);
    }
  }
  std::sort(expired.begin(), expired.end());
  for (const uint64_t batch_id : expired) {
    const std::vector<Tickets> tickets = std::move(entries_.at(batch_id).parcel.tickets);
    Forget(batch_id);
    SettleAll(tickets, v1::EventOutcome::KIND_RETRY);
  }
  Dispatch(now);
}

}  // namespace mentat::pipeline
