// Finds secrets that stand in the text of a configuration file itself, so that such a file is never
// shown. Stateless, thread-safe.
#ifndef COMMON_SERVICE_CONFIG_SECRETS_H_
#define COMMON_SERVICE_CONFIG_SECRETS_H_

#include <string_view>

namespace google::protobuf {
class Descriptor;
}

namespace mentat::service {

// Whether the text, a file of the configuration of this type, gives a secret field a value other
// than {"file": ...}. Where the text cannot be read, or in its comments, the name of a secret field
// counts as one.
bool HoldsSecret(std::string_view text, const google::protobuf::Descriptor& type);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_CONFIG_SECRETS_H_
