// The networks of the constituency, and the abuse groups that answer for them.
#ifndef COMMON_STORE_NETWORKS_H_
#define COMMON_STORE_NETWORKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/idea/address.h"
#include "common/store/connection.h"

namespace mentat::store {

// A network, and a group that answers for it.
struct GroupNetwork {
  idea::AddressRange range;
  std::string group;
};

// All networks of enabled groups, and the version of the tables that they were read from.
struct Networks {
  int64_t version = 0;
  std::vector<GroupNetwork> networks;
};

// More than this are refused with ResourceExhausted.
inline constexpr int64_t kMaxNetworks = 1'000'000;

// A number that is another one after each change of networks and groups. Cheap.
absl::StatusOr<int64_t> ReadNetworksVersion(Connection& connection);

// The content may be newer than the version, never older.
absl::StatusOr<Networks> ReadNetworks(Connection& connection, int64_t max_networks = kMaxNetworks);

}  // namespace mentat::store

#endif  // COMMON_STORE_NETWORKS_H_
