"""What a benchmark in Python says: the counterpart of common/base/benchmark_report.h.

    report = Report()                       # takes --json, --quick, --smoke and names from the command line
    report.add("restart", "s", seconds, bar=2, better="lower", note="from kill -9 to the next event")
    report.finish()
"""

import argparse
import json
import statistics
import sys

import bench
import terminal


class Report:
    def __init__(self):
        parser = argparse.ArgumentParser(allow_abbrev=False)
        parser.add_argument("names", nargs="*")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--quick", action="store_true")
        parser.add_argument("--smoke", action="store_true")
        options = parser.parse_args()
        self.names = options.names
        self.json = options.json
        self.smoke = options.smoke
        self.quick = options.quick
        self.results = []

    def rounds(self, full):
        return 1 if self.smoke or self.quick else full

    def size(self, full):
        """How many events, files, … where an unabridged run takes `full` of them."""
        return max(1, full // (1000 if self.smoke else 4 if self.quick else 1))

    def add(self, name, unit, ours, baseline=None, bar=None, better="higher", note=""):
        """Takes what was measured in turns: a value, or one for each round; the bar is of the ratio to the
        baseline, or of the figure itself where there is no baseline."""
        ours = ours if isinstance(ours, list) else [ours]
        baseline = baseline if isinstance(baseline, list) or baseline is None else [baseline]
        judged = [o / b for o, b in zip(ours, baseline, strict=True)] if baseline else ours
        median = statistics.median(judged)
        reached = None
        if bar is not None:
            reached = median >= bar if better == "higher" else median <= bar
        self.results.append({
            "name": name, "unit": unit, "ours": statistics.median(ours),
            "baseline": statistics.median(baseline) if baseline else None,
            "ratio": median if baseline else None, "bar": bar, "better": better, "reached": reached,
            "spread": (max(judged) - min(judged)) / median if len(judged) > 1 and median else None, "note": note})

    def say(self, text):
        """What goes on, for people."""
        print(f"    {text}", file=sys.stderr, flush=True)

    def finish(self):
        if self.json:
            print(json.dumps(self.results, indent=1))
        else:
            terminal.table(bench.HEAD, [[*bench.cells(result), result["note"]] for result in self.results])
