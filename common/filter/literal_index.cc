#include "common/filter/literal_index.h"

namespace mentat::filter {

LiteralIndex::LiteralIndex(const std::vector<std::string>& literals) {
  for (const std::string& literal : literals) {
    for (const char byte : literal) {
      uint8_t& of_byte = classes_[static_cast<unsigned char>(byte)];
      // Literals are UTF-8, which leaves some of the 256 bytes out.
      if (of_byte == 0) of_byte = static_cast<uint8_t>(class_count_++);
    }
  }
  for (unsigned char upper = 'A'; upper <= 'Z'; ++upper) {
    classes_[upper] = classes_[static_cast<unsigned char>(upper - 'A' + 'a')];
  }

  // The tree of all literals; 0, the root, stands for no child as well.
  const auto add_state = [this] {
    const auto state = static_cast<uint32_t>(next_.size());
    next_.resize(next_.size() + class_count_, 0);
    first_end_.push_back(kNone);
    return state;
  };
  add_state();
  for (uint32_t number = 0; number < literals.size(); ++number) {
    uint32_t state = 0;
    for (const char byte : literals[number]) {
      const uint32_t at = state + classes_[static_cast<unsigned char>(byte)];
      if (next_[at] == 0) {
        const uint32_t added = add_state();
        next_[at] = added;
      }
      state = next_[at];
    }
    uint32_t& first = first_end_[state / class_count_];
    ends_.push_back({number, first});
    first = static_cast<uint32_t>(ends_.size() - 1);
  }

  // Breadth first: where a state has no child, it goes on as the longest literal's beginning that
  // it ends with does, and what ends there ends here.
  std::vector<uint32_t> fallback(first_end_.size(), 0);
  std::vector<uint32_t> queue = {0};
  for (size_t i = 0; i < queue.size(); ++i) {
    const uint32_t state = queue[i];
    const uint32_t other = fallback[state / class_count_];
    for (uint32_t c = 0; c < class_count_; ++c) {
      uint32_t& child = next_[state + c];
      const uint32_t instead = state == 0 ? 0 : next_[other + c];
      if (child == 0) {
        child = instead;
        continue;
      }
      fallback[child / class_count_] = instead;
      uint32_t* end = &first_end_[child / class_count_];
      while (*end != kNone) end = &ends_[*end].next;
      *end = first_end_[instead / class_count_];
      queue.push_back(child);
    }
  }
}

}  // namespace mentat::filter
