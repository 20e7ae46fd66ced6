#include "services/enricher/enrichment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status_matchers.h"
#include "common/idea/address.h"

namespace mentat::enricher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Texts = std::vector<std::string>;

void AddPeer(const Texts& addresses, idea::v1::SourceTarget* peer) {
  for (const std::string& address : addresses) {
    if (address.find(':') == std::string::npos) {
      *peer->add_ip4() = idea::ParseNet4(address).value();
    } else {
      *peer->add_ip6() = idea::ParseNet6(address).value();
    }
  }
}

// An event with the addresses of each source and of each target.
idea::v1::Event MakeEvent(const std::vector<Texts>& sources,
                          const std::vector<Texts>& targets = {}) {
  idea::v1::Event event;
  for (const Texts& source : sources) AddPeer(source, event.add_source());
  for (const Texts& target : targets) AddPeer(target, event.add_target());
  return event;
}

class EnrichmentTest : public ::testing::Test {
 protected:
  EnrichmentTest() {
    auto geoip = std::make_shared<Geoip>();
    auto city = Mmdb::Open("deploy/demo/demo-city.mmdb", Mmdb::Content::kCountry);
    auto asn = Mmdb::Open("deploy/demo/demo-asn.mmdb", Mmdb::Content::kAsn);
    EXPECT_THAT(city, IsOk());
    EXPECT_THAT(asn, IsOk());
    if (city.ok()) geoip->city = *city;
    if (asn.ok()) geoip->asn = *asn;
    knowledge_.geoip = std::move(geoip);
    std::vector<store::GroupNetwork> networks;
    for (const auto& [range, group] :
         std::vector<std::pair<std::string, std::string>>{{"192.0.2.0/24", "alpha"},
                                                          {"192.0.2.64/26", "beta"},
                                                          {"192.0.2.64/26", "gamma"},
                                                          {"198.51.100.10-198.51.100.20", "delta"},
                                                          {"2001:db8::/32", "alpha"},
                                                          {"2001:db8:1::/48", "six"}}) {
      networks.push_back({idea::ParseAddressRange(range).value(), group});
    }
    knowledge_.networks = std::make_shared<NetworkTable>(std::move(networks));
  }

  // What an event comes to have, as `asns|countries|source groups|target groups`.
  std::string Enrich(idea::v1::Event event, size_t max_addresses = 1000) {
    enrichment_.Find(event, knowledge_, max_addresses, &counts_);
    if (enrichment_.Changes(event)) enrichment_.Write(event.mutable_mentat());
    const idea::v1::Annotations& mentat = event.mentat();
    return absl::StrJoin(
        {absl::StrJoin(mentat.source_resolved_asn(), ","),
         absl::StrJoin(mentat.source_resolved_country(), ","),
         absl::StrJoin(mentat.resolved_abuses(), ","), absl::StrJoin(mentat.target_abuses(), ",")},
        "|");
  }

  Knowledge knowledge_;
  Enrichment enrichment_;
  LookupCounts counts_;
};

TEST_F(EnrichmentTest, FindsWhatIsKnown) {
  struct Case {
    std::string what;
    std::vector<Texts> sources;
    std::vector<Texts> targets;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"no peers", {}, {}, "|||"},
      {"peers without addresses", {{}}, {{}}, "|||"},
      {"IPv4 source", {{"192.0.2.1"}}, {}, "64496|CZ|alpha|"},
      {"IPv6 source", {{"2001:db8:1::1"}}, {}, "65549|DE|six|"},
      {"target alone", {}, {{"192.0.2.1"}}, "|||alpha"},
      {"target outside", {}, {{"198.18.0.1"}}, "|||"},
      {"source and target", {{"192.0.2.1"}}, {{"2001:db8::1"}}, "64496|CZ|alpha|alpha"},
      {"unknown addresses", {{"8.8.8.8", "::1"}}, {{"127.0.0.1"}}, "|||"},
      {"several groups of the narrowest", {{"192.0.2.65"}}, {}, "64497|DE|beta,gamma|"},
      {"several addresses of a source",
       {{"192.0.2.65", "192.0.2.1", "192.0.2.2", "2001:db8:1::1"}},
       {},
       "64496,64497,65549|CZ,DE|alpha,beta,gamma,six|"},
      {"several sources and targets",
       {{"192.0.2.65"}, {"198.51.100.10"}},
       {{"198.51.100.20"}, {"192.0.2.1"}},
       "64497,64500|DE,NL|beta,delta,gamma|alpha,delta"},
      {"network inside a network", {{"192.0.2.64/27"}}, {}, "64497|DE|beta,gamma|"},
      {"network that is a network", {{"192.0.2.0/24"}}, {}, "64496,64499|CZ,SK|alpha|"},
      {"network with host bits", {{"192.0.2.77/24"}}, {}, "64496,64499|CZ,SK|alpha|"},
      {"network over all networks", {{"192.0.0.0/16"}}, {}, "|||"},
      {"range inside a range", {{"198.51.100.11-198.51.100.12"}}, {}, "64500|NL|delta|"},
      {"range over the edge", {{"198.51.100.11-198.51.100.21"}}, {}, "64500|NL||"},
      {"range with one end outside", {{"192.0.2.255-192.0.3.4"}}, {}, "64499|SK||"},
      {"IPv6 network", {{"2001:db8::/47"}}, {}, "65548,65549|CZ,DE|alpha|"},
      {"everything", {{"0.0.0.0/0", "::/0"}}, {{"0.0.0.0/0"}}, "|||"},
      {"IPv4 written as IPv6",
       {{"::ffff:192.0.2.65"}},
       {{"::ffff:192.0.2.0/120"}},
       "64497|DE|beta,gamma|alpha"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(Enrich(MakeEvent(test.sources, test.targets)), test.expected) << test.what;
  }
}

