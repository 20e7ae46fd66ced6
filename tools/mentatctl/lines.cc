#include "tools/mentatctl/lines.h"

namespace mentat::mentatctl {

Line ReadLine(std::istream& in, size_t max_bytes, std::string* line) {
  using Traits = std::istream::traits_type;
  line->clear();
  std::streambuf& buffer = *in.rdbuf();
  bool is_empty = true;
  bool is_too_long = false;
  for (Traits::int_type c; (c = buffer.sbumpc()) != Traits::eof() && c != '\n';) {
    is_empty = false;
    if (is_too_long) continue;
    if (line->size() == max_bytes) {
      is_too_long = true;
      std::string().swap(*line);
    } else {
      line->push_back(Traits::to_char_type(c));
    }
  }
  if (is_too_long) return Line::kTooLong;
  // The last line has no end, or is none.
  if (is_empty && buffer.sgetc() == Traits::eof()) return Line::kNone;
  return Line::kRead;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace mentat::mentatctl
