#include "tools/ideagen/event.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/ideagen/addresses.h"

namespace mentat::ideagen {
namespace {

constexpr std::array<std::string_view, 5> kHosts = {"mail", "www", "dhcp-17", "lab4", "gw"};
constexpr std::array<std::string_view, 4> kDomains = {"example.org", "example.com", "example.net",
                                                      "university.example"};

std::string Time(int64_t seconds) {
  const time_t time = seconds;
  tm utc;
  gmtime_r(&time, &utc);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                         utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string Text4(uint32_t address) {
  return absl::StrCat(address >> 24, ".", address >> 16 & 255, ".", address >> 8 & 255, ".",
                      address & 255);
}

std::string Text6(uint64_t high, uint64_t low) {
  std::array<unsigned char, 16> bytes;
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(high >> (56 - 8 * i));
    bytes[i + 8] = static_cast<unsigned char>(low >> (56 - 8 * i));
  }
  std::array<char, INET6_ADDRSTRLEN> text;
  return inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
}

uint32_t Address4(bool inside, Random& random) {
  const Pool4& pool = inside ? random.Pick(kInside4) : random.Pick(kOutside4);
  return pool.base | static_cast<uint32_t>(random.Below(uint64_t{1} << (32 - pool.prefix)));
}

uint64_t High6(bool inside, Random& random) {
  const Pool6& pool = inside ? random.Pick(kInside6) : random.Pick(kOutside6);
  return pool.high | random.Below(uint64_t{1} << (64 - pool.prefix));
}

// Most are single addresses; now and then a network or a range.
std::string Net4(bool inside, double network_share, Random& random) {
  const uint32_t address = Address4(inside, random);
  if (!random.Chance(network_share)) return Text4(address);
  if (random.Chance(0.5)) return absl::StrCat(Text4(address & ~uint32_t{31}), "/27");
  return absl::StrCat(Text4(address & ~uint32_t{15}), "-", Text4(address | 15));
}

std::string Net6(bool inside, double network_share, Random& random) {
  const uint64_t high = High6(inside, random);
  if (!random.Chance(network_share)) return Text6(high, random.Bits());
  if (random.Chance(0.5)) return absl::StrCat(Text6(high, 0), "/64");
  return absl::StrCat(Text6(high, 0), "-", Text6(high, 0xffff));
}

std::string Hostname(Random& random) {
  return absl::StrCat(std::string(random.Pick(kHosts)), ".", std::string(random.Pick(kDomains)));
}

void AddAddresses(Json& side, bool inside, double network_share, int count, Random& random) {
  const bool six = random.Chance(0.15);
  for (int i = 0; i < count; ++i) {
    if (six) {
      side["IP6"].push_back(Net6(inside, network_share, random));
    } else {
      side["IP4"].push_back(Net4(inside, network_share, random));
    }
  }
}

template <typename List>
void AddList(Json& object, const char* key, const List& list) {
  if (!list.empty()) object[key] = list;
}

Json MakeSource(const Scenario& scenario, int64_t now, Random& random) {
  // The owner of a vulnerable or infected machine is one of ours; who attacks is mostly a stranger.
  const bool about_us = scenario.target_ports.empty() || random.Chance(0.3);
  Json source;
  AddList(source, "Type", scenario.source_types);
  AddAddresses(source, about_us, 0.03, random.Chance(0.05) ? 3 : 1, random);
  AddList(source, "Proto", scenario.source_protocols);
  if (!scenario.source_ports.empty()) {
    source["Port"] = {random.Pick(scenario.source_ports)};
  } else if (random.Chance(0.4)) {
    source["Port"] = {random.Between(1024, 65535)};
  }
  if (random.Chance(0.1)) source["Hostname"] = {Hostname(random)};
  if (random.Chance(0.02)) source["MAC"] = {"02:00:5e:00:53:01"};
  switch (scenario.extra) {
    case Extra::kSpam:
      source["Email"] = {"sender@example.com"};
      break;
    case Extra::kMalware:
    case Extra::kUrl:
      source["URL"] = {absl::StrCat("http://", Hostname(random), "/a/", random.Below(1000))};
      break;
    case Extra::kCiphers:
      source["Ciphers"] = {"TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"};
      break;
    case Extra::kClockSkew:
      source["ClockSkew"] = random.Between(-86400, 86400);
      break;
    case Extra::kExpired:
      source["X509ExpiredTime"] = Time(now - random.Between(86400, 100 * 86400));
      break;
    case Extra::kTraffic:
      source["InFlowCount"] = random.Below(1000);
      source["OutFlowCount"] = random.Below(100000);
      break;
    default:
      break;
  }
  return source;
}

Json MakeTarget(const Scenario& scenario, Random& random) {
  Json target;
  AddList(target, "Type", scenario.target_types);
  const bool networks = scenario.extra == Extra::kNetworkTarget;
  AddAddresses(target, true, networks ? 0.5 : 0.02, random.Chance(0.1) ? 2 : 1, random);
  AddList(target, "Proto", scenario.target_protocols);
  if (!scenario.target_ports.empty()) target["Port"] = {random.Pick(scenario.target_ports)};
  if (networks && random.Chance(0.1)) target["Imprecise"] = true;
  return target;
}

Json MakeAttachment(Extra extra, Random& random) {
  Json attach;
  attach["Handle"] = "att1";
  if (extra == Extra::kSpam) {
    attach["Type"] = {"OrigData"};
    attach["ContentType"] = "text/plain";
    attach["ContentCharset"] = "utf-8";
    attach["Content"] = "Subject: Výhra! 🎉\n\nYou have won.\n";
  } else {
    attach["Type"] = {"Malware"};
    attach["FileName"] = {absl::StrCat("sample", random.Below(1000), ".exe")};
    attach["Hash"] = {absl::StrFormat("md5:%016x%016x", random.Bits(), random.Bits())};
    attach["Size"] = random.Between(1000, 5'000'000);
    attach["ContentEncoding"] = "base64";
    attach["Content"] = "TVqQAAMAAAAEAAAA";
  }
  return attach;
}

Json MakeNodes(const Scenario& scenario, Random& random) {
  const std::string_view name = random.Pick(scenario.detectors);
  const Detector& detector = *std::find_if(Detectors().begin(), Detectors().end(),
                                           [&](const Detector& d) { return d.name == name; });
  Json nodes = Json::array();
  if (random.Chance(0.2)) {
    Json relay;
    relay["Name"] = "org.example.warden.relay";
    relay["Type"] = {"Relay"};
    nodes.push_back(std::move(relay));
  }
  Json node;
  node["Name"] = detector.name;
  node["Type"] = detector.types;
  node["SW"] = {detector.software};
  if (!detector.window.empty()) node["AggrWin"] = detector.window;
  nodes.push_back(std::move(node));
  return nodes;
}

}  // namespace

Json MakeEvent(const Scenario& scenario, const std::string& id, int64_t now, Random& random) {
  const int64_t detected = now - random.Between(0, 60);
  Json event;
  event["Format"] = "IDEA0";
  event["ID"] = id;
  if (random.Chance(0.5)) event["CreateTime"] = Time(now);
  event["DetectTime"] = Time(detected);
  if (scenario.extra == Extra::kTraffic || scenario.extra == Extra::kNetworkTarget) {
    event["WinStartTime"] = Time(detected - 300);
    event["WinEndTime"] = Time(detected);
  }
  if (random.Chance(0.4)) {
    event["EventTime"] = Time(detected - random.Between(1, 300));
    event["CeaseTime"] = Time(detected);
  }
  event["Category"] = scenario.categories;
  event["Description"] = scenario.description;
  if (random.Chance(0.3)) event["Confidence"] = static_cast<double>(random.Between(1, 100)) / 100;
  if (!scenario.ref.empty()) event["Ref"] = {scenario.ref};
  if (scenario.extra == Extra::kTraffic) {
    event["FlowCount"] = random.Between(10, 100'000);
    event["PacketCount"] = random.Between(100, 10'000'000);
    event["ByteCount"] = random.Between(10'000, 10'000'000'000);
  } else if (random.Chance(0.5)) {
    event["ConnCount"] = random.Between(1, 5000);
  }
  event["Source"].push_back(MakeSource(scenario, now, random));
  if (random.Chance(0.05)) event["Source"].push_back(MakeSource(scenario, now, random));
  if (!scenario.target_protocols.empty()) event["Target"].push_back(MakeTarget(scenario, random));
  if (scenario.extra == Extra::kSpam || scenario.extra == Extra::kMalware) {
    event["Attach"].push_back(MakeAttachment(scenario.extra, random));
    event["Source"][0]["AttachHand"] = {"att1"};
  }
  event["Node"] = MakeNodes(scenario, random);
  // Keys that no definition knows travel with events in the wild.
  if (random.Chance(0.1)) event["TLP"] = random.Chance(0.5) ? "GREEN" : "AMBER";
  if (random.Chance(0.05)) {
    event["_Local"] = {{"Sensor", random.Below(100)}, {"Score", 0.25}, {"Tags", {"a", nullptr}}};
  }
  return event;
}

}  // namespace mentat::ideagen
