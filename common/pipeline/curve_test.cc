// Encrypted stages joined by real sockets, and strangers at their doors.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "common/base/status_matchers.h"
#include "common/pipeline/frame.h"
#include "common/pipeline/keys.h"
#include "common/pipeline/stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mentat/pipeline/v1/batch.pb.h"
#include "prometheus/registry.h"
#include "zmq.hpp"

namespace mentat::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience(30);

bool WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// Stores everything, or holds it while it is shut.
class Shelf {
 public:
  void Put(Item& item, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    if (!changed_.wait(lock, stop, [this] { return open_; })) return item.Retry();
    if (++events_[item.view().id()] == 1) {
      item.Stored();
    } else {
      item.StoredBefore();
    }
  }
  void Open(bool open) {
    {
      const std::lock_guard lock(mutex_);
      open_ = open;
    }
    changed_.notify_all();
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return events_.size();
  }
  int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, int> events_;
  bool open_ = true;
  int waiting_ = 0;
};

// An endpoint known beforehand that nobody else on this machine uses: one of 16 million addresses.
std::string SomeEndpoint() {
  std::random_device random;
  const auto octet = [&] { return std::to_string(random() % 254 + 1); };
  return "tcp://127." + octet() + "." + octet() + "." + octet() + ":28417";
}

class ShelfProcessor : public Processor {
 public:
  explicit ShelfProcessor(Shelf& shelf) : shelf_(shelf) {}
  void Process(std::span<Item> items, std::stop_token stop) override {
    for (Item& item : items) shelf_.Put(item, stop);
  }

 private:
  Shelf& shelf_;
};

// A stage with its metrics.
struct Party {
  std::unique_ptr<prometheus::Registry> registry = std::make_unique<prometheus::Registry>();
  std::unique_ptr<Stage> stage;

  double Count(const std::string& metric, const std::string& reason) const {
    for (const auto& family : registry->Collect()) {
      if (family.name != metric) continue;
      for (const auto& series : family.metric) {
        for (const auto& label : series.label) {
          if (label.name == "reason" && label.value == reason) return series.counter.value;
        }
      }
    }
    ADD_FAILURE() << "no " << metric << " with " << reason;
    return 0;
  }
  bool WaitForRefused(const std::string& reason, double count = 1) const {
    return WaitUntil(
        [&] { return Count("mentat_pipeline_refused_connections_total", reason) >= count; });
  }
  // A client without keys may hang up before it is told what is wrong.
  bool WaitForRefusedPlain() const {
    return WaitUntil([&] {
      return Count("mentat_pipeline_refused_connections_total", "encryption") +
                 Count("mentat_pipeline_refused_connections_total", "broken") >
             0;
    });
  }
  bool WaitForFailed(const std::string& reason, double count = 1) const {
    return WaitUntil(
        [&] { return Count("mentat_pipeline_failed_connections_total", reason) >= count; });
  }
};

class CurveTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  // The name of a new key; its files are in the folder.
  std::string Key(const std::string& name) {
    const absl::StatusOr<KeyPair> keys = MakeKeyPair();
    EXPECT_THAT(keys, IsOk());
    keys_[name] = *keys;
    EXPECT_THAT(WriteKeyPair(folder_, name, *keys), IsOk());
    return name;
  }

  // A folder of allowed keys.
  std::string Allow(const std::string& list, const std::vector<std::string>& names) {
    const fs::path path = folder_ / list;
    fs::remove_all(path);
    fs::create_directories(path);
    for (const std::string& name : names) {
      fs::copy_file(folder_ / (name + ".key"), path / (name + ".key"));
    }
    return path.string();
  }

  config::v1::PipelineConfig Config(const std::string& key) {
    config::v1::PipelineConfig config;
    config.set_ack_bind("tcp://127.0.0.1:*");
    config.set_workers(1);
    config.set_max_call_events(64);
    config.set_max_batch_events(16);
    config.set_max_batch_bytes(1 << 20);
    config.set_max_event_bytes(1 << 20);
    if (!key.empty()) {
      config.mutable_curve()->set_secret_key_file((folder_ / (key + ".key_secret")).string());
    }
    return config;
  }

  Party Start(const std::string& name, config::v1::PipelineConfig config, Shelf* shelf) {
    Party party;
    StageOptions options;
    options.name = name;
    options.instance = name + "-1";
    options.config = std::move(config);
    options.registry = party.registry.get();
    options.log = log::Logger::Stderr();
    if (shelf != nullptr) {
      options.make_processor = [shelf] { return std::make_unique<ShelfProcessor>(*shelf); };
    }
    absl::StatusOr<std::unique_ptr<Stage>> stage = Stage::Create(std::move(options));
    EXPECT_THAT(stage, IsOk());
    party.stage = *std::move(stage);
    EXPECT_THAT(party.stage->Start(), IsOk());
    return party;
  }

  // Plain if `key` is empty.
  Party Sink(Shelf& shelf, const std::string& key, const std::string& allowed,
             const std::string& bind = "tcp://127.0.0.1:*") {
    config::v1::PipelineConfig config = Config(key);
    config.mutable_input()->set_bind(bind);
    config.mutable_input()->set_max_held_events(10000);
    config.mutable_input()->set_max_held_bytes(1 << 26);
    if (!allowed.empty()) config.mutable_input()->add_allowed_keys(allowed);
    return Start("sink", std::move(config), &shelf);
  }

  Party Source(const std::string& key, const std::string& allowed,
               const std::vector<std::string>& peers, const std::string& ack = "") {
    config::v1::PipelineConfig config = Config(key);
    if (!ack.empty()) config.set_ack_bind(ack);
    config::v1::OutputConfig& output = (*config.mutable_outputs())["default"];
    for (const std::string& peer : peers) output.add_peers(peer);
    output.set_window_batches(8);
    output.set_window_events(128);
    output.set_window_bytes(1 << 22);
    output.set_ack_timeout_ms(1000);
    output.set_resolve_seconds(1);
    output.set_resend_budget(0.1);
    if (!allowed.empty()) output.add_allowed_keys(allowed);
    return Start("source", std::move(config), nullptr);
  }

  // Hands events over, and remembers their outcomes.
  void Feed(Party& source, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      idea::v1::Event event;
      event.set_id("event-" + std::to_string(i));
      ASSERT_THAT(source.stage->Submit({{.event = event.SerializeAsString(), .received_at = i}},
                                       [this, i](const Outcomes& outcomes) {
                                         const std::lock_guard lock(mutex_);
                                         outcomes_[i] = outcomes.kind(0);
                                       }),
                  IsOk());
    }
  }
  size_t Settled() {
    const std::lock_guard lock(mutex_);
    return outcomes_.size();
  }
  bool WaitSettled(size_t count) {
    return WaitUntil([&] { return Settled() >= count; });
  }

  // A client that is no stage; without a name it has no key.
  zmq::socket_t Client(const std::string& name, const std::string& server,
                       const std::string& endpoint) {
    zmq::socket_t socket(context_, zmq::socket_type::push);
    socket.set(zmq::sockopt::linger, 0);
    if (!name.empty()) {
      socket.set(zmq::sockopt::curve_publickey, keys_.at(name).public_key);
      socket.set(zmq::sockopt::curve_secretkey, keys_.at(name).secret_key);
      socket.set(zmq::sockopt::curve_serverkey, keys_.at(server).public_key);
    }
    socket.connect(endpoint);
    return socket;
  }

  // Not that it would wait: who was refused already has nobody to send to.
  static void Send(zmq::socket_t& client, const std::string& frame) {
    (void)client.send(zmq::buffer(frame), zmq::send_flags::dontwait);
  }

  // What a batch looks like that would be taken.
  std::string ForgedBatch(const std::string& ack_endpoint) {
    v1::Batch batch;
    batch.set_epoch(4711);
    batch.set_id(1);
    batch.set_attempt(1);
    batch.set_ack_endpoint(ack_endpoint);
    idea::v1::Event event;
    event.set_id("forged");
    batch.add_items()->set_event(event.SerializeAsString());
    return EncodeFrame(FrameKind::kBatch, batch);
  }

  fs::path folder_;
  std::map<std::string, KeyPair> keys_;
  zmq::context_t context_{1};
  std::mutex mutex_;
  std::map<int, v1::EventOutcome::Kind> outcomes_;
};

