// Numbers and text for people at a terminal.
#ifndef TOOLS_MENTATCTL_TEXT_H_
#define TOOLS_MENTATCTL_TEXT_H_

#include <cstdint>
#include <string>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace mentat::mentatctl {

double Seconds(const google::protobuf::Duration& duration);

// `0.2 s`, `12 min`, `3 h`, `2 d`.
std::string AgeText(double seconds);
// In the time zone of this process, `2026-11-23 14:56:07`; `-` for none.
std::string TimeText(const google::protobuf::Timestamp& time);
// `512 B`, `34 MiB`.
std::string BytesText(uint64_t bytes);

// Text from elsewhere must not steer the terminal: control characters become `?`; line feeds stay
// in PrintableLines.
std::string Printable(std::string text);
std::string PrintableLines(std::string text);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TEXT_H_
