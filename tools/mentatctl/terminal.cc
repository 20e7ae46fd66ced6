#include "tools/mentatctl/terminal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

namespace mentat::mentatctl {
namespace {

// Another screen, no cursor; then back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
// Terminals that know them show nothing of what stands between before all of it is there.
constexpr std::string_view kBegin = "\x1b[?2026h\x1b[H";
constexpr std::string_view kEnd = "\x1b[J\x1b[?2026l";
constexpr std::string_view kEndOfLine = "\x1b[K";

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

sigset_t SignalSet() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kSignals) sigaddset(&set, number);
  return set;
}

void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno != EINTR) return;  // the terminal is gone, which the next read tells
    if (count > 0) text.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace

std::unique_ptr<Terminal> Terminal::Open() {
  termios before = {};
  if (::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before) != 0) return nullptr;
  return std::unique_ptr<Terminal>(new Terminal(before));
}

Terminal::Terminal(const termios& before) : before_(before) {
  const sigset_t set = SignalSet();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
  Enter();
}

Terminal::~Terminal() {
  Leave();
  const sigset_t set = SignalSet();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Terminal::Enter() {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  WriteAll(kEnter);
}

void Terminal::Leave() {
  WriteAll(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Terminal::Stop() {
  Leave();
  ::kill(::getpid(), SIGSTOP);
  Enter();
}

Terminal::Event Terminal::Wait(int waker) {
  while (true) {
    std::array<pollfd, 3> watched = {{{.fd = signals_.get(), .events = POLLIN},
                                      {.fd = STDIN_FILENO, .events = POLLIN},
                                      {.fd = waker, .events = POLLIN}}};
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Event::kEnd;
    }
    if (watched[0].revents != 0) return TakeSignal();
    if (watched[1].revents != 0) return TakeKey();
    if (watched[2].revents != 0) {
      uint64_t count = 0;
      if (::read(waker, &count, sizeof(count)) > 0) return Event::kWoken;
    }
  }
}

Terminal::Event Terminal::TakeSignal() {
  signalfd_siginfo info = {};
  if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return Event::kResized;
  if (info.ssi_signo == SIGWINCH) return Event::kResized;
  if (info.ssi_signo == SIGTSTP) {
    Stop();
    return Event::kResized;
  }
  signal_ = static_cast<int>(info.ssi_signo);
  return Event::kEnd;
}

Terminal::Event Terminal::TakeKey() {
  std::array<char, 16> bytes;
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count <= 0) return Event::kEnd;
  key_ = bytes[0];
  if (key_ == '\x1b') {
    const bool is_arrow = count == 3 && (bytes[1] == '[' || bytes[1] == 'O');
    key_ = is_arrow && bytes[2] == 'A' ? 'U' : is_arrow && bytes[2] == 'B' ? 'D' : 0;
  }
  return Event::kKey;
}

Terminal::Size Terminal::GetSize() {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {.columns = size.ws_col, .rows = size.ws_row};
}

void Terminal::Draw(const std::vector<std::string>& lines) {
  std::string frame(kBegin);
  for (size_t i = 0; i < lines.size(); ++i) {
    frame += lines[i];
    frame += kEndOfLine;
    if (i + 1 < lines.size()) frame += "\r\n";
  }
  frame += kEnd;
  WriteAll(frame);
}

}  // namespace mentat::mentatctl
