// Random schedules of a small installation: two sources, two inspectors, two enrichers, two
// storages, all of them StageCores, joined by a network that delays, reorders, duplicates, loses
// and breaks, while processes crash, freeze and restart. In the end an oracle compares what the
// sources were told with what the database holds.
//
//   MENTAT_SIMULATION_STEPS  steps in all (2,000,000)
//   MENTAT_SIMULATION_SEED   run this seed alone

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/pipeline/frame.h"
#include "common/pipeline/stage_core.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using std::chrono::milliseconds;

// What the faults are like in one run.
struct Faults {
  double loss = 0;         // share of messages
  double duplication = 0;  // share of messages
  int max_delay_ms = 20;
  int crash_every_ms = 0;   // on average; 0 is never
  int break_every_ms = 0;   // of a connection
  int freeze_every_ms = 0;  // of a process
  double poison = 0;        // share of events that kill the enricher that works on them
};

// The database, which outlives everything.
struct Database {
  std::set<std::string> rows;
  std::map<std::string, v1::Reason> dead_letters;
};

class World {
 public:
  World(uint64_t seed, Faults faults) : random_(seed), faults_(faults) {}

  void Run(int events_per_source, milliseconds fault_time);
  uint64_t steps() const { return steps_; }

 private:
  enum class Kind { kSource, kInspector, kEnricher, kStorage };

  struct Process;

  // What the workers of a kind of process do.
  struct Worker : Processor {
    Worker(World* world, Kind kind) : world(world), kind(kind) {}
    void Process(std::span<Item> items, std::stop_token) override {
      for (Item& item : items) world->Decide(kind, item);
    }
    World* world;
    Kind kind;
  };

  struct Outcome {
    Outcomes::Kind kind = v1::EventOutcome::KIND_UNSPECIFIED;
    v1::DeadLetter dead_letter;
  };

  // The StageCore's hands in one incarnation of a process.
  struct Hands : StageCore::Effects {
    Hands(World* world, int process, uint64_t incarnation)
        : world(world), process(process), incarnation(incarnation) {}
    bool SendBatch(const std::string&, PeerId peer, const BatchHeader& header,
                   Body& body) override {
      return world->Downstream(process, static_cast<int>(peer),
                               [bytes = EncodeBatch(header, body)](StageCore& core, Instant now) {
                                 const absl::StatusOr<Frame> frame = DecodeFrame(bytes.bytes);
                                 ASSERT_TRUE(frame.ok());
                                 absl::StatusOr<BatchView> batch =
                                     DecodeBatch(frame->payload, kMaxBatchEvents);
                                 ASSERT_TRUE(batch.ok());
                                 batch->frame = bytes.owner;
                                 core.OnBatch(*std::move(batch), now);
                               });
    }
    bool SendControl(const std::string&, PeerId peer, const v1::Control& control) override {
      return world->Downstream(
          process, static_cast<int>(peer),
          [control](StageCore& core, Instant now) { core.OnControl(control, now); });
    }
    void SendAck(const std::string& endpoint, const v1::Ack& ack) override {
      world->Upstream(process, endpoint, ack);
    }
    void Forget(const std::string&) override {}
    void Rejected(const Rejection&) override {}
    World* world;
    int process;
    uint64_t incarnation;
  };

  struct Process {
    Kind kind;
    std::vector<int> peers;  // downstream
    uint64_t incarnation = 0;
    bool alive = false;
    Instant frozen_until;
    Instant crashed_at;
    std::unique_ptr<Hands> hands;
    std::unique_ptr<StageCore> core;
    std::map<int, uint64_t> links;  // peer to the incarnation it is connected to, 0 if not
    std::map<int, uint64_t> link_generation;
    int working = 0;
    // Sources: what is to be sent, and what was acknowledged. Survives crashes, as files do.
    std::map<std::string, bool> events;  // id to acknowledged
    std::vector<std::string> to_submit;
  };

