// Reads JSON into events and values. Part of the codec.
#ifndef COMMON_IDEA_PARSER_H_
#define COMMON_IDEA_PARSER_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "common/idea/codec.h"
#include "common/idea/json_reader.h"
#include "common/idea/schema.h"
#include "mentat/idea/v1/event.pb.h"

namespace mentat::idea {

// One reading of one JSON text. Problems are collected; functions return false when there is no
// going on.
class Parser {
 public:
  // The lists and the text must outlive the parser; `warnings` may be null.
  Parser(std::string_view json, const Limits& limits, std::vector<Problem>* problems,
         std::vector<Problem>* warnings);

  // Each reads the whole text and returns whether there were no problems.
  bool ParseEvent(v1::Event* event);
  bool ParseValue(v1::Value* value);
  // One value of a key, an item if it is a list. A value that does not fit is a problem even for
  // Mentat's own keys.
  bool ParseField(const KeySchema& key, google::protobuf::Message* message);

 private:
  // A step on the way to the value that is being read.
  struct Step {
    std::string_view key;
    size_t index;  // of an item, from 1; 0 for a value that is not within a list
  };

  void Push(std::string_view key) { path_[steps_++] = {key, 0}; }
  bool Object(const ObjectSchema& schema, google::protobuf::Message* message);
  bool Field(const KeySchema& key, const ObjectSchema& schema, google::protobuf::Message* message);
  // Sets `keep` if the value is right, or nobody's business, but does not fit into the field.
  bool Item(const KeySchema& key, google::protobuf::Message* message, bool* keep);
  bool UnknownKey(std::string_view key, const ObjectSchema& schema,
                  google::protobuf::Message* message);
  bool Value(v1::Value* value);
  bool Array(v1::Value* value);
  // Reports keys that occur more than once.
  void CheckDuplicates(absl::InlinedVector<std::string_view, 16>* keys);
  void CheckMandatory(const ObjectSchema& schema, uint64_t seen);
  bool CheckListSize(size_t items);
  bool CheckSize();

  // `got …, expected …` for the value that begins at `start` and has been read.
  std::string Mismatch(const JsonReader::Position& start, std::string_view expected,
                       std::string_view note = "") const;
  void Refuse(const JsonReader::Position& start, const KeySchema& key, std::string_view expected,
              std::string_view note, bool* keep);
  std::string Path() const;
  void AddProblem(std::string message);
  void AddWarning(std::string message);
  // Completes the lists; returns whether there were no problems.
  bool Finish();

  const std::string_view json_;
  const Limits& limits_;
  JsonReader reader_;
  std::vector<Problem>* const problems_;
  std::vector<Problem>* const warnings_;
  size_t more_problems_ = 0;
  size_t more_warnings_ = 0;
  // Every step but the first goes into an object or an array, and a key that is missing or there
  // twice takes one more.
  std::array<Step, kMaxDepth + 2> path_;
  size_t steps_ = 0;
};

// A piece of JSON for people: about 60 characters at most, control characters escaped.
std::string Shorten(std::string_view json);

}  // namespace mentat::idea

#endif  // COMMON_IDEA_PARSER_H_
