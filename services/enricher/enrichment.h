// What is known about the addresses of an event.
#ifndef SERVICES_ENRICHER_ENRICHMENT_H_
#define SERVICES_ENRICHER_ENRICHMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/address.h"
#include "mentat/idea/v1/event.pb.h"
#include "services/enricher/geoip.h"
#include "services/enricher/network_table.h"

namespace mentat::enricher {

// All that is known at one moment. Immutable, thread-safe.
struct Knowledge {
  std::shared_ptr<const Geoip> geoip;            // not null
  std::shared_ptr<const NetworkTable> networks;  // null: no abuse groups are to be found
};

// How many look-ups of one kind found something.
struct LookupCount {
  size_t hits = 0;
  size_t misses = 0;
  void Add(bool hit) { ++(hit ? hits : misses); }
};

struct LookupCounts {
  LookupCount country;
  LookupCount asn;
  LookupCount networks;
  size_t skipped_addresses = 0;  // beyond the limit of their event
};

// Looks up events, one at a time. Used by one thread; what was found lives as long as `knowledge`
// and until the next event.
class Enrichment {
 public:
  // Looks up at the most `max_addresses` addresses, networks and ranges, sources before targets.
  //
  // Of a network or range, the two ends are looked up for country and AS; its abuse groups are
  // those of networks that contain all of it. IPv6 addresses that stand for IPv4 ones are looked up
  // as these.
  void Find(const idea::v1::Event& event, const Knowledge& knowledge, size_t max_addresses,
            LookupCounts* counts);

  // Whether the last event has anything to be written.
  bool found() const {
    return !asns_.empty() || !countries_.empty() || !source_groups_.empty() ||
           !target_groups_.empty();
  }

  // Whether `event` does not already say what was found: something was found, or it arrived with a
  // value under a key that is ours to give.
  bool Changes(const idea::v1::Event& event) const;

  // Gives each key whose source is loaded the values that were found, sorted and each once; none if
  // nothing was. Keys without a source stay as they are.
  void Write(idea::v1::Annotations* annotations) const;

 private:
  bool knows_asns() const;
  bool knows_countries() const;
  bool knows_groups() const;
  void FindPeers(const google::protobuf::RepeatedPtrField<idea::v1::SourceTarget>& peers,
                 bool source, LookupCounts* counts);
  void FindRange(idea::AddressRange range, bool source, LookupCounts* counts);
  void FindGeoip(idea::Family family, absl::uint128 address, LookupCounts* counts);

  const Knowledge* knowledge_ = nullptr;
  size_t addresses_left_ = 0;
  std::vector<uint32_t> asns_;
  std::vector<std::string_view> countries_;
  std::vector<uint32_t> source_groups_;  // indices into the table's groups
  std::vector<uint32_t> target_groups_;
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_ENRICHMENT_H_
