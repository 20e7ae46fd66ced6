// The storage's way into the database beside psql's \copy of the very same rows into the same
// indexed table, on one durable server.
//
//   ./mentat bench storage
//   storage_benchmark [--json] [--quick] [WORKERS [EVENTS_A_TRANSACTION]]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/benchmark_report.h"
#include "common/store/event_row.h"
#include "services/storage/storage_fixture.h"

namespace mentat::storage {
namespace {

struct Options {
  int events = 100'000;
  int workers = 2;
  int transaction = 2560;
};

// Events as various as those of some dozen detectors.
std::vector<std::string> MakeEvents(int count) {
  const char* categories[] = {"Recon.Scanning", "Attempt.Login", "Abusive.Spam",
                              "Intrusion.Botnet"};
  const char* protocols[] = {"tcp", "udp", "ssh", "http", "telnet"};
  const char* classes[] = {"recon-scanning", "attempt-login-ssh", "abusive-spam-spammer"};
  const char* severities[] = {"low", "medium", "high"};
  const char* countries[] = {"CZ", "DE", "US", "CN", "BR"};
  std::mt19937 random(1);
  const auto any = [&](const auto& list) { return list[random() % std::size(list)]; };
  std::vector<std::string> events;
  events.reserve(count);
  for (int i = 0; i < count; ++i) {
    idea::v1::Event event;
    event.set_format("IDEA0");
    event.set_id(absl::StrCat(absl::Hex(random(), absl::kZeroPad8), "-",
                              absl::Hex(random(), absl::kZeroPad8), "-",
                              absl::Hex(random(), absl::kZeroPad8), "-", i));
    event.set_detect_time(absl::ToUnixMicros(absl::Now()) - random() % 60'000'000);
    event.set_create_time(event.detect_time() + 1'000'000);
    event.add_category(any(categories));
    event.set_description("Connections that were seen by a detector of the benchmark");
    event.set_flow_count(random() % 1000);
    auto* source = event.add_source();
    if (random() % 10 == 0) {
      auto* net = source->add_ip6();
      net->set_address_high(0x20010db800000000 + random() % 65536);
      net->set_address_low(random());
    } else {
      source->add_ip4()->set_address(random());
    }
    source->add_port(1024 + random() % 60000);
    source->add_proto(any(protocols));
    source->add_type("Open");
    for (uint32_t n = random() % 3; n > 0; --n) {
      auto* target = event.add_target();
      auto* net = target->add_ip4();
      net->set_address(0xc6336400 + random() % 65536);
      if (random() % 4 == 0) net->set_prefix(28);
      target->add_port(random() % 2 ? 22 : random() % 65536);
      target->add_proto("tcp");
    }
    auto* node = event.add_node();
    node->set_name(absl::StrCat("org.example.detector", random() % 40));
    node->add_type("Honeypot");
    node->add_sw("Detector 1.0");
    auto* mentat = event.mutable_mentat();
    mentat->set_event_class(any(classes));
    mentat->set_event_severity(any(severities));
    mentat->add_resolved_abuses(absl::StrCat("abuse@", random() % 200, ".example.org"));
    mentat->add_source_resolved_country(any(countries));
    mentat->add_source_resolved_asn(64496 + random() % 16);
    events.push_back(event.SerializeAsString());
  }
  return events;
}

// Runs a command of psql on the fixture's database.
bool Psql(StorageFixture& fixture, const std::string& command) {
  return std::system(absl::StrCat(fixture.cluster().bin_directory(), "/psql -q -X -d '",
                                  fixture.options().dsn, "' -c \"", command, "\"")
                         .c_str()) == 0;
}

std::string Columns() {
  std::string columns;
  for (std::string_view column : store::EventColumns()) {
    absl::StrAppend(&columns, columns.empty() ? "" : ",", std::string(column));
  }
  return columns;
}

double PsqlRate(StorageFixture& fixture, const std::string& path, const Options& options) {
  const absl::Time begin = absl::Now();
  if (!Psql(fixture, absl::StrCat("\\copy events (", Columns(), ") from '", path, "'"))) return 0;
  return options.events / absl::ToDoubleSeconds(absl::Now() - begin);
}

double StorageRate(StorageFixture& fixture, const std::vector<std::string>& events,
                   const Options& options) {
  std::atomic<size_t> next = 0;
  std::atomic<int> stored = 0;
  const absl::Time begin = absl::Now();
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < options.workers; ++w) {
      workers.emplace_back([&] {
        auto processor = fixture.MakeProcessor();
        while (true) {
          const size_t first = next.fetch_add(options.transaction);
          if (first >= events.size()) return;
          const size_t last = std::min(events.size(), first + options.transaction);
          std::vector<pipeline::Item> items;
          items.reserve(last - first);
          for (size_t i = first; i < last; ++i) items.emplace_back(events[i]);
          processor->Process(items, {});
          for (const auto& item : items) {
            stored += item.verdict() == pipeline::Item::Verdict::kStored;
          }
        }
      });
    }
  }
  const double rate = options.events / absl::ToDoubleSeconds(absl::Now() - begin);
  return stored == options.events ? rate : 0;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.ToString()).c_str());
  return 1;
}

int Main(int argc, char** argv) {
  bench::Report report(argc, argv);
  Options options;
  options.events = static_cast<int>(report.Size(options.events));
  const std::vector<std::string>& arguments = report.arguments();
  if (arguments.size() > 0) options.workers = std::atoi(arguments[0].c_str());
  if (arguments.size() > 1) options.transaction = std::atoi(arguments[1].c_str());

  store::PrivateClusterOptions cluster_options;
  cluster_options.settings = {"shared_buffers=512MB", "max_wal_size=4GB"};
  auto cluster = store::PrivateCluster::Create(cluster_options);
  if (!cluster.ok()) return Fail(cluster.status());
  auto fixture = StorageFixture::Create(**cluster, "benchmark");
  if (!fixture.ok()) return Fail(fixture.status());
  (*fixture)->Query(
      "SELECT create_event_partitions(now() - interval '14 days', now() + interval '30 days', 7)");
  const std::vector<std::string> events = MakeEvents(options.events);
  char directory[] = "/tmp/storage-benchmark-XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  const std::string path = std::string(directory) + "/rows";
  const auto clear = [&] {
    (*fixture)->Query("TRUNCATE events, event_ids");
    (*fixture)->Query("CHECKPOINT");
  };
  // What psql is to copy is what storage writes.
  if (StorageRate(**fixture, events, options) == 0 ||
      !Psql(**fixture,
            absl::StrCat("\\copy (SELECT ", Columns(), " FROM events) TO '", path, "'"))) {
    return 1;
  }
  report.Compare(
      {.name = "storage",
       .unit = "events/s",
       .bar = 0.9,
       .note = absl::StrCat("storage with ", options.workers, " workers and ", options.transaction,
                            " events a transaction / psql \\copy of the same rows")},
      [&] {
        clear();
        return StorageRate(**fixture, events, options);
      },
      [&] {
        clear();
        return PsqlRate(**fixture, path, options);
      });
  std::filesystem::remove_all(directory);
  return report.Finish();
}

}  // namespace
}  // namespace mentat::storage

int main(int argc, char** argv) { return mentat::storage::Main(argc, argv); }
