// What selections of rows of the database have in common.
#ifndef SERVICES_CONTROLLER_SELECTION_VALUES_H_
#define SERVICES_CONTROLLER_SELECTION_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "grpcpp/grpcpp.h"

namespace mentat::controller {

// Rows of a page, by default and at the most.
inline constexpr uint32_t kPage = 100;
inline constexpr uint32_t kMostPage = 1000;

// The values of the field `name`. InvalidArgument if they are too many, or one is no text for the
// database: too long, or with the character U+0000.
absl::StatusOr<std::vector<std::string>> ReadTexts(
    const char* name, const google::protobuf::RepeatedPtrField<std::string>& values);
absl::StatusOr<std::string> ReadText(const char* name, const std::string& value);
absl::StatusOr<std::vector<int64_t>> ReadIds(
    const google::protobuf::RepeatedField<int64_t>& values);

// FailedPrecondition, since no database is configured.
grpc::Status NoDatabase();
// InvalidArgument: nothing is chosen, and all are not meant.
absl::Status NothingChosen();

// Microseconds since 1970-01-01T00:00:00Z.
void SetTime(int64_t micros, google::protobuf::Timestamp& time);

}  // namespace mentat::controller

#endif  // SERVICES_CONTROLLER_SELECTION_VALUES_H_
