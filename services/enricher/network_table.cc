#include "services/enricher/network_table.h"

#include <algorithm>
#include <tuple>

namespace mentat::enricher {

// The narrowest networks found so far.
struct NetworkTable::Search {
  const idea::AddressRange& query;
  absl::uint128 width = absl::Uint128Max();  // last - first
  std::vector<const Node*> narrowest;
};

NetworkTable::NetworkTable(std::vector<store::GroupNetwork> networks) {
  groups_.reserve(networks.size());
  for (const store::GroupNetwork& network : networks) groups_.push_back(network.group);
  std::sort(groups_.begin(), groups_.end());
  groups_.erase(std::unique(groups_.begin(), groups_.end()), groups_.end());
  groups_.shrink_to_fit();

  std::sort(networks.begin(), networks.end(),
            [](const store::GroupNetwork& a, const store::GroupNetwork& b) {
              return std::tie(a.range.family, a.range.first, a.range.last, a.group) <
                     std::tie(b.range.family, b.range.first, b.range.last, b.group);
            });
  for (size_t begin = 0; begin < networks.size();) {
    size_t end = begin + 1;
    while (end < networks.size() && networks[end].range == networks[begin].range) ++end;
    Add(networks, begin, end);
    begin = end;
  }
  for (Family& family : families_) SetSubtreeLast(family, 0, family.nodes.size());
}

// Adds a node for networks of one and the same range.
void NetworkTable::Add(const std::vector<store::GroupNetwork>& networks, size_t begin, size_t end) {
  const idea::AddressRange& range = networks[begin].range;
  Node node{.first = range.first,
            .last = range.last,
            .subtree_last = range.last,
            .groups_begin = static_cast<uint32_t>(group_lists_.size()),
            .groups_end = 0};
  for (size_t i = begin; i < end; ++i) {
    if (i > begin && networks[i].group == networks[i - 1].group) continue;
    const auto group = std::lower_bound(groups_.begin(), groups_.end(), networks[i].group);
    group_lists_.push_back(static_cast<uint32_t>(group - groups_.begin()));
  }
  node.groups_end = static_cast<uint32_t>(group_lists_.size());
  families_[range.family == idea::Family::kIp6].nodes.push_back(node);
}

absl::uint128 NetworkTable::SetSubtreeLast(Family& family, size_t begin, size_t end) {
  if (begin == end) return 0;
  const size_t middle = begin + (end - begin) / 2;
  Node& node = family.nodes[middle];
  node.subtree_last = std::max(
      {node.last, SetSubtreeLast(family, begin, middle), SetSubtreeLast(family, middle + 1, end)});
  return node.subtree_last;
}

// The networks that begin last are visited first: as a rule they are the narrow ones, and what is
// found early saves most of the rest.
void NetworkTable::Visit(const Family& family, size_t begin, size_t end, Search& search) {
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    const Node& node = family.nodes[middle];
    if (node.subtree_last < search.query.last) return;
    if (node.first <= search.query.first) {
      Visit(family, middle + 1, end, search);
      if (node.last >= search.query.last) {
        const absl::uint128 width = node.last - node.first;
        if (width < search.width) search.narrowest.clear();
        if (width <= search.width) {
          search.width = width;
          search.narrowest.push_back(&node);
        }
      }
      // What is left begins here or before, and would have to reach up to the end of the query.
      if (search.query.last - node.first > search.width) return;
    }
    end = middle;
  }
}

void NetworkTable::Find(const idea::AddressRange& query, std::vector<uint32_t>* found) const {
  const Family& family = Of(query.family);
  Search search{.query = query, .narrowest = {}};
  Visit(family, 0, family.nodes.size(), search);
  const size_t begin = found->size();
  for (const Node* node : search.narrowest) {
    found->insert(found->end(), group_lists_.begin() + node->groups_begin,
                  group_lists_.begin() + node->groups_end);
  }
  if (search.narrowest.size() > 1) {
    std::sort(found->begin() + begin, found->end());
    found->erase(std::unique(found->begin() + begin, found->end()), found->end());
  }
}

}  // namespace mentat::enricher
