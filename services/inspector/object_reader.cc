#include "services/inspector/object_reader.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/service/nearest_name.h"

namespace mentat::inspector {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string Finding::Format() const {
  std::string text = file;
  if (line > 0) absl::StrAppend(&text, ":", line);
  if (!where.empty()) absl::StrAppend(&text, ": ", where);
  absl::StrAppend(&text, ": ", message);
  return text;
}

void Place::Note(int line, std::string_view key, std::string_view message) const {
  const std::string_view separator = where.empty() || key.empty() ? "" : ", ";
  findings->push_back({std::string(file), line, absl::StrCat(where, View(separator), View(key)),
                       std::string(message)});
}

std::string DidYouMean(std::string_view word, const std::set<std::string>& known) {
  const std::optional<std::string> nearest =
      service::NearestName(word, std::vector<std::string>(known.begin(), known.end()));
  return nearest.has_value() ? absl::StrCat(" (did you mean \"", *nearest, "\"?)") : "";
}

ObjectReader::ObjectReader(const JsonNode& node, Place place, std::string prefix)
    : node_(node),
      is_object_(node.kind == JsonNode::Kind::kObject),
      place_(std::move(place)),
      prefix_(std::move(prefix)) {
  if (is_object_) return;
  const std::string_view key = std::string_view(prefix_).substr(0, prefix_.find('.'));
  place_.Note(node_.line, key, absl::StrCat("got ", node_.Describe(), ", expected an object"));
}

const JsonNode* ObjectReader::Peek(const std::string& key) const {
  for (const auto& [name, member] : node_.members) {
    if (name == key) return &member;
  }
  return nullptr;
}

const JsonNode* ObjectReader::Find(const std::string& key) {
  known_.insert(key);
  return Peek(key);
}

const JsonNode* ObjectReader::Require(const std::string& key) {
  const JsonNode* node = Find(key);
  if (node == nullptr && is_object_) {
    Note(key, "is missing");
  }
  return node;
}

std::string ObjectReader::Text(const std::string& key, std::string_view otherwise) {
  const JsonNode* node = Find(key);
  if (node == nullptr) return std::string(otherwise);
  if (node->IsText()) return node->scalar.text();
  Note(key, absl::StrCat("got ", node->Describe(), ", expected a text"));
  return std::string(otherwise);
}

bool ObjectReader::Flag(const std::string& key, bool otherwise) {
  const JsonNode* node = Find(key);
  if (node == nullptr) return otherwise;
  if (node->IsBoolean()) return node->scalar.boolean();
  Note(key, absl::StrCat("got ", node->Describe(), ", expected true or false"));
  return otherwise;
}

const std::string* ObjectReader::RequireText(const std::string& key) {
  const JsonNode* node = Require(key);
  if (node == nullptr) return nullptr;
  if (node->IsText() && !node->scalar.text().empty()) return &node->scalar.text();
  Note(key, absl::StrCat("got ", node->Describe(), ", expected a text that is not empty"));
  return nullptr;
}

const std::vector<JsonNode>* ObjectReader::List(const std::string& key) {
  const JsonNode* node = Find(key);
  if (node == nullptr) return nullptr;
  if (node->kind == JsonNode::Kind::kList) return &node->items;
  Note(key, absl::StrCat("got ", node->Describe(), ", expected a list"));
  return nullptr;
}

int ObjectReader::LineOf(const std::string& key) const {
  const JsonNode* node = Peek(key);
  return node == nullptr ? node_.line : node->line;
}

void ObjectReader::Note(const std::string& key, std::string_view message) const {
  place_.Note(LineOf(key), absl::StrCat(prefix_, key), message);
}

void ObjectReader::Finish() const {
  std::set<std::string> seen;
  for (const auto& [key, member] : node_.members) {
    const std::string path = absl::StrCat(prefix_, key);
    if (!known_.contains(key)) {
      place_.Note(member.line, path, absl::StrCat("is not a known key", DidYouMean(key, known_)));
    } else if (!seen.insert(key).second) {
      place_.Note(member.line, path, "stands here a second time");
    }
  }
}

}  // namespace mentat::inspector
