"""Every connection between stages is reset each second, under load: nothing is lost, nothing is stored twice,
and what is sent again is what the connections had on them."""

import os
import time
import unittest

import cases
from pipeline import Mentat, wait_for
from proxy import Proxy, reroute

RATE = 400
SECONDS = int(os.environ.get("MENTAT_RESETS_SECONDS", "20"))


class ResetsTest(unittest.TestCase):
    def test_all_connections_are_reset_each_second(self):
        def configs(plan):
            return reroute(proxy, plan, "filer_gateway", "inspector", "enricher")

        with Proxy() as proxy, Mentat(replicas={"enricher": 2}, configs=configs) as mentat:
            feeder = mentat.feed(RATE * SECONDS, rate=RATE, bad=0.01, wait=False)
            before = mentat.count()
            while feeder.feeding():
                due = time.monotonic() + 1
                wait_for(lambda: time.monotonic() >= due, "a second passes")
                proxy.reset()
            # It went on meanwhile, not only afterwards.
            self.assertGreater(mentat.count(), before + RATE * SECONDS / 4)
            sent = feeder.finish()
            mentat.wait_settled()
            resets = {link: proxy.counts(link)["resets"] for link in proxy.links()}
            print(f"{sum(resets.values())} connections reset during {len(sent)} events: {resets}")
            for link, count in resets.items():
                self.assertGreaterEqual(count, SECONDS / 4, link)
            mentat.check(sent)
            mentat.check_ledgers()
            mentat.check_budget()


if __name__ == "__main__":
    cases.main()
