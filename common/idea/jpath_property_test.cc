// Properties of reading, setting and unsetting on random events and paths. MENTAT_TEST_SEED=N
// repeats a run; it is part of every failure.
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/idea/codec.h"
#include "common/idea/jpath.h"
#include "gtest/gtest.h"

namespace mentat::idea {
namespace {

constexpr int kRounds = 10'000;

uint64_t Seed() {
  const char* const text = std::getenv("MENTAT_TEST_SEED");
  return text == nullptr ? 20240305 : std::strtoull(text, nullptr, 10);
}

Path P(std::string_view text) { return Path::Parse(text).value(); }

class JPathPropertyTest : public testing::Test {
 protected:
  JPathPropertyTest()
      : trace_(__FILE__, __LINE__, "MENTAT_TEST_SEED=" + std::to_string(Seed())), random_(Seed()) {}

  size_t Below(size_t count) { return random_() % count; }
  std::string One(const std::vector<std::string>& choices) {
    return choices[Below(choices.size())];
  }

  std::string Json(int depth) {
    if (depth > 0 && Below(2) == 0) {
      std::string object = "{";
      for (const std::string name : {"A", "B", "C"}) {
        if (Below(2) == 0)
          object += (object.size() > 1 ? ",\"" : "\"") + name + "\":" + Json(depth - 1);
      }
      return object + "}";
    }
    if (depth > 0 && Below(2) == 0) {
      std::string list = "[";
      for (size_t i = Below(4); i > 0; --i) list += Json(depth - 1) + (i > 1 ? "," : "");
      return list + "]";
    }
    return One(
        {"1", "0", "null", "\"x\"", "\"\"", "false", "1.50", "99999999999999999999", "[]", "{}"});
  }

  v1::Event Event() {
    std::string json =
        R"({"Format":"IDEA0","ID":"x","DetectTime":"2024-03-05T15:52:22Z","Category":["Test"])";
    for (const std::string name : {"A", "B"}) {
      if (Below(5) > 0) json += ",\"" + name + "\":" + Json(3);
    }
    if (Below(2) == 0) json += ",\"Note\":\"n\"";
    if (Below(2) == 0) {
      json += ",\"Source\":[";
      for (size_t i = 1 + Below(2); i > 0; --i) {
        json += "{\"Port\":" + One({"[]", "[1]", "[1,2,3]"}) +
                One({"", ",\"Note\":\"n\"", ",\"A\":" + Json(2)}) + "}" + (i > 1 ? "," : "");
      }
      json += "]";
    }
    v1::Event event;
    std::vector<Problem> problems;
    EXPECT_TRUE(ParseEvent(json + "}", {}, &event, &problems)) << json << Describe(problems);
    return event;
  }

  std::string Index() { return One({"", "", "", "[1]", "[2]", "[3]", "[9]", "[#]", "[0]", "[*]"}); }
  std::string PathText() {
    std::string path;
    if (Below(3) == 0) {
      path = "Source" + Index() + "." + One({"Port", "Note", "A", "B"}) + Index();
    } else {
      path = One({"A", "A", "B", "B", "C", "Note"}) + Index();
    }
    for (size_t i = Below(4) / 2; i > 0; --i) path += "." + One({"A", "B", "C"}) + Index();
    return path;
  }

