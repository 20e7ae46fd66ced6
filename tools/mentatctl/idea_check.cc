#include "tools/mentatctl/idea_check.h"

#include <string>
#include <string_view>
#include <vector>

#include "common/idea/json_reader.h"
#include "mentat/idea/v1/event.pb.h"
#include "tools/mentatctl/lines.h"

namespace mentat::mentatctl {
namespace {

using idea::Problem;

// `"errors":[{"path":"…","message":"…"}]`
void AppendProblems(std::string_view key, const std::vector<Problem>& problems, std::string* out) {
  out->append("\"").append(key).append("\":[");
  bool first = true;
  for (const Problem& problem : problems) {
    out->append(first ? "{\"path\":" : ",{\"path\":");
    first = false;
    idea::AppendJsonText(problem.path, out);
    out->append(",\"message\":");
    idea::AppendJsonText(problem.message, out);
    out->append("}");
  }
  out->append("]");
}

std::string Bad(const std::vector<Problem>& problems) {
  std::string verdict = "{\"ok\":false,";
  AppendProblems("errors", problems, &verdict);
  return verdict.append("}\n");
}

}  // namespace

int IdeaCheck(std::istream& in, std::ostream& out, bool normalize, const idea::Limits& limits) {
  int status = 0;
  std::string line;
  idea::v1::Event event;
  std::vector<Problem> problems;
  std::vector<Problem> warnings;
  for (Line read; (read = ReadLine(in, limits.max_bytes, &line)) != Line::kNone && out.good();) {
    if (read == Line::kTooLong) {
      status = 1;
      out << Bad({{"", "got a line of more than " + std::to_string(limits.max_bytes) +
                           " bytes, expected that many at most"}});
      continue;
    }
    if (IsBlank(line)) continue;
    if (!idea::ParseEvent(line, limits, &event, &problems, &warnings)) {
      status = 1;
      out << Bad(problems);
      continue;
    }
    std::string verdict = "{\"ok\":true";
    if (!warnings.empty()) AppendProblems("warnings", warnings, &verdict.append(","));
    if (normalize) idea::AppendEvent(event, &verdict.append(",\"event\":"));
    out << verdict.append("}\n");
  }
  out.flush();
  return out.good() ? status : 1;
}

}  // namespace mentat::mentatctl
