#include "tools/ideagen/bad.h"

namespace mentat::ideagen {
namespace {

std::string Without(Json event, const char* key) {
  event.erase(key);
  return event.dump();
}

std::string With(Json event, const char* key, Json value) {
  event[key] = std::move(value);
  return event.dump();
}

std::string WithSource(Json event, const char* key, Json value) {
  event["Source"][0][key] = std::move(value);
  return event.dump();
}

}  // namespace

const std::vector<BadKind>& BadKinds() {
  static const auto& kinds = *new std::vector<BadKind>{
      {"empty", [](Json) { return std::string(); }},
      {"truncated",
       [](Json event) {
         const std::string text = event.dump();
         return text.substr(0, text.size() - 40);
       }},
      {"garbage", [](Json) { return std::string("{\"Format\": \x01\xff\xfe not JSON"); }},
      {"array", [](Json event) { return Json::array({std::move(event)}).dump(); }},
      {"noformat", [](Json event) { return Without(std::move(event), "Format"); }},
      {"noid", [](Json event) { return Without(std::move(event), "ID"); }},
      {"notime", [](Json event) { return Without(std::move(event), "DetectTime"); }},
      {"nocategory", [](Json event) { return Without(std::move(event), "Category"); }},
      {"format", [](Json event) { return With(std::move(event), "Format", "IDEA9"); }},
      {"id",
       [](Json event) {
         return With(event, "ID", event["ID"].get<std::string>() + " with blanks");
       }},
      {"time", [](Json event) { return With(std::move(event), "DetectTime", "yesterday"); }},
      {"category", [](Json event) { return With(std::move(event), "Category", "Not a list"); }},
      {"tag", [](Json event) { return With(std::move(event), "Category", {"Recon Scanning!"}); }},
      {"source", [](Json event) { return With(std::move(event), "Source", {"192.0.2.1"}); }},
      {"octet", [](Json event) { return WithSource(std::move(event), "IP4", {"192.0.2.999"}); }},
      {"family", [](Json event) { return WithSource(std::move(event), "IP4", {"2001:db8::1"}); }},
      {"port",
       [](Json event) {
         return WithSource(std::move(event), "Port", {{{"number", 22}}});
       }},
      {"count", [](Json event) { return With(std::move(event), "ConnCount", "many"); }},
  };
  return kinds;
}

}  // namespace mentat::ideagen
