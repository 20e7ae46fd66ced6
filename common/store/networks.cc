#include "common/store/networks.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::store {
namespace {

absl::StatusOr<idea::AddressRange> ParseBounds(std::string_view first_text,
                                               std::string_view last_text) {
  ASSIGN_OR_RETURN(idea::AddressRange range, idea::ParseAddressRange(first_text));
  ASSIGN_OR_RETURN(const idea::AddressRange last, idea::ParseAddressRange(last_text));
  range.last = last.last;
  return range;
}

}  // namespace

absl::StatusOr<int64_t> ReadNetworksVersion(Connection& connection) {
  ASSIGN_OR_RETURN(
      const Result result,
      connection.Execute("SELECT version FROM table_versions WHERE subject = 'networks'"));
  if (result.rows() != 1) {
    return absl::FailedPreconditionError("the table table_versions has no row for `networks`");
  }
  return result.Int(0, 0);
}

absl::StatusOr<Networks> ReadNetworks(Connection& connection, int64_t max_networks) {
  Networks networks;
  ASSIGN_OR_RETURN(networks.version, ReadNetworksVersion(connection));
  ASSIGN_OR_RETURN(
      const Result result,
      connection.Execute("SELECT host(n.first), host(n.last), n.abuse_group, n.id "
                         "FROM networks n JOIN abuse_groups g ON g.name = n.abuse_group "
                         "WHERE g.enabled LIMIT $1",
                         {absl::StrCat(max_networks + 1)}));
  if (static_cast<int64_t>(result.rows()) > max_networks) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the table networks has more than ", max_networks, " rows"));
  }
  networks.networks.reserve(result.rows());
  for (size_t row = 0; row < result.rows(); ++row) {
    absl::StatusOr<idea::AddressRange> range =
        ParseBounds(result.Text(row, 0), result.Text(row, 1));
    if (!range.ok()) {
      return absl::InternalError(
          absl::StrCat("network with the id ", result.Int(row, 3), ": ", range.status().message()));
    }
    networks.networks.push_back({*range, std::string(result.Text(row, 2))});
  }
  return networks;
}

}  // namespace mentat::store
