#include "tools/mentatctl/config_command.h"

#include "tools/mentatctl/config_check.h"
#include "tools/mentatctl/config_diff.h"
#include "tools/mentatctl/config_view.h"

namespace mentat::mentatctl {

Command MakeConfigCommand() {
  return {.name = "config",
          .summary = "shows what is configured and where, checks files, compares",
          .examples = {"mentatctl config view storage --changed",
                       "mentatctl config check storage /etc/mentat/storage.json",
                       "mentatctl config diff storage storage-2"},
          .commands = {MakeConfigViewCommand(), MakeConfigCheckCommand(), MakeConfigDiffCommand()}};
}

}  // namespace mentat::mentatctl
