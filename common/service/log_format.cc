#include "common/service/log_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace mentat::log {
namespace {

constexpr std::string_view kLevelNames[] = {"debug", "info", "warning", "error"};
constexpr std::string_view kReservedKeys[] = {"time",     "level",   "service",  "module",
                                              "instance", "message", "held_back"};
// Longest text of one value; more says nothing to a reader and fills disks.
constexpr size_t kMaxValueBytes = 8192;

// The code point at the start of `text` and its length in bytes; length 0 if that is no UTF-8.
struct Decoded {
  char32_t code = 0;
  size_t length = 0;
};

Decoded DecodeUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  char32_t code = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kSmallest[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

// Characters that could forge lines, steer a terminal or turn the reading direction around.
bool IsUnsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x200E && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

// Appends `text` so that it may stand between double quotes, in JSON and in text lines alike.
void AppendEscaped(std::string& out, std::string_view text) {
  const size_t full_size = text.size();
  const bool cut = full_size > kMaxValueBytes;
  if (cut) text = text.substr(0, kMaxValueBytes);
  while (!text.empty()) {
    const Decoded decoded = DecodeUtf8(text);
    if (decoded.length == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    if (decoded.code == '"' || decoded.code == '\\') {
      out += '\\';
      out += static_cast<char>(decoded.code);
    } else if (decoded.code == '\n') {
      out += "\\n";
    } else if (decoded.code == '\t') {
      out += "\\t";
    } else if (IsUnsafe(decoded.code)) {
      absl::StrAppend(&out, "\\u", absl::Hex(static_cast<uint32_t>(decoded.code), absl::kZeroPad4));
    } else {
      out += text.substr(0, decoded.length);
    }
    text.remove_prefix(decoded.length);
  }
  if (cut) absl::StrAppend(&out, "... (", full_size, " bytes)");
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  AppendEscaped(out, text);
  out += '"';
}

// Whether a text can stand in a text line as it is.
bool IsPlain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxValueBytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c > 0x20 && c < 0x7F && c != '"' && c != '=' && c != '\\';
         });
}

void AppendNumber(std::string& out, double number, Format format) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  const std::string_view text(buffer, end - buffer);
  if (format == Format::kJson && !std::isfinite(number)) {
    AppendQuoted(out, text);
  } else {
    out += text;
  }
}

void AppendTextValue(std::string& out, std::string_view text, Format format) {
  if (format == Format::kText && IsPlain(text)) {
    out += text;
  } else {
    AppendQuoted(out, text);
  }
}

void AppendValue(std::string& out, const Field::Value& value, Format format) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    AppendTextValue(out, *text, format);
  } else if (const auto* owned = std::get_if<std::string>(&value)) {
    AppendTextValue(out, *owned, format);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<double>(&value)) {
    AppendNumber(out, *number, format);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    absl::StrAppend(&out, *integer);
  } else {
    absl::StrAppend(&out, std::get<uint64_t>(value));
  }
}

std::string FormatTimestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

std::string FormatJson(const Record& record) {
  std::string line;
  const auto append_key = [&](std::string_view key) {
    line += line.empty() ? '{' : ',';
    line += '"';
    AppendEscaped(line, key);
    if (std::find(std::begin(kReservedKeys), std::end(kReservedKeys), key) !=
        std::end(kReservedKeys)) {
      line += '_';
    }
    line += "\":";
  };
  const auto append_header = [&](std::string_view key, std::string_view text) {
    if (text.empty()) return;
    line += line.empty() ? "{\"" : ",\"";
    line += key;
    line += "\":";
    AppendQuoted(line, text);
  };
  append_header("time", FormatTimestamp(record.time));
  append_header("level", LevelName(record.level));
  append_header("service", record.service);
  append_header("instance", record.instance);
  append_header("module", record.module);
  append_header("message", record.message);
  for (const Field& field : record.fields) {
    append_key(field.key);
    AppendValue(line, field.value, Format::kJson);
  }
  if (record.held_back > 0) absl::StrAppend(&line, ",\"held_back\":", record.held_back);
  line += "}\n";
  return line;
}

void AppendMessage(std::string& line, const Record& record) {
  AppendEscaped(line, record.message);
  for (const Field& field : record.fields) {
    line += ' ';
    AppendEscaped(line, field.key);
    line += '=';
    AppendValue(line, field.value, Format::kText);
  }
}

std::string FormatText(const Record& record) {
  std::string line = FormatTimestamp(record.time);
  line += ' ';
  for (const char c : LevelName(record.level)) line += static_cast<char>(c - 'a' + 'A');
  line += ' ';
  if (!record.module.empty()) {
    AppendEscaped(line, record.module);
    line += ": ";
  }
  AppendMessage(line, record);
  if (record.held_back > 0) absl::StrAppend(&line, " held_back=", record.held_back);
  line += '\n';
  return line;
}

}  // namespace

std::string_view LevelName(Level level) { return kLevelNames[static_cast<size_t>(level)]; }

std::optional<Level> ParseLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (kLevelNames[i] == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::string FormatMessage(const Record& record, size_t max_bytes) {
  std::string text;
  AppendMessage(text, record);
  if (text.size() > max_bytes) {
    // Where a character ends.
    while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) {
      --max_bytes;
    }
    text.resize(max_bytes);
  }
  return text;
}

std::string FormatRecord(const Record& record, Format format) {
  return format == Format::kJson ? FormatJson(record) : FormatText(record);
}

}  // namespace mentat::log
