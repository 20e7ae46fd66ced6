#include "common/pipeline/stage.h"

#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/base/status_macros.h"
#include "common/pipeline/frame.h"
#include "common/pipeline/keyring.h"
#include "common/pipeline/refusal.h"
#include "common/pipeline/resolver.h"
#include "common/pipeline/sockets.h"
#include "common/pipeline/stage_core.h"
#include "common/pipeline/stage_metrics.h"
#include "common/pipeline/tap.h"
#include "common/pipeline/worker_pool.h"

namespace mentat::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick(25);
constexpr milliseconds kPublish(100);
constexpr milliseconds kAckLinger(1000);
constexpr milliseconds kRetryPeers(5000);
constexpr milliseconds kAnswerWait(5000);

double SecondsSince(std::optional<Instant> then, Instant now) {
  return then ? std::chrono::duration<double>(now - *then).count() : 0;
}

// The endpoint that peers reach `bound` under: a wildcard address means nothing to them, and a name
// they would have to look up.
absl::StatusOr<std::string> Advertised(const std::string& bound, std::string host) {
  const size_t colon = bound.rfind(':');
  if (!bound.starts_with("tcp://") || colon == std::string::npos) return bound;
  if (host.empty()) {
    host = bound.substr(6, colon - 6);
    if (host == "0.0.0.0" || host == "[::]") host = OwnAddress();
  }
  // One that is forwarded to this process may have another port. An IPv6 address is in brackets.
  const bool has_port = host.rfind(':') != std::string::npos && host.back() != ']';
  absl::StatusOr<std::vector<std::string>> addresses =
      Resolve(absl::StrCat("tcp://", host, has_port ? "" : bound.substr(colon)));
  if (!addresses.ok()) {
    return absl::Status(addresses.status().code(),
                        absl::StrCat("pipeline.ack_advertise: ", addresses.status().message()));
  }
  return addresses->front();
}

// What a source handed over, on its way to the pipeline's thread.
struct Submission {
  Submission(SourceBatch batch, std::function<void(Outcomes)> settled)
      : batch(std::move(batch)), settled(std::move(settled)) {}
  SourceBatch batch;
  std::function<void(Outcomes)> settled;
};

class StageImpl : public Stage, public StageCore::Effects {
 public:
  using Stage::Submit;

  explicit StageImpl(StageOptions options) : options_(std::move(options)) {}
  ~StageImpl() override;

  absl::Status Init();

  absl::Status Start() override;
  absl::Status Submit(SourceBatch batch, std::function<void(Outcomes)> settled) override;
  absl::Status SetPeers(const std::string& output, std::vector<std::string> peers) override;
  void Pause() override {
    Await([this] { SetPaused(true); });
  }
  void Resume() override {
    Await([this] { SetPaused(false); });
  }
  absl::Status Drain(absl::Duration grace) override;
  absl::StatusOr<std::function<void()>> PrepareKeys() override;
  absl::Status Ready() const override;
  StageStatus Status() const override;
  absl::StatusOr<InFlight> ListInFlight(size_t limit) override;
  Tap& tap() override { return tap_; }
  std::string input_endpoint() const override { return sockets_->input_endpoint(); }

 private:
  bool SendBatch(const std::string&, PeerId peer, const BatchHeader& header, Body& body) override {
    return sockets_->SendToPeer(peer, EncodeBatch(header, body));
  }
  bool SendControl(const std::string&, PeerId peer, const v1::Control& control) override {
    return sockets_->SendToPeer(peer, SharedBytes::Of(EncodeFrame(FrameKind::kControl, control)));
  }
  void SendAck(const std::string& endpoint, const v1::Ack& ack) override;
  void Forget(const std::string& endpoint) override { sockets_->ForgetAck(endpoint); }
  void Rejected(const Rejection& rejection) override;

  // From any thread: runs in the pipeline's.
  void Post(std::function<void()> command);
  // The same, and returns when it has run; before Start and at the end it does not wait.
  void Await(std::function<void()> command);

