#include "common/service/lines.h"

#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::service {

Lines::Lines(std::string name, std::string path, Context& context)
    : name_(std::move(name)), path_(std::move(path)), log_(context.log.ForModule("lines")) {}

bool Lines::Contains(std::string_view line) const {
  const absl::ReaderMutexLock lock(&mutex_);
  return lines_.contains(line);
}

size_t Lines::size() const {
  const absl::ReaderMutexLock lock(&mutex_);
  return lines_.size();
}

absl::Status Lines::Setup() {
  ASSIGN_OR_RETURN(Set lines, Read());
  Take(std::move(lines));
  return absl::OkStatus();
}

absl::StatusOr<std::function<void()>> Lines::PrepareReload() {
  ASSIGN_OR_RETURN(Set lines, Read());
  return [this, lines = std::move(lines)]() mutable { Take(std::move(lines)); };
}

std::vector<ReloadPath> Lines::ReloadPaths() const {
  if (path_.empty()) return {};
  return {{.path = path_, .endings = {}}};
}

std::map<std::string, std::string> Lines::Details() const {
  return {{name_, absl::StrCat(size())}};
}

absl::StatusOr<Lines::Set> Lines::Read() const {
  Set lines;
  if (path_.empty()) return lines;
  std::ifstream in(path_);
  if (!in.is_open()) return absl::NotFoundError(absl::StrCat("cannot read ", path_));
  size_t bytes = 0;
  for (std::string line; std::getline(in, line);) {
    bytes += line.size() + 1;
    if (bytes > kMaxBytes) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": over ", kMaxBytes, " bytes"));
    }
    if (!line.empty()) lines.insert(std::move(line));
  }
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path_));
  return lines;
}

void Lines::Take(Set lines) {
  log_.Info("file read", {{"file", path_}, {"as", name_}, {"count", lines.size()}});
  const absl::MutexLock lock(&mutex_);
  lines_ = std::move(lines);
}

}  // namespace mentat::service
