// Which abuse groups answer for an address, a network or a range: those of the narrowest known
// network that contains all of it.
#ifndef SERVICES_ENRICHER_NETWORK_TABLE_H_
#define SERVICES_ENRICHER_NETWORK_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "common/idea/address.h"
#include "common/store/networks.h"

namespace mentat::enricher {

// Immutable; all members are thread-safe.
//
// Networks may lie inside each other, and may overlap otherwise. The narrowest is the one with the
// fewest addresses, which is the longest prefix where all networks are prefixes. If several are
// equally narrow, or one has several groups, all these groups answer.
class NetworkTable {
 public:
  NetworkTable() = default;
  explicit NetworkTable(std::vector<store::GroupNetwork> networks);

  // Appends the groups that answer for `query`, as indices into groups(), none twice in one call.
  // O(log n), plus the number of networks that contain the query at the worst.
  void Find(const idea::AddressRange& query, std::vector<uint32_t>* found) const;

  // All groups, sorted.
  const std::vector<std::string>& groups() const { return groups_; }
  // Distinct networks.
  size_t size() const { return families_[0].nodes.size() + families_[1].nodes.size(); }

 private:
  // A distinct network. The nodes of a family are sorted by `first` and read as a balanced binary
  // tree, whose root is the middle of the list, and so on for the halves on its left and right.
  struct Node {
    absl::uint128 first;
    absl::uint128 last;
    absl::uint128 subtree_last;  // greatest `last` of the tree below, this node included
    uint32_t groups_begin;       // in group_lists_
    uint32_t groups_end;
  };
  struct Family {
    std::vector<Node> nodes;
  };
  struct Search;

  void Add(const std::vector<store::GroupNetwork>& networks, size_t begin, size_t end);
  static absl::uint128 SetSubtreeLast(Family& family, size_t begin, size_t end);
  static void Visit(const Family& family, size_t begin, size_t end, Search& search);

  const Family& Of(idea::Family family) const { return families_[family == idea::Family::kIp6]; }

  std::vector<std::string> groups_;
  std::vector<uint32_t> group_lists_;
  std::array<Family, 2> families_;
};

}  // namespace mentat::enricher

#endif  // SERVICES_ENRICHER_NETWORK_TABLE_H_
