// A file of a directory queue, plain or compressed. The first byte says by what name.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "services/filer_gateway/content.h"
#include "services/filer_gateway/event_reader.h"
#include "tests/fuzz/require.h"

namespace filer = mentat::filer;
using mentat::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::array<std::string_view, 3> kNames = {"a.idea", "a.ndjson", "a.jsonl.gz"};
  constexpr size_t kMaxEventBytes = 4096;
  if (size == 0) return 0;
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  Require(fd >= 0 && write(fd, data + 1, size - 1) == static_cast<ssize_t>(size - 1) &&
              lseek(fd, 0, SEEK_SET) == 0,
          "there is a file");
  auto content = filer::Content::Open(fd, {.max_bytes = 1 << 20, .max_ratio = 100});
  if (content.ok()) {
    filer::EventReader reader(*std::move(content), kNames[data[0] % kNames.size()], kMaxEventBytes);
    uint64_t line = 0;
    while (true) {
      const auto piece = reader.Next();
      if (!piece.ok() || !piece->has_value()) break;
      Require((*piece)->text.size() <= kMaxEventBytes, "an event has its limit");
      Require(reader.lines() ? (*piece)->line > line : (*piece)->line == 0, "lines are counted");
      line = (*piece)->line;
    }
  }
  close(fd);
  return 0;
}
