#include "common/service/frame.h"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/service/event_calls.h"
#include "common/service/metrics.h"
#include "common/service/process_stats.h"
#include "common/service/version.h"
#include "mentat/stage/v1/stage_admin.pb.h"
#include "prometheus/metric_family.h"

namespace mentat::service {
namespace {

constexpr std::chrono::milliseconds kTick(250);

void ToProto(absl::Time time, google::protobuf::Timestamp& proto) {
  const int64_t micros = absl::ToUnixMicros(time);
  proto.set_seconds(micros / 1'000'000);
  proto.set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
}

void ToProto(double seconds, google::protobuf::Duration& proto) {
  const auto whole = static_cast<int64_t>(seconds);
  proto.set_seconds(whole);
  proto.set_nanos(static_cast<int32_t>((seconds - static_cast<double>(whole)) * 1e9));
}

}  // namespace

Frame::Frame(FrameOptions options)
    : options_(std::move(options)),
      log_(log::Logger(options_.sink, "service")),
      start_time_(absl::Now()),
      statistics_(log_, options_.stage, start_time_, options_.statistics_interval),
      readiness_(absl::UnavailableError("starting")),
      config_(options_.config) {}

Frame::~Frame() { Stop(); }

void Frame::Start(AdminServer& admin) {
  admin_ = &admin;
  started_ = true;
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

void Frame::BeginDrain() {
  draining_ = true;
  options_.runlog->Mark("draining");
  Evaluate();
}

void Frame::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void Frame::RequestReload() {
  {
    const MutexLock lock(mutex_);
    reload_requested_ = true;
  }
  wake_.NotifyAll();
}

void Frame::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    Evaluate();
    const absl::Time now = absl::Now();
    SampleRates(now);
    TrimIfIdle();
    statistics_.Tick(now);
    NotifyWatchdog(now);
    options_.sink->TellHeldBack(/*at_end=*/false);
    options_.reloader->DropExpired();
    {
      const MutexLock lock(mutex_);
      wake_.WaitFor(mutex_, stop, kTick,
                    [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return reload_requested_; });
      if (!std::exchange(reload_requested_, false)) continue;
    }
    if (absl::Status status = options_.sink->Reopen(); !status.ok()) {
      log_.Error("cannot open the log file again", {{"error", status}});
    }
    options_.notifier.Reloading();
    // What went wrong has been logged.
    options_.reloader->Reload().IgnoreError();
    options_.notifier.Ready();
  }
}

absl::Status Frame::CheckReadiness() const {
  if (draining_) return absl::UnavailableError("draining");
  if (options_.stage != nullptr && options_.service->NeedsPipeline()) {
    if (absl::Status status = options_.stage->Ready(); !status.ok()) return status;
  }
  return options_.service->Ready();
}

absl::Status Frame::readiness() const {
  const MutexLock lock(mutex_);
  return readiness_;
}

void Frame::Evaluate() {
  const MutexLock one_at_a_time(evaluate_mutex_);
  const absl::Status now = CheckReadiness();
  const bool paused = options_.stage != nullptr && options_.stage->Status().paused;
  {
    const MutexLock lock(mutex_);
    if (readiness_ == now && paused_ == paused) return;
    if (paused_ != paused) options_.runlog->Mark(paused ? "paused" : "resumed");
    if (readiness_ != now && !draining_) {
      options_.runlog->Mark(now.ok() ? "ready" : absl::StrCat("not ready: ", now.message()));
    }
  }
  if (now.ok()) {
    log_.Info("ready");
  } else {
    log_.Info("not ready", {{"reason", std::string(now.message())}});
  }
  // Health first, so that whoever reads the status finds that health says the same.
  admin_->SetServing(now.ok());
  options_.notifier.Status(now.ok() ? "ready" : absl::StrCat("not ready: ", now.message()));
  {
    const MutexLock lock(mutex_);
    readiness_ = now;
    if (paused && !paused_) paused_since_ = absl::Now();
    paused_ = paused;
  }
  admin_->NotifyChanged();
}

void Frame::SampleRates(absl::Time now) {
  if (options_.stage == nullptr) return;
  const pipeline::StageStatus status = options_.stage->Status();
  const MutexLock lock(mutex_);
  rates_.Add(now, status);
}

void Frame::TrimIfIdle() {
  {
    const MutexLock lock(mutex_);
    if (!rates_.idle() || rates_.last_received() == trimmed_at_) return;
    trimmed_at_ = rates_.last_received();
  }
  malloc_trim(0);
}

