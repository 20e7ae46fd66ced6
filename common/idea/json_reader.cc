#include "common/idea/json_reader.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace mentat::idea {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A bit in the top of each byte that is a quote, a backslash, a control character or not ASCII.
// Bits above the lowest one set may be wrong, since the subtractions borrow.
uint64_t SpecialBytes(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kTops = 0x8080808080808080;
  const uint64_t quote = bytes ^ kOnes * '"';
  const uint64_t backslash = bytes ^ kOnes * '\\';
  return ((quote - kOnes) | (backslash - kOnes) | (bytes - kOnes * 0x20) | bytes) & kTops;
}

// Length of the character that begins at `at`, 0 if it is not UTF-8.
size_t Utf8Length(const char* at, const char* end) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const size_t left = static_cast<size_t>(end - at);
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return left >= 2 && follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (left < 3 || !follows(1) || !follows(2)) return 0;
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    const bool overlong = lead == 0xf0 && byte(1) < 0x90;
    const bool beyond = lead == 0xf4 && byte(1) > 0x8f;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xc0 | code >> 6));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | code >> 12));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out->push_back(static_cast<char>(0xf0 | code >> 18));
    out->push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

// The end of the number that begins at `at`, null if none does.
const char* EndOfNumber(const char* at, const char* end) {
  const auto digits = [&] {
    const char* const begin = at;
    while (at < end && IsDigit(*at)) ++at;
    return at > begin;
  };
  if (at < end && *at == '-') ++at;
  if (at < end && *at == '0') {
    ++at;
  } else if (!digits()) {
    return nullptr;
  }
  if (at < end && *at == '.') {
    ++at;
    if (!digits()) return nullptr;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return nullptr;
  }
  return at;
}

std::string Hex(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

JsonReader::JsonReader(std::string_view text, size_t max_depth)
    : begin_(text.data()), end_(text.data() + text.size()), next_(begin_), max_depth_(max_depth) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    Fail(begin_, "a byte order mark, which JSON must not have");
  }
}

bool JsonReader::Fail(const char* at, std::string_view message) {
  if (error_.empty()) {
    error_.append("byte ").append(std::to_string(at - begin_)).append(": ").append(message);
  }
  next_ = end_;
  return false;
}

void JsonReader::Restore(const Position& position) {
  if (!ok()) return;
  next_ = position.next;
  depth_ = position.depth;
  first_ = position.first;
}

JsonReader::Kind JsonReader::NoValue() {
  if (ok() && next_ == end_) {
    Fail(next_, "the text ends, expected a value");
  } else {
    Fail(next_, "expected a value: an object, array, text, number, true, false or null");
  }
  return Kind::kError;
}

bool JsonReader::ReadLiteral(Kind kind) {
  if (!ok()) return false;
  const std::string_view literal = kind == Kind::kTrue    ? "true"
                                   : kind == Kind::kFalse ? "false"
                                                          : "null";
  if (std::string_view(next_, static_cast<size_t>(end_ - next_)).substr(0, literal.size()) !=
      literal) {
    return Fail(next_, std::string("expected ").append(literal));
  }
  next_ += literal.size();
  return true;
}

bool JsonReader::ReadNumber(std::string_view* literal) {
  if (!ok()) return false;
  const char* const stop = EndOfNumber(next_, end_);
  if (stop == nullptr) return Fail(next_, "expected a number as -12.5e3");
  *literal = {next_, static_cast<size_t>(stop - next_)};
  next_ = stop;
  return true;
}

const char* JsonReader::SkipPlain(const char* at) {
  while (true) {
    if constexpr (std::endian::native == std::endian::little) {
      while (end_ - at >= 8) {
        uint64_t bytes;
        std::memcpy(&bytes, at, sizeof(bytes));
        const uint64_t special = SpecialBytes(bytes);
        if (special != 0) {
          at += std::countr_zero(special) / 8;
          break;
        }
        at += 8;
      }
    }
    if (at == end_) {
      Fail(at, "the text ends within a string, expected a quote");
      return nullptr;
    }
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x80) {
      if (byte == '"' || byte == '\\' || byte < 0x20) return at;
      ++at;
      continue;
    }
    const size_t length = Utf8Length(at, end_);
    if (length == 0) {
      Fail(at, "not UTF-8: " + Hex(byte));
      return nullptr;
    }
    at += length;
  }
}

bool JsonReader::ReadText(std::string_view* text) {
  if (!ok()) return false;
  const char* const begin = next_ + 1;
  const char* const stop = SkipPlain(begin);
  if (stop == nullptr) return false;
  if (*stop == '"') {
    *text = {begin, static_cast<size_t>(stop - begin)};
    next_ = stop + 1;
    return true;
  }
  next_ = stop;
  return ReadEscapedText(begin, text);
}

bool JsonReader::ReadEscapedText(const char* begin, std::string_view* text) {
  std::string& result = unescaped_.emplace_back(begin, next_);
  while (*next_ != '"') {
    if (*next_ != '\\') {
      return Fail(next_, "control character " + Hex(static_cast<unsigned char>(*next_)) +
                             " within a string, expected it escaped");
    }
    if (!ReadEscape(&result)) return false;
    const char* const stop = SkipPlain(next_);
    if (stop == nullptr) return false;
    result.append(next_, stop);
    next_ = stop;
  }
  ++next_;
  *text = result;
  return true;
}

