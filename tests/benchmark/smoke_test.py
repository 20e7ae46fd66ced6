"""Each benchmark runs, with sizes as small as can be, and says what `./mentat bench` reads. What it
measures is not looked at."""

import unittest
from pathlib import Path

import bench
import cases

KEYS = {"name": str, "unit": str, "ours": (int, float), "baseline": (int, float, type(None)),
        "ratio": (int, float, type(None)), "bar": (int, float, type(None)), "better": str,
        "reached": (bool, type(None)), "spread": (int, float, type(None)), "note": str}


class SmokeTest(unittest.TestCase):
    def test_every_benchmark_runs_and_says_what_bench_reads(self):
        # Those of whole installations share one here.
        together = bench.Benchmark("all", "whole installations", script=bench.INSTALLATION)
        report = bench.run([each for each in bench.BENCHMARKS if each.script != bench.INSTALLATION] + [together], Path.cwd(), "smoke", print)
        self.assertEqual(report["failures"], [])
        names = [result["name"] for result in report["results"]]
        self.assertEqual(len(names), len(set(names)), names)
        for benchmark in bench.BENCHMARKS:
            self.assertIn(benchmark.name, [name[:len(benchmark.name)] for name in names])
        for result in report["results"]:
            with self.subTest(result["name"]):
                self.assertEqual(set(result), set(KEYS))
                for key, kind in KEYS.items():
                    self.assertIsInstance(result[key], kind, key)
                self.assertIn(result["better"], ("higher", "lower"))
                self.assertEqual(result["reached"] is None, result["bar"] is None)
        table = bench.markdown(report)
        for name in names:
            self.assertIn(f"| `{name}` |", table)


if __name__ == "__main__":
    cases.main()