Rates Frame::rates() const {
  const MutexLock lock(mutex_);
  return rates_;
}

void Frame::LogStatistics() { statistics_.Write(absl::Now()); }

void Frame::ToggleDebug() {
  const bool debug = options_.sink->ToggleDebug();
  log_.Unlimited().Info(debug ? "everything is logged until the next SIGUSR2"
                              : "the log levels are as before");
}

void Frame::NotifyWatchdog(absl::Time now) {
  const absl::Duration interval = options_.notifier.watchdog_interval();
  if (interval == absl::InfiniteDuration() || now < watchdog_due_) return;
  watchdog_due_ = now + interval / 3;
  options_.notifier.Watchdog();
}

void Frame::FillStatus(stage::v1::Status& status) const {
  status.set_service(options_.name);
  status.set_instance(options_.instance);
  status.set_version(std::string(kVersion));
  status.set_pid(::getpid());
  ToProto(start_time_, *status.mutable_start_time());
  ToProto(absl::Now(), *status.mutable_time());
  status.set_memory_bytes(ReadProcessStats().resident_bytes);

  const absl::Status readiness = this->readiness();
  status.set_state(readiness.ok() ? stage::v1::STATE_READY : stage::v1::STATE_NOT_READY);
  status.set_not_ready_reason(std::string(readiness.message()));
  const Reloader::InUse in_use = options_.reloader->in_use();
  status.set_reload_version(in_use.version);
  status.set_reload_digest(in_use.digest);
  for (const auto& [name, text] : options_.service->Details()) {
    (*status.mutable_details())[name] = text;
  }
  if (options_.stage != nullptr) {
    const pipeline::StageStatus stage = options_.stage->Status();
    const Rates rates = this->rates();
    {
      const MutexLock lock(mutex_);
      if (paused_) {
        status.set_state(stage::v1::STATE_PAUSED);
        ToProto(paused_since_, *status.mutable_paused_since());
      }
    }
    ToProto(stage.ledger, *status.mutable_ledger());
    status.set_received_per_second(rates.received());
    status.set_settled_per_second(rates.settled());
    status.set_resent_batches(stage.resent_batches);
    status.set_late_acks(stage.late_acks);
    ToProto(stage.oldest_seconds, *status.mutable_oldest_event_age());
    status.set_input_endpoint(options_.stage->input_endpoint());
    for (const pipeline::PeerStatus& peer : stage.peers) {
      stage::v1::Peer& proto = *status.add_peers();
      proto.set_output(peer.output);
      proto.set_endpoint(peer.endpoint);
      proto.set_connected(peer.connected);
      proto.set_outstanding_batches(peer.outstanding_batches);
      proto.set_outstanding_events(peer.outstanding_events);
      ToProto(peer.oldest_seconds, *proto.mutable_oldest_age());
      proto.set_window_events(peer.window_events);
      proto.set_settled_events(peer.settled_events);
      proto.set_events_per_second(rates.peer(peer.output, peer.endpoint));
    }
  }
  if (!started_) status.set_state(stage::v1::STATE_STARTING);
  if (draining_) status.set_state(stage::v1::STATE_DRAINING);
}

absl::Status Frame::Pause() {
  if (options_.stage == nullptr) return NoPipeline();
  log_.Info("paused by a call");
  options_.stage->Pause();
  if (started_) Evaluate();  // so that whoever asks next is told so
  return absl::OkStatus();
}

absl::Status Frame::Resume() {
  if (options_.stage == nullptr) return NoPipeline();
  log_.Info("resumed by a call");
  options_.stage->Resume();
  if (started_) Evaluate();
  return absl::OkStatus();
}

absl::Status Frame::Drain() {
  log_.Info("told to drain by a call");
  options_.on_drain();
  return absl::OkStatus();
}

std::vector<ConfigEntry> Frame::Config() const {
  const MutexLock lock(mutex_);
  return config_;
}

void Frame::SetConfig(std::vector<ConfigEntry> config) {
  const MutexLock lock(mutex_);
  config_ = std::move(config);
}

