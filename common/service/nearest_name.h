// The known name that someone most likely meant, for error messages.
#ifndef COMMON_SERVICE_NEAREST_NAME_H_
#define COMMON_SERVICE_NEAREST_NAME_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mentat::service {

// By edit distance; nothing where no name is close enough to be meant.
std::optional<std::string> NearestName(std::string_view name,
                                       const std::vector<std::string>& known);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_NEAREST_NAME_H_
