// What `mentatctl top` shows, as lines of text.
#ifndef TOOLS_MENTATCTL_TOP_VIEW_H_
#define TOOLS_MENTATCTL_TOP_VIEW_H_

#include <string>
#include <vector>

#include "mentat/controller/v1/controller.pb.h"

namespace mentat::mentatctl {

// What is known.
struct TopData {
  std::string controller;  // its address
  controller::v1::GetStatusResponse status;
  controller::v1::GetTopologyResponse topology;
  std::string error;  // why nothing new has come, where that is so
};

enum class TopOrder { kFlow, kRate, kHeld, kOldest, kMemory };

struct TopOptions {
  TopOrder order = TopOrder::kFlow;
  bool edges = true;  // whether to show who sends to whom
  bool color = false;
  size_t columns = 80;
  size_t rows = 0;    // 0: as many as it takes, and no line about keys
  size_t scroll = 0;  // instances that are passed over
};

// At most `rows` lines of at most `columns` characters: how it is as a whole, the instances, the
// edges as far as there is room, the keys.
std::vector<std::string> TopLines(const TopData& data, const TopOptions& options);

}  // namespace mentat::mentatctl

#endif  // TOOLS_MENTATCTL_TOP_VIEW_H_
