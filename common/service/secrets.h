// Keeps what a process was told in secret out of what others can see of it: the list of processes
// and core files.
#ifndef COMMON_SERVICE_SECRETS_H_
#define COMMON_SERVICE_SECRETS_H_

#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class Descriptor;
}

namespace mentat::service {

// Overwrites, in the memory that `ps` reads, what --set and the service's variables say of secret
// fields of the configuration, or of objects that have some. To be called at the start, while
// nobody else looks at `argv` and the environment, and after they have been read.
void HideSecrets(int argc, char** argv, std::string_view service,
                 const google::protobuf::Descriptor& config);

// Lets this process, and those that it starts, leave no core files, unless the variable
// MENTAT_CORE_FILES is 1. Without memory they would not do: registers hold pieces of secrets, too.
absl::Status LimitCoreFiles();

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SECRETS_H_
