// mentatctl without a process of its own.
#ifndef TOOLS_MENTATCTL_RUN_H_
#define TOOLS_MENTATCTL_RUN_H_

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "tools/mentatctl/connection.h"

namespace mentat::mentatctl {

// Runs the command that the words, those behind the program's name, call. The exit status.
int Run(const std::vector<std::string>& words, const Environment& environment, std::istream& in,
        std::ostream& out, std::ostream& err);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_RUN_H_
