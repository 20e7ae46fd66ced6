"""SIGTERM under load: each stage drains and exits with status 0, and nothing is lost or stored twice."""

import signal
import unittest

import cases
from pipeline import Mentat, wait_for


class DrainTest(unittest.TestCase):
    def test_a_stage_that_is_told_to_stop_settles_what_it_holds(self):
        with Mentat(replicas={"inspector": 2, "enricher": 2, "storage": 2}) as mentat:
            feeder = mentat.feed(10000, rate=400, bad=0.01, wait=False)
            for name in mentat.services():
                before = mentat.count()
                wait_for(lambda: mentat.count() > before or not feeder.feeding(), "events are stored")
                old = mentat.signal(name, signal.SIGTERM)
                mentat.wait_restarted(name, old)
                self.assertEqual(mentat.last_exit(name), "exit status 0", name)
                mentat.wait_ready()
            sent = feeder.finish()
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()

    def test_down_under_load_leaves_what_is_unsettled_in_the_queue(self):
        with Mentat() as mentat:
            feeder = mentat.feed(4000, rate=1000, bad=0.01, wait=False)
            wait_for(lambda: mentat.count() > 300, "events are stored")
            printed = mentat.mentat("down")
            self.assertNotIn("killed", printed)
            self.assertEqual(mentat.ends(), {name: "exit status 0" for name in ["postgres", *mentat.services()]})
            sent = feeder.finish()
            mentat.mentat("up", "--detach")
            mentat.wait_settled()
            mentat.check(sent)


if __name__ == "__main__":
    cases.main()
