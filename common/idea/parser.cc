#include "common/idea/parser.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace mentat::idea {
namespace {

using google::protobuf::Message;
using Kind = JsonReader::Kind;

std::string More(size_t count, std::string_view what) {
  return "and " + std::to_string(count) + " more " + std::string(what) + (count == 1 ? "" : "s");
}

void SetNumber(std::string_view literal, v1::Value* value) {
  int64_t integer = 0;
  const char* const end = literal.data() + literal.size();
  const auto [stop, error] = std::from_chars(literal.data(), end, integer);
  const bool is_minus_zero = integer == 0 && literal.front() == '-';
  if (stop == end && error == std::errc() && !is_minus_zero) {
    value->set_integer(integer);
  } else {
    value->set_number(literal.data(), literal.size());
  }
}

}  // namespace

std::string Shorten(std::string_view json) {
  constexpr size_t kMaxCharacters = 60;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  size_t characters = 0;
  for (size_t i = 0; i < json.size(); ++characters) {
    if (characters == kMaxCharacters) return result.append("…");
    const auto lead = static_cast<unsigned char>(json[i]);
    size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    length = std::min(length, json.size() - i);
    const auto second = static_cast<unsigned char>(length > 1 ? json[i + 1] : 0);
    if (lead < 0x20 || lead == 0x7f || (lead == 0xc2 && second < 0xa0)) {
      const unsigned char code = length > 1 ? second : lead;
      result.append("\\u00").append(1, kDigits[code >> 4]).append(1, kDigits[code & 15]);
    } else {
      result.append(json, i, length);
    }
    i += length;
  }
  return result;
}

Parser::Parser(std::string_view json, const Limits& limits, std::vector<Problem>* problems,
               std::vector<Problem>* warnings)
    : json_(json),
      limits_(limits),
      reader_(json, std::min(limits.max_depth, kMaxDepth)),
      problems_(problems),
      warnings_(warnings) {}

bool Parser::ParseEvent(v1::Event* event) {
  if (!CheckSize()) return Finish();
  const Kind kind = reader_.Peek();
  if (kind == Kind::kObject) {
    if (Object(EventSchema(), event)) reader_.Finish();
  } else if (kind != Kind::kError) {
    const JsonReader::Position start = reader_.Save();
    if (reader_.Skip() && reader_.Finish()) AddProblem(Mismatch(start, "an object"));
  }
  return Finish();
}

bool Parser::ParseValue(v1::Value* value) {
  if (CheckSize() && Value(value)) reader_.Finish();
  return Finish();
}

bool Parser::ParseField(const KeySchema& key, Message* message) {
  bool keep = false;
  Push(key.key);
  if (CheckSize() && Item(key, message, &keep)) reader_.Finish();
  --steps_;
  return Finish() && !keep;
}

bool Parser::Object(const ObjectSchema& schema, Message* message) {
  if (!reader_.Enter()) return false;
  uint64_t seen = 0;
  absl::InlinedVector<std::string_view, 16> unknown;
  for (std::string_view name; reader_.NextMember(&name);) {
    Push(name);
    const KeySchema* const key = schema.Find(name);
    bool go_on;
    if (key == nullptr) {
      unknown.push_back(name);
      go_on = UnknownKey(name, schema, message);
    } else if ((seen & key->bit) != 0) {
      AddProblem("the key is there more than once, expected it once");
      go_on = reader_.Skip();
    } else {
      seen |= key->bit;
      go_on = Field(*key, schema, message);
    }
    --steps_;
    if (!go_on) return false;
  }
  if (!reader_.ok()) return false;
  CheckDuplicates(&unknown);
  CheckMandatory(schema, seen);
  return true;
}