  // The pipeline's thread.
  void Run(std::stop_token stop);
  void RunCommands();
  void Take(Submission submission);
  void OnFrame(const SharedBytes& shared, std::string_view key, bool from_ack_socket);
  void OnRefused(const Refusal& refusal);
  void LogKeyring() const;
  void UsePeers(const std::string& output, const std::set<std::string>& endpoints);
  void SetPaused(bool paused);
  void BeginDrain();
  void HandOutWork(Instant now);
  void Publish(Instant now, bool whole);

  StageOptions options_;
  Tap tap_;
  log::Logger log_ = options_.log.ForModule("pipeline");
  std::unique_ptr<Sockets> sockets_;
  std::unique_ptr<StageMetrics> metrics_;
  std::unique_ptr<StageCore> core_;
  std::vector<std::unique_ptr<Processor>> processors_;
  std::unique_ptr<WorkerPool> workers_;
  size_t busy_workers_ = 0;
  std::map<std::pair<std::string, std::string>, PeerId> peer_ids_;  // by output and endpoint
  std::map<PeerId, std::string> peer_outputs_;
  std::set<PeerId> leaving_;  // peers without a name any more that still hold something
  PeerId next_peer_ = 1;
  bool paused_ = false;
  bool draining_ = false;
  std::map<std::string, std::set<std::string>> unreached_;  // peers to try again, by output
  KeyPair own_key_;                         // constant after Init, as the key's file may not be
  std::shared_ptr<const Keyring> keyring_;  // null if nothing is encrypted

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<std::function<void()>> commands_ ABSL_GUARDED_BY(mutex_);
  StageStatus status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, bool> outputs_up_ ABSL_GUARDED_BY(mutex_);
  bool idle_ ABSL_GUARDED_BY(mutex_) = true;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;    // the pipeline's thread
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;  // Submit is over
  uint64_t awaited_ ABSL_GUARDED_BY(mutex_) = 0;  // commands that somebody waits for
  uint64_t awaited_done_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t submitted_events_ ABSL_GUARDED_BY(mutex_) = 0;  // handed over and not settled
  uint64_t submit_limit_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t submitted_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t submit_bytes_limit_ ABSL_GUARDED_BY(mutex_) = 0;

  std::map<std::string, std::unique_ptr<Resolver>> resolvers_;  // by output, from Start on
  std::jthread thread_;
};

StageImpl::~StageImpl() {
  resolvers_.clear();
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) {
    thread_.request_stop();
    sockets_->Wake();
    thread_.join();
  }
  workers_.reset();
}

