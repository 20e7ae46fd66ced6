#include "tools/mentatctl/dead_letters_command.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "mentat/controller/v1/controller.pb.h"
#include "nlohmann/json.hpp"
#include "tools/mentatctl/client.h"
#include "tools/mentatctl/exit_status.h"
#include "tools/mentatctl/message_json.h"
#include "tools/mentatctl/nagios_dead_letters.h"
#include "tools/mentatctl/session.h"
#include "tools/mentatctl/table.h"
#include "tools/mentatctl/text.h"

namespace mentat::mentatctl {
namespace {

using controller::v1::DeadLetter;
using controller::v1::DeadLetterSelection;

constexpr uint32_t kPage = 1000;
constexpr absl::Duration kDiscardTimeout = absl::Minutes(30);

struct Options {
  std::vector<std::string> ids;
  std::vector<std::string> reasons;
  std::vector<std::string> stages;
  std::vector<std::string> instances;
  std::vector<std::string> rules;
  std::string from;
  std::string to;
  std::string text;
  bool all = false;
  uint32_t limit = 100;
  std::string id;
  bool nagios = false;
  std::string warning;
  std::string critical;
};

// A time, or an age such as `90s`, `2h`, `7d`.
absl::StatusOr<absl::Time> ReadTime(const char* name, const std::string& text) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, absl::UTCTimeZone(), &time, &error)) return time;
  absl::Duration age;
  double days = 0;
  absl::string_view number = text;
  if (absl::ConsumeSuffix(&number, "d") && absl::SimpleAtod(number, &days) && days >= 0) {
    return absl::Now() - absl::Hours(24 * days);
  }
  if (absl::ParseDuration(text, &age) && age >= absl::ZeroDuration()) return absl::Now() - age;
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": expected a time as 2026-11-23T15:00:00Z or an age as 90s, 2h or 7d, got ", text));
}

