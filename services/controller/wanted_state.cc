#include "services/controller/wanted_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/unique_fd.h"
#include "nlohmann/json.hpp"

namespace mentat::controller {
namespace {

constexpr int kFormat = 1;

using Json = nlohmann::json;

// Throws Json::exception for what is no such state.
WantedState FromJson(const Json& json) {
  WantedState state;
  state.revision = json.at("revision").get<uint64_t>();
  for (const auto& [name, stage] : json.at("stages").items()) {
    WantedStage& wanted = state.stages[name];
    wanted.stopped = stage.at("stopped").get<bool>();
    if (stage.contains("instances")) wanted.instances = stage.at("instances").get<uint32_t>();
    for (const auto& [text, generation] : stage.at("generations").items()) {
      uint32_t number = 0;
      if (absl::SimpleAtoi(text, &number)) {
        wanted.generations[number] = generation.get<uint64_t>();
      }
    }
  }
  return state;
}

Json ToJson(const WantedState& state) {
  Json stages = Json::object();
  for (const auto& [name, wanted] : state.stages) {
    Json generations = Json::object();
    for (const auto& [number, generation] : wanted.generations) {
      generations[absl::StrCat(number)] = generation;
    }
    Json& stage = stages[name];
    stage = {{"stopped", wanted.stopped}, {"generations", std::move(generations)}};
    if (wanted.instances.has_value()) stage["instances"] = *wanted.instances;
  }
  return {{"format", kFormat}, {"revision", state.revision}, {"stages", std::move(stages)}};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

absl::Status Error(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
}

}  // namespace

absl::StatusOr<WantedState> LoadWantedState(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    if (!std::filesystem::exists(path)) return WantedState();
    return absl::FailedPreconditionError(absl::StrCat("cannot read ", path));
  }
  const std::string text(std::istreambuf_iterator<char>(in), {});
  std::string wrong;
  try {
    const Json json = Json::parse(text);
    if (json.at("format") == kFormat) return FromJson(json);
    wrong = absl::StrCat("its format is not ", kFormat);
  } catch (const Json::exception& error) {
    wrong = error.what();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is no state of the driver: ", wrong,
                   "; without the file all stages run as they are configured"));
}

absl::Status SaveWantedState(const std::string& path, const WantedState& state) {
  const std::string text = ToJson(state).dump(1) + "\n";
  const std::string temporary = path + ".tmp";
  const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!file.valid()) return Error(temporary);
  if (!WriteAll(file.get(), text) || ::fsync(file.get()) != 0 ||
      std::rename(temporary.c_str(), path.c_str()) != 0) {
    return Error(path);
  }
  const std::string folder = std::filesystem::path(path).parent_path();
  const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) return Error(folder);
  return absl::OkStatus();
}

}  // namespace mentat::controller
