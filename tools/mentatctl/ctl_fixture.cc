#include "tools/mentatctl/ctl_fixture.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tools/mentatctl/run.h"

namespace mentat::mentatctl {

CtlTest::Result CtlTest::Ctl(std::vector<std::string> words) {
  words.insert(words.begin(),
               {"--controller", has_controller_ ? controller().ports().admin : "127.0.0.1:1"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const int exit_status = mentatctl::Run(
      words, [](const std::string&) { return ""; }, in, out, err);
  return {exit_status, out.str(), err.str()};
}

void CtlTest::StartDemos(const std::vector<std::string>& names, const Arguments& arguments) {
  std::vector<std::string> addresses;
  for (const std::string& name : names) {
    Write(UnwantedFile(name), "Test\n");
    demos_[name] = StartDemo(name, {"--set", "unwanted_file=" + UnwantedFile(name)});
    addresses.push_back(AddressOf(name));
  }
  Arguments all = {"--set", absl::StrCat("state_dir=", folder(), "/state")};
  all.insert(all.end(), arguments.begin(), arguments.end());
  StartController(controller::Stages({controller::Stage("demo", addresses)}), all);
  has_controller_ = true;
}

std::string CtlTest::UnwantedFile(const std::string& name) const {
  return absl::StrCat(folder(), "/", name, ".unwanted");
}

void CtlTest::Write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace mentat::mentatctl