absl::StatusOr<std::string> Frame::SetLogLevel(const std::string& level,
                                               const std::string& module) {
  const std::optional<log::Level> parsed = log::ParseLevel(level);
  if (!parsed.has_value() && (module.empty() || !level.empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat("level: expected debug, info, warning or error",
                     module.empty() ? "" : ", or nothing for that of the process"));
  }
  log::Level previous = options_.sink->level();
  if (module.empty()) {
    options_.sink->set_level(*parsed);
  } else {
    ASSIGN_OR_RETURN(previous, options_.sink->SetModuleLevel(module, parsed));
  }
  log_.Unlimited().Info("log level changed",
                        {{"of", module}, {"from", log::LevelName(previous)}, {"to", level}});
  return std::string(log::LevelName(previous));
}

std::vector<prometheus::MetricFamily> Frame::CollectMetrics() const {
  const ProcessStats process = ReadProcessStats();
  std::vector<Sample> records;
  for (const log::Level level :
       {log::Level::kDebug, log::Level::kInfo, log::Level::kWarning, log::Level::kError}) {
    records.push_back({static_cast<double>(options_.sink->written(level)),
                       {{"level", std::string(log::LevelName(level))}}});
  }
  std::vector<prometheus::MetricFamily> families = {
      GaugeFamily("mentat_build_info", "1, with the service and version that runs.",
                  {{1, {{"service", options_.name}, {"version", std::string(kVersion)}}}}),
      GaugeFamily("mentat_process_start_time_seconds", "When the process started, Unix time.",
                  {{absl::ToDoubleSeconds(start_time_ - absl::UnixEpoch())}}),
      GaugeFamily("mentat_process_resident_memory_bytes", "Memory that the process holds.",
                  {{static_cast<double>(process.resident_bytes)}}),
      GaugeFamily("mentat_process_open_fds", "File descriptors in use.",
                  {{static_cast<double>(process.open_fds)}}),
      GaugeFamily("mentat_process_max_fds", "File descriptors that may be in use.",
                  {{static_cast<double>(process.max_fds)}}),
      CounterFamily("mentat_process_cpu_seconds_total", "Processor time used.",
                    {{process.cpu_seconds}}),
      GaugeFamily("mentat_ready", "1 if the service can do its work now, else 0.",
                  {{readiness().ok() ? 1.0 : 0.0}}),
      CounterFamily("mentat_reloads_total", "Reloads of rules and tables, by result.",
                    {{static_cast<double>(options_.reloader->reloads()), {{"result", "ok"}}},
                     {static_cast<double>(options_.reloader->refused()), {{"result", "refused"}}}}),
      CounterFamily("mentat_log_records_total", "Log records written, by level.", records),
      CounterFamily("mentat_log_held_back_records_total",
                    "Log records that were not written since the like of them repeated.",
                    {{static_cast<double>(options_.sink->held_back())}}),
      CounterFamily("mentat_log_lost_records_total", "Log records that could not be written.",
                    {{static_cast<double>(options_.sink->lost())}}),
      CounterFamily("mentat_runlog_failed_saves_total",
                    "Times that the run log could not be written to its file.",
                    {{static_cast<double>(options_.runlog->failed_saves())}}),
  };
  for (prometheus::MetricFamily& family : CredentialMetrics(options_.credentials)) {
    families.push_back(std::move(family));
  }
  if (options_.stage == nullptr) return families;
  const pipeline::StageStatus status = options_.stage->Status();
  const auto add = [&](std::string name, std::string help, uint64_t value) {
    families.push_back(
        CounterFamily(std::move(name), std::move(help), {{static_cast<double>(value)}}));
  };
  add("mentat_stage_received_events_total", "Events taken.", status.ledger.received);
  add("mentat_stage_forwarded_events_total", "Events settled by the next stages.",
      status.ledger.forwarded);
  add("mentat_stage_dropped_events_total", "Events dropped by a rule.", status.ledger.dropped);
  add("mentat_stage_rejected_events_total", "Events that became dead letters here.",
      status.ledger.rejected);
  add("mentat_stage_stored_events_total", "Events stored, now or before.", status.ledger.stored);
  add("mentat_stage_retried_events_total", "Events given back to the sender.",
      status.ledger.retried);
  families.push_back(GaugeFamily("mentat_stage_in_flight_events", "Events held, not settled yet.",
                                 {{static_cast<double>(status.ledger.in_flight)}}));
  families.push_back(GaugeFamily("mentat_stage_paused",
                                 "1 if an operator paused the stage, else 0.",
                                 {{status.paused ? 1.0 : 0.0}}));
  return families;
}

}  // namespace mentat::service
