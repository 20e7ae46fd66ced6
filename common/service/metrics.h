// Prometheus metrics: a component declares its metrics as one struct of references at the top of
// its header and makes them with these; the frame serves the page.
//
//   struct Metrics {
//     explicit Metrics(prometheus::Registry& registry);
//     prometheus::Counter& sampled = AddCounter(registry, "mentat_sampler_sampled_total", "Events
//     taken.");
//   };
//
// A name begins with `mentat_`, has base units, and ends with `_total` for counters alone. Labels
// come from small fixed sets. The references live as long as the registry. All functions are
// thread-safe.
#ifndef COMMON_SERVICE_METRICS_H_
#define COMMON_SERVICE_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Collectable;
class Counter;
class Exposer;
class Gauge;
class Histogram;
class Registry;
struct MetricFamily;
}  // namespace prometheus

namespace mentat::service {

using Labels = std::map<std::string, std::string>;

prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const Labels& labels = {});
prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help, const Labels& labels = {});
prometheus::Histogram& AddHistogram(prometheus::Registry& registry, const std::string& name,
                                    const std::string& help, const std::vector<double>& buckets,
                                    const Labels& labels = {});

// Seconds, from a millisecond to a minute, for latencies.
const std::vector<double>& LatencyBuckets();

// One value of a family that is made when the page is read.
struct Sample {
  double value = 0;
  Labels labels = {};
};
prometheus::MetricFamily CounterFamily(std::string name, std::string help,
                                       std::vector<Sample> samples);
prometheus::MetricFamily GaugeFamily(std::string name, std::string help,
                                     std::vector<Sample> samples);
// Families that `collect` makes whenever the page is read; it runs on the page's threads.
std::shared_ptr<prometheus::Collectable> MakeCollectable(
    std::function<std::vector<prometheus::MetricFamily>()> collect);

// Serves /metrics over HTTP until it is destroyed.
class MetricsServer {
 public:
  // `listen` is host:port; port 0 is any free one. The collectables are kept alive.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen,
      std::vector<std::shared_ptr<prometheus::Collectable>> collectables);
  ~MetricsServer();

  // host:port with the port in use.
  const std::string& address() const { return address_; }

 private:
  MetricsServer();

  uint16_t port_ = 0;
  std::string address_;
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_METRICS_H_