  const testing::ScopedTrace trace_;
  std::mt19937_64 random_;
};

std::vector<std::string> Read(const v1::Event& event, const std::string& path) {
  std::vector<std::string> values;
  for (const v1::Value& value : Values(event, P(path))) values.push_back(PrintValue(value));
  return values;
}

// The leaves by the names on the way to them, without indices, in their order.
using Leaves = std::map<std::string, std::vector<std::string>>;

void Collect(const v1::Value& value, const std::string& names, Leaves* leaves) {
  if (value.has_object()) {
    for (const v1::Member& member : value.object().members()) {
      Collect(member.value(), names + "." + member.key(), leaves);
    }
  } else if (value.has_list()) {
    for (const v1::Value& item : value.list().items()) Collect(item, names, leaves);
  } else {
    (*leaves)[names].push_back(PrintValue(value));
  }
}

Leaves LeavesOf(const v1::Event& event) {
  Leaves leaves;
  Collect(ParseValue(PrintEvent(event)).value(), "", &leaves);
  return leaves;
}

std::string NamesOf(const std::string& path) {
  const Path parsed = P(path);
  std::string names;
  for (const Path::Chunk& chunk : parsed.chunks()) names += "." + chunk.name;
  return names;
}

// What lies neither under the path nor on the way to it.
Leaves Others(Leaves leaves, const std::string& path) {
  const std::string names = NamesOf(path) + ".";
  std::erase_if(leaves, [&](const auto& leaf) {
    const std::string own = leaf.first + ".";
    return own.starts_with(names) || names.starts_with(own);
  });
  return leaves;
}

// The path under which a value is read that was set in `before`: what was appended is the last
// item.
std::string WhereSet(const v1::Event& before, const std::string& path) {
  const Path parsed = P(path);
  std::string where;
  bool appended = false;  // then nothing behind it was there before
  for (const Path::Chunk& chunk : parsed.chunks()) {
    if (!where.empty()) where += ".";
    if (chunk.index == Path::Index::kNone) {
      where += chunk.name;
      continue;
    }
    const std::string last = where + chunk.name + "[#]";
    const std::string numbered = where + chunk.name + "[" + std::to_string(chunk.number) + "]";
    appended = appended || chunk.index == Path::Index::kAll ||
               Values(before, P(chunk.index == Path::Index::kLast ? last : numbered)).empty();
    where = chunk.index == Path::Index::kNumber && !appended ? numbered : last;
  }
  return where;
}

TEST_F(JPathPropertyTest, WhatIsSetIsReadAndNothingElseChanges) {
  int set = 0;
  int refused = 0;
  int kept = 0;
  for (int i = 0; i < kRounds; ++i) {
    const v1::Event before = Event();
    const std::string path = PathText();
    const bool port = path.find(".Port") != std::string::npos;
    const std::string json =
        port ? One({"1", "[7,8]", "\"x\""}) : One({"\"x\"", "1", "[1,2]", "{\"A\":1}", "null"});
    const SetOptions options{.overwrite = Below(2) == 0, .unique = Below(2) == 0};
    SCOPED_TRACE(PrintEvent(before) + "\nset " + path + " " + json);
    v1::Event after = before;
    const absl::StatusOr<SetResult> result =
        Set(&after, P(path), ParseValue(json).value(), options);
    ASSERT_EQ(Others(LeavesOf(after), path), Others(LeavesOf(before), path));
    if (!result.ok()) {
      ++refused;
      ASSERT_EQ(LeavesOf(after), LeavesOf(before));
      ASSERT_TRUE(result.status().message().find("expected") != std::string::npos)
          << result.status();
      continue;
    }
    if (*result != SetResult::kSet) {
      ++kept;
      ASSERT_TRUE(*result == SetResult::kExists ? !options.overwrite : options.unique);
      ASSERT_EQ(LeavesOf(after), LeavesOf(before));
      continue;
    }
    ++set;
    const std::string where = WhereSet(before, path);
    const bool whole = P(path).chunks().back().index == Path::Index::kNone && json[0] == '[';
    const std::vector<std::string> expected = !whole ? std::vector<std::string>{json}
                                              : json == "[1,2]"
                                                  ? std::vector<std::string>{"1", "2"}
                                                  : std::vector<std::string>{"7", "8"};
    ASSERT_EQ(Read(after, where), expected) << where << "\n" << PrintEvent(after);
    // And once more changes nothing, but where it appends.
    if (path == where) {
      const std::string text = PrintEvent(after);
      ASSERT_TRUE(Set(&after, P(path), ParseValue(json).value()).ok());
      ASSERT_EQ(PrintEvent(after), text);
    }
  }
  EXPECT_GT(set, kRounds / 5);
  EXPECT_GT(refused, kRounds / 20);
  EXPECT_GT(kept, kRounds / 50);
}

TEST_F(JPathPropertyTest, WhatIsUnsetIsGoneAndNothingElseChanges) {
  int removed = 0;
  int refused = 0;
  for (int i = 0; i < kRounds; ++i) {
    const v1::Event before = Event();
    const std::string path = PathText();
    SCOPED_TRACE(PrintEvent(before) + "\nunset " + path);
    v1::Event after = before;
    const absl::Status status = Unset(&after, P(path));
    ASSERT_EQ(Others(LeavesOf(after), path), Others(LeavesOf(before), path));
    if (!status.ok()) {
      ++refused;
      ASSERT_TRUE(status.message().find("expected") != std::string::npos) << status;
      continue;
    }
    const std::vector<std::string> values = Read(before, path);
    const Path::Index index = P(path).chunks().back().index;
    if (index == Path::Index::kNone || index == Path::Index::kAll) {
      ASSERT_TRUE(Read(after, path).empty()) << PrintEvent(after);
    } else {
      // One item of each list went; the others are there in their order.
      const std::string all = path.substr(0, path.rfind('[')) + "[*]";
      ASSERT_EQ(Read(after, all).size() + values.size(), Read(before, all).size())
          << PrintEvent(after);
    }
    if (values.empty() && index != Path::Index::kNone && index != Path::Index::kAll) {
      ASSERT_EQ(PrintEvent(after), PrintEvent(before));
    }
    removed += values.empty() ? 0 : 1;
  }
  EXPECT_GT(removed, kRounds / 20);
  EXPECT_GT(refused, kRounds / 20);
}

}  // namespace
}  // namespace mentat::idea
