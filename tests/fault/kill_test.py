"""kill -9 under load: each service in turn, then all at the same instant. Nothing is lost, nothing is
stored twice."""

import signal
import unittest

import cases
from pipeline import Mentat, wait_for

RATE = 400  # events a second


class KillTest(unittest.TestCase):
    def test_each_service_in_turn(self):
        with Mentat() as mentat:
            feeder = mentat.feed(12000, rate=RATE, bad=0.01, wait=False)
            kills = 0
            while feeder.feeding():
                for service in mentat.services():
                    # In the middle of things: something went through since the last death.
                    before = mentat.count()
                    wait_for(lambda: mentat.count() > before or not feeder.feeding(), "events are stored")
                    mentat.kill(service)
                    kills += 1
            sent = feeder.finish()
            mentat.wait_settled()
            print(f"{kills} kills during {len(sent)} events")
            self.assertGreaterEqual(kills, len(mentat.services()))
            mentat.check(sent)
            mentat.check_ledgers()

    def test_all_services_at_the_same_instant(self):
        with Mentat() as mentat:
            feeder = mentat.feed(6000, rate=RATE, bad=0.01, wait=False)
            kills = 0
            while feeder.feeding():
                before = mentat.count()
                wait_for(lambda: mentat.count() > before or not feeder.feeding(), "events are stored")
                old = {name: mentat.signal(name, signal.SIGKILL) for name in mentat.services()}
                for name, pid in old.items():
                    mentat.wait_restarted(name, pid)
                kills += 1
            sent = feeder.finish()
            mentat.wait_settled()
            print(f"killed all {kills} times during {len(sent)} events")
            self.assertGreaterEqual(kills, 2)
            mentat.check(sent)
            mentat.check_ledgers()


if __name__ == "__main__":
    cases.main()
