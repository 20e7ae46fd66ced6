#include "common/store/copy_row.h"

#include <array>
#include <charconv>

namespace mentat::store {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Whether a character cannot stand for itself, within an array or without.
constexpr std::array<bool, 256> kSpecial = [] {
  std::array<bool, 256> special = {};
  for (char c : {'\0', '\b', '\t', '\n', '\v', '\f', '\r', '\\', '"'}) {
    special[static_cast<unsigned char>(c)] = true;
  }
  return special;
}();

void AppendEscaped(std::string_view text, bool in_array, std::string* out) {
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!kSpecial[static_cast<unsigned char>(text[i])]) continue;
    out->append(text, begin, i - begin);
    begin = i + 1;
    switch (text[i]) {
      case '\0':
        *out += kReplacement;
        break;
      case '\b':
        *out += "\\b";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\v':
        *out += "\\v";
        break;
      case '\f':
        *out += "\\f";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\\':
        // Once for COPY, once more for the array's own quoting.
        *out += in_array ? "\\\\\\\\" : "\\\\";
        break;
      case '"':
        *out += in_array ? "\\\\\"" : "\"";
        break;
    }
  }
  out->append(text, begin);
}

}  // namespace

void CopyRow::Separate() {
  if (!first_) *out_ += '\t';
  first_ = false;
}

void CopyRow::Null() {
  Separate();
  *out_ += "\\N";
}

void CopyRow::Boolean(bool value) {
  Separate();
  *out_ += value ? 't' : 'f';
}

void CopyRow::Text(std::string_view text) {
  Separate();
  AppendEscaped(text, /*in_array=*/false, out_);
}

void CopyRow::TextArray(std::span<const std::string_view> items) {
  Separate();
  *out_ += '{';
  for (size_t i = 0; i < items.size(); ++i) {
    *out_ += i == 0 ? "\"" : ",\"";
    AppendEscaped(items[i], /*in_array=*/true, out_);
    *out_ += '"';
  }
  *out_ += '}';
}

void CopyRow::IntArray(std::span<const int64_t> items) {
  Separate();
  *out_ += '{';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) *out_ += ',';
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), items[i]).ptr;
    out_->append(digits, end);
  }
  *out_ += '}';
}

void CopyRow::Plain(std::string_view text) {
  Separate();
  *out_ += text;
}

void CopyRow::End() {
  *out_ += '\n';
  first_ = true;
}

}  // namespace mentat::store
