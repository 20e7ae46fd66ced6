// A certificate authority of a test, by the openssl command.
#ifndef COMMON_SERVICE_TESTING_CERTIFICATES_H_
#define COMMON_SERVICE_TESTING_CERTIFICATES_H_

#include <string>

#include "absl/status/status.h"

namespace mentat::testing_support {

// Makes FOLDER/NAME.pem and FOLDER/NAME.key: an authority that signs itself.
absl::Status MakeAuthority(const std::string& folder, const std::string& name);

// Makes FOLDER/NAME.pem and FOLDER/NAME.key, signed by the authority; the common name is NAME, and
// the certificate is for localhost and 127.0.0.1. Files that are there are replaced, each at once.
absl::Status MakeCertificate(const std::string& folder, const std::string& authority,
                             const std::string& name);

}  // namespace mentat::testing_support

#endif  // COMMON_SERVICE_TESTING_CERTIFICATES_H_
