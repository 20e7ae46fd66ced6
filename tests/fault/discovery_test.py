"""The controller finds instances behind a name whose addresses change, as behind a headless service of
Kubernetes: new ones are shown, and one whose address disappears as gone, with its last state."""

import json
import subprocess
import unittest

import cases
import network
from pipeline import Mentat, wait_for

PORT = 5580
ENRICHERS = ["enricher", "enricher-2"]


class DiscoveryTest(unittest.TestCase):
    def test_the_addresses_of_a_name_are_the_instances(self):
        reason = network.why_not()
        if reason:
            self.skipTest(reason)
        with network.Network() as net:
            for host in ["controller", *ENRICHERS]:
                net.attach(host)
            name = net.name("enrichers", ["enricher"])
            stages = [{"name": "enricher", "addresses": [f"{name}:{PORT}"]}]
            with Mentat(replicas={"enricher": 2}, network=net, ports={host: {"admin": PORT} for host in ENRICHERS}) as mentat:
                # The installation itself looks after all of its stages: so not before it has started.
                mentat.configure("controller", {"stages": stages, "ports_dir": "/nonexistent", "call_timeout_seconds": 5, "targets_file": None})
                mentat.kill("controller")
                self.change(net, mentat)

    def change(self, net, mentat):
        wait_for(lambda: self.instances(mentat) == {"enricher": "ready"}, "the one is found")
        net.name("enrichers", ENRICHERS)
        both = {name: "ready" for name in ENRICHERS}
        wait_for(lambda: self.instances(mentat) == both, "the new one is found")

        net.name("enrichers", ["enricher-2"])
        gone = {"enricher": "gone", "enricher-2": "ready"}
        wait_for(lambda: self.instances(mentat) == gone, "the other one is gone")
        status = next(each for each in self.status(mentat) if each["instance"] == "enricher")
        self.assertEqual(status["pid"], mentat.pid("enricher"))

        net.name("enrichers", ENRICHERS)
        wait_for(lambda: self.instances(mentat) == both, "it is back")

    def instances(self, mentat):
        return {each["instance"]: each["state"] for each in self.status(mentat)}

    def status(self, mentat):
        """The instances that the controller tells of."""
        result = subprocess.run(mentat.control.command(["status", "--json"]), check=False, text=True, stdout=subprocess.PIPE)
        stages = json.loads(result.stdout)["stages"] if result.stdout else []
        return [instance for stage in stages for instance in stage["instances"]]


if __name__ == "__main__":
    cases.main()
