// Rules as people read them best: lines of bounded width, one operand of a long chain a line, and
// parentheses wherever readers of other languages would group otherwise.
//
// Stateless functions.
#ifndef COMMON_FILTER_FORMAT_H_
#define COMMON_FILTER_FORMAT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/filter/ast.h"
#include "common/filter/limits.h"

namespace mentat::filter {

inline constexpr size_t kFormatWidth = 100;  // characters of a line

// The rule laid out, without a newline at its end. It reads back as the same tree, and its form is
// the same again when it is formatted once more. What cannot be broken (a long text, a name) may
// stick out.
//
// InvalidArgument with `parse:` and the place if it is no rule, or if characters in it have no
// meaning and would be lost: the language has no comments.
absl::StatusOr<std::string> FormatRule(std::string_view text, const Limits& limits = {},
                                       size_t width = kFormatWidth);

// An expression laid out, and on one line. As in Print(), what was compiled shows what it means.
std::string Format(const Ast& ast, NodeId root, size_t width = kFormatWidth);
std::string FormatLine(const Ast& ast, NodeId root);

}  // namespace mentat::filter

#endif  // COMMON_FILTER_FORMAT_H_
