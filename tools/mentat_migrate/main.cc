// mentat-migrate: brings the schema of Mentat's database to the version of this program.
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/json_tree.h"
#include "common/base/secret_file.h"
#include "common/base/status_macros.h"
#include "common/store/backoff.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"

namespace mentat {
namespace {

constexpr char kUsage[] =
    R"(usage: mentat-migrate [--dsn DSN | --config FILE] [--status] [--wait SECONDS]

Brings the schema of Mentat's database to the version that this program knows. Safe to repeat, and
to run twice at once.

  --dsn DSN        connection string of the database, as libpq takes it
  --config FILE    take the connection string from a service's configuration (its `database.dsn`)
                   By default it is $MENTAT_DATABASE_DSN, else PostgreSQL's own PGHOST, PGDATABASE, …
  --status         change nothing; show the migrations and which of them are applied
  --wait SECONDS   how long to wait for a database that does not answer yet (0)

Exit status: 0 the schema is as this program needs it, 1 it is not, 2 wrong usage.
)";

struct Arguments {
  std::string dsn;
  std::string config;
  bool status = false;
  double wait_seconds = 0;
};

// The text at `database.dsn`, or in the file that it names as {"file": ...}.
absl::StatusOr<std::string> DsnOfConfig(const std::string& path) {
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  }
  absl::StatusOr<JsonNode> tree = ParseJsonTree(text);
  if (!tree.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", tree.status().message()));
  }
  const JsonNode* node = &*tree;
  for (const char* key : {"database", "dsn"}) {
    const JsonNode* found = nullptr;
    for (const auto& [name, member] : node->members) {
      if (name == key) found = &member;
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": there is no `database.dsn`"));
    }
    node = found;
  }
  if (node->members.size() == 1 && node->members[0].key == "file" &&
      node->members[0].value.IsText()) {
    ASSIGN_OR_RETURN(std::string dsn, ReadSmallFile(node->members[0].value.scalar.text()));
    if (dsn.ends_with('\n')) dsn.pop_back();
    return dsn;
  }
  if (!node->IsText()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": line ", node->line, ": expected a text or {\"file\": ...} as `database.dsn`"));
  }
  return node->scalar.text();
}

absl::StatusOr<std::unique_ptr<store::Connection>> Connect(const Arguments& arguments) {
  store::ConnectionOptions options;
  options.dsn = arguments.dsn;
  options.application_name = "mentat-migrate";
  options.statement_timeout = absl::ZeroDuration();
  const absl::Time deadline = absl::Now() + absl::Seconds(arguments.wait_seconds);
  store::Backoff backoff(absl::Milliseconds(100), absl::Seconds(1));
  while (true) {
    absl::StatusOr<std::unique_ptr<store::Connection>> connection =
        store::Connection::Open(options);
    if (connection.ok() || !absl::IsUnavailable(connection.status()) || absl::Now() >= deadline) {
      return connection;
    }
    backoff.Wait({});
  }
}

absl::Status ShowStatus(store::Connection& connection) {
  ASSIGN_OR_RETURN(const auto applied, store::ReadAppliedMigrations(connection));
  for (const auto& migration : applied) {
    std::printf("%04d_%s applied %s\n", migration.version, migration.name.c_str(),
                migration.time.c_str());
  }
  for (const auto& migration : store::Migrations()) {
    if (migration.version > static_cast<int>(applied.size())) {
      std::printf("%04d_%s missing\n", migration.version, std::string(migration.name).c_str());
    }
  }
  return store::CheckSchema(connection);
}

absl::Status Run(Arguments arguments) {
  if (!arguments.config.empty()) {
    ASSIGN_OR_RETURN(arguments.dsn, DsnOfConfig(arguments.config));
  } else if (const char* dsn = std::getenv("MENTAT_DATABASE_DSN");
             arguments.dsn.empty() && dsn != nullptr) {
    arguments.dsn = dsn;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<store::Connection> connection, Connect(arguments));
  if (arguments.status) return ShowStatus(*connection);
  return store::Migrate(*connection, store::Migrations(), [](std::string_view line) {
    std::printf("%s\n", std::string(line).c_str());
    std::fflush(stdout);
  });
}

int Main(int argc, char** argv) {
  const option options[] = {
      {"dsn", required_argument, nullptr, 'd'}, {"config", required_argument, nullptr, 'c'},
      {"status", no_argument, nullptr, 's'},    {"wait", required_argument, nullptr, 'w'},
      {"help", no_argument, nullptr, 'h'},      {nullptr, 0, nullptr, 0},
  };
  Arguments arguments;
  for (int key; (key = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    switch (key) {
      case 'd':
        arguments.dsn = optarg;
        break;
      case 'c':
        arguments.config = optarg;
        break;
      case 's':
        arguments.status = true;
        break;
      case 'w':
        if (!absl::SimpleAtod(optarg, &arguments.wait_seconds)) {
          std::fprintf(stderr, "mentat-migrate: --wait: expected a number, got `%s`\n", optarg);
          return 2;
        }
        break;
      case 'h':
        std::fputs(kUsage, stdout);
        return 0;
      default:
        std::fputs(kUsage, stderr);
        return 2;
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "mentat-migrate: unexpected argument `%s`\n%s", argv[optind], kUsage);
    return 2;
  }
  const absl::Status status = Run(arguments);
  if (!status.ok()) {
    std::fprintf(stderr, "mentat-migrate: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mentat

int main(int argc, char** argv) { return mentat::Main(argc, argv); }
