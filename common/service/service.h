// The frame that every service stands in: configuration, logs, metrics, control plane, signals,
// pipeline and drain. A service is a class with what is its own, and a main of three lines:
//
//   int main(int argc, char** argv) {
//     return mentat::service::Main<Sampler>(argc, argv);
//   }
//
// where Sampler has `using Config = config::v1::SamplerConfig`, `static constexpr std::string_view
// kName`, and either a constructor of (const Config&, Context&) or, where that can fail, `static
// absl::StatusOr<std::unique_ptr<Service>> Create(const Config&, Context&)`. The fields `service`
// and `pipeline` of the configuration message are the frame's.
//
// A life: it is made; Setup; MakeProcessor; Run, while events flow; Drain; Teardown; its end. A
// service can be made of parts (common/service/composite.h).
#ifndef COMMON_SERVICE_SERVICE_H_
#define COMMON_SERVICE_SERVICE_H_

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pipeline/stage.h"
#include "common/service/log.h"
#include "common/service/reload_path.h"

namespace google::protobuf {
class Message;
}
namespace grpc {
class Service;
}
namespace prometheus {
class Registry;
}

namespace mentat::service {

class AuditSink;
class Gate;

// What the frame lends to a service; outlives it.
struct Context {
  std::string name;      // `inspector`
  std::string instance;  // of this process
  // Folder for what the service remembers from one run to the next, as StateFile does
  // (common/service/state/state_file.h); empty if it is to remember nothing.
  std::string state_folder;
  log::Logger log = log::Logger::Null();
  prometheus::Registry* registry = nullptr;
  // Knows who calls: `gate->Identify(CredentialsOf(context))`.
  Gate* gate = nullptr;
  // The pipeline's end; null where the configuration has no `pipeline`, and until Run.
  pipeline::Stage* stage = nullptr;
};

class Service {
 public:
  virtual ~Service() = default;

  // Before anything else is asked of the service, and before any socket of the frame is there:
  // reads what it needs. An error ends the start.
  virtual absl::Status Setup() { return absl::OkStatus(); }
  // The end has begun: nothing new is taken from now on, and what is held is finished. Must not
  // block.
  virtual void Drain() {}
  // Events no longer flow, and Run has returned. Called once, also where a start failed after
  // Setup.
  virtual void Teardown() {}

  // The processor of one worker thread; null for a source or a service without events. Called
  // before events flow.
  virtual std::unique_ptr<pipeline::Processor> MakeProcessor() { return nullptr; }
  // Whether the processors want dead letters and heartbeats (pipeline::Item) too, as one does that
  // writes into the database at the pipeline's end.
  virtual bool ProcessesDeadLetters() const { return false; }

  // Work of its own beside the events (a source's reading, a table's refreshing), on a thread of
  // its own, until `stop` is requested. An error ends the process. A source is stopped before the
  // pipeline is drained, every other service after it.
  virtual absl::Status Run(std::stop_token stop);

  // First half of a reload: reads rules and tables again and checks them. What it returns brings
  // them into use; it is called once or never, perhaps a while later, never after the service's
  // end, and cannot fail. Null if there is nothing to use. An error leaves the old state in use.
  // One call at a time.
  virtual absl::StatusOr<std::function<void()>> PrepareReload() { return nullptr; }
  // The files and folders of text that PrepareReload reads, so that they can be looked at and
  // replaced from afar; secrets are not among them. Thread-safe.
  virtual std::vector<ReloadPath> ReloadPaths() const { return {}; }
  // Why the service cannot serve now, beside what the pipeline says of itself.
  virtual absl::Status Ready() const { return absl::OkStatus(); }
  // Whether it is not ready either while the pipeline is not.
  virtual bool NeedsPipeline() const { return true; }
  // What the status shows of this service alone, as text by name.
  virtual std::map<std::string, std::string> Details() const { return {}; }
  // gRPC services of its own to serve beside StageAdmin; owned by the service.
  virtual std::vector<grpc::Service*> GrpcServices() { return {}; }
  // Where the record of changing calls goes, beside the log; owned by the service.
  virtual AuditSink* Audit() { return nullptr; }
};

using Factory = std::function<absl::StatusOr<std::unique_ptr<Service>>(
    const google::protobuf::Message&, Context&)>;

// Runs a service until SIGTERM or SIGINT; the exit status of the process. `config` is an empty
// message of the type that the factory takes.
int RunMain(int argc, char** argv, std::string_view name, google::protobuf::Message& config,
            const Factory& factory);

// A service by its `Create`, or by its constructor.
template <typename T>
absl::StatusOr<std::unique_ptr<Service>> MakeService(const typename T::Config& config,
                                                     Context& context) {
  if constexpr (requires { T::Create(config, context); }) {
    return T::Create(config, context);
  } else {
    return std::unique_ptr<Service>(new T(config, context));
  }
}

template <typename T>
int Main(int argc, char** argv) {
  typename T::Config config;
  return RunMain(argc, argv, T::kName, config,
                 [](const google::protobuf::Message& message, Context& context) {
                   return MakeService<T>(static_cast<const typename T::Config&>(message), context);
                 });
}

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SERVICE_H_
