// How mentatctl calls control planes: flags, then variables, then a file in the home.
#ifndef TOOLS_MENTATCTL_CONNECTION_H_
#define TOOLS_MENTATCTL_CONNECTION_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/config/v1/common.pb.h"
#include "tools/mentatctl/cli/command.h"

namespace mentat::mentatctl {

struct Connection {
  std::string controller;  // host:port
  config::v1::AdminClientConfig client;
};

// What the flags said.
struct ConnectionFlags {
  std::map<std::string, std::string> settings;  // by name, as `ca_file`; empty where none was given
  bool allow_plaintext = false;
};

// The flags --controller, --ca-file, --cert-file, --key-file, --token-file, --server-name and
// --allow-plaintext, whose values go to `flags`.
std::vector<Argument> ConnectionArguments(ConnectionFlags& flags);

// Value of a variable; empty if it is not set.
using Environment = std::function<std::string(const std::string& name)>;

// What no flag says, the variables MENTATCTL_CONTROLLER, MENTATCTL_CA_FILE, … say; what these do
// not, the file that MENTATCTL_CONFIG names or ~/.config/mentat/mentatctl.json: an object with
// `controller` and the keys of AdminClientConfig. InvalidArgument says what is wrong.
absl::StatusOr<Connection> MakeConnection(const ConnectionFlags& flags,
                                          const Environment& environment);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CONNECTION_H_
