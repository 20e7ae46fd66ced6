#include "services/inspector/rule_loader.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/inspector/action_loader.h"

namespace mentat::inspector {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 16 << 20;
constexpr size_t kMaxRules = 10'000;
constexpr size_t kMaxNameBytes = 200;
constexpr size_t kMaxDescribed = 100;

// Keys that the original's configuration file has beside its rules. They mean nothing here, but a
// file that is taken over must not be refused for them.
const std::set<std::string>& KeysOfTheOriginal() {
  static const auto& keys = *new std::set<std::string>{
      "add_event_class_rules",
      "debug",
      "group",
      "log_file",
      "log_level",
      "name",
      "no_daemon",
      "pid_file",
      "queue_in_dir",
      "queue_in_wait",
      "queue_out_dir",
      "queue_out_limit",
      "queue_out_wait",
      "stats_interval",
      "umask",
      "user",
  };
  return keys;
}

// A name for a rule that has none: the beginning of its expression, on one line.
std::string NameFromExpression(std::string_view expression) {
  constexpr size_t kMaxBytes = 80;
  std::string name(expression.substr(0, kMaxBytes));
  if (expression.size() > kMaxBytes) {
    // Not in the middle of a character.
    while (!name.empty() && (name.back() & 0xC0) == 0x80) name.pop_back();
    if (!name.empty() && (name.back() & 0x80) != 0) name.pop_back();
    name += "…";
  }
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return name;
}

class FileReader {
 public:
  FileReader(std::string_view file, const LoadOptions& options, LoadResult* result)
      : file_(file), options_(options), result_(*result) {}

  void Read(std::string_view text) {
    absl::StatusOr<JsonNode> root = ParseJsonTree(text);
    if (!root.ok()) {
      ErrorPlace("").Note(0, "", std::string(root.status().message()));
      return;
    }
    ObjectReader reader(*root, ErrorPlace(""));
    if (const std::vector<JsonNode>* rules = reader.List("inspection_rules")) {
      for (size_t i = 0; i < rules->size(); ++i) ReadRule((*rules)[i], i + 1);
    }
    if (const std::vector<JsonNode>* actions = reader.List("fallback_actions")) {
      ReadActions(*actions, "fallback", &result_.errors, &result_.rules.fallback);
    }
    for (const auto& [key, member] : root->members) {
      if (!KeysOfTheOriginal().contains(key) && key.compare(0, 2, "__") != 0) continue;
      reader.Find(key);
      Place{file_, "", &result_.warnings}.Note(
          member.line, key, "belongs to the original's daemon and means nothing here");
    }
    reader.Finish();
  }

 private:
  Place ErrorPlace(std::string where) const { return {file_, std::move(where), &result_.errors}; }

  void ReadRule(const JsonNode& node, size_t number) {
    std::string where = absl::StrCat("rule ", number);
    std::vector<Finding> findings;
    bool enabled = true;
    std::optional<Rule> rule = ReadRuleInto(node, std::move(where), &findings, &enabled);
    // Who switches a broken rule off wants to get on; it is checked again when it is switched on.
    std::vector<Finding>& all = enabled ? result_.errors : result_.warnings;
    std::move(findings.begin(), findings.end(), std::back_inserter(all));
    if (!enabled || !rule.has_value()) return;
    if (result_.rules.rules.size() == kMaxRules) {
      ErrorPlace("").Note(node.line, "", absl::StrCat("more than ", kMaxRules, " rules"));
      return;
    }
    result_.rules.rules.push_back(*std::move(rule));
  }

  std::optional<Rule> ReadRuleInto(const JsonNode& node, std::string where,
                                   std::vector<Finding>* findings, bool* enabled) {
    std::string name;
    for (const auto& [key, member] : node.members) {
      if (key == "name" && member.IsText()) name = member.scalar.text();
      if (key == "rule" && member.IsText() && name.empty()) {
        name = NameFromExpression(member.scalar.text());
      }
    }
    if (name.size() <= kMaxNameBytes && !name.empty()) absl::StrAppend(&where, " \"", name, "\"");

    ObjectReader reader(node, {file_, where, findings});
    *enabled = reader.Flag("enabled", true);
    reader.Text("name", "");
    if (name.size() > kMaxNameBytes) {
      reader.Note("name", absl::StrCat("is longer than ", kMaxNameBytes, " bytes"));
    }
    std::string description = reader.Text("description", "");
    const bool final = reader.Flag("final", false);
    std::optional<filter::Filter> condition;
    if (const std::string* expression = reader.RequireText("rule")) {
      condition = CompileFilter(*expression, reader, "rule", &result_.warnings);
    }
    std::vector<Action> actions;
    if (reader.Require("actions") != nullptr) {
      if (const std::vector<JsonNode>* nodes = reader.List("actions")) {
        ReadActions(*nodes, where, findings, &actions);
      }
    }
    reader.Finish();
    if (!condition.has_value()) return std::nullopt;
    return Rule{std::move(name), std::move(description), *std::move(condition), final,
                std::move(actions)};
  }

