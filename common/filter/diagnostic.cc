#include "common/filter/diagnostic.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace mentat::filter {
namespace {

constexpr size_t kShownBefore = 60;  // bytes of a long line, before the place
constexpr size_t kShownAfter = 40;   // and after it

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

int CountCharacters(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

// The offset of the character `column` of `line`.
size_t OffsetOfColumn(std::string_view line, int column) {
  size_t offset = 0;
  for (int character = 1; offset < line.size(); ++offset) {
    if (IsContinuation(line[offset])) continue;
    if (character++ == column) break;
  }
  return offset;
}

}  // namespace

std::string Diagnostic::Format(std::string_view text) const {
  std::string_view rest = text;
  for (int skipped = 1; skipped < line; ++skipped) {
    const size_t newline = rest.find('\n');
    if (newline == std::string_view::npos) break;
    rest.remove_prefix(newline + 1);
  }
  std::string_view shown = rest.substr(0, rest.find('\n'));
  const size_t place = OffsetOfColumn(shown, column);

  size_t begin = place > kShownBefore ? place - kShownBefore : 0;
  while (begin > 0 && IsContinuation(shown[begin])) --begin;
  size_t end = std::min(shown.size(), place + kShownAfter);
  while (end < shown.size() && IsContinuation(shown[end])) ++end;

  std::string quoted = begin > 0 ? "…" : "";
  std::string caret(begin > 0 ? 1 : 0, ' ');
  for (const char c : shown.substr(begin, end - begin)) {
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  if (end < shown.size()) quoted += "…";
  caret.append(CountCharacters(shown.substr(begin, place - begin)), ' ');
  return absl::StrCat("line ", line, ", column ", column, ": ", message, "\n  ", quoted, "\n  ",
                      caret, "^");
}

Diagnostic DiagnosticAt(std::string_view text, size_t offset, std::string message) {
  const std::string_view before = text.substr(0, offset);
  const size_t newline = before.rfind('\n');
  const size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
  return {.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
          .column = 1 + CountCharacters(before.substr(line_begin)),
          .message = std::move(message)};
}

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kParse:
      return "parse";
    case Stage::kCompile:
      return "compile";
    case Stage::kEvaluate:
      return "eval";
  }
  return "";
}

absl::Status ErrorAt(Stage stage, std::string_view text, size_t offset, std::string_view message) {
  const std::string_view name = StageName(stage);
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(name.data(), name.size()), ": ",
                   DiagnosticAt(text, offset, std::string(message)).Format(text)));
}

}  // namespace mentat::filter
