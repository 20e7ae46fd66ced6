// A file in place of an address database: it is refused, or every lookup comes to an end, of single
// addresses and of an event's. The end of the file says which.
#include "services/enricher/mmdb.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "mentat/idea/v1/event.pb.h"
#include "services/enricher/enrichment.h"
#include "services/enricher/geoip.h"
#include "tests/fuzz/require.h"

namespace enricher = mentat::enricher;
using mentat::fuzz::Require;
using mentat::idea::Family;

namespace {

constexpr size_t kAddressBytes = 16;
constexpr size_t kMaxAddresses = 64;

// An event whose addresses and networks are the bytes, each taken in every form.
mentat::idea::v1::Event EventOf(std::string_view bytes) {
  mentat::idea::v1::Event event;
  auto& source = *event.add_source();
  for (; bytes.size() >= kAddressBytes; bytes.remove_prefix(kAddressBytes)) {
    uint64_t halves[2];
    std::copy_n(bytes.data(), sizeof(halves), reinterpret_cast<char*>(halves));
    source.add_ip4()->set_address(static_cast<uint32_t>(halves[0]));
    auto& net4 = *source.add_ip4();
    net4.set_address(static_cast<uint32_t>(halves[1]) & 0xffff0000);
    net4.set_prefix(16);
    auto& ip6 = *source.add_ip6();
    ip6.set_address_high(halves[0]);
    ip6.set_address_low(halves[1]);
    auto& net6 = *source.add_ip6();
    net6.set_address_high(halves[0]);
    net6.set_prefix(64);
  }
  return event;
}

// Looks an event up as the enricher does, with the database in every place.
void Enrich(const std::shared_ptr<const enricher::Mmdb>& database, std::string_view file) {
  const size_t tail = std::min(file.size(), kMaxAddresses * kAddressBytes);
  mentat::idea::v1::Event event = EventOf(file.substr(file.size() - tail));
  enricher::Geoip geoip{.city = database, .country = database, .asn = database};
  const enricher::Knowledge knowledge = {
      .geoip = std::make_shared<const enricher::Geoip>(std::move(geoip)), .networks = nullptr};
  enricher::Enrichment enrichment;
  enricher::LookupCounts counts;
  enrichment.Find(event, knowledge, kMaxAddresses, &counts);
  if (enrichment.found()) enrichment.Write(event.mutable_mentat());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  Require(fd >= 0 && write(fd, data, size) == static_cast<ssize_t>(size), "there is a file");
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  for (const auto content : {enricher::Mmdb::Content::kCountry, enricher::Mmdb::Content::kAsn}) {
    const auto database = enricher::Mmdb::Open(path, content);
    if (!database.ok()) continue;
    (*database)->type();
    (*database)->build_time();
    Enrich(*database, {reinterpret_cast<const char*>(data), size});
    for (unsigned i = 0; i < 256; ++i) {
      const absl::uint128 address = absl::uint128(i) << 24 | i * 65537;
      for (const Family family : {Family::kIp4, Family::kIp6}) {
        const absl::uint128 key = family == Family::kIp4 ? address & 0xffffffff : address << 96;
        const std::string_view country = (*database)->Country(family, key);
        Require(country.empty() || country.size() == 2, "a country has two letters");
        (*database)->Asn(family, key);
      }
    }
  }
  close(fd);
  return 0;
}
