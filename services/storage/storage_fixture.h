// What the tests of the storage share: a server, a database with the schema, events, a processor.
#ifndef SERVICES_STORAGE_STORAGE_FIXTURE_H_
#define SERVICES_STORAGE_STORAGE_FIXTURE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pipeline/item.h"
#include "common/store/connection.h"
#include "common/store/testing/private_cluster.h"
#include "gtest/gtest.h"
#include "mentat/idea/v1/event.pb.h"
#include "prometheus/registry.h"
#include "services/storage/health.h"
#include "services/storage/metrics.h"
#include "services/storage/processor.h"

namespace mentat::storage {

class StorageFixture {
 public:
  // A new database on `cluster`, which outlives the fixture; `migrate` gives it the schema.
  static absl::StatusOr<std::unique_ptr<StorageFixture>> Create(store::PrivateCluster& cluster,
                                                                std::string_view database,
                                                                bool migrate = true);

  store::PrivateCluster& cluster() { return *cluster_; }
  store::ConnectionOptions options() const;
  std::unique_ptr<StorageProcessor> MakeProcessor();
  // One that reaches the server through another socket directory.
  std::unique_ptr<StorageProcessor> MakeProcessor(const std::string& socket_directory);
  Metrics& metrics() { return metrics_; }
  Health& health() { return health_; }
  prometheus::Registry& registry() { return registry_; }

  // The first value of a query as text, or its error; opens a connection when there is none.
  std::string Query(std::string_view sql);

 private:
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
  Health health_;
  store::PrivateCluster* cluster_ = nullptr;
  std::string dsn_;
  std::unique_ptr<store::Connection> connection_;
};

// For tests that share a server, each test having a database of its own name.
class SharedClusterTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  std::unique_ptr<StorageFixture> MakeFixture(bool migrate = true);

 private:
  static store::PrivateCluster* cluster_;
};

// An event like those that detectors send, detected at 2024-03-05T15:52:22Z.
idea::v1::Event MakeEvent(std::string_view id);
pipeline::Item MakeItem(const idea::v1::Event& event);
// Items with identifiers from `prefix`0 on.
std::vector<pipeline::Item> MakeItems(std::string_view prefix, int count);

}  // namespace mentat::storage

#endif  // SERVICES_STORAGE_STORAGE_FIXTURE_H_
