#include "common/filter/literal_index.h"

namespace mentat::filter {

LiteralIndex::LiteralIndex(const std::vector<std::string>& literals) {
  classes_.fill(1);
  for (const std::string& literal : literals) {
    for (const char byte : literal) {
      uint8_t& of_byte = classes_[static_cast<unsigned char>(byte)];
      // Literals are UTF-8, which leaves some of the 256 bytes out.
      if (of_byte == 1) of_byte = static_cast<uint8_t>(row_size_++);
    }
  }
  for (unsigned char upper = 'A'; upper <= 'Z'; ++upper) {
    classes_[upper] = classes_[static_cast<unsigned char>(upper - 'A' + 'a')];
  }

  // The tree of all literals; 0, the root, stands for no child as well.
  const auto add_state = [this] {
    const auto state = static_cast<uint32_t>(rows_.size());
    rows_.resize(rows_.size() + row_size_, 0);
    rows_[state] = kNone;
    return state;
  };
  add_state();
  for (uint32_t number = 0; number < literals.size(); ++number) {
    uint32_t state = 0;
    for (const char byte : literals[number]) {
      const uint32_t at = state + classes_[static_cast<unsigned char>(byte)];
      if (rows_[at] == 0) {
        const uint32_t added = add_state();
        rows_[at] = added;
      }
      state = rows_[at];
    }
    ends_.push_back({number, rows_[state]});
    rows_[state] = static_cast<uint32_t>(ends_.size() - 1);
  }

  // Breadth first: where a state has no child, it goes on as the longest literal's beginning that
  // it ends with does, and what ends there ends here.
  std::vector<uint32_t> fallback(rows_.size() / row_size_, 0);
  std::vector<uint32_t> queue = {0};
  for (size_t i = 0; i < queue.size(); ++i) {
    const uint32_t state = queue[i];
    const uint32_t other = fallback[state / row_size_];
    for (uint32_t c = 1; c < row_size_; ++c) {
      uint32_t& child = rows_[state + c];
      const uint32_t instead = state == 0 ? 0 : rows_[other + c];
      if (child == 0) {
        child = instead;
        continue;
      }
      fallback[child / row_size_] = instead;
      uint32_t* end = &rows_[child];
      while (*end != kNone) end = &ends_[*end].next;
      *end = rows_[instead];
      queue.push_back(child);
    }
  }
}

}  // namespace mentat::filter
