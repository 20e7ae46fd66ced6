#include "services/enricher/enrichment.h"

#include <algorithm>

namespace mentat::enricher {
namespace {

using idea::AddressRange;
using idea::Family;

template <typename T>
void SortUnique(std::vector<T>& values) {
  if (values.size() < 2) return;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// An IPv4-mapped range (::ffff:0:0/96) as the IPv4 range that it means.
AddressRange Unmap(const AddressRange& range) {
  constexpr uint64_t kMapped = 0xFFFF;
  if (range.family != Family::kIp6 || range.first >> 32 != kMapped || range.last >> 32 != kMapped) {
    return range;
  }
  return {.family = Family::kIp4,
          .first = static_cast<uint32_t>(absl::Uint128Low64(range.first)),
          .last = static_cast<uint32_t>(absl::Uint128Low64(range.last))};
}

}  // namespace

void Enrichment::Find(const idea::v1::Event& event, const Knowledge& knowledge,
                      size_t max_addresses, LookupCounts* counts) {
  knowledge_ = &knowledge;
  addresses_left_ = max_addresses;
  asns_.clear();
  countries_.clear();
  source_groups_.clear();
  target_groups_.clear();
  FindPeers(event.source(), /*source=*/true, counts);
  // All that is asked about targets is their abuse groups.
  if (knowledge.networks != nullptr) FindPeers(event.target(), /*source=*/false, counts);
  SortUnique(asns_);
  SortUnique(countries_);
  SortUnique(source_groups_);
  SortUnique(target_groups_);
}

void Enrichment::FindPeers(const google::protobuf::RepeatedPtrField<idea::v1::SourceTarget>& peers,
                           bool source, LookupCounts* counts) {
  for (const idea::v1::SourceTarget& peer : peers) {
    for (const idea::v1::Net4& net : peer.ip4()) FindRange(idea::Bounds(net), source, counts);
    for (const idea::v1::Net6& net : peer.ip6())
      FindRange(Unmap(idea::Bounds(net)), source, counts);
  }
}

void Enrichment::FindRange(AddressRange range, bool source, LookupCounts* counts) {
  if (addresses_left_ == 0) {
    ++counts->skipped_addresses;
    return;
  }
  --addresses_left_;
  if (knowledge_->networks != nullptr) {
    std::vector<uint32_t>& groups = source ? source_groups_ : target_groups_;
    const size_t before = groups.size();
    knowledge_->networks->Find(range, &groups);
    counts->networks.Add(groups.size() > before);
  }
  if (!source) return;
  FindGeoip(range.family, range.first, counts);
  if (!range.IsSingle()) FindGeoip(range.family, range.last, counts);
}

void Enrichment::FindGeoip(Family family, absl::uint128 address, LookupCounts* counts) {
  const Geoip& geoip = *knowledge_->geoip;
  if (geoip.city != nullptr || geoip.country != nullptr) {
    const std::string_view country = geoip.Country(family, address);
    if (!country.empty()) countries_.push_back(country);
    counts->country.Add(!country.empty());
  }
  if (geoip.asn != nullptr) {
    const uint32_t asn = geoip.Asn(family, address);
    if (asn != 0) asns_.push_back(asn);
    counts->asn.Add(asn != 0);
  }
}

bool Enrichment::Changes(const idea::v1::Event& event) const {
  if (found()) return true;
  const idea::v1::Annotations& mentat = event.mentat();
  return (knows_asns() && mentat.source_resolved_asn_size() > 0) ||
         (knows_countries() && mentat.source_resolved_country_size() > 0) ||
         (knows_groups() && (mentat.resolved_abuses_size() > 0 || mentat.target_abuses_size() > 0));
}

void Enrichment::Write(idea::v1::Annotations* annotations) const {
  if (knows_asns()) {
    annotations->mutable_source_resolved_asn()->Assign(asns_.begin(), asns_.end());
  }
  if (knows_countries()) {
    annotations->clear_source_resolved_country();
    for (const std::string_view country : countries_) {
      annotations->add_source_resolved_country(country.data(), country.size());
    }
  }
  if (knows_groups()) {
    annotations->clear_resolved_abuses();
    for (const uint32_t group : source_groups_) {
      annotations->add_resolved_abuses(knowledge_->networks->groups()[group]);
    }
    annotations->clear_target_abuses();
    for (const uint32_t group : target_groups_) {
      annotations->add_target_abuses(knowledge_->networks->groups()[group]);
    }
  }
}

bool Enrichment::knows_asns() const { return knowledge_->geoip->asn != nullptr; }

bool Enrichment::knows_countries() const {
  return knowledge_->geoip->city != nullptr || knowledge_->geoip->country != nullptr;
}

bool Enrichment::knows_groups() const { return knowledge_->networks != nullptr; }

}  // namespace mentat::enricher
