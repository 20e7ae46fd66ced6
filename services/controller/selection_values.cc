#include "services/controller/selection_values.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::controller {
namespace {

constexpr int kMostValues = 1000;
constexpr size_t kMostTextBytes = 1000;

absl::Status TooMany(const char* name) {
  return absl::InvalidArgumentError(
      absl::StrCat("selection.", name, ": at the most ", kMostValues));
}

}  // namespace

absl::StatusOr<std::string> ReadText(const char* name, const std::string& value) {
  if (value.size() > kMostTextBytes || value.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("selection.", name, ": at the most ",
                                                   kMostTextBytes, " bytes, none of them 0"));
  }
  return value;
}

absl::StatusOr<std::vector<std::string>> ReadTexts(
    const char* name, const google::protobuf::RepeatedPtrField<std::string>& values) {
  if (values.size() > kMostValues) return TooMany(name);
  for (const std::string& value : values) RETURN_IF_ERROR(ReadText(name, value).status());
  return std::vector<std::string>(values.begin(), values.end());
}

absl::StatusOr<std::vector<int64_t>> ReadIds(
    const google::protobuf::RepeatedField<int64_t>& values) {
  if (values.size() > kMostValues) return TooMany("ids");
  return std::vector<int64_t>(values.begin(), values.end());
}

grpc::Status NoDatabase() {
  return {grpc::StatusCode::FAILED_PRECONDITION,
          "this controller has no database: configure database.dsn"};
}

absl::Status NothingChosen() {
  return absl::InvalidArgumentError("selection: has no condition; if all are meant, set `all`");
}

void SetTime(int64_t micros, google::protobuf::Timestamp& time) {
  int64_t seconds = micros / 1'000'000;
  if (micros % 1'000'000 < 0) --seconds;
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(micros - seconds * 1'000'000) * 1000);
}

}  // namespace mentat::controller
