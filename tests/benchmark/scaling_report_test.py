"""What ./mentat scaling says of samples: times, shares, levels and the chart."""

import unittest

import cases
import scaling_report as report


def invented(rates, late=0.0):
    """What a run gives in which each of the numbers of replicas in `rates` lasts 30 s and does 100 events/s by replica.
    New ones do nothing in their first `late` seconds, and one that leaves is there for two more."""
    done, stored, samples, steps = {}, 0.0, [], []
    for place, number in enumerate(rates):
        begin = place * 30.0
        steps.append({"time": begin, "replicas": number})
        names = ["enricher"] + [f"enricher-{other}" for other in range(2, number + 1)]
        new = set(names) - set(samples[-1]["names"]) if samples else set()
        gone = set(samples[-1]["names"]) - set(names) if samples else set()
        done = {name: done.get(name, 0.0) for name in [*names, *gone]}
        for step in range(120):
            time = begin + step / 4
            for name in names:
                if name not in new or time - begin >= late:
                    done[name] += 25
                    stored += 25
            leaving = sorted(gone) if time - begin < 2 else []
            samples.append({"time": time, "names": names, "stored": stored, "latency_sum": stored * 0.5,
                            "latencies": {"1": stored, "2": stored, "+Inf": stored}, "in_flight": 50, "fill": 0.5, "resent": 0,
                            "age": 1.0, "done": {name: done[name] for name in [*names, *leaving]}, "leaving": leaving})
    return {"steps": steps, "samples": samples, "sent": int(stored), "lost": 0, "twice": 0, "resent": 3, "recognised": 0,
            "busy": 0.02, "machine": {"date": "2026-01-01", "commit": "abc", "cores": 2, "cpu": "Chip", "postgresql": "15"}}


class ScalingReportTest(unittest.TestCase):
    def waits(self, found):
        return [report.waits(found["samples"], step) for step in report.phases(found)]

    def test_the_share_of_new_ones_is_reached_when_they_work(self):
        (took,) = self.waits(invented([1, 2], late=5))
        self.assertAlmostEqual(took["share"], 5.5, delta=0.5)
        self.assertAlmostEqual(took["reached"], 5.5, delta=0.5)
        self.assertIsNone(took["gone"])

    def test_one_that_never_works_has_no_share(self):
        (took,) = self.waits(invented([1, 2], late=100))
        self.assertIsNone(took["share"])

    def test_the_one_that_leaves_is_gone_when_its_process_is(self):
        (took,) = self.waits(invented([2, 1]))
        self.assertEqual(took["gone"], 2)
        self.assertIsNone(took["share"])

    def test_the_lowest_second_is_of_the_lower_throughput(self):
        self.assertAlmostEqual(self.waits(invented([2, 1]))[0]["lowest"], 1, delta=0.01)
        found = invented([1, 2])
        for sample in found["samples"]:
            if sample["time"] >= 40:  # ten seconds in which nothing is stored
                sample["stored"] -= min(2000, (sample["time"] - 40) * 200)
        self.assertAlmostEqual(self.waits(found)[0]["lowest"], 0, delta=0.01)

    def test_quantiles_are_of_what_came_meanwhile(self):
        before = {"1": 10, "2": 10, "+Inf": 10}
        after = {"1": 10, "2": 110, "+Inf": 110}
        self.assertAlmostEqual(report.quantile(before, after, 0.5), 1.5)
        self.assertEqual(report.quantile(before, {"1": 10, "2": 10, "+Inf": 20}, 0.5), 2)
        self.assertIsNone(report.quantile(before, before, 0.5))

    def test_the_table_has_three_lines_for_each_step(self):
        lines = report.table(invented([1, 2, 1])).splitlines()
        self.assertEqual(len(lines), 2 + 3 * 2)
        self.assertTrue(lines[2].startswith("| 1 → 2 | before | 100 | 100% | 1.0 s |"), lines[2])
        self.assertTrue(lines[4].startswith("|  | after | 200 | 50% | 1.0 s | 50 | 50% | 0.5 s |"), lines[4])
        self.assertEqual({line.count("|") for line in lines}, {lines[0].count("|")})

    def test_the_chart_shows_who_did_it(self):
        lines = report.chart(invented([1, 2])).splitlines()
        self.assertEqual(lines[-3].split("|")[1], "1" * 29)
        self.assertEqual(lines[-4].split("|")[1].strip(), "2" * 14)
        self.assertEqual(lines[-1].split(), ["|1", "at", "0", "s", "|2", "at", "30", "s"])

    def test_the_text_counts_what_was_lost(self):
        text = report.text(invented([1, 2]) | {"lost": 7})
        self.assertIn("Lost: 7.", text)
        self.assertIn("Batches sent again: 3;", text)
        self.assertNotIn("Other work", text)
        self.assertIn("Other work took 30% of the machine", report.text(invented([1, 2]) | {"busy": 0.3}))


if __name__ == "__main__":
    cases.main()