bool Parser::Field(const KeySchema& key, const ObjectSchema& schema, Message* message) {
  const Kind kind = reader_.Peek();
  const JsonReader::Position start = reader_.Save();
  bool keep = false;
  if (!key.is_list) {
    if (!Item(key, message, &keep)) return false;
  } else if (kind != Kind::kArray) {
    if (!reader_.Skip()) return false;
    Refuse(start, key, "a list, each item " + std::string(key.expected()), "", &keep);
  } else {
    if (!reader_.Enter()) return false;
    const size_t depth = steps_;
    size_t items = 0;
    while (reader_.NextItem()) {
      path_[depth - 1].index = ++items;
      if (!CheckListSize(items) || !Item(key, message, &keep)) return false;
    }
    if (!reader_.ok()) return false;
    // A repeated field cannot tell an empty list from none, which means something else in IDEA.
    keep = keep || items == 0;
  }
  if (!keep) return true;
  key.slot.reflection->ClearField(message, key.slot.field);
  reader_.Restore(start);
  v1::Member* const member = schema.mutable_unknown(message)->Add();
  member->set_key(key.key.data(), key.key.size());
  path_[steps_ - 1].index = 0;
  return Value(member->mutable_value());
}

bool Parser::Item(const KeySchema& key, Message* message, bool* keep) {
  const Kind kind = reader_.Peek();
  if (kind == Kind::kError) return false;
  if (key.object != nullptr && kind == Kind::kObject) {
    const auto& [field, reflection] = key.slot;
    return Object(*key.object, key.is_list ? reflection->AddMessage(message, field)
                                           : reflection->MutableMessage(message, field));
  }
  const JsonReader::Position start = reader_.Save();
  if (key.object != nullptr || kind == Kind::kArray || kind == Kind::kObject) {
    if (!reader_.Skip()) return false;
    Refuse(start, key, key.expected(), "", keep);
    return true;
  }
  Scalar scalar{kind, {}};
  if (kind == Kind::kText) {
    if (!reader_.ReadText(&scalar.text)) return false;
  } else if (kind == Kind::kNumber) {
    if (!reader_.ReadNumber(&scalar.text)) return false;
  } else {
    if (!reader_.ReadLiteral(kind)) return false;
  }
  const Reading reading = key.type->read(*key.type, scalar, key.slot, message);
  switch (reading.verdict) {
    case Reading::Verdict::kStored:
      break;
    case Reading::Verdict::kStoredGenerously:
      if (warnings_ != nullptr) {
        AddWarning("got " + Shorten(reader_.Since(start)) + ", " + reading.note + "; expected " +
                   std::string(key.expected()));
      }
      break;
    case Reading::Verdict::kTooLarge:
      *keep = true;
      if (warnings_ != nullptr) {
        AddWarning(Mismatch(start, key.expected(), reading.note) + "; kept as an unknown key");
      }
      break;
    case Reading::Verdict::kRefused:
      Refuse(start, key, key.expected(), reading.note, keep);
      break;
  }
  return true;
}

bool Parser::UnknownKey(std::string_view key, const ObjectSchema& schema, Message* message) {
  if (warnings_ != nullptr) {
    if (const KeySchema* const other = schema.FindOtherCase(key); other != nullptr) {
      AddWarning("an unknown key, kept as it is; the known one is written " +
                 std::string(other->key));
    }
  }
  v1::Member* const member = schema.mutable_unknown(message)->Add();
  member->set_key(key.data(), key.size());
  return Value(member->mutable_value());
}

bool Parser::Value(v1::Value* value) {
  std::string_view text;
  switch (const Kind kind = reader_.Peek()) {
    case Kind::kError:
      return false;
    case Kind::kNull:
      return reader_.ReadLiteral(kind);
    case Kind::kFalse:
    case Kind::kTrue:
      value->set_boolean(kind == Kind::kTrue);
      return reader_.ReadLiteral(kind);
    case Kind::kNumber:
      if (!reader_.ReadNumber(&text)) return false;
      SetNumber(text, value);
      return true;
    case Kind::kText:
      if (!reader_.ReadText(&text)) return false;
      value->set_text(text.data(), text.size());
      return true;
    case Kind::kArray:
      return Array(value);
    case Kind::kObject:
      break;
  }
  if (!reader_.Enter()) return false;
  v1::Object* const object = value->mutable_object();
  absl::InlinedVector<std::string_view, 16> keys;
  for (std::string_view key; reader_.NextMember(&key);) {
    keys.push_back(key);
    Push(key);
    v1::Member* const member = object->add_members();
    member->set_key(key.data(), key.size());
    if (!Value(member->mutable_value())) return false;
    --steps_;
  }
  if (!reader_.ok()) return false;
  CheckDuplicates(&keys);
  return true;
}

