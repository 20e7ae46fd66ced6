#include "common/filter/pattern_index.h"

#include <utility>

#include "re2/re2.h"
#include "re2/set.h"

namespace mentat::filter {
namespace {

constexpr size_t kFewPatterns = 3;  // that are searched for one by one
// For the states that the texts so far led to; when it is full, they are built anew.
constexpr int64_t kMaxMemory = 32 << 20;
// A text that leads to ever new states costs much more than one pattern after the other would.
constexpr size_t kMaxTextBytes = 8192;

}  // namespace

struct PatternIndex::Set {
  Set(const re2::RE2::Options& options) : set(options, re2::RE2::UNANCHORED) {}
  re2::RE2::Set set;
};

PatternIndex::PatternIndex(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  if (patterns_.size() <= kFewPatterns) return;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMaxMemory);
  auto set = std::make_unique<Set>(options);
  for (const Pattern& pattern : patterns_) {
    if (set->set.Add(pattern.regex(), nullptr) < 0) return;
  }
  if (set->set.Compile()) set_ = std::move(set);
}

PatternIndex::PatternIndex(PatternIndex&&) noexcept = default;
PatternIndex::~PatternIndex() = default;

void PatternIndex::Find(std::string_view text, std::vector<int>* found) const {
  found->clear();
  if (set_ != nullptr && text.size() <= kMaxTextBytes) {
    re2::RE2::Set::ErrorInfo error{re2::RE2::Set::kNoError};
    if (set_->set.Match({text.data(), text.size()}, found, &error)) return;
    if (error.kind == re2::RE2::Set::kNoError) return;
    found->clear();
  }
  for (size_t i = 0; i < patterns_.size(); ++i) {
    if (patterns_[i].Search(text)) found->push_back(static_cast<int>(i));
  }
}

}  // namespace mentat::filter
