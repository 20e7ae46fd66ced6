#include "common/service/service.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/service/access/credential_metrics.h"
#include "common/service/access/gate.h"
#include "common/service/admin_server.h"
#include "common/service/command_line.h"
#include "common/service/config.h"
#include "common/service/frame.h"
#include "common/service/heartbeat.h"
#include "common/service/log_config.h"
#include "common/service/log_sink.h"
#include "common/service/metrics.h"
#include "common/service/notify.h"
#include "common/service/ports_file.h"
#include "common/service/process.h"
#include "common/service/process_stats.h"
#include "common/service/reloader.h"
#include "common/service/runlog/runlog_keeper.h"
#include "common/service/signals.h"
#include "common/service/startup.h"
#include "common/service/version.h"
#include "google/protobuf/message.h"
#include "mentat/config/v1/common.pb.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

// What the end may take beyond the grace time: the last acknowledgements, the service's own thread.
constexpr absl::Duration kEndMargin = absl::Seconds(5);
// What is left of the grace time after a second signal.
constexpr absl::Duration kHurriedGrace = absl::Seconds(1);

void FillRunlog(const pipeline::StageStatus& status, stage::v1::Runlog& runlog) {
  runlog.set_received_events(status.ledger.received);
  runlog.set_forwarded_events(status.ledger.forwarded);
  runlog.set_dropped_events(status.ledger.dropped);
  runlog.set_rejected_events(status.ledger.rejected);
  runlog.set_stored_events(status.ledger.stored);
  runlog.set_retried_events(status.ledger.retried);
  runlog.set_in_flight_events(status.ledger.in_flight);
  runlog.set_resent_batches(status.resent_batches);
  runlog.set_late_acks(status.late_acks);
}

// Lets TERM and INT end the process while it sets up, when there is nothing to drain yet.
class SetupGuard {
 public:
  // `clean_up` is called before the process ends so.
  SetupGuard(Signals& signals, std::function<void()> clean_up)
      : signals_(signals),
        thread_([this, clean_up = std::move(clean_up)](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const std::optional<int> signal = signals_.Wait();
            if (signal != SIGTERM && signal != SIGINT) continue;
            clean_up();
            std::_Exit(0);
          }
        }) {}
  ~SetupGuard() {
    thread_.request_stop();
    signals_.Wake();
  }

 private:
  Signals& signals_;
  std::jthread thread_;
};

// The service's own thread.
class OwnThread {
 public:
  OwnThread(Service& service, Signals& signals)
      : thread_([this, &service, &signals](std::stop_token stop) {
          absl::Status status = service.Run(std::move(stop));
          if (status.ok()) return;
          {
            const MutexLock lock(mutex_);
            error_ = std::move(status);
          }
          signals.Wake();
        }) {}

