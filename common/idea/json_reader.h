// A strict reader of JSON texts (RFC 8259) that hands out what stands there, in order, and builds
// nothing. Numbers come as their literals, so that none is too large or too long; texts are checked
// to be UTF-8. The libraries at hand refuse or round such numbers: simdjson fails on a text with
// `1e400`.
//
//   JsonReader reader(text, 32);
//   if (reader.Peek() == JsonReader::Kind::kObject && reader.Enter()) {
//     for (std::string_view key; reader.NextMember(&key);) … read one value …
//   }
//   if (!reader.ok()) … reader.error()
//
// After the first error everything returns false, and Peek() kError. Not thread-safe.
#ifndef COMMON_IDEA_JSON_READER_H_
#define COMMON_IDEA_JSON_READER_H_

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace mentat::idea {

class JsonReader {
 public:
  enum class Kind : unsigned char {
    kError,
    kNull,
    kFalse,
    kTrue,
    kNumber,
    kText,
    kArray,
    kObject,
  };

  // `text` must outlive the reader. Depth 1 is one object or array.
  JsonReader(std::string_view text, size_t max_depth);

  // The kind of the next value, which is not read yet.
  Kind Peek() {
    SkipBlanks();
    const Kind kind = next_ == end_ ? Kind::kError : kKinds[static_cast<unsigned char>(*next_)];
    return kind == Kind::kError ? NoValue() : kind;
  }

  // Each of these reads one value of the kind that Peek() told.
  bool ReadLiteral(Kind kind);                 // null, false, true
  bool ReadNumber(std::string_view* literal);  // valid as long as the text
  bool ReadText(std::string_view* text);       // valid as long as the text and the reader
  // Reads the bracket that opens an object or array. Its members or items follow up to and
  // including the call of NextMember() or NextItem() that returns false.
  bool Enter();
  bool NextMember(std::string_view* key) { return Next('}') && ReadKey(key); }
  bool NextItem() { return Next(']'); }
  // Reads a value of any kind and forgets it.
  bool Skip();
  // Whether nothing but blanks is left; anything else is an error.
  bool Finish();

  bool ok() const { return error_.empty(); }
  // `byte 17: …`, counted from 0.
  const std::string& error() const { return error_; }

  // Where the reader stands, to return to after a look ahead. Peek() before goes to the start of a
  // value.
  struct Position {
    const char* next;
    size_t depth;
    bool first;
  };
  Position Save() const { return {next_, depth_, first_}; }
  void Restore(const Position& position);
  // The text from there to here.
  std::string_view Since(const Position& start) const {
    return {start.next, static_cast<size_t>(next_ - start.next)};
  }

 private:
  // The kind of a value by its first byte.
  static constexpr std::array<Kind, 256> kKinds = [] {
    std::array<Kind, 256> kinds{};
    for (const char digit : {'-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}) {
      kinds[static_cast<unsigned char>(digit)] = Kind::kNumber;
    }
    kinds['"'] = Kind::kText;
    kinds['{'] = Kind::kObject;
    kinds['['] = Kind::kArray;
    kinds['t'] = Kind::kTrue;
    kinds['f'] = Kind::kFalse;
    kinds['n'] = Kind::kNull;
    return kinds;
  }();

  void SkipBlanks() {
    while (next_ < end_ && (*next_ == ' ' || *next_ == '\n' || *next_ == '\t' || *next_ == '\r')) {
      ++next_;
    }
  }
  // Goes on to the next member or item; false at the closing bracket, which is read.
  bool Next(char close) {
    if (!ok()) return false;
    SkipBlanks();
    const bool first = first_;
    first_ = false;
    if (next_ < end_ && *next_ == close) {
      ++next_;
      --depth_;
      return false;
    }
    if (first) return true;
    if (next_ == end_ || *next_ != ',') return NoComma(close);
    ++next_;
    return true;
  }
  Kind NoValue();
  bool NoComma(char close);
  bool ReadKey(std::string_view* key);
  bool ReadEscapedText(const char* begin, std::string_view* text);
  bool ReadEscape(std::string* text);
  bool ReadHex(unsigned* unit);
  // The first byte from here that is not a plain character of a text: a quote, an escape, a control
  // character. Null and an error where it is not UTF-8.
  const char* SkipPlain(const char* at);
  bool Fail(const char* at, std::string_view message);

  const char* const begin_;
  const char* const end_;
  const char* next_;
  const size_t max_depth_;
  size_t depth_ = 0;
  bool first_ = false;  // nothing was read since the last opening bracket
  std::deque<std::string> unescaped_;
  std::string error_;
};

// Whether the text is a number as JSON writes it.
bool IsJsonNumber(std::string_view text);

// `text` in quotes, with the escapes that JSON needs. It has to be UTF-8.
void AppendJsonText(std::string_view text, std::string* out);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_JSON_READER_H_
