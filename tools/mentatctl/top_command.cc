#include "tools/mentatctl/top_command.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mentat/controller/v1/controller.pb.h"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/judge.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/terminal.h"
#include "tools/mentatctl/top_view.h"
#include "tools/mentatctl/top_watcher.h"

namespace mentat::mentatctl {
namespace {

struct Options {
  std::optional<double> interval;
  bool once = false;
  uint32_t columns = 80;
};

int ShowOnce(Session& session, const Options& options) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  TopData data{.controller = session.connection.controller};
  absl::Status status = client->Call(controller::v1::GetStatusRequest(), &data.status);
  if (status.ok()) status = client->Call(controller::v1::GetTopologyRequest(), &data.topology);
  if (!status.ok()) return Fail(session, status);
  for (const std::string& line : TopLines(data, {.columns = options.columns})) {
    session.out << line << "\n";
  }
  return static_cast<int>(Judge(data.status));
}

// What a key changes.
void Press(char key, TopOptions& view, TopWatcher& watcher) {
  switch (key) {
    case 'f':
    case 'n':
      view.order = TopOrder::kFlow;
      break;
    case 'r':
      view.order = TopOrder::kRate;
      break;
    case 'h':
      view.order = TopOrder::kHeld;
      break;
    case 'o':
      view.order = TopOrder::kOldest;
      break;
    case 'm':
      view.order = TopOrder::kMemory;
      break;
    case 'e':
      view.edges = !view.edges;
      break;
    case 'j':
    case 'D':
      ++view.scroll;
      break;
    case 'k':
    case 'U':
      if (view.scroll > 0) --view.scroll;
      break;
    case '+':
      watcher.SetInterval(watcher.interval() * 2);
      break;
    case '-':
      watcher.SetInterval(watcher.interval() / 2);
      break;
    default:
      break;
  }
}

int ShowLive(Session& session, Terminal& terminal, const Options& options) {
  TopWatcher watcher(session, absl::Seconds(options.interval.value_or(2)));
  TopOptions view{.color = std::getenv("NO_COLOR") == nullptr};
  while (true) {
    const Terminal::Size size = Terminal::GetSize();
    view.columns = static_cast<size_t>(size.columns);
    view.rows = static_cast<size_t>(size.rows);
    terminal.Draw(TopLines(watcher.Latest(), view));
    const Terminal::Event event = terminal.Wait(watcher.waker());
    if (event == Terminal::Event::kEnd) break;
    if (event != Terminal::Event::kKey) continue;
    if (terminal.key() == 'q' || terminal.key() == '\x04') break;
    Press(terminal.key(), view, watcher);
  }
  return kExitOk;
}

int RunTop(Session& session, const Options& options) {
  if (options.once) return ShowOnce(session, options);
  std::unique_ptr<Terminal> terminal = Terminal::Open();
  if (terminal == nullptr) return ShowOnce(session, options);
  const int exit_status = ShowLive(session, *terminal, options);
  const int signal = terminal->signal();
  terminal = nullptr;
  if (signal != 0 && signal != SIGINT) ::raise(signal);  // as if it had not been caught
  return exit_status;
}

}  // namespace

Command MakeTopCommand() {
  const auto options = std::make_shared<Options>();
  return {
      .name = "top",
      .summary = "shows the installation live, in a terminal",
      .description =
          "Instances with the events that they take and settle a second, hold, and have\n"
          "rejected, the age of the oldest event held, and their memory; below them who sends\n"
          "to whom. Keys: q ends; f, r, h, o, m put the instances in the order of the flow, or\n"
          "by rate, events held, oldest event, memory; e hides the edges; arrows scroll; + and -\n"
          "change the interval. Where there is no terminal it is shown once.\n",
      .examples = {"mentatctl top", "mentatctl top --interval 0.5",
                   "mentatctl top --once --columns 120"},
      .arguments = {{.name = "--interval",
                     .value = &options->interval,
                     .help = "time between two looks; 2 by default, 0.5 at the least",
                     .placeholder = "SECONDS"},
                    {.name = "--once",
                     .value = &options->once,
                     .help = "prints it once; the exit status is that of status"},
                    {.name = "--columns",
                     .value = &options->columns,
                     .help = "width of what is printed once; 80 by default",
                     .placeholder = "N"}},
      .run = [options](Session& session) { return RunTop(session, *options); }};
}

}  // namespace mentat::mentatctl
