#include "common/service/metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/pause.h"
#include "common/base/status_macros.h"
#include "common/service/host_port.h"
#include "prometheus/counter.h"
#include "prometheus/exposer.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

class FunctionCollectable : public prometheus::Collectable {
 public:
  explicit FunctionCollectable(std::function<std::vector<prometheus::MetricFamily>()> collect)
      : collect_(std::move(collect)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return collect_(); }

 private:
  std::function<std::vector<prometheus::MetricFamily>()> collect_;
};

prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type,
                                std::vector<Sample> samples) {
  prometheus::MetricFamily family{std::move(name), std::move(help), type, {}};
  for (const Sample& sample : samples) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [label, value] : sample.labels) metric.label.push_back({label, value});
    if (type == prometheus::MetricType::Counter) {
      metric.counter.value = sample.value;
    } else {
      metric.gauge.value = sample.value;
    }
  }
  return family;
}

constexpr absl::Duration kKnockInterval = absl::Milliseconds(10);

// Connects to a port of this host and hangs up.
void Knock(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Whether it succeeds makes no difference: the library has stopped then, or will in its own time.
  [[maybe_unused]] const int result =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
}

}  // namespace

prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Histogram& AddHistogram(prometheus::Registry& registry, const std::string& name,
                                    const std::string& help, const std::vector<double>& buckets,
                                    const Labels& labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, buckets);
}

const std::vector<double>& LatencyBuckets() {
  static const auto& buckets = *new std::vector<double>{
      0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  return buckets;
}

prometheus::MetricFamily CounterFamily(std::string name, std::string help,
                                       std::vector<Sample> samples) {
  return Family(std::move(name), std::move(help), prometheus::MetricType::Counter,
                std::move(samples));
}

prometheus::MetricFamily GaugeFamily(std::string name, std::string help,
                                     std::vector<Sample> samples) {
  return Family(std::move(name), std::move(help), prometheus::MetricType::Gauge,
                std::move(samples));
}

std::shared_ptr<prometheus::Collectable> MakeCollectable(
    std::function<std::vector<prometheus::MetricFamily>()> collect) {
  return std::make_shared<FunctionCollectable>(std::move(collect));
}

MetricsServer::MetricsServer() = default;

MetricsServer::~MetricsServer() {
  if (exposer_ == nullptr) return;
  // The library looks whether it is to stop only every two seconds, or when someone connects.
  const std::jthread knock([this](const std::stop_token& stop) {
    do {
      Knock(port_);
    } while (Pause(kKnockInterval, stop));
  });
  exposer_.reset();
}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen, std::vector<std::shared_ptr<prometheus::Collectable>> collectables) {
  ASSIGN_OR_RETURN(const HostPort host_port, ParseHostPort(listen));
  ASSIGN_OR_RETURN(const std::string numeric, NumericAddress(host_port));
  std::unique_ptr<MetricsServer> server(new MetricsServer());
  server->collectables_ = std::move(collectables);
  try {
    server->exposer_ = std::make_unique<prometheus::Exposer>(
        std::vector<std::string>{"listening_ports", numeric, "num_threads", "2",
                                 "request_timeout_ms", "5000", "enable_directory_listing", "no"});
    for (const auto& collectable : server->collectables_) {
      server->exposer_->RegisterCollectable(collectable);
    }
    const std::vector<int> ports = server->exposer_->GetListeningPorts();
    if (ports.empty()) return absl::InternalError("the metrics page has no port");
    server->port_ = static_cast<uint16_t>(ports[0]);
    server->address_ = FormatHostPort({host_port.host, server->port_});
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", listen, ": ", error.what()));
  }
  return server;
}

}  // namespace mentat::service
