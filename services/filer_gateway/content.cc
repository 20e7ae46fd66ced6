#include "services/filer_gateway/content.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::filer {
namespace {

constexpr uint64_t kFreeBytes = 64 * 1024;
constexpr size_t kInputBytes = 64 * 1024;
constexpr int kMaxZstdWindowLog = 25;  // 32 MiB, above what any level but --ultra asks for

// Bytes that were read, fewer than asked for only at the end of the file.
absl::StatusOr<size_t> ReadFully(int fd, std::span<char> space) {
  size_t filled = 0;
  while (filled < space.size()) {
    const ssize_t got = read(fd, space.data() + filled, space.size() - filled);
    if (got < 0) {
      if (errno == EINTR) continue;
      return absl::ErrnoToStatus(errno, "cannot read the file");
    }
    if (got == 0) break;
    filled += got;
    // A regular file gives less than is asked for only at its end.
    if (filled < space.size()) break;
  }
  return filled;
}

absl::Status TooMuch(uint64_t max_bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the file holds more than the ", max_bytes, " bytes allowed"));
}

class PlainContent : public Content {
 public:
  PlainContent(int fd, std::string_view head, bool at_end, uint64_t max_bytes)
      : fd_(fd), head_(head), at_end_(at_end), max_bytes_(max_bytes) {}

  absl::StatusOr<size_t> Read(std::span<char> space) override {
    const size_t from_head = std::min(head_.size(), space.size());
    std::copy_n(head_.begin(), from_head, space.begin());
    head_.erase(0, from_head);
    size_t filled = from_head;
    if (filled < space.size() && !at_end_) {
      ASSIGN_OR_RETURN(const size_t got, ReadFully(fd_, space.subspan(filled)));
      filled += got;
      at_end_ = filled < space.size();
    }
    total_ += filled;
    if (total_ > max_bytes_) return TooMuch(max_bytes_);
    return filled;
  }

  bool compressed() const override { return false; }

 private:
  const int fd_;
  std::string head_;  // what was read to tell the compression
  bool at_end_;
  const uint64_t max_bytes_;
  uint64_t total_ = 0;
};

// What both kinds of compression share: input, and the bounds on output.
class CompressedContent : public Content {
 public:
  CompressedContent(int fd, std::string_view head, const ContentLimits& limits)
      : fd_(fd), limits_(limits), input_(kInputBytes) {
    std::copy(head.begin(), head.end(), input_.begin());
    size_ = consumed_ = head.size();
  }

  absl::StatusOr<size_t> Read(std::span<char> space) override {
    size_t filled = 0;
    while (filled < space.size() && !finished_) {
      if (position_ == size_ && !input_ended_) {
        ASSIGN_OR_RETURN(size_, ReadFully(fd_, input_));
        position_ = 0;
        consumed_ += size_;
        input_ended_ = size_ < input_.size();
      }
      ASSIGN_OR_RETURN(const size_t made, Decompress(space.subspan(filled)));
      filled += made;
      produced_ += made;
      if (produced_ > limits_.max_bytes) return TooMuch(limits_.max_bytes);
      if (produced_ > kFreeBytes && produced_ / limits_.max_ratio > consumed_) {
        return absl::ResourceExhaustedError(absl::StrCat("the file grows to more than ",
                                                         limits_.max_ratio,
                                                         " times its size, the most allowed"));
      }
    }
    return filled;
  }

  bool compressed() const override { return true; }

 protected:
  // Makes output of the input at hand. Sets `finished_` at the end of both.
  virtual absl::StatusOr<size_t> Decompress(std::span<char> space) = 0;

  std::span<char> input() { return std::span(input_).subspan(position_, size_ - position_); }
  void Consume(size_t bytes) { position_ += bytes; }
  bool no_more_input() const { return input_ended_ && position_ == size_; }

  bool finished_ = false;

 private:
  const int fd_;
  const ContentLimits limits_;
  std::vector<char> input_;
  size_t position_ = 0;
  size_t size_ = 0;
  bool input_ended_ = false;
  uint64_t consumed_ = 0;
  uint64_t produced_ = 0;
};

absl::Status Damaged(std::string_view format, std::string_view why) {
  return absl::DataLossError(
      absl::StrCat("the ", std::string(format), " compression is damaged: ", std::string(why)));
}

class GzipContent : public CompressedContent {
 public:
  using CompressedContent::CompressedContent;
  ~GzipContent() override { inflateEnd(&stream_); }

  absl::Status Init() {
    // 16 stands for the gzip format.
    if (inflateInit2(&stream_, MAX_WBITS + 16) != Z_OK) {
      return absl::InternalError("zlib cannot be initialised");
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<size_t> Decompress(std::span<char> space) override {
    if (between_members_) {
      if (no_more_input()) {
        finished_ = true;
        return 0;
      }
      inflateReset(&stream_);
      between_members_ = false;
    }
    const std::span<char> in = input();
    stream_.next_in = reinterpret_cast<Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(space.data());
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(space.size(), 1 << 30));
    const uInt room = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    Consume(in.size() - stream_.avail_in);
    const size_t made = room - stream_.avail_out;
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return Damaged("gzip", stream_.msg != nullptr ? stream_.msg : "bad data");
    } else if (made == 0 && no_more_input()) {
      return Damaged("gzip", "it ends too early");
    }
    return made;
  }

  z_stream stream_ = {};
  bool between_members_ = false;
};

class ZstdContent : public CompressedContent {
 public:
  using CompressedContent::CompressedContent;

  absl::Status Init() {
    if (context_ == nullptr || ZSTD_isError(ZSTD_DCtx_setParameter(
                                   context_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog))) {
      return absl::InternalError("libzstd cannot be initialised");
    }
    return absl::OkStatus();
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  absl::StatusOr<size_t> Decompress(std::span<char> space) override {
    if (frame_ended_ && no_more_input()) {
      finished_ = true;
      return 0;
    }
    ZSTD_inBuffer in = {input().data(), input().size(), 0};
    ZSTD_outBuffer out = {space.data(), space.size(), 0};
    const size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(result)) return Damaged("Zstandard", ZSTD_getErrorName(result));
    Consume(in.pos);
    frame_ended_ = result == 0;
    if (!frame_ended_ && out.pos == 0 && no_more_input()) {
      return Damaged("Zstandard", "it ends too early");
    }
    return out.pos;
  }

  std::unique_ptr<ZSTD_DCtx, Free> context_{ZSTD_createDCtx()};
  bool frame_ended_ = false;
};

template <typename T>
absl::StatusOr<std::unique_ptr<Content>> Make(int fd, std::string_view head,
                                              const ContentLimits& limits) {
  auto content = std::make_unique<T>(fd, head, limits);
  RETURN_IF_ERROR(content->Init());
  return std::unique_ptr<Content>(std::move(content));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Content>> Content::Open(int fd, const ContentLimits& limits) {
  // Enough for most events, so that one read is all that such a file costs.
  char buffer[4096];
  ASSIGN_OR_RETURN(const size_t got, ReadFully(fd, buffer));
  const std::string_view head(buffer, got);
  if (head.starts_with("\x1f\x8b")) return Make<GzipContent>(fd, head, limits);
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Make<ZstdContent>(fd, head, limits);
  return std::make_unique<PlainContent>(fd, head, got < sizeof(buffer), limits.max_bytes);
}

}  // namespace mentat::filer
