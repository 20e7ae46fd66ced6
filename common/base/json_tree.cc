#include "common/base/json_tree.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mentat {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxQuoted = 60;

// Blanks comment lines, so that every line keeps its number.
std::string BlankComments(std::string_view text) {
  std::string result(text);
  for (size_t begin = 0; begin < result.size();) {
    size_t end = result.find('\n', begin);
    if (end == std::string::npos) end = result.size();
    const size_t first = result.find_first_not_of(" \t\r", begin);
    if (first < end && (result[first] == '#' || result.compare(first, 2, "//") == 0)) {
      result.replace(first, end - first, end - first, ' ');
    }
    begin = end + 1;
  }
  return result;
}

// Reads the text for the parser and shows the builder how far it has read.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, size_t* offset) : at_(at), offset_(offset) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*offset_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  size_t* offset_;
};

// Builds the tree from the parser's events.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, const size_t* offset) : text_(text), offset_(offset) {}

  JsonNode TakeRoot() { return std::move(root_); }
  const std::string& error() const { return error_; }

  bool null() override { return Add() != nullptr; }
  bool boolean(bool value) override {
    Add()->scalar.set_boolean(value);
    return true;
  }
  bool number_integer(int64_t value) override {
    Add()->scalar.set_integer(value);
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return number_integer(static_cast<int64_t>(value));
    }
    Add()->scalar.set_number(std::to_string(value));
    return true;
  }
  bool number_float(double, const std::string& literal) override {
    Add()->scalar.set_number(literal);
    return true;
  }
  bool string(std::string& value) override {
    Add()->scalar.set_text(value);
    return true;
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(JsonNode::Kind::kObject); }
  bool key(std::string& value) override {
    key_ = value;
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(JsonNode::Kind::kList); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // The library's own code in brackets says nothing to the reader of the file.
    const std::string_view what = error.what();
    const size_t bracket = what.find("] ");
    error_ = what.substr(bracket == std::string_view::npos ? 0 : bracket + 2);
    // What it read last may be a secret.
    error_.resize(std::min(error_.find("; last read:"), error_.size()));
    return false;
  }

 private:
  // The line of the token that was read last. A number ends only with the character after it, which
  // is left out: it may be a newline. No other token ends with one.
  int Line() {
    for (; counted_ + 1 < *offset_; ++counted_) {
      if (text_[counted_] == '\n') ++line_;
    }
    return line_;
  }

  JsonNode* Add() {
    JsonNode* node = &root_;
    if (!open_.empty()) {
      JsonNode& parent = *open_.back();
      node = parent.kind == JsonNode::Kind::kList
                 ? &parent.items.emplace_back()
                 : &parent.members.emplace_back(JsonNode::KeyValue{key_, {}}).value;
    }
    node->line = Line();
    return node;
  }

  bool Open(JsonNode::Kind kind) {
    if (open_.size() >= kMaxDepth) {
      error_ = absl::StrCat("line ", Line(), ": nested deeper than ", kMaxDepth, " levels");
      return false;
    }
    JsonNode* node = Add();
    node->kind = kind;
    // A node stays where it is while it is open: its parent gets no further child before it is
    // closed.
    open_.push_back(node);
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const size_t* offset_;
  size_t counted_ = 0;
  int line_ = 1;
  JsonNode root_;
  std::vector<JsonNode*> open_;
  std::string key_;
  std::string error_;
};

}  // namespace

std::string JsonNode::Describe() const {
  if (kind == Kind::kList) return "a list";
  if (kind == Kind::kObject) return "an object";
  switch (scalar.kind_case()) {
    case idea::v1::Value::kBoolean:
      return scalar.boolean() ? "true" : "false";
    case idea::v1::Value::kInteger:
      return absl::StrCat("the number ", scalar.integer());
    case idea::v1::Value::kNumber:
      return absl::StrCat("the number ", scalar.number());
    case idea::v1::Value::kText:
      return absl::StrCat("the text \"", scalar.text().substr(0, kMaxQuoted),
                          scalar.text().size() > kMaxQuoted ? "…" : "", "\"");
    default:
      return "null";
  }
}

idea::v1::Value JsonNode::ToValue() const {
  if (kind == Kind::kScalar) return scalar;
  idea::v1::Value value;
  if (kind == Kind::kList) {
    idea::v1::List& list = *value.mutable_list();
    for (const JsonNode& item : items) *list.add_items() = item.ToValue();
    return value;
  }
  idea::v1::Object& object = *value.mutable_object();
  for (const auto& [key, member] : members) {
    idea::v1::Member& copy = *object.add_members();
    copy.set_key(key);
    *copy.mutable_value() = member.ToValue();
  }
  return value;
}

absl::StatusOr<JsonNode> ParseJsonTree(std::string_view text) {
  const std::string json = BlankComments(text);
  size_t offset = 0;
  Builder builder(json, &offset);
  const CountingIterator begin(json.data(), &offset);
  const CountingIterator end(json.data() + json.size(), &offset);
  if (!nlohmann::json::sax_parse(begin, end, &builder)) {
    return absl::InvalidArgumentError(builder.error());
  }
  return builder.TakeRoot();
}

}  // namespace mentat