bool JsonReader::ReadEscape(std::string* text) {
  const char* const begin = next_;
  if (end_ - next_ < 2) return Fail(end_, "the text ends within an escape");
  const char kind = next_[1];
  next_ += 2;
  switch (kind) {
    case '"':
    case '\\':
    case '/':
      text->push_back(kind);
      return true;
    case 'b':
      text->push_back('\b');
      return true;
    case 'f':
      text->push_back('\f');
      return true;
    case 'n':
      text->push_back('\n');
      return true;
    case 'r':
      text->push_back('\r');
      return true;
    case 't':
      text->push_back('\t');
      return true;
    case 'u':
      break;
    default:
      return Fail(begin, "no such escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
  }
  unsigned unit;
  if (!ReadHex(&unit)) return false;
  uint32_t code = unit;
  if (unit >= 0xd800 && unit <= 0xdbff) {
    unsigned low;
    if (end_ - next_ < 2 || next_[0] != '\\' || next_[1] != 'u') {
      return Fail(begin, "a high surrogate without its low surrogate");
    }
    next_ += 2;
    if (!ReadHex(&low)) return false;
    if (low < 0xdc00 || low > 0xdfff) {
      return Fail(begin, "a high surrogate without its low surrogate");
    }
    code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  } else if (unit >= 0xdc00 && unit <= 0xdfff) {
    return Fail(begin, "a low surrogate without its high surrogate");
  }
  AppendUtf8(code, text);
  return true;
}

bool JsonReader::ReadHex(unsigned* unit) {
  if (end_ - next_ < 4) return Fail(end_, "the text ends within an escape");
  *unit = 0;
  for (int i = 0; i < 4; ++i, ++next_) {
    const char c = *next_;
    if (IsDigit(c)) {
      *unit = *unit << 4 | static_cast<unsigned>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      *unit = *unit << 4 | static_cast<unsigned>((c | 0x20) - 'a' + 10);
    } else {
      return Fail(next_, "expected four hexadecimal digits");
    }
  }
  return true;
}

bool JsonReader::Enter() {
  if (!ok()) return false;
  if (++depth_ > max_depth_) {
    return Fail(next_, "nested too deep, expected " + std::to_string(max_depth_) +
                           " levels of objects and arrays at most");
  }
  ++next_;
  first_ = true;
  return true;
}

bool JsonReader::NoComma(char close) {
  return Fail(next_, std::string(next_ == end_ ? "the text ends, " : "")
                         .append("expected a comma or ")
                         .append(1, close));
}

bool JsonReader::ReadKey(std::string_view* key) {
  SkipBlanks();
  if (next_ == end_ || *next_ != '"') {
    return Fail(next_, std::string(next_ == end_ ? "the text ends, " : "")
                           .append("expected a key in double quotes"));
  }
  if (!ReadText(key)) return false;
  SkipBlanks();
  if (next_ == end_ || *next_ != ':') {
    return Fail(next_, std::string(next_ == end_ ? "the text ends, " : "")
                           .append("expected a colon after the key"));
  }
  ++next_;
  return true;
}

bool JsonReader::Skip() {
  std::string_view ignored;
  switch (const Kind kind = Peek()) {
    case Kind::kError:
      return false;
    case Kind::kNull:
    case Kind::kFalse:
    case Kind::kTrue:
      return ReadLiteral(kind);
    case Kind::kNumber:
      return ReadNumber(&ignored);
    case Kind::kText:
      return ReadText(&ignored);
    case Kind::kArray:
      if (!Enter()) return false;
      while (NextItem()) {
        if (!Skip()) return false;
      }
      return ok();
    case Kind::kObject:
      if (!Enter()) return false;
      while (NextMember(&ignored)) {
        if (!Skip()) return false;
      }
      return ok();
  }
  return false;
}

bool JsonReader::Finish() {
  if (!ok()) return false;
  SkipBlanks();
  return next_ == end_ || Fail(next_, "more after the end of the value");
}

bool IsJsonNumber(std::string_view text) {
  const char* const end = text.data() + text.size();
  return !text.empty() && EndOfNumber(text.data(), end) == end;
}

void AppendJsonText(std::string_view text, std::string* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out->push_back('"');
  size_t plain = 0;  // where the part begins that is not yet copied
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out->append(text, plain, i - plain);
    plain = i + 1;
    out->push_back('\\');
    switch (byte) {
      case '"':
      case '\\':
        out->push_back(static_cast<char>(byte));
        break;
      case '\b':
        out->push_back('b');
        break;
      case '\f':
        out->push_back('f');
        break;
      case '\n':
        out->push_back('n');
        break;
      case '\r':
        out->push_back('r');
        break;
      case '\t':
        out->push_back('t');
        break;
      default:
        out->append("u00").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  out->append(text, plain, text.size() - plain).push_back('"');
}

}  // namespace mentat::idea
