#include "tools/mentatctl/steer_commands.h"

#include "common/base/status_matchers.h"
#include "tools/mentatctl/ctl_fixture.h"

namespace mentat::mentatctl {
namespace {

using testing::HasSubstr;

class SteerTest : public CtlTest {
 protected:
  stage::v1::State StateOf(const std::string& name) { return demo(name).Status()->state(); }
};

TEST_F(SteerTest, EachInstanceHasALine) {
  StartDemos({"one", "two", "three"});
  Result result = Ctl({"pause", "demo"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, "one: done\nthree: done\ntwo: done\n");
  result = Ctl({"resume", "one", AddressOf("two"), "--instance", "three", "--json"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  ASSERT_EQ(result.Json()["results"].size(), 3u) << result.out;
  EXPECT_EQ(result.Json()["results"][0]["instance"], "one");
  EXPECT_EQ(result.Json()["results"][0]["code"], 0);
  EXPECT_EQ(Ctl({"pause", "--all"}).exit_status, 0);
  for (const char* name : {"one", "two", "three"}) {
    EXPECT_EQ(StateOf(name), stage::v1::STATE_PAUSED) << name;
  }
}

TEST_F(SteerTest, OneThatFailsIsToldAndTheOthersDoIt) {
  StartDemos({"one", "two"}, {"--set", "call_timeout_seconds=0.5"});
  // Both have answered: what is frozen then is a call, and not the making of a connection.
  Result result = Ctl({"status"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  Freeze(demos_["two"]);
  result = Ctl({"pause", "demo"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "one: done\n");
  EXPECT_THAT(result.err, HasSubstr(": Deadline Exceeded"));
  EXPECT_EQ(StateOf("one"), stage::v1::STATE_PAUSED);
}

TEST_F(SteerTest, ANameOfNobodyIsCritical) {
  StartDemos({"one"});
  const Result result = Ctl({"drain", "inspector"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("no stage or instance is called inspector"));
}

TEST_F(SteerTest, AnAddressIsCalledWithoutAController) {
  demos_["one"] = StartDemo("one");
  Result result = Ctl({"pause", AddressOf("one")});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, AddressOf("one") + ": done\n");
  EXPECT_THAT(result.err, HasSubstr("called without a controller"));
  EXPECT_EQ(StateOf("one"), stage::v1::STATE_PAUSED);
  EXPECT_EQ(Ctl({"reload", AddressOf("one")}).exit_status, 0);
  result = Ctl({"resume", AddressOf("one"), "127.0.0.1:1"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1: "));
  EXPECT_EQ(StateOf("one"), stage::v1::STATE_READY);
  EXPECT_EQ(Ctl({"pause", "one"}).exit_status, 2) << "a name needs the controller";
}

TEST_F(SteerTest, AnAddressThatTheControllerDoesNotKnowIsCalledToo) {
  StartDemos({"one"});
  const Process other = StartDemo("other");
  EXPECT_EQ(Ctl({"pause", other->ports().admin}).exit_status, 0);
  EXPECT_EQ(other->Status()->state(), stage::v1::STATE_PAUSED);
  EXPECT_EQ(StateOf("one"), stage::v1::STATE_READY);
}

TEST_F(SteerTest, TheLevelOfAModuleIsSetAlone) {
  StartDemos({"one"});
  EXPECT_EQ(Ctl({"log-level", "demo", "debug", "--module", "pipeline"}).exit_status, 0);
  stage::v1::SetLogLevelRequest request;
  request.set_level("info");
  request.set_module("pipeline");
  stage::v1::SetLogLevelResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  ASSERT_TRUE(demo("one").admin().SetLogLevel(&context, request, &response).ok());
  EXPECT_EQ(response.previous_level(), "debug");
  EXPECT_EQ(Ctl({"log-level", "all", "reset", "--module", "pipeline"}).exit_status, 0);
  EXPECT_EQ(Ctl({"log-level", "demo", "reset"}).exit_status, 1) << "of the process itself";
}

}  // namespace
}  // namespace mentat::mentatctl
