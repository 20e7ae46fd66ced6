// `mentatctl filter EXPR [--raw] [--count|--value|--explain] < events.ndjson`,
// `mentatctl filter --format [EXPR] < rule` and
// `mentatctl filter --cases < cases.ndjson`: the filter language at the command line.
#ifndef TOOLS_MENTATCTL_FILTER_INPUT_H_
#define TOOLS_MENTATCTL_FILTER_INPUT_H_

#include <istream>
#include <ostream>
#include <string>

#include "common/filter/limits.h"
#include "common/idea/codec.h"

namespace mentat::mentatctl {

struct FilterOptions {
  enum class Output {
    kEvents,   // the lines of the events that match, unchanged
    kCount,    // how many match
    kValue,    // a line for each event: `{"value":V,"truth":…}` or
               // `{"error":{"stage":…,"message":…}}`
    kExplain,  // for each event what the parts of the expression came to
    kFormat,   // the expression laid out; no event is read
  };

  std::string expression;  // of kFormat the whole input if it is empty
  bool raw = false;        // the raw form of the language, on the JSON as it is
  Output output = Output::kEvents;
  // The input is lines of `{"expr":…,"event":{…},"raw":false}`, the output as of kValue; the fields
  // above are not looked at.
  bool cases = false;
  filter::Limits filter_limits;
  idea::Limits event_limits;
};

// Reads events, one a line, blank lines passed over. Mandatory keys may be missing; what else is
// wrong with an event is reported, with --value as an error of the stage `event`, and a line of
// --cases that is none as one of the stage `case`. A bad expression is reported once on `err`, with
// --value for each event; warnings about the expression go to `err`.
//
// Returns the exit status: 0; 1 if an event could not be read or evaluated; 2 if the expression is
// bad. With --value and --cases errors are results, and only unreadable lines make it 1.
int FilterInput(const FilterOptions& options, std::istream& in, std::ostream& out,
                std::ostream& err);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_FILTER_INPUT_H_