absl::Status SetTime(const char* name, const std::string& text,
                     google::protobuf::Timestamp* timestamp) {
  ASSIGN_OR_RETURN(const absl::Time time, ReadTime(name, text));
  timestamp->set_seconds(absl::ToUnixSeconds(time));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadId(const std::string& text) {
  int64_t id = 0;
  if (absl::SimpleAtoi(text, &id)) return id;
  return absl::InvalidArgumentError(
      absl::StrCat("the number of a dead letter is expected, got ", text));
}

absl::StatusOr<DeadLetterSelection> ReadSelection(const Options& options) {
  DeadLetterSelection selection;
  for (const std::string& text : options.ids) {
    ASSIGN_OR_RETURN(const int64_t id, ReadId(text));
    selection.add_ids(id);
  }
  selection.mutable_reasons()->Assign(options.reasons.begin(), options.reasons.end());
  selection.mutable_stages()->Assign(options.stages.begin(), options.stages.end());
  selection.mutable_instances()->Assign(options.instances.begin(), options.instances.end());
  selection.mutable_rules()->Assign(options.rules.begin(), options.rules.end());
  if (!options.from.empty()) {
    RETURN_IF_ERROR(SetTime("--from", options.from, selection.mutable_from()));
  }
  if (!options.to.empty()) RETURN_IF_ERROR(SetTime("--to", options.to, selection.mutable_to()));
  selection.set_text(options.text);
  return selection;
}

std::vector<Argument> SelectionArguments(Options& options) {
  return {{.name = "--id", .value = &options.ids, .help = "its number", .placeholder = "N"},
          {.name = "--reason",
           .value = &options.reasons,
           .help = "why it was rejected",
           .placeholder = "REASON",
           .choices = {"malformed", "too_large", "poison", "failed", "refused"}},
          {.name = "--stage",
           .value = &options.stages,
           .help = "the stage that gave up",
           .placeholder = "NAME",
           .completes = Completes::kStages},
          {.name = "--instance",
           .value = &options.instances,
           .help = "the instance that gave up",
           .placeholder = "NAME"},
          {.name = "--rule",
           .value = &options.rules,
           .help = "the rule that the event failed on",
           .placeholder = "NAME"},
          {.name = "--from",
           .value = &options.from,
           .help = "rejected at this time or later: 2026-11-23T15:00:00Z, or 2h for two hours ago",
           .placeholder = "TIME"},
          {.name = "--to",
           .value = &options.to,
           .help = "rejected before this time",
           .placeholder = "TIME"},
          {.name = "--text",
           .value = &options.text,
           .help = "a part of the message, or the ID of the event",
           .placeholder = "TEXT"}};
}

Argument AllArgument(Options& options) {
  return {.name = "--all", .value = &options.all, .help = "all of them, where nothing is chosen"};
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

int RunList(Session& session, const Options& options) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  const absl::StatusOr<DeadLetterSelection> selection = ReadSelection(options);
  if (!selection.ok()) return Fail(session, selection.status());
  controller::v1::ListDeadLettersRequest request;
  *request.mutable_selection() = *selection;
  controller::v1::ListDeadLettersResponse all;
  while (all.dead_letters_size() < options.limit) {
    request.set_page_size(std::min(kPage, options.limit - all.dead_letters_size()));
    controller::v1::ListDeadLettersResponse page;
    if (const absl::Status status = client->Call(request, &page); !status.ok()) {
      return Fail(session, status);
    }
    for (DeadLetter& letter : *page.mutable_dead_letters()) {
      *all.add_dead_letters() = std::move(letter);
    }
    all.set_next_page_token(page.next_page_token());
    request.set_page_token(page.next_page_token());
    if (page.next_page_token().empty()) break;
  }
  if (session.json) {
    session.out << JsonText(ToJson(all));
    return kExitOk;
  }
  Table table({">ID", "TIME", "REASON", "STAGE", "RULE", ">ATTEMPTS", "EVENT", "MESSAGE"});
  for (const DeadLetter& letter : all.dead_letters()) {
    table.Add({absl::StrCat(letter.id()), TimeText(letter.last_time()), letter.reason(),
               letter.stage(), OrDash(letter.rule()), absl::StrCat(letter.attempts()),
               OrDash(letter.event_id()), letter.message()});
  }
  session.out << (table.empty() ? "there are none\n" : table.Format());
  if (!all.next_page_token().empty()) session.err << "there are more: --limit\n";
  return kExitOk;
}

absl::StatusOr<controller::v1::CountDeadLettersResponse> Count(const Session& session,
                                                               const Options& options) {
  ASSIGN_OR_RETURN(const Client client, Client::ToController(session));
  controller::v1::CountDeadLettersRequest request;
  ASSIGN_OR_RETURN(*request.mutable_selection(), ReadSelection(options));
  controller::v1::CountDeadLettersResponse counts;
  RETURN_IF_ERROR(client.Call(request, &counts));
  return counts;
}

NagiosResult CheckCount(const Session& session, const Options& options) {
  const auto ranges = DeadLetterRanges::Parse(options.warning, options.critical);
  if (!ranges.ok()) return MakeNagiosFailure(ranges.status());
  const auto counts = Count(session, options);
  return counts.ok() ? MakeNagiosResult(*counts, *ranges) : MakeNagiosFailure(counts.status());
}

int RunCount(Session& session, const Options& options) {
  if (options.nagios) {
    const NagiosResult result = CheckCount(session, options);
    session.out << result.line;
    return result.exit_status;
  }
  if (!options.warning.empty() || !options.critical.empty()) {
    return Fail(session, absl::InvalidArgumentError("thresholds need --nagios"));
  }
  const auto counted = Count(session, options);
  if (!counted.ok()) return Fail(session, counted.status());
  const controller::v1::CountDeadLettersResponse& counts = *counted;
  if (session.json) {
    session.out << JsonText(ToJson(counts));
    return kExitOk;
  }
  Table table({">COUNT", "REASON", "STAGE", "RULE", "FIRST", "LAST", "NEWEST MESSAGE"});
  for (const controller::v1::DeadLetterGroup& group : counts.groups()) {
    table.Add({absl::StrCat(group.count()), group.reason(), group.stage(), OrDash(group.rule()),
               TimeText(group.first_time()), TimeText(group.last_time()), group.message()});
  }
  if (!table.empty()) session.out << table.Format();
  session.out << "total: " << counts.total() << "\n";
  return kExitOk;
}

int RunGet(Session& session, const Options& options) {
  const absl::StatusOr<int64_t> id = ReadId(options.id);
  if (!id.ok()) return Fail(session, id.status());
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  controller::v1::GetDeadLetterRequest request;
  request.set_id(*id);
  controller::v1::GetDeadLetterResponse response;
  if (const absl::Status status = client->Call(request, &response); !status.ok()) {
    return Fail(session, status);
  }
  if (session.json) {
    session.out << JsonText(ToJson(response));
    return kExitOk;
  }
  const DeadLetter& letter = response.dead_letter();
  const auto line = [&](const char* name, const std::string& text) {
    session.out << name << Printable(text) << "\n";
  };
  line("reason:    ", letter.reason());
  line("stage:     ", absl::StrCat(letter.stage(), ", instance ", letter.instance()));
  if (!letter.rule().empty()) line("rule:      ", letter.rule());
  line("message:   ", letter.message());
  line("received:  ", TimeText(letter.received_time()));
  line("rejected:  ",
       absl::StrCat(TimeText(letter.first_time()), " to ", TimeText(letter.last_time()), ", ",
                    letter.attempts(), " times"));
  if (letter.has_replay_time()) line("on its way since ", TimeText(letter.replay_time()));
  if (!response.unreadable().empty()) line("no event:  ", response.unreadable());
  session.out << PrintableLines(response.event().empty() ? response.raw() : response.event())
              << "\n";
  return kExitOk;
}

std::string ProgressText(const controller::v1::ReplayDeadLettersResponse& told) {
  std::string text = absl::StrCat(told.stored(), " stored, ", told.duplicates(), " stored before, ",
                                  told.dropped(), " dropped by a rule, ", told.rejected(),
                                  " rejected again, ", told.skipped(), " skipped");
  if (told.on_their_way() > 0) absl::StrAppend(&text, ", ", told.on_their_way(), " on their way");
  return text;
}

int RunReplay(Session& session, const Options& options) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  const absl::StatusOr<DeadLetterSelection> selection = ReadSelection(options);
  if (!selection.ok()) return Fail(session, selection.status());
  controller::v1::ReplayDeadLettersRequest request;
  *request.mutable_selection() = *selection;
  request.set_all(options.all);
  request.set_limit(options.limit);
  controller::v1::ReplayDeadLettersResponse told;
  const bool progress = !session.json && ::isatty(STDERR_FILENO) == 1;
  const absl::Status status = client->Watch(request, &told, [&] {
    if (progress && !told.done()) session.err << "\r\033[K" << ProgressText(told) << std::flush;
    return true;
  });
  if (progress) session.err << "\r\033[K";
  if (session.json) {
    session.out << JsonText(ToJson(told));
  } else if (status.ok() || told.ByteSizeLong() > 0) {
    session.out << ProgressText(told) << "\n";
    for (const std::string& error : told.errors()) session.err << Printable(error) << "\n";
    if (told.more()) {
      session.err << (told.on_their_way() > 0
                          ? "the pipeline settles nothing; the rest is not sent\n"
                          : "there are more: --limit\n");
    }
  }
  if (!status.ok()) return Fail(session, status);
  const bool all_well = told.rejected() + told.skipped() + told.on_their_way() == 0;
  return all_well ? kExitOk : kExitWarning;
}

