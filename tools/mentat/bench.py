"""`./mentat bench`: runs benchmarks, each beside its baseline, and says which bars are reached.

usage: bench.py list
       bench.py targets NAME...|all                       the Bazel targets that these need
       bench.py run NAME...|all [--quick] [--json FILE|-] [--markdown FILE]

Each benchmark is a program that takes --json, --quick and --smoke and prints an array of objects
(common/base/benchmark_report.h), or such a program in Python (tests/benchmark), which starts whole
installations.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import terminal
from database import programs_folder
from layout import UserError, write_file

ROOT = Path(__file__).absolute().parents[2]
INSTALLATION = "installation_benchmark.py"
INSTALLATION_TARGETS = ["//tools/mentat:programs", "//services/filer_gateway:bare_loop"]
LONGEST = 1800  # seconds that one benchmark may take
BUSY = 0.1  # share of the machine that others may take before a figure is doubted
UNSTEADY = 0.3  # spread of the rounds from which a figure is doubted
MARKS = ("<!-- made by ./mentat bench all --markdown -->", "<!-- end -->")


@dataclass
class Benchmark:
    name: str
    text: str
    target: str = ""  # of a C++ program
    script: str = ""  # in tests/benchmark
    arguments: tuple = ()  # of a C++ program
    also: str = ""  # target of a program that a script needs beside the installation's

    def targets(self):
        if self.target:
            return [self.target]
        return INSTALLATION_TARGETS + ([self.also] if self.also else [])

    def command(self, programs):
        if self.script:
            return [sys.executable, "-B", "-s", str(ROOT / "tests" / "benchmark" / self.script), self.name]
        return [str(programs / self.target.removeprefix("//").replace(":", "/")), *self.arguments]


BENCHMARKS = [
    Benchmark("parse", "parsing and validating an event, against simdjson's DOM", "//common/idea:codec_benchmark"),
    Benchmark("hop", "a pipeline hop with acknowledgements, against raw ZeroMQ", "//common/pipeline:hop_benchmark"),
    Benchmark("instrumentation", "a stage with metrics that are read every second, against one without any",
              "//common/pipeline:hop_benchmark", arguments=("instrumentation",)),
    Benchmark("tail", "a stage whose events somebody looks at, against one whose nobody does",
              "//common/pipeline:hop_benchmark", arguments=("tail",)),
    Benchmark("rules", "30 rules, against the same predicates written by hand", "//services/inspector:rules_benchmark"),
    Benchmark("geoip", "looking up an address, against libmaxminddb alone", "//services/enricher:lookup_benchmark"),
    Benchmark("storage", "writing into PostgreSQL, against psql's \\copy", "//services/storage:storage_benchmark"),
    Benchmark("filer", "taking files from a queue, against a bare loop of system calls",
              "//services/filer_gateway:reader_benchmark"),
    Benchmark("end-to-end", "a whole installation on files of JSON lines, against COPY of the same rows", script=INSTALLATION),
    Benchmark("curve", "a whole installation with every connection encrypted, against one without", script=INSTALLATION),
    Benchmark("files", "the same on a file for each event, against a bare loop of system calls", script=INSTALLATION),
    Benchmark("latency", "from receipt to commit, at 1,000 events/s and at 80 % of the maximum", script=INSTALLATION),
    Benchmark("memory", "resident memory of idle services", script=INSTALLATION),
    Benchmark("restart", "from kill -9 of a stage until it has its next event", script=INSTALLATION),
    Benchmark("replicas", "two and four enrichers that wait for a look-up, against one", script="replicas_benchmark.py",
              also="//tests/stages/slow_enricher"),
    Benchmark("backlog", "a start on 1,000,000 waiting files", script=INSTALLATION),
]


# --- the machine ---


def first_match(path, key):
    """The value of the first line `key : value` of a file."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def output_of(*command):
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    return result.stdout.strip() if result.returncode == 0 else ""


