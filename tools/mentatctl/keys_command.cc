#include "tools/mentatctl/keys_command.h"

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/mentatctl/key_files.h"
#include "tools/mentatctl/keys_rotate.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {
namespace {

// Prints lines `NAME PUBLIC-KEY`, or the same as JSON.
int PrintKeys(Session& session, const std::function<int(std::ostream&)>& list) {
  if (!session.json) return list(session.out);
  std::stringstream lines;
  const int exit_status = list(lines);
  nlohmann::ordered_json keys = nlohmann::ordered_json::array();
  for (std::string line; std::getline(lines, line);) {
    const size_t blank = line.rfind(' ');
    keys.push_back({{"name", line.substr(0, blank)}, {"public_key", line.substr(blank + 1)}});
  }
  session.out << JsonText({{"keys", std::move(keys)}});
  return exit_status;
}

Argument Folder(std::string& folder) {
  return {.name = "--dir",
          .value = &folder,
          .help = "the folder of the keys; here by default",
          .placeholder = "DIR",
          .completes = Completes::kFiles};
}

Command Generate() {
  struct Options {
    std::vector<std::string> names;
    std::string folder = ".";
  };
  const auto options = std::make_shared<Options>();
  return {.name = "generate",
          .summary = "makes keys",
          .description =
              "Makes NAME.key, which everybody may see, and NAME.key_secret, which nobody but the\n"
              "stage may read. Keys that are there are never overwritten. Exit status 1 if one\n"
              "could not be made.\n",
          .examples = {"mentatctl keys generate inspector enricher --dir /etc/mentat/keys"},
          .arguments = {{"NAME", &options->names, "names of the keys", "", /*required=*/true},
                        Folder(options->folder)},
          .run = [options](Session& session) {
            return PrintKeys(session, [&](std::ostream& out) {
              return GenerateKeys(options->names, options->folder, out, session.err);
            });
          }};
}

Command Show() {
  const auto paths = std::make_shared<std::vector<std::string>>();
  return {
      .name = "show",
      .summary = "prints public keys",
      .description =
          "The public keys in files of either kind, or of all NAME.key in a folder. Exit status\n"
          "1 if one could not be read.\n",
      .examples = {"mentatctl keys show /etc/mentat/keys"},
      .arguments = {{.name = "PATH",
                     .value = paths.get(),
                     .help = "files or folders",
                     .required = true,
                     .completes = Completes::kFiles}},
      .run = [paths](Session& session) {
        return PrintKeys(session,
                         [&](std::ostream& out) { return ShowKeys(*paths, out, session.err); });
      }};
}

Command Rotate() {
  const auto options = std::make_shared<RotateOptions>();
  return {
      .name = "rotate",
      .summary = "puts a new key in the place of an old one",
      .description =
          "In three steps: each call does the next one and says what to reload or restart\n"
          "before the one after it. Exit status 1 if a step went wrong.\n",
      .examples =
          {"mentatctl keys rotate inspector --dir /etc/mentat/keys --allowed /etc/mentat/enricher"},
      .arguments = {{"NAME", &options->name, "name of the key", "", /*required=*/true},
                    Folder(options->folder),
                    {.name = "--allowed",
                     .value = &options->allowed,
                     .help =
                         "a further folder with NAME.key, which neighbours allow; may be repeated",
                     .placeholder = "DIR",
                     .completes = Completes::kFiles}},
      .run = [options](Session& session) { return RotateKey(*options, session.out, session.err); }};
}

}  // namespace

Command MakeKeysCommand() {
  return {.name = "keys",
          .summary = "makes, shows and changes the keys that stages know each other by",
          .examples = {"mentatctl keys generate inspector enricher --dir /etc/mentat/keys",
                       "mentatctl keys show /etc/mentat/keys"},
          .commands = {Generate(), Show(), Rotate()}};
}

}  // namespace mentat::mentatctl
