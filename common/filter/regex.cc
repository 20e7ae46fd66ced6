#include "common/filter/regex.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "re2/re2.h"

namespace mentat::filter {
namespace {

// What Python's Unicode classes hold, in the syntax of RE2's brackets. RE2's own \d, \s and \w are
// ASCII only.
constexpr std::string_view kDigits = "\\p{Nd}";
constexpr std::string_view kNotDigits = "\\P{Nd}";
constexpr std::string_view kWordCharacters = "\\p{L}\\p{N}_";
constexpr std::string_view kBlanks =
    "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}";
constexpr std::string_view kNotBlanks =
    "\\x{0}-\\x{8}\\x{e}-\\x{1b}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"
    "\\x{3001}-\\x{10ffff}";
constexpr int kMaxRepeat = 1000;  // of RE2
constexpr size_t kMaxGroupDepth = 100;

bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }
bool IsOctal(char32_t c) { return c >= '0' && c <= '7'; }
bool IsAsciiLetter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
std::optional<int> HexDigit(char32_t c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::u32string Decode(std::string_view text) {
  std::u32string decoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      decoded.push_back(byte);
    } else if (byte >= 0xc0) {
      decoded.push_back(byte & (byte >= 0xf0 ? 0x07 : byte >= 0xe0 ? 0x0f : 0x1f));
    } else if (!decoded.empty()) {
      decoded.back() = decoded.back() << 6 | (byte & 0x3f);
    }
  }
  return decoded;
}

std::string Literal(char32_t c) {
  if (IsAsciiLetter(c) || IsDigit(c)) return std::string(1, static_cast<char>(c));
  return absl::StrFormat("\\x{%x}", static_cast<uint32_t>(c));
}

