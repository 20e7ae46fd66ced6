#include "common/service/reload_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"
#include "common/service/config_secrets.h"
#include "common/service/replace_file.h"
#include "google/protobuf/stubs/common.h"

namespace mentat::service {
namespace {

namespace fs = std::filesystem;

// More files than these in a folder are not looked at, nor more bytes of a file.
constexpr size_t kMaxFolderFiles = 10'000;
constexpr std::streamsize kMaxFileBytes = 64 << 20;

bool IsKey(const std::string& path) { return path.ends_with(".key_secret"); }

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool FitsFolder(const std::string& name, const ReloadPath& folder) {
  // A name that is no UTF-8 cannot be told by a call.
  return !name.empty() && name.front() != '.' &&
         google::protobuf::internal::IsStructurallyValidUTF8(name) &&
         std::any_of(folder.endings.begin(), folder.endings.end(),
                     [&](const std::string& ending) { return name.ends_with(ending); });
}

std::vector<std::string> FilesIn(const ReloadPath& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder.path, error), end;
       !error && it != end && files.size() < kMaxFolderFiles; it.increment(error)) {
    std::error_code ignored;
    if (FitsFolder(it->path().filename().string(), folder) && it->is_regular_file(ignored)) {
      files.push_back(it->path().string());
    }
  }
  return files;
}

// NotFound where there is no such file.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be read"));
  }
  std::string content;
  std::string chunk(64 << 10, '\0');
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), in.gcount() > 0) {
    content.append(chunk, 0, static_cast<size_t>(in.gcount()));
    if (static_cast<std::streamsize>(content.size()) > kMaxFileBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(path, ": over ", kMaxFileBytes, " bytes"));
    }
  }
  if (in.bad()) return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  return content;
}

}  // namespace

ReloadFiles::ReloadFiles(Paths configuration, const google::protobuf::Descriptor* type,
                         Paths others)
    : configuration_(std::move(configuration)), type_(type), others_(std::move(others)) {}

std::vector<ReloadFiles::Entry> ReloadFiles::List() const {
  std::map<std::string, bool> entries;
  const auto add = [&](const std::vector<ReloadPath>& paths, bool configuration) {
    for (const ReloadPath& path : paths) {
      if (path.path.empty()) continue;
      if (!IsFolder(path.path)) {
        entries[path.path] |= configuration;
        continue;
      }
      for (const std::string& file : FilesIn(path)) entries[file] |= configuration;
    }
  };
  add(configuration_(), true);
  add(others_(), false);
  std::vector<Entry> list;
  for (const auto& [path, configuration] : entries) {
    if (!IsKey(path)) list.push_back({path, configuration});
  }
  return list;
}

absl::StatusOr<ReloadFiles::Entry> ReloadFiles::Find(const std::string& path) const {
  const auto matches = [&](const std::vector<ReloadPath>& paths) {
    return std::any_of(paths.begin(), paths.end(), [&](const ReloadPath& each) {
      if (each.path.empty()) return false;
      if (!IsFolder(each.path)) return path == each.path;
      const std::string name = fs::path(path).filename().string();
      return FitsFolder(name, each) && path == (fs::path(each.path) / name).string();
    });
  };
  if (!IsKey(path)) {
    if (matches(configuration_())) return Entry{path, true};
    if (matches(others_())) return Entry{path, false};
  }
  return absl::InvalidArgumentError(absl::StrCat("files: a reload reads no file ", path));
}

bool ReloadFiles::IsWithheld(const Entry& entry, const std::string& content) const {
  return entry.configuration && HoldsSecret(content, *type_);
}

absl::StatusOr<ReloadFiles::Listing> ReloadFiles::Read() const {
  Listing listing;
  size_t bytes = 0;
  for (const Entry& entry : List()) {
    absl::StatusOr<std::string> content = ReadFile(entry.path);
    if (absl::IsNotFound(content.status())) {
      listing.files.push_back({entry.path, std::nullopt});
      continue;
    }
    RETURN_IF_ERROR(content.status());
    if (IsWithheld(entry, *content)) {
      listing.withheld.push_back(entry.path);
      continue;
    }
    bytes += content->size() + entry.path.size();
    if (bytes > kMaxBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("the files of a reload are over ", kMaxBytes,
                                                       " bytes: too many for a call"));
    }
    listing.files.push_back({entry.path, *std::move(content)});
  }
  return listing;
}

std::string ReloadFiles::Digest() const {
  std::string sums;
  for (const Entry& entry : List()) {
    const absl::StatusOr<std::string> content = ReadFile(entry.path);
    if (content.ok() && IsWithheld(entry, *content)) continue;
    absl::StrAppend(&sums, content.ok() ? Sha256Hex(*content) : "-", "  ", entry.path, "\n");
  }
  return Sha256Hex(sums);
}

absl::StatusOr<uint32_t> ReloadFiles::Put(const std::vector<File>& files) const {
  std::set<std::string> paths;
  std::vector<Replacement> replacements;
  for (const File& file : files) {
    if (!paths.insert(file.path).second) {
      return absl::InvalidArgumentError(absl::StrCat("files: ", file.path, " is there twice"));
    }
    ASSIGN_OR_RETURN(const Entry entry, Find(file.path));
    const absl::StatusOr<std::string> before = ReadFile(file.path);
    if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
    if (before.ok() && IsWithheld(entry, *before)) {
      return absl::FailedPreconditionError(
          absl::StrCat(file.path,
                       ": holds a secret, so it is neither shown nor replaced; give the secret as "
                       "{\"file\": \"/path/of/a/file\"}"));
    }
    if (file.content.has_value() && IsWithheld(entry, *file.content)) {
      return absl::InvalidArgumentError(
          absl::StrCat("files: ", file.path,
                       ": would hold a secret; give it as {\"file\": \"/path/of/a/file\"}"));
    }
    const bool same = file.content.has_value() ? before.ok() && *before == *file.content
                                               : absl::IsNotFound(before.status());
    if (same) continue;
    replacements.push_back({file.path, file.content.has_value() ? &*file.content : nullptr});
  }
  RETURN_IF_ERROR(ReplaceFiles(replacements));
  return static_cast<uint32_t>(replacements.size());
}

}  // namespace mentat::service
