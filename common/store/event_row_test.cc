// The rows go into a real table and are read back.
#include "common/store/event_row.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/idea/codec.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "common/store/testing/private_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::store {
namespace {

using idea::v1::Event;
using ::testing::HasSubstr;

constexpr int64_t kStorageTime = 1'709'653'942'000'001;  // 2024-03-05T15:52:22.000001Z

Event Parse(std::string_view json) {
  Event event;
  std::vector<idea::Problem> problems;
  EXPECT_TRUE(idea::ParseEvent(json, {}, &event, &problems)) << idea::Describe(problems);
  return event;
}

class EventRowTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    PrivateClusterOptions options;
    options.fsync = false;
    auto cluster = PrivateCluster::Create(options);
    ASSERT_THAT(cluster, IsOk());
    cluster_ = cluster->release();
    ConnectionOptions connection_options;
    connection_options.dsn = cluster_->Dsn("postgres");
    auto connection = Connection::Open(connection_options);
    ASSERT_THAT(connection, IsOk());
    connection_ = connection->release();
    ASSERT_THAT(Migrate(*connection_, Migrations(), [](std::string_view) {}), IsOk());
  }
  static void TearDownTestSuite() {
    delete connection_;
    delete cluster_;
  }

  absl::Status Store(const Event& event) {
    auto row = MakeEventRow(event, 0, kStorageTime);
    if (!row.ok()) return row.status();
    auto transaction = connection_->Begin();
    if (!transaction.ok()) return transaction.status();
    absl::Status status = (*transaction)->Copy("events", EventColumns(), row->bytes);
    return status.ok() ? (*transaction)->Commit() : status;
  }

  std::string Column(std::string_view id, std::string_view expression) {
    auto result = connection_->Execute(
        absl::StrCat("SELECT ", std::string(expression), " FROM events WHERE id = $1"),
        {std::string(id)});
    if (!result.ok()) return std::string(result.status().ToString());
    return result->rows() == 1 ? std::string(result->Text(0, 0)) : "no row";
  }

  static PrivateCluster* cluster_;
  static Connection* connection_;
};

PrivateCluster* EventRowTest::cluster_ = nullptr;
Connection* EventRowTest::connection_ = nullptr;

TEST_F(EventRowTest, FillsTheColumns) {
  const Event event = Parse(R"({
    "Format": "IDEA0", "ID": "full", "TLP": "AMBER",
    "DetectTime": "2024-03-05T15:52:22Z", "CreateTime": "2024-03-05T15:53:00.5Z",
    "Category": ["Recon.Scanning", "Attempt.Login"], "Description": "a\tb\\c\nd \"e\"",
    "Source": [{"IP4": ["192.0.2.1", "192.0.2.128/25"], "IP6": ["2001:db8::/64"], "Port": [22, 23, 22],
                "Proto": ["tcp", "ssh"], "Type": ["Botnet"]},
               {"IP4": ["192.0.2.2-192.0.2.5"]}],
    "Target": [{"IP4": ["198.51.100.0/24"], "Port": [443], "Proto": ["tcp"], "Type": ["Open"]}],
    "Node": [{"Name": "org.example.a", "Type": ["Honeypot"]}, {"Name": "org.example.b"}],
    "_Mentat": {"EventClass": "Recon-Scanning", "EventSeverity": "LOW", "EventSubclass": ["x"],
                "TargetClass": "t", "TargetSeverity": "high", "ResolvedAbuses": ["abuse@example.org"],
                "TargetAbuses": ["b@example.org"], "SourceResolvedASN": [64500],
                "SourceResolvedCountry": ["CZ"], "InspectionErrors": ["odd"], "ShadowReporting": true}
  })");
  ASSERT_THAT(Store(event), IsOk());
  const std::pair<const char*, const char*> expected[] = {
      {"detect_time", "2024-03-05 15:52:22+00"},
      {"storage_time", "2024-03-05 15:52:22.000001+00"},
      {"create_time", "2024-03-05 15:53:00.5+00"},
      {"received_time IS NULL", "t"},
      {"category", "{Attempt.Login,Recon.Scanning}"},
      {"description", "a\tb\\c\nd \"e\""},
      {"source_net",
       "{[192.0.2.1,192.0.2.5],[192.0.2.128,192.0.2.255],[2001:db8::,2001:db8::ffff:ffff:ffff:ffff]"
       "}"},
      {"target_net", "{[198.51.100.0,198.51.100.255]}"},
      {"source_port", "{22,23}"},
      {"target_port", "{443}"},
      {"source_type", "{Botnet}"},
      {"target_type", "{Open}"},
      {"protocol", "{ssh,tcp}"},
      {"node_name", "{org.example.a,org.example.b}"},
      {"node_type", "{Honeypot}"},
      {"resolved_abuses", "{abuse@example.org}"},
      {"target_abuses", "{b@example.org}"},
      {"source_asn", "{64500}"},
      {"source_country", "{CZ}"},
      {"event_class", "recon-scanning"},
      {"event_subclass", "{x}"},
      {"event_severity", "low"},
      {"target_class", "t"},
      {"target_severity", "high"},
      {"inspection_errors", "{odd}"},
      {"tlp", "AMBER"},
      {"shadow_reporting", "t"},
      {"shadow_reporting_target", "f"},
      {"source_net && '{[192.0.2.200,192.0.2.200]}'::inetmultirange", "t"},
      {"source_net && '{[192.0.2.100,192.0.2.100]}'::inetmultirange", "f"},
  };
  for (const auto& [expression, value] : expected) {
    EXPECT_EQ(Column("full", expression), value) << expression;
  }
  EXPECT_EQ(Column("full", "event"), idea::PrintEvent(event));
}

