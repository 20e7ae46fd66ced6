// The rules that come with the inspector: for each class an event that is of it, and events that
// miss it narrowly.
#include <cstddef>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/idea/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "services/inspector/rule_loader.h"
#include "services/inspector/rule_set.h"
#include "services/inspector/test_event.h"

namespace mentat::inspector {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kFile[] = "services/inspector/rules/default.json";

std::string DefaultRules() {
  std::ifstream stream(kFile);
  EXPECT_TRUE(stream) << kFile;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

class DefaultRulesTest : public ::testing::Test {
 protected:
  static Rules Load(const std::string& text) {
    LoadResult result = ParseRules(text, kFile, {.outputs = {"default"}, .queues = {}});
    EXPECT_THAT(result.errors, IsEmpty()) << Describe(result.errors);
    EXPECT_THAT(result.warnings, IsEmpty()) << Describe(result.warnings);
    return std::move(result.rules);
  }

  idea::v1::Event Inspect(const RuleSet& rules, std::string_view members,
                          std::string_view detect_time = "2024-03-05T15:52:22Z") {
    pipeline::Item item = MakeItem(MakeEvent(members, detect_time));
    rules.Inspect(item);
    EXPECT_EQ(item.verdict(), pipeline::Item::Verdict::kForward);
    for (const RuleStatus& rule : rules.Status()) EXPECT_EQ(rule.errors, 0) << rule.name;
    return item.view();
  }

  prometheus::Registry registry_;
  Metrics metrics_{registry_};
  const RuleSet rules_{Load(DefaultRules()), OnError::kSkip, metrics_, log::Logger::Null()};
  // With the classes that are switched off, too.
  const RuleSet all_{
      Load(absl::StrReplaceAll(DefaultRules(), {{"\"enabled\": false", "\"enabled\": true"}})),
      OnError::kSkip, metrics_, log::Logger::Null()};
};

struct Case {
  const char* members;
  const char* event_class;  // empty: none
  const char* severity;
};

// clang-format off
const Case kCases[] = {
    {R"("Category": ["Anomaly.Behaviour"], "Source": [{"Type": ["Miner"]}])", "anomaly-host-miner", "low"},
    {R"("Category": ["Anomaly.Behaviour"], "Target": [{"Type": ["Miner"]}])", "", ""},
    {R"("Category": ["Anomaly.Behaviour"], "Source": [{"Type": ["Proxy"]}])", "", ""},

    {R"("Category": ["Attempt.Login"], "Target": [{"Port": [3389]}])", "attempt-login-rdp", "medium"},
    {R"("Category": ["Attempt.Login"], "Target": [{"Proto": ["tcp", "ms-wbt-server"]}])", "attempt-login-rdp", "medium"},
    {R"("Category": ["Attempt.Login"], "Target": [{"Proto": ["rdp"]}])", "attempt-login-rdp", "medium"},
    {R"("Category": ["Attempt.Login"], "Source": [{"Port": [3389], "Proto": ["rdp"]}])", "", ""},
    {R"("Category": ["Attempt.Login"], "Target": [{"Port": [3390]}])", "", ""},

    {R"("Category": ["Attempt.Login"], "Target": [{"Port": [23]}])", "attempt-login-telnet", "medium"},
    {R"("Category": ["Attempt.Login"], "Target": [{"Proto": ["telnet"]}])", "attempt-login-telnet", "medium"},
    {R"("Category": ["Attempt.Login"], "Source": [{"Proto": ["telnet"]}])", "attempt-login-telnet", "medium"},
    {R"("Category": ["Attempt.Login"], "Source": [{"Port": [23]}])", "", ""},
    {R"("Category": ["Intrusion.UserCompromise"], "Target": [{"Port": [23]}])", "", ""},

    {R"("Category": ["Attempt.Login"], "Target": [{"Port": [22]}])", "attempt-login-ssh", "medium"},
    {R"("Category": ["Intrusion.UserCompromise"], "Source": [{"Proto": ["ssh"]}])", "attempt-login-ssh", "medium"},
    {R"("Category": ["Attempt.Login"], "Target": [{"Proto": ["tcp", "ssh"]}])", "attempt-login-ssh", "medium"},
    {R"("Category": ["Attempt.Login"], "Source": [{"Port": [22]}])", "", ""},
    {R"("Category": ["Intrusion.AdminCompromise"], "Target": [{"Port": [22]}])", "", ""},

    {R"("Category": ["Attempt.Login"], "Target": [{"Port": [5060]}])", "attempt-login-sip", "medium"},
    {R"("Category": ["Attempt.Login"], "Target": [{"Proto": ["sip-tls"]}])", "attempt-login-sip", "medium"},
    {R"("Category": ["Attempt.Login"], "Source": [{"Proto": ["sip"]}])", "attempt-login-sip", "medium"},
    {R"("Category": ["Attempt.Login"], "Target": [{"Port": [5061]}])", "", ""},

    {R"("Category": ["Attempt.Exploit"], "Target": [{"Port": [80]}])", "attempt-exploit-http", "medium"},
    {R"("Category": ["Attempt.Exploit"], "Target": [{"Port": [443]}])", "attempt-exploit-http", "medium"},
    {R"("Category": ["Attempt.Exploit"], "Source": [{"Proto": ["http-alt"]}])", "attempt-exploit-http", "medium"},
    {R"("Category": ["Attempt.Exploit"], "Target": [{"Proto": ["tcp", "https"]}])", "attempt-exploit-http", "medium"},
    {R"("Category": ["Attempt.Exploit"], "Source": [{"Port": [80]}])", "attempt-exploit", "medium"},
    {R"("Category": ["Attempt.Exploit"], "Target": [{"Port": [8080]}])", "attempt-exploit", "medium"},
    {R"("Category": ["Attempt"], "Target": [{"Port": [80]}])", "", ""},

    {R"("Category": ["Availability.DoS"])", "avail-ddos", "medium"},
    {R"("Category": ["Availability.DDoS"])", "avail-ddos", "medium"},
    {R"("Category": ["Availability.Outage"])", "", ""},

    {R"("Category": ["Abusive.Spam"], "Source": [{"Type": ["Spam"]}])", "abusive-spam-spammer", "medium"},
    {R"("Category": ["Abusive.Spam"], "Source": [{"Type": ["Backscatter"]}])", "", ""},
    {R"("Category": ["Abusive.Spam"], "Target": [{"Type": ["Spam"]}])", "", ""},
    {R"("Category": ["Abusive.Harassment"], "Source": [{"Type": ["Spam"]}])", "", ""},

    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [17]}])", "vulnerable-config-qotd", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["qotd"]}])", "vulnerable-config-qotd", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Target": [{"Port": [17], "Proto": ["qotd"]}])", "", ""},
    {R"("Category": ["Vulnerable.Open"], "Source": [{"Port": [17]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [1900]}])", "vulnerable-config-ssdp", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["udp", "ssdp"]}])", "vulnerable-config-ssdp", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Target": [{"Port": [1900]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [123]}])", "vulnerable-config-ntp", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["ntp"]}])", "vulnerable-config-ntp", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [124]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [53]}])", "vulnerable-config-domain", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["domain"]}])", "vulnerable-config-domain", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["dns"]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [137]}])", "vulnerable-config-netbios", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [139]}])", "vulnerable-config-netbios", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["netbios-dgm"]}])", "vulnerable-config-netbios", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [140]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [623]}])", "vulnerable-config-ipmi", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["asf-rmcp"]}])", "vulnerable-config-ipmi", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [624]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [19]}])", "vulnerable-config-chargen", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["chargen"]}])", "vulnerable-config-chargen", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [20]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [161]}])", "vulnerable-config-snmp", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["snmp"]}])", "vulnerable-config-snmp", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Port": [162]}])", "", ""},

    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tcp", "ssl3"]}])", "vulnerable-config-tls-old", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["ssl2"]}])", "vulnerable-config-tls-old", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["ssl"]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls1"]}])", "vulnerable-config-tls-deprecated", "info"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls11"]}])", "vulnerable-config-tls-deprecated", "info"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls12"]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls"], "Ciphers": ["RC4-MD5"]}])", "vulnerable-config-ciphers-old", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls"]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls"], "Ciphers": []}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tcp"], "Ciphers": ["RC4-MD5"]}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"ClockSkew": 0}])", "vulnerable-config-time-not-synced", "low"},
    {R"("Category": ["Vulnerable.Config"], "Target": [{"ClockSkew": 90}])", "", ""},
    {R"("Category": ["Vulnerable.Open"], "Source": [{"ClockSkew": 90}])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"X509ExpiredTime": "2020-01-01T00:00:00Z"}])", "vulnerable-config-certificate-expired", "info"},
    {R"("Category": ["Vulnerable.Config"], "X509ExpiredTime": "2020-01-01T00:00:00Z")", "", ""},

    {R"("Category": ["Vulnerable.Open"], "Source": [{"Port": [1080]}])", "vulnerable-open-socks", "medium"},
    {R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["socks"]}])", "vulnerable-open-socks", "medium"},
    {R"("Category": ["Vulnerable.Open"], "Target": [{"Port": [1080]}])", "", ""},
    {R"("Category": ["Vulnerable.Open"], "Ref": ["https://example.org/", "cvr:CVE-2020-1"])", "vulnerable-implementation", "medium"},
    {R"("Category": ["Vulnerable.Open"], "Ref": ["cve:CVE-2020-1"])", "vulnerable-implementation", "medium"},
    {R"("Category": ["Vulnerable.Open"], "Ref": ["https://example.org/cve"])", "", ""},
    {R"("Category": ["Vulnerable.Config"], "Ref": ["cvr:CVE-2020-1"])", "", ""},

    {R"("Category": ["Anomaly.Traffic"])", "anomaly-traffic", "low"},
    {R"("Category": ["Anomaly.Traffic"], "Source": [{"Type": ["OriginSandbox"]}])", "anomaly-traffic", "low"},
    {R"("Category": ["Anomaly.Connection"])", "", ""},
    {R"("Category": ["Intrusion.Botnet"], "Source": [{"Type": ["Botnet"]}])", "intrusion-botnet-bot", "medium"},
    {R"("Category": ["Intrusion.Botnet"], "Source": [{"Type": ["CC"]}])", "", ""},
    {R"("Category": ["Intrusion.Botnet"], "Target": [{"Type": ["Botnet"]}])", "", ""},
    {R"("Category": ["Recon.Scanning"])", "recon-scanning", "low"},
    {R"("Category": ["Recon"])", "", ""},
    {R"("Category": ["Recon.Sniffing"])", "", ""},
    {R"("Category": ["Test", "Recon.Scanning"])", "recon-scanning", "low"},
};

// With the classes that are off by default.
const Case kSwitchedOn[] = {
    {R"("Category": ["Abusive.Spam"], "Source": [{"Type": ["Backscatter", "Spam"]}])", "abusive-spam-backscatter", "low"},
    {R"("Category": ["Abusive.Spam"], "Source": [{"Type": ["Spam"]}])", "abusive-spam-spammer", "medium"},
    {R"("Category": ["Abusive.Spam"], "Target": [{"Type": ["Backscatter"]}])", "", ""},
    {R"("Category": ["Anomaly.Traffic"], "Source": [{"Type": ["OriginSandbox"]}])", "anomaly-traffic-url", "medium"},
    {R"("Category": ["Anomaly.Traffic"], "Target": [{"Type": ["OriginSandbox"]}])", "anomaly-traffic", "low"},
    {R"("Category": ["Intrusion.Botnet"], "Source": [{"Type": ["CC"]}])", "intrusion-botnet-cc", "medium"},
    {R"("Category": ["Intrusion.Botnet"], "Source": [{"Type": ["Botnet", "CC"]}])", "intrusion-botnet-bot", "medium"},
    {R"("Category": ["Intrusion.Botnet"], "Target": [{"Type": ["CC"]}])", "", ""},
};
// clang-format on

TEST_F(DefaultRulesTest, GiveEachEventItsClass) {
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.members);
    const idea::v1::Event event = Inspect(rules_, test.members);
    EXPECT_EQ(event.mentat().event_class(), test.event_class);
    EXPECT_EQ(event.mentat().event_severity(), test.severity);
    EXPECT_FALSE(event.mentat().has_target_class());
  }
  for (const Case& test : kSwitchedOn) {
    SCOPED_TRACE(test.members);
    const idea::v1::Event event = Inspect(all_, test.members);
    EXPECT_EQ(event.mentat().event_class(), test.event_class);
    EXPECT_EQ(event.mentat().event_severity(), test.severity);
  }
}

