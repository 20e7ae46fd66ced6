#include "common/service/composite.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/pipeline/stage.h"
#include "common/service/components.h"
#include "common/service/lines.h"
#include "gtest/gtest.h"
#include "mentat/config/test/v1/sample.pb.h"

namespace mentat::service {
namespace {

using config::test::v1::ChosenConfig;
using config::test::v1::MarkConfig;
using config::test::v1::StopConfig;
using pipeline::Item;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

// Drops what has a note that begins so.
class DropProcessor : public pipeline::Processor {
 public:
  explicit DropProcessor(std::string begin) : begin_(std::move(begin)) {}
  void Process(std::span<Item> items, std::stop_token) override {
    for (Item& item : items) {
      if (item.view().note().starts_with(begin_)) item.Drop(begin_);
    }
  }

 private:
  const std::string begin_;
};

// Appends its text to the note.
class AppendProcessor : public pipeline::Processor {
 public:
  explicit AppendProcessor(std::string text) : text_(std::move(text)) {}
  void Process(std::span<Item> items, std::stop_token) override {
    for (Item& item : items) item.event().mutable_note()->append(text_);
  }

 private:
  const std::string text_;
};

// A part that writes down what is asked of it, and fails where it is told to.
class Part : public Service {
 public:
  Part(std::string name, std::vector<std::string>& calls, std::string fails = "")
      : name_(std::move(name)), calls_(calls), fails_(std::move(fails)) {}

  absl::Status Setup() override { return Call("setup"); }
  void Drain() override { Call("drain").IgnoreError(); }
  void Teardown() override { Call("teardown").IgnoreError(); }
  absl::Status Run(std::stop_token stop) override {
    return fails_ == "run" ? absl::InternalError("run of " + name_) : Service::Run(std::move(stop));
  }
  absl::StatusOr<std::function<void()>> PrepareReload() override {
    if (absl::Status status = Call("prepare"); !status.ok()) return status;
    return [this] { Call("use").IgnoreError(); };
  }
  absl::Status Ready() const override {
    return fails_ == "ready" ? absl::UnavailableError("waits for " + name_) : absl::OkStatus();
  }
  std::map<std::string, std::string> Details() const override { return {{name_, "here"}}; }
  std::vector<ReloadPath> ReloadPaths() const override {
    return {{.path = "/" + name_, .endings = {}}};
  }

 private:
  absl::Status Call(const std::string& what) {
    calls_.push_back(absl::StrCat(what, " ", name_));
    return what == fails_ ? absl::InternalError(calls_.back()) : absl::OkStatus();
  }

  const std::string name_;
  std::vector<std::string>& calls_;
  const std::string fails_;
};

class Whole : public Composite {
 public:
  using Composite::Use;
};

TEST(CompositeTest, LivesAndDiesInOrder) {
  std::vector<std::string> calls;
  Whole whole;
  whole.Use<Part>("a", calls);
  whole.Use<Part>("b", calls);
  ASSERT_THAT(whole.Setup(), IsOk());
  whole.Drain();
  whole.Teardown();
  whole.Teardown();
  EXPECT_THAT(calls,
              ElementsAre("setup a", "setup b", "drain a", "drain b", "teardown b", "teardown a"));
}

TEST(CompositeTest, WhatWasNotSetUpIsNotTornDown) {
  std::vector<std::string> calls;
  Whole whole;
  whole.Use<Part>("a", calls);
  whole.Use<Part>("b", calls, "setup");
  whole.Use<Part>("c", calls);
  EXPECT_THAT(whole.Setup(), StatusIs(absl::StatusCode::kInternal, HasSubstr("setup b")));
  whole.Teardown();
  EXPECT_THAT(calls, ElementsAre("setup a", "setup b", "teardown a"));
}

TEST(CompositeTest, OneThatFailsEndsTheOthers) {
  std::vector<std::string> calls;
  Whole whole;
  whole.Use<Part>("a", calls);
  whole.Use<Part>("b", calls, "run");
  std::stop_source stop;
  EXPECT_THAT(whole.Run(stop.get_token()),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("run of b")));
}

TEST(CompositeTest, RunEndsWhenItIsTold) {
  std::vector<std::string> calls;
  Whole whole;
  whole.Use<Part>("a", calls);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(whole.Run(stop.get_token()), IsOk());
  EXPECT_THAT(Whole().Run(stop.get_token()), IsOk());
}

TEST(CompositeTest, AReloadIsWholeOrNothing) {
  std::vector<std::string> calls;
  Whole good;
  good.Use<Part>("a", calls);
  good.Use<Part>("b", calls);
  auto use = good.PrepareReload();
  ASSERT_THAT(use, IsOk());
  EXPECT_THAT(calls, ElementsAre("prepare a", "prepare b"));
  (*use)();
  EXPECT_THAT(calls, ElementsAre("prepare a", "prepare b", "use a", "use b"));

  calls.clear();
  Whole bad;
  bad.Use<Part>("a", calls);
  bad.Use<Part>("b", calls, "prepare");
  EXPECT_FALSE(bad.PrepareReload().ok());
  EXPECT_THAT(calls, ElementsAre("prepare a", "prepare b"));
}

TEST(CompositeTest, TellsOfAllParts) {
  std::vector<std::string> calls;
  Whole whole;
  whole.Use<Part>("a", calls);
  whole.Use<Part>("b", calls, "ready");
  EXPECT_THAT(whole.Ready(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("waits for b")));
  EXPECT_THAT(whole.Details(), ElementsAre(Pair("a", "here"), Pair("b", "here")));
  ASSERT_EQ(whole.ReloadPaths().size(), 2u);
  EXPECT_EQ(whole.ReloadPaths()[1].path, "/b");
  EXPECT_EQ(whole.MakeProcessor(), nullptr);
  EXPECT_FALSE(whole.ProcessesDeadLetters());
}

// Components that a configuration chooses.
class Mark : public Service {
 public:
  using Config = MarkConfig;
  Mark(const Config& config, Context&) : text_(config.text()) {}
  std::unique_ptr<pipeline::Processor> MakeProcessor() override {
    return std::make_unique<AppendProcessor>(text_);
  }

