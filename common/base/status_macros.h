// Status plumbing: return early with an error, or go on with the value.
//
//   RETURN_IF_ERROR(file.Close());
//   ASSIGN_OR_RETURN(std::string text, ReadFile(path));
#ifndef COMMON_BASE_STATUS_MACROS_H_
#define COMMON_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#define MENTAT_CONCAT_INNER_(a, b) a##b
#define MENTAT_CONCAT_(a, b) MENTAT_CONCAT_INNER_(a, b)
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_IMPL_(MENTAT_CONCAT_(status_or_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                   \
  if (!result.ok()) return std::move(result).status();          \
  declaration = std::move(result).value()

#endif  // COMMON_BASE_STATUS_MACROS_H_
