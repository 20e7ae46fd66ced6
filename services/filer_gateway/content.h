// The content of a file as a stream of bytes, decompressed if it is gzip or Zstandard, never more
// than is allowed. Compression is told by the first bytes, for names say nothing.
#ifndef SERVICES_FILER_GATEWAY_CONTENT_H_
#define SERVICES_FILER_GATEWAY_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::filer {

struct ContentLimits {
  uint64_t max_bytes = uint64_t{1} << 30;  // of the content
  // Of the content to what is on disk; the first 64 KiB are free.
  uint64_t max_ratio = 100;
};

// Not thread-safe.
class Content {
 public:
  // Reads from the current position of `fd`, which has to outlive it.
  static absl::StatusOr<std::unique_ptr<Content>> Open(int fd, const ContentLimits& limits);
  virtual ~Content() = default;

  // Fills `space` as far as the content goes; fewer bytes mean its end. ResourceExhausted above a
  // limit, DataLoss for damaged or cut compression, else an error of reading.
  virtual absl::StatusOr<size_t> Read(std::span<char> space) = 0;

  virtual bool compressed() const = 0;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_CONTENT_H_
