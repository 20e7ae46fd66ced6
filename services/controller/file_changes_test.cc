#include "services/controller/file_changes.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace mentat::controller {
namespace {

using state::v1::InstanceFiles;
using state::v1::KeptReload;
using Files = std::map<std::string, std::string>;

constexpr char kAbsent[] = "(absent)";

InstanceFiles Make(const std::string& instance, const Files& files) {
  InstanceFiles made;
  made.set_stage("inspector");
  made.set_instance(instance);
  for (const auto& [path, content] : files) {
    stage::v1::ReloadFile& file = *made.add_files();
    file.set_path(path);
    if (content == kAbsent) {
      file.set_absent(true);
    } else {
      file.set_content(content);
    }
  }
  return made;
}

Files Read(const InstanceFiles& instance) {
  Files files;
  for (const stage::v1::ReloadFile& file : instance.files()) {
    files[file.path()] = file.absent() ? kAbsent : file.content();
  }
  return files;
}

KeptReload Keep(const InstanceFiles& instance) {
  KeptReload kept;
  *kept.add_instances() = instance;
  return kept;
}

TEST(FilesToPutTest, WhatDiffersIsPutAndWhatIsNewIsRemoved) {
  const KeptReload kept = Keep(Make("one", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", kAbsent}}));
  const InstanceFiles now = Make("one", {{"a", "1"}, {"b", "other"}, {"d", "new"}, {"e", "new"}});
  EXPECT_EQ(Read(FilesToPut(now, kept)),
            (Files{{"b", "2"}, {"c", "3"}, {"d", kAbsent}, {"e", kAbsent}}));
}

TEST(FilesToPutTest, AFileThatWasWithheldThenIsNotRemoved) {
  InstanceFiles then = Make("one", {{"a", "1"}});
  then.add_withheld("secret.json");
  const InstanceFiles now = Make("one", {{"a", "1"}, {"secret.json", "no secret any more"}});
  EXPECT_EQ(Read(FilesToPut(now, Keep(then))), Files{});
}

TEST(FilesToPutTest, AnInstanceThatWasNotThereTakesWhatBothReadAndKeepsTheRest) {
  const KeptReload kept = Keep(Make("one", {{"one.json", "{}"}, {"rule", "old"}}));
  const InstanceFiles now = Make("two", {{"two.json", "{}"}, {"rule", "new"}});
  EXPECT_EQ(Read(FilesToPut(now, kept)), (Files{{"rule", "old"}}));
}

TEST(FilesToPutTest, AnotherStageIsLeftAlone) {
  InstanceFiles other = Make("one", {{"rule", "old"}});
  other.set_stage("enricher");
  EXPECT_EQ(Read(FilesToPut(Make("one", {{"rule", "new"}}), Keep(other))), Files{});
}

TEST(FilesToPutBackTest, WhatWasPutIsUndoneAndWhatSomebodyChangedSinceIsNot) {
  const InstanceFiles now = Make("one", {{"a", "1"}, {"b", "2"}});
  const InstanceFiles put = Make("one", {{"a", "x"}, {"b", "y"}, {"c", "z"}, {"d", kAbsent}});
  const InstanceFiles before = FilesBefore(now, put);
  EXPECT_EQ(Read(before), (Files{{"a", "1"}, {"b", "2"}, {"c", kAbsent}, {"d", kAbsent}}));
  const InstanceFiles after = Make("one", {{"a", "x"}, {"b", "an operator's"}, {"c", "z"}});
  EXPECT_EQ(Read(FilesToPutBack(after, put, before)),
            (Files{{"a", "1"}, {"c", kAbsent}, {"d", kAbsent}}));
}

}  // namespace
}  // namespace mentat::controller
