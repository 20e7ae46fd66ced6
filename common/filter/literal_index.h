// Many short texts, searched for in one pass over a long one (Aho and Corasick, 1975).
#ifndef COMMON_FILTER_LITERAL_INDEX_H_
#define COMMON_FILTER_LITERAL_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mentat::filter {

// Immutable, thread-safe. Upper-case letters of ASCII in the text count as lower-case ones; the
// literals are to be in lower case.
class LiteralIndex {
 public:
  // None of the literals is empty. Takes up to (their bytes together) × (different bytes) × 4
  // bytes of memory.
  explicit LiteralIndex(const std::vector<std::string>& literals);

  // Calls `hit` with the number of a literal each time that one ends in the text.
  template <typename Hit>
  void Find(std::string_view text, const Hit& hit) const {
    uint32_t state = 0;
    for (const char byte : text) {
      state = rows_[state + classes_[static_cast<unsigned char>(byte)]];
      for (uint32_t at = rows_[state]; at != kNone; at = ends_[at].next) {
        hit(ends_[at].literal);
      }
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct End {
    uint32_t literal;
    uint32_t next;  // of a shorter literal that ends there, too
  };

  // A row for each state: the first of what ends there, in ends_; then the state that each class of
  // bytes leads to, as the place of its row. Bytes that occur in no literal are of class 1.
  std::vector<uint32_t> rows_;
  std::array<uint8_t, 256> classes_;
  uint32_t row_size_ = 2;
  std::vector<End> ends_;
};

}  // namespace mentat::filter

#endif  // COMMON_FILTER_LITERAL_INDEX_H_
