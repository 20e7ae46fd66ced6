#include "services/storage/storage_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/base/status_matchers.h"
#include "common/store/migrations.h"

namespace mentat::storage {

absl::StatusOr<std::unique_ptr<StorageFixture>> StorageFixture::Create(
    store::PrivateCluster& cluster, std::string_view database, bool migrate) {
  auto fixture = std::make_unique<StorageFixture>();
  fixture->cluster_ = &cluster;
  ASSIGN_OR_RETURN(fixture->dsn_, cluster.CreateDatabase(database));
  if (migrate) {
    ASSIGN_OR_RETURN(std::unique_ptr<store::Connection> connection,
                     store::Connection::Open(fixture->options()));
    RETURN_IF_ERROR(store::Migrate(*connection, store::Migrations(), [](std::string_view) {}));
  }
  return fixture;
}

store::ConnectionOptions StorageFixture::options() const {
  store::ConnectionOptions options;
  options.dsn = dsn_;
  options.application_name = "storage_test";
  return options;
}

std::unique_ptr<StorageProcessor> StorageFixture::MakeProcessor() {
  return std::make_unique<StorageProcessor>("worker", Identity{"storage", "storage-test"},
                                            options(), health_, metrics_, log::Logger::Null());
}

std::unique_ptr<StorageProcessor> StorageFixture::MakeProcessor(
    const std::string& socket_directory) {
  store::ConnectionOptions through = options();
  through.dsn =
      absl::StrReplaceAll(through.dsn, {{cluster_->socket_directory(), socket_directory}});
  return std::make_unique<StorageProcessor>("worker", Identity{"storage", "storage-test"}, through,
                                            health_, metrics_, log::Logger::Null());
}

std::string StorageFixture::Query(std::string_view sql) {
  if (connection_ == nullptr) {
    auto connection = store::Connection::Open(options());
    if (!connection.ok()) return std::string(connection.status().ToString());
    connection_ = *std::move(connection);
  }
  const auto result = connection_->Execute(sql);
  if (!result.ok()) {
    connection_ = nullptr;
    return std::string(result.status().ToString());
  }
  return result->rows() == 0 ? "" : std::string(result->Text(0, 0));
}

store::PrivateCluster* SharedClusterTest::cluster_ = nullptr;

void SharedClusterTest::SetUpTestSuite() {
  auto cluster = store::PrivateCluster::Create();
  ASSERT_THAT(cluster, IsOk());
  cluster_ = cluster->release();
}

void SharedClusterTest::TearDownTestSuite() {
  delete cluster_;
  cluster_ = nullptr;
}

std::unique_ptr<StorageFixture> SharedClusterTest::MakeFixture(bool migrate) {
  const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
  auto fixture = StorageFixture::Create(*cluster_, name, migrate);
  EXPECT_THAT(fixture, IsOk());
  return fixture.ok() ? *std::move(fixture) : nullptr;
}

idea::v1::Event MakeEvent(std::string_view id) {
  idea::v1::Event event;
  event.set_format("IDEA0");
  event.set_id(std::string(id));
  event.set_detect_time(1'709'653'942'000'000);
  event.add_category("Recon.Scanning");
  event.set_description("Horizontal scan");
  auto* source = event.add_source();
  source->add_ip4()->set_address(0xc0000201);
  source->add_port(22);
  source->add_proto("tcp");
  event.add_target()->add_ip4()->set_address(0xc6336401);
  event.add_node()->set_name("org.example.detector");
  return event;
}

pipeline::Item MakeItem(const idea::v1::Event& event) {
  return pipeline::Item(event.SerializeAsString(), 1'709'653'943'000'000);
}

std::vector<pipeline::Item> MakeItems(std::string_view prefix, int count) {
  std::vector<pipeline::Item> items;
  items.reserve(count);
  for (int i = 0; i < count; ++i) {
    items.push_back(MakeItem(MakeEvent(absl::StrCat(std::string(prefix), i))));
  }
  return items;
}

}  // namespace mentat::storage
