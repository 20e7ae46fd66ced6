// The interactive shell of a script: commands from standard input, one a line.
#ifndef COMMON_SERVICE_SCRIPT_SHELL_H_
#define COMMON_SERVICE_SCRIPT_SHELL_H_

#include <functional>
#include <string>
#include <vector>

#include "common/service/script/script.h"

namespace mentat::service {

// Reads lines until their end, `exit` or `quit`, and gives the words of each to `execute`, which
// says for itself what went wrong and returns an exit status. `help` lists the commands. At a
// terminal a line can be edited, earlier ones come back, and names of commands are completed. The
// status of the last command. Also ends after a command if `ended` says so.
int RunShell(const std::string& program, const std::vector<ScriptCommand>& commands,
             const std::function<int(const std::vector<std::string>& words)>& execute,
             const std::function<bool()>& ended);

// Gives the terminal its settings back, before a process ends while it waits for a line.
void LeaveTerminal();

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SCRIPT_SHELL_H_
