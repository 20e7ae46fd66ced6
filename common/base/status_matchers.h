// GoogleTest matchers for absl::Status and absl::StatusOr.
//
//   ASSERT_THAT(Parse("x"), IsOk());
//   EXPECT_THAT(Parse(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty")));
#ifndef COMMON_BASE_STATUS_MATCHERS_H_
#define COMMON_BASE_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

namespace mentat {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << "whose status is " << std::string(GetStatus(arg).ToString());
  return GetStatus(arg).ok();
}

MATCHER_P2(StatusIs, code, message_matcher, "has the code and a message that matches") {
  const absl::Status& status = GetStatus(arg);
  *result_listener << "whose status is " << std::string(status.ToString());
  return status.code() == code && testing::Matches(message_matcher)(std::string(status.message()));
}

}  // namespace mentat

#endif  // COMMON_BASE_STATUS_MATCHERS_H_
