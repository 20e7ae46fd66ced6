// `mentatctl idea check [--normalize] < events.ndjson`: whether events are valid, and why not.
#ifndef TOOLS_MENTATCTL_IDEA_CHECK_H_
#define TOOLS_MENTATCTL_IDEA_CHECK_H_

#include <istream>
#include <ostream>

#include "common/idea/codec.h"

namespace mentat::mentatctl {

// Reads events, one a line, and writes a line of JSON for each, in their order: `{"ok":true}` or
// `{"ok":false,"errors":[{"path":…,"message":…}]}`. A valid event comes with `"warnings"`, of the
// same form, if it was read generously, and with `"event"`, normalised, if `normalize` is set.
// Blank lines are passed over. A line beyond the limit is an error, and never held in memory as a
// whole.
//
// Returns the exit status: 1 if any event was bad, or the output could not be written, else 0.
int IdeaCheck(std::istream& in, std::ostream& out, bool normalize, const idea::Limits& limits = {});

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_IDEA_CHECK_H_
