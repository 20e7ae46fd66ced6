#include "common/service/admin_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/status_macros.h"
#include "common/service/access/audit.h"
#include "common/service/access/gate.h"
#include "common/service/access/server_credentials.h"
#include "common/service/event_calls.h"
#include "common/service/grpc_status.h"
#include "common/service/host_port.h"
#include "common/service/reload_calls.h"
#include "common/service/reloader.h"
#include "google/protobuf/message.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "mentat/stage/v1/stage_admin.grpc.pb.h"

namespace mentat::service {
namespace {

using namespace stage::v1;  // NOLINT: the messages of the one service that is implemented here

constexpr int kMaxMessageBytes = 4 << 20;
constexpr int kMaxStreamsPerConnection = 32;
constexpr int kMaxThreads = 24;
constexpr size_t kMaxMemoryBytes = 32 << 20;
constexpr int kMaxWatchers = 8;  // each holds a thread
constexpr int kMaxConnectionAgeMs = 30 * 60 * 1000;
constexpr int kMinPingIntervalMs = 5000;
constexpr std::chrono::milliseconds kShortestWatchInterval(100);
constexpr std::chrono::milliseconds kDefaultWatchInterval(1000);
constexpr std::chrono::seconds kShutdownGrace(1);

// Counts changes, for those who wait for one.
class ChangeSignal {
 public:
  void Notify() {
    {
      const MutexLock lock(mutex_);
      ++changes_;
    }
    condition_.NotifyAll();
  }
  void Close() {
    {
      const MutexLock lock(mutex_);
      closed_ = true;
    }
    condition_.NotifyAll();
  }
  bool closed() const {
    const MutexLock lock(mutex_);
    return closed_;
  }
  // Waits for a change since `seen`, which is set to the newest. False once closed.
  bool WaitFor(std::chrono::milliseconds timeout, uint64_t& seen) {
    const MutexLock lock(mutex_);
    condition_.WaitFor(mutex_, timeout, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return closed_ || changes_ != seen;
    });
    seen = changes_;
    return !closed_;
  }

 private:
  mutable Mutex mutex_;
  CondVar condition_;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

class StageAdminService final : public StageAdmin::Service {
 public:
  StageAdminService(AdminHandler& handler, ChangeSignal& changes)
      : handler_(handler), changes_(changes) {}

  grpc::Status GetStatus(grpc::ServerContext*, const GetStatusRequest*,
                         GetStatusResponse* response) override {
    handler_.FillStatus(*response->mutable_status());
    return grpc::Status::OK;
  }

  grpc::Status WatchStatus(grpc::ServerContext* context, const WatchStatusRequest* request,
                           grpc::ServerWriter<WatchStatusResponse>* writer) override {
    std::chrono::milliseconds interval = kDefaultWatchInterval;
    if (request->has_interval()) {
      const double seconds = request->interval().seconds() + request->interval().nanos() / 1e9;
      interval = std::max(
          kShortestWatchInterval,
          std::chrono::milliseconds(static_cast<int64_t>(std::clamp(seconds, 0.0, 3600.0) * 1000)));
    }
    if (watchers_.fetch_add(1) >= kMaxWatchers) {
      watchers_.fetch_sub(1);
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              absl::StrCat("no more than ", kMaxWatchers, " may watch at a time")};
    }
    uint64_t seen = 0;
    changes_.WaitFor(std::chrono::milliseconds(0), seen);
    do {
      WatchStatusResponse response;
      handler_.FillStatus(*response.mutable_status());
      // Blocks while the reader is slow; what is written next is the newest state then.
      if (!writer->Write(response)) break;
    } while (WaitWhileWatched(*context, interval, seen));
    watchers_.fetch_sub(1);
    return grpc::Status::OK;
  }

  grpc::Status Pause(grpc::ServerContext*, const PauseRequest*, PauseResponse*) override {
    return ToGrpc(handler_.Pause());
  }
  grpc::Status Resume(grpc::ServerContext*, const ResumeRequest*, ResumeResponse*) override {
    return ToGrpc(handler_.Resume());
  }
  grpc::Status Drain(grpc::ServerContext*, const DrainRequest*, DrainResponse*) override {
    return ToGrpc(handler_.Drain());
  }
  grpc::Status Reload(grpc::ServerContext*, const ReloadRequest*, ReloadResponse*) override {
    return ToGrpc(handler_.reloader().Reload());
  }
  grpc::Status PrepareReload(grpc::ServerContext*, const PrepareReloadRequest* request,
                             PrepareReloadResponse* response) override {
    return ToGrpc(service::PrepareReload(handler_.reloader(), *request, *response));
  }
  grpc::Status CommitReload(grpc::ServerContext*, const CommitReloadRequest* request,
                            CommitReloadResponse*) override {
    return ToGrpc(handler_.reloader().CommitReload(request->reload_id(), request->version()));
  }
  grpc::Status AbortReload(grpc::ServerContext*, const AbortReloadRequest* request,
                           AbortReloadResponse*) override {
    handler_.reloader().AbortReload(request->reload_id());
    return grpc::Status::OK;
  }
  grpc::Status GetReloadFiles(grpc::ServerContext*, const GetReloadFilesRequest*,
                              GetReloadFilesResponse* response) override {
    return ToGrpc(service::GetReloadFiles(handler_.reloader(), *response));
  }
  grpc::Status PutReloadFiles(grpc::ServerContext*, const PutReloadFilesRequest* request,
                              PutReloadFilesResponse* response) override {
    return ToGrpc(service::PutReloadFiles(handler_.reloader(), *request, *response));
  }