// A TCP connection that says `bytes`, and is held until it is destroyed.
class RawConnection {
 public:
  RawConnection(const std::string& endpoint, const std::string& bytes)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  ~RawConnection() { ::close(fd_); }

 private:
  int fd_;
};

TEST_F(CurveTest, StagesThatKnowEachOtherWork) {
  Shelf shelf;
  Key("source");
  Key("sink");
  const Party sink = Sink(shelf, "sink", Allow("senders", {"source"}));
  Party source = Source("source", Allow("sinks", {"sink"}), {sink.stage->input_endpoint()});
  Feed(source, 0, 1000);
  ASSERT_TRUE(WaitSettled(1000));
  EXPECT_EQ(shelf.size(), 1000);
  for (const char* reason :
       {"unknown_key", "revoked_key", "wrong_server_key", "encryption", "malformed", "broken"}) {
    EXPECT_EQ(sink.Count("mentat_pipeline_refused_connections_total", reason), 0) << reason;
    EXPECT_EQ(source.Count("mentat_pipeline_refused_connections_total", reason), 0) << reason;
  }
  for (const char* reason : {"refused", "encryption", "malformed", "broken"}) {
    EXPECT_EQ(sink.Count("mentat_pipeline_failed_connections_total", reason), 0) << reason;
    EXPECT_EQ(source.Count("mentat_pipeline_failed_connections_total", reason), 0) << reason;
  }
  EXPECT_THAT(source.stage->Drain(absl::Seconds(10)), IsOk());
}

TEST_F(CurveTest, StrangersAreRefusedAndCountedAndDisturbNobody) {
  Shelf shelf;
  Key("source");
  Key("sink");
  Key("stranger");
  const Party sink = Sink(shelf, "sink", Allow("senders", {"source"}));
  const std::string input = sink.stage->input_endpoint();
  Party source = Source("source", Allow("sinks", {"sink"}), {input});
  std::jthread feeder([&] { Feed(source, 0, 3000); });

  zmq::socket_t unknown = Client("stranger", "sink", input);
  Send(unknown, ForgedBatch("tcp://127.0.0.1:1"));
  EXPECT_TRUE(sink.WaitForRefused("unknown_key"));
  zmq::socket_t wrong_server = Client("source", "stranger", input);
  Send(wrong_server, ForgedBatch("tcp://127.0.0.1:1"));
  EXPECT_TRUE(sink.WaitForRefused("wrong_server_key"));
  zmq::socket_t plain = Client("", "", input);
  Send(plain, ForgedBatch("tcp://127.0.0.1:1"));
  EXPECT_TRUE(sink.WaitForRefusedPlain());

  feeder.join();
  ASSERT_TRUE(WaitSettled(3000));
  EXPECT_EQ(shelf.size(), 3000);  // nothing forged is among them
  EXPECT_EQ(sink.Count("mentat_pipeline_refused_frames_total", "revoked_key"), 0);
  EXPECT_EQ(sink.Count("mentat_pipeline_refused_connections_total", "unknown_key"), 1);
  EXPECT_EQ(sink.Count("mentat_pipeline_refused_connections_total", "malformed"), 0);
  EXPECT_THAT(source.stage->Ready(), IsOk());
}

