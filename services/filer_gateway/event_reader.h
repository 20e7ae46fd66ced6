// Takes the content of a file apart into events. A file is one JSON document, or lines of JSON:
//
//   - a file whose name ends with .ndjson or .jsonl (also with .gz or .zst after it) has lines;
//   - another has lines if its first line that is not blank begins with `{` and, with the line
//     after it, cannot be the beginning of one object: `}` is followed by something other than
//     `,`, `}` or `]`; or the next line begins with `{` where no object can begin;
//   - any other file is one document.
//
// Lines are streamed: memory is bounded by the largest event, whatever the size of the file.
// Not thread-safe.
#ifndef SERVICES_FILER_GATEWAY_EVENT_READER_H_
#define SERVICES_FILER_GATEWAY_EVENT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/filer_gateway/content.h"

namespace mentat::filer {

class EventReader {
 public:
  EventReader(std::unique_ptr<Content> content, std::string_view file_name, size_t max_event_bytes);

  struct Piece {
    uint64_t line = 0;      // counted from 1; 0 for a document
    std::string_view text;  // valid until the next call
  };
  // The next event's text without blanks around it; none at the end. ResourceExhausted for an event
  // over the limit, or an error of the content: reading cannot go on then.
  absl::StatusOr<std::optional<Piece>> Next();

  // Whether the file has lines; known after the first call of Next that was successful.
  bool lines() const { return format_ == Format::kLines; }

 private:
  enum class Format { kUnknown, kDocument, kLines };

  absl::Status Fill();
  absl::Status DetectFormat();
  absl::StatusOr<std::optional<Piece>> NextLine();
  std::string_view rest() const { return std::string_view(buffer_).substr(position_); }

  std::unique_ptr<Content> content_;
  const size_t max_event_bytes_;
  Format format_ = Format::kUnknown;
  std::string buffer_;
  size_t position_ = 0;  // of what has not been given out
  bool ended_ = false;   // the content has; the buffer may hold the last of it
  uint64_t line_ = 0;
};

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_EVENT_READER_H_
