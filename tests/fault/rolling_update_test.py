"""An installation as Kubernetes runs it, without a cluster: each stage behind a headless name, each instance with
an address of its own that its successor does not have. Every stage is rolled out anew under load, scaled up and
down, and loses a machine: nothing is lost or stored twice."""

import signal
import unittest

import cases
import network
from pipeline import Mentat, wait_for

RATE = 300
EVENTS = 12000
INPUT, ADMIN, METRICS = 5571, 5580, 9090
FOLLOWING = {"filer_gateway": "inspector", "inspector": "enricher", "enricher": "storage", "storage": None}
REPLICAS = {"filer_gateway": 1, "inspector": 2, "enricher": 3, "storage": 2}


def instances(stage):
    return [stage if number == 1 else f"{stage}-{number}" for number in range(1, REPLICAS[stage] + 1)]


def service_name(stage):
    return stage.replace("_", "-")  # host names have no underscores


class RollingUpdateTest(unittest.TestCase):
    def test_every_stage_is_rolled_out_under_load(self):
        reason = network.why_not()
        if reason:
            self.skipTest(reason)
        with network.Network() as net:
            net.attach("controller")
            self.names = {}  # the full ones, by stage
            self.behind = {}
            for stage in REPLICAS:
                for name in instances(stage):
                    net.attach(name)
                self.use(net, stage, instances(stage)[:2])
            ports = {name: self.ports(stage) for stage in REPLICAS for name in instances(stage)}
            configs = {name: self.pod(stage) for stage in REPLICAS for name in instances(stage)}
            configs["controller"] = {"stages": [{"name": stage, "addresses": [f"{self.names[stage]}:{ADMIN}"]} for stage in REPLICAS],
                                     "pipeline": self.output("inspector")}
            with Mentat(replicas=REPLICAS, network=net, ports=ports, configs=configs) as mentat:
                feeder = mentat.feed(EVENTS, rate=RATE, bad=0.01, wait=False)
                wait_for(lambda: mentat.count() > 300, "events are stored")
                self.change(net, mentat)
                self.assertTrue(feeder.feeding(), "the load should last longer than the changes; feed more events")
                sent = feeder.finish()
                mentat.wait_settled()
                mentat.check(sent)
                mentat.check_ledgers()

    def ports(self, stage):
        ports = {"admin": ADMIN, "metrics": METRICS}
        return ports if stage == "filer_gateway" else {"input": INPUT, **ports}

    def pod(self, stage):
        """What differs from an installation of ports: as in a pod, which knows neither its address nor its neighbours'."""
        config = {"service": {"admin_listen": f"0.0.0.0:{ADMIN}", "metrics_listen": f"0.0.0.0:{METRICS}"},
                  "pipeline": self.output(FOLLOWING[stage]) if FOLLOWING[stage] else {}}
        if stage != "filer_gateway":
            config["pipeline"]["input"] = {"bind": f"tcp://0.0.0.0:{INPUT}"}
        return config

    def output(self, following):
        peers = {"peers": [f"tcp://{self.names[following]}:{INPUT}"], "resolve_seconds": 1}
        return {"ack_bind": "tcp://*:*", "outputs": {"default": peers}}

    def use(self, net, stage, hosts):
        self.behind[stage] = hosts
        self.names[stage] = net.name(service_name(stage), hosts)

    def change(self, net, mentat):
        for stage in reversed(REPLICAS):
            for name in list(self.behind[stage]):
                self.replace(net, mentat, stage, name)

        # A third enricher, and then one that leaves for good.
        self.use(net, "enricher", instances("enricher"))
        wait_for(lambda: mentat.shares("enricher")["enricher-3"] >= 0.5 / 3, "the new one has its share", 10)
        self.use(net, "enricher", instances("enricher")[1:])
        self.wait_passes(mentat, 300)

        # A machine is lost with all that it held. A while later the cluster notices, and has a new one.
        net.plug("storage", False)
        self.wait_passes(mentat, 1000)
        self.use(net, "storage", ["storage-2"])
        address = net.move("storage")
        mentat.kill("storage")
        self.moved(mentat, "storage", address)
        net.plug("storage", True)
        self.use(net, "storage", ["storage", "storage-2"])
        wait_for(lambda: mentat.shares("storage")["storage"] >= 0.25, "the new one has its share", 20)

    def replace(self, net, mentat, stage, name):
        """One pod ends in good order, and another one takes its place at another address."""
        others = [other for other in self.behind[stage] if other != name]
        self.use(net, stage, others)
        address = net.move(name)
        old = mentat.signal(name, signal.SIGTERM)
        mentat.wait_restarted(name, old)
        self.assertEqual(mentat.last_exit(name), "exit status 0")
        self.moved(mentat, name, address)
        wait_for(lambda: mentat.pages(stage).get(name, {}).get("mentat_ready"), f"{name} is ready")
        self.use(net, stage, [*others, name])
        before = mentat.received(stage).get(name, 0)
        wait_for(lambda: mentat.received(stage).get(name, 0) > before, f"{name} takes part")

    def moved(self, mentat, name, address):
        mentat.plan.ports[name]["host"] = address

    def wait_passes(self, mentat, count):
        before = mentat.count()
        wait_for(lambda: mentat.count() >= before + count, f"{count} more events are stored")


if __name__ == "__main__":
    cases.main()
