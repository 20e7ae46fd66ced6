#include "common/pipeline/resolver.h"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <set>

#include "common/base/status_matchers.h"
#include "common/service/ports_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::pipeline {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

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

TEST(ResolveTest, APortsFolderStandsForTheInputsOfAService) {
  const std::string folder = testing::TempDir() + "/ports";
  std::filesystem::remove_all(folder);
  const std::string endpoint = "ports://" + folder + "/inspector";
  EXPECT_THAT(Resolve(endpoint), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(folder)));
  std::filesystem::create_directories(folder);
  EXPECT_THAT(*Resolve(endpoint), ElementsAre());
  const auto write = [&](const std::string& instance, const std::string& service,
                         const std::string& input) {
    ASSERT_THAT(
        service::WritePortsFile(folder + "/" + instance + ".json",
                                {service, instance, "127.0.0.1:9", "127.0.0.1:9", input, 1}),
        IsOk());
  };
  write("inspector-2", "inspector", "tcp://127.0.0.1:2");
  write("inspector", "inspector", "tcp://127.0.0.1:1");
  write("enricher", "enricher", "tcp://127.0.0.1:3");
  write("inspector-3", "inspector", "");
  write("inspector-4", "inspector", "tcp://elsewhere.invalid:1");
  std::ofstream(folder + "/broken.json") << "{";
  EXPECT_THAT(*Resolve(endpoint), UnorderedElementsAre("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"));
}

TEST(ResolveTest, WhatIsNoEndpointIsRefused) {
  for (const char* text : {"", "tcp://", "tcp://host", "tcp://:1", "tcp://host:", "tcp://host:x",
                           "udp://host:1", "host:1", "tcp://host:123456", "ports://",
                           "ports:///service", "ports:///folder/", "ports://folder/service"}) {
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

TEST(ResolverTest, InstancesThatComeAndGoAreSeen) {
  const std::string folder = testing::TempDir() + "/changing";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> found;
  const Resolver resolver(
      {"ports://" + folder + "/demo"}, std::chrono::milliseconds(20),
      [&](std::set<std::string> all) {
        const std::lock_guard lock(mutex);
        found = std::move(all);
        changed.notify_all();
      },
      [](const std::string&, const absl::Status&) {});
  const std::string file = folder + "/demo.json";
  ASSERT_THAT(service::WritePortsFile(file, {"demo", "demo", "a", "m", "tcp://127.0.0.1:7", 1}),
              IsOk());
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return found.size() == 1; }));
  std::filesystem::remove(file);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return found.empty(); }));
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
