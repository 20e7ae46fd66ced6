// Small pieces of file handling that both directions need.
#ifndef SERVICES_FILER_GATEWAY_FILE_IO_H_
#define SERVICES_FILER_GATEWAY_FILE_IO_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mentat::filer {

// Longest name of a file that Linux file systems take, in bytes.
inline constexpr size_t kMaxNameBytes = 255;

// `name` + `suffix`, with the end of `name` replaced by its hash where that is too long for a file.
std::string FitName(std::string_view name, std::string_view suffix);

// A hash that is the same everywhere and always.
uint64_t StableHash(std::string_view text);

// Writes all of `content` to a descriptor; `name` is for the error.
absl::Status WriteAll(int fd, std::string_view content, std::string_view name);

// Writes a new file, or over an old one, with the content on disk if `sync`.
absl::Status WriteFile(int directory, const std::string& name, std::string_view content, bool sync);

// Makes changes of names in a directory durable.
absl::Status SyncDirectory(int directory, std::string_view name);

}  // namespace mentat::filer

#endif  // SERVICES_FILER_GATEWAY_FILE_IO_H_
