// How mentatctl calls control planes: flags, then variables, then a file in the home.
#ifndef TOOLS_MENTATCTL_CONNECTION_H_
#define TOOLS_MENTATCTL_CONNECTION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/config/v1/common.pb.h"

namespace mentat::mentatctl {

struct Connection {
  std::string controller;  // host:port
  config::v1::AdminClientConfig client;
};

// What --help says of the flags.
std::string ConnectionHelp();

// Value of a variable; empty if it is not set.
using Environment = std::function<std::string(const std::string& name)>;

// Takes the flags --controller, --ca-file, --cert-file, --key-file, --token-file, --server-name,
// --allow-plaintext out of `words`, wherever they stand. What no flag says, the variables
// MENTATCTL_CONTROLLER, MENTATCTL_CA_FILE, … say; what these do not, the file that MENTATCTL_CONFIG
// names or ~/.config/mentat/mentatctl.json: an object with `controller` and the keys of
// AdminClientConfig. InvalidArgument says what is wrong.
absl::StatusOr<Connection> TakeConnection(std::vector<std::string>& words,
                                          const Environment& environment);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONNECTION_H_
