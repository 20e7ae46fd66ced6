"""An event that kills each worker that takes it ends as a dead letter `poison`, alone; all the others pass,
also those that travelled in its batch."""

import json
import unittest

import cases
from pipeline import Mentat, wait_for

POISON = [f"poison-{number}" for number in range(2)]


def poison_event(identity):
    return {"Format": "IDEA0", "ID": identity, "DetectTime": "2024-03-05T15:52:22Z", "Category": ["Test"],
            "Note": "poison", "Node": [{"Name": "org.example.poison"}]}


class PoisonEventTest(unittest.TestCase):
    def test_a_poison_event_becomes_a_dead_letter_and_all_others_pass(self):
        crasher = "tests/stages/crasher/crasher"
        with Mentat(replicas={"enricher": 2}, programs={"enricher": crasher},
                    configs={name: {"database": None, "geoip": None} for name in ("enricher", "enricher-2")}) as mentat:
            feeder = mentat.feed(4000, rate=400, bad=0.01, wait=False)
            wait_for(lambda: mentat.count() > 300, "events are stored")
            for identity in POISON:
                mentat.put(poison_event(identity))
            sent = feeder.finish()
            sent.good.update(POISON)
            mentat.wait_settled()
            mentat.check(sent, dead=set(POISON))
            reasons = mentat.sql("SELECT DISTINCT reason FROM dead_letters")
            self.assertEqual(reasons, [["poison"]])
            for identity in POISON:
                reason = json.loads((mentat.installation.queue / "errors" / f"{identity}.idea.reason").read_text())
                self.assertEqual(reason["reason"], "poison")
            deaths = sum(process["restarts"] for name, process in mentat.control.processes().items()
                         if name.startswith("enricher"))
            print(f"{deaths} deaths of workers")
            # In company once, then alone twice, for each; nobody dies of it any more.
            self.assertLessEqual(deaths, 4 * len(POISON))
            mentat.check_ledgers()


if __name__ == "__main__":
    cases.main()
