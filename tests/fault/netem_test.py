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
    def test_bad_links(self):
        reason = network.why_not()
        if reason:
            self.skipTest(reason)
        with network.Network() as net:
            for host in HOSTS:
                net.attach(host, faulty=True)
            print("by tc netem" if net.has_netem else "this kernel has no netem: by faulty_link.py")
            with Mentat(replicas={"enricher": 2}, network=net) as mentat:
                feeder = mentat.feed(6500, rate=RATE, bad=0.01, wait=False)
                for story, faults in STORIES.items():
                    for host in HOSTS:
                        net.impair(host, faults)
                    self.wait_for_progress(mentat, story)
                for host in HOSTS:
                    net.impair(host, Faults())
                # The slow one gets little, and holds nobody up.
                net.limit("enricher-2", 100_000)
                self.wait_for_progress(mentat, "a slow link")
                net.limit("enricher-2", 0)
                sent = feeder.finish()
                mentat.wait_settled()
                mentat.check(sent)
                mentat.check_ledgers()
                mentat.check_budget()
                for name, counts in mentat.resends().items():
                    # Nobody died, so nothing has to be tried alone.
                    self.assertEqual(counts["isolated_batches"], 0, name)

    def wait_for_progress(self, mentat, story):
        before = mentat.count()
        wait_for(lambda: mentat.count() > before + 1000, f"{story}: events are stored")


if __name__ == "__main__":
    cases.main()
