// The syntax of those IDEA0 types that are plain texts. Part of the codec.
#ifndef COMMON_IDEA_SYNTAX_H_
#define COMMON_IDEA_SYNTAX_H_

#include <string_view>

namespace mentat::idea {

bool IsVersion(std::string_view text);
bool IsId(std::string_view text);
bool IsText(std::string_view text);  // always
bool IsEventTag(std::string_view text);
bool IsTag(std::string_view text);
bool IsProtocolName(std::string_view text);
bool IsHandle(std::string_view text);
bool IsNsid(std::string_view text);
bool IsMac(std::string_view text);
bool IsSchemeAndRest(std::string_view text);
bool IsMediaType(std::string_view text);
bool IsCharset(std::string_view text);
bool IsEncoding(std::string_view text);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_SYNTAX_H_
