"""One of two enrichers freezes (SIGSTOP). All events go through the other one, also those that the
frozen one held; when it wakes up, what it still says disturbs nobody."""

import signal
import unittest

import cases
from pipeline import Mentat, wait_for


class FrozenReplicaTest(unittest.TestCase):
    def test_a_frozen_replica_delays_nothing_but_its_own_batches(self):
        with Mentat(replicas={"enricher": 2}) as mentat:
            feeder = mentat.feed(6000, rate=400, bad=0.01, wait=False)
            wait_for(lambda: mentat.count() > 500, "events are stored")
            mentat.signal("enricher-2", signal.SIGSTOP)
            try:
                frozen_at = mentat.count()
                wait_for(lambda: mentat.count() > frozen_at + 1000, "others go on")
                sent = feeder.finish()
                # All of them, while the replica is still frozen: its batches were given to the other.
                mentat.wait_settled()
                mentat.check(sent)
            finally:
                mentat.signal("enricher-2", signal.SIGCONT)
            mentat.wait_ready()
            # It takes part again.
            more = sent | mentat.feed(2000, bad=0.01, seed=2)
            mentat.wait_settled()
            mentat.check(more)
            mentat.check_ledgers()


if __name__ == "__main__":
    cases.main()