  void RequestStop() { thread_.request_stop(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  // Why it ended the process; OK while it has not.
  absl::Status error() const {
    const MutexLock lock(mutex_);
    return error_;
  }

 private:
  mutable Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

// One run of a service, from its configuration to its end.
class Runner {
 public:
  Runner(std::string name, const google::protobuf::Message& config,
         std::vector<ConfigEntry> entries, ConfigSources sources, Notifier notifier,
         Signals& signals, Background* background)
      : name_(std::move(name)),
        config_(config),
        entries_(std::move(entries)),
        sources_(std::move(sources)),
        notifier_(std::move(notifier)),
        signals_(signals),
        background_(background),
        registry_(std::make_shared<prometheus::Registry>()) {
    service_config_ = ServicePart(config_);
    pipeline_config_ = FindPart<config::v1::PipelineConfig>(config_, "pipeline");
  }

  // Takes on what the configuration says of the process, and opens the log.
  absl::Status SetUp() {
    ASSIGN_OR_RETURN(pid_file_, SetUpProcess(service_config_.process()));
    context_.name = name_;
    context_.instance =
        service_config_.instance().empty() ? DefaultInstance(name_) : service_config_.instance();
    ASSIGN_OR_RETURN(sink_,
                     service::OpenLog(service_config_.log(), context_.name, context_.instance));
    context_.state_folder = service_config_.state_dir();
    context_.log = log::Logger(sink_);
    context_.registry = registry_.get();
    log_ = log::Logger(sink_, "service");
    ASSIGN_OR_RETURN(runlog_, RunlogKeeper::Begin({.config = service_config_.runlog(),
                                                   .service = context_.name,
                                                   .instance = context_.instance,
                                                   .entries = entries_,
                                                   .sink = sink_}));
    return absl::OkStatus();
  }

  // Sets up and serves until a signal or a call ends it; the exit status.
  int Run(const Factory& factory) {
    if (absl::Status status = Start(factory); !status.ok()) {
      log_.Error("cannot start", {{"error", status}});
      const config::v1::LogConfig& log = service_config_.log();
      if (!log.file().empty() || log.system_log() != "none") PrintError(name_, status);
      if (own_thread_ != nullptr) {
        EndWork(absl::ZeroDuration());
      } else if (set_up_) {
        service_->Teardown();
      }
      runlog_->End(kExitFailure, std::string(status.message()));
      return kExitFailure;
    }
    const int status = Serve();
    const absl::Status error = own_thread_->error();
    runlog_->End(status, status == 0 ? "" : std::string(error.message()));
    return status;
  }

 private:
  absl::Status Start(const Factory& factory) {
    {
      const SetupGuard guard(signals_, [this] {
        RemoveFiles();
        runlog_->End(0, "told to end while it started");
      });
      RETURN_IF_ERROR(Prepare(factory));
    }
    // From here on there may be something to drain: a signal waits until Serve sees to it.
    if (stage_ != nullptr) {
      RETURN_IF_ERROR(stage_->Start());
      runlog_->SetFill([this](stage::v1::Runlog& runlog) { FillRunlog(stage_->Status(), runlog); });
    }
    if (stage_ != nullptr && IsSource() && pipeline_config_->heartbeat_seconds() > 0) {
      heartbeat_ = std::make_unique<Heartbeat>(
          *registry_, *stage_, absl::Seconds(pipeline_config_->heartbeat_seconds()));
    }
    own_thread_ = std::make_unique<OwnThread>(*service_, signals_);
    frame_->Start(*admin_);
    RETURN_IF_ERROR(AnnouncePorts());
    notifier_.Ready();
    if (background_ != nullptr) background_->Finish(0);
    return absl::OkStatus();
  }

  // Makes everything; nothing flows yet.
  absl::Status Prepare(const Factory& factory) {
    log_.Info("starting", {{"version", kVersion}, {"pid", ::getpid()}});
    ASSIGN_OR_RETURN(gate_, Gate::Create({.config = service_config_,
                                          .log = context_.log.ForModule("access"),
                                          .registry = registry_.get()}));
    context_.gate = gate_.get();
    ASSIGN_OR_RETURN(service_, factory(config_, context_));
    RETURN_IF_ERROR(service_->Setup());
    set_up_ = true;
    if (pipeline_config_ != nullptr) RETURN_IF_ERROR(CreateStage());
    reloader_ = std::make_unique<Reloader>(Reloader::Options{
        .log = log_,
        .service = service_.get(),
        .stage = stage_.get(),
        .reconfigure = [this] { return Reconfigure(); },
        .files = ReloadFiles([this] { return ConfigPaths(sources_); }, config_.GetDescriptor(),
                             [this] { return service_->ReloadPaths(); })});
    frame_ = std::make_unique<Frame>(FrameOptions{
        .name = context_.name,
        .instance = context_.instance,
        .sink = sink_,
        .config = entries_,
        .service = service_.get(),
        .stage = stage_.get(),
        .reloader = reloader_.get(),
        .runlog = runlog_.get(),
        .on_drain =
            [this] {
              drain_requested_ = true;
              signals_.Wake();
            },
        .notifier = notifier_,
        .statistics_interval = absl::Seconds(service_config_.statistics_seconds()),
        .credentials = {
            .server_certificate = service_config_.tls().cert_file(),
            .client_certificates = ClientCertificates(config_),
            .curve_key = pipeline_config_ == nullptr
                             ? std::nullopt
                             : std::optional(pipeline_config_->curve().secret_key_file()),
        }});
    const auto collect =
        MakeCollectable([frame = frame_.get()] { return frame->CollectMetrics(); });
    ASSIGN_OR_RETURN(metrics_,
                     MetricsServer::Start(service_config_.metrics_listen(), {registry_, collect}));
    ASSIGN_OR_RETURN(admin_, AdminServer::Start({.config = service_config_,
                                                 .gate = gate_,
                                                 .audit = service_->Audit(),
                                                 .log = context_.log},
                                                *frame_, service_->GrpcServices()));
    return absl::OkStatus();
  }

  int Serve() {
    while (true) {
      const std::optional<int> signal = signals_.Wait();
      if (signal == SIGHUP) frame_->RequestReload();
      if (signal == SIGUSR1) frame_->LogStatistics();
      if (signal == SIGUSR2) frame_->ToggleDebug();
      if (signal == SIGTERM || signal == SIGINT) break;
      if (drain_requested_ || !own_thread_->error().ok()) break;
    }
    notifier_.Stopping();
    frame_->BeginDrain();
    const absl::Status error = own_thread_->error();
    if (!error.ok()) log_.Error("the service failed", {{"error", error}});
    const int status = Drain();
    return error.ok() ? status : kExitFailure;
  }

  absl::Status CreateStage() {
    pipeline::StageOptions options;
    options.name = context_.name;
    options.instance = context_.instance;
    options.config = *pipeline_config_;
    if (pipeline_config_->has_input()) {
      options.make_processor = [this] { return service_->MakeProcessor(); };
      options.process_dead_letters = service_->ProcessesDeadLetters();
    }
    options.log = context_.log;
    options.registry = registry_.get();
    ASSIGN_OR_RETURN(stage_, pipeline::Stage::Create(std::move(options)));
    context_.stage = stage_.get();
    return absl::OkStatus();
  }

  // Reads the configuration again. The peers of the outputs are what can change without another
  // start.
  absl::StatusOr<Reconfiguration> Reconfigure() {
    std::shared_ptr<google::protobuf::Message> message(config_.New());
    ASSIGN_OR_RETURN(const std::vector<ConfigEntry> read, LoadConfig(sources_, *message));
    const auto* pipeline = FindPart<config::v1::PipelineConfig>(*message, "pipeline");
    if (pipeline != nullptr) RETURN_IF_ERROR(pipeline::CheckPeers(*pipeline));

    std::map<std::string, std::string> peers_paths;  // path of its peers to output
    if (pipeline_config_ != nullptr && pipeline != nullptr) {
      for (const auto& [name, output] : pipeline_config_->outputs()) {
        if (!pipeline->outputs().contains(name)) continue;
        peers_paths[absl::StrCat("pipeline.outputs.", name, ".peers")] = name;
      }
    }
    std::map<std::string, ConfigEntry> found;
    for (const ConfigEntry& entry : read) found[entry.path] = entry;
    std::vector<ConfigEntry> effective = frame_->Config();
    std::vector<std::string> outputs;
    std::set<std::string> postponed;
    for (ConfigEntry& entry : effective) {
      const auto it = found.find(entry.path);
      if (it == found.end() || it->second.value != entry.value) {
        const auto output = peers_paths.find(entry.path);
        if (output == peers_paths.end()) {
          postponed.insert(entry.path);
        } else {
          outputs.push_back(output->second);
          entry = it->second;
        }
      }
      if (it != found.end()) found.erase(it);
    }
    for (const auto& [path, entry] : found) postponed.insert(path);

    const auto use = [this, message, pipeline, effective, outputs] {
      for (const std::string& name : outputs) {
        const auto& peers = pipeline->outputs().at(name).peers();
        const absl::Status status = stage_->SetPeers(name, {peers.begin(), peers.end()});
        if (!status.ok()) log_.Error("an output keeps its peers", {{"error", status}});
      }
      frame_->SetConfig(effective);
    };
    return Reconfiguration{use, {postponed.begin(), postponed.end()}};
  }

  absl::Status AnnouncePorts() {
    const Ports ports = {.service = context_.name,
                         .instance = context_.instance,
                         .admin = admin_->address(),
                         .metrics = metrics_->address(),
                         .input = stage_ == nullptr ? "" : stage_->input_endpoint(),
                         .pid = ::getpid()};
    log_.Info("listening",
              {{"admin", ports.admin}, {"metrics", ports.metrics}, {"input", ports.input}});
    if (service_config_.ports_file().empty()) return absl::OkStatus();
    return WritePortsFile(service_config_.ports_file(), ports);
  }

  // Settles what is held. A second signal leaves a second for it, a third none.
  int Drain() {
    const absl::Duration grace = absl::Seconds(service_config_.grace_seconds());
    log_.Info("draining", {{"grace_seconds", service_config_.grace_seconds()}});
    std::atomic<bool> ended = false;
    const std::jthread thread([&] {
      EndWork(grace);
      ended = true;
      signals_.Wake();
    });
    absl::Time deadline = absl::Now() + grace + kEndMargin;
    int signals = 1;
    while (!ended) {
      const std::optional<int> signal = signals_.Wait(deadline - absl::Now());
      if (signal == SIGTERM || signal == SIGINT) {
        ++signals;
        deadline = std::min(deadline, absl::Now() + kHurriedGrace);
      }
      if (ended || (signals < 3 && absl::Now() < deadline)) continue;
      // What is left is safe with its senders, who send it again.
      log_.Warning("ending before everything was settled", {{"in_flight", InFlight()}});
      RemoveFiles();
      const int status = signals > 1 ? 0 : kExitFailure;
      runlog_->End(status, "ended before everything was settled");
      std::_Exit(status);
    }
    return 0;
  }

  // In the drain's thread: a source stops reading first, all others still need their own thread to
  // finish what they hold.
  void EndWork(absl::Duration grace) {
    service_->Drain();
    if (IsSource()) own_thread_->RequestStop();
    if (heartbeat_ != nullptr) heartbeat_->RequestStop();
    if (stage_ != nullptr) {
      if (absl::Status status = stage_->Drain(grace); !status.ok()) {
        log_.Warning("not everything was settled in time; it is left to the senders",
                     {{"error", status}});
      }
    }
    own_thread_->RequestStop();
    own_thread_->Join();
    service_->Teardown();
    frame_->LogStatistics();
    frame_->Stop();
    RemoveFiles();
    sink_->TellHeldBack(/*at_end=*/true);
    log_.Info("ended");
  }

  bool IsSource() const { return pipeline_config_ == nullptr || !pipeline_config_->has_input(); }

  uint64_t InFlight() const { return stage_ == nullptr ? 0 : stage_->Status().ledger.in_flight; }

  void RemoveFiles() {
    if (!service_config_.ports_file().empty()) ::unlink(service_config_.ports_file().c_str());
    if (pid_file_ != nullptr) pid_file_->Remove();
  }

  const std::string name_;
  const google::protobuf::Message& config_;
  const std::vector<ConfigEntry> entries_;
  const ConfigSources sources_;
  const Notifier notifier_;
  Signals& signals_;
  Background* const background_;  // null in the foreground
  std::unique_ptr<PidFile> pid_file_;
  config::v1::ServiceConfig service_config_;
  const config::v1::PipelineConfig* pipeline_config_ = nullptr;
  std::shared_ptr<prometheus::Registry> registry_;
  std::shared_ptr<log::Sink> sink_;
  log::Logger log_ = log::Logger::Null();
  Context context_;
  std::atomic<bool> drain_requested_ = false;
  bool set_up_ = false;  // the service, once it exists

  // In the order in which they need each other: the last is destroyed first.
  std::shared_ptr<Gate> gate_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<pipeline::Stage> stage_;
  std::unique_ptr<Heartbeat> heartbeat_;  // of a source
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<Frame> frame_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<OwnThread> own_thread_;
  std::unique_ptr<RunlogKeeper> runlog_;
};

int Run(const std::string& name, const google::protobuf::Message& config,
        std::vector<ConfigEntry> entries, ConfigSources sources, const Factory& factory) {
  const config::v1::ServiceConfig service = ServicePart(config);
  if (absl::Status status = CheckProcess(service); !status.ok()) {
    PrintError(name, status);
    return kExitConfig;
  }
  std::unique_ptr<Background> background;
  if (service.process().daemon()) {
    absl::StatusOr<std::unique_ptr<Background>> entered = Background::Enter();
    if (!entered.ok()) {
      PrintError(name, entered.status());
      return kExitFailure;
    }
    background = *std::move(entered);
  }
  const auto end = [&](int status) {
    if (background != nullptr) background->Finish(status);
    return status;
  };
  Notifier notifier = Notifier::FromEnvironment();
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Create();
  if (!signals.ok()) {
    PrintError(name, signals.status());
    return end(kExitFailure);
  }
  Runner runner(name, config, std::move(entries), std::move(sources), std::move(notifier),
                **signals, background.get());
  if (absl::Status status = runner.SetUp(); !status.ok()) {
    PrintError(name, status);
    return end(kExitConfig);
  }
  return end(runner.Run(factory));
}

}  // namespace

absl::Status Service::Run(std::stop_token stop) {
  Pause(absl::InfiniteDuration(), stop);
  return absl::OkStatus();
}

int RunMain(int argc, char** argv, std::string_view name, google::protobuf::Message& config,
            const Factory& factory) {
  const absl::StatusOr<CommandLine> line =
      ParseCommandLine(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  if (!line.ok()) {
    PrintError(name, line.status());
    return kExitConfig;
  }
  if (line->action == CommandLine::Action::kHelp) {
    std::fputs(CommandLineHelp(name).c_str(), stdout);
    return 0;
  }
  Startup startup = LoadStartup(argc, argv, name, *line, config);
  if (startup.exit_status.has_value()) return *startup.exit_status;
  return Run(std::string(name), config, std::move(startup.entries), std::move(startup.sources),
             factory);
}

}  // namespace mentat::service
