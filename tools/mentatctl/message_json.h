// Answers of the control plane as JSON for programs.
#ifndef TOOLS_MENTATCTL_MESSAGE_JSON_H_
#define TOOLS_MENTATCTL_MESSAGE_JSON_H_

#include <string>
#include <string_view>

#include "google/protobuf/message.h"
#include "nlohmann/json_fwd.hpp"

namespace mentat::mentatctl {

// Every field under its name, also those that are not set (messages that are not: null). Numbers
// are numbers, whatever their size; a timestamp is text of RFC 3339 in UTC; a duration is seconds,
// and
// `_seconds` is added to its name; an enumerator is its name without the prefix, in small letters;
// bytes that are not UTF-8 have U+FFFD in their place.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// JSON with the characters escaped that steer a terminal, and which JSON allows to stand there.
std::string PrintableJson(std::string_view json);

// Indented, with a line feed at the end. Bytes that are not UTF-8 are replaced; nothing in it
// steers a terminal.
std::string JsonText(const nlohmann::ordered_json& json);
// On one line.
std::string JsonLine(const nlohmann::ordered_json& json);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_MESSAGE_JSON_H_
