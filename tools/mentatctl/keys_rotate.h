// `mentatctl keys rotate NAME [--dir DIR] [--allowed DIR]...`: a new key in place of an old one, in
// three steps between which both are allowed, so that no connection is ever without a key.
#ifndef TOOLS_MENTATCTL_KEYS_ROTATE_H_
#define TOOLS_MENTATCTL_KEYS_ROTATE_H_

#include <ostream>
#include <string>
#include <vector>

namespace mentat::mentatctl {

struct RotateOptions {
  std::string name;                  // of the key
  std::string folder = ".";          // with NAME.key and NAME.key_secret
  std::vector<std::string> allowed;  // other folders with NAME.key, which neighbours allow
};

// Does the next step, whichever that is, and says what is to be done before the one after it:
//   1. NAME.next.key and NAME.next.key_secret are made, NAME.next.key put beside NAME.key
//   everywhere;
//   2. the new pair takes the name NAME, the old public key is NAME.previous.key;
//   3. NAME.previous.key is removed everywhere.
// A step that was cut short is done again by the next call. Returns 1 if something went wrong.
int RotateKey(const RotateOptions& options, std::ostream& out, std::ostream& err);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_KEYS_ROTATE_H_
