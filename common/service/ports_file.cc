#include "common/service/ports_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace mentat::service {
namespace {

constexpr size_t kMaxFileBytes = 64 * 1024;
constexpr size_t kMaxFiles = 1000;

}  // namespace

absl::Status WritePortsFile(const std::string& path, const Ports& ports) {
  nlohmann::ordered_json json = {{"service", ports.service}, {"instance", ports.instance},
                                 {"pid", ports.pid},         {"admin", ports.admin},
                                 {"metrics", ports.metrics}, {"input", ports.input}};
  const std::string temporary = absl::StrCat(path, ".", ::getpid(), ".tmp");
  std::ofstream out(temporary, std::ios::trunc);
  out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  out.close();
  if (!out.good() || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const absl::Status status =
        absl::ErrnoToStatus(errno, absl::StrCat("cannot write the ports file ", path));
    ::unlink(temporary.c_str());
    return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Ports> ReadPortsFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxFileBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad()) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  text.resize(static_cast<size_t>(in.gcount()));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto text_of = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json.is_object() || text_of("admin").empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected an object with the address \"admin\""));
  }
  Ports ports = {text_of("service"), text_of("instance"), text_of("admin"), text_of("metrics"),
                 text_of("input")};
  if (const auto pid = json.find("pid"); pid != json.end() && pid->is_number_integer()) {
    ports.pid = pid->get<int>();
  }
  return ports;
}

absl::StatusOr<std::vector<Ports>> ReadPortsFolder(const std::string& folder) {
  std::set<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entries(folder, error);
       !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() != ".json") continue;
    files.insert(entries->path());
    if (files.size() == kMaxFiles) break;
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the folder ", folder, ": ", error.message()));
  }
  std::vector<Ports> found;
  for (const std::string& file : files) {
    if (auto ports = ReadPortsFile(file); ports.ok()) found.push_back(*std::move(ports));
  }
  return found;
}

}  // namespace mentat::service
