#include "common/filter/pattern_index.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "re2/filtered_re2.h"
#include "re2/re2.h"

namespace mentat::filter {
namespace {

constexpr size_t kFewPatterns = 3;          // that are searched for one by one
constexpr int kMinWordBytes = 3;            // shorter ones are in almost every text
constexpr size_t kMaxWordBytes = 64 << 10;  // of all words together

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The words are in lower case by the rules of Unicode. Only two other characters have a letter of
// ASCII for their lower case: the Kelvin sign, and I with a dot.
bool HasOtherUpperCase(std::string_view text) {
  return text.find("\u212A") != std::string_view::npos ||
         text.find("\u0130") != std::string_view::npos;
}

}  // namespace

PatternIndex::PatternIndex(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  if (patterns_.size() <= kFewPatterns) return;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  auto filter = std::make_unique<re2::FilteredRE2>(kMinWordBytes);
  for (const Pattern& pattern : patterns_) {
    int number = 0;
    if (filter->Add(pattern.regex(), options, &number) != re2::RE2::NoError) return;
  }
  std::vector<std::string> words;
  filter->Compile(&words);
  std::vector<std::string> ascii;
  size_t bytes = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].empty() || !IsAscii(words[i])) {
      other_words_.push_back(static_cast<int>(i));
      continue;
    }
    bytes += words[i].size();
    ascii.push_back(words[i]);
    word_numbers_.push_back(static_cast<int>(i));
  }
  if (bytes > kMaxWordBytes) return;
  words_.emplace(ascii);
  filter_ = std::move(filter);
}

PatternIndex::PatternIndex(PatternIndex&&) noexcept = default;
PatternIndex::~PatternIndex() = default;

void PatternIndex::FindCandidates(std::string_view text, std::vector<int>* found) const {
  if (filter_ == nullptr || HasOtherUpperCase(text)) {
    found->resize(patterns_.size());
    std::iota(found->begin(), found->end(), 0);
    return;
  }
  std::vector<int> present = other_words_;
  std::vector<bool> seen(word_numbers_.size(), false);
  words_->Find(text, [&](uint32_t word) {
    if (seen[word]) return;
    seen[word] = true;
    present.push_back(word_numbers_[word]);
  });
  filter_->AllPotentials(present, found);
}

void PatternIndex::Find(std::string_view text, std::vector<int>* found) const {
  FindCandidates(text, found);
  found->erase(std::remove_if(found->begin(), found->end(),
                              [&](int pattern) { return !patterns_[pattern].Search(text); }),
               found->end());
}

}  // namespace mentat::filter
