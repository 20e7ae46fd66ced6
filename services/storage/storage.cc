#include "services/storage/storage.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/store/migrations.h"
#include "services/storage/maintenance.h"
#include "services/storage/processor.h"
#include "services/storage/retention.h"

namespace mentat::storage {
namespace {

store::ConnectionOptions Options(const config::v1::DatabaseConfig& config,
                                 std::string_view instance) {
  store::ConnectionOptions options;
  options.dsn = config.dsn();
  options.connect_timeout = absl::Seconds(config.connect_timeout_seconds());
  options.statement_timeout = absl::Seconds(config.statement_timeout_seconds());
  options.application_name = absl::StrCat("mentat ", std::string(instance));
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<service::Service>> Storage::Create(const Config& config,
                                                                  service::Context& context) {
  if (config.pipeline().outputs_size() > 0) {
    return absl::InvalidArgumentError("pipeline.outputs: the storage has no outputs");
  }
  std::unique_ptr<Storage> storage(new Storage(config, context));
  RETURN_IF_ERROR(storage->AddJobs());
  return storage;
}

Storage::Storage(const Config& config, service::Context& context)
    : config_(config),
      identity_{context.name, context.instance},
      log_(context.log),
      options_(Options(config.database(), context.instance)),
      metrics_(*context.registry),
      jobs_({.database = options_,
             .instance = context.instance,
             .log = context.log,
             .registry = context.registry}) {
  health_.Report("maintenance", absl::UnavailableError("the database has not been asked yet"));
}

absl::Status Storage::AddJobs() {
  const absl::Status status = jobs_.Add(
      {.name = "storage/retention",
       .description =
           "Deletes events, their identifiers and dead letters that are older than they are kept.",
       .default_schedule = "23 * * * *",
       .work =
           [this](jobs::JobRun& run) {
             return Retain(run.connection, config_, absl::Now(), run.stop, metrics_);
           }},
      config_.retention_job());
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("retention_job.", std::string(status.message())));
}

std::unique_ptr<pipeline::Processor> Storage::MakeProcessor() {
  return std::make_unique<StorageProcessor>(absl::StrCat("worker ", ++workers_), identity_,
                                            options_, health_, metrics_, log_);
}

absl::Status Storage::Run(std::stop_token stop) {
  const std::jthread jobs([this, stop] { jobs_.Run(stop); });
  Maintenance(config_, options_, health_, metrics_, log_).Run(std::move(stop));
  return absl::OkStatus();
}

absl::Status Storage::Ready() const { return health_.Get(); }

std::map<std::string, std::string> Storage::Details() const {
  const absl::Status status = health_.Get();
  return {
      {"database", status.ok() ? "ready" : std::string(status.message())},
      {"schema_version", absl::StrCat(store::Migrations().size())},
  };
}

}  // namespace mentat::storage
