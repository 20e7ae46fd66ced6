#include "tools/mentatctl/text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace mentat::mentatctl {
namespace {

std::string Replace(std::string text, bool keep_line_feeds) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (keep_line_feeds && c == '\n') continue;
    if (absl::ascii_iscntrl(c)) text[i] = '?';
    // C1 controls, U+0080 to U+009F, some of which terminals obey.
    if (c == 0xc2 && i + 1 < text.size() &&
        (static_cast<unsigned char>(text[i + 1]) & 0xe0) == 0x80) {
      text[i] = '?';
      text[i + 1] = '?';
    }
  }
  return text;
}

}  // namespace

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() / 1e9;
}

std::string AgeText(double seconds) {
  if (seconds < 60) return absl::StrFormat("%.1f s", seconds);
  if (seconds < 3600) return absl::StrFormat("%.0f min", seconds / 60);
  if (seconds < 48 * 3600) return absl::StrFormat("%.0f h", seconds / 3600);
  return absl::StrFormat("%.0f d", seconds / 86400);
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

std::string BytesText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat(value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, kUnits[unit]);
}

std::string Printable(std::string text) { return Replace(std::move(text), false); }
std::string PrintableLines(std::string text) { return Replace(std::move(text), true); }

}  // namespace mentat::mentatctl
