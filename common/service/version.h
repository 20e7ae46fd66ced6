// The version of all programs of this source tree.
#ifndef COMMON_SERVICE_VERSION_H_
#define COMMON_SERVICE_VERSION_H_

#include <string_view>

namespace mentat::service {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace mentat::service

#endif  // COMMON_SERVICE_VERSION_H_