TEST_F(DefaultRulesTest, HaveAnEventForEachOfThe31Classes) {
  std::set<std::string> tried = {"anomaly-traffic-target"};
  for (const Case& test : kCases) tried.insert(test.event_class);
  for (const Case& test : kSwitchedOn) tried.insert(test.event_class);
  tried.erase("");
  std::set<std::string> classes;
  for (const Rule& rule : all_.rules()) {
    if (rule.name.starts_with("class ")) classes.insert(rule.name.substr(6));
  }
  EXPECT_EQ(classes.size(), 31);
  EXPECT_EQ(tried, classes);
}

TEST_F(DefaultRulesTest, ClassifyForTheTargetBesideTheSource) {
  const idea::v1::Event event = Inspect(rules_, R"("Category": ["Anomaly.Traffic"],
      "Node": [{"Name": "org.example.relay"}, {"Name": "cz.cesnet.ftas"}], "Target": [{"Type": ["ActionRegulated"]}])");
  EXPECT_EQ(event.mentat().target_class(), "anomaly-traffic-target");
  EXPECT_EQ(event.mentat().target_severity(), "low");
  EXPECT_EQ(event.mentat().event_class(), "anomaly-traffic");
  for (
      const char* missed :
      {R"("Category": ["Anomaly.Traffic"], "Node": [{"Name": "cz.cesnet.other"}], "Target": [{"Type": ["ActionRegulated"]}])",
       R"("Category": ["Anomaly.Traffic"], "Node": [{"Name": "cz.cesnet.gc15"}], "Source": [{"Type": ["ActionRegulated"]}])",
       R"("Category": ["Anomaly.Connection"], "Node": [{"Name": "cz.cesnet.gc15"}], "Target": [{"Type": ["ActionRegulated"]}])"}) {
    EXPECT_FALSE(Inspect(rules_, missed).mentat().has_target_class()) << missed;
  }
}

