// What a parsed rule means for typed events: literals get their types, constants opposite the keys
// of times and addresses are converted, arithmetic between numbers is done, and a constant on the
// left of a name or a call changes places with it.
#ifndef COMMON_FILTER_COMPILE_H_
#define COMMON_FILTER_COMPILE_H_

#include "absl/status/status.h"
#include "common/filter/ast.h"

namespace mentat::filter {

// Compiles in place: new nodes are appended, the root moves. InvalidArgument with `compile:` and
// the place of a literal that cannot be read.
absl::Status CompileForEvents(Ast* ast);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_COMPILE_H_
