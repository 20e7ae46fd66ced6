"""Links that delay, lose, reorder, double and damage packets, and a slow one: everything passes, nothing is
stored twice, no living peer is taken for dead, and what is sent again stays within the budget.

The kernel's `tc netem` does it where the kernel has it; else harness/faulty_link.py does the same.
"""

import unittest

import cases
import network
from network import Faults
from pipeline import Mentat, wait_for

RATE = 300
STORIES = {
    "delay": Faults(delay=0.1, jitter=0.05),
    "loss": Faults(delay=0.01, loss=0.02),
    "all at once": Faults(delay=0.05, jitter=0.025, loss=0.01, reorder=0.05, duplicate=0.02, corrupt=0.01),
}
HOSTS = ["inspector", "enricher", "enricher-2"]


class NetemTest(unittest.TestCase):
    def setUp(self):
        reason = network.why_not()
        if reason:
            self.skipTest(reason)

    def test_bad_links(self):
        with network.Network() as net:
            for host in HOSTS:
                net.attach(host, faulty=True)
            print("by tc netem" if net.has_netem else "this kernel has no netem: by faulty_link.py")
            with Mentat(replicas={"enricher": 2}, network=net) as mentat:
                feeder = mentat.feed(6000, rate=RATE, bad=0.01, wait=False)
                for story, faults in STORIES.items():
                    with self.subTest(story):
                        for host in HOSTS:
                            net.impair(host, faults)
                        before = mentat.count()
                        wait_for(lambda: mentat.count() > before + 1200, "events are stored")
                for host in HOSTS:
                    net.impair(host, Faults())
                sent = feeder.finish()
                mentat.wait_settled()
                mentat.check(sent)
                mentat.check_ledgers()
                mentat.check_budget()
                for name, counts in mentat.resends().items():
                    # Nobody died, so nothing has to be tried alone.
                    self.assertEqual(counts["isolated_batches"], 0, name)

    def test_a_slow_link_to_one_of_two(self):
        with network.Network() as net:
            net.attach("enricher-2")
            with Mentat(replicas={"enricher": 2}, network=net) as mentat:
                first = mentat.feed(1000, bad=0.01)
                mentat.wait_settled()
                net.limit("enricher-2", 250_000)
                feeder = mentat.feed(6000, bad=0.01, seed=2, wait=False)
                before = mentat.count()
                wait_for(lambda: mentat.count() > before + 4000, "events are stored")
                net.limit("enricher-2", 0)
                sent = first | feeder.finish()
                mentat.wait_settled()
                mentat.check(sent)
                mentat.check_ledgers()
                mentat.check_budget()


if __name__ == "__main__":
    cases.main()