TEST_F(CurveTest, WhatIsNotZeroMqIsRefusedAndCountedAndDisturbsNobody) {
  Shelf shelf;
  Key("source");
  Key("sink");
  const Party sink = Sink(shelf, "sink", Allow("senders", {"source"}));
  const std::string input = sink.stage->input_endpoint();
  Party source = Source("source", Allow("sinks", {"sink"}), {input});
  Feed(source, 0, 100);
  ASSERT_TRUE(WaitSettled(100));

  const std::string signature("\xff\0\0\0\0\0\0\0\x01\x7f", 10);
  const std::string curve_greeting =
      signature + std::string("\x03\0CURVE", 7) + std::string(15 + 1 + 31, '\0');
  const std::vector<std::string> garbage = {
      "GET / HTTP/1.1\r\nHost: mentat\r\n\r\n",
      std::string(4096, '\xff'),
      std::string(4096, '\0'),
      std::string("\x01\0\x05hello", 8),                       // ZMTP 1.0, unversioned
      signature + std::string("\x01\x08\0\0", 4) + "MNT\x01",  // ZMTP 2.0
      curve_greeting + std::string("\x04\x05HELLO", 7) + std::string(300, 'x'),
      curve_greeting + std::string("\x04\xc8\x05HELLO\x01\0", 10) + std::string(192, 'x'),
      curve_greeting + std::string("\x06\xff\xff\xff\xff\xff\xff\xff\xff", 9)};
  const auto refused = [&] {
    double sum = 0;
    for (const char* reason : {"malformed", "broken", "wrong_server_key", "encryption"}) {
      sum += sink.Count("mentat_pipeline_refused_connections_total", reason);
    }
    return sum;
  };
  for (size_t i = 0; i < garbage.size(); ++i) {
    const double before = refused();
    { const RawConnection raw(input, garbage[i]); }
    EXPECT_TRUE(WaitUntil([&] { return refused() > before; })) << "garbage " << i;
  }
  Feed(source, 100, 900);
  ASSERT_TRUE(WaitSettled(1000));
  EXPECT_EQ(shelf.size(), 1000);
}

TEST_F(CurveTest, AKeyThatIsRevokedWhileConnectedLosesItsEffectAtOnce) {
  Shelf shelf;
  Key("good");
  Key("bad");
  Key("sink");
  const Party sink = Sink(shelf, "sink", Allow("senders", {"good", "bad"}));
  const std::string input = sink.stage->input_endpoint();
  Party good = Source("good", Allow("sinks", {"sink"}), {input});
  Party bad = Source("bad", Allow("sinks", {"sink"}), {input});
  Feed(good, 0, 100);
  Feed(bad, 100, 100);
  ASSERT_TRUE(WaitSettled(200));

  Allow("senders", {"good"});
  ASSERT_THAT(sink.stage->ReloadKeys(), IsOk());
  Feed(bad, 200, 10);
  EXPECT_TRUE(WaitUntil(
      [&] { return sink.Count("mentat_pipeline_refused_frames_total", "revoked_key") >= 3; }));
  Feed(good, 300, 1000);
  ASSERT_TRUE(WaitSettled(1200));
  EXPECT_EQ(shelf.size(), 1200);
  // Those of the revoked key wait with their source, which knows that they were not taken.
  EXPECT_EQ(bad.stage->Status().ledger.in_flight, 10);
  EXPECT_EQ(sink.stage->Status().ledger.stored, 1200);

  // It does not come in again either.
  bad.stage.reset();
  bad = Source("bad", Allow("sinks", {"sink"}), {input});
  EXPECT_TRUE(sink.WaitForRefused("revoked_key"));
  EXPECT_TRUE(bad.WaitForFailed("refused"));
  // Allowed again, it works without a restart.
  Allow("senders", {"good", "bad"});
  ASSERT_THAT(sink.stage->ReloadKeys(), IsOk());
  Feed(bad, 2000, 10);
  ASSERT_TRUE(WaitSettled(1210));
}

