#include "common/pipeline/resolver.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ResolveTest, NumericAddressesStandForThemselves) {
  EXPECT_THAT(*Resolve("tcp://127.0.0.1:5571"), ElementsAre("tcp://127.0.0.1:5571"));
  EXPECT_THAT(*Resolve("tcp://[::1]:5571"), ElementsAre("tcp://[::1]:5571"));
  EXPECT_THAT(*Resolve("ipc:///run/mentat.sock"), ElementsAre("ipc:///run/mentat.sock"));
}

TEST(ResolveTest, NamesBecomeAddresses) {
  EXPECT_THAT(*Resolve("tcp://localhost:5571"), ElementsAre("tcp://127.0.0.1:5571"));
}

TEST(ResolveTest, UnknownNamesAreATransientFailure) {
  EXPECT_THAT(Resolve("tcp://no-such-host.invalid:1"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no-such-host.invalid")));
}

TEST(ResolveTest, WhatIsNoEndpointIsRefused) {
  for (const char* text : {"", "tcp://", "tcp://host", "tcp://:1", "tcp://host:", "tcp://host:x",
                           "udp://host:1", "host:1", "tcp://host:123456"}) {
    EXPECT_THAT(Resolve(text), StatusIs(absl::StatusCode::kInvalidArgument, _)) << text;
  }
}

TEST(ResolverTest, ReportsWhatItFindsAndWhatItDoesNot) {
  std::promise<std::set<std::string>> found;
  std::promise<std::string> missing;
  std::once_flag once;
  const Resolver resolver(
      {"tcp://localhost:1", "tcp://no-such-host.invalid:1"}, std::chrono::seconds(60),
      [&](std::set<std::string> all) { found.set_value(std::move(all)); },
      [&](const std::string& name, const absl::Status&) {
        std::call_once(once, [&] { missing.set_value(name); });
      });
  EXPECT_THAT(found.get_future().get(), ElementsAre("tcp://127.0.0.1:1"));
  EXPECT_EQ(missing.get_future().get(), "tcp://no-such-host.invalid:1");
}

TEST(ResolverTest, OtherEndpointsAreLookedUpAtOnce) {
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> found;
  Resolver resolver(
      {"tcp://127.0.0.1:1", "tcp://127.0.0.1:2"}, std::chrono::hours(1),
      [&](std::set<std::string> all) {
        const std::lock_guard lock(mutex);
        found = std::move(all);
        changed.notify_all();
      },
      [](const std::string&, const absl::Status&) {});
  resolver.SetEndpoints({"tcp://127.0.0.1:2", "tcp://127.0.0.1:3"});
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] {
    return found == std::set<std::string>{"tcp://127.0.0.1:2", "tcp://127.0.0.1:3"};
  }));
}

}  // namespace
}  // namespace mentat::pipeline
