"""The core profile of deploy/compose, and the oracle that says whether an event was lost or stored twice."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from load import Load
from pipeline import wait_for

REPOSITORY = Path.cwd()  # Bazel starts tests in the root of their runfiles
TAG = "compose-test"
QUEUE = "/var/lib/mentat/queue"
IMAGES = ["filer-gateway", "inspector", "enricher", "storage", "controller", "tools"]


def copy_tree(folder):
    """What Compose mounts, as files: runfiles are links, which lead nowhere inside a container."""
    for part in ("deploy/config", "deploy/compose", "deploy/grafana", "deploy/images", "deploy/k8s/components", "deploy/prometheus",
                 "services/inspector/rules"):
        shutil.copytree(REPOSITORY / part, folder / part)
    (folder / "deploy/demo").mkdir()
    for name in ("networks.sql", "demo-asn.mmdb", "demo-city.mmdb"):
        shutil.copy(REPOSITORY / "deploy/demo" / name, folder / "deploy/demo" / name)
    shutil.copy(REPOSITORY / "deploy/make_secrets.sh", folder / "deploy/make_secrets.sh")


class Stack:
    """Images and containers; with `close()` all goes away but the bases of the images, and those that are not ours."""

    def __init__(self, engine):
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="mentat-compose-", dir="/tmp"))
        self.project = f"mentat-test-{os.getpid()}"
        self.environment = {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_HTTP_TIMEOUT": "120",
            "MENTAT_CONTROLLER_PORT": "0",
            "MENTAT_SECRETS": str(self.folder / "secrets"),
            "MENTAT_TAG": TAG,
            "POSTGRES_IMAGE": "mentat/postgres:15",
            "PROMETHEUS_IMAGE": "mentat/prometheus:debian",
            "ALERTMANAGER_IMAGE": "mentat/alertmanager:debian",
            "PROMETHEUS_PORT": "0",
            "ALERTMANAGER_PORT": "0",
        }
        self.sent = set()
        self.seed = 0
        copy_tree(self.folder)

    def close(self):
        self.compose("--profile", "monitoring", "down", "--volumes", "--timeout", "5", check=False)
        for image in IMAGES:
            self.engine.run("docker", "rmi", "--force", f"mentat/{image}:{TAG}", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def compose(self, *words, files=("docker-compose.yaml",), **options):
        names = [word for file in files for word in ("--file", file)]
        return self.engine.run("docker-compose", *names, "--profile", "core", *words, cwd=self.folder / "deploy/compose",
                               environment=self.environment, **options)

    def build(self):
        self.engine.run(self.folder / "deploy/images/build.sh", REPOSITORY, "--tag", TAG, "--postgres", "--monitoring")
        self.engine.run(self.folder / "deploy/make_secrets.sh", self.folder / "secrets", "--tls", "--curve",
                        environment={"MENTATCTL": str(REPOSITORY / "tools/mentatctl/mentatctl")})

    def containers(self, service):
        return self.compose("ps", "-q", service).split()

    # --- events ---

    def generator(self, *options):
        """The command that generates events, in a container beside the others."""
        return ["docker", "run", "--rm", "--network", "none", "--volume", f"{self.project}_queue:{QUEUE}",
                f"mentat/tools:{TAG}", "mentat-ideagen", *map(str, options)]

    def feed(self, count, rate):
        """Puts generated events into the queue."""
        self.seed += 1
        options = ["--count", count, "--seed", self.seed]
        # The same seed makes the same events, so that what is sent is known beforehand.
        lines = self.engine.run(*self.generator(*options)).splitlines()
        self.sent |= {json.loads(line)["ID"] for line in lines}
        self.engine.run(*self.generator(*options, "--rate", rate, "--limit", 0, "--output", QUEUE))

    def load(self):
        """`with stack.load():` feeds events until the block ends."""
        return Load(self)

    def query(self, sql):
        """The rows, or None while the database does not answer."""
        text = self.compose("exec", "-T", "postgres", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "mentat", "-c",
                            f"{sql}; SELECT 'end'", "mentat", check=False)
        rows = text.splitlines()
        return rows[:-1] if rows and rows[-1] == "end" else None

    def count(self):
        rows = self.query("SELECT count(*) FROM events")
        return int(rows[0]) if rows else 0

    def check(self, test):
        """All that was sent is stored, once; nothing else is, nor is anything a dead letter."""
        wait_for(lambda: self.count() >= len(self.sent), lambda: f"{self.count()} of {len(self.sent)} are stored")
        stored = self.query("SELECT id FROM events")
        test.assertEqual(len(stored), len(set(stored)), "stored twice")
        test.assertEqual(set(stored) - self.sent, set(), "made up")
        test.assertEqual(self.sent - set(stored), set(), "lost")
        test.assertEqual(self.query("SELECT count(*) FROM dead_letters"), ["0"])

    # --- state ---

    def status(self, *options):
        """Of the controller, asked as an operator does; {} while it does not answer."""
        address = self.compose("port", "controller", "5580", check=False).strip()
        result = subprocess.run([str(REPOSITORY / "tools/mentatctl/mentatctl"), "--controller", address, "--token-file",
                                 str(self.folder / "secrets/operator.token"), *options, "status", "--json"],
                                check=False, stdin=subprocess.DEVNULL, capture_output=True)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return {}

    def healthy(self, *services):
        """Whether all containers of these services are, by their own health checks."""
        names = [name for service in services for name in self.containers(service)]
        states = self.engine.run("docker", "inspect", "--format", "{{.State.Health.Status}}", *names).split()
        return len(states) >= len(services) and set(states) == {"healthy"}

    def wait_healthy(self, *services):
        wait_for(lambda: self.healthy(*services), lambda: self.compose("ps"))
