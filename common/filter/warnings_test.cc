// The warnings, each with its place, and what stands nearest to it and gives none.
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/filter/filter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mentat::filter {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

template <typename Form>
std::vector<std::string> WarningsOf(std::string_view text) {
  const absl::StatusOr<Form> filter = Form::Compile(text);
  EXPECT_THAT(filter, IsOk()) << text;
  std::vector<std::string> warnings;
  if (!filter.ok()) return warnings;
  for (const Diagnostic& warning : filter->warnings()) {
    warnings.push_back(std::to_string(warning.line) + ":" + std::to_string(warning.column) + " " +
                       warning.message);
  }
  return warnings;
}

std::vector<std::string> Warnings(std::string_view text) { return WarningsOf<Filter>(text); }
std::vector<std::string> RawWarnings(std::string_view text) { return WarningsOf<RawFilter>(text); }

void ExpectWarning(std::string_view text, std::string_view place, std::string_view message) {
  EXPECT_THAT(Warnings(text), ElementsAre(AllOf(StartsWith(std::string(place) + " "),
                                                HasSubstr(std::string(message)))))
      << text;
}

void ExpectNone(const std::vector<std::string_view>& texts) {
  for (const std::string_view text : texts) EXPECT_THAT(Warnings(text), IsEmpty()) << text;
}

TEST(WarningsTest, DroppedCharacters) {
  ExpectWarning("@ConnCount == 42", "1:1", "`@` means nothing here and is left out");
  ExpectWarning("ID or\n  Note $", "2:8", "`$` means nothing");
  ExpectWarning("Note == 'ž' ž", "1:13", "`ž` means nothing");
  ExpectWarning("ConnCount == 1.", "1:15", "`.` means nothing");
  ExpectWarning("{ConnCount == 1", "1:1", "`{`");
  ExpectWarning("ConnCount & == 1", "1:11", "`&`");
  ExpectWarning("ConnCount = == 1", "1:11", "`=`");
  ExpectWarning("ID == 'x' \"", "1:11", "a quote needs its pair");
  ExpectWarning("\"\" ID", "1:1", "an empty text cannot be written");
  ExpectWarning("ID #\n or Note", "1:4", "there are no comments");
  ExpectNone(
      {"ConnCount == 42", "ID or\n\t Note\r\n", "Note == '@ $ ž # \\ \"'", "ConnCount == 1.5"});
}

TEST(WarningsTest, NamesTornByOperators) {
  ExpectWarning("Missing == 1 and notes == 1", "1:18",
                "`notes` is read as the operator `not` and what follows");
  ExpectWarning("NOTES == 1", "1:1", "`NOTES` is read as the operator `NOT`");
  ExpectWarning("exists_it", "1:1", "`exists_it` is read as the operator `exists`");
  ExpectWarning("not1", "1:1", "`not1`");
  ExpectWarning("Category issue", "1:10", "`issue` is read as the operator `is`");
  ExpectNone({"Notes == 1", "not es == 1", "not(es)", "Note == '1'", "Source.notes == 1", "1in2",
              "5gt3", "FlowCount==25and 1", "Info or Order", "_order"});
}

TEST(WarningsTest, ConstantsOnTheLeft) {
  ExpectWarning("40 < ConnCount", "1:4", "this is read as `ConnCount < 40`");
  ExpectWarning("40 <= ConnCount", "1:4", "this is read as `ConnCount <= 40`");
  ExpectWarning("40 > ConnCount", "1:4", "this is read as `ConnCount > 40`");
  ExpectWarning("40 >= ConnCount", "1:4", "this is read as `ConnCount >= 40`");
  ExpectWarning("50 - ConnCount", "1:4", "this is read as `ConnCount - 50`");
  ExpectWarning("50 / ConnCount", "1:4", "this is read as `ConnCount / 50`");
  ExpectWarning("50 % ConnCount", "1:4", "this is read as `ConnCount % 50`");
  ExpectWarning("2 > size(Source.IP4)", "1:3", "this is read as `size(Source.IP4) > 2`");
  ExpectWarning("[1, 2] < ConnCount", "1:8", "this is read as `ConnCount < [1, 2]`");
  ExpectWarning("ID and\n(25 + 25) - ConnCount", "2:11", "this is read as `ConnCount - 50`");
  ExpectNone({"ConnCount < 40", "40 == ConnCount", "40 != ConnCount", "1 + ConnCount > 5",
              "2 * ConnCount == 4", "40 < (ConnCount + 0)", "'Test' in Category",
              "50 - 8 == ConnCount", "size(50 - ConnCount)"});
  EXPECT_THAT(RawWarnings("40 < ConnCount"), IsEmpty());
}

TEST(WarningsTest, BareIp6) {
  EXPECT_THAT(Filter::Compile("Source.IP6 == 2001:db8::1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("compile: line 1, column 15: "), HasSubstr("brackets"))));
  EXPECT_THAT(RawWarnings("ID or Source.IP6 == 2001:db8::1"),
              ElementsAre(StartsWith("1:21 the IPv6 address `2001:db8::1` stands neither")));
  EXPECT_THAT(RawWarnings("Source.IP6 == '2001:db8::1' or Source.IP6 in [2001:db8::1]"), IsEmpty());
  ExpectNone({"Source.IP6 == '2001:db8::1'", "Source.IP6 in [2001:db8::/32]"});
}

TEST(WarningsTest, RangesWithDots) {
  ExpectWarning("Note in [1, 10.0.0.1..10.0.0.9]", "1:13", "a range is written with `-`");
  ExpectWarning("Note in [::1..::9]", "1:10", "a range is written with `-`");
  for (const std::string_view text :
       {"Source.IP4 in [10.0.0.1..10.0.0.9]", "Source.IP4 ==  10.0.0.1..10.0.0.9"}) {
    EXPECT_THAT(Filter::Compile(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                                StartsWith("compile: line 1, column 16: ")));
  }
  EXPECT_THAT(RawWarnings("Note == 10.0.0.1..10.0.0.9"), ElementsAre(StartsWith("1:9 ")));
  ExpectNone({"Note in [1, 10.0.0.1-10.0.0.9]", "Note in ['10.0.0.1..10.0.0.9']",
              "Source.IP4 in [10.0.0.1-10.0.0.9]"});
}

TEST(WarningsTest, NetworksWithoutBrackets) {
  ExpectWarning("Source.IP4 in 10.0.0.0/8", "1:15", "write `in [10.0.0.0/8]`");
  ExpectWarning("Source.IP4 in 10.0.0.1-10.0.0.9", "1:15", "write `in [10.0.0.1-10.0.0.9]`");
  ExpectWarning("Source.IP6 in '2001:db8::/32'", "1:15", "write `in [2001:db8::/32]`");
  ExpectWarning("ID or 10.0.0.0/8 in Target.IP4", "1:7", "write `in [10.0.0.0/8]`");
  ExpectNone({"Source.IP4 in [10.0.0.0/8]", "Source.IP4 in 10.0.0.1", "Source.IP4 == 10.0.0.0/8",
              "Source.IP4 in Target.IP4"});
}

TEST(WarningsTest, NumbersOppositeDurationsAndTimes) {
  ExpectWarning("(DetectTime - EventTime) > 600", "1:26", "write a duration as `00:10:00`");
  ExpectWarning("Node.AggrWin == 60", "1:14", "a duration never equals a number; write a duration");
  ExpectWarning("Node.AggrWin in [60, 300]", "1:14", "write a duration");
  ExpectWarning("Node.AggrWin + 60", "1:14",
                "`+` between a duration and a number always yields nothing; write a duration");
  ExpectWarning("(DetectTime - EventTime) - 60", "1:26", "always yields nothing; write a duration");
  ExpectWarning("DetectTime > 1709653941", "1:12", "counts as a duration in seconds");
  ExpectWarning("DetectTime > 2024-03-05", "1:12", "counts as a duration in seconds");
  ExpectWarning("DetectTime > '1709653941'", "1:14", "on the clock of the local zone");
  ExpectNone({"(DetectTime - EventTime) > 00:10:00", "Node.AggrWin == 00:05:00",
              "Node.AggrWin + 00:01:00 > 00:05:00", "2 * Node.AggrWin > 00:05:00",
              "Node.AggrWin / 2 > 00:05:00", "Node.AggrWin / 00:01:00 > 60",
              "(DetectTime - 3600) > EventTime", "DetectTime > 2024-03-05T15:00:00Z",
              "DetectTime > '2024-03-05T15:00:00Z'", "01:00:00 + DetectTime > EventTime",
              "_CESNET.StorageTime > 1700000000"});
}

TEST(WarningsTest, TimesInLists) {
  ExpectWarning("Node.AggrWin in [00:05:00]", "1:14", "times in this list stay texts");
  ExpectWarning("Node.AggrWin in [00:05:00, 600]", "1:14", "times in this list stay texts");
  ExpectWarning("ID or (DetectTime - EventTime) in [00:10:00]", "1:32", "stay texts");
  ExpectWarning("(DetectTime - 60) in [2024-03-05T15:52:22Z]", "1:19", "a datetime never equals");
  ExpectNone({"Node.AggrWin in 00:05:00", "DetectTime in [2024-03-05T15:52:22Z]",
              "utcnow() in [2024-03-05T15:52:22Z]", "Note in [00:05:00]"});
}

TEST(WarningsTest, OrderOfAddresses) {
  ExpectWarning("Source.IP4 > 10.0.0.1", "1:12", "addresses have no order: `>` fails");
  ExpectWarning("ID or Source.IP4 <= Target.IP4", "1:18", "addresses have no order: `<=` fails");
  ExpectWarning("Source.IP6 < '::1'", "1:12", "addresses have no order");
  ExpectNone({"Source.IP4 == 10.0.0.1", "Source.IP4 != Target.IP4", "size(Source.IP4) > 10"});
}

TEST(WarningsTest, TheLastIndexWithAddresses) {
  ExpectWarning("Source[#].IP4 in [10.0.0.0/8]", "1:1", "with `[#]` in its path `Source[#].IP4`");
  ExpectWarning("ID or Target.IP6[#] == '::1'", "1:7", "`Target.IP6[#]` is compared without");
  ExpectWarning("Source[#].IP4 in 10.0.0.0/8", "1:1", "nothing lies within a network");
  ExpectNone({"Source[1].IP4 in [10.0.0.0/8]", "Source.IP4[2] == '10.0.0.1'",
              "Source[#].IP4 == 10.0.0.1", "Source[#].IP4 in Target.IP4",
              "Source[#].Port in [22]"});
}

TEST(WarningsTest, BareNamesInLists) {
  ExpectWarning("Category in [Attempt.Login]", "1:14",
                "in a list `Attempt.Login` is a text, not the value of that name");
  ExpectWarning("Category in ['Test',\n Other]", "2:2", "`Other` is a text");
  EXPECT_THAT(
      Filter::Compile("Source.IP4 in [10.0.0.1, other]"),
      StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("compile: line 1, column 2")));
  EXPECT_THAT(RawWarnings("Category in [Test]"), ElementsAre(StartsWith("1:14 ")));
  ExpectNone({"Category in ['Attempt.Login']", "Category == Note", "Source.IP4 in ['10.0.0.1']"});
}

TEST(WarningsTest, WhatAlwaysFails) {
  ExpectWarning("ConnCount-2", "1:1", "is not a path");
  ExpectWarning("ID or Source[-1]", "1:7", "is not a path");
  ExpectWarning("Description like '('", "1:18", "bad pattern");
  ExpectWarning("Description like ['x', '(']", "1:24", "bad pattern");
  ExpectWarning("nosuch(1)", "1:1", "there is no function `nosuch`");
  ExpectWarning("time(1) > 0", "1:1", "takes no argument");
  ExpectWarning("size() > 0", "1:1", "needs an argument");
  ExpectWarning("ConnCount like '4'", "1:11", "`like` takes texts");
  ExpectWarning("ConnCount > '5'", "1:11", "`>` between a number and a text fails");
  ExpectWarning("Source.IP4 + 1", "1:12",
                "between an address and an address always yields nothing");
  ExpectNone({"ConnCount - 2", "Source[1]", "Description like '\\('", "size(ID) > 1", "time() > 1",
              "Description like 'x'", "Note + 1 > 5"});
}

TEST(WarningsTest, WhatNeverEquals) {
  ExpectWarning("Target.Port == '22'", "1:13", "a number never equals a text");
  ExpectWarning("Target.Port in ['22', '23']", "1:13", "a number never equals a text");
  ExpectWarning("Node.AggrWin in [60, 'x']", "1:14", "a duration never equals any of these values");
  ExpectWarning("Source.IP4 is [10.0.0.1]", "1:12", "always false");
  ExpectWarning("Target.Anonymised == true", "1:22", "there is no constant `true`");
  ExpectNone({"Target.Port == 22", "Target.Port in ['22', 23]", "Source.IP4 is 10.0.0.1",
              "Target.Anonymised == 1", "Target.Spoofed == 0"});
}

TEST(WarningsTest, AreInOrderAndBounded) {
  const std::vector<std::string> warnings = Warnings("$ 40 < ConnCount and\n # Category in [Name]");
  ASSERT_EQ(warnings.size(), 4u);
  EXPECT_THAT(warnings[0], StartsWith("1:1 "));
  EXPECT_THAT(warnings[2], StartsWith("2:2 "));
  std::string noise = "1";
  for (int i = 0; i < 1000; ++i) noise += " $ ";
  EXPECT_EQ(Warnings(noise).size(), 100u);
}

TEST(WarningsTest, ShowTheirPlace) {
  constexpr std::string_view kRule = "Note == 'žluť' and\n  40 < ConnCount";
  const Filter filter = Filter::Compile(kRule).value();
  ASSERT_EQ(filter.warnings().size(), 1u);
  EXPECT_EQ(
      filter.warnings()[0].Format(kRule),
      "line 2, column 6: a constant on the left changes places with `ConnCount`: this is read "
      "as `ConnCount < 40`\n    40 < ConnCount\n       ^");
}

}  // namespace
}  // namespace mentat::filter
