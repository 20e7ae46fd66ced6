"""The images and deploy/compose, with a real docker engine: containers are scaled, restarted and cut off under load,
and nothing is lost."""

import json
import subprocess
import time
import unittest
import urllib.request

import cases
from engine import Engine
from pipeline import wait_for
from stack import IMAGES, TAG, Stack

LARGEST_IMAGE = 150_000_000
FIRST_EVENT_SECONDS = 60
STAGES = ["filer-gateway", "inspector", "enricher", "storage"]


class ComposeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        engine = Engine()
        engine.__enter__()  # pylint: disable=unnecessary-dunder-call
        cls.addClassCleanup(engine.__exit__)
        cls.stack = Stack(engine)
        cls.addClassCleanup(cls.stack.close)
        cls.engine = engine
        began = time.monotonic()
        cls.stack.build()
        print(f"images after {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        cls.stack.compose("up", "-d")
        cls.stack.feed(1, 0)
        wait_for(cls.stack.count, lambda: cls.stack.compose("logs", "--tail", "20"))
        cls.first_event_seconds = time.monotonic() - began
        print(f"first event stored after {cls.first_event_seconds:.0f} s")

    def test_from_nothing_to_the_first_event(self):
        self.assertLess(self.first_event_seconds, FIRST_EVENT_SECONDS)

    def test_images_are_small_and_run_as_nobody_special(self):
        for image in IMAGES:
            with self.subTest(image):
                name = f"mentat/{image}:{TAG}"
                seen = json.loads(self.engine.run("docker", "image", "inspect", name))[0]
                self.assertLess(seen["Size"], LARGEST_IMAGE)
                self.assertEqual(seen["Config"]["User"], "10001:10001")
                self.assertEqual(seen["Config"]["Labels"]["org.opencontainers.image.version"], TAG)
                tools = self.engine.run("docker", "run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", name, "-c",
                                        "command -v cc gcc g++ clang ld as make; id -u")
                self.assertEqual(tools.split(), ["10001"])

    def test_containers_can_write_nothing_but_their_volumes(self):
        for service in [*STAGES, "controller"]:
            with self.subTest(service):
                container, = self.stack.containers(service)
                seen = json.loads(self.engine.run("docker", "inspect", container))[0]["HostConfig"]
                self.assertTrue(seen["ReadonlyRootfs"])
                self.assertEqual(seen["CapDrop"], ["ALL"])
                self.assertGreater(seen["Memory"], 0)
                result = self.engine.run("docker", "exec", container, "/bin/sh", "-c", "touch /usr/x /etc/mentat/x 2>&1 || true")
                self.assertEqual(result.count("Read-only file system"), 2, result)

    def test_callers_need_a_token(self):
        self.assertEqual(len(self.stack.status()["stages"]), len(STAGES))
        address = self.stack.compose("port", "controller", "5580").strip()
        result = subprocess.run(["tools/mentatctl/mentatctl", "--controller", address, "status"], check=False,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("token", result.stdout + result.stderr)

    def test_enrichers_are_scaled_from_one_to_three_and_back_under_load(self):
        with self.stack.load():
            self.scale(3)
            wait_for(lambda: len(self.shares()) == 3 and min(self.shares()) > 50, lambda: f"all have a share: {self.shares()}")
            self.scale(1)
        self.stack.check(self)

    def test_each_service_is_restarted_in_turn_under_load(self):
        with self.stack.load():
            for service in [*reversed(STAGES), "controller", "postgres"]:
                with self.subTest(service):
                    self.stack.compose("restart", "--timeout", "30", service)
                    self.stack.wait_healthy(service)
        self.stack.check(self)
        self.stack.wait_healthy(*STAGES)

    def test_a_service_is_cut_off_under_load_and_comes_back(self):
        container, = self.stack.containers("enricher")
        network = f"{self.stack.project}_mentat"
        with self.stack.load():
            self.engine.run("docker", "network", "disconnect", network, container)
            wait_for(lambda: not self.stack.healthy("inspector"), "the inspector misses its peer")
            self.engine.run("docker", "network", "connect", "--alias", "enricher", network, container)
            self.stack.wait_healthy("inspector", "enricher")
        self.stack.check(self)

    def test_encryption_is_turned_on_and_off_under_load(self):
        authority = ["--ca-file", str(self.stack.folder / "secrets/tls/ca.pem")]
        services = [*STAGES, "controller"]
        with self.stack.load():
            self.stack.compose("up", "-d", files=["docker-compose.yaml", "encrypted.yaml"])
            self.stack.wait_healthy(*services)
            self.assertEqual(self.stack.status(), {})
            wait_for(lambda: self.ready(*authority) == len(STAGES), lambda: self.stack.status(*authority))
            self.stack.compose("up", "-d")
            self.stack.wait_healthy(*services)
            self.assertEqual(self.stack.status(*authority), {})
        self.stack.check(self)

    def test_monitoring_finds_every_replica(self):
        self.scale(2)
        self.stack.compose("--profile", "monitoring", "up", "-d", "--no-recreate", "prometheus", "alertmanager", "grafana-role")
        expected = sorted([*(stage.replace("-", "_") for stage in STAGES), "enricher", "controller", "alertmanager", "prometheus"])

        def up():
            return sorted(target["labels"].get("service", target["labels"]["job"])
                          for target in self.prometheus("targets").get("activeTargets", []) if target["health"] == "up")

        wait_for(lambda: up() == expected, lambda: f"{up()}\n" + self.stack.compose("--profile", "monitoring", "logs", "--tail", "5"))
        self.scale(1)
        rules = [rule for group in self.prometheus("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 30)
        self.assertEqual([rule for rule in rules if rule.get("lastError")], [])
        wait_for(lambda: self.prometheus("alertmanagers").get("activeAlertmanagers"), "Prometheus knows the Alertmanager")
        # What Grafana reads the database by.
        may = "has_table_privilege('grafana', 'events', '%s')"
        wait_for(lambda: self.stack.query("SELECT 1 FROM pg_roles WHERE rolname = 'grafana'") == ["1"], "the role is there")
        wait_for(lambda: self.stack.query(f"SELECT {may % 'SELECT'}, {may % 'INSERT'}, {may % 'DELETE'}") == ["t|f|f"],
                 "it may read, and nothing else")

    def prometheus(self, what):
        """Of Prometheus' own state; {} while it does not answer."""
        address = self.stack.compose("--profile", "monitoring", "port", "prometheus", "9090").strip()
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/{what}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {}

    def ready(self, *options):
        """Stages with an instance that is ready."""
        return sum(1 for stage in self.stack.status(*options).get("stages", [])
                   if any(instance.get("state") == "ready" for instance in stage["instances"]))

    def scale(self, replicas):
        self.stack.compose("up", "-d", "--no-recreate", "--scale", f"enricher={replicas}", "enricher")

    def shares(self):
        """Events that each enricher has received."""
        for stage in self.stack.status().get("stages", []):
            if stage["name"] == "enricher":
                return [int(instance["received"]) for instance in stage["instances"] if "received" in instance]
        return []


if __name__ == "__main__":
    cases.main()
