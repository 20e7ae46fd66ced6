// Rules are read as trees whose nodes know their lines.
#ifndef SERVICES_INSPECTOR_JSON_TREE_H_
#define SERVICES_INSPECTOR_JSON_TREE_H_

#include "common/base/json_tree.h"

namespace mentat::inspector {

using mentat::JsonNode;
using mentat::ParseJsonTree;

}  // namespace mentat::inspector

#endif  // SERVICES_INSPECTOR_JSON_TREE_H_
