// The files that a reload reads, as they are read and put in their place from afar.
//
// Secrets are never among them: not the files that {"file": ...} names, no keys, and no
// configuration file in which a secret stands itself.
#ifndef COMMON_SERVICE_RELOAD_FILES_H_
#define COMMON_SERVICE_RELOAD_FILES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/service/reload_path.h"

namespace google::protobuf {
class Descriptor;
}

namespace mentat::service {

// Thread-safe; whoever puts files sees to it that nobody reads them meanwhile.
class ReloadFiles {
 public:
  // What may be read or put in one call, in bytes.
  static constexpr size_t kMaxBytes = 3 << 20;

  using Paths = std::function<std::vector<ReloadPath>()>;

  struct File {
    std::string path;
    std::optional<std::string> content;  // none: there is no such file
  };

  struct Listing {
    std::vector<File> files;            // by path
    std::vector<std::string> withheld;  // paths of files that hold a secret
  };

  // `configuration` tells the files of the configuration, a message of type `type`, `others` those
  // of the service. Both may be called at any time.
  ReloadFiles(Paths configuration, const google::protobuf::Descriptor* type, Paths others);

  // ResourceExhausted if they are over kMaxBytes, PermissionDenied and the like if one cannot be
  // read.
  absl::StatusOr<Listing> Read() const;
  // SHA-256 in hexadecimal over the digests and paths of the files that Read tells, as sha256sum
  // writes them (`-` for the digest of a file that is not there).
  std::string Digest() const;
  // Puts each file whole in its place, or removes it; returns how many were not so already. Nothing
  // has changed after InvalidArgument for a path that a reload does not read, and
  // FailedPrecondition for a file that is withheld.
  absl::StatusOr<uint32_t> Put(const std::vector<File>& files) const;

 private:
  struct Entry {
    std::string path;
    bool configuration = false;
  };

  std::vector<Entry> List() const;
  bool IsWithheld(const Entry& entry, const std::string& content) const;
  absl::StatusOr<Entry> Find(const std::string& path) const;

  const Paths configuration_;
  const google::protobuf::Descriptor* const type_;
  const Paths others_;
};

}  // namespace mentat::service

#endif  // COMMON_SERVICE_RELOAD_FILES_H_
