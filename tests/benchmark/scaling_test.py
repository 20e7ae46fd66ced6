"""`./mentat scaling` goes on working: an enricher more and one less under load, nothing lost, a table. Times are not
looked at."""

import unittest

import cases
import scaling
import scaling_report


class ScalingTest(unittest.TestCase):
    def test_an_enricher_more_and_one_less(self):
        found = scaling.run(4, print, steps=(1, 2, 1))
        self.assertEqual((found["lost"], found["twice"]), (0, 0))
        steps = list(scaling_report.phases(found))
        self.assertEqual([(step["from"], step["to"]) for step in steps], [(1, 2), (2, 1)])
        self.assertGreater(steps[0]["after"][-1]["done"]["enricher-2"], 0)
        text = scaling_report.text(found | {"machine": scaling.machine(), "busy": 0})
        self.assertIn("| 1 → 2 | before |", text)
        print(text)


if __name__ == "__main__":
    cases.main()
