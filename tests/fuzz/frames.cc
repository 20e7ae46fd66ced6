// Frames from any peer, into a whole stage without sockets: batches, acknowledgements, controls.
// The input is taken apart into messages, each a byte for its kind, two for its length, the
// payload. Whatever comes, the ledger closes.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/pipeline/batch.h"
#include "common/pipeline/frame.h"
#include "common/pipeline/stage.h"
#include "common/pipeline/stage_core.h"
#include "google/protobuf/stubs/logging.h"
#include "mentat/pipeline/v1/batch.pb.h"
#include "tests/fuzz/require.h"

namespace pipeline = mentat::pipeline;
namespace v1 = mentat::pipeline::v1;
using mentat::fuzz::Require;

namespace {

constexpr pipeline::PeerId kPeer = 1;
// What the corpus addresses.
constexpr uint64_t kSenderEpoch = 0x1111;
constexpr uint64_t kReceiverEpoch = 0x2222;

class World : public pipeline::StageCore::Effects {
 public:
  bool SendBatch(const std::string&, pipeline::PeerId, const pipeline::BatchHeader& header,
                 pipeline::Body& body) override {
    Require(pipeline::DecodeFrame(pipeline::EncodeBatch(header, body).bytes).ok(),
            "what is sent is a frame");
    return true;
  }
  bool SendControl(const std::string&, pipeline::PeerId, const v1::Control&) override {
    return true;
  }
  void SendAck(const std::string&, const v1::Ack& ack) override {
    pipeline::EncodeFrame(pipeline::FrameKind::kAck, ack);
  }
  void Forget(const std::string&) override {}
  void Rejected(const pipeline::Rejection&) override {}
};

class Forwarder : public pipeline::Processor {
 public:
  void Process(std::span<pipeline::Item> items, std::stop_token) override {
    for (pipeline::Item& item : items) {
      switch (item.wire().size() % 5) {
        case 0:
          item.Drop("rule");
          break;
        case 1:
          item.Duplicate("default");
          break;
        case 2:
          item.Retry();
          break;
        default:
          break;
      }
    }
  }
};

// The generated parser says the same of the payload, but for what is over a limit and for endpoints
// beyond ASCII.
void RequireAgreement(const absl::StatusOr<pipeline::BatchView>& batch, std::string_view payload) {
  v1::Batch expected;
  const bool sound = expected.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  Require(sound || !batch.ok(), "what the generated parser refuses is refused");
  if (!batch.ok()) return;
  Require(batch->header.epoch == expected.epoch() && batch->header.id == expected.id() &&
              batch->header.attempt == expected.attempt() &&
              batch->header.ack_endpoint == expected.ack_endpoint() &&
              batch->header.deadline_ms == expected.deadline_ms() &&
              batch->header.isolated == expected.isolated() &&
              batch->items.size() == static_cast<size_t>(expected.items_size()),
          "the header is what the generated parser reads");
  for (int i = 0; i < expected.items_size(); ++i) {
    const pipeline::ItemView& item = batch->items[i];
    Require(item.event == expected.items(i).event() &&
                item.received_at == expected.items(i).received_at() &&
                item.heartbeat == expected.items(i).heartbeat() &&
                (item.dead_letter != nullptr) == expected.items(i).has_dead_letter(),
            "an item is what the generated parser reads");
    if (item.dead_letter != nullptr) {
      Require(item.dead_letter->SerializeAsString() ==
                  expected.items(i).dead_letter().SerializeAsString(),
              "a dead letter is what the generated parser reads");
    }
  }
}

void RequireWhole(std::string_view payload) {
  std::string bytes(pipeline::kFrameHeaderBytes, '\0');
  pipeline::WriteFrameHeader(pipeline::FrameKind::kBatch, payload, "", bytes.data());
  bytes += payload;
  const absl::StatusOr<pipeline::Frame> frame = pipeline::DecodeFrame(bytes);
  Require(frame.ok() && frame->kind == pipeline::FrameKind::kBatch && frame->payload == payload,
          "a frame is read as it was written");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  Require(!pipeline::DecodeFrame(bytes).ok(), "a flipped bit is noticed");
}

pipeline::StageCore::Options StageOptions() {
  pipeline::StageCore::Options options;
  options.name = "fuzzed";
  options.instance = "1";
  options.receiver.emplace();
  options.receiver->epoch = kReceiverEpoch;
  options.receiver->max_held_events = 64;
  options.receiver->max_held_bytes = 1 << 16;
  options.receiver->remembered = 8;
  options.receiver->max_senders = 4;
  auto& sender = options.outputs["default"].sender;
  sender.stage = "fuzzed";
  sender.instance = "1";
  sender.epoch = kSenderEpoch;
  sender.ack_endpoint = "tcp://127.0.0.1:1";
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  // A frame as it comes from a socket; that its checksum fits is not to be hoped for, so that the
  // payloads below are given one that does.
  pipeline::DecodeFrame(input).status().IgnoreError();

  World world;
  pipeline::StageCore core(StageOptions(), &world);
  Forwarder forwarder;
  static auto& workspace = *new pipeline::Workspace();
  pipeline::Instant now{};
  core.sender("default").AddPeer(kPeer, "tcp://127.0.0.1:2");
  core.sender("default").Connected(kPeer, now);
  while (input.size() >= 3) {
    const unsigned kind = static_cast<unsigned char>(input[0]) % 6;
    const size_t length = static_cast<unsigned char>(input[1]) |
                          static_cast<size_t>(static_cast<unsigned char>(input[2])) << 8;
    const std::string_view payload = input.substr(3, length);
    input.remove_prefix(3 + payload.size());
    RequireWhole(payload);
    now += std::chrono::milliseconds(100);
    switch (kind) {
      case 0: {
        absl::StatusOr<pipeline::BatchView> batch =
            pipeline::DecodeBatch(payload, pipeline::kMaxBatchEvents);
        RequireAgreement(batch, payload);
        if (batch.ok()) core.OnBatch(*std::move(batch), now);
        break;
      }
      case 1: {
        v1::Ack ack;
        if (ack.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
          core.OnAck(ack, now);
        }
        break;
      }
      case 2: {
        v1::Control control;
        if (control.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
          core.OnControl(control, now);
        }
        break;
      }
      case 3:
        now += std::chrono::milliseconds(10) * static_cast<int>(length % 1000);
        break;
      case 4:
        core.sender("default").Disconnected(kPeer, now);
        core.sender("default").Connected(kPeer, now);
        break;
      default:
        core.Close(length % 2 == 1, length % 4 >= 2);
        break;
    }
    while (auto job = core.NextJob(16, now)) {
      pipeline::RunJob(*job, forwarder, workspace, {});
      core.FinishJob(std::move(job), now);
    }
    core.Tick(now);
    core.Flush();
    const pipeline::Ledger& ledger = core.ledger();
    Require(ledger.received == ledger.forwarded + ledger.dropped + ledger.rejected + ledger.stored +
                                   ledger.retried + ledger.in_flight,
            "the ledger closes");
  }
  return 0;
}
