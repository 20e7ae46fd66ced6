// All that a set of rules asks of the values at one path, found with one look-up a value.
#ifndef COMMON_FILTER_PATH_INDEX_H_
#define COMMON_FILTER_PATH_INDEX_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "common/filter/field_path.h"
#include "common/filter/membership.h"
#include "common/filter/pattern_index.h"
#include "common/filter/range_index.h"
#include "common/idea/address.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::filter {

// The constants of many memberships of one path, each with its number. Immutable, thread-safe.
class PathIndex {
 public:
  using Numbers = absl::InlinedVector<uint32_t, 4>;  // takes no more room than a vector

  class Builder;

  // Calls `hit` with the number of each membership that is true of the event, some of them more
  // than once. Returns whether there is any value at the path; if not, all are nothing. `scratch`
  // is a buffer.
  template <typename Hit>
  bool Find(const idea::v1::Event& event, std::vector<int>* scratch, const Hit& hit) const {
    bool any = false;
    AnyAtPath(path_, event, [&](const auto& value) {
      any = true;
      FindValue(value, scratch, hit);
      return false;
    });
    return any;
  }

 private:
  struct RangeKey {
    idea::AddressRange range;
    friend bool operator==(const RangeKey& a, const RangeKey& b) { return a.range == b.range; }
    template <typename H>
    friend H AbslHashValue(H h, const RangeKey& key) {
      return H::combine(std::move(h), key.range.family, key.range.first, key.range.last);
    }
  };

  PathIndex() = default;

  template <typename Map, typename Key, typename Hit>
  static void FindKey(const Map& map, const Key& key, const Hit& hit) {
    if (map.empty()) return;
    const auto found = map.find(key);
    if (found == map.end()) return;
    for (const uint32_t number : found->second) hit(number);
  }
  template <typename Hit>
  void FindValue(const std::string& text, std::vector<int>* scratch, const Hit& hit) const {
    FindKey(texts_, text, hit);
    if (!patterns_) return;
    patterns_->Find(text, scratch);
    for (const int pattern : *scratch) {
      for (const uint32_t number : of_pattern_[pattern]) hit(number);
    }
  }
  template <typename Hit>
  void FindValue(int64_t integer, std::vector<int>*, const Hit& hit) const {
    FindKey(integers_, integer, hit);
  }
  template <typename Hit>
  void FindValue(const idea::v1::Net4& net, std::vector<int>*, const Hit& hit) const {
    FindRange(idea::Bounds(net), hit);
  }
  template <typename Hit>
  void FindValue(const idea::v1::Net6& net, std::vector<int>*, const Hit& hit) const {
    FindRange(idea::Bounds(net), hit);
  }
  // Floats and objects are in no membership.
  template <typename Hit>
  void FindValue(double, std::vector<int>*, const Hit&) const {}
  template <typename Hit>
  void FindValue(const google::protobuf::Message&, std::vector<int>*, const Hit&) const {}

  template <typename Hit>
  void FindRange(const idea::AddressRange& range, const Hit& hit) const {
    FindKey(same_, RangeKey{range}, hit);
    containing_.Find(range, hit);
  }

  FieldPath path_;
  absl::flat_hash_map<std::string, Numbers> texts_;
  absl::flat_hash_map<int64_t, Numbers> integers_;
  absl::flat_hash_map<RangeKey, Numbers> same_;
  RangeIndex containing_;
  std::optional<PatternIndex> patterns_;
  std::vector<Numbers> of_pattern_;
};

class PathIndex::Builder {
 public:
  explicit Builder(FieldPath path) { index_.path_ = std::move(path); }

  void Add(const Membership& membership, uint32_t number);
  PathIndex Build() &&;

 private:
  PathIndex index_;
  std::vector<RangeIndex::Entry> containing_;
  std::vector<Pattern> patterns_;
  std::map<std::string, size_t> pattern_numbers_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_PATH_INDEX_H_
