// The sending half of an output: which batch is where, and what to do when a peer falls silent.
//
// A state machine without sockets, threads or clock: it is told what happened and what time it is,
// and acts through `Effects`. docs/protocol.md has the rules. Not thread-safe; one thread drives
// it.
#ifndef COMMON_PIPELINE_SENDER_H_
#define COMMON_PIPELINE_SENDER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/pipeline/batch.h"
#include "common/pipeline/outcome.h"
#include "common/pipeline/parcel.h"
#include "mentat/pipeline/v1/batch.pb.h"

namespace mentat::pipeline {

using PeerId = uint32_t;

class Sender {
 public:
  struct Options {
    std::string stage;
    std::string instance;
    uint64_t epoch = 0;
    std::string ack_endpoint;
    uint32_t window_batches = 32;
    uint32_t window_events = 4096;
    uint32_t window_bytes = 8 << 20;
    Span ack_timeout = std::chrono::seconds(5);
    Span hello_interval = std::chrono::seconds(5);  // on a connection that stands
    Span hello_retry = std::chrono::seconds(1);     // until the first answer
    Span verdict_wait = std::chrono::seconds(3);    // for news of a lost peer
    Span retry_delay_min = std::chrono::milliseconds(100);
    Span retry_delay_max = std::chrono::seconds(5);
    double resend_budget = 0.1;       // resends per batch sent first
    uint32_t lost_limit = 3;          // peers lost before an unseen batch is suspect
    uint32_t try_singly_limit = 128;  // begun events of a dead peer that are tried one by one
    uint32_t deaths_limit = 2;        // of a worker alone with an event
    uint64_t seed = 1;
  };

  // What the sender does to the world. Calls come from within its own functions.
  class Effects {
   public:
    virtual ~Effects() = default;
    // Whether the peer's socket took the message; it never blocks. The body is for EncodeBatch.
    virtual bool Send(PeerId peer, const BatchHeader& header, Body& body) = 0;
    virtual bool Send(PeerId peer, const v1::Control& control) = 0;
    // The outcome of some events; exactly once for each that was submitted. A dead letter comes
    // with the event alone.
    virtual void Settled(const Tickets& tickets, v1::EventOutcome::Kind kind,
                         const v1::DeadLetter* dead_letter) = 0;
    // An event that was alone with workers that died; `dead_letter` may be completed.
    virtual void Condemned(const Tickets& ticket, uint64_t batch_id, std::string_view event,
                           v1::DeadLetter* dead_letter) = 0;
  };

  struct Counters {
    uint64_t sent_batches = 0;
    uint64_t resent_batches = 0;
    uint64_t silent_batches = 0;  // taken from a living peer, on the resend budget
    uint64_t late_acks = 0;
    uint64_t lost_peers = 0;
    uint64_t isolated_batches = 0;
    uint64_t condemned_events = 0;
    uint64_t returned_events = 0;  // RETRY outcomes received
    uint64_t settled_events = 0;   // but for those given back
    uint64_t batches = 0;          // handed over
    uint64_t events = 0;           // likewise
  };

  struct PeerView {
    std::string address;
    bool up = false;
    bool closed = false;
    uint64_t batches = 0;
    uint64_t events = 0;
    std::optional<Instant> oldest;
    uint64_t settled_events = 0;
  };

  struct UnsettledView {
    uint64_t id = 0;
    uint32_t attempt = 0;
    uint64_t events = 0;
    uint64_t bytes = 0;
    Instant created;
    std::string peer;  // address of the one that holds it; empty while it waits here
    bool begun = false;
    bool isolated = false;
  };

  Sender(Options options, Effects* effects);

  // Peers come and go with the configuration and the names' addresses. A removed peer keeps what it
  // holds until that is settled or the connection breaks.
  void AddPeer(PeerId peer, std::string address);
  void RemovePeer(PeerId peer, Instant now);
  // Whether nothing is outstanding with a peer, so that its socket can go.
  bool IsIdle(PeerId peer) const;

  void Connected(PeerId peer, Instant now);
  void Disconnected(PeerId peer, Instant now);

  // Sends the parcel as one batch.
  void Submit(Parcel parcel, Instant now);
  void OnAck(const v1::Ack& ack, Instant now);
  // Time-outs, delayed resends, greetings. Call at least every 100 ms or as the time-outs need.
  void Tick(Instant now);

