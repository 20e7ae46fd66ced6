#include "common/store/sql_error.h"

#include <cstddef>
#include <string>

namespace mentat::store {
namespace {

constexpr size_t kMaxMessage = 4096;

// The server's line breaks and indentation become single blanks.
std::string OneLine(std::string_view text) {
  std::string line;
  bool blank = false;
  for (char c : text) {
    if (static_cast<unsigned char>(c) <= ' ') {
      blank = !line.empty();
      continue;
    }
    if (blank) line += ' ';
    blank = false;
    line += c;
    if (line.size() >= kMaxMessage) break;
  }
  // Never cut within a character of UTF-8.
  if (line.size() >= kMaxMessage) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) {
      line.pop_back();
    }
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0) line.pop_back();
  }
  return line;
}

}  // namespace

absl::StatusCode CodeOfSqlState(std::string_view state) {
  if (state == "57014" || state == "55P03") return absl::StatusCode::kAborted;
  if (state == "25006") return absl::StatusCode::kUnavailable;  // a read-only server: a replica
  if (state == "42501") return absl::StatusCode::kPermissionDenied;
  const std::string_view kind = state.substr(0, 2);
  if (kind == "08" || kind == "28" || kind == "53" || kind == "57" || kind == "58") {
    return absl::StatusCode::kUnavailable;
  }
  if (kind == "40") return absl::StatusCode::kAborted;
  if (kind == "21" || kind == "22" || kind == "23" || kind == "44" || kind == "54") {
    return absl::StatusCode::kInvalidArgument;
  }
  if (kind == "42" || kind == "3D" || kind == "3F") return absl::StatusCode::kFailedPrecondition;
  return absl::StatusCode::kInternal;
}

absl::Status SqlError(std::string_view state, std::string_view message) {
  std::string text = OneLine(message);
  if (!state.empty()) text += " (SQLSTATE " + std::string(state) + ")";
  return absl::Status(CodeOfSqlState(state), text);
}

}  // namespace mentat::store