  grpc::Status ListInFlight(grpc::ServerContext*, const ListInFlightRequest* request,
                            ListInFlightResponse* response) override {
    return ToGrpc(service::ListInFlight(handler_.stage(), *request, *response));
  }
  grpc::Status GetLedger(grpc::ServerContext*, const GetLedgerRequest*,
                         GetLedgerResponse* response) override {
    return ToGrpc(service::GetLedger(handler_.stage(), *response));
  }
  grpc::Status TailEvents(grpc::ServerContext* context, const TailEventsRequest* request,
                          grpc::ServerWriter<TailEventsResponse>* writer) override {
    return ToGrpc(service::TailEvents(
        handler_.stage(), *request,
        [writer](const TailEventsResponse& response) { return writer->Write(response); },
        [this, context] { return context->IsCancelled() || changes_.closed(); }));
  }

  grpc::Status DumpRunlog(grpc::ServerContext*, const DumpRunlogRequest*,
                          DumpRunlogResponse* response) override {
    *response->mutable_runlog() = handler_.Runlog();
    return grpc::Status::OK;
  }

  grpc::Status SetLogLevel(grpc::ServerContext*, const SetLogLevelRequest* request,
                           SetLogLevelResponse* response) override {
    absl::StatusOr<std::string> previous =
        handler_.SetLogLevel(request->level(), request->module());
    if (!previous.ok()) return ToGrpc(previous.status());
    response->set_previous_level(*std::move(previous));
    return grpc::Status::OK;
  }

  grpc::Status GetConfig(grpc::ServerContext*, const GetConfigRequest*,
                         GetConfigResponse* response) override {
    for (const ConfigEntry& entry : handler_.Config()) {
      auto& copy = *response->add_entries();
      copy.set_path(entry.path);
      copy.set_value(entry.value);
      copy.set_origin(entry.origin);
    }
    return grpc::Status::OK;
  }

 private:
  // False when the reader has gone or the server stops. Looks after the reader at least once a
  // second.
  bool WaitWhileWatched(const grpc::ServerContext& context, std::chrono::milliseconds interval,
                        uint64_t& seen) {
    const auto deadline = std::chrono::steady_clock::now() + interval;
    const uint64_t before = seen;
    while (!context.IsCancelled()) {
      const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (rest.count() <= 0) return true;
      if (!changes_.WaitFor(std::min(rest, kDefaultWatchInterval), seen)) return false;
      if (seen != before) return true;
    }
    return false;
  }

  AdminHandler& handler_;
  ChangeSignal& changes_;
  std::atomic<int> watchers_ = 0;
};

}  // namespace

struct AdminServer::Impl {
  explicit Impl(AdminHandler& handler) : stage_admin(handler, changes) {}

  ChangeSignal changes;
  StageAdminService stage_admin;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() {
  impl_->changes.Close();
  impl_->server->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  impl_->server->Wait();
}

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    const AdminServerOptions& options, AdminHandler& handler,
    const std::vector<grpc::Service*>& services) {
  const std::string& listen = options.config.admin_listen();
  const log::Logger log = options.log.ForModule("access");
  ASSIGN_OR_RETURN(const HostPort host_port, ParseHostPort(listen));
  ASSIGN_OR_RETURN(const std::string numeric, NumericAddress(host_port));
  ASSIGN_OR_RETURN(
      const std::shared_ptr<grpc::ServerCredentials> credentials,
      MakeServerCredentials(options.gate,
                            options.config.has_tls() ? &options.config.tls() : nullptr, log));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // The library serves health without its description, which reflection needs.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();

  auto impl = std::make_unique<Impl>(handler);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(numeric, credentials, &port);
  builder.RegisterService(&impl->stage_admin);
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.experimental().SetInterceptorCreators(
      MakeAuditInterceptors(options.gate, options.log.ForModule("audit"), options.audit));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(kMaxThreads);
  quota.Resize(kMaxMemoryBytes);
  builder.SetResourceQuota(quota);
  // A taken port is an error, never shared.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kMaxConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot serve gRPC on ", listen));
  }
  impl->address = FormatHostPort({host_port.host, static_cast<uint16_t>(port)});
  std::unique_ptr<AdminServer> admin(new AdminServer(std::move(impl)));
  // For who restarts what hangs: not ready is no reason to.
  admin->impl_->server->GetHealthCheckService()->SetServingStatus("liveness", true);
  admin->SetServing(false);
  return admin;
}

const std::string& AdminServer::address() const { return impl_->address; }

void AdminServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface& health = *impl_->server->GetHealthCheckService();
  health.SetServingStatus("", serving);
  health.SetServingStatus(StageAdmin::service_full_name(), serving);
}

void AdminServer::NotifyChanged() { impl_->changes.Notify(); }

}  // namespace mentat::service
