// A stage for fault tests. An event whose Note is exactly `poison` aborts the process, one whose
// Note is `hang` occupies its worker until the stage stops, and each event takes the configured
// time. All others, and all else about them, go on unchanged.
#ifndef TESTS_STAGES_CRASHER_CRASHER_H_
#define TESTS_STAGES_CRASHER_CRASHER_H_

#include <chrono>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/pipeline/stage.h"
#include "common/service/service.h"
#include "mentat/faults/v1/crasher.pb.h"

namespace mentat::crasher {

// Thread-safe.
class Crasher : public service::Service {
 public:
  using Config = mentat::faults::v1::CrasherConfig;
  // It stands in the place of an enricher; the stage before finds it by this name.
  static constexpr std::string_view kName = "enricher";

  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);

  std::unique_ptr<pipeline::Processor> MakeProcessor() override;

 private:
  explicit Crasher(std::chrono::milliseconds delay) : delay_(delay) {}

  const std::chrono::milliseconds delay_;
};

}  // namespace mentat::crasher

#endif  // TESTS_STAGES_CRASHER_CRASHER_H_
