#include "services/controller/poller.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"

namespace mentat::controller {
namespace {

constexpr int kReconnectMs = 200;
constexpr int kMaxReconnectMs = 1000;
constexpr int kMaxAnswerBytes = 1 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // An instance that comes back is to be seen at once.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// One call on its way.
struct Call {
  grpc::ClientContext context;
  stage::v1::GetStatusResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<stage::v1::GetStatusResponse>> reader;
};

}  // namespace

struct Poller::Client {
  explicit Client(const std::string& address)
      : stub(stage::v1::StageAdmin::NewStub(Connect(address))) {}
  std::unique_ptr<stage::v1::StageAdmin::Stub> stub;
};

Poller::Poller(const config::v1::ControllerConfig& config, log::Logger log)
    : config_(config), log_(std::move(log)) {}

Poller::~Poller() = default;

void Poller::Run(std::stop_token stop) {
  const auto pause = absl::ToChronoMilliseconds(absl::Seconds(config_.poll_seconds()));
  while (!stop.stop_requested()) {
    Round();
    const MutexLock lock(mutex_);
    changed_.WaitFor(mutex_, stop, pause,
                     [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_ > started_; });
  }
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
}

absl::Status Poller::WaitForRound(absl::Duration timeout) {
  const MutexLock lock(mutex_);
  const uint64_t wanted = started_ + 1;
  wanted_ = std::max(wanted_, wanted);
  changed_.NotifyAll();
  const bool done = changed_.WaitFor(
      mutex_, absl::ToChronoMilliseconds(timeout),
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_ || finished_ >= wanted; });
  if (finished_ >= wanted) return absl::OkStatus();
  if (done) return absl::UnavailableError("the controller is ending");
  return absl::DeadlineExceededError("the instances could not all be asked in time");
}

void Poller::Round() {
  {
    const MutexLock lock(mutex_);
    ++started_;
  }
  const absl::Time now = absl::Now();
  std::vector<KnownStage> stages = FindStages(config_);
  std::vector<Instance*> asked;
  {
    const MutexLock lock(mutex_);
    for (const KnownStage& stage : stages) {
      for (const std::string& address : stage.addresses) {
        std::unique_ptr<Instance>& instance = instances_[address];
        if (instance == nullptr) {
          instance = std::make_unique<Instance>();
          instance->status.set_address(address);
          instance->answered = absl::InfinitePast();
        }
        if (instance->client == nullptr) instance->client = std::make_unique<Client>(address);
        instance->stage = stage.name;
        instance->listed = now;
        asked.push_back(instance.get());
      }
    }
    stages_ = std::move(stages);
  }
  std::vector<v1::InstanceStatus> answers;
  Ask(asked, answers);
  {
    const MutexLock lock(mutex_);
    Remember(asked, answers, absl::Now());
    MarkGone(now);
    time_ = absl::Now();
    finished_ = started_;
  }
  changed_.NotifyAll();
}

void Poller::Ask(const std::vector<Instance*>& instances,
                 std::vector<v1::InstanceStatus>& answers) const {
  const auto deadline = std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(absl::Seconds(config_.call_timeout_seconds()));
  grpc::CompletionQueue queue;
  std::vector<Call> calls(instances.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    Call& call = calls[i];
    call.context.set_deadline(deadline);
    call.reader = instances[i]->client->stub->AsyncGetStatus(&call.context, {}, &queue);
    call.reader->Finish(&call.response, &call.status, &call);
  }
  void* tag = nullptr;
  bool ok = false;
  for (size_t i = 0; i < calls.size(); ++i) queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  for (Call& call : calls) {
    v1::InstanceStatus& answer = answers.emplace_back();
    if (call.status.ok()) {
      answer.set_reachability(v1::REACHABILITY_ANSWERED);
      *answer.mutable_status() = std::move(*call.response.mutable_status());
    } else {
      answer.set_reachability(v1::REACHABILITY_UNREACHABLE);
      answer.set_error(call.status.error_message());
    }
  }
}

void Poller::Remember(const std::vector<Instance*>& asked, std::vector<v1::InstanceStatus>& answers,
                      absl::Time now) {
  for (size_t i = 0; i < asked.size(); ++i) {
    Instance& instance = *asked[i];
    v1::InstanceStatus& answer = answers[i];
    if (instance.status.reachability() != answer.reachability()) {
      log_.Info(answer.reachability() == v1::REACHABILITY_ANSWERED ? "instance answers"
                                                                   : "instance does not answer",
                {{"stage", instance.stage},
                 {"address", instance.status.address()},
                 {"error", answer.error()}});
    }
    instance.status.set_reachability(answer.reachability());
    instance.status.set_error(answer.error());
    if (answer.reachability() != v1::REACHABILITY_ANSWERED) continue;
    instance.answered = now;
    *instance.status.mutable_status() = std::move(*answer.mutable_status());
  }
}

void Poller::MarkGone(absl::Time now) {
  const absl::Duration keep = absl::Seconds(config_.forget_seconds());
  for (auto each = instances_.begin(); each != instances_.end();) {
    Instance& instance = *each->second;
    if (instance.listed >= now) {
      ++each;
      continue;
    }
    if (instance.status.reachability() != v1::REACHABILITY_GONE) {
      log_.Info("instance is gone",
                {{"stage", instance.stage}, {"address", instance.status.address()}});
    }
    instance.status.set_reachability(v1::REACHABILITY_GONE);
    instance.client = nullptr;
    // One that never answered has nothing to show.
    const bool forget = instance.answered == absl::InfinitePast() || now - instance.listed > keep;
    each = forget ? instances_.erase(each) : std::next(each);
  }
}

v1::GetStatusResponse Poller::Snapshot(const std::vector<std::string>& names) const {
  v1::GetStatusResponse response;
  const absl::Time now = absl::Now();
  const auto wanted = [&names](const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  std::map<std::string, v1::StageStatus*> stages;
  const MutexLock lock(mutex_);
  response.mutable_time()->set_seconds(absl::ToUnixSeconds(time_));
  const auto add_stage = [&](const std::string& name) {
    v1::StageStatus*& stage = stages[name];
    if (stage == nullptr) {
      stage = response.add_stages();
      stage->set_name(name);
    }
    return stage;
  };
  for (const KnownStage& known : stages_) {
    if (wanted(known.name)) add_stage(known.name)->set_error(known.error);
  }
  for (const auto& [address, instance] : instances_) {
    if (!wanted(instance->stage)) continue;
    v1::InstanceStatus& copy = *add_stage(instance->stage)->add_instances();
    copy = instance->status;
    if (instance->answered != absl::InfinitePast()) {
      copy.mutable_age()->set_seconds(absl::ToInt64Seconds(now - instance->answered));
    }
  }
  for (v1::StageStatus& stage : *response.mutable_stages()) {
    std::stable_sort(stage.mutable_instances()->begin(), stage.mutable_instances()->end(),
                     [](const v1::InstanceStatus& a, const v1::InstanceStatus& b) {
                       return a.status().instance() < b.status().instance();
                     });
  }
  return response;
}

v1::ListStagesResponse Poller::Stages() const {
  v1::ListStagesResponse response;
  const MutexLock lock(mutex_);
  for (const KnownStage& known : stages_) {
    v1::Stage& stage = *response.add_stages();
    stage.set_name(known.name);
    for (const std::string& address : known.addresses) stage.add_addresses(address);
  }
  return response;
}

}  // namespace mentat::controller
