#include "common/store/pool.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/store/migrations.h"

namespace mentat::store {

absl::StatusOr<std::unique_ptr<Connection>> Pool::Take() {
  std::unique_ptr<Connection> connection;
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  // One that was lost while nobody used it is nobody's trouble.
  if (connection != nullptr && connection->Execute("SELECT 1").ok()) return connection;
  connection = nullptr;
  auto opened = Connection::Open(options_);
  if (!opened.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the database is not to be had: ", opened.status().message()));
  }
  RETURN_IF_ERROR(CheckSchema(**opened));
  return opened;
}

absl::Status Pool::Use(const std::function<absl::Status(Connection&)>& action) {
  {
    const MutexLock lock(mutex_);
    if (!given_back_.WaitFor(
            mutex_, absl::ToChronoMilliseconds(patience_),
            [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return in_use_ < most_; })) {
      return absl::UnavailableError(
          absl::StrCat("all ", most_, " connections to the database are in use"));
    }
    ++in_use_;
  }
  std::unique_ptr<Connection> keep;
  const absl::Cleanup give_back = [&] {
    {
      const MutexLock lock(mutex_);
      --in_use_;
      if (keep != nullptr) idle_.push_back(std::move(keep));
    }
    given_back_.NotifyOne();
  };
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Take());
  absl::Status status = action(*connection);
  if (!absl::IsUnavailable(status) && !absl::IsInternal(status)) keep = std::move(connection);
  return status;
}

}  // namespace mentat::store
