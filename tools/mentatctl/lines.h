// Lines of input, one document each.
#ifndef TOOLS_MENTATCTL_LINES_H_
#define TOOLS_MENTATCTL_LINES_H_

#include <cstddef>
#include <istream>
#include <string>
#include <string_view>

namespace mentat::mentatctl {

enum class Line { kRead, kTooLong, kNone };

// The next line without its end; of one that is longer than `max_bytes` nothing is kept, and it is
// never held in memory as a whole.
Line ReadLine(std::istream& in, size_t max_bytes, std::string* line);

// Whether there is nothing but blanks.
bool IsBlank(std::string_view line);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_LINES_H_
