// A real PostgreSQL server for tests: a cluster of its own in a new directory under /tmp, reachable
// through a Unix socket only, gone with the test that made it (even with one that is killed).
//
// Needs PostgreSQL's server programs (Debian: postgresql-15). PostgreSQL refuses to run as root;
// then it runs as the user `postgres`, or `nobody`. Bazel tests that use it carry `tags =
// ["no-sandbox", "requires-postgres"]`. Not thread-safe.
#ifndef COMMON_STORE_TESTING_PRIVATE_CLUSTER_H_
#define COMMON_STORE_TESTING_PRIVATE_CLUSTER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mentat::store {

struct PrivateClusterOptions {
  // Whether a commit waits for the disk, as in production.
  bool fsync = true;
  // Further settings, `name=value`.
  std::vector<std::string> settings;
};

class PrivateCluster {
 public:
  // Makes the cluster and starts its server.
  static absl::StatusOr<std::unique_ptr<PrivateCluster>> Create(
      const PrivateClusterOptions& options = {});
  ~PrivateCluster();
  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;

  // Makes a database; its connection string.
  absl::StatusOr<std::string> CreateDatabase(std::string_view name);
  std::string Dsn(std::string_view database) const;

  // All of these return when the server is up, or down.
  absl::Status Start();
  // `fast` ends the sessions first; `immediate` is as a crash.
  absl::Status Stop(std::string_view mode = "fast");
  absl::Status Restart(std::string_view mode = "fast");
  // SIGKILL for the server and all of its processes.
  absl::Status Kill9();

  // The directory of PostgreSQL's programs (psql and others).
  const std::string& bin_directory() const { return bin_directory_; }
  // The directory of the server's socket, .s.PGSQL.5432.
  const std::string& socket_directory() const { return directory_; }
  const std::string& log_file() const { return log_file_; }

 private:
  PrivateCluster() = default;
  absl::Status Initialize(const PrivateClusterOptions& options);
  // Runs a program as the server's user.
  absl::Status Run(std::vector<std::string> command) const;

  std::string bin_directory_;
  std::string directory_;
  std::string log_file_;
  std::vector<std::string> as_user_;  // prefix of a command that runs as the server's user
  int guard_fd_ = -1;                 // the guard cleans up when this is closed
  int guard_pid_ = -1;
};

}  // namespace mentat::store

#endif  // COMMON_STORE_TESTING_PRIVATE_CLUSTER_H_
