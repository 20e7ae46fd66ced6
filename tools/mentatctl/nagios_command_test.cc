// `mentatctl status --nagios` over real states.

#include <signal.h>

#include "common/base/status_matchers.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class NagiosCommandTest : public CtlTest {};

TEST_F(NagiosCommandTest, EveryStateHasItsStatus) {
  StartDemos({"one"}, {"--set", "call_timeout_seconds=0.5"});
  Result result =
      Ctl({"status", "--nagios", "--warning", "queue_age=30", "--critical", "ready=1:"});
  EXPECT_EQ(result.exit_status, 0) << result.out;
  EXPECT_THAT(result.out, StartsWith("MENTAT OK - 1 of 1 instance ready | 'demo.queue_age'=0s;30"));
  EXPECT_THAT(result.out, HasSubstr("'demo.ready'=1;;1:\n"));
  result = Ctl({"status", "--nagios", "--warning", "rate=1:"});
  EXPECT_EQ(result.exit_status, 1) << result.out;
  EXPECT_THAT(result.out, StartsWith("MENTAT WARNING - demo.rate is 0 (warning 1:)"));
  result = Ctl({"status", "--nagios", "--warning", "rate=1:", "--critical", "demo.rate=1:"});
  EXPECT_EQ(result.exit_status, 2) << result.out;

  EXPECT_EQ(Ctl({"pause", "demo"}).exit_status, 0);
  result = Ctl({"status", "--nagios"});
  EXPECT_EQ(result.exit_status, 1) << result.out;
  EXPECT_THAT(result.out, StartsWith("MENTAT WARNING - 0 of 1 instance ready: one paused |"));
  demo("one").process().Signal(SIGKILL);
  ASSERT_THAT(demo("one").process().Wait(), IsOk());
  result = Ctl({"status", "--nagios"});
  EXPECT_EQ(result.exit_status, 2) << result.out;
  EXPECT_THAT(result.out, StartsWith("MENTAT CRITICAL - 0 of 1 instance ready: one unreachable |"));

  result = Ctl({"status", "--nagios", "--warning", "rates=1:"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(result.out, StartsWith("MENTAT UNKNOWN - rates=1:"));
  EXPECT_EQ(Ctl({"status", "--warning", "rate=1:"}).exit_status, 3) << "needs --nagios";
  StopController();
  has_controller_ = false;
  result = Ctl({"status", "--nagios"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.out, StartsWith("MENTAT CRITICAL - the controller does not answer"));
}

}  // namespace
}  // namespace mentat::mentatctl