  struct Happening {
    Instant at;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Happening& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  int Random(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool Chance(double share) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }
  void After(milliseconds delay, std::function<void()> what) {
    happenings_.push({now_ + delay, order_++, std::move(what)});
  }
  milliseconds Delay() { return milliseconds(1 + Random(faulty_ ? faults_.max_delay_ms : 3)); }

  bool Downstream(int from, int to, std::function<void(StageCore&, Instant)> deliver);
  void Upstream(int from, const std::string& endpoint, const v1::Ack& ack);
  void Deliver(int process, uint64_t incarnation, std::function<void(Process&)> what);
  void Start(int process);
  void Crash(int process);
  void Connect(int from, int to);
  void Break(int from, int to);
  void Pump(int process);
  void Work(int process);
  void FinishWork(int process, std::shared_ptr<std::unique_ptr<Job>> job);
  void Decide(Kind kind, Item& item);
  void TickAll();
  void ScheduleFaults();
  void CheckBounds();
  bool AllAcknowledged() const;
  std::string Describe() const;

  std::mt19937_64 random_;
  const Faults faults_;
  bool faulty_ = true;
  Instant now_ = Instant(std::chrono::hours(1));
  uint64_t order_ = 0;
  uint64_t steps_ = 0;
  std::priority_queue<Happening> happenings_;
  std::vector<Process> processes_;
  Database database_;
  Workspace workspace_;
  std::set<std::string> poison_;
  int deaths_by_poison_ = 0;
  std::map<std::string, Outcome> outcomes_;
};

bool World::Downstream(int from, int to, std::function<void(StageCore&, Instant)> deliver) {
  Process& sender = processes_[from];
  const uint64_t target = sender.links[to];
  if (target == 0) return true;  // the socket took it; the connection is breaking
  const uint64_t generation = sender.link_generation[to];
  if (faulty_ && Chance(faults_.loss)) return true;
  const int copies = faulty_ && Chance(faults_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    After(Delay(), [this, from, to, target, generation, deliver] {
      // What is on a broken connection is lost.
      if (processes_[from].link_generation[to] != generation) return;
      Deliver(to, target, [this, deliver](Process& process) { deliver(*process.core, now_); });
    });
  }
  return true;
}

void World::Upstream(int from, const std::string& endpoint, const v1::Ack& ack) {
  if (faulty_ && Chance(faults_.loss)) return;
  const uint64_t source = processes_[from].incarnation;
  const Instant sent = now_;
  const size_t colon = endpoint.find(':');
  const int to = std::stoi(endpoint.substr(0, colon));
  const uint64_t incarnation = std::stoull(endpoint.substr(colon + 1));
  const int copies = faulty_ && Chance(faults_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    After(Delay(), [this, from, source, sent, to, incarnation, ack] {
      // The last words of a process may die with it.
      const Process& speaker = processes_[from];
      const bool died = !speaker.alive || speaker.incarnation != source;
      if (died && speaker.crashed_at - sent <= milliseconds(1) && Chance(0.5)) return;
      Deliver(to, incarnation, [this, ack](Process& process) { process.core->OnAck(ack, now_); });
    });
  }
}

// Runs `what` in a process if that incarnation still lives; a frozen one gets it when it thaws.
void World::Deliver(int id, uint64_t incarnation, std::function<void(Process&)> what) {
  Process& process = processes_[id];
  if (!process.alive || process.incarnation != incarnation) return;
  if (process.frozen_until > now_) {
    After(std::chrono::duration_cast<milliseconds>(process.frozen_until - now_) + milliseconds(1),
          [this, id, incarnation, what] { Deliver(id, incarnation, what); });
    return;
  }
  what(process);
  Pump(id);
}

void World::Start(int id) {
  Process& process = processes_[id];
  if (process.alive) return;
  ++process.incarnation;
  process.alive = true;
  process.frozen_until = Instant();
  process.working = 0;
  process.hands = std::make_unique<Hands>(this, id, process.incarnation);
  StageCore::Options options;
  options.name = std::to_string(id);
  options.instance = std::to_string(process.incarnation);
  if (process.kind != Kind::kSource) {
    options.receiver.emplace();
    options.receiver->epoch = random_();
    options.receiver->remembered = 8;
  }
  if (process.kind != Kind::kStorage) {
    StageCore::Output& output = options.outputs["default"];
    output.sender.stage = options.name;
    output.sender.epoch = random_();
    output.sender.ack_endpoint = options.name + ":" + options.instance;
    output.sender.window_batches = 4;
    output.sender.window_events = 32;
    options.max_batch_events = 8;
    output.sender.try_singly_limit = 12;
    output.sender.ack_timeout = milliseconds(400);
    output.sender.seed = random_();
  }
  options.process_dead_letters = process.kind == Kind::kStorage;
  options.parse_events = false;
  process.core = std::make_unique<StageCore>(std::move(options), process.hands.get());
  process.links.clear();
  for (const int peer : process.peers) {
    ++process.link_generation[peer];
    process.core->sender("default").AddPeer(peer, std::to_string(peer));
    Connect(id, peer);
  }
  // The upstream neighbours find it again.
  for (size_t i = 0; i < processes_.size(); ++i) {
    const auto& peers = processes_[i].peers;
    if (std::find(peers.begin(), peers.end(), id) != peers.end()) Connect(static_cast<int>(i), id);
  }
  if (process.kind == Kind::kSource) {
    process.to_submit.clear();
    for (const auto& [event, acknowledged] : process.events) {
      if (!acknowledged) process.to_submit.push_back(event);
    }
  }
  Pump(id);
}

void World::Crash(int id) {
  Process& process = processes_[id];
  if (!process.alive) return;
  process.alive = false;
  process.crashed_at = now_;
  process.core.reset();
  for (size_t i = 0; i < processes_.size(); ++i) {
    if (processes_[i].links.contains(id)) Break(static_cast<int>(i), id);
  }
  After(milliseconds(10 + Random(1500)), [this, id] { Start(id); });
}

// Lets a sender connect to a peer after a while, if both live then.
void World::Connect(int from, int to) {
  const uint64_t incarnation = processes_[from].incarnation;
  After(Delay(), [this, from, to, incarnation] {
    Process& sender = processes_[from];
    Process& peer = processes_[to];
    if (!sender.alive || sender.incarnation != incarnation) return;
    if (!peer.alive || sender.links[to] == peer.incarnation) return;
    if (peer.frozen_until > now_) {
      After(milliseconds(50), [this, from, to] { Connect(from, to); });
      return;
    }
    sender.links[to] = peer.incarnation;
    Deliver(from, incarnation,
            [this, to](Process& process) { process.core->sender("default").Connected(to, now_); });
  });
}

void World::Break(int from, int to) {
  Process& sender = processes_[from];
  if (sender.links[to] == 0) return;
  sender.links[to] = 0;
  ++sender.link_generation[to];
  const uint64_t incarnation = sender.incarnation;
  After(Delay(), [this, from, to, incarnation] {
    Deliver(from, incarnation, [this, to](Process& process) {
      process.core->sender("default").Disconnected(to, now_);
    });
    Connect(from, to);
  });
}

// What a process does whenever it has been woken.
void World::Pump(int id) {
  Process& process = processes_[id];
  if (!process.alive || process.frozen_until > now_) return;
  if (process.kind == Kind::kSource) {
    // In its own time, so that faults meet events on their way.
    while (!process.to_submit.empty() && process.core->sender("default").unsettled_events() < 64 &&
           Chance(faulty_ ? 0.02 : 0.5)) {
      const size_t size = std::min<size_t>(process.to_submit.size(), 1 + Random(12));
      SourceBatch events;
      std::vector<std::string> ids(size);
      for (size_t i = 0; i < size; ++i) {
        ids[i] = process.to_submit.back();
        process.to_submit.pop_back();
        events.Add(ids[i], 0);
      }
      process.core->Submit(
          std::move(events),
          [this, id, ids](const Outcomes& outcomes) {
            ASSERT_EQ(outcomes.size(), ids.size());
            for (size_t i = 0; i < ids.size(); ++i) {
              ASSERT_NE(outcomes.kind(i), v1::EventOutcome::KIND_RETRY);
              processes_[id].events[ids[i]] = true;
              outcomes_[ids[i]].kind = outcomes.kind(i);
            }
          },
          now_);
    }
  } else {
    Work(id);
  }
  process.core->Flush();
}

void World::Work(int id) {
  Process& process = processes_[id];
  while (process.working < 2) {
    std::unique_ptr<Job> job = process.core->NextJob(24, now_);
    if (job == nullptr) return;
    ++process.working;
    const uint64_t incarnation = process.incarnation;
    auto shared = std::make_shared<std::unique_ptr<Job>>(std::move(job));
    bool kills = false;
    for (const Job::Batch& batch : (*shared)->batches) {
      for (const ItemView& item : batch.view.items) {
        kills |= process.kind == Kind::kEnricher && item.dead_letter == nullptr &&
                 poison_.contains(std::string(item.event));
      }
    }
    if (kills || (faulty_ && faults_.crash_every_ms > 0 && Chance(0.002))) {
      // It dies in the middle of its work.
      After(milliseconds(Random(3)), [this, id, incarnation, kills] {
        if (processes_[id].incarnation != incarnation || !processes_[id].alive) return;
        deaths_by_poison_ += kills;
        Crash(id);
      });
      return;
    }
    After(milliseconds(1 + Random(10)), [this, id, incarnation, shared] {
      Deliver(id, incarnation, [this, id, shared](Process&) { FinishWork(id, shared); });
    });
  }
}

void World::FinishWork(int id, std::shared_ptr<std::unique_ptr<Job>> shared) {
  Process& process = processes_[id];
  std::unique_ptr<Job> job = std::move(*shared);
  Worker worker(this, process.kind);
  RunJob(*job, worker, workspace_, {});
  --process.working;
  process.core->FinishJob(std::move(job), now_);
}

void World::Decide(Kind kind, Item& item) {
  const std::string event(item.wire());
  if (kind == Kind::kInspector && event.ends_with("d")) item.Drop("rule");
  if (kind == Kind::kInspector && event.ends_with("r")) item.Reject(v1::REASON_FAILED, "rule");
  if (kind != Kind::kStorage) return;
  if (item.dead_letter() != nullptr) {
    database_.dead_letters[event] = item.dead_letter()->reason();
    item.Stored();
  } else if (Chance(faulty_ ? 0.02 : 0)) {
    item.Retry();
  } else if (database_.rows.insert(event).second) {
    item.Stored();
  } else {
    item.StoredBefore();
  }
}

void World::TickAll() {
  for (size_t i = 0; i < processes_.size(); ++i) {
    Process& process = processes_[i];
    if (!process.alive || process.frozen_until > now_) continue;
    process.core->Tick(now_);
    Pump(static_cast<int>(i));
    const Ledger& ledger = process.core->ledger();
    ASSERT_EQ(ledger.received, ledger.forwarded + ledger.dropped + ledger.rejected + ledger.stored +
                                   ledger.retried + ledger.in_flight)
        << "the ledger of process " << i << " does not close";
  }
  After(milliseconds(25), [this] { TickAll(); });
}

void World::ScheduleFaults() {
  const auto repeat = [this](int every_ms, std::function<void()> fault) {
    if (every_ms == 0) return;
    auto again = std::make_shared<std::function<void()>>();
    *again = [this, every_ms, fault, again] {
      if (!faulty_) return;
      fault();
      After(milliseconds(1 + Random(2 * every_ms)), *again);
    };
    After(milliseconds(1 + Random(2 * every_ms)), *again);
  };
  const auto any = [this] { return Random(static_cast<int>(processes_.size())); };
  repeat(faults_.crash_every_ms, [this, any] { Crash(any()); });
  repeat(faults_.break_every_ms, [this, any] {
    const int from = any();
    for (const int to : processes_[from].peers) {
      if (Chance(0.5)) Break(from, to);
    }
  });
  repeat(faults_.freeze_every_ms, [this, any] {
    const int id = any();
    processes_[id].frozen_until = now_ + milliseconds(Random(2000));
    // The heartbeat notices long freezes.
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (processes_[i].links.contains(id) && Chance(0.5)) Break(static_cast<int>(i), id);
    }
  });
}

