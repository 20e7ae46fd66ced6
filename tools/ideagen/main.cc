// mentat-ideagen: a stream of generated IDEA events for demos, tests and benchmarks.
#include <getopt.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/ideagen/generator.h"
#include "tools/ideagen/output.h"

namespace mentat::ideagen {
namespace {

constexpr std::string_view kHelp = R"(Usage: mentat-ideagen [OPTION]...
Makes IDEA events of a realistic mix, the same for the same seed.

  --count N      events to make; 0 goes on until it is interrupted (1)
  --rate R       events a second; 0 is as fast as possible (0)
  --output DIR   directory queue (with incoming/ and tmp/) or plain directory to put files into,
                 or - for a line of JSON per event on standard output (-)
  --seed S       number that decides all events (1)
  --bad SHARE    share of invalid events, 0 to 1; their IDs and file names begin with bad- (0)
  --batch N      events in each file, as lines of JSON (1)
  --prefix TEXT  put before each ID: letters, digits, . _ - (none)
  --limit N      wait while N files or more lie in the output; 0 never waits (5000)
  --now SECONDS  Unix time that the events are dated by, in place of the clock
  --help         this text

A file is called after its event, ID.idea; a file of many after its first, ID.ndjson. At the end a
line of JSON on standard error says how many events and files were made.
)";

struct Options {
  uint64_t count = 1;
  double rate = 0;
  std::string output = "-";
  uint64_t batch = 1;
  uint64_t limit = 5000;
  GeneratorOptions generator;
};

struct Totals {
  uint64_t good = 0;
  uint64_t bad = 0;
  uint64_t files = 0;
};

bool ParseCount(const char* text, uint64_t* value) { return absl::SimpleAtoi(text, value); }

// Nothing, or what is wrong with an option.
std::string ParseOption(std::string_view name, const char* text, Options* options) {
  const std::string bad = absl::StrCat("--", std::string(name), ": got '", text, "', expected ");
  GeneratorOptions& generator = options->generator;
  if (name == "count" && !ParseCount(text, &options->count)) return bad + "a whole number";
  if (name == "seed" && !ParseCount(text, &generator.seed)) return bad + "a whole number";
  if (name == "limit" && !ParseCount(text, &options->limit)) return bad + "a whole number";
  if (name == "batch" && (!ParseCount(text, &options->batch) || options->batch == 0)) {
    return bad + "a whole number from 1";
  }
  if (name == "rate" && (!absl::SimpleAtod(text, &options->rate) || !(options->rate >= 0))) {
    return bad + "a number from 0";
  }
  if (name == "bad" && (!absl::SimpleAtod(text, &generator.bad_share) ||
                        !(generator.bad_share >= 0 && generator.bad_share <= 1))) {
    return bad + "a number from 0 to 1";
  }
  if (name == "output") options->output = text;
  if (name == "prefix") {
    generator.prefix = text;
    if (!std::all_of(
            generator.prefix.begin(), generator.prefix.end(),
            [](unsigned char c) { return isalnum(c) || c == '.' || c == '_' || c == '-'; }) ||
        generator.prefix.size() > 100 || generator.prefix.starts_with('.')) {
      return bad + "at most 100 letters, digits and . _ -, no dot in front";
    }
  }
  if (name == "now") {
    int64_t now = 0;
    if (!absl::SimpleAtoi(text, &now)) return bad + "a whole number";
    generator.now = [now] { return now; };
  }
  return "";
}

// Waits for a signal to stop until `deadline`; whether it came.
bool StoppedBefore(const sigset_t& signals, std::chrono::steady_clock::time_point deadline) {
  const auto left = std::max(std::chrono::nanoseconds(0),
                             std::chrono::nanoseconds(deadline - std::chrono::steady_clock::now()));
  const timespec wait = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  return sigtimedwait(&signals, nullptr, &wait) > 0;
}

absl::Status Generate(const Options& options, const sigset_t& stop_signals, Totals* totals) {
  auto output = OpenOutput(options.output, options.limit);
  if (!output.ok()) return output.status();
  Generator generator(options.generator);
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  uint64_t paced = 0;  // events since `start`
  for (uint64_t made = 0; options.count == 0 || made < options.count;) {
    while (!(*output)->HasRoom()) {
      if (StoppedBefore(stop_signals, Clock::now() + std::chrono::milliseconds(50))) {
        return absl::OkStatus();
      }
      // The time spent waiting for room is not made good by a burst.
      start = Clock::now();
      paced = 0;
    }
    auto due = Clock::now();
    if (options.rate > 0) {
      due = start + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(paced) / options.rate));
    }
    if (StoppedBefore(stop_signals, due)) return absl::OkStatus();

    std::string name;
    std::string content;
    uint64_t in_file = 0;
    while (in_file < options.batch && (options.count == 0 || made < options.count)) {
      const GeneratedEvent event = generator.Next();
      if (in_file == 0) name = absl::StrCat(event.id, options.batch > 1 ? ".ndjson" : ".idea");
      content += event.json;
      if (options.batch > 1) content += '\n';
      ++(event.bad ? totals->bad : totals->good);
      ++in_file, ++made, ++paced;
    }
    if (absl::Status status = (*output)->Write(name, content); !status.ok()) return status;
    ++totals->files;
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  static constexpr option kOptions[] = {{"count", required_argument, nullptr, 'o'},
                                        {"rate", required_argument, nullptr, 'o'},
                                        {"output", required_argument, nullptr, 'o'},
                                        {"seed", required_argument, nullptr, 'o'},
                                        {"bad", required_argument, nullptr, 'o'},
                                        {"batch", required_argument, nullptr, 'o'},
                                        {"prefix", required_argument, nullptr, 'o'},
                                        {"limit", required_argument, nullptr, 'o'},
                                        {"now", required_argument, nullptr, 'o'},
                                        {"help", no_argument, nullptr, 'h'},
                                        {nullptr, 0, nullptr, 0}};
  Options options;
  int index = 0;
  for (int code; (code = getopt_long(argc, argv, "", kOptions, &index)) != -1;) {
    if (code == 'h') {
      std::cout << kHelp;
      return 0;
    }
    if (code != 'o') return 2;
    const std::string wrong = ParseOption(kOptions[index].name, optarg, &options);
    if (!wrong.empty()) {
      std::cerr << "mentat-ideagen: " << wrong << "\n";
      return 2;
    }
  }
  if (optind < argc) {
    std::cerr << "mentat-ideagen: unexpected argument '" << argv[optind] << "'; see --help\n";
    return 2;
  }
  options.generator.allow_empty = options.output != "-" && options.batch == 1;

  // Stop signals are taken where the program waits, so that no file is left half written.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop_signals, nullptr);

  Totals totals;
  const absl::Status status = Generate(options, stop_signals, &totals);
  std::cerr << "{\"good\":" << totals.good << ",\"bad\":" << totals.bad
            << ",\"files\":" << totals.files << "}\n";
  if (!status.ok()) {
    std::cerr << "mentat-ideagen: " << std::string(status.message()) << "\n";
    return 1;
  }
  return fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mentat::ideagen

int main(int argc, char** argv) { return mentat::ideagen::Main(argc, argv); }
