// Reads one action of a rule, and the expressions of rules and actions.
//
// Stateless functions, thread-safe.
#ifndef SERVICES_INSPECTOR_ACTION_LOADER_H_
#define SERVICES_INSPECTOR_ACTION_LOADER_H_

#include <optional>
#include <string>
#include <vector>

#include "common/filter/filter.h"
#include "services/inspector/load_options.h"
#include "services/inspector/object_reader.h"
#include "services/inspector/rule.h"

namespace mentat::inspector {

// What is wrong goes to `place.findings`, what the expression probably does not mean to `warnings`.
std::optional<Action> ReadAction(const JsonNode& node, const Place& place,
                                 const LoadOptions& options, bool* enabled,
                                 std::vector<Finding>* warnings);

// Compiles the text that stands under `key`.
std::optional<filter::Filter> CompileFilter(const std::string& text, const ObjectReader& reader,
                                            const std::string& key, std::vector<Finding>* warnings);

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_ACTION_LOADER_H_
