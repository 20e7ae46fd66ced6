// mentatctl in the test's own process, against a real controller and real stages.
#ifndef TOOLS_MENTATCTL_CTL_FIXTURE_H_
#define TOOLS_MENTATCTL_CTL_FIXTURE_H_

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "services/controller/controller_fixture.h"

namespace mentat::mentatctl {

// One thread.
class CtlTest : public controller::ControllerTest {
 protected:
  struct Result {
    int exit_status = -1;
    std::string out;
    std::string err;

    nlohmann::json Json() const { return nlohmann::json::parse(out, nullptr, false); }
  };

  // Runs a command with the controller, if one has been started, or else with an address on which
  // nobody listens.
  Result Ctl(std::vector<std::string> words);

  // Demo stages, each with a file of categories that are to be dropped, in instances
  // `one`, `two`, … of the stage `demo`; and a controller that keeps reloads.
  void StartDemos(const std::vector<std::string>& names, const Arguments& controller = {});
  std::string UnwantedFile(const std::string& name) const;
  testing_support::ServiceProcess& demo(const std::string& name) { return *demos_.at(name); }
  std::string AddressOf(const std::string& name) { return demo(name).ports().admin; }

  static void Write(const std::string& path, const std::string& text);

  std::map<std::string, Process> demos_;
  bool has_controller_ = false;
};

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_CTL_FIXTURE_H_