absl::Status StageImpl::Init() {
  const config::v1::PipelineConfig& config = options_.config;
  const bool has_input = config.has_input();
  if (!has_input && config.outputs().empty()) {
    return absl::InvalidArgumentError("pipeline: neither an input nor an output");
  }
  if (has_input != (options_.make_processor != nullptr)) {
    return absl::InvalidArgumentError(
        has_input ? "pipeline.input: this service is a source and takes no input"
                  : "pipeline.input: this service needs one");
  }
  if (!config.outputs().empty() && !config.outputs().contains("default")) {
    return absl::InvalidArgumentError(
        "pipeline.outputs: none is named default, where events go that no rule sends elsewhere");
  }
  RETURN_IF_ERROR(CheckPeers(config));
  ASSIGN_OR_RETURN(keyring_, LoadKeyring(config));
  Sockets::Options sockets;
  sockets.keyring = keyring_;
  if (keyring_ != nullptr) {
    own_key_ = keyring_->own;
    LogKeyring();
  }
  if (has_input) sockets.input_bind = config.input().bind();
  if (!config.outputs().empty()) sockets.ack_bind = config.ack_bind();
  sockets.max_frame_bytes =
      std::max<int64_t>(config.max_batch_bytes(), config.max_event_bytes()) + (1 << 20);
  ASSIGN_OR_RETURN(sockets_, Sockets::Create(sockets));

  std::random_device device;
  std::mt19937_64 random((static_cast<uint64_t>(device()) << 32) | device());
  StageCore::Options core;
  core.name = options_.name;
  core.instance = options_.instance;
  core.process_dead_letters = options_.process_dead_letters;
  if (has_input) {
    core.receiver.emplace();
    core.receiver->epoch = random();
    core.receiver->max_held_events = config.input().max_held_events();
    core.receiver->max_held_bytes = config.input().max_held_bytes();
  }
  core.parse_events = options_.parse_events;
  core.max_event_bytes = config.max_event_bytes();
  core.max_batch_events = config.max_batch_events();
  core.max_batch_bytes = config.max_batch_bytes();
  std::string ack_endpoint;
  if (!config.outputs().empty()) {
    ASSIGN_OR_RETURN(ack_endpoint, Advertised(sockets_->ack_endpoint(), config.ack_advertise()));
  }
  std::vector<std::string> output_names;
  for (const auto& [name, output] : config.outputs()) {
    output_names.push_back(name);
    StageCore::Output& out = core.outputs[name];
    out.best_effort = output.best_effort();
    out.sender.stage = options_.name;
    out.sender.instance = options_.instance;
    out.sender.epoch = random();
    out.sender.seed = random();
    out.sender.ack_endpoint = ack_endpoint;
    out.sender.window_batches = output.window_batches();
    out.sender.window_events = output.window_events();
    out.sender.window_bytes = output.window_bytes();
    out.sender.ack_timeout = milliseconds(output.ack_timeout_ms());
    out.sender.resend_budget = output.resend_budget();
  }
  core_ = std::make_unique<StageCore>(std::move(core), this);
  if (options_.registry != nullptr) {
    metrics_ = std::make_unique<StageMetrics>(*options_.registry, output_names);
    metrics_->SetEncrypted(keyring_ != nullptr);
  }
  if (options_.make_processor) {
    for (uint32_t i = 0; i < std::max(1u, config.workers()); ++i) {
      processors_.push_back(options_.make_processor());
    }
  }
  const auto default_output = config.outputs().find("default");
  if (default_output != config.outputs().end()) {
    const MutexLock lock(mutex_);
    submit_limit_ = default_output->second.window_events();
    submit_bytes_limit_ = default_output->second.window_bytes();
  }
  Publish(steady_clock::now(), /*whole=*/true);
  return absl::OkStatus();
}

absl::Status StageImpl::Start() {
  {
    const MutexLock lock(mutex_);
    if (started_) return absl::FailedPreconditionError("the stage has been started already");
    started_ = true;
  }
  if (!processors_.empty()) {
    workers_ = std::make_unique<WorkerPool>(std::move(processors_), [this] { sockets_->Wake(); });
  }
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
  for (const auto& [name, output] : options_.config.outputs()) {
    const std::string output_name = name;
    resolvers_[name] = std::make_unique<Resolver>(
        std::vector<std::string>(output.peers().begin(), output.peers().end()),
        std::chrono::duration<double>(output.resolve_seconds()),
        [this, output_name](std::set<std::string> endpoints) {
          Post([this, output_name, endpoints = std::move(endpoints)] {
            UsePeers(output_name, endpoints);
          });
        },
        [this, output_name](const std::string& endpoint, const absl::Status& status) {
          log_.Warning("a peer's name has no address now; earlier ones stay in use",
                       {{"output", output_name}, {"peer", endpoint}, {"error", status}});
          if (metrics_) Post([this, output_name] { metrics_->FailedResolve(output_name); });
        });
  }
  return absl::OkStatus();
}

// --- Other threads
// --------------------------------------------------------------------------------

void StageImpl::Post(std::function<void()> command) {
  {
    const MutexLock lock(mutex_);
    commands_.push_back(std::move(command));
  }
  sockets_->Wake();
}

void StageImpl::Await(std::function<void()> command) {
  uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    number = ++awaited_;
    commands_.push_back([this, command = std::move(command)] {
      command();
      {
        const MutexLock lock(mutex_);
        ++awaited_done_;
      }
      changed_.NotifyAll();
    });
  }
  sockets_->Wake();
  const MutexLock lock(mutex_);
  if (!started_) return;
  changed_.WaitFor(mutex_, kAnswerWait, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return awaited_done_ >= number || closing_;
  });
}