int RunDiscard(Session& session, const Options& options) {
  const absl::StatusOr<Client> client = Client::ToController(session);
  if (!client.ok()) return Fail(session, client.status());
  const absl::StatusOr<DeadLetterSelection> selection = ReadSelection(options);
  if (!selection.ok()) return Fail(session, selection.status());
  controller::v1::DiscardDeadLettersRequest request;
  *request.mutable_selection() = *selection;
  request.set_all(options.all);
  controller::v1::DiscardDeadLettersResponse response;
  if (const absl::Status status = client->Call(request, &response, kDiscardTimeout); !status.ok()) {
    return Fail(session, status);
  }
  if (session.json) {
    session.out << JsonText(ToJson(response));
  } else {
    session.out << response.discarded() << " discarded\n";
  }
  return kExitOk;
}

// A command on a selection; `more` adds what is its own.
Command SelectionCommand(Command command, uint32_t limit, int (*run)(Session&, const Options&),
                         std::vector<Argument> (*more)(Options&)) {
  const auto options = std::make_shared<Options>();
  options->limit = limit;
  command.arguments = SelectionArguments(*options);
  for (const Argument& argument : more(*options)) command.arguments.push_back(argument);
  command.run = [options, run](Session& session) { return run(session, *options); };
  return command;
}