TEST_F(DefaultRulesTest, MarkTheClassOnTrialAndNoOther) {
  EXPECT_TRUE(
      Inspect(
          rules_,
          R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls"], "Ciphers": ["x"]}])")
          .mentat()
          .shadow_reporting());
  // Another class came first.
  const idea::v1::Event other = Inspect(
      rules_,
      R"("Category": ["Vulnerable.Config"], "Source": [{"Proto": ["tls", "ssl3"], "Ciphers": ["x"]}])");
  EXPECT_EQ(other.mentat().event_class(), "vulnerable-config-tls-old");
  EXPECT_FALSE(other.mentat().has_shadow_reporting());
}

TEST_F(DefaultRulesTest, NameTheVulnerabilityAsSubclass) {
  EXPECT_THAT(Inspect(rules_, R"("Category": ["Vulnerable.Open"], "Ref": ["cve:CVE-2020-1"])")
                  .mentat()
                  .event_subclass(),
              ElementsAre("cve:CVE-2020-1"));
  const idea::v1::Event other = Inspect(
      rules_,
      R"("Category": ["Vulnerable.Open"], "Ref": ["cve:CVE-2020-1"], "Source": [{"Port": [1080]}])");
  EXPECT_EQ(other.mentat().event_class(), "vulnerable-open-socks");
  EXPECT_THAT(other.mentat().event_subclass(), IsEmpty());
}

