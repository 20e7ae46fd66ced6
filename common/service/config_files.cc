#include "common/service/config_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::service {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20;

absl::StatusOr<ConfigNode> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read the configuration file ", path));
  }
  // Piece by piece: room for the largest file would stay with each thread that reloads.
  std::string text;
  std::array<char, 16 << 10> piece;
  while (in.read(piece.data(), piece.size()), in.gcount() > 0) {
    text.append(piece.data(), static_cast<size_t>(in.gcount()));
    if (text.size() > kMaxFileBytes) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": over ", kMaxFileBytes, " bytes"));
    }
  }
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  ASSIGN_OR_RETURN(ConfigNode node, ParseConfigText(text, path));
  if (node.kind == JsonNode::Kind::kObject) return node;
  return absl::InvalidArgumentError(
      absl::StrCat(node.origin, ": expected an object with the service's configuration"));
}

// A path that a file includes, and where it says so.
struct Include {
  std::string path;
  std::string origin;
};

// Takes the includes out of a file's object.
absl::StatusOr<std::vector<Include>> TakeIncludes(const std::string& file, ConfigNode& node) {
  const auto member =
      std::find_if(node.members.begin(), node.members.end(),
                   [](const ConfigNode::KeyValue& each) { return each.key == kIncludeKey; });
  if (member == node.members.end()) return std::vector<Include>();
  const ConfigNode value = std::move(member->value);
  node.members.erase(member);
  std::vector<const ConfigNode*> texts;
  if (value.kind == JsonNode::Kind::kList) {
    for (const ConfigNode& item : value.items) texts.push_back(&item);
  } else {
    texts.push_back(&value);
  }
  std::vector<Include> includes;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  for (const ConfigNode* text : texts) {
    if (text->kind != JsonNode::Kind::kScalar ||
        text->scalar.kind_case() != idea::v1::Value::kText || text->scalar.text().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(text->origin, ": ", kIncludeKey,
                                                     ": expected a path or a list of paths, got ",
                                                     text->ToJson()));
    }
    includes.push_back({(folder / text->scalar.text()).string(), text->origin});
  }
  return includes;
}

std::string Canonical(const std::string& path) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

// Reads a file and all that it includes.
class Reader {
 public:
  // What is to become of a file's own keys.
  using Use = std::function<void(ConfigNode)>;
  // Called with each path that is read, and whether it is a folder.
  using See = std::function<void(const std::string&, bool folder)>;

  Reader(Use use, See see) : use_(std::move(use)), see_(std::move(see)) {}

  absl::Status Read(const std::string& path) {
    if (++files_ > kMaxIncludedFiles) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": over ", kMaxIncludedFiles, " files are included"));
    }
    see_(path, false);
    ASSIGN_OR_RETURN(ConfigNode node, ReadFile(path));
    ASSIGN_OR_RETURN(const std::vector<Include> includes, TakeIncludes(path, node));
    open_.push_back(Canonical(path));
    for (const Include& include : includes) {
      if (absl::Status status = ReadIncluded(include); !status.ok()) {
        return absl::Status(
            status.code(), absl::StrCat(include.origin, ": ", kIncludeKey, ": ", status.message()));
      }
    }
    open_.pop_back();
    use_(std::move(node));
    return absl::OkStatus();
  }

 private:
  absl::Status ReadIncluded(const Include& include) {
    std::error_code error;
    std::vector<std::string> files = {include.path};
    if (std::filesystem::is_directory(include.path, error)) {
      see_(include.path, true);
      ASSIGN_OR_RETURN(files, OverrideFiles(include.path));
    }
    for (const std::string& file : files) {
      if (std::find(open_.begin(), open_.end(), Canonical(file)) != open_.end()) {
        return absl::InvalidArgumentError(absl::StrCat(file, " includes itself"));
      }
      if (open_.size() >= kMaxIncludeDepth) {
        return absl::InvalidArgumentError(
            absl::StrCat(file, " would be more than ", kMaxIncludeDepth, " files deep"));
      }
      RETURN_IF_ERROR(Read(file));
    }
    return absl::OkStatus();
  }

  const Use use_;
  const See see_;
  size_t files_ = 0;
  std::vector<std::string> open_;  // the files being read, outermost first
};

}  // namespace

absl::Status MergeConfigFile(const std::string& path, ConfigNode& root) {
  Reader reader([&root](ConfigNode node) { Merge(std::move(node), root); },
                [](const std::string&, bool) {});
  return reader.Read(path);
}

absl::StatusOr<std::vector<std::string>> OverrideFiles(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name.starts_with('.')) continue;
    if (name.ends_with(".json") || name.ends_with(".json.conf")) {
      files.push_back(entries->path().string());
    }
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the configuration directory ", directory, ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

void AddConfigPaths(const std::string& path, std::vector<ReloadPath>& paths) {
  Reader reader([](ConfigNode) {},
                [&](const std::string& read, bool folder) {
                  const std::filesystem::path parent = std::filesystem::path(read).parent_path();
                  const auto is_read = [&](const ReloadPath& each) {
                    return each.path == read || (!each.endings.empty() && each.path == parent);
                  };
                  if (std::any_of(paths.begin(), paths.end(), is_read)) return;
                  paths.push_back({read, {}});
                  if (folder) paths.back().endings = {".json", ".json.conf"};
                });
  // What is wrong with a file is told when it is loaded.
  reader.Read(path).IgnoreError();
}

}  // namespace mentat::service
