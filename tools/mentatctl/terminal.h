// The terminal as a program sees it that shows itself on all of it.
#ifndef TOOLS_MENTATCTL_TERMINAL_H_
#define TOOLS_MENTATCTL_TERMINAL_H_

#include <termios.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"

namespace mentat::mentatctl {

// Takes the terminal on standard input and output: keys come at once and are not shown, and what is
// drawn stands on a screen of its own, beside what stood there. Everything is given back when the
// object goes, while the process is stopped (^Z), and when a signal ends it. One thread, and no
// other must have been started before: signals are taken from all of them.
class Terminal {
 public:
  struct Size {
    int columns = 80;
    int rows = 24;
  };

  // Null if standard input and output are no terminal.
  static std::unique_ptr<Terminal> Open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  enum class Event { kKey, kResized, kWoken, kEnd };

  // Waits for a key, another size, or for `waker` to be readable, which is then read. kEnd: a
  // signal wants the process to end, or the terminal is gone.
  Event Wait(int waker);
  // The key of kKey; of a longer sequence, as of an arrow, `U` or `D` for up and down, or 0.
  char key() const { return key_; }
  // The signal that ended it; 0 if none did.
  int signal() const { return signal_; }

  static Size GetSize();
  // Shows the lines, each of them cut already, and nothing else; in one write, so that nothing
  // flickers.
  void Draw(const std::vector<std::string>& lines);

 private:
  explicit Terminal(const termios& before);

  void Enter();
  void Leave();
  void Stop();
  Event TakeSignal();
  Event TakeKey();

  const termios before_;
  UniqueFd signals_;
  char key_ = 0;
  int signal_ = 0;
};

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TERMINAL_H_
