#include "services/filer_gateway/queue_writer.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "prometheus/registry.h"
#include "services/filer_gateway/metrics.h"
#include "services/filer_gateway/test_queue.h"

namespace mentat::filer {
namespace {

namespace fs = std::filesystem;
using pipeline::Item;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Verdict = Item::Verdict;

void Until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

class QueueWriterTest : public QueueTest {
 protected:
  static Item MakeItem(const std::string& id) {
    idea::v1::Event event;
    event.set_format("IDEA0");
    event.set_id(id);
    event.add_category("Test");
    return Item(event.SerializeAsString(), 1, nullptr);
  }

  static std::vector<Item> MakeItems(std::initializer_list<const char*> ids) {
    std::vector<Item> items;
    for (const char* id : ids) items.push_back(MakeItem(id));
    return items;
  }

  static std::vector<Verdict> Verdicts(const std::vector<Item>& items) {
    std::vector<Verdict> verdicts;
    for (const Item& item : items) verdicts.push_back(item.verdict());
    return verdicts;
  }

  std::unique_ptr<Target> Open(uint64_t limit = 0) {
    Target::Options options;
    options.max_waiting_files = limit;
    options.first_retry = absl::Milliseconds(1);
    options.last_retry = absl::Milliseconds(5);
    auto target = Target::Open(root_, metrics_, options);
    EXPECT_THAT(target, IsOk());
    return *std::move(target);
  }

  prometheus::Registry registry_;
  OutMetrics metrics_{registry_};
};

TEST_F(QueueWriterTest, WritesAFileForEachEvent) {
  auto target = Open();
  QueueWriter writer(*target);
  std::vector<Item> items = MakeItems({"a", "b"});
  writer.Process(items, {});
  EXPECT_THAT(Verdicts(items), ElementsAre(Verdict::kStored, Verdict::kStored));
  EXPECT_THAT(List("incoming"), ElementsAre("a.idea", "b.idea"));
  EXPECT_THAT(List("tmp"), IsEmpty());
  const auto json = nlohmann::json::parse(Read("incoming/a.idea"));
  EXPECT_EQ(json["ID"], "a");
  EXPECT_EQ(json["Category"][0], "Test");
  EXPECT_EQ(metrics_.written.Value(), 2);
}

TEST_F(QueueWriterTest, AnEventDeliveredAgainMakesNoSecondFile) {
  auto target = Open();
  QueueWriter first(*target);
  QueueWriter second(*target);
  std::vector<Item> items = MakeItems({"a", "a"});
  first.Process(items, {});
  EXPECT_THAT(Verdicts(items), ElementsAre(Verdict::kStored, Verdict::kDuplicate));
  items = MakeItems({"a"});
  second.Process(items, {});
  EXPECT_THAT(Verdicts(items), ElementsAre(Verdict::kDuplicate));
  EXPECT_THAT(List("incoming"), ElementsAre("a.idea"));
  EXPECT_THAT(List("tmp"), IsEmpty());
  EXPECT_EQ(metrics_.repeated.Value(), 2);
}

TEST_F(QueueWriterTest, FileNames) {
  EXPECT_EQ(FileNameOf("2245bd5f-bb68-4f68-a2eb-92502318fa4e"),
            "2245bd5f-bb68-4f68-a2eb-92502318fa4e.idea");
  std::set<std::string> names;
  for (const std::string& id :
       {std::string(".."), std::string("../../etc/x"), std::string(""), std::string(201, 'x'),
        std::string(202, 'x'), std::string("a/b"), std::string("nul\0", 4)}) {
    const std::string name = FileNameOf(id);
    EXPECT_THAT(name, StartsWith("event-"));
    EXPECT_EQ(name.size(), 6 + 32 + 5);
    EXPECT_EQ(name, FileNameOf(id));
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 7);
}

TEST_F(QueueWriterTest, WaitsWhileTooManyFilesLieThere) {
  auto target = Open(/*limit=*/3);
  QueueWriter writer(*target);
  std::vector<Item> items = MakeItems({"a", "b", "c", "d", "e"});
  std::thread thread([&] { writer.Process(items, {}); });
  Until([&] { return metrics_.waits.Value() > 0; });
  EXPECT_THAT(List("incoming"), ElementsAre("a.idea", "b.idea", "c.idea"));
  fs::rename(root_ / "incoming/a.idea", root_ / "a");  // a consumer takes them
  fs::remove(root_ / "incoming/b.idea");
  thread.join();
  EXPECT_THAT(List("incoming"), ElementsAre("c.idea", "d.idea", "e.idea"));
  EXPECT_THAT(Verdicts(items), testing::Each(Verdict::kStored));
}

TEST_F(QueueWriterTest, GivesBackWhatItCannotWriteBeforeTheStop) {
  auto target = Open(/*limit=*/1);
  QueueWriter writer(*target);
  std::vector<Item> items = MakeItems({"a", "b"});
  std::jthread thread([&](std::stop_token stop) { writer.Process(items, stop); });
  Until([&] { return metrics_.waits.Value() > 0; });
  thread.request_stop();
  thread.join();
  EXPECT_THAT(Verdicts(items), ElementsAre(Verdict::kStored, Verdict::kRetry));
}

TEST_F(QueueWriterTest, TriesAgainWhileTheDiskTakesNothing) {
  auto target = Open();
  QueueWriter writer(*target);
  fs::rename(root_ / "tmp", root_ / "elsewhere");
  fs::remove(root_ / "elsewhere");
  std::vector<Item> items = MakeItems({"a"});
  std::jthread thread([&](std::stop_token stop) { writer.Process(items, stop); });
  Until([&] { return metrics_.disk_errors.Value() > 3; });
  EXPECT_THAT(target->Health().message(), HasSubstr("cannot create"));
  EXPECT_THAT(List("incoming"), IsEmpty());
  thread.request_stop();
  thread.join();
  EXPECT_THAT(Verdicts(items), ElementsAre(Verdict::kRetry));
}

TEST_F(QueueWriterTest, RemovesOnlyStaleFilesOfItsOwn) {
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const char* name : {".mentat-out-1-0", "other", ".mentat-out-2-0"}) {
    Write(fs::path("tmp") / name, "x");
    if (std::string_view(name) != ".mentat-out-2-0") fs::last_write_time(root_ / "tmp" / name, old);
  }
  Open();
  EXPECT_THAT(List("tmp"), ElementsAre(".mentat-out-2-0", "other"));
}

}  // namespace
}  // namespace mentat::filer
