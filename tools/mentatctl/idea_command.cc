#include "tools/mentatctl/idea_command.h"

#include <memory>

#include "tools/mentatctl/idea_check.h"
#include "tools/mentatctl/session.h"

namespace mentat::mentatctl {

Command MakeIdeaCommand() {
  const auto normalize = std::make_shared<bool>(false);
  Command check{
      .name = "check",
      .summary = "says of each event whether it is valid",
      .description =
          "Reads events, one a line, and writes a line of JSON for each: {\"ok\":true,...} or\n"
          "{\"ok\":false,\"errors\":[{\"path\":...,\"message\":...}]}. Exit status 1 if any event "
          "was\n"
          "bad.\n",
      .examples = {"mentatctl idea check < events.ndjson",
                   "mentatctl idea check --normalize < event.json | jq .event"},
      .arguments = {{"--normalize", normalize.get(), "adds the event as Mentat understands it"}},
      .run = [normalize](Session& session) {
        return IdeaCheck(session.in, session.out, *normalize);
      }};
  return {.name = "idea",
          .summary = "checks events",
          .examples = {"mentatctl idea check < events.ndjson"},
          .commands = {std::move(check)}};
}

}  // namespace mentat::mentatctl
