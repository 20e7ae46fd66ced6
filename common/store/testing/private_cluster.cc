#include "common/store/testing/private_cluster.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/store/connection.h"

extern char** environ;

namespace mentat::store {
namespace {

constexpr char kSuperuser[] = "mentat";

absl::Status Errno(std::string_view what) {
  return absl::InternalError(absl::StrCat(std::string(what), ": ", std::strerror(errno)));
}

// The newest installed PostgreSQL.
absl::StatusOr<std::string> FindBinDirectory() {
  namespace fs = std::filesystem;
  std::error_code error;
  int newest = 0;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    int version = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &version) &&
        fs::exists(entry.path() / "bin/initdb")) {
      newest = std::max(newest, version);
    }
  }
  if (newest < 14) {
    return absl::NotFoundError("no PostgreSQL of version 14 or newer in /usr/lib/postgresql");
  }
  return absl::StrCat("/usr/lib/postgresql/", newest, "/bin");
}

std::string ShellQuote(std::string_view word) {
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Starts a program with the given descriptors as standard input and output.
absl::StatusOr<int> Spawn(const std::vector<std::string>& command, int input, int output,
                          bool new_session) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  if (new_session) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  int pid = -1;
  errno = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (errno != 0) return Errno(absl::StrCat("cannot start ", command[0]));
  return pid;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateCluster>> PrivateCluster::Create(
    const PrivateClusterOptions& options) {
  std::unique_ptr<PrivateCluster> cluster(new PrivateCluster);
  RETURN_IF_ERROR(cluster->Initialize(options));
  RETURN_IF_ERROR(cluster->Start());
  return cluster;
}

absl::Status PrivateCluster::Initialize(const PrivateClusterOptions& options) {
  ASSIGN_OR_RETURN(bin_directory_, FindBinDirectory());
  // Not in the test's own directory: the path of a Unix socket has 107 bytes at the most.
  char path[] = "/tmp/mentat-pg-XXXXXX";
  if (mkdtemp(path) == nullptr) return Errno("mkdtemp");
  directory_ = path;
  log_file_ = directory_ + "/server.log";
  chmod(path, 0755);
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr) user = getpwnam("nobody");
    if (user == nullptr) return absl::NotFoundError("there is no user postgres and no user nobody");
    if (chown(path, user->pw_uid, user->pw_gid) != 0) return Errno("chown");
    as_user_ = {"setpriv", absl::StrCat("--reuid=", user->pw_uid),
                absl::StrCat("--regid=", user->pw_gid), "--clear-groups", "--"};
  }

  // The guard outlives this process if it must: the end of its standard input is its signal.
  int guard[2];
  if (pipe2(guard, O_CLOEXEC) != 0) return Errno("pipe2");
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const std::string script =
      absl::StrCat("trap '' INT TERM HUP; read line; ", absl::StrJoin(as_user_, " "), " ",
                   ShellQuote(bin_directory_ + "/pg_ctl"), " stop -s -w -m immediate -D ",
                   ShellQuote(directory_ + "/data"), "; rm -rf ", ShellQuote(directory_));
  absl::StatusOr<int> pid = Spawn({"/bin/sh", "-c", script}, guard[0], null, /*new_session=*/true);
  close(guard[0]);
  close(null);
  guard_fd_ = guard[1];
  RETURN_IF_ERROR(pid.status());
  guard_pid_ = *pid;

  RETURN_IF_ERROR(Run({bin_directory_ + "/initdb", "--no-sync", "--auth=trust", "--encoding=UTF8",
                       "--locale=C.UTF-8", "-U", kSuperuser, "-D", directory_ + "/data"}));
  std::ofstream configuration(directory_ + "/data/postgresql.conf", std::ios::app);
  configuration << "listen_addresses = ''\n"
                << "unix_socket_directories = '" << directory_ << "'\n"
                << "timezone = 'UTC'\n"
                << "shared_buffers = '64MB'\n"
                << "fsync = " << (options.fsync ? "on" : "off") << "\n";
  for (const std::string& setting : options.settings) configuration << setting << "\n";
  configuration.close();
  if (!configuration) return absl::InternalError("cannot write postgresql.conf");
  return absl::OkStatus();
}

PrivateCluster::~PrivateCluster() {
  if (guard_fd_ >= 0) close(guard_fd_);
  if (guard_pid_ > 0) waitpid(guard_pid_, nullptr, 0);
}

absl::Status PrivateCluster::Run(std::vector<std::string> command) const {
  command.insert(command.begin(), as_user_.begin(), as_user_.end());
  const std::string output = directory_ + "/command.log";
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int log = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  absl::StatusOr<int> pid = Spawn(command, null, log, /*new_session=*/false);
  close(null);
  close(log);
  RETURN_IF_ERROR(pid.status());
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat(absl::StrJoin(command, " "), " failed:\n",
                                            ReadAll(output), ReadAll(log_file_)));
  }
  return absl::OkStatus();
}

absl::Status PrivateCluster::Start() {
  return Run({bin_directory_ + "/pg_ctl", "start", "-s", "-w", "-t", "120", "-D",
              directory_ + "/data", "-l", log_file_});
}

absl::Status PrivateCluster::Stop(std::string_view mode) {
  return Run({bin_directory_ + "/pg_ctl", "stop", "-s", "-w", "-t", "120", "-m", std::string(mode),
              "-D", directory_ + "/data"});
}

absl::Status PrivateCluster::Restart(std::string_view mode) {
  RETURN_IF_ERROR(Stop(mode));
  return Start();
}

absl::Status PrivateCluster::Kill9() {
  int server = 0;
  std::ifstream(directory_ + "/data/postmaster.pid") >> server;
  if (server <= 0) return absl::FailedPreconditionError("the server does not run");
  // A stopped server starts no further processes while they are gathered.
  kill(server, SIGSTOP);
  std::vector<int> processes = {server};
  std::ifstream children(absl::StrCat("/proc/", server, "/task/", server, "/children"));
  for (int child = 0; children >> child;) processes.push_back(child);
  std::vector<pollfd> ends;
  for (int process : processes) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
    if (fd >= 0) ends.push_back({fd, POLLIN, 0});
    kill(process, SIGKILL);
  }
  for (pollfd& end : ends) {
    while (poll(&end, 1, -1) < 0 && errno == EINTR) {
    }
    close(end.fd);
  }
  return absl::OkStatus();
}

std::string PrivateCluster::Dsn(std::string_view database) const {
  return absl::StrCat("host=", directory_, " user=", kSuperuser, " dbname=", std::string(database));
}

absl::StatusOr<std::string> PrivateCluster::CreateDatabase(std::string_view name) {
  ConnectionOptions options;
  options.dsn = Dsn("postgres");
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(options));
  RETURN_IF_ERROR(
      connection->Execute(absl::StrCat("CREATE DATABASE \"", std::string(name), "\"")).status());
  return Dsn(name);
}

}  // namespace mentat::store
