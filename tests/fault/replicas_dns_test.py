"""Enrichers come and go under load behind one name, whose addresses change: nothing is lost or stored twice,
a new one has its share within 10 seconds, and a name without addresses stops nothing."""

import unittest

import cases
import network
from pipeline import Mentat, wait_for

RATE = 300
SHARE_SECONDS = 10
PORT = 5571
ENRICHERS = ["enricher", "enricher-2", "enricher-3"]


class ReplicasDnsTest(unittest.TestCase):
    def test_the_addresses_of_a_name_change_under_load(self):
        reason = network.why_not()
        if reason:
            self.skipTest(reason)
        with network.Network() as net:
            for host in ["inspector", *ENRICHERS]:
                net.attach(host)
            name = net.name("enrichers", ["enricher"])
            peers = {"peers": [f"tcp://{name}:{PORT}"], "resolve_seconds": 1}
            with Mentat(replicas={"enricher": 3}, programs={"enricher": "tests/stages/slow_enricher/slow_enricher"},
                        network=net, ports={host: {"input": PORT} for host in ENRICHERS},
                        configs={"inspector": {"pipeline": {"outputs": {"default": peers}}}}) as mentat:
                self.change(net, mentat)

    def change(self, net, mentat):
        feeder = mentat.feed(7000, rate=RATE, bad=0.01, wait=False)
        wait_for(lambda: mentat.count() > 300, "events are stored")
        self.assertEqual([name for name, count in mentat.received("enricher").items() if count], ["enricher"])

        net.name("enrichers", ENRICHERS)
        for name in ENRICHERS[1:]:
            self.wait_for_share(mentat, name, 3)

        # A name that cannot be resolved, as while a name server restarts: peers stay as they are.
        net.name("enrichers", [])
        wait_for(lambda: self.failed_look_ups(mentat) >= 2, "look-ups fail")
        before = mentat.count()
        wait_for(lambda: mentat.count() > before + 300, "events are stored")

        # A machine goes while it holds events, and some time later its address. Nobody waits for it.
        net.plug("enricher", False)
        before = mentat.count()
        wait_for(lambda: mentat.count() > before + 1500, "events are stored")
        net.name("enrichers", ENRICHERS[1:])
        wait_for(lambda: self.peers(mentat) == 2, "the peer is forgotten")
        net.plug("enricher", True)

        # It comes back in another's place.
        net.name("enrichers", ["enricher", "enricher-2"])
        self.wait_for_share(mentat, "enricher", 2)

        sent = feeder.finish()
        mentat.wait_settled()
        mentat.check(sent)
        mentat.check_ledgers()
        mentat.check_budget()

    def failed_look_ups(self, mentat):
        page = mentat.pages("inspector")["inspector"]
        return page['mentat_pipeline_resolve_failures_total{output="default"}']

    def peers(self, mentat):
        return mentat.pages("inspector")["inspector"]['mentat_pipeline_peers{output="default"}']

    def wait_for_share(self, mentat, name, replicas):
        wait_for(lambda: mentat.shares("enricher")[name] >= 0.5 / replicas, f"{name} has its share", SHARE_SECONDS)


if __name__ == "__main__":
    cases.main()
