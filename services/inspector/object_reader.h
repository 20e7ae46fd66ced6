// Reads the members of one JSON object by their keys and notes all that is wrong with them.
#ifndef SERVICES_INSPECTOR_OBJECT_READER_H_
#define SERVICES_INSPECTOR_OBJECT_READER_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json_tree.h"

namespace mentat::inspector {

// One thing to be said about a file.
struct Finding {
  std::string file;
  int line = 0;         // counted from 1; 0 if it is about the file as a whole
  std::string where;    // `rule 3 "lab traffic", action 1 (dispatch), args.output`
  std::string message;  // may have several lines

  // `file:line: where: message`.
  std::string Format() const;
};

// A place in a file that findings are about; cheap to copy.
struct Place {
  std::string_view file;
  std::string where;
  std::vector<Finding>* findings;

  void Note(int line, std::string_view key, std::string_view message) const;
};

// `word`'s nearest neighbour among `known`, as ` (did you mean "x"?)`; empty if none is near.
std::string DidYouMean(std::string_view word, const std::set<std::string>& known);

// Used by one thread; the node outlives it.
class ObjectReader {
 public:
  // A node that is no object is noted as wrong and read as an empty object. `prefix` is put before
  // the keys in findings (`args.`).
  ObjectReader(const JsonNode& node, Place place, std::string prefix = "");

  // The member, or null. The key is known from now on.
  const JsonNode* Find(const std::string& key);
  // The same; that it is missing is noted.
  const JsonNode* Require(const std::string& key);

  // The member as a text or a flag; one of another type is noted.
  std::string Text(const std::string& key, std::string_view otherwise);
  bool Flag(const std::string& key, bool otherwise);
  // A text that must be there and not be empty; else null, which has been noted.
  const std::string* RequireText(const std::string& key);
  // The items of a list that may be missing.
  const std::vector<JsonNode>* List(const std::string& key);

  // The line of a member, or of the object if there is no such member.
  int LineOf(const std::string& key) const;
  void Note(const std::string& key, std::string_view message) const;
  const Place& place() const { return place_; }

  // Notes the keys that nobody asked for and those that stand twice.
  void Finish() const;

 private:
  const JsonNode* Peek(const std::string& key) const;

  const JsonNode& node_;
  const bool is_object_;
  Place place_;
  std::string prefix_;
  std::set<std::string> known_;
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_OBJECT_READER_H_
