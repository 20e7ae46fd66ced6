// How fast look-ups are, beside libmaxminddb alone and a linear search.
//
//   ./mentat bench geoip
//   lookup_benchmark [--json] [--quick] [CITY.mmdb [ASN.mmdb]]     the demo's databases by default
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <maxminddb.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/benchmark_pairs.h"
#include "common/base/benchmark_report.h"
#include "common/idea/address.h"
#include "common/store/networks.h"
#include "services/enricher/enrichment.h"
#include "services/enricher/geoip.h"
#include "services/enricher/mmdb.h"
#include "services/enricher/network_table.h"

namespace mentat::enricher {
namespace {

std::string city_path = "deploy/demo/demo-city.mmdb";
std::string asn_path = "deploy/demo/demo-asn.mmdb";

// Addresses as the demo has them; all over the world if another database is given.
std::vector<uint32_t> Addresses() {
  std::mt19937_64 random(1);
  std::vector<uint32_t> addresses(1 << 16);
  const bool demo = city_path.find("demo-city") != std::string::npos;
  for (uint32_t& address : addresses) {
    address = demo ? 0x0A000000 | (random() >> 40) : random() >> 32;
  }
  return addresses;
}

void BM_CountryByLibmaxminddb(benchmark::State& state) {
  MMDB_s database;
  if (MMDB_open(city_path.c_str(), MMDB_MODE_MMAP, &database) != MMDB_SUCCESS) {
    state.SkipWithError("cannot open");
    return;
  }
  const std::vector<uint32_t> addresses = Addresses();
  size_t i = 0;
  for (auto _ : state) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(addresses[i++ % addresses.size()]);
    int error = 0;
    MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&address), &error);
    if (!result.found_entry) continue;
    MMDB_entry_data_s data;
    MMDB_get_value(&result.entry, &data, "country", "iso_code", NULL);
    benchmark::DoNotOptimize(data.utf8_string);
  }
  state.SetItemsProcessed(state.iterations());
  MMDB_close(&database);
}
BENCHMARK(BM_CountryByLibmaxminddb);

void BM_Country(benchmark::State& state) {
  const auto database = Mmdb::Open(city_path, Mmdb::Content::kCountry);
  if (!database.ok()) {
    state.SkipWithError("cannot open");
    return;
  }
  const std::vector<uint32_t> addresses = Addresses();
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        (*database)->Country(idea::Family::kIp4, addresses[i++ % addresses.size()]));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Country);

void BM_Open(benchmark::State& state) {
  for (auto _ : state) {
    if (!Mmdb::Open(city_path, Mmdb::Content::kCountry).ok()) state.SkipWithError("cannot open");
  }
}
BENCHMARK(BM_Open)->Unit(benchmark::kMillisecond);

// Networks like the demo's: 16 organisations with departments and servers.
std::vector<store::GroupNetwork> Networks(int count) {
  std::vector<store::GroupNetwork> networks;
  std::mt19937_64 random(2);
  while (static_cast<int>(networks.size()) < count) {
    const int prefix = 12 + random() % 21;
    const uint32_t mask = 0xFFFFFFFFu << (32 - prefix);
    const uint32_t first = (0x0A000000 | (random() >> 40)) & mask;
    networks.push_back({{.family = idea::Family::kIp4, .first = first, .last = first | ~mask},
                        absl::StrCat("group", random() % 100)});
  }
  return networks;
}

void BM_NetworkTable(benchmark::State& state) {
  const NetworkTable table(Networks(static_cast<int>(state.range(0))));
  const std::vector<uint32_t> addresses = Addresses();
  std::vector<uint32_t> found;
  size_t i = 0;
  for (auto _ : state) {
    const absl::uint128 address = addresses[i++ % addresses.size()];
    found.clear();
    table.Find({.family = idea::Family::kIp4, .first = address, .last = address}, &found);
    benchmark::DoNotOptimize(found.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_NetworkTable)->Arg(1000)->Arg(100'000);

void BM_LinearSearch(benchmark::State& state) {
  const std::vector<store::GroupNetwork> networks = Networks(static_cast<int>(state.range(0)));
  const std::vector<uint32_t> addresses = Addresses();
  size_t i = 0;
  for (auto _ : state) {
    const absl::uint128 address = addresses[i++ % addresses.size()];
    const idea::AddressRange query{.family = idea::Family::kIp4, .first = address, .last = address};
    for (const store::GroupNetwork& network : networks) {
      benchmark::DoNotOptimize(network.range.Contains(query));
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LinearSearch)->Arg(1000);

// An event with a source and a target: find and write.
void BM_Event(benchmark::State& state) {
  auto geoip = std::make_shared<Geoip>();
  const auto city = Mmdb::Open(city_path, Mmdb::Content::kCountry);
  const auto asn = Mmdb::Open(asn_path, Mmdb::Content::kAsn);
  if (!city.ok() || !asn.ok()) {
    state.SkipWithError("cannot open");
    return;
  }
  geoip->city = *city;
  geoip->asn = *asn;
  const Knowledge knowledge{.geoip = std::move(geoip),
                            .networks = std::make_shared<NetworkTable>(Networks(1000))};
  const std::vector<uint32_t> addresses = Addresses();
  idea::v1::Event event;
  idea::v1::Net4* source = event.add_source()->add_ip4();
  idea::v1::Net4* target = event.add_target()->add_ip4();
  Enrichment enrichment;
  LookupCounts counts;
  size_t i = 0;
  for (auto _ : state) {
    source->set_address(addresses[i++ % addresses.size()]);
    target->set_address(addresses[i++ % addresses.size()]);
    enrichment.Find(event, knowledge, 1000, &counts);
    if (enrichment.found()) enrichment.Write(event.mutable_mentat());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Event);

}  // namespace
}  // namespace mentat::enricher

int main(int argc, char** argv) {
  mentat::bench::Report report(argc, argv);
  if (report.arguments().size() > 0) mentat::enricher::city_path = report.arguments()[0];
  if (report.arguments().size() > 1) mentat::enricher::asn_path = report.arguments()[1];
  const mentat::bench::Pair pairs[] = {
      {.figure = {.name = "geoip",
                  .unit = "lookups/s",
                  .bar = 0.8,
                  .note = "the country of an address / by libmaxminddb alone"},
       .ours = "BM_Country",
       .baseline = "BM_CountryByLibmaxminddb"}};
  mentat::bench::RunPairs(pairs, report);
  return report.Finish();
}
