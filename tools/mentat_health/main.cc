// mentat-health: asks a service's health, as container probes need it. In every image, since no
// shell, curl or grpcurl is there, and the probes of Kubernetes itself cannot speak TLS.
#include <getopt.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/service/access/admin_client.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace mentat {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kUsage[] =
    R"(usage: mentat-health [--service NAME] [--ca-file FILE] [--server-name NAME] [--timeout SECONDS] [HOST:PORT]

Asks the gRPC health service at HOST:PORT, by default 127.0.0.1:5580.

  --service NAME      `liveness`: does the process answer at all? By default: can it do its work?
  --ca-file FILE      authorities that the server's certificate must come from; without it all is plain
  --server-name NAME  name in that certificate, if not the address's
  --timeout SECONDS   how long the answer may take (3)

Exit status: 0 serving; 1 not serving, or no answer; 2 wrong usage.
)";

struct Arguments {
  config::v1::AdminClientConfig client;
  std::string address = "127.0.0.1:5580";
  std::string service;
  double timeout_seconds = 3;
};

absl::Status Check(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const auto client, service::AdminClient::Create(arguments.client));
  ASSIGN_OR_RETURN(const auto channel, client->Connect(arguments.address));
  grpc::ClientContext context;
  context.set_deadline(
      std::chrono::system_clock::now() +
      std::chrono::milliseconds(static_cast<int64_t>(arguments.timeout_seconds * 1000)));
  HealthCheckRequest request;
  request.set_service(arguments.service);
  HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(channel)->Check(&context, request, &response);
  if (!status.ok()) {
    return absl::UnavailableError(absl::StrCat(arguments.address, ": ", status.error_message()));
  }
  if (response.status() != HealthCheckResponse::SERVING) {
    return absl::UnavailableError(absl::StrCat(
        arguments.address, ": ", HealthCheckResponse::ServingStatus_Name(response.status())));
  }
  return absl::OkStatus();
}

int Wrong(const std::string& what) {
  std::fprintf(stderr, "mentat-health: %s\n%s", what.c_str(), kUsage);
  return 2;
}

int Main(int argc, char** argv) {
  const option options[] = {
      {"service", required_argument, nullptr, 's'},
      {"ca-file", required_argument, nullptr, 'c'},
      {"server-name", required_argument, nullptr, 'n'},
      {"timeout", required_argument, nullptr, 't'},
      {"help", no_argument, nullptr, 'h'},
      {nullptr, 0, nullptr, 0},
  };
  Arguments arguments;
  for (int key; (key = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    switch (key) {
      case 's':
        arguments.service = optarg;
        break;
      case 'c':
        arguments.client.set_ca_file(optarg);
        break;
      case 'n':
        arguments.client.set_server_name(optarg);
        break;
      case 't':
        if (!absl::SimpleAtod(optarg, &arguments.timeout_seconds) ||
            !(arguments.timeout_seconds > 0 && arguments.timeout_seconds <= 3600)) {
          return Wrong(absl::StrCat("--timeout: expected seconds up to 3600, got `", optarg, "`"));
        }
        break;
      case 'h':
        std::fputs(kUsage, stdout);
        return 0;
      default:
        std::fputs(kUsage, stderr);
        return 2;
    }
  }
  if (optind + 1 < argc) return Wrong("expected one HOST:PORT at the most");
  if (optind < argc) arguments.address = argv[optind];
  const absl::Status status = Check(arguments);
  if (!status.ok()) {
    std::fprintf(stderr, "mentat-health: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mentat

int main(int argc, char** argv) { return mentat::Main(argc, argv); }
