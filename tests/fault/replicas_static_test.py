"""Enrichers come and go under load, by the list of peers in the inspector's configuration: nothing is lost or
stored twice, and a new one has its share within 10 seconds."""

import signal
import unittest

import cases
from pipeline import Mentat, wait_for

RATE = 300  # events a second: more than one slow enricher can do, less than three
SHARE_SECONDS = 10


class ReplicasStaticTest(unittest.TestCase):
    def test_replicas_are_added_and_removed_under_load(self):
        enrichers = ["enricher", "enricher-2", "enricher-3"]

        def only_the_first(plan):
            return {"inspector": {"pipeline": {"outputs": {"default": {"peers": [self.endpoint(plan, "enricher")]}}}}}

        with Mentat(replicas={"enricher": 3}, programs={"enricher": "tests/stages/slow_enricher/slow_enricher"},
                    configs=only_the_first) as mentat:
            feeder = mentat.feed(7000, rate=RATE, bad=0.01, wait=False)
            wait_for(lambda: mentat.count() > 300, "events are stored")
            self.assertEqual([name for name, count in mentat.received("enricher").items() if count], ["enricher"])

            for number in (2, 3):
                self.use(mentat, enrichers[:number])
                self.wait_for_share(mentat, enrichers[number - 1], number)

            # One leaves in good order: nothing new goes there, what it holds is settled, then it stops.
            self.use(mentat, ["enricher", "enricher-3"])
            wait_for(lambda: not mentat.control.ledgers()["enricher-2"]["in_flight"], "what it held is settled")
            taken = mentat.received("enricher")
            wait_for(lambda: mentat.received("enricher")["enricher"] > taken["enricher"] + 200, "others go on")
            self.assertEqual(mentat.received("enricher")["enricher-2"], taken["enricher-2"])

            # One leaves as a machine that is switched off does, and its name with it.
            mentat.signal("enricher-3", signal.SIGSTOP)
            self.use(mentat, ["enricher", "enricher-2"])
            self.wait_for_share(mentat, "enricher-2", 2)
            before = mentat.signal("enricher-3", signal.SIGKILL)
            mentat.wait_restarted("enricher-3", before)

            sent = feeder.finish()
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()

    def endpoint(self, plan, name):
        return f"tcp://{plan.address(name, 'input')}"

    def use(self, mentat, names):
        mentat.set_peers("inspector", [self.endpoint(mentat.plan, name) for name in names])

    def wait_for_share(self, mentat, name, replicas):
        wait_for(lambda: mentat.shares("enricher")[name] >= 0.5 / replicas, f"{name} has its share", SHARE_SECONDS)


if __name__ == "__main__":
    cases.main()
