// The storage: the sink of the pipeline. Events and dead letters go into PostgreSQL.
#ifndef SERVICES_STORAGE_STORAGE_H_
#define SERVICES_STORAGE_STORAGE_H_

#include <atomic>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/jobs/job_runner.h"
#include "common/service/service.h"
#include "common/store/connection.h"
#include "mentat/config/v1/storage.pb.h"
#include "services/storage/health.h"
#include "services/storage/metrics.h"
#include "services/storage/writer.h"

namespace mentat::storage {

class Storage : public service::Service {
 public:
  using Config = config::v1::StorageConfig;
  static constexpr std::string_view kName = "storage";
  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);

  std::unique_ptr<pipeline::Processor> MakeProcessor() override;
  bool ProcessesDeadLetters() const override { return true; }
  absl::Status Run(std::stop_token stop) override;
  absl::Status Ready() const override;
  std::map<std::string, std::string> Details() const override;

 private:
  Storage(const Config& config, service::Context& context);
  absl::Status AddJobs();

  const Config config_;
  const Identity identity_;
  const log::Logger log_;
  const store::ConnectionOptions options_;
  Metrics metrics_;
  Health health_;
  jobs::JobRunner jobs_;
  std::atomic<int> workers_ = 0;
};

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_STORAGE_H_
