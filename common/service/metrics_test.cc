#include "common/service/metrics.h"

#include <string>

#include "common/base/status_matchers.h"
#include "common/service/host_port.h"
#include "common/service/http_get.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace mentat::service {
namespace {

using testing::HasSubstr;

TEST(MetricsServerTest, ServesARegistryAndWhatIsMadeOnReading) {
  auto registry = std::make_shared<prometheus::Registry>();
  AddCounter(*registry, "mentat_test_events_total", "Events.", {{"kind", "good"}}).Increment(3);
  AddGauge(*registry, "mentat_test_depth", "Depth.").Set(7);
  AddHistogram(*registry, "mentat_test_seconds", "Time.", LatencyBuckets()).Observe(0.003);
  int scrapes = 0;
  auto collectable = MakeCollectable([&scrapes] {
    return std::vector<prometheus::MetricFamily>{
        CounterFamily("mentat_test_scrapes_total", "Scrapes.", {{double(++scrapes)}}),
        GaugeFamily("mentat_test_parts", "Parts.", {{1, {{"part", "a"}}}, {2, {{"part", "b"}}}})};
  });
  auto server = MetricsServer::Start("127.0.0.1:0", {registry, collectable});
  ASSERT_THAT(server, IsOk());
  auto address = ParseHostPort((*server)->address());
  ASSERT_THAT(address, IsOk());
  EXPECT_NE(address->port, 0);

  auto page = HttpGet((*server)->address(), "/metrics");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(*page, HasSubstr("mentat_test_events_total{kind=\"good\"} 3"));
  EXPECT_THAT(*page, HasSubstr("mentat_test_depth 7"));
  EXPECT_THAT(*page, HasSubstr("mentat_test_seconds_bucket{le=\"0.005\"} 1"));
  EXPECT_THAT(*page, HasSubstr("mentat_test_scrapes_total 1"));
  EXPECT_THAT(*page, HasSubstr("mentat_test_parts{part=\"b\"} 2"));
  page = HttpGet((*server)->address(), "/metrics");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(*page, HasSubstr("mentat_test_scrapes_total 2"));
}

TEST(MetricsServerTest, ATakenPortIsAnError) {
  auto first = MetricsServer::Start("127.0.0.1:0", {});
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(MetricsServer::Start((*first)->address(), {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr((*first)->address())));
}

TEST(MetricsServerTest, AWrongAddressIsAnError) {
  EXPECT_THAT(MetricsServer::Start("localhost", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host:port")));
}

TEST(HostPortTest, ReadsWhatPeopleWrite) {
  struct Case {
    std::string text, host;
    int port;
  };
  for (const Case& c : {Case{"127.0.0.1:80", "127.0.0.1", 80}, Case{"[::1]:0", "::1", 0},
                        Case{":9100", "", 9100}, Case{"storage-0:65535", "storage-0", 65535}}) {
    auto parsed = ParseHostPort(c.text);
    ASSERT_THAT(parsed, IsOk());
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port);
    EXPECT_EQ(FormatHostPort(*parsed), c.text);
  }
  for (const char* text :
       {"", "host", "host:", "host:-1", "host:65536", "host:8o", "::1:80", "[::1:80", "host: 80"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
}

TEST(HostPortTest, ResolvesNamesAndAddresses) {
  auto addresses = ResolveAll({"127.0.0.1", 80});
  ASSERT_THAT(addresses, IsOk());
  EXPECT_THAT(*addresses, testing::ElementsAre("127.0.0.1:80"));
  addresses = ResolveAll({"::1", 80});
  ASSERT_THAT(addresses, IsOk());
  EXPECT_THAT(*addresses, testing::ElementsAre("[::1]:80"));
  EXPECT_THAT(ResolveAll({"no-such-host.invalid", 80}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no-such-host.invalid")));
  EXPECT_EQ(NumericAddress({"", 9100}).value(), "0.0.0.0:9100");
}

}  // namespace
}  // namespace mentat::service
