// Events that no validator accepts.
#ifndef TOOLS_IDEAGEN_BAD_H_
#define TOOLS_IDEAGEN_BAD_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/ideagen/event.h"

namespace mentat::ideagen {

// One way to spoil an event.
struct BadKind {
  std::string_view name;  // letters only
  // The text of the event, made of a valid one.
  std::string (*spoil)(Json event);
};

// All kinds; the first is the empty text.
const std::vector<BadKind>& BadKinds();

}  // namespace mentat::ideagen

#endif  // TOOLS_IDEAGEN_BAD_H_
