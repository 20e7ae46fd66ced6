"""What deploy/compose names exists: files, secrets, services, images, ports. tests/compose brings it up."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import cases
import yaml
from manifests import REPOSITORY, read_json

COMPOSE = REPOSITORY / "deploy/compose"


def port_of(endpoint):
    return int(endpoint.rsplit(":", 1)[1])


class ComposeFilesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.file = yaml.safe_load((COMPOSE / "docker-compose.yaml").read_text())
        cls.services = cls.file["services"]

    def test_files_that_are_mounted_exist(self):
        for name, service in self.services.items():
            for mount in service.get("volumes", []):
                source = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", mount).split(":")[0]
                with self.subTest(f"{name}: {source}"):
                    if source.startswith("."):
                        self.assertTrue((COMPOSE / source).exists())
                    else:
                        self.assertIn(source, self.file["volumes"])

    def test_secrets_are_those_that_the_script_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["deploy/make_secrets.sh", folder, "--keep-owner"], check=True)
            made = {path.name for path in Path(folder).iterdir()}
        for name, secret in self.file["secrets"].items():
            self.assertEqual(secret["file"], "${MENTAT_SECRETS:-./secrets}/" + name)
            self.assertIn(name, made)
        for name, service in self.services.items():
            for secret in service.get("secrets", []):
                self.assertIn(secret["source"] if isinstance(secret, dict) else secret, self.file["secrets"], name)

    def test_what_runs_on_is_limited_and_can_write_little(self):
        for name, service in self.services.items():
            with self.subTest(name):
                if "restart" in service:
                    self.assertIn("mem_limit", service)
                if "restart" in service and name != "postgres":
                    self.assertTrue(service["read_only"])
                    self.assertEqual(service["cap_drop"], ["ALL"])
                    self.assertFalse(service["user"].startswith("0"))
                for port in service.get("ports", []):
                    self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_images_are_targets_of_the_dockerfile(self):
        targets = re.findall(r"^FROM service AS (\S+)", (REPOSITORY / "deploy/images/Dockerfile").read_text(), re.M)
        named = {match[1] for service in self.services.values() if (match := re.match(r"mentat/([a-z-]+):", service["image"]))}
        self.assertEqual(named, set(targets))

    def test_names_in_configurations_are_services(self):
        for path in sorted((REPOSITORY / "deploy/config").glob("*.json")):
            for host, port in re.findall(r'"(?:tcp://)?([a-z-]+):(\d+)"', path.read_text()):
                with self.subTest(f"{path.name}: {host}"):
                    self.assertIn(host, self.services)
                    target = read_json((REPOSITORY / f"deploy/config/{host.replace('-', '_')}.json").read_text())
                    listens = {5580} | ({port_of(target["pipeline"]["input"]["bind"])} if "input" in target.get("pipeline", {}) else set())
                    self.assertIn(int(port), listens)

    def test_prometheus_scrapes_all_services(self):
        config = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
        names = config["scrape_configs"][0]["dns_sd_configs"][0]
        listen = read_json((REPOSITORY / "deploy/config/service.json").read_text())["service"]["metrics_listen"]
        self.assertEqual(names["port"], port_of(listen))
        configured = {path.stem.replace("_", "-") for path in (REPOSITORY / "deploy/config").glob("*.json")} - {"service"}
        self.assertEqual(set(names["names"]), configured)
        with tempfile.TemporaryDirectory() as folder:
            rules = str((REPOSITORY / "deploy/prometheus/rules").resolve())
            path = Path(folder, "prometheus.yml")
            path.write_text((COMPOSE / "prometheus.yml").read_text().replace("/etc/prometheus/rules", rules))
            result = subprocess.run(["promtool", "check", "config", str(path)], check=False, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    cases.main()