TEST_F(EventRowTest, EmptyListsAreNotNullAndOlderAnnotationsCount) {
  ASSERT_THAT(Store(Parse(R"({"Format": "IDEA0", "ID": "bare", "Category": ["Test"],
                              "DetectTime": "2024-03-05T15:52:22Z",
                              "_CESNET": {"EventClass": "old", "ResolvedAbuses": ["o"]}})")),
              IsOk());
  EXPECT_EQ(Column("bare", "source_net"), "{}");
  EXPECT_EQ(Column("bare", "target_port"), "{}");
  EXPECT_EQ(Column("bare", "event_class"), "old");
  EXPECT_EQ(Column("bare", "resolved_abuses"), "{o}");
  EXPECT_EQ(Column("bare", "event_severity IS NULL AND description IS NULL AND tlp IS NULL"), "t");
}

TEST_F(EventRowTest, OddTextsArriveWhole) {
  Event event = Parse(R"({"Format": "IDEA0", "ID": "odd", "Category": ["Test"],
                          "DetectTime": "2024-03-05T15:52:22Z"})");
  const std::string nul("a\0b", 3);
  event.set_description(nul);
  event.add_node()->set_name(nul);
  const std::string hostile = "'; DROP TABLE events; -- \\N \\. {\",} \t\r\n\x1f é 😀";
  event.add_node()->set_name(hostile);
  event.mutable_mentat()->set_event_class("\\N");
  ASSERT_THAT(Store(event), IsOk());
  EXPECT_EQ(Column("odd", "description"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(Column("odd", "node_name[2]"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(Column("odd", "node_name[1]"), hostile);
  EXPECT_EQ(Column("odd", "event_class"), "\\n");
  // The JSON has the character itself, escaped.
  EXPECT_EQ(Column("odd", "event"), idea::PrintEvent(event));
  EXPECT_THAT(Column("odd", "event"), HasSubstr("a\\u0000b"));
}

TEST_F(EventRowTest, OddTimesAreStored) {
  for (const char* time :
       {"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5Z"}) {
    ASSERT_THAT(Store(Parse(absl::StrCat(R"({"Format": "IDEA0", "Category": ["Test"], "ID": ")",
                                         std::string(time).substr(0, 10), R"(", "DetectTime": ")",
                                         time, "\"}"))),
                IsOk())
        << time;
  }
  EXPECT_EQ(Column("0001-01-01", "detect_time"), "0001-01-01 00:00:00+00");
  EXPECT_EQ(Column("9999-12-31", "detect_time"), "9999-12-31 23:59:59.999999+00");
  EXPECT_EQ(Column("1969-12-31", "detect_time"), "1969-12-31 23:59:59.5+00");
}

TEST_F(EventRowTest, HugeListsAreBoundedInTheColumnsOnly) {
  Event event = Parse(R"({"Format": "IDEA0", "ID": "huge", "Category": ["Test"],
                          "DetectTime": "2024-03-05T15:52:22Z"})");
  auto* source = event.add_source();
  for (int i = 0; i < 100'000; ++i) {
    source->add_ip4()->set_address(static_cast<uint32_t>(0x0a000000 + 16 * i));
    source->add_port(i % 65536);
    source->add_proto(absl::StrCat("p", i));
  }
  event.add_node()->set_name(std::string(100'000, 'n') + "é");
  event.add_node()->set_name(std::string(511, 'm') + "é");
  event.set_description(std::string(100'000, 'd'));
  ASSERT_THAT(Store(event), IsOk());
  EXPECT_EQ(Column("huge", "cardinality(source_port)"), "1000");
  EXPECT_EQ(Column("huge", "cardinality(protocol)"), "1000");
  EXPECT_EQ(Column("huge", "(SELECT count(*) FROM unnest(source_net))"), "1000");
  EXPECT_EQ(
      Column("huge", "source_net @> '10.0.0.16'::inet AND source_net @> '10.24.105.240'::inet"),
      "t");
  EXPECT_EQ(Column("huge", "octet_length(node_name[1]) || ' ' || octet_length(node_name[2])"),
            "511 512");
  EXPECT_EQ(Column("huge", "length(description)"), "8192");
  EXPECT_EQ(Column("huge", "json_array_length(event->'Source'->0->'Port')"), "100000");
}

TEST_F(EventRowTest, RefusesWhatHasNoPlace) {
  Event event = Parse(R"({"Format": "IDEA0", "ID": "x", "Category": ["Test"],
                          "DetectTime": "2024-03-05T15:52:22Z"})");
  Event bad = event;
  bad.clear_id();
  EXPECT_THAT(Store(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ID: ")));
  bad.set_id(std::string("\0", 1));
  EXPECT_THAT(Store(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ID: ")));
  bad = event;
  bad.clear_detect_time();
  EXPECT_THAT(Store(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("DetectTime: ")));
  bad.set_detect_time(INT64_MIN);
  EXPECT_THAT(Store(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("DetectTime: ")));
  bad = event;
  bad.set_create_time(INT64_MAX);  // only the column stays empty
  EXPECT_THAT(Store(bad), IsOk());
}

}  // namespace
}  // namespace mentat::store