TEST_F(CurveTest, APeerWhoseKeyIsRevokedIsLeftAndItsBatchesGoToOthers) {
  Shelf good_shelf;
  Shelf bad_shelf;
  Key("source");
  Key("good");
  Key("bad");
  const std::string senders = Allow("senders", {"source"});
  const Party good = Sink(good_shelf, "good", senders);
  const Party bad = Sink(bad_shelf, "bad", senders);
  Party source = Source("source", Allow("sinks", {"good", "bad"}),
                        {good.stage->input_endpoint(), bad.stage->input_endpoint()});
  Feed(source, 0, 200);
  ASSERT_TRUE(WaitSettled(200));
  EXPECT_TRUE(WaitUntil([&] {
    Feed(source, 1000 + static_cast<int>(Settled()), 1);
    return bad_shelf.size() > 0 && good_shelf.size() > 0;
  }));
  ASSERT_TRUE(WaitUntil([&] { return source.stage->Status().ledger.in_flight == 0; }));
  const size_t before = Settled();

  bad_shelf.Open(false);
  const int waiting = bad_shelf.waiting();
  std::jthread feeder([&] { Feed(source, 10000, 1000); });
  ASSERT_TRUE(WaitUntil([&] { return bad_shelf.waiting() > waiting; }));
  Allow("sinks", {"good"});
  ASSERT_THAT(source.stage->ReloadKeys(), IsOk());
  feeder.join();
  EXPECT_TRUE(WaitSettled(before + 1000));
  bad_shelf.Open(true);
  // What it says now is not heard.
  EXPECT_TRUE(WaitUntil(
      [&] { return source.Count("mentat_pipeline_refused_frames_total", "revoked_key") >= 1; }));
}

TEST_F(CurveTest, AcknowledgementsOfOthersThanThePeersHaveNoEffect) {
  Shelf shelf;
  Key("source");
  Key("sink");
  Key("stranger");
  Key("sender");
  const std::string ack = SomeEndpoint();
  const Party sink = Sink(shelf, "sink", Allow("senders", {"source", "sender"}));
  Party source = Source("source", Allow("sinks", {"sink"}), {sink.stage->input_endpoint()}, ack);
  Feed(source, 0, 10);
  ASSERT_TRUE(WaitSettled(10));
  shelf.Open(false);
  Feed(source, 10, 10);
  ASSERT_TRUE(WaitUntil([&] { return shelf.waiting() > 10; }));

  // An acknowledgement of every batch there can be, were its epoch known.
  v1::Ack forged;
  forged.set_epoch(4711);
  for (int id = 0; id < 100; ++id) {
    v1::BatchOutcome& outcome = *forged.add_settled();
    outcome.set_id(id);
    outcome.set_attempt(1);
    outcome.set_kind(v1::EventOutcome::KIND_STORED);
  }
  const std::string frame = EncodeFrame(FrameKind::kAck, forged);
  std::vector<zmq::socket_t> clients;
  clients.push_back(Client("stranger", "source", ack));
  clients.push_back(Client("sender", "source", ack));  // who may send to the sink is no sink
  clients.push_back(Client("", "", ack));
  for (zmq::socket_t& client : clients) Send(client, frame);
  EXPECT_TRUE(source.WaitForRefused("unknown_key", 2));
  EXPECT_TRUE(source.WaitForRefusedPlain());
  EXPECT_EQ(Settled(), 10);
  shelf.Open(true);
  ASSERT_TRUE(WaitSettled(20));
  EXPECT_EQ(source.stage->Status().late_acks, 0);
}

TEST_F(CurveTest, AcknowledgementsGoOnlyToTheOwnerOfTheKeyThatSent) {
  Shelf shelf;
  Key("source");
  Key("other");
  Key("sink");
  const Party sink = Sink(shelf, "sink", Allow("senders", {"source", "other"}));
  // The victim: another sender's socket for acknowledgements.
  const std::string ack = SomeEndpoint();
  Party source = Source("source", Allow("sinks", {"sink"}), {sink.stage->input_endpoint()}, ack);
  Feed(source, 0, 10);
  ASSERT_TRUE(WaitSettled(10));
  zmq::socket_t other = Client("other", "sink", sink.stage->input_endpoint());
  Send(other, ForgedBatch(ack));
  EXPECT_TRUE(source.WaitForRefused("wrong_server_key"));
  EXPECT_TRUE(sink.WaitForFailed("broken"));
  Feed(source, 10, 100);
  ASSERT_TRUE(WaitSettled(110));
}