def machine():
    try:
        version = re.search(r"\d[\w.]*", output_of(str(programs_folder() / "postgres"), "--version"))
    except UserError:
        version = None
    commit = output_of("git", "rev-parse", "--short=12", "HEAD")
    if commit and output_of("git", "status", "--porcelain", "--untracked-files=no"):
        commit += " with changes"
    return {
        "cpu": first_match("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "postgresql": version[0] if version else "",
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit,
    }


def busy_share(seconds=1.0):
    """The share of the machine's time that is in use now, by whomever."""
    def read():
        fields = [int(field) for field in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    before = read()
    time.sleep(seconds)
    after = read()
    return 1 - (after[1] - before[1]) / max(1, after[0] - before[0])


# --- running ---


def run_one(benchmark, programs, effort):
    """The results of one benchmark; UserError if it fails."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("tests/harness", "tests/benchmark", "tools/mentat")),
        "MENTAT_PROGRAMS": str(programs),
    }
    command = benchmark.command(programs) + ["--json"] + ([f"--{effort}"] if effort else [])
    try:
        result = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=ROOT,
                                env=environment, timeout=LONGEST)
        if result.returncode:
            raise UserError(f"exit status {result.returncode}")
        return json.loads(result.stdout)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"did not end in {LONGEST} s") from error
    except ValueError as error:
        raise UserError(f"printed no JSON: {error}") from error


def run(benchmarks, programs, effort="", say=lambda text: None):
    """What `--json` gives: {machine, results, warnings, failures}."""
    report = {"machine": machine(), "results": [], "warnings": [], "failures": []}
    for benchmark in benchmarks:
        busy = 0 if effort == "smoke" else busy_share()
        if busy > BUSY:
            report["warnings"].append(f"{benchmark.name}: other work took {busy:.0%} of the machine when it began")
        began = time.monotonic()
        say(f"{benchmark.name}: {benchmark.text} ...")
        try:
            results = run_one(benchmark, programs, effort)
        except UserError as error:
            report["failures"].append(f"{benchmark.name}: {error}")
            say(f"{benchmark.name}: {error}")
            continue
        for result in results:
            if (result["spread"] or 0) > UNSTEADY:
                report["warnings"].append(f"{result['name']}: the rounds differ by {result['spread']:.0%}")
        report["results"] += results
        say(f"{benchmark.name}: {terminal.elapsed(time.monotonic() - began)}")
    return report


def updated(before, report):
    """`before` with what `report` has measured anew in its place; what is kept tells of which commit it is."""
    for result in before["results"]:
        result.setdefault("commit", before["machine"]["commit"])
    anew = {result["name"]: result for result in report["results"]}
    results = [anew.pop(result["name"], result) for result in before["results"]]
    names = {result["name"] for result in report["results"]}
    warnings = [warning for warning in before["warnings"] if warning.split(":")[0] not in names]
    return {"machine": report["machine"], "results": results + list(anew.values()),
            "warnings": warnings + report["warnings"], "failures": report["failures"]}


# --- what people see ---


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def bar_text(result):
    if result["bar"] is None:
        return "-"
    return ("≥ " if result["better"] == "higher" else "≤ ") + number(result["bar"])


HEAD = ["NAME", "OURS", "BASELINE", "UNIT", "RATIO", "BAR", "REACHED", "SPREAD", "WHAT / BASELINE"]


def cells(result):
    spread = "-" if result["spread"] is None else f"{result['spread']:.0%}"
    reached = {True: "yes", False: "NO", None: "-"}[result["reached"]]
    return [result["name"], number(result["ours"]), number(result["baseline"]), result["unit"], number(result["ratio"]),
            bar_text(result), reached, spread]


def print_table(report):
    if report["results"]:
        terminal.table(HEAD, [[*cells(result), result["note"]] for result in report["results"]])
    facts = report["machine"]
    print(f"\n{facts['cores']} cores of {facts['cpu']}, {facts['memory_gib']} GiB, Linux {facts['kernel']}, "
          f"PostgreSQL {facts['postgresql']}, {facts['date']}, {facts['commit'] or 'no commit'}")
    for warning in report["warnings"]:
        print(f"warning: {warning}")
    for failure in report["failures"]:
        print(f"failed: {failure}")


def by_commit(report):
    """The names of results, by the commit that they were measured at: --update keeps earlier ones."""
    names = {}
    for result in report["results"]:
        names.setdefault(result.get("commit", report["machine"]["commit"]), []).append(result["name"])
    return names


def markdown(report):
    facts = report["machine"]
    lines = [f"{facts['date']}, commit {facts['commit']}; {facts['cores']} cores of {facts['cpu']}, "
             f"{facts['memory_gib']} GiB, Linux {facts['kernel']}, PostgreSQL {facts['postgresql']}.", "",
             "| name | what / baseline | ours | baseline | unit | ratio | bar | reached | spread |",
             "|---|---|---|---|---|---|---|---|---|"]
    for result in report["results"]:
        name, ours, baseline, unit, ratio, bar, reached, spread = cells(result)
        reached = {"yes": "yes", "NO": "**no**", "-": ""}[reached]
        row = [f"`{name}`", result["note"], ours, baseline, unit, ratio, bar, reached, spread]
        lines.append("| " + " | ".join("" if cell == "-" else cell for cell in row) + " |")
    commits = by_commit(report)
    most = max(commits, key=lambda commit: len(commits[commit]))
    others = [f"{', '.join(f'`{name}`' for name in names)}: {commit}" for commit, names in commits.items() if commit != most]
    if others:
        lines.append(f"\nMeasured at other commits than {most}: {'; '.join(others)}.")
    lines += [f"\nWarning: {warning}." for warning in report["warnings"]]
    return "\n".join(lines)


def put_between_marks(path, text, marks=MARKS):
    old = path.read_text(encoding="utf-8")
    if not all(mark in old for mark in marks):
        raise UserError(f"{path}: has no lines `{marks[0]}` and `{marks[1]}` to put the table between")
    head, rest = old.split(marks[0], 1)
    tail = rest.split(marks[1], 1)[1]
    write_file(path, f"{head}{marks[0]}\n\n{text}\n\n{marks[1]}{tail}")


# --- the command line ---


def chosen(names):
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    if "all" in names:
        return BENCHMARKS
    for name in names:
        if name not in known:
            raise UserError(f"there is no benchmark `{name}'; there are {', '.join(known)}, and all")
    return [known[name] for name in dict.fromkeys(names)]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="mentat bench", add_help=False, allow_abbrev=False)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args(arguments)
    if options.update and not (options.json and Path(options.json).is_file()):
        raise UserError("--update needs --json FILE, the results of an earlier run")
    if options.markdown and not Path(options.markdown).is_file():
        raise UserError(f"--markdown {options.markdown}: there is no such file")
    return options


def main():
    command, *arguments = sys.argv[1:]
    try:
        if command == "list":
            terminal.table(["NAME", "WHAT IT MEASURES"], [[benchmark.name, benchmark.text] for benchmark in BENCHMARKS])
            return 0
        options = parse(arguments)
        benchmarks = chosen(options.names)
        if command == "targets":
            print("\n".join(dict.fromkeys(target for benchmark in benchmarks for target in benchmark.targets())))
            return 0
        report = run(benchmarks, ROOT / "bazel-bin", "quick" if options.quick else "",
                     lambda text: print(f"  {text}", file=sys.stderr, flush=True))
        if options.update:
            report = updated(json.loads(Path(options.json).read_text(encoding="utf-8")), report)
        if options.json == "-":
            print(json.dumps(report, indent=1))
        else:
            print_table(report)
            if options.json:
                write_file(Path(options.json).absolute(), json.dumps(report, indent=1) + "\n")
        if options.markdown:
            put_between_marks(Path(options.markdown).absolute(), markdown(report))
        return 1 if report["failures"] else 0
    except UserError as error:
        print(f"mentat: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
