// Script mode: a program with named commands that do something and end, in the frame's
// configuration, logs and run logs. Run once, at an interval, or from an interactive shell:
//
//   mentat-dbmngr --config FILE status
//   mentat-dbmngr --config FILE --interval 10m check
//   mentat-dbmngr --config FILE --shell
//
// A script is a class with its commands, and a main of three lines:
//
//   int main(int argc, char** argv) {
//     return mentat::service::ScriptMain<Dbmngr>(argc, argv);
//   }
//
// where Dbmngr has `using Config = config::v1::DbmngrConfig`, `static constexpr std::string_view
// kName`, and a constructor of (const Config&, Context&), which is called for --help as well, with
// an empty configuration, and so does no more than keep what it is given. Of the context, a script
// has name, instance, state_folder and log. The field `service` of the configuration is the
// frame's.
//
// Exit status: 0 the command did what it should, 1 it failed, 2 wrong arguments or configuration.
#ifndef COMMON_SERVICE_SCRIPT_SCRIPT_H_
#define COMMON_SERVICE_SCRIPT_SCRIPT_H_

#include <functional>
#include <memory>
#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/service/service.h"

namespace CLI {
class App;
}

namespace mentat::service {

// One run of a command.
struct ScriptRun {
  std::stop_token stop;  // requested when the process is to end: stop soon, in a good state
  std::ostream& out;     // what it shows
  // Puts a number or a text about what was done into the run log.
  std::function<void(std::string name, std::string value)> result;
};

using ScriptWork = std::function<absl::Status(ScriptRun&)>;

struct ScriptCommand {
  std::string name;
  std::string help;  // a line
  // Declares the arguments (CLI11) and returns what is done with them. Called for each run, so that
  // values of one are gone in the next:
  //   [this](CLI::App& app) {
  //     auto limit = std::make_shared<int>(10);
  //     app.add_option("--limit", *limit, "most lines that are shown");
  //     return [this, limit](ScriptRun& run) { return Show(*limit, run.out); };
  //   }
  std::function<ScriptWork(CLI::App& app)> make;
};

class Script {
 public:
  virtual ~Script() = default;
  virtual std::vector<ScriptCommand> Commands() = 0;
};

using ScriptFactory =
    std::function<std::unique_ptr<Script>(const google::protobuf::Message&, Context&)>;

// The exit status of the process. `config` is an empty message of the type that the factory takes.
int RunScript(int argc, char** argv, std::string_view name, google::protobuf::Message& config,
              const ScriptFactory& factory);

template <typename T>
int ScriptMain(int argc, char** argv) {
  typename T::Config config;
  return RunScript(
      argc, argv, T::kName, config, [](const google::protobuf::Message& message, Context& context) {
        return std::make_unique<T>(static_cast<const typename T::Config&>(message), context);
      });
}

}  // namespace mentat::service

#endif  // COMMON_SERVICE_SCRIPT_SCRIPT_H_
