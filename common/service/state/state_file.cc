#include "common/service/state/state_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/lock_file.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"
#include "common/service/replace_file.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace mentat::service {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxHeadBytes = 1000;
constexpr int kSlots = 2;

struct Stored {
  uint64_t revision = 0;
  uint32_t format = 0;
  std::string content;
};

// Over all that counts.
std::string Checksum(const Stored& stored) {
  return Sha256Hex(absl::StrCat(stored.format, " ", stored.revision, "\n", stored.content));
}

std::string HeadOf(const Stored& stored) {
  return nlohmann::json({{"format", stored.format},
                         {"revision", stored.revision},
                         {"bytes", stored.content.size()},
                         {"sha256", Checksum(stored)}})
             .dump() +
         "\n";
}

// NotFound if there is no such file; DataLoss says why it is not whole.
absl::StatusOr<Stored> ReadStored(const std::string& path, size_t max_bytes) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(path);
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  const auto damaged = [&path](std::string_view why) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: ", std::string(why)));
  };
  if (size > max_bytes + kMaxHeadBytes) return damaged("it is larger than a state may be");
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  std::string text(std::istreambuf_iterator<char>(in), {});
  const size_t end = text.find('\n');
  if (end == std::string::npos) return damaged("it has no first line");
  Stored stored;
  std::string sha256;
  size_t bytes = 0;
  try {
    const nlohmann::json head = nlohmann::json::parse(text.substr(0, end));
    stored.format = head.at("format").get<uint32_t>();
    stored.revision = head.at("revision").get<uint64_t>();
    bytes = head.at("bytes").get<size_t>();
    sha256 = head.at("sha256").get<std::string>();
  } catch (const nlohmann::json::exception&) {
    return damaged("its first line is not one of a state");
  }
  stored.content = text.substr(end + 1);
  if (stored.content.size() != bytes) return damaged("it does not have the length that it says");
  if (Checksum(stored) != sha256) return damaged("its checksum is wrong");
  return stored;
}

// What writes left behind that a kill ended.
void RemoveTemporaries(const std::string& folder, const std::string& name) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string file = entry.path().filename().string();
    for (int slot = 0; slot < kSlots; ++slot) {
      if (file.starts_with(absl::StrCat(".", name, ".", slot, ".state."))) {
        fs::remove(entry.path(), error);
      }
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateFile>> StateFile::Open(StateFileOptions options) {
  if (options.folder.empty()) {
    return std::unique_ptr<StateFile>(new StateFile(std::move(options), UniqueFd()));
  }
  std::error_code error;
  if (fs::create_directories(options.folder, error) && !error) {
    // What a program remembers is nobody else's business.
    fs::permissions(options.folder, fs::perms::owner_all, error);
  }
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.folder, ": cannot be made a folder: ", error.message()));
  }
  ASSIGN_OR_RETURN(UniqueFd lock,
                   LockFile(absl::StrCat(options.folder, "/", options.name, ".lock")));
  std::unique_ptr<StateFile> file(new StateFile(std::move(options), std::move(lock)));
  RETURN_IF_ERROR(file->Load());
  return file;
}

std::string StateFile::PathOf(int slot) const {
  return absl::StrCat(options_.folder, "/", options_.name, ".", slot, ".state");
}

absl::Status StateFile::Load() {
  RemoveTemporaries(options_.folder, options_.name);
  std::array<absl::Status, kSlots> wrong;
  const MutexLock lock(mutex_);
  for (int slot = 0; slot < kSlots; ++slot) {
    absl::StatusOr<Stored> stored = ReadStored(PathOf(slot), options_.max_bytes);
    if (absl::IsDataLoss(stored.status())) {
      wrong[slot] = stored.status();
    } else if (stored.ok()) {
      if (stored_.has_value() && stored->revision < revision_) continue;
      revision_ = stored->revision;
      newest_ = slot;
      stored_format_ = stored->format;
      stored_ = std::move(stored->content);
    } else if (!absl::IsNotFound(stored.status())) {
      return stored.status();
    }
  }
  for (int slot = 0; slot < kSlots; ++slot) {
    if (wrong[slot].ok()) continue;
    if (!stored_.has_value()) {
      return absl::FailedPreconditionError(absl::StrCat(
          wrong[slot].message(),
          "; there is no other state, and without the file the program begins with none"));
    }
    options_.log.Error("a state file is put aside; the state before it is used",
                       {{"error", wrong[slot]}, {"revision", revision_}});
    std::error_code error;
    fs::rename(PathOf(slot), PathOf(slot) + ".damaged", error);
  }
  if (stored_format_ > options_.format) {
    return absl::FailedPreconditionError(
        absl::StrCat(PathOf(newest_), ": has format ", stored_format_,
                     ", of a later version; this program knows formats up to ", options_.format));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> StateFile::Read(google::protobuf::Message& message) const {
  message.Clear();
  if (!stored_.has_value()) return false;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // of a later version
  const auto status = google::protobuf::util::JsonStringToMessage(*stored_, &message, options);
  if (status.ok()) return true;
  return absl::FailedPreconditionError(absl::StrCat(options_.folder, "/", options_.name,
                                                    ".*.state: is no ", message.GetTypeName(), ": ",
                                                    std::string(status.message())));
}

absl::Status StateFile::Write(const google::protobuf::Message& message) {
  if (options_.folder.empty()) return absl::OkStatus();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  Stored stored = {.format = options_.format};
  const auto printed =
      google::protobuf::util::MessageToJsonString(message, &stored.content, options);
  if (!printed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.name, ": cannot be written as JSON: ", printed.ToString()));
  }
  if (stored.content.size() > options_.max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the state ", options_.name, " has ",
                                                     stored.content.size(), " bytes; it may have ",
                                                     options_.max_bytes));
  }
  const MutexLock lock(mutex_);
  stored.revision = revision_ + 1;
  const int slot = 1 - newest_;
  const std::string text = HeadOf(stored) + stored.content;
  RETURN_IF_ERROR(ReplaceFiles({{PathOf(slot), &text, 0600}}));
  revision_ = stored.revision;
  newest_ = slot;
  return absl::OkStatus();
}

}  // namespace mentat::service