bool Parser::Array(v1::Value* value) {
  if (!reader_.Enter()) return false;
  v1::List* const list = value->mutable_list();
  // The items of a list within a list take a step without a key.
  Push({});
  size_t items = 0;
  while (reader_.NextItem()) {
    path_[steps_ - 1].index = ++items;
    if (!CheckListSize(items) || !Value(list->add_items())) return false;
  }
  --steps_;
  return reader_.ok();
}

void Parser::CheckDuplicates(absl::InlinedVector<std::string_view, 16>* keys) {
  if (keys->size() < 2) return;
  std::sort(keys->begin(), keys->end());
  for (size_t i = 1; i < keys->size(); ++i) {
    const bool is_second = (*keys)[i] == (*keys)[i - 1] && (i < 2 || (*keys)[i] != (*keys)[i - 2]);
    if (!is_second) continue;
    Push((*keys)[i]);
    AddProblem("the key is there more than once, expected it once");
    --steps_;
  }
}

void Parser::CheckMandatory(const ObjectSchema& schema, uint64_t seen) {
  if ((seen & schema.mandatory) == schema.mandatory) return;
  for (const KeySchema& key : schema.keys) {
    if (!key.is_mandatory || (seen & key.bit) != 0) continue;
    Push(key.key);
    AddProblem("missing, expected " + std::string(key.is_list ? "a list, each item " : "") +
               std::string(key.expected()));
    --steps_;
  }
}

bool Parser::CheckListSize(size_t items) {
  if (items <= limits_.max_list_items) return true;
  AddProblem("a list with more items than the limit, expected " +
             std::to_string(limits_.max_list_items) + " at most");
  return false;
}

bool Parser::CheckSize() {
  if (json_.size() <= limits_.max_bytes) return true;
  steps_ = 0;
  AddProblem("got " + std::to_string(json_.size()) + " bytes, expected " +
             std::to_string(limits_.max_bytes) + " at most");
  return false;
}

std::string Parser::Mismatch(const JsonReader::Position& start, std::string_view expected,
                             std::string_view note) const {
  std::string message = "got ";
  message.append(Shorten(reader_.Since(start))).append(", expected ").append(expected);
  if (!note.empty()) message.append(" (").append(note).append(")");
  return message;
}

void Parser::Refuse(const JsonReader::Position& start, const KeySchema& key,
                    std::string_view expected, std::string_view note, bool* keep) {
  if (!key.is_own) return AddProblem(Mismatch(start, expected, note));
  *keep = true;
  if (warnings_ != nullptr)
    AddWarning(Mismatch(start, expected, note) + "; kept as an unknown key");
}

std::string Parser::Path() const {
  std::string text;
  for (size_t i = 0; i < steps_; ++i) {
    const Step& step = path_[i];
    if (!step.key.empty()) {
      if (!text.empty()) text.push_back('.');
      text.append(Shorten(step.key));
    }
    if (step.index > 0) text.append("[").append(std::to_string(step.index)).append("]");
  }
  return text;
}

void Parser::AddProblem(std::string message) {
  if (problems_->size() < limits_.max_problems) {
    problems_->push_back({Path(), std::move(message)});
  } else {
    ++more_problems_;
  }
}

void Parser::AddWarning(std::string message) {
  if (warnings_ == nullptr) return;
  if (warnings_->size() < limits_.max_problems) {
    warnings_->push_back({Path(), std::move(message)});
  } else {
    ++more_warnings_;
  }
}

bool Parser::Finish() {
  if (!reader_.ok()) {
    steps_ = 0;
    AddProblem(reader_.error());
  }
  if (more_problems_ > 0) problems_->push_back({"", More(more_problems_, "problem")});
  if (more_warnings_ > 0) warnings_->push_back({"", More(more_warnings_, "warning")});
  return problems_->empty();
}

}  // namespace mentat::idea
