// `mentatctl top` in a terminal of its own, over a real controller.

#include "tools/mentatctl/top_command.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/base/unique_fd.h"
#include "common/service/testing/child_process.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kEnter[] = "\x1b[?1049h";
constexpr char kLeave[] = "\x1b[?1049l";

class TopTest : public CtlTest {
 protected:
  // Starts it in a terminal of this size.
  void StartTop(unsigned short columns, unsigned short rows) {
    const std::string address = has_controller_ ? controller().ports().admin : "127.0.0.1:1";
    winsize size = {.ws_row = rows, .ws_col = columns};
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, &size);
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      ::execl("tools/mentatctl/mentatctl", "mentatctl", "--controller", address.c_str(), "top",
              "--interval", "0.5", nullptr);
      ::_exit(127);
    }
    terminal_ = UniqueFd(terminal);
  }

  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    CtlTest::TearDown();
  }

  // Reads until this has been shown after what was read before; whatever was shown meanwhile.
  std::string ReadUntil(const std::string& wanted) {
    std::string shown;
    while (shown.find(wanted) == std::string::npos) {
      pollfd watched = {.fd = terminal_.get(), .events = POLLIN};
      const int patience = static_cast<int>(absl::ToInt64Milliseconds(testing_support::kPatience));
      if (::poll(&watched, 1, patience) <= 0) {
        ADD_FAILURE() << wanted << " has not been shown, but " << shown;
        break;
      }
      std::array<char, 4096> bytes;
      const ssize_t count = ::read(terminal_.get(), bytes.data(), bytes.size());
      if (count <= 0) {
        ADD_FAILURE() << "it ended without " << wanted << " after " << shown;
        break;
      }
      shown.append(bytes.data(), static_cast<size_t>(count));
    }
    return shown;
  }

  void Press(const std::string& keys) {
    ASSERT_EQ(::write(terminal_.get(), keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }

  // The exit status; 128 + number where a signal ended it.
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  // Whether what is typed is shown, as in any terminal that nobody has taken.
  bool Echoes() const {
    termios settings = {};
    EXPECT_EQ(::tcgetattr(terminal_.get(), &settings), 0);
    return (settings.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
  }

  pid_t pid_ = -1;
  UniqueFd terminal_;
};

TEST_F(TopTest, ShowsStatesAsTheyChangeAndGivesTheTerminalBack) {
  StartDemos({"one", "two"});
  StartTop(80, 24);
  EXPECT_THAT(ReadUntil("2 of 2 instances ready"), HasSubstr(kEnter));
  EXPECT_FALSE(Echoes());
  EXPECT_EQ(Ctl({"pause", "two"}).exit_status, 0);
  ReadUntil("1 of 2 instances ready: two paused");
  Press("r");
  ReadUntil("q quit");
  Press("q");
  EXPECT_THAT(ReadUntil(kLeave), Not(HasSubstr(kEnter)));
  EXPECT_EQ(Wait(), 0);
  EXPECT_TRUE(Echoes());
}

TEST_F(TopTest, AnotherSizeIsUsedAtOnce) {
  StartDemos({"one"});
  StartTop(80, 24);
  ReadUntil("instance ready");
  const winsize size = {.ws_row = 10, .ws_col = 30};
  ASSERT_EQ(::ioctl(terminal_.get(), TIOCSWINSZ, &size), 0);
  // The line about keys is cut at the 30th column, and colour ends there.
  ReadUntil("q quit  f flow  r rate  h held\x1b[0m");
  Press("q");
  ReadUntil(kLeave);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(TopTest, ASignalEndsItAndTheTerminalIsGivenBack) {
  StartDemos({"one"});
  for (const int signal : {SIGTERM, SIGINT}) {
    StartTop(80, 24);
    ReadUntil("instance ready");
    ::kill(pid_, signal);
    ReadUntil(kLeave);
    EXPECT_EQ(Wait(), signal == SIGINT ? 0 : 128 + signal);
    EXPECT_TRUE(Echoes());
  }
}

TEST_F(TopTest, StoppedItGivesTheTerminalBackUntilItGoesOn) {
  StartDemos({"one"});
  StartTop(80, 24);
  ReadUntil("instance ready");
  ::kill(pid_, SIGTSTP);
  ReadUntil(kLeave);
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED), 0);
  EXPECT_TRUE(Echoes());
  ::kill(pid_, SIGCONT);
  ReadUntil(kEnter);
  ReadUntil("instance ready");
  Press("q");
  ReadUntil(kLeave);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(TopTest, AControllerThatGoesAwayIsSaidAndAskedAgain) {
  StartTop(80, 24);
  ReadUntil("the controller does not answer");
  Press("q");
  ReadUntil(kLeave);
  EXPECT_EQ(Wait(), 0);
  StartDemos({"one"});
  StartTop(80, 24);
  ReadUntil("instance ready");
  StopController();
  ReadUntil("the controller ");
}

TEST_F(TopTest, WithoutATerminalItIsShownOnce) {
  StartDemos({"one"});
  Result result = Ctl({"top", "--once"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("ok: 1 of 1 instance ready\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
  EXPECT_EQ(Ctl({"pause", "one"}).exit_status, 0);
  result = Ctl({"top", "--once", "--columns", "30"});
  EXPECT_EQ(result.exit_status, 1);
}

}  // namespace
}  // namespace mentat::mentatctl
