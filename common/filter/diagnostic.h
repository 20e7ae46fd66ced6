// Places in the text of a rule, and what is said of them.
#ifndef COMMON_FILTER_DIAGNOSTIC_H_
#define COMMON_FILTER_DIAGNOSTIC_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mentat::filter {

// A place in the text of a rule, counted from 1, with what is to be said of it.
struct Diagnostic {
  int line = 1;
  int column = 1;  // in characters
  std::string message;

  // `line 1, column 7: message`, the line of the text, and a caret below the place. Of a very long
  // line only the part around the place is shown.
  std::string Format(std::string_view text) const;
};

// The diagnostic of the place `offset` bytes into `text`.
Diagnostic DiagnosticAt(std::string_view text, size_t offset, std::string message);

// The steps that can fail.
enum class Stage : unsigned char { kParse, kCompile, kEvaluate };

// `parse`, `compile` or `eval`.
std::string_view StageName(Stage stage);

// InvalidArgument with the message `STAGE: line L, column C: …` and the lines with the caret.
absl::Status ErrorAt(Stage stage, std::string_view text, size_t offset, std::string_view message);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_DIAGNOSTIC_H_