absl::Status StageImpl::SetPeers(const std::string& output, std::vector<std::string> peers) {
  for (const std::string& peer : peers) RETURN_IF_ERROR(CheckEndpoint(peer));
  const auto it = resolvers_.find(output);
  if (it == resolvers_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no output ", output, " that was started"));
  }
  it->second->SetEndpoints(std::move(peers));
  return absl::OkStatus();
}

absl::Status StageImpl::Submit(SourceBatch batch, std::function<void(Outcomes)> settled) {
  const uint64_t count = batch.size();
  const uint64_t bytes = batch.bytes();
  if (tap_.listened()) tap_.Offer(ViewOf(batch.body()));
  {
    const MutexLock lock(mutex_);
    changed_.Wait(mutex_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const bool room = submitted_events_ == 0 || (submitted_events_ + count <= submit_limit_ &&
                                                   submitted_bytes_ + bytes <= submit_bytes_limit_);
      return closing_ || (room && !status_.paused);
    });
    if (closing_) return absl::UnavailableError("the stage is stopping");
    submitted_events_ += count;
    submitted_bytes_ += bytes;
    // With the commands, under the same lock: a drain that begins now comes after it.
    commands_.push_back(
        [this, submission = std::make_shared<Submission>(std::move(batch), std::move(settled))] {
          Take(std::move(*submission));
        });
  }
  sockets_->Wake();
  return absl::OkStatus();
}