// Reads a pattern as Python's sre_parse does, and writes it in the syntax of RE2.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(Decode(pattern)) {}

  absl::StatusOr<std::string> Run() {
    groups_.push_back({});
    while (!AtEnd()) RETURN_IF_ERROR(Element());
    if (groups_.size() > 1) return Bad("missing ), unterminated group");
    return std::move(out_);
  }

 private:
  struct Flags {
    bool multiline = false;
    bool verbose = false;
    bool ascii = false;
  };
  // What the last element was, which decides what may be repeated.
  enum class Last { kNothing, kAnchor, kItem, kRepeat };
  struct Group {
    Flags flags;
    Last last = Last::kNothing;
    bool empty = true;  // nothing stands in it, so that global flags may follow
  };

  bool AtEnd() const { return at_ >= pattern_.size(); }
  char32_t Peek(size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : U'\0';
  }
  bool Take(char32_t c) {
    if (AtEnd() || Peek() != c) return false;
    ++at_;
    return true;
  }
  bool Take(std::u32string_view word) {
    if (pattern_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }
  Group& group() { return groups_.back(); }
  void Emit(std::string_view text, Last last) {
    out_ += text;
    group().last = last;
    group().empty = false;
  }

  absl::Status Bad(std::string_view message) const {
    return absl::InvalidArgumentError(
        absl::StrCat("bad pattern: ", absl::string_view(message.data(), message.size()),
                     " at character ", std::min(at_, pattern_.size()) + 1, " of the pattern"));
  }
  absl::Status Unsupported(std::string_view what) const {
    return absl::UnimplementedError(
        absl::StrCat("the pattern uses ", absl::string_view(what.data(), what.size()),
                     " before character ", std::min(at_, pattern_.size()) + 1,
                     " of the pattern, which the engine of regular expressions cannot do"));
  }

  absl::Status Element() {
    const char32_t c = pattern_[at_];
    if (group().flags.verbose) {
      if (std::u32string_view(U" \t\n\r\v\f").find(c) != std::u32string_view::npos) {
        ++at_;
        return absl::OkStatus();
      }
      if (c == '#') {
        at_ = std::min(pattern_.find('\n', at_), pattern_.size() - 1) + 1;
        return absl::OkStatus();
      }
    }
    ++at_;
    switch (c) {
      case '.':
        Emit(".", Last::kItem);
        return absl::OkStatus();
      case '^':
        Emit("^", Last::kAnchor);
        return absl::OkStatus();
      case '$':
        // In Python it also stands before a newline at the very end.
        Emit(group().flags.multiline ? "$" : "(?:\\n?\\z)", Last::kAnchor);
        return absl::OkStatus();
      case '|':
        Emit("|", Last::kNothing);
        return absl::OkStatus();
      case '(':
        return OpenGroup();
      case ')':
        if (groups_.size() == 1) return Bad("unbalanced parenthesis");
        groups_.pop_back();
        Emit(")", Last::kItem);
        return absl::OkStatus();
      case '[':
        return Class();
      case '\\':
        return Escape();
      case '*':
      case '+':
      case '?':
        return Repeat(std::string(1, static_cast<char>(c)));
      case '{':
        return Braces();
      default:
        Emit(Literal(c), Last::kItem);
        return absl::OkStatus();
    }
  }

  absl::Status Repeat(std::string_view repeat) {
    if (group().last == Last::kRepeat) return Bad("multiple repeat");
    if (group().last != Last::kItem) return Bad("nothing to repeat");
    if (Take('+')) return Unsupported("a possessive repetition");
    Emit(repeat, Last::kRepeat);
    if (Take('?')) out_ += "?";
    return absl::OkStatus();
  }

  // `{m}`, `{m,}`, `{,n}`, `{m,n}`; any other brace is a character.
  absl::Status Braces() {
    const size_t begin = at_;
    const auto number = [&]() -> std::optional<int> {
      std::optional<int> value;
      for (; !AtEnd() && IsDigit(Peek()); ++at_) {
        value = std::min(value.value_or(0) * 10 + static_cast<int>(Peek() - '0'), 1'000'000);
      }
      return value;
    };
    const std::optional<int> low = number();
    const bool comma = Take(',');
    const std::optional<int> high = comma ? number() : low;
    if ((!low && !comma) || !Take('}')) {
      at_ = begin;
      Emit("\\{", Last::kItem);
      return absl::OkStatus();
    }
    if (high && *high < low.value_or(0)) return Bad("min repeat greater than max repeat");
    if (low.value_or(0) > kMaxRepeat || high.value_or(0) > kMaxRepeat) {
      return Unsupported(absl::StrCat("a repetition of more than ", kMaxRepeat));
    }
    return Repeat(high ? absl::StrCat("{", low.value_or(0), ",", *high, "}")
                       : absl::StrCat("{", low.value_or(0), ",}"));
  }

  absl::Status OpenGroup() {
    if (groups_.size() > kMaxGroupDepth) return Unsupported("groups nested too deep");
    if (!Take('?')) return Push("(?:", group().flags);
    if (Take(U"P<")) return NamedGroup();
    if (Take(U"P=")) return Unsupported("a back reference");
    if (Take(':')) return Push("(?:", group().flags);
    if (Take('#')) {
      const size_t end = pattern_.find(')', at_);
      if (end == std::u32string::npos) return Bad("missing ), unterminated comment");
      at_ = end + 1;
      return absl::OkStatus();
    }
    if (Take('=') || Take('!') || Take(U"<=") || Take(U"<!")) return Unsupported("look-around");
    if (Take('>')) return Unsupported("an atomic group");
    if (Take('(')) return Unsupported("a conditional group");
    return FlagGroup();
  }

  absl::Status Push(std::string_view opening, Flags flags) {
    out_ += opening;
    group().empty = false;
    groups_.push_back({.flags = flags});
    return absl::OkStatus();
  }

  absl::Status NamedGroup() {
    std::u32string name;
    while (!AtEnd() && Peek() != '>') name += pattern_[at_++];
    if (!Take('>')) return Bad("missing >, unterminated name");
    const auto fits = [](char32_t c) {
      return IsAsciiLetter(c) || IsDigit(c) || c == '_' || c >= 0x80;
    };
    if (name.empty() || IsDigit(name[0]) || !std::all_of(name.begin(), name.end(), fits)) {
      return Bad("bad name of a group");
    }
    if (!names_.insert(name).second) return Bad("redefinition of the name of a group");
    return Push("(?:", group().flags);
  }

  // `(?ims)` at the beginning, or `(?i-s:` anywhere.
  absl::Status FlagGroup() {
    Flags flags = group().flags;
    std::string on;
    std::string off;
    bool negative = false;
    bool any = false;
    while (true) {
      if (AtEnd()) return Bad("missing -, : or )");
      const char32_t c = pattern_[at_++];
      if (c == ')' || c == ':') {
        if (!any) return Bad("missing flag");
        if (c == ':') {
          return Push(absl::StrCat("(?", on, off.empty() ? "" : "-", off, ":"), flags);
        }
        if (negative) return Bad("missing :");
        if (groups_.size() > 1 || !group().empty) {
          return Bad("global flags not at the start of the expression");
        }
        group().flags = flags;
        if (!on.empty()) out_ += absl::StrCat("(?", on, ")");
        return absl::OkStatus();
      }
      if (c == '-' && !negative) {
        negative = true;
        any = false;
        continue;
      }
      any = true;
      switch (c) {
        case 'i':
        case 's':
          (negative ? off : on) += static_cast<char>(c);
          break;
        case 'm':
          (negative ? off : on) += 'm';
          flags.multiline = !negative;
          break;
        case 'x':
          flags.verbose = !negative;
          break;
        case 'a':
        case 'u':
          if (negative) return Bad("bad inline flags: cannot turn off flags 'a' and 'u'");
          flags.ascii = c == 'a';
          break;
        default:
          return Bad("unknown extension or flag");
      }
    }
  }

  // The set behind a class escape, for use in brackets; nullopt for what is not one, and for \W,
  // whose set has no such form.
  std::optional<std::string> Set(char32_t c) {
    const bool ascii = group().flags.ascii;
    switch (c) {
      case 'd':
        return std::string(ascii ? "0-9" : kDigits);
      case 'D':
        return std::string(ascii ? "\\D" : kNotDigits);
      case 's':
        return std::string(ascii ? "\\x{9}-\\x{d}\\x{20}" : kBlanks);
      case 'S':
        return std::string(ascii ? "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{10ffff}" : kNotBlanks);
      case 'w':
        return std::string(ascii ? "\\w" : kWordCharacters);
      case 'W':
        if (ascii) return "\\W";
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  absl::StatusOr<char32_t> Hexadecimal(size_t digits) {
    char32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const std::optional<int> digit = AtEnd() ? std::nullopt : HexDigit(Peek());
      if (!digit) return Bad("incomplete escape");
      value = value * 16 + *digit;
      ++at_;
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return Bad("bad escape");
    return value;
  }

  // The character that is escaped by `c`, which was taken.
  absl::StatusOr<char32_t> EscapedCharacter(char32_t c, bool in_class) {
    switch (c) {
      case 'a':
        return U'\a';
      case 'f':
        return U'\f';
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case 'v':
        return U'\v';
      case 'x':
        return Hexadecimal(2);
      case 'u':
        return Hexadecimal(4);
      case 'U':
        return Hexadecimal(8);
      case 'N':
        return Unsupported("the name of a character");
      default:
        break;
    }
    const bool three = IsOctal(c) && IsOctal(Peek()) && IsOctal(Peek(1));
    if (c == '0' || three || (in_class && IsOctal(c))) {
      char32_t value = c - '0';
      for (int i = 0; i < 2 && IsOctal(Peek()); ++i) value = value * 8 + (pattern_[at_++] - '0');
      if (value > 0xff) return Bad("octal escape outside of range 0-0o377");
      return value;
    }
    if (IsDigit(c)) {
      if (in_class) return Bad("bad escape");
      return Unsupported("a back reference");
    }
    if (IsAsciiLetter(c)) return Bad("bad escape");
    return c;
  }

  absl::Status Escape() {
    if (AtEnd()) return Bad("bad escape (end of pattern)");
    const char32_t c = pattern_[at_++];
    switch (c) {
      case 'A':
        Emit("\\A", Last::kAnchor);
        return absl::OkStatus();
      case 'Z':
        Emit("\\z", Last::kAnchor);
        return absl::OkStatus();
      case 'b':
      case 'B':
        Emit(c == 'b' ? "\\b" : "\\B", Last::kAnchor);
        return absl::OkStatus();
      case 'W':
        if (!group().flags.ascii) {
          Emit(absl::StrCat("[^", absl::string_view(kWordCharacters.data(), kWordCharacters.size()),
                            "]"),
               Last::kItem);
          return absl::OkStatus();
        }
        break;
      default:
        break;
    }
    if (const std::optional<std::string> set = Set(c)) {
      Emit("[" + *set + "]", Last::kItem);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const char32_t literal, EscapedCharacter(c, /*in_class=*/false));
    Emit(Literal(literal), Last::kItem);
    return absl::OkStatus();
  }

  // One element of a class: a set, or a character.
  struct Member {
    std::optional<std::string> set;
    bool not_word = false;  // \W
    char32_t character = 0;
  };
  absl::StatusOr<Member> ClassMember() {
    const char32_t c = pattern_[at_++];
    if (c != '\\') return Member{.character = c};
    if (AtEnd()) return Bad("bad escape (end of pattern)");
    const char32_t escaped = pattern_[at_++];
    if (escaped == 'b') return Member{.character = '\b'};
    if (std::optional<std::string> set = Set(escaped)) return Member{.set = std::move(set)};
    if (escaped == 'W') return Member{.not_word = true};
    ASSIGN_OR_RETURN(const char32_t character, EscapedCharacter(escaped, /*in_class=*/true));
    return Member{.character = character};
  }

  absl::Status Class() {
    const bool negated = Take('^');
    std::string members;
    bool not_word = false;
    bool first = true;
    while (true) {
      if (AtEnd()) return Bad("unterminated character set");
      if (!first && Take(']')) break;
      first = false;
      ASSIGN_OR_RETURN(const Member low, ClassMember());
      const bool range = Peek() == '-' && at_ + 1 < pattern_.size() && Peek(1) != ']';
      if (!range) {
        not_word |= low.not_word;
        if (low.set) {
          members += *low.set;
        } else if (!low.not_word) {
          members += Literal(low.character);
        }
        continue;
      }
      ++at_;
      ASSIGN_OR_RETURN(const Member high, ClassMember());
      if (low.set || low.not_word || high.set || high.not_word || high.character < low.character) {
        return Bad("bad character range");
      }
      members += Literal(low.character) + "-" + Literal(high.character);
    }
    if (!not_word) {
      Emit(absl::StrCat(negated ? "[^" : "[", members, "]"), Last::kItem);
      return absl::OkStatus();
    }
    if (negated) return Unsupported("\\W in a negated set");
    const std::string others = members.empty() ? "" : "[" + members + "]|";
    Emit(absl::StrCat("(?:", others, "[^",
                      absl::string_view(kWordCharacters.data(), kWordCharacters.size()), "])"),
         Last::kItem);
    return absl::OkStatus();
  }

  std::u32string pattern_;
  size_t at_ = 0;
  std::string out_;
  std::vector<Group> groups_;
  std::set<std::u32string> names_;
};

}  // namespace

absl::StatusOr<std::string> TranslatePattern(std::string_view pattern) {
  return Translator(pattern).Run();
}

absl::StatusOr<Pattern> Pattern::Compile(std::string_view pattern, const Limits& limits) {
  if (pattern.size() > limits.max_regex_bytes) {
    return absl::UnimplementedError(absl::StrCat("the pattern has ", pattern.size(),
                                                 " bytes, more than the limit max_regex_bytes, ",
                                                 limits.max_regex_bytes));
  }
  ASSIGN_OR_RETURN(const std::string translated, TranslatePattern(pattern));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(limits.max_regex_memory);
  auto regex = std::make_shared<const re2::RE2>(translated, options);
  switch (regex->error_code()) {
    case re2::RE2::NoError:
      return Pattern(std::move(regex));
    case re2::RE2::ErrorPatternTooLarge:
      return absl::UnimplementedError(
          absl::StrCat("the compiled pattern needs more than the limit max_regex_memory, ",
                       limits.max_regex_memory, " bytes"));
    case re2::RE2::ErrorRepeatSize:
    case re2::RE2::ErrorRepeatOp:
      return absl::UnimplementedError(
          absl::StrCat("the pattern repeats more than the engine of regular expressions can do: ",
                       regex->error_arg()));
    default:
      return absl::InvalidArgumentError(absl::StrCat("bad pattern: ", regex->error()));
  }
}

bool Pattern::Search(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

const std::string& Pattern::regex() const { return regex_->pattern(); }

}  // namespace mentat::filter
