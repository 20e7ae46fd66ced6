// What a rule is once it has been read: a compiled condition and typed actions. docs/rules.md
// describes the file format and what the actions do.
#ifndef SERVICES_INSPECTOR_RULE_H_
#define SERVICES_INSPECTOR_RULE_H_

#include <string>
#include <variant>
#include <vector>

#include "common/filter/filter.h"
#include "common/idea/jpath.h"
#include "common/idea/setter.h"
#include "common/service/log.h"

namespace mentat::inspector {

// Puts a constant at a path.
struct TagAction {
  idea::Setter setter;
};

// Puts the value of an expression over the event at a path.
struct SetAction {
  idea::Path path;
  filter::Filter expression;
  idea::SetOptions options;
};

// Removes what is at a path.
struct UnsetAction {
  idea::Path path;
};

// Ends the event's way.
struct DropAction {
  std::string label;  // said in the log
};

// Sends the event to another output in place of the default one.
struct DispatchAction {
  std::string output;
};

// Sends a copy of the event, as it is at that moment, to another output as well.
struct DuplicateAction {
  std::string output;
};

// Writes a line to the log.
struct LogAction {
  std::string label;
  log::Level level = log::Level::kWarning;
};

struct Action {
  std::string name;
  std::variant<TagAction, SetAction, UnsetAction, DropAction, DispatchAction, DuplicateAction,
               LogAction>
      what;
};

struct Rule {
  std::string name;
  std::string description;
  filter::Filter condition;
  bool final = false;  // no rule after this one is looked at when it matches
  std::vector<Action> actions;
};

// The enabled rules of a whole set, with their enabled actions.
struct Rules {
  std::vector<Rule> rules;
  std::vector<Action> fallback;  // for an event that no rule matched
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_RULE_H_
