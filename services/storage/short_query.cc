#include "services/storage/short_query.h"

#include <memory>

#include "common/base/status_macros.h"
#include "common/idea/time.h"

namespace mentat::storage {

absl::StatusOr<int64_t> QueryNumber(store::Connection& connection, std::string_view sql,
                                    std::initializer_list<store::Parameter> parameters) {
  ASSIGN_OR_RETURN(std::unique_ptr<store::Transaction> transaction, connection.Begin());
  RETURN_IF_ERROR(transaction->ExecuteScript("SET LOCAL lock_timeout = '3s'"));
  ASSIGN_OR_RETURN(const store::Result result, transaction->Execute(sql, parameters));
  const int64_t number = result.Int(0, 0);
  RETURN_IF_ERROR(transaction->Commit());
  return number;
}

std::string TimeParameter(absl::Time time) {
  return idea::FormatTimestamp(absl::ToUnixMicros(time));
}

}  // namespace mentat::storage
