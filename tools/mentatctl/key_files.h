// `mentatctl keys generate NAME... [--dir DIR]` and `mentatctl keys show FILE|DIR...`: the keys
// that stages know each other by.
#ifndef TOOLS_MENTATCTL_KEY_FILES_H_
#define TOOLS_MENTATCTL_KEY_FILES_H_

#include <ostream>
#include <string>
#include <vector>

namespace mentat::mentatctl {

// Makes NAME.key (public) and NAME.key_secret (for the owner alone) in the folder, which is made if
// it is not there, and writes a line `NAME PUBLIC-KEY` for each. Keys that are there are left alone
// and an error. Returns 1 if one could not be made, else 0.
int GenerateKeys(const std::vector<std::string>& names, const std::string& folder,
                 std::ostream& out, std::ostream& err);

// Writes a line `NAME PUBLIC-KEY` for each key file, of either kind, and for each of those in a
// folder. Never a secret key. Returns 1 if one could not be read, else 0.
int ShowKeys(const std::vector<std::string>& paths, std::ostream& out, std::ostream& err);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_KEY_FILES_H_