TEST_F(CurveTest, WhenOnlyOneSideHasKeysBothSayItAndRecoverOnceBothHave) {
  Shelf shelf;
  Key("source");
  Key("sink");
  const std::string senders = Allow("senders", {"source"});
  const std::string sinks = Allow("sinks", {"sink"});
  Party sink = Sink(shelf, "sink", senders);
  const std::string input = sink.stage->input_endpoint();
  {
    Party plain = Source("", "", {input});
    EXPECT_TRUE(sink.WaitForRefused("encryption"));
    EXPECT_TRUE(plain.WaitForFailed("encryption"));
    EXPECT_THAT(plain.stage->Ready(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("default")));
  }
  sink.stage.reset();
  sink = Sink(shelf, "", "", input);
  Party source = Source("source", sinks, {input});
  EXPECT_TRUE(sink.WaitForRefused("encryption"));
  EXPECT_TRUE(source.WaitForFailed("encryption", 3));
  Feed(source, 0, 50);
  EXPECT_EQ(shelf.size(), 0);
  // The plain one gets its key: nothing else needs a restart.
  sink.stage.reset();
  sink = Sink(shelf, "sink", senders, input);
  ASSERT_TRUE(WaitSettled(50));
}

TEST_F(CurveTest, ThePeersKeyIsFoundAmongThoseAllowed) {
  Shelf shelf;
  std::vector<std::string> names = {Key("source")};
  std::vector<std::string> sinks;
  for (int i = 0; i < 6; ++i) sinks.push_back(Key("sink-" + std::to_string(i)));
  const std::string senders = Allow("senders", {"source"});
  std::vector<Party> parties;
  std::vector<std::string> endpoints;
  for (int i = 0; i < 3; ++i) {
    parties.push_back(Sink(shelf, sinks[2 * i], senders));
    endpoints.push_back(parties.back().stage->input_endpoint());
  }
  Party source = Source("source", Allow("sinks", sinks), endpoints);
  const auto connected = [&] {
    int count = 0;
    for (const PeerStatus& peer : source.stage->Status().peers) count += peer.connected;
    return count;
  };
  EXPECT_TRUE(WaitUntil([&] { return connected() == 3; }));
  EXPECT_EQ(source.Count("mentat_pipeline_failed_connections_total", "broken"), 0);
  // One gets a new key, which the source knows already.
  parties[0].stage.reset();
  ASSERT_TRUE(WaitUntil([&] { return connected() == 2; }));
  parties[0] = Sink(shelf, sinks[1], senders, endpoints[0]);
  EXPECT_TRUE(WaitUntil([&] { return connected() == 3; }));
}

TEST_F(CurveTest, ABadReloadKeepsTheOldKeys) {
  Shelf shelf;
  Key("source");
  Key("sink");
  const std::string senders = Allow("senders", {"source"});
  const Party sink = Sink(shelf, "sink", senders);
  Party source = Source("source", Allow("sinks", {"sink"}), {sink.stage->input_endpoint()});
  Feed(source, 0, 10);
  ASSERT_TRUE(WaitSettled(10));
  Allow("senders", {});
  fs::copy_file(folder_ / "sink.key_secret", fs::path(senders) / "sink.key");
  EXPECT_THAT(sink.stage->ReloadKeys(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 HasSubstr("pipeline.input.allowed_keys")));
  Feed(source, 10, 10);
  ASSERT_TRUE(WaitSettled(20));
}

}  // namespace
}  // namespace mentat::pipeline
