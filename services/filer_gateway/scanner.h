// Lists a directory piece by piece, so that a million waiting files cost no more memory than a few.
// Not thread-safe.
#ifndef SERVICES_FILER_GATEWAY_SCANNER_H_
#define SERVICES_FILER_GATEWAY_SCANNER_H_

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::filer {

class Scanner {
 public:
  struct Close {
    void operator()(DIR* stream) const;
  };
  using Stream = std::unique_ptr<DIR, Close>;
  static absl::StatusOr<Stream> OpenStream(int directory, const std::string& name);

  // `directory` stays open as long as the scanner lives; `name` is for errors.
  Scanner(int directory, std::string name, size_t chunk)
      : directory_(directory), name_(std::move(name)), chunk_(chunk) {}

  // Begins at the start of the directory.
  absl::Status Start();
  bool active() const { return stream_ != nullptr; }

  // The next names, the files changed least recently first within the piece; not over the chunk.
  // Names that begin with a dot are left out. Fewer than the chunk mean that the end was reached
  // and the scanner is no longer active.
  absl::StatusOr<std::vector<std::string>> Next();

 private:
  const int directory_;
  const std::string name_;
  const size_t chunk_;
  Stream stream_;
};

// What waits in a directory.
struct Backlog {
  uint64_t files = 0;          // names without a dot in front, counted to `limit`
  int64_t oldest_seconds = 0;  // Unix time of the oldest of the first thousand; 0 if there is none
};

absl::StatusOr<Backlog> LookAtBacklog(int directory, const std::string& name, uint64_t limit);

// Names without a dot in front, counted to `limit`.
absl::StatusOr<uint64_t> CountFiles(int directory, const std::string& name, uint64_t limit);

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_SCANNER_H_
