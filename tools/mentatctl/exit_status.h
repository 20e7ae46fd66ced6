// What mentatctl's exit status says; the same for every command, as monitoring systems count.
#ifndef TOOLS_MENTATCTL_EXIT_STATUS_H_
#define TOOLS_MENTATCTL_EXIT_STATUS_H_

namespace mentat::mentatctl {

// All is well, everything was done.
inline constexpr int kExitOk = 0;
// A warning; it failed for a part, or was refused and nothing has changed.
inline constexpr int kExitWarning = 1;
// Critical; nobody answers, there is no access, nothing has this name.
inline constexpr int kExitCritical = 2;
// Wrong arguments. For monitoring systems: unknown.
inline constexpr int kExitUsage = 3;

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_EXIT_STATUS_H_
