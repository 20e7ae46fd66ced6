"""Links that work in one direction: batches arrive and acknowledgements do not, or a machine hears and is not
heard. What is sent again stays within the budget, nothing is stored twice, and nothing has to be repaired."""

import time
import unittest

import cases
import network
from pipeline import Mentat, wait_for
from proxy import Proxy, reroute

RATE = 400


def wait(seconds):
    due = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= due, "time passes")


class OneWayTest(unittest.TestCase):
    def test_acknowledgements_alone_are_cut(self):
        with Proxy() as proxy, Mentat(replicas={"enricher": 2},
                                      configs=lambda plan: reroute(proxy, plan, "inspector")) as mentat:
            feeder = mentat.feed(6000, rate=RATE, bad=0.01, wait=False)
            # Shorter and longer than the acknowledgements' time-out.
            for seconds in (1, 8):
                before = mentat.count()
                wait_for(lambda: mentat.count() > before + 200, "events are stored")
                proxy.hold("inspector<", "forward")
                wait(seconds)
                proxy.release("inspector<")
            sent = feeder.finish()
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()
            mentat.check_budget()

    def test_a_machine_that_is_not_heard_and_one_that_does_not_hear(self):
        reason = network.why_not()
        if reason:
            self.skipTest(reason)
        with network.Network() as net:
            net.attach("enricher-2")
            with Mentat(replicas={"enricher": 2}, network=net) as mentat:
                feeder = mentat.feed(8000, rate=RATE, bad=0.01, wait=False)
                for source, target in (("enricher-2", None), (None, "enricher-2")):
                    before = mentat.count()
                    wait_for(lambda: mentat.count() > before + 500, "events are stored")
                    net.block(source, target)
                    # The other replica goes on, with what this one held as well.
                    before = mentat.count()
                    wait_for(lambda: mentat.count() > before + 2000, "others go on")
                    net.unblock()
                    wait_for(lambda: mentat.shares("enricher")["enricher-2"] > 0, "it takes part again")
                sent = feeder.finish()
                mentat.wait_settled()
                mentat.check(sent)
                mentat.check_ledgers()
                mentat.check_budget()


if __name__ == "__main__":
    cases.main()