void World::CheckBounds() {
  for (const Process& process : processes_) {
    if (!process.alive || process.core->receiver() == nullptr) continue;
    // Two senders live, each with a window of 32; those that died may have left as much behind.
    ASSERT_LE(process.core->receiver()->held_events(), 2048) << "held events grow without bound";
  }
}

bool World::AllAcknowledged() const {
  for (const Process& process : processes_) {
    for (const auto& [event, acknowledged] : process.events) {
      if (!acknowledged) return false;
    }
  }
  return true;
}

// The state of all processes, for a run that is stuck.
std::string World::Describe() const {
  std::string text;
  for (size_t i = 0; i < processes_.size(); ++i) {
    const Process& process = processes_[i];
    text += "\nprocess " + std::to_string(i) + (process.alive ? "" : " dead");
    if (!process.alive) continue;
    text += " working " + std::to_string(process.working) + " in flight " +
            std::to_string(process.core->ledger().in_flight);
    if (const Receiver* receiver = process.core->receiver()) {
      text += " held " + std::to_string(receiver->held_batches()) + " batches";
    }
    if (process.kind == Kind::kStorage) continue;
    Sender& sender = process.core->sender("default");
    text += ", waiting here " + std::to_string(sender.queued_events()) + " events";
    for (const auto& [id, peer] : sender.peers()) {
      text += "; peer " + peer.address + (peer.up ? " up" : " not up") +
              (peer.closed ? " closed" : "") + " has " + std::to_string(peer.batches) + " batches";
    }
  }
  return text;
}

