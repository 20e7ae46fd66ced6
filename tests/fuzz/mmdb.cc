// A file in place of an address database: it is refused, or every lookup comes to an end.
#include "services/enricher/mmdb.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "tests/fuzz/require.h"

namespace enricher = mentat::enricher;
using mentat::fuzz::Require;
using mentat::idea::Family;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  Require(fd >= 0 && write(fd, data, size) == static_cast<ssize_t>(size), "there is a file");
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  for (const auto content : {enricher::Mmdb::Content::kCountry, enricher::Mmdb::Content::kAsn}) {
    const auto database = enricher::Mmdb::Open(path, content);
    if (!database.ok()) continue;
    (*database)->type();
    (*database)->build_time();
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