Argument LimitArgument(Options& options, const char* help) {
  return {.name = "--limit", .value = &options.limit, .help = help, .placeholder = "N"};
}

Command MakeGetCommand() {
  const auto options = std::make_shared<Options>();
  Command command{.name = "get",
                  .summary = "shows one, with its event",
                  .examples = {"mentatctl dead-letters get 17"}};
  command.arguments = {
      {.name = "ID", .value = &options->id, .help = "its number", .required = true}};
  command.run = [options](Session& session) { return RunGet(session, *options); };
  return command;
}

}  // namespace

Command MakeDeadLettersCommand() {
  Command command{.name = "dead-letters",
                  .summary = "events that could not be processed",
                  .examples = {"mentatctl dead-letters count",
                               "mentatctl dead-letters replay --rule 'a rule'"}};
  command.commands.push_back(SelectionCommand(
      {.name = "list",
       .summary = "lists them, those rejected last first",
       .examples = {"mentatctl dead-letters list --from 2h",
                    "mentatctl dead-letters list --stage inspector --rule 'a rule'"}},
      100, RunList, [](Options& options) -> std::vector<Argument> {
        return {LimitArgument(options, "most to list; 100 by default")};
      }));
  command.commands.push_back(SelectionCommand(
      {.name = "count",
       .summary = "counts them by reason, stage and rule",
       .description = "With --nagios the exit status is that of the thresholds; 3 is unknown. A "
                      "RANGE is 10\n(0 to 10), 10:, ~:10, 10:20, or @10:20 for what is inside.\n",
       .examples = {"mentatctl dead-letters count", "mentatctl dead-letters count --from 7d",
                    "mentatctl dead-letters count --from 1h --nagios --warning 0 --critical 100"}},
      0, RunCount, [](Options& options) -> std::vector<Argument> {
        return {{.name = "--nagios",
                 .value = &options.nagios,
                 .help = "one line with performance data, for monitoring systems"},
                {.name = "--warning",
                 .value = &options.warning,
                 .help = "warns if their number is outside the range",
                 .placeholder = "RANGE"},
                {.name = "--critical",
                 .value = &options.critical,
                 .help = "is critical if their number is outside the range",
                 .placeholder = "RANGE"}};
      }));
  command.commands.push_back(MakeGetCommand());
  command.commands.push_back(SelectionCommand(
      {.name = "replay",
       .summary = "sends their events through the pipeline again",
       .description = "What is stored, was stored before or is dropped by a rule is no dead letter "
                      "any more;\nwhat is rejected again stays one. The exit status is 1 if some "
                      "are left.\n",
       .examples = {"mentatctl dead-letters replay --rule 'a rule'",
                    "mentatctl dead-letters replay --all --limit 100000"}},
      0, RunReplay, [](Options& options) -> std::vector<Argument> {
        return {AllArgument(options), LimitArgument(options, "most to send; 10000 by default")};
      }));
  command.commands.push_back(SelectionCommand(
      {.name = "discard",
       .summary = "deletes them for good",
       .examples = {"mentatctl dead-letters discard --reason malformed --to 30d",
                    "mentatctl dead-letters discard --all"}},
      0, RunDiscard,
      [](Options& options) -> std::vector<Argument> { return {AllArgument(options)}; }));
  return command;
}

}  // namespace mentat::mentatctl