void World::Run(int events_per_source, milliseconds fault_time) {
  // 0, 1 sources; 2, 3 inspectors; 4, 5 enrichers; 6, 7 storages.
  for (int i = 0; i < 8; ++i) {
    Process process;
    process.kind = static_cast<Kind>(i / 2);
    if (i < 6) process.peers = {i / 2 * 2 + 2, i / 2 * 2 + 3};
    if (i < 2) {
      for (int n = 0; n < events_per_source; ++n) {
        const char suffix = "sssssssdr"[Random(9)];
        const std::string event = std::to_string(i) + "-" + std::to_string(n) + suffix;
        process.events[event] = false;
        if (suffix == 's' && Chance(faults_.poison)) poison_.insert(event);
      }
    }
    processes_.push_back(std::move(process));
  }
  for (int i = 0; i < 8; ++i) Start(i);
  ScheduleFaults();
  TickAll();
  const Instant calm = now_ + fault_time;
  const Instant end = calm + std::chrono::minutes(20);
  while (!happenings_.empty() && !::testing::Test::HasFatalFailure()) {
    Happening happening = happenings_.top();
    happenings_.pop();
    now_ = happening.at;
    if (now_ > calm) faulty_ = false;
    happening.what();
    if (++steps_ % 64 == 0) CheckBounds();
    if (!faulty_ && AllAcknowledged()) break;
    ASSERT_TRUE(now_ < end) << "not everything was acknowledged twenty minutes after the last fault"
                            << Describe();
  }

  // The oracle.
  for (const Process& process : processes_) {
    for (const auto& [event, acknowledged] : process.events) {
      const Outcome& outcome = outcomes_[event];
      const bool stored = database_.rows.contains(event);
      const auto dead_letter = database_.dead_letters.find(event);
      const bool dead = dead_letter != database_.dead_letters.end();
      if (event.ends_with("d")) {
        ASSERT_EQ(outcome.kind, v1::EventOutcome::KIND_DROPPED) << event;
        ASSERT_FALSE(stored) << event;
      } else if (event.ends_with("r")) {
        ASSERT_EQ(outcome.kind, v1::EventOutcome::KIND_DEAD_LETTER) << event;
        ASSERT_TRUE(dead) << event;
      } else if (poison_.contains(event)) {
        ASSERT_EQ(outcome.kind, v1::EventOutcome::KIND_DEAD_LETTER) << event;
        ASSERT_TRUE(dead) << event;
        ASSERT_EQ(dead_letter->second, v1::REASON_POISON) << event;
        ASSERT_FALSE(stored) << event;
      } else if (faults_.crash_every_ms == 0 && faults_.freeze_every_ms == 0) {
        ASSERT_TRUE(stored) << event << " was acknowledged and is lost";
        ASSERT_FALSE(dead) << event << " was condemned though it is innocent";
      } else {
        ASSERT_TRUE(stored || dead) << event << " was acknowledged and is lost";
      }
    }
  }
  if (faults_.crash_every_ms == 0 && faults_.freeze_every_ms == 0) {
    // One among others, more where the dead could not say what they had begun, two alone.
    ASSERT_LE(deaths_by_poison_, 6 * poison_.size()) << "poison is found too late";
  }
  // Nobody is condemned but by two deaths alone; random ones hit the same innocent twice hardly
  // ever.
  size_t innocent = 0;
  for (const auto& [event, reason] : database_.dead_letters) {
    if (reason == v1::REASON_POISON && !poison_.contains(event)) ++innocent;
  }
  ASSERT_LE(innocent, outcomes_.size() / 50) << "too many innocents condemned";
}

