#include "common/idea/syntax.h"

#include <array>
#include <cstddef>

namespace mentat::idea {
namespace {

// A set of ASCII characters, written as in a regular expression but without escapes: `a-zA-Z_`.
// A hyphen that is first or last stands for itself.
class CharSet {
 public:
  explicit constexpr CharSet(std::string_view spec) {
    for (size_t i = 0; i < spec.size(); ++i) {
      if (i + 2 < spec.size() && spec[i + 1] == '-') {
        for (char c = spec[i]; c <= spec[i + 2]; ++c) has_[static_cast<unsigned char>(c)] = true;
        i += 2;
      } else {
        has_[static_cast<unsigned char>(spec[i])] = true;
      }
    }
  }
  constexpr bool Has(char c) const { return has_[static_cast<unsigned char>(c)]; }
  // Whether the text is of these characters alone and not empty.
  constexpr bool Covers(std::string_view text) const {
    for (const char c : text) {
      if (!Has(c)) return false;
    }
    return !text.empty();
  }

 private:
  std::array<bool, 256> has_{};
};

constexpr CharSet kLetter("a-zA-Z");
constexpr CharSet kHexDigit("0-9a-fA-F");
constexpr CharSet kId("a-zA-Z0-9._-");
constexpr CharSet kWord("a-zA-Z0-9_-");
constexpr CharSet kName("a-zA-Z0-9_");
constexpr CharSet kNameStart("a-zA-Z_");
constexpr CharSet kProtocol("a-zA-Z0-9-");
constexpr CharSet kScheme("a-zA-Z0-9+.-");
constexpr CharSet kUri("a-zA-Z0-9._~:/?#[]@!$&'()*+,;=%-");
constexpr CharSet kSubtype("a-zA-Z0-9_+.-");
constexpr CharSet kCharset("a-zA-Z0-9.:_()-");

}  // namespace

bool IsVersion(std::string_view text) { return text == "IDEA0"; }

bool IsId(std::string_view text) { return kId.Covers(text); }

bool IsText(std::string_view) { return true; }

bool IsEventTag(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return kWord.Covers(text);
  return kWord.Covers(text.substr(0, dot)) && kWord.Covers(text.substr(dot + 1));
}

bool IsTag(std::string_view text) { return kWord.Covers(text); }

bool IsProtocolName(std::string_view text) {
  if (!kProtocol.Covers(text) || text.front() == '-' || text.back() == '-') return false;
  bool has_letter = false;
  for (const char c : text) has_letter = has_letter || kLetter.Has(c);
  return has_letter && text.find("--") == std::string_view::npos;
}

bool IsHandle(std::string_view text) { return kName.Covers(text) && kNameStart.Has(text.front()); }

bool IsNsid(std::string_view text) {
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (!kWord.Covers(label) || label.front() == '-') return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool IsMac(std::string_view text) {
  constexpr size_t kLength = 17;
  if (text.size() != kLength) return false;
  for (size_t i = 0; i < kLength; ++i) {
    if (i % 3 == 2 ? text[i] != ':' : !kHexDigit.Has(text[i])) return false;
  }
  return true;
}

bool IsSchemeAndRest(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  return kScheme.Covers(scheme) && kLetter.Has(scheme.front()) &&
         (rest.empty() || kUri.Covers(rest));
}

bool IsMediaType(std::string_view text) {
  const size_t slash = text.find('/');
  return slash != std::string_view::npos && kWord.Covers(text.substr(0, slash)) &&
         kSubtype.Covers(text.substr(slash + 1));
}

bool IsCharset(std::string_view text) { return kCharset.Covers(text); }

bool IsEncoding(std::string_view text) { return text == "base64"; }

}  // namespace mentat::idea