  void ReadActions(const std::vector<JsonNode>& nodes, const std::string& where,
                   std::vector<Finding>* findings, std::vector<Action>* actions) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      std::vector<Finding> of_action;
      bool enabled = true;
      const Place place{file_, absl::StrCat(where, ", action ", i + 1), &of_action};
      std::optional<Action> action =
          ReadAction(nodes[i], place, options_, &enabled, &result_.warnings);
      std::vector<Finding>& all = enabled ? *findings : result_.warnings;
      std::move(of_action.begin(), of_action.end(), std::back_inserter(all));
      if (enabled && action.has_value()) actions->push_back(*std::move(action));
    }
  }

  std::string_view file_;
  const LoadOptions& options_;
  LoadResult& result_;
};

void NoteFile(const std::string& file, std::string message, LoadResult* result) {
  result->errors.push_back({file, 0, "", std::move(message)});
}

// The files that `path` stands for.
std::vector<std::string> Expand(const std::string& path, LoadResult* result) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const fs::path& file = it->path();
    std::error_code ignored;
    if (file.filename().string().front() == '.' || !fs::is_regular_file(file, ignored)) continue;
    if (file.extension() == ".json" || file.extension() == ".conf") files.push_back(file.string());
  }
  if (error) NoteFile(path, absl::StrCat("cannot be listed: ", error.message()), result);
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat("cannot be read: ", error.message()));
  if (size > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", size, " bytes, more than the ", kMaxFileBytes, " that are read"));
  }
  std::ifstream stream(path, std::ios::binary);
  std::string text(size, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(size));
  if (!stream) return absl::UnavailableError("cannot be read");
  return text;
}

// Two rules of one name are legal, but hard to tell apart in logs and statistics.
void WarnOfSharedNames(LoadResult* result) {
  std::set<std::string> names;
  for (const Rule& rule : result->rules.rules) {
    if (names.insert(rule.name).second) continue;
    result->warnings.push_back({"rules", 0, absl::StrCat("rule \"", rule.name, "\""),
                                "has the name of an earlier rule; their statistics are added up"});
  }
}

void Finish(std::string file, LoadResult* result) {
  WarnOfSharedNames(result);
  if (result->errors.empty() && result->rules.rules.empty()) {
    NoteFile(file, "there is not one enabled rule in inspection_rules", result);
  }
}

}  // namespace

LoadResult ParseRules(std::string_view text, std::string_view file, const LoadOptions& options) {
  LoadResult result;
  FileReader(file, options, &result).Read(text);
  Finish(std::string(file), &result);
  return result;
}

LoadResult LoadRules(const std::vector<std::string>& paths, const LoadOptions& options) {
  LoadResult result;
  for (const std::string& path : paths) {
    for (const std::string& file : Expand(path, &result)) {
      absl::StatusOr<std::string> text = ReadFile(file);
      if (text.ok()) {
        FileReader(file, options, &result).Read(*text);
      } else {
        NoteFile(file, std::string(text.status().message()), &result);
      }
    }
  }
  Finish(absl::StrJoin(paths, ", "), &result);
  return result;
}

std::string Describe(const std::vector<Finding>& findings) {
  std::string text =
      absl::StrCat(findings.size(), findings.size() == 1 ? " problem:" : " problems:");
  for (size_t i = 0; i < findings.size() && i < kMaxDescribed; ++i) {
    absl::StrAppend(&text, "\n", findings[i].Format());
  }
  if (findings.size() > kMaxDescribed) {
    absl::StrAppend(&text, "\nand ", findings.size() - kMaxDescribed, " more");
  }
  return text;
}

}  // namespace mentat::inspector
