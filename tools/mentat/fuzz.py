"""`./mentat fuzz`: runs the fuzz targets of tests/fuzz, each for some time, and says what came of it.

usage: fuzz.py list                                         the names
       fuzz.py targets [NAME...]                            the Bazel targets that these need
       fuzz.py run --programs DIR --work DIR [--seconds N] [--merge] [NAME...]

Found inputs stay in WORK/NAME/corpus, so that a later run goes on from there; what crashes lies in
WORK/NAME/crashes. --merge makes the committed corpus anew of it and of what was found, as small as it gets.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import terminal
from layout import UserError

ROOT = Path(__file__).absolute().parents[2]
FOLDER = ROOT / "tests" / "fuzz"
# One input: longer means that something does not end. Sanitizers cost a factor of ten or so.
LONGEST_SECONDS = 25
MOST_MEGABYTES = 2048
MOST_BYTES = 16384
CRASHES = ("crash-", "leak-", "timeout-", "oom-")


@dataclass
class Outcome:
    executions: int
    edges: int
    new_units: int
    crashes: list[Path]
    failed: bool


def names():
    return sorted(re.findall(r'fuzz_target\(\s*name = "(\w+)"', (FOLDER / "BUILD.bazel").read_text(encoding="utf-8")))


def chosen(wanted):
    known = names()
    for name in wanted:
        if name not in known:
            raise UserError(f"There is no fuzz target {name}; there are: {', '.join(known)}.")
    return wanted or known


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def command(name, program, *arguments):
    options = [
        f"-timeout={LONGEST_SECONDS}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-max_len={MOST_BYTES}",
        "-print_final_stats=1",
    ]
    dictionary = FOLDER / f"{name}.dict"
    if dictionary.exists():
        options.append(f"-dict={dictionary}")
    return [str(program), *options, *arguments]


def fuzz(name, program, work, seconds):
    found, crashes = work / name / "corpus", work / name / "crashes"
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    known = set(crashes.iterdir())
    log = work / name / "log"
    line = command(name, program, f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/", str(found),
                   str(FOLDER / "corpus" / name))
    began = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(line, cwd=work / name, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                terminal.line(f"  {name}  {terminal.elapsed(time.monotonic() - began)} of {seconds} s")
                try:
                    process.wait(0.5)
                except subprocess.TimeoutExpired:
                    pass
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    terminal.end_line()
    text = log.read_text(encoding="utf-8", errors="replace")
    return Outcome(
        executions=number(r"stat::number_of_executed_units:\s+(\d+)", text),
        edges=number(r"\bcov: (\d+)", text),
        new_units=len(set(found.iterdir()) - before),
        crashes=sorted(path for path in set(crashes.iterdir()) - known if path.name.startswith(CRASHES)),
        failed=process.returncode != 0,
    )


def is_found(path):
    """Whether the fuzzer gave the file its name, rather than a person."""
    return re.fullmatch(r"[0-9a-f]{40}", path.name) is not None


def merge(name, program, work):
    """Makes the committed corpus the few files that reach all that is reached by it and by what was found,
    and those that people named; returns how many there are."""
    corpus = FOLDER / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work / name) as folder:
        for path in corpus.iterdir():
            if not is_found(path):
                shutil.copy(path, folder)
        subprocess.run(command(name, program, "-set_cover_merge=1", folder, str(corpus), str(work / name / "corpus")),
                       check=True, cwd=work / name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for path in corpus.iterdir():
            if is_found(path):
                path.unlink()
        for path in Path(folder).iterdir():
            if is_found(path):
                shutil.move(path, corpus)
    return len(list(corpus.iterdir()))


def run(options):
    bad = 0
    rows = []
    details = []
    for name in chosen(options.names):
        program = options.programs / "tests" / "fuzz" / f"{name}_fuzz"
        outcome = fuzz(name, program, options.work, options.seconds)
        merged = merge(name, program, options.work) if options.merge and not outcome.failed else None
        rows.append([name, outcome.executions, outcome.edges, outcome.new_units, len(outcome.crashes)]
                    + ([merged if merged is not None else "-"] if options.merge else []))
        if outcome.failed or outcome.crashes:
            bad += 1
            details.append(f"{name}: {options.work / name / 'log'}")
            details += [f"  repeat with: {program} {path}" for path in outcome.crashes]
        if terminal.IS_TERMINAL:
            continue
        terminal.say(name, "failed" if outcome.failed else f"{outcome.executions} executions")
    terminal.table(["target", "executions", "edges", "new units", "crashes"] + (["corpus"] if options.merge else []),
                   rows)
    for line in details:
        print(line)
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("action", choices=["list", "targets", "run"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--programs", type=Path)
    parser.add_argument("--work", type=Path)
    options = parser.parse_intermixed_args()
    if options.work is not None:
        options.work = options.work.absolute()
    try:
        if options.action == "list":
            print("\n".join(names()))
            return 0
        if options.action == "targets":
            for name in chosen(options.names):
                print(f"//tests/fuzz:{name}_fuzz")
            return 0
        os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1")
        os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        return run(options)
    except UserError as error:
        print(f"mentat: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