TEST_F(DefaultRulesTest, KeepAClassThatIsThereAlready) {
  const idea::v1::Event event =
      Inspect(rules_, R"("Category": ["Recon.Scanning"], "_Mentat": {"EventClass": "mine"})");
  EXPECT_EQ(event.mentat().event_class(), "mine");
}

TEST_F(DefaultRulesTest, WriteDownWhatIsOdd) {
  const auto errors = [&](std::string_view members, absl::Duration detected) {
    const idea::v1::Event event =
        Inspect(rules_, members, idea::FormatTimestamp(absl::ToUnixMicros(absl::Now() + detected)));
    return std::vector<std::string>(event.mentat().inspection_errors().begin(),
                                    event.mentat().inspection_errors().end());
  };
  constexpr char kGood[] =
      R"("Category": ["Recon.Scanning"], "Node": [{"Name": "org.example.ids"}], "Source": [{"IP4": ["192.0.2.1"], "IP6": ["2001:db8::1"]}])";
  EXPECT_THAT(errors(kGood, -absl::Minutes(1)), IsEmpty());
  EXPECT_THAT(errors(kGood, absl::Minutes(5)), IsEmpty());
  EXPECT_THAT(errors(kGood, absl::Hours(1)), ElementsAre("DetectTime lies in the future"));
  EXPECT_THAT(errors(kGood, -absl::Hours(24 * 29)), IsEmpty());
  EXPECT_THAT(errors(kGood, -absl::Hours(24 * 31)),
              ElementsAre("DetectTime lies more than 30 days back"));
  EXPECT_THAT(
      errors(R"("Category": ["Recon.Scanning"])", -absl::Minutes(1)),
      ElementsAre("no detector is named (Node.Name)", "neither a source nor a target is given"));
  const auto has = [&](std::string_view members, std::string_view text) {
    EXPECT_THAT(errors(members, -absl::Minutes(1)), Contains(std::string(text))) << members;
  };
  has(R"("Category": ["Test"])", "event of the category Test");
  has(R"("Category": ["Recon.Scanning"], "EventTime": "2024-01-02T00:00:00Z", "CeaseTime": "2024-01-01T00:00:00Z")",
      "EventTime is later than CeaseTime");
  has(R"("Category": ["Recon.Scanning"], "WinStartTime": "2024-01-02T00:00:00Z", "WinEndTime": "2024-01-01T00:00:00Z")",
      "WinStartTime is later than WinEndTime");
  has(R"("Category": ["Recon.Scanning"], "Source": [{"IP4": ["10.1.2.0/24"]}])",
      "a source address is not a public one");
  has(R"("Category": ["Recon.Scanning"], "Source": [{"IP6": ["fe80::1"]}])",
      "a source address is not a public one");
}

}  // namespace
}  // namespace mentat::inspector
