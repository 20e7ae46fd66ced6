// The worked cases of testdata/cases.txt, by the evaluator, and by the predicates as far as they
// can say it.
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/filter.h"
#include "common/idea/codec.h"
#include "common/idea/time.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

constexpr std::string_view kTestData = "common/filter/testdata/";
constexpr int64_t kNow = 1'790'000'000'000'000;  // in the year 2026

std::string ReadFile(std::string_view name) {
  std::ifstream file(std::string(kTestData).append(name));
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// The value as the cases write it.
std::string Render(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNothing:
      return "None";
    case Value::Kind::kBoolean:
      return value.boolean() ? "True" : "False";
    case Value::Kind::kDatetime: {
      std::string text = idea::FormatTimestamp(value.datetime());
      text.pop_back();
      return "datetime " + text;
    }
    case Value::Kind::kTimedelta:
      return "timedelta " + std::to_string(value.timedelta() / 1'000'000) + " s";
    case Value::Kind::kAddress:
      return "IP " + value.address().text;
    case Value::Kind::kList: {
      std::string text = "[";
      for (const Value& item : value.list()) {
        if (text.size() > 1) text += ", ";
        text += Render(item);
      }
      return text + "]";
    }
    default:
      return ToJson(value);
  }
}

std::string Render(const absl::StatusOr<Value>& value) {
  if (value.ok()) return Render(*value);
  const std::string message(value.status().message());
  return "ERROR " + message.substr(0, message.find(':'));
}

struct Case {
  std::string event;
  bool raw = false;
  std::string expression;
  std::string result;
};

std::vector<Case> ReadCases() {
  constexpr std::string_view kArrow = " ⇒ ";
  std::istringstream lines(ReadFile("cases.txt"));
  std::vector<Case> cases;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t arrow = line.rfind(kArrow);
    Case parsed{.event = line.substr(0, 2),
                .raw = line[2] == 'r',
                .expression = line.substr(4, arrow - 4),
                .result = line.substr(arrow + kArrow.size())};
    if (const size_t note = parsed.result.find("   ("); note != std::string::npos) {
      parsed.result.resize(note);
    }
    // Of an error the stage is what must agree.
    if (parsed.result.rfind("ERROR", 0) == 0) parsed.result.resize(parsed.result.find(':'));
    cases.push_back(std::move(parsed));
  }
  return cases;
}

class CasesTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<idea::v1::Value> all = idea::ParseValue(ReadFile("events.json"));
    ASSERT_TRUE(all.ok()) << all.status();
    for (const idea::v1::Member& member : all->object().members()) {
      documents_[member.key()] = member.value();
      std::vector<idea::Problem> problems;
      ASSERT_TRUE(
          idea::ParseEvent(idea::PrintValue(member.value()), {}, &events_[member.key()], &problems))
          << idea::Describe(problems);
    }
  }

  std::map<std::string, idea::v1::Value> documents_;
  std::map<std::string, idea::v1::Event> events_;
};

TEST_F(CasesTest, AllAgree) {
  const auto clock = [] { return kNow; };
  const std::vector<Case> cases = ReadCases();
  EXPECT_GT(cases.size(), 170u);
  for (const Case& test : cases) {
    SCOPED_TRACE(test.event + (test.raw ? "r " : "  ") + test.expression);
    if (test.raw) {
      const absl::StatusOr<RawFilter> filter = RawFilter::Compile(test.expression, {}, clock);
      EXPECT_EQ(filter.ok() ? Render(filter->Evaluate(documents_.at(test.event)))
                            : Render(absl::StatusOr<Value>(filter.status())),
                test.result);
      continue;
    }
    const absl::StatusOr<Filter> filter = Filter::Compile(test.expression, {}, clock);
    if (!filter.ok()) {
      EXPECT_EQ(Render(absl::StatusOr<Value>(filter.status())), test.result) << filter.status();
      continue;
    }
    const absl::StatusOr<Value> value = filter->Evaluate(events_.at(test.event));
    EXPECT_EQ(Render(value), test.result) << value.status();
    const absl::StatusOr<bool> matches = filter->Matches(events_.at(test.event));
    EXPECT_EQ(matches.status(), value.status());
    if (matches.ok() && value.ok()) {
      EXPECT_EQ(*matches, value->Truth());
    }
  }
}

}  // namespace
}  // namespace mentat::filter
