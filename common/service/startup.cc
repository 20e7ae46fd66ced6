#include "common/service/startup.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "common/service/secrets.h"
#include "common/service/version.h"
#include "google/protobuf/stubs/logging.h"

namespace mentat::service {
namespace {

std::string AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

Startup Ended(int exit_status) {
  Startup startup;
  startup.exit_status = exit_status;
  return startup;
}

}  // namespace

config::v1::ServiceConfig ServicePart(const google::protobuf::Message& config) {
  const auto* part = FindPart<config::v1::ServiceConfig>(config, "service");
  return part == nullptr ? config::v1::ServiceConfig() : *part;
}

void PrintError(std::string_view name, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", std::string(name).c_str(),
               std::string(status.message()).c_str());
}

Startup LoadStartup(int argc, char** argv, std::string_view name, const CommandLine& line,
                    google::protobuf::Message& config) {
  // Whoever parses foreign bytes says what is wrong with them, once in a while; the library would
  // write a line for every one.
  google::protobuf::SetLogHandler(nullptr);
  const std::string name_text(name);
  using Action = CommandLine::Action;
  if (line.action == Action::kVersion) {
    std::printf("%s %s\n", name_text.c_str(), std::string(kVersion).c_str());
    return Ended(0);
  }
  Startup startup;
  startup.sources = {.service = name_text,
                     .file = line.config_file,
                     .directory = line.config_dir,
                     .environment = ProcessEnvironment(),
                     .sets = line.sets};
  HideSecrets(argc, argv, name, *config.GetDescriptor());
  if (absl::Status status = LimitCoreFiles(); !status.ok()) {
    PrintError(name, status);
    return Ended(kExitFailure);
  }
  absl::StatusOr<std::vector<ConfigEntry>> entries = LoadConfig(startup.sources, config);
  if (!entries.ok()) {
    std::fprintf(stderr, "%s: the configuration is not valid:\n%s\n", name_text.c_str(),
                 std::string(entries.status().message()).c_str());
    return Ended(kExitConfig);
  }
  startup.entries = *std::move(entries);
  if (line.action == Action::kConfigView) {
    std::fputs(FormatConfig(startup.entries).c_str(), stdout);
    return Ended(0);
  }
  if (line.action == Action::kConfigCheck) {
    std::printf("%s: the configuration is valid\n", name_text.c_str());
    return Ended(0);
  }
  startup.sources.file = AbsolutePath(startup.sources.file);
  startup.sources.directory = AbsolutePath(startup.sources.directory);
  return startup;
}

}  // namespace mentat::service