 private:
  const std::string text_;
};

class Stop : public Service {
 public:
  using Config = StopConfig;
  static absl::StatusOr<std::unique_ptr<Service>> Create(const Config& config, Context&) {
    if (config.begin().empty()) return absl::InvalidArgumentError("begin must not be empty");
    return std::unique_ptr<Service>(new Stop(config.begin()));
  }
  std::unique_ptr<pipeline::Processor> MakeProcessor() override {
    return std::make_unique<DropProcessor>(begin_);
  }

 private:
  explicit Stop(std::string begin) : begin_(std::move(begin)) {}
  const std::string begin_;
};

std::vector<Item> Items(const std::vector<std::string>& notes) {
  std::vector<Item> items;
  for (const std::string& note : notes) {
    idea::v1::Event event;
    event.set_note(note);
    items.emplace_back(event.SerializeAsString());
  }
  return items;
}

TEST(ComponentsTest, TheConfigurationChoosesAndOrders) {
  const Components known = Components().Add<Mark>().Add<Stop>();
  ChosenConfig config;
  config.set_title("not a component");
  config.add_marks()->set_text("1");
  config.add_marks()->set_text("2");
  config.mutable_stop()->set_begin("x1");
  config.mutable_last()->set_text("3");
  Context context;
  auto service = known.Make(config, context);
  ASSERT_THAT(service, IsOk());
  auto processor = (*service)->MakeProcessor();
  ASSERT_NE(processor, nullptr);
  std::vector<Item> items = Items({"a", "x", "b"});
  processor->Process(items, {});
  EXPECT_EQ(items[0].view().note(), "a123");
  EXPECT_EQ(items[1].view().note(), "x12") << "what was dropped goes no further";
  EXPECT_EQ(items[1].verdict(), Item::Verdict::kDrop);
  EXPECT_EQ(items[2].view().note(), "b123");

  service = known.Make(ChosenConfig(), context);
  ASSERT_THAT(service, IsOk());
  EXPECT_EQ((*service)->MakeProcessor(), nullptr);

  config.mutable_stop()->clear_begin();
  EXPECT_THAT(known.Make(config, context), StatusIs(absl::StatusCode::kInvalidArgument,
                                                    HasSubstr("stop: begin must not be empty")));
}

class Polish : public EachEvent {
 public:
  Polish(const std::string& path, Context& context)
      : lines_(Use<Lines>("polished", path, context)) {}
  void Process(Item& item) override {
    if (lines_.Contains(item.view().note())) item.Drop("polished");
  }

 private:
  Lines& lines_;
};

TEST(EachEventTest, LooksAtEachWithItsParts) {
  const std::string path = testing::TempDir() + "/lines";
  std::ofstream(path) << "a\n\nb\n";
  Context context;
  Polish polish(path, context);
  ASSERT_THAT(polish.Setup(), IsOk());
  EXPECT_THAT(polish.Details(), ElementsAre(Pair("polished", "2")));
  std::vector<Item> items = Items({"a", "c", ""});
  const auto processor = polish.MakeProcessor();
  processor->Process(items, {});
  EXPECT_EQ(items[0].verdict(), Item::Verdict::kDrop);
  EXPECT_EQ(items[1].verdict(), Item::Verdict::kForward);
  EXPECT_EQ(items[2].verdict(), Item::Verdict::kForward);

  std::ofstream(path) << "c\n";
  auto use = polish.PrepareReload();
  ASSERT_THAT(use, IsOk());
  EXPECT_THAT(polish.Details(), ElementsAre(Pair("polished", "2")));
  (*use)();
  EXPECT_THAT(polish.Details(), ElementsAre(Pair("polished", "1")));
  std::filesystem::remove(path);
  EXPECT_THAT(polish.PrepareReload(), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_THAT(polish.Details(), ElementsAre(Pair("polished", "1")));
}

}  // namespace
}  // namespace mentat::service
