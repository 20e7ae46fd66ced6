#include "services/filer_gateway/event_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace mentat::filer {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr size_t kFirstFill = 8 * 1024;
constexpr size_t kFill = 256 * 1024;

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool NamedAsLines(std::string_view name) {
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  }
  return name.ends_with(".ndjson") || name.ends_with(".jsonl");
}

// Whether text that begins with these bytes has lines; none if more bytes are needed to say.
std::optional<bool> LooksLikeLines(std::string_view text, bool complete) {
  const size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return complete ? std::optional(false) : std::nullopt;
  if (text[start] != '{') return false;
  const size_t end = text.find('\n', start);
  if (end == std::string_view::npos) return complete ? std::optional(false) : std::nullopt;
  const std::string_view first_line = Trim(text.substr(start, end - start));
  const size_t second = text.find_first_not_of(kBlanks, end);
  if (second == std::string_view::npos) return complete ? std::optional(false) : std::nullopt;
  const auto is_one_of = [](char c, std::string_view list) {
    return list.find(c) != std::string_view::npos;
  };
  if (first_line.back() == '}') return !is_one_of(text[second], ",}]:");
  return text[second] == '{' && !is_one_of(first_line.back(), "{[:,");
}

}  // namespace

EventReader::EventReader(std::unique_ptr<Content> content, std::string_view file_name,
                         size_t max_event_bytes)
    : content_(std::move(content)), max_event_bytes_(max_event_bytes) {
  if (NamedAsLines(file_name)) format_ = Format::kLines;
}

absl::Status EventReader::Fill() {
  buffer_.erase(0, position_);
  position_ = 0;
  const size_t old_size = buffer_.size();
  const size_t more = old_size == 0 && line_ == 0 ? kFirstFill : kFill;
  buffer_.resize(old_size + more);
  const absl::StatusOr<size_t> got = content_->Read(std::span(buffer_).subspan(old_size, more));
  buffer_.resize(old_size + (got.ok() ? *got : 0));
  RETURN_IF_ERROR(got.status());
  ended_ = *got < more;
  return absl::OkStatus();
}

absl::Status EventReader::DetectFormat() {
  while (format_ == Format::kUnknown) {
    if (!ended_) RETURN_IF_ERROR(Fill());
    const std::optional<bool> lines =
        LooksLikeLines(buffer_, ended_ || buffer_.size() > max_event_bytes_);
    if (lines) format_ = *lines ? Format::kLines : Format::kDocument;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<EventReader::Piece>> EventReader::Next() {
  RETURN_IF_ERROR(DetectFormat());
  if (format_ == Format::kLines) return NextLine();
  while (!ended_ && rest().size() <= max_event_bytes_) RETURN_IF_ERROR(Fill());
  if (rest().size() > max_event_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the event has more than the ", max_event_bytes_, " bytes allowed"));
  }
  const std::string_view text = Trim(rest());
  position_ = buffer_.size();
  if (text.empty()) return std::nullopt;
  return Piece{0, text};
}

absl::StatusOr<std::optional<EventReader::Piece>> EventReader::NextLine() {
  size_t searched = 0;
  for (;;) {
    const size_t end = rest().find('\n', searched);
    if (end == std::string_view::npos && !ended_ && rest().size() <= max_event_bytes_ + 1) {
      searched = rest().size();
      RETURN_IF_ERROR(Fill());
      continue;
    }
    if (rest().empty()) return std::nullopt;
    ++line_;
    const std::string_view text = Trim(rest().substr(0, end));
    if (text.size() > max_event_bytes_ || (end == std::string_view::npos && !ended_)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("line ", line_, " has more than the ", max_event_bytes_, " bytes allowed"));
    }
    position_ = end == std::string_view::npos ? buffer_.size() : position_ + end + 1;
    searched = 0;
    if (!text.empty()) return Piece{line_, text};
  }
}

}  // namespace mentat::filer
