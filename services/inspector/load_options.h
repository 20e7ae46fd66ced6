// What rules may refer to.
#ifndef SERVICES_INSPECTOR_LOAD_OPTIONS_H_
#define SERVICES_INSPECTOR_LOAD_OPTIONS_H_

#include <map>
#include <set>
#include <string>

namespace mentat::inspector {

struct LoadOptions {
  std::set<std::string> outputs;              // of the stage, by name
  std::map<std::string, std::string> queues;  // outputs by the original's queue directories
};

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_LOAD_OPTIONS_H_
