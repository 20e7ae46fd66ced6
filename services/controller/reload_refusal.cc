#include "services/controller/reload_refusal.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/utf8.h"
#include "google/rpc/status.pb.h"

namespace mentat::controller {
namespace {

// Clients take 8 KiB of headers and trailers in all. The message stands in them twice, since most
// show that of the details; these are written in base64.
constexpr size_t kMaxMessageBytes = 1200;
constexpr size_t kMaxDetailsBytes = 2500;
constexpr size_t kCountBytes = 50;  // for what tells how many more there are
constexpr size_t kMaxLineBytes = 500;

std::string Shorten(const std::string& line) {
  if (line.size() <= kMaxLineBytes) return line;
  return std::string(Utf8Prefix(line, kMaxLineBytes)) + "…";
}

std::string NameOf(const v1::InstanceResult& result) {
  const std::string& name = result.instance().empty() ? result.address() : result.instance();
  if (name.empty()) return absl::StrCat(result.stage(), ": ");
  return absl::StrCat(result.stage(), name == result.stage() ? "" : " " + name, ": ");
}

// Adds a line for each error, as long as there is room, and counts the rest.
std::string MessageOf(const std::string& what, const v1::ReloadResponse& response) {
  std::string message = what;
  size_t left_out = 0;
  const auto add = [&](const std::string& line) {
    const std::string text = absl::StrCat("\n", Shorten(line));
    if (message.size() + text.size() > kMaxMessageBytes) {
      ++left_out;
    } else {
      message += text;
    }
  };
  for (const v1::ReloadResult& result : response.results()) {
    const std::string name = NameOf(result.result());
    for (const std::string& error : result.errors()) add(absl::StrCat(name, error));
    if (result.errors().empty() && result.result().code() != 0) {
      add(absl::StrCat(name, result.result().error()));
    }
  }
  if (left_out > 0) absl::StrAppend(&message, "\nand ", left_out, " more");
  return message;
}

// The results with errors, with as many of these as there is room for.
v1::ReloadResponse Cut(const v1::ReloadResponse& response) {
  v1::ReloadResponse cut;
  cut.set_version(response.version());
  for (const v1::ReloadResult& result : response.results()) {
    if (result.errors().empty() && result.result().code() == 0) continue;
    v1::ReloadResult& copy = *cut.add_results();
    *copy.mutable_result() = result.result();
    copy.mutable_result()->set_error(Shorten(result.result().error()));
    int shown = 0;
    for (const std::string& error : result.errors()) {
      copy.add_errors(Shorten(error));
      if (cut.ByteSizeLong() > kMaxDetailsBytes) {
        copy.mutable_errors()->RemoveLast();
        break;
      }
      ++shown;
    }
    if (shown < result.errors_size()) {
      copy.add_errors(absl::StrCat("and ", result.errors_size() - shown, " more"));
    }
    if (cut.ByteSizeLong() > kMaxDetailsBytes + kCountBytes) {
      cut.mutable_results()->RemoveLast();
      break;
    }
  }
  return cut;
}

}  // namespace

grpc::Status RefuseReload(grpc::StatusCode code, const std::string& what,
                          const v1::ReloadResponse& response) {
  const std::string message = MessageOf(what, response);
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(Cut(response));
  return {code, message, details.SerializeAsString()};
}

}  // namespace mentat::controller