absl::Status StageImpl::Drain(absl::Duration grace) {
  {
    const MutexLock lock(mutex_);
    if (closing_) return absl::FailedPreconditionError("the stage is being drained already");
    closing_ = true;
    if (!started_) return absl::OkStatus();
  }
  changed_.NotifyAll();
  Post([this] { BeginDrain(); });
  bool idle = false;
  uint64_t left = 0;
  {
    const MutexLock lock(mutex_);
    const auto deadline = steady_clock::now() + absl::ToChronoMilliseconds(grace);
    idle = changed_.WaitUntil(mutex_, deadline, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return status_.draining && idle_;
    });
    if (!idle && workers_ != nullptr) {
      // What still waits for something gives its events back, so that the senders know at once.
      workers_->RequestStop();
      changed_.WaitFor(mutex_, kAckLinger,
                       [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return idle_; });
    }
    left = status_.ledger.in_flight;
  }
  if (thread_.joinable()) {
    thread_.request_stop();
    sockets_->Wake();
    thread_.join();
  }
  sockets_->LingerForAcks(kAckLinger);
  if (!idle) {
    return absl::DeadlineExceededError(
        absl::StrCat(left, " events were not settled in time and are left to the senders"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::function<void()>> StageImpl::PrepareKeys() {
  if (!options_.config.has_curve()) return [] {};
  ASSIGN_OR_RETURN(std::shared_ptr<const Keyring> keyring, LoadKeyring(options_.config, &own_key_));
  return [this, keyring = std::move(keyring)] {
    Await([this, keyring] {
      keyring_ = keyring;
      sockets_->SetKeyring(keyring);
      LogKeyring();
    });
  };
}

absl::Status StageImpl::Ready() const {
  const MutexLock lock(mutex_);
  if (!started_) return absl::UnavailableError("the pipeline has not been started");
  if (status_.draining) return absl::UnavailableError("draining");
  if (status_.paused) return absl::UnavailableError("paused");
  for (const auto& [name, up] : outputs_up_) {
    if (!up && !options_.config.outputs().at(name).best_effort()) {
      return absl::UnavailableError(absl::StrCat("no peer of output ", name, " answers"));
    }
  }
  return absl::OkStatus();
}

StageStatus StageImpl::Status() const {
  const MutexLock lock(mutex_);
  return status_;
}

absl::StatusOr<InFlight> StageImpl::ListInFlight(size_t limit) {
  const auto answer = std::make_shared<std::optional<InFlight>>();
  const auto list = [this, answer, limit] {
    InFlight listed = core_->ListInFlight(limit, steady_clock::now());
    {
      const MutexLock lock(mutex_);
      *answer = std::move(listed);
    }
    changed_.NotifyAll();
  };
  {
    const MutexLock lock(mutex_);
    if (!started_) return InFlight();
    commands_.push_back(list);
  }
  sockets_->Wake();
  const MutexLock lock(mutex_);
  changed_.WaitFor(mutex_, kAnswerWait, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return answer->has_value() || ended_;
  });
  if (answer->has_value()) return **answer;
  if (ended_) return absl::UnavailableError("the pipeline has ended");
  return absl::DeadlineExceededError("the pipeline's thread does not answer");
}

// --- The pipeline's thread
// ------------------------------------------------------------------------

void StageImpl::SendAck(const std::string& endpoint, const v1::Ack& ack) {
  if (absl::Status status = sockets_->SendAck(endpoint, EncodeFrame(FrameKind::kAck, ack));
      !status.ok()) {
    log_.Debug("an acknowledgement was not sent; the sender will ask again", {{"error", status}});
  }
}

void StageImpl::Rejected(const Rejection& rejection) {
  log_.Warning("an event became a dead letter",
               {{"event", rejection.event},
                {"batch", rejection.batch},
                {"reason", v1::Reason_Name(rejection.dead_letter.reason())},
                {"error", rejection.dead_letter.message()}});
}

void StageImpl::Run(std::stop_token stop) {
  const Sockets::Handlers handlers = {
      .on_input = [this](const SharedBytes& frame,
                         std::string_view key) { OnFrame(frame, key, /*from_ack_socket=*/false); },
      .on_ack =
          [this](std::string_view frame) {
            OnFrame({nullptr, frame}, "", /*from_ack_socket=*/true);
          },
      .on_connected =
          [this](uint32_t peer) {
            if (const auto it = peer_outputs_.find(peer); it != peer_outputs_.end()) {
              core_->sender(it->second).Connected(peer, steady_clock::now());
            }
          },
      .on_disconnected =
          [this](uint32_t peer) {
            if (const auto it = peer_outputs_.find(peer); it != peer_outputs_.end()) {
              log_.Info("the connection to a peer broke",
                        {{"output", it->second}, {"peer", uint64_t{peer}}});
              core_->sender(it->second).Disconnected(peer, steady_clock::now());
            }
          },
      .on_refused = [this](const Refusal& refusal) { OnRefused(refusal); },
  };
  Instant next_tick = steady_clock::now();
  Instant next_publish = next_tick;
  Instant next_retry = next_tick;
  while (!stop.stop_requested()) {
    RunCommands();
    sockets_->Poll(kTick, handlers);
    RunCommands();
    const Instant now = steady_clock::now();
    if (workers_ != nullptr) {
      for (std::unique_ptr<Job>& job : workers_->Collect()) {
        --busy_workers_;
        core_->FinishJob(std::move(job), now);
      }
      HandOutWork(now);
    }
    if (now >= next_tick) {
      next_tick = now + kTick;
      core_->Tick(now);
      for (auto it = leaving_.begin(); it != leaving_.end();) {
        const PeerId peer = *it;
        if (!core_->sender(peer_outputs_.at(peer)).IsIdle(peer)) {
          ++it;
          continue;
        }
        sockets_->RemovePeer(peer);
        peer_outputs_.erase(peer);
        it = leaving_.erase(it);
      }
    }
    core_->Flush();
    const bool whole = now >= next_publish;
    if (whole) next_publish = now + kPublish;
    if (now >= next_retry) {
      next_retry = now + kRetryPeers;
      for (const auto& [output, endpoints] : std::exchange(unreached_, {})) {
        UsePeers(output, endpoints);
      }
    }
    Publish(now, whole);
  }
  Publish(steady_clock::now(), /*whole=*/true);
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  changed_.NotifyAll();
}

void StageImpl::RunCommands() {
  std::vector<std::function<void()>> commands;
  {
    const MutexLock lock(mutex_);
    commands.swap(commands_);
  }
  for (const auto& command : commands) command();
}

void StageImpl::OnRefused(const Refusal& refusal) {
  if (metrics_) metrics_->Refused(refusal);
  LogRefusal(log_, refusal, keyring_ == nullptr ? "" : keyring_->Name(refusal.key));
}

void StageImpl::LogKeyring() const {
  log_.Info("connections are encrypted", {{"key", own_key_.public_key}});
  const auto tell = [&](const std::string& edge, const PublicKeys& keys) {
    if (keys.empty()) {
      log_.Warning("no key is allowed, so nobody can connect", {{"edge", edge}});
      return;
    }
    std::string names;
    for (const auto& [key, name] : keys) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    log_.Info("allowed keys", {{"edge", edge}, {"count", keys.size()}, {"names", names}});
  };
  if (options_.config.has_input()) tell("input", keyring_->senders);
  for (const auto& [output, keys] : keyring_->receivers) tell("output " + output, keys);
}

void StageImpl::Take(Submission submission) {
  const uint64_t count = submission.batch.size();
  const uint64_t bytes = submission.batch.bytes();
  core_->Submit(
      std::move(submission.batch),
      [this, count, bytes, settled = std::move(submission.settled)](Outcomes outcomes) {
        settled(std::move(outcomes));
        {
          const MutexLock lock(mutex_);
          submitted_events_ -= count;
          submitted_bytes_ -= bytes;
        }
        changed_.NotifyAll();
      },
      steady_clock::now());
}

void StageImpl::OnFrame(const SharedBytes& shared, std::string_view key, bool from_ack_socket) {
  const std::string_view bytes = shared.bytes;
  const absl::StatusOr<Frame> frame = DecodeFrame(bytes);
  const auto refuse = [&](std::string_view reason) {
    if (metrics_) metrics_->RefusedFrame(reason);
    log_.Warning("a frame was refused", {{"reason", reason}, {"bytes", bytes.size()}});
  };
  if (!frame.ok()) {
    const absl::string_view message = frame.status().message();
    refuse(std::string_view(message.data(), message.size()));
    return;
  }
  const auto parse = [&](google::protobuf::MessageLite& message) {
    if (message.ParseFromArray(frame->payload.data(), static_cast<int>(frame->payload.size()))) {
      return true;
    }
    refuse("message");
    return false;
  };
  // Acknowledgements go to the owner of the key that the frame came under, whatever the frame says.
  const auto ack_address = [&](std::string* endpoint) {
    if (!endpoint->empty()) *endpoint = Sockets::AckAddress(key, *endpoint);
  };
  const Instant now = steady_clock::now();
  if ((frame->kind == FrameKind::kAck) != from_ack_socket) {
    refuse("unexpected");
  } else if (frame->kind == FrameKind::kAck) {
    v1::Ack ack;
    if (parse(ack)) core_->OnAck(ack, now);
  } else if (frame->kind == FrameKind::kBatch) {
    absl::StatusOr<BatchView> batch = DecodeBatch(frame->payload, kMaxBatchEvents);
    if (!batch.ok()) {
      refuse(batch.status().message() == "events" ? "events" : "message");
      return;
    }
    std::string address(batch->header.ack_endpoint);
    ack_address(&address);
    batch->header.ack_endpoint = address;
    batch->frame = shared.owner;
    core_->OnBatch(*std::move(batch), now);
  } else {
    v1::Control control;
    if (!parse(control)) return;
    if (control.has_hello()) ack_address(control.mutable_hello()->mutable_ack_endpoint());
    core_->OnControl(control, now);
  }
}

void StageImpl::UsePeers(const std::string& output, const std::set<std::string>& endpoints) {
  Sender& sender = core_->sender(output);
  unreached_.erase(output);
  for (auto it = peer_ids_.begin(); it != peer_ids_.end();) {
    const auto& [key, peer] = *it;
    if (key.first != output || endpoints.contains(key.second)) {
      ++it;
      continue;
    }
    log_.Info("a peer left", {{"output", output}, {"peer", key.second}});
    sender.RemovePeer(peer, steady_clock::now());
    leaving_.insert(peer);
    it = peer_ids_.erase(it);
  }
  for (const std::string& endpoint : endpoints) {
    if (peer_ids_.contains({output, endpoint})) continue;
    const PeerId peer = next_peer_++;
    if (absl::Status status = sockets_->AddPeer(peer, output, endpoint); !status.ok()) {
      log_.Error("a peer cannot be used now", {{"output", output}, {"error", status}});
      unreached_[output] = endpoints;  // once more, later
      continue;
    }
    log_.Info("a peer joined", {{"output", output}, {"peer", endpoint}});
    peer_ids_[{output, endpoint}] = peer;
    peer_outputs_[peer] = output;
    sender.AddPeer(peer, endpoint);
  }
}

void StageImpl::SetPaused(bool paused) {
  if (draining_ || paused == paused_) return;
  paused_ = paused;
  core_->Close(/*closed=*/paused, /*returning=*/false);
  Publish(steady_clock::now(), /*whole=*/true);
  changed_.NotifyAll();
}

void StageImpl::BeginDrain() {
  draining_ = true;
  paused_ = false;
  core_->Close(/*closed=*/true, /*returning=*/true);
}

void StageImpl::HandOutWork(Instant now) {
  while (!paused_ && busy_workers_ < workers_->size()) {
    std::unique_ptr<Job> job = core_->NextJob(options_.config.max_call_events(), now);
    if (job == nullptr) return;
    job->tap = &tap_;
    ++busy_workers_;
    // The sender has to know what was begun before that can kill this process.
    core_->Flush();
    workers_->Push(std::move(job));
  }
}

// Makes the state known to the other threads; `whole` includes what takes longer to gather.
void StageImpl::Publish(Instant now, bool whole) {
  bool notify = false;
  {
    const MutexLock lock(mutex_);
    status_.ledger = core_->ledger();
    status_.paused = paused_;
    status_.draining = draining_;
    const bool idle = core_->idle() && commands_.empty() && submitted_events_ == 0;
    notify = draining_ && idle;
    idle_ = idle;
    for (const auto& [name, _] : options_.config.outputs()) {
      outputs_up_[name] = core_->sender(name).any_up();
    }
    if (whole) {
      status_.peers.clear();
      status_.outputs.clear();
      status_.resent_batches = 0;
      status_.late_acks = 0;
      for (const auto& [name, config] : options_.config.outputs()) {
        const Sender& sender = core_->sender(name);
        const uint64_t limit =
            uint64_t{config.window_events()} * std::max(1, sender.usable_peers());
        if (name == "default" && limit != submit_limit_) {
          submit_limit_ = limit;
          submit_bytes_limit_ =
              uint64_t{config.window_bytes()} * std::max(1, sender.usable_peers());
          notify = true;
        }
        const Sender::Counters& counters = sender.counters();
        status_.resent_batches += counters.resent_batches;
        status_.late_acks += counters.late_acks;
        status_.outputs.push_back({name, counters.batches, counters.events, counters.settled_events,
                                   counters.resent_batches, counters.late_acks,
                                   core_->given_up_events(name)});
        for (const auto& [id, peer] : sender.peers()) {
          status_.peers.push_back({name, peer.address, peer.up, peer.batches, peer.events,
                                   SecondsSince(peer.oldest, now), config.window_events(),
                                   peer.settled_events});
        }
      }
      status_.oldest_seconds = SecondsSince(core_->oldest(), now);
    }
  }
  if (notify) changed_.NotifyAll();
  if (whole && metrics_) metrics_->Update(*core_, now);
}

}  // namespace

absl::Status CheckPeers(const config::v1::PipelineConfig& config) {
  for (const auto& [name, output] : config.outputs()) {
    for (const std::string& peer : output.peers()) {
      if (absl::Status status = CheckEndpoint(peer); !status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("pipeline.outputs.", name, ".peers: ", status.message()));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Stage::ReloadKeys() {
  ASSIGN_OR_RETURN(const std::function<void()> use, PrepareKeys());
  use();
  return absl::OkStatus();
}

absl::Status Stage::Submit(std::vector<SourceEvent> events, std::function<void(Outcomes)> settled) {
  SourceBatch batch;
  for (const SourceEvent& event : events) {
    if (event.is_dead_letter) {
      batch.AddDeadLetter(event.event, event.received_at, event.dead_letter);
    } else {
      batch.Add(event.event, event.received_at);
    }
  }
  return Submit(std::move(batch), std::move(settled));
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Create(StageOptions options) {
  auto stage = std::make_unique<StageImpl>(std::move(options));
  RETURN_IF_ERROR(stage->Init());
  return stage;
}

}  // namespace mentat::pipeline
