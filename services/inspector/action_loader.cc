#include "services/inspector/action_loader.h"

#include <set>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/idea/jpath.h"

namespace mentat::inspector {
namespace {

constexpr char kDefaultLabel[] = "Inspection rule matched";

const std::set<std::string>& KnownActions() {
  static const auto& actions =
      *new std::set<std::string>{"tag", "set", "unset", "drop", "dispatch", "duplicate", "log"};
  return actions;
}

std::optional<idea::Path> ReadPath(ObjectReader& args) {
  const std::string* text = args.RequireText("path");
  if (text == nullptr) return std::nullopt;
  absl::StatusOr<idea::Path> path = idea::Path::Parse(*text);
  if (path.ok()) return *std::move(path);
  args.Note("path", std::string(path.status().message()));
  return std::nullopt;
}

std::optional<TagAction> ReadTag(ObjectReader& args) {
  std::optional<idea::Path> path = ReadPath(args);
  const JsonNode* value = args.Require("value");
  const bool overwrite = args.Flag("overwrite", true);
  const bool unique = args.Flag("unique", false);
  if (!path.has_value() || value == nullptr) return std::nullopt;
  TagAction tag{
      idea::Setter(*std::move(path), value->ToValue(), {.overwrite = overwrite, .unique = unique})};
  // What cannot be put into an empty event can be put into none: the type of the key is wrong.
  idea::v1::Event event;
  if (const absl::StatusOr<idea::SetResult> result = tag.setter.Apply(&event); !result.ok()) {
    args.Note("value", std::string(result.status().message()));
    return std::nullopt;
  }
  return tag;
}

std::optional<SetAction> ReadSet(ObjectReader& args, std::vector<Finding>* warnings) {
  std::optional<idea::Path> path = ReadPath(args);
  std::optional<filter::Filter> expression;
  if (const std::string* text = args.RequireText("expression")) {
    expression = CompileFilter(*text, args, "expression", warnings);
  }
  const bool overwrite = args.Flag("overwrite", true);
  const bool unique = args.Flag("unique", false);
  if (!path.has_value() || !expression.has_value()) return std::nullopt;
  return SetAction{
      *std::move(path), *std::move(expression), {.overwrite = overwrite, .unique = unique}};
}

// The output that an action sends to, by its name or by the directory of the original's queue.
std::optional<std::string> ReadOutput(ObjectReader& args, const LoadOptions& options) {
  const bool by_name = args.Find("output") != nullptr;
  const bool by_queue = args.Find("queue_tgt") != nullptr;
  if (by_name && by_queue) {
    args.Note("queue_tgt", "stands beside output; one of them has to go");
    return std::nullopt;
  }
  if (by_queue) {
    const std::string* queue = args.RequireText("queue_tgt");
    if (queue == nullptr) return std::nullopt;
    std::string_view directory = *queue;
    while (directory.size() > 1 && directory.back() == '/') directory.remove_suffix(1);
    for (const auto& [known, output] : options.queues) {
      std::string_view candidate = known;
      while (candidate.size() > 1 && candidate.back() == '/') candidate.remove_suffix(1);
      if (candidate == directory) return output;
    }
    args.Note("queue_tgt", absl::StrCat("the directory \"", *queue,
                                        "\" stands for no output; name one under output, or enter "
                                        "the directory in the configuration under queues"));
    return std::nullopt;
  }
  const std::string* output = args.RequireText("output");
  if (output == nullptr) return std::nullopt;
  if (options.outputs.contains(*output)) return *output;
  args.Note("output", absl::StrCat("the stage has no output \"", *output, "\"",
                                   DidYouMean(*output, options.outputs),
                                   "; it has: ", absl::StrJoin(options.outputs, ", ")));
  return std::nullopt;
}

std::optional<LogAction> ReadLog(ObjectReader& args) {
  LogAction log{args.Text("label", kDefaultLabel)};
  const std::string level = args.Text("level", "warning");
  if (level == "debug") {
    log.level = log::Level::kDebug;
  } else if (level == "info") {
    log.level = log::Level::kInfo;
  } else if (level != "warning") {
    args.Note("level", "expected debug, info or warning");
    return std::nullopt;
  }
  return log;
}

std::optional<decltype(Action::what)> ReadWhat(const std::string& kind, ObjectReader& args,
                                               const LoadOptions& options,
                                               std::vector<Finding>* warnings) {
  if (kind == "tag") return ReadTag(args);
  if (kind == "set") return ReadSet(args, warnings);
  if (kind == "log") return ReadLog(args);
  if (kind == "drop") return DropAction{args.Text("label", kDefaultLabel)};
  if (kind == "unset") {
    std::optional<idea::Path> path = ReadPath(args);
    if (!path.has_value()) return std::nullopt;
    return UnsetAction{*std::move(path)};
  }
  std::optional<std::string> output = ReadOutput(args, options);
  if (!output.has_value()) return std::nullopt;
  if (kind == "dispatch") return DispatchAction{*std::move(output)};
  return DuplicateAction{*std::move(output)};
}

}  // namespace

std::optional<filter::Filter> CompileFilter(const std::string& text, const ObjectReader& reader,
                                            const std::string& key,
                                            std::vector<Finding>* warnings) {
  absl::StatusOr<filter::Filter> filter = filter::Filter::Compile(text);
  if (!filter.ok()) {
    reader.Note(key, std::string(filter.status().message()));
    return std::nullopt;
  }
  const Place place{reader.place().file, reader.place().where, warnings};
  for (const filter::Diagnostic& warning : filter->warnings()) {
    place.Note(reader.LineOf(key), key, warning.Format(text));
  }
  return *std::move(filter);
}

std::optional<Action> ReadAction(const JsonNode& node, const Place& place,
                                 const LoadOptions& options, bool* enabled,
                                 std::vector<Finding>* warnings) {
  ObjectReader reader(node, place);
  *enabled = reader.Flag("enabled", true);
  const std::string* kind = reader.RequireText("action");
  if (kind == nullptr) return std::nullopt;
  std::string name = reader.Text("name", *kind);
  reader.Text("description", "");
  const JsonNode* args_node = reader.Find("args");
  reader.Finish();

  if (*kind == "report") {
    if (*enabled) reader.Note("action", "\"report\" sends mail, which the inspector does not do");
    return std::nullopt;
  }
  if (!KnownActions().contains(*kind)) {
    reader.Note("action", absl::StrCat("\"", *kind, "\" is not a known action",
                                       DidYouMean(*kind, KnownActions()),
                                       "; there are: ", absl::StrJoin(KnownActions(), ", ")));
    return std::nullopt;
  }
  JsonNode no_args;
  no_args.kind = JsonNode::Kind::kObject;
  no_args.line = node.line;
  ObjectReader args(args_node == nullptr ? no_args : *args_node,
                    {place.file, absl::StrCat(place.where, " (", *kind, ")"), place.findings},
                    "args.");
  std::optional<decltype(Action::what)> what = ReadWhat(*kind, args, options, warnings);
  args.Finish();
  if (!what.has_value()) return std::nullopt;
  return Action{std::move(name), *std::move(what)};
}

}  // namespace mentat::inspector