  uint64_t queued_events() const { return queued_events_; }
  uint64_t unsettled_events() const { return unsettled_events_; }
  uint64_t unsettled_bytes() const { return unsettled_bytes_; }
  int usable_peers() const;
  bool any_up() const;
  const Counters& counters() const { return counters_; }
  std::map<PeerId, PeerView> peers() const;
  uint64_t epoch() const { return options_.epoch; }
  uint64_t unsettled_batches() const { return entries_.size(); }
  // The batches that are not settled, the oldest first, `limit` at the most.
  std::vector<UnsettledView> Oldest(size_t limit) const;

 private:
  struct Entry {
    explicit Entry(Parcel parcel) : parcel(std::move(parcel)) {}
    uint32_t events() const { return parcel.body.events(); }
    uint64_t bytes() const { return parcel.body.bytes().size(); }

    Parcel parcel;
    uint32_t attempt = 0;
    bool isolated = false;
    std::optional<PeerId> at;     // the peer that holds it; none while it waits here
    std::optional<PeerId> avoid;  // the peer that was silent about it
    Instant last_sign;
    Instant created;
    bool begun = false;
    bool gone = false;    // `go` was sent for this isolated batch
    uint32_t lost = 0;    // peers lost while they held it
    uint32_t deaths = 0;  // workers that died alone with it
    uint32_t silences = 0;
    uint32_t returns = 0;  // consecutive RETRY outcomes
  };

  enum class PeerState { kConnecting, kGreeting, kUp, kLost };

  struct Peer {
    std::string address;
    PeerState state = PeerState::kConnecting;
    bool connected = false;
    bool closed = false;
    bool removed = false;
    uint64_t epoch = 0;  // of the receiver, 0 until known
    uint64_t nonce = 0;
    Instant greeted;
    Instant lost_at;
    bool congested = false;  // the socket refused the last message
    uint64_t events = 0;
    uint64_t bytes = 0;
    uint64_t turn = 0;  // number of the message that it was sent last
    uint64_t settled_events = 0;
    std::set<uint64_t> held;
    std::optional<uint64_t> isolated;  // the isolated batch it works on
    std::vector<uint64_t> charged;     // batches that were charged with a death not yet proven
  };

  uint64_t Enqueue(Entry entry);
  void Greet(PeerId id, Peer& peer, Instant now);
  void OnGreetingAnswered(Peer& peer, const v1::Ack& ack, Instant now);
  void Dispatch(Instant now);
  void DispatchSuspects(Instant now);
  bool SendTo(PeerId id, Peer& peer, uint64_t batch_id, Entry& entry, Instant now);
  bool HasRoom(const Peer& peer, const Entry& entry) const;
  PeerId PickPeer(const Entry& entry, bool isolated) const;
  PeerId PickPeerBut(std::optional<PeerId> avoid, const Entry& entry, bool isolated) const;
  void Detach(uint64_t batch_id, Entry& entry);
  void Requeue(uint64_t batch_id, bool front);
  void Died(Peer& peer, bool proven);
  void Suspect(uint64_t batch_id, bool singly);
  void OnSettled(const v1::BatchOutcome& outcome, Instant now);
  void SettleEach(Entry entry, const v1::BatchOutcome& outcome, Instant now);
  void SettleAll(const std::vector<Tickets>& ranges, v1::EventOutcome::Kind kind);
  void GiveBack(Entry entry, Instant now);
  void Condemn(uint64_t batch_id);
  void Forget(uint64_t batch_id);
  void Settle(const Tickets& tickets, v1::EventOutcome::Kind kind,
              const v1::DeadLetter* dead_letter);
  Span Jitter(Span span);

  const Options options_;
  Effects* const effects_;
  std::mt19937_64 random_;
  uint64_t next_id_ = 1;
  std::map<PeerId, Peer> peers_;
  std::unordered_map<uint64_t, Entry> entries_;
  std::deque<uint64_t> queue_;     // to be sent
  std::deque<uint64_t> suspects_;  // to be sent isolated
  std::multimap<Instant, uint64_t> delayed_;
  double budget_;
  Instant last_tick_;
  uint64_t queued_events_ = 0;
  uint64_t unsettled_events_ = 0;
  uint64_t unsettled_bytes_ = 0;
  Counters counters_;
};

}  // namespace mentat::pipeline

#endif  // COMMON_PIPELINE_SENDER_H_
