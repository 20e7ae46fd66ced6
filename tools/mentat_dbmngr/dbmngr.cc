// mentat-dbmngr: looks after Mentat's database, by hand or at an interval. The smallest script, to
// be copied: docs/writing-a-stage.md.
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/service/script/script.h"
#include "common/store/connection.h"
#include "common/store/migrations.h"
#include "mentat/config/v1/dbmngr.pb.h"

namespace mentat::dbmngr {
namespace {

using service::ScriptCommand;
using service::ScriptRun;
using service::ScriptWork;

// Tables and partitions with what they hold; rows as PostgreSQL estimates them.
constexpr char kSizes[] = R"(
  SELECT relname, greatest(reltuples, 0)::bigint, pg_total_relation_size(oid),
         coalesce(pg_get_expr(relpartbound, oid), '')
  FROM pg_class
  WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
  ORDER BY pg_total_relation_size(oid) DESC, relname LIMIT $1)";

class Dbmngr : public service::Script {
 public:
  using Config = config::v1::DbmngrConfig;
  static constexpr std::string_view kName = "dbmngr";

  Dbmngr(const Config& config, service::Context&) : config_(config.database()) {}

  std::vector<ScriptCommand> Commands() override {
    return {
        {"check", "says whether the schema is as this version of Mentat needs it",
         [this](CLI::App&) -> ScriptWork { return [this](ScriptRun& run) { return Check(run); }; }},
        {"migrate", "brings the schema to this version",
         [this](CLI::App&) -> ScriptWork {
           return [this](ScriptRun& run) { return Migrate(run); };
         }},
        {"status", "shows the migrations, and the largest tables",
         [this](CLI::App& app) -> ScriptWork {
           auto tables = std::make_shared<uint32_t>(20);
           app.add_option("--tables", *tables, "most tables to show; 20 by default");
           return [this, tables](ScriptRun& run) { return Status(*tables, run); };
         }}};
  }

 private:
  absl::StatusOr<std::unique_ptr<store::Connection>> Connect(
      absl::Duration statement_timeout) const {
    return store::Connection::Open(
        {.dsn = config_.dsn(),
         .connect_timeout = absl::Seconds(config_.connect_timeout_seconds()),
         .statement_timeout = statement_timeout,
         .application_name = "mentat-dbmngr"});
  }
  absl::Duration Timeout() const { return absl::Seconds(config_.statement_timeout_seconds()); }

  absl::Status Check(ScriptRun& run) const {
    ASSIGN_OR_RETURN(const auto connection, Connect(Timeout()));
    RETURN_IF_ERROR(store::CheckSchema(*connection));
    run.out << "the schema is as it should be\n";
    return absl::OkStatus();
  }

  absl::Status Migrate(ScriptRun& run) const {
    ASSIGN_OR_RETURN(const auto connection, Connect(absl::ZeroDuration()));
    return store::Migrate(*connection, store::Migrations(), [&run](std::string_view line) {
      run.out << line << "\n" << std::flush;
    });
  }

  absl::Status Status(uint32_t tables, ScriptRun& run) const {
    ASSIGN_OR_RETURN(const auto connection, Connect(Timeout()));
    ASSIGN_OR_RETURN(const auto applied, store::ReadAppliedMigrations(*connection));
    for (const store::AppliedMigration& each : applied) {
      run.out << absl::StrFormat("%04d_%s applied %s\n", each.version, each.name, each.time);
    }
    ASSIGN_OR_RETURN(const store::Result sizes,
                     connection->Execute(kSizes, {absl::StrCat(tables)}));
    int64_t bytes = 0;
    run.out << absl::StrFormat("%14s %16s  %s\n", "ROWS", "BYTES", "TABLE");
    for (size_t row = 0; row < sizes.rows(); ++row) {
      bytes += sizes.Int(row, 2);
      run.out << absl::StrFormat("%14d %16d  %s %s\n", sizes.Int(row, 1), sizes.Int(row, 2),
                                 std::string(sizes.Text(row, 0)), std::string(sizes.Text(row, 3)));
    }
    run.result("migrations", absl::StrCat(applied.size()));
    run.result("bytes", absl::StrCat(bytes));
    return store::CheckSchema(*connection);
  }

  const config::v1::DatabaseConfig config_;
};

}  // namespace
}  // namespace mentat::dbmngr

int main(int argc, char** argv) {
  return mentat::service::ScriptMain<mentat::dbmngr::Dbmngr>(argc, argv);
}
