"""PostgreSQL goes away in the middle of the load: a fast restart, an immediate stop, kill -9 of the
postmaster and of a backend. Nothing is lost, nothing is stored twice, no event is blamed for it."""

import os
import signal
import unittest

import cases
from pipeline import Mentat, wait_for

# What each signal means to the postmaster.
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT


class DatabaseTest(unittest.TestCase):
    def test_it_is_restarted_stopped_and_killed(self):
        with Mentat() as mentat:
            feeder = mentat.feed(10000, rate=400, bad=0.01, wait=False)
            for number in (FAST, IMMEDIATE, signal.SIGKILL):
                with self.subTest(number.name):
                    self.wait_for_progress(mentat)
                    old = mentat.signal("postgres", number)
                    mentat.wait_restarted("postgres", old)
                    wait_for(mentat.plan.cluster.accepts, "the database is back")
            self.wait_for_progress(mentat)
            backends = mentat.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                  "AND pid <> pg_backend_pid()")
            self.assertTrue(backends)
            # PostgreSQL takes the death of a backend for damaged memory, and restarts all of them.
            os.kill(int(backends[0][0]), signal.SIGKILL)
            sent = feeder.finish()
            wait_for(mentat.plan.cluster.accepts, "the database is back")
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()

    def wait_for_progress(self, mentat):
        before = mentat.count()
        wait_for(lambda: mentat.count() > before, "events are stored")


if __name__ == "__main__":
    cases.main()
