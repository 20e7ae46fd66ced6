// A MaxMind DB file (GeoLite2, GeoIP2 and the like), read for countries or AS numbers.
//
// The file is copied into memory when it is opened, so that replacing, truncating or overwriting it
// later cannot disturb a reader, and the copy is checked from end to end: what is damaged is
// refused as a whole, and lookups never meet it.
#ifndef SERVICES_ENRICHER_MMDB_H_
#define SERVICES_ENRICHER_MMDB_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/idea/address.h"

struct MMDB_s;

namespace mentat::enricher {

// Immutable; all members are thread-safe.
class Mmdb {
 public:
  // What the caller wants from the records. A file of which no record has it is refused: most
  // likely the paths of two databases were exchanged.
  enum class Content { kCountry, kAsn };

  // NotFound if there is no such file, DataLoss if it is damaged or of another format,
  // FailedPrecondition if it lacks `content`; the messages name the file.
  static absl::StatusOr<std::shared_ptr<const Mmdb>> Open(const std::string& path, Content content);

  // ISO 3166-1 alpha-2 code of the country that the address is in, else of the one it is registered
  // in; empty if unknown. The view lives as long as the database.
  std::string_view Country(idea::Family family, absl::uint128 address) const;

  // Number of the autonomous system that announces the address; 0 if unknown.
  uint32_t Asn(idea::Family family, absl::uint128 address) const;

  // As the file says: `GeoLite2-City` for instance, and its build time in Unix seconds.
  std::string_view type() const;
  int64_t build_time() const;

 private:
  struct Closer {
    void operator()(MMDB_s* database) const;
  };
  using Handle = std::unique_ptr<MMDB_s, Closer>;

  explicit Mmdb(Handle database) : database_(std::move(database)) {}

  Handle database_;
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_MMDB_H_