TEST_F(EnrichmentTest, WhatIsFoundReplacesWhatStoodThere) {
  idea::v1::Event event = MakeEvent({{"192.0.2.1"}}, {{"192.0.2.65"}});
  idea::v1::Annotations* mentat = event.mutable_mentat();
  mentat->add_source_resolved_asn(1);
  mentat->add_source_resolved_asn(2);
  mentat->add_source_resolved_country("XX");
  mentat->add_resolved_abuses("old");
  mentat->add_target_abuses("old");
  mentat->set_event_class("attempt-login");
  EXPECT_EQ(Enrich(event), "64496|CZ|alpha|beta,gamma");

  enrichment_.Write(mentat);
  EXPECT_EQ(mentat->event_class(), "attempt-login");
}

TEST_F(EnrichmentTest, WhatAnEventClaimsOfItselfDoesNotCount) {
  idea::v1::Event event = MakeEvent({{"8.8.8.8"}});
  event.mutable_mentat()->add_source_resolved_asn(15169);
  event.mutable_mentat()->add_resolved_abuses("old");
  EXPECT_EQ(Enrich(event), "|||");
  EXPECT_FALSE(enrichment_.found());
}

TEST_F(EnrichmentTest, AnEventLeavesNothingForTheNext) {
  EXPECT_EQ(Enrich(MakeEvent({{"192.0.2.1"}}, {{"192.0.2.1"}})), "64496|CZ|alpha|alpha");
  EXPECT_EQ(Enrich(MakeEvent({{"8.8.8.8"}})), "|||");
}

TEST_F(EnrichmentTest, TheNumberOfAddressesIsBounded) {
  EXPECT_EQ(Enrich(MakeEvent({{"8.8.8.8", "192.0.2.1", "192.0.2.65"}}, {{"192.0.2.1"}}), 2),
            "64496|CZ|alpha|");
  EXPECT_EQ(counts_.skipped_addresses, 2);

  idea::v1::Event event;
  idea::v1::SourceTarget* source = event.add_source();
  for (uint32_t i = 0; i < 100'000; ++i) source->add_ip4()->set_address(0xC0000200 + i % 256);
  counts_ = {};
  EXPECT_EQ(Enrich(event), "64496,64497,64498,64499|CZ,DE,SK,US|alpha,beta,gamma|");
  EXPECT_EQ(counts_.skipped_addresses, 99'000);
  EXPECT_EQ(counts_.networks.hits, 1000);
}

TEST_F(EnrichmentTest, LookupsAreCounted) {
  Enrich(MakeEvent({{"192.0.2.1", "8.8.8.8", "192.0.2.0/24"}}, {{"192.0.2.9", "8.8.4.4"}}));
  EXPECT_EQ(counts_.country.hits, 3);  // a network has two ends
  EXPECT_EQ(counts_.country.misses, 1);
  EXPECT_EQ(counts_.asn.hits, 3);
  EXPECT_EQ(counts_.asn.misses, 1);
  EXPECT_EQ(counts_.networks.hits, 3);
  EXPECT_EQ(counts_.networks.misses, 2);
}

TEST_F(EnrichmentTest, PartsOfTheKnowledgeMayBeMissing) {
  const Knowledge whole = knowledge_;
  const idea::v1::Event event = MakeEvent({{"192.0.2.1"}}, {{"192.0.2.1"}});
  knowledge_.networks = nullptr;
  EXPECT_EQ(Enrich(event), "64496|CZ||");
  knowledge_.geoip =
      std::make_shared<Geoip>(Geoip{.city = nullptr, .country = nullptr, .asn = whole.geoip->asn});
  EXPECT_EQ(Enrich(event), "64496|||");
  knowledge_.geoip =
      std::make_shared<Geoip>(Geoip{.city = nullptr, .country = whole.geoip->city, .asn = nullptr});
  EXPECT_EQ(Enrich(event), "|CZ||");
  knowledge_.geoip = std::make_shared<Geoip>();
  EXPECT_EQ(Enrich(event), "|||");
  knowledge_.networks = whole.networks;
  EXPECT_EQ(Enrich(event), "||alpha|alpha");
}

}  // namespace
}  // namespace mentat::enricher