uint64_t EnvironmentOr(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Runs seeds until the share of steps is used up.
void RunSeeds(Faults faults, double share) {
  const uint64_t steps = EnvironmentOr("MENTAT_SIMULATION_STEPS", 2'000'000) * share;
  const uint64_t only = EnvironmentOr("MENTAT_SIMULATION_SEED", 0);
  uint64_t done = 0;
  uint64_t runs = 0;
  const uint64_t base = only != 0 ? only : std::random_device()();
  for (uint64_t seed = base; done < steps; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed) +
                 ", repeat with MENTAT_SIMULATION_SEED=" + std::to_string(seed));
    World world(seed, faults);
    world.Run(1000, milliseconds(8000));
    done += world.steps();
    ++runs;
    if (::testing::Test::HasFatalFailure() || only != 0) break;
  }
  std::printf("%lu runs from seed %lu, %lu steps\n", runs, base, done);
}

TEST(SimulationTest, NothingHappens) { RunSeeds({}, 0.05); }

TEST(SimulationTest, TheNetworkLosesDuplicatesAndDelays) {
  RunSeeds({.loss = 0.05, .duplication = 0.05, .max_delay_ms = 300}, 0.2);
}

TEST(SimulationTest, ConnectionsBreak) { RunSeeds({.break_every_ms = 100}, 0.15); }

TEST(SimulationTest, ProcessesCrash) { RunSeeds({.crash_every_ms = 300}, 0.2); }

TEST(SimulationTest, ProcessesFreeze) { RunSeeds({.freeze_every_ms = 700}, 0.1); }

TEST(SimulationTest, EventsKillTheirWorkers) { RunSeeds({.poison = 0.01}, 0.1); }

TEST(SimulationTest, EverythingAtOnce) {
  RunSeeds({.loss = 0.02,
            .duplication = 0.02,
            .max_delay_ms = 100,
            .crash_every_ms = 800,
            .break_every_ms = 500,
            .freeze_every_ms = 2000,
            .poison = 0.005},
           0.2);
}

}  // namespace
}  // namespace mentat::pipeline
