// The filer gateway as a service: a source that takes events from a directory queue, or a sink that
// puts them into one. docs/filer.md describes both.
#ifndef SERVICES_FILER_GATEWAY_FILER_GATEWAY_H_
#define SERVICES_FILER_GATEWAY_FILER_GATEWAY_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/service/service.h"
#include "mentat/config/v1/filer_gateway.pb.h"

namespace mentat::filer {

class FilerGateway {
 public:
  using Config = config::v1::FilerGatewayConfig;
  static constexpr std::string_view kName = "filer_gateway";

  static absl::StatusOr<std::unique_ptr<service::Service>> Create(const Config& config,
                                                                  service::Context& context);
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_FILER_GATEWAY_H_
