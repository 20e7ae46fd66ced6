"""A container that is like a host: systemd, apt and a PostgreSQL of its own; and Mentat, installed there."""

import json
import os
import subprocess
import unittest
from pathlib import Path

from load import Load
from pipeline import wait_for

BASE = "mentat-packages-base:bookworm"
BASE_PACKAGES = ["systemd-sysv", "dbus", "postgresql-15", "logrotate"]
QUEUE = "/var/lib/mentat/queue"
FEEDER = "detector"  # who puts events into the queue: a member of the group, no more
# What systemd wants of a container. Not --privileged, which fails where this process lacks a capability itself.
OPTIONS = ["--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
           "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
           "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"]
START_SECONDS = 60
# What others than the packages of Mentat write.
FOREIGN = ("/dev", "/etc/ld.so.cache", "/proc", "/run", "/sys", "/tmp", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/logrotate",
           "/var/lib/postgresql", "/var/log/apt", "/var/log/dpkg.log", "/var/log/journal", "/var/log/postgresql", "/var/tmp")


class Machine:
    def __init__(self, engine, images):
        """`images` is the folder with base.sh."""
        self.engine = engine
        self.name = f"mentat-packages-{os.getpid()}"
        self.sent = set()
        self.seed = 0
        if not self.engine.run("docker", "images", "-q", BASE):
            self.engine.run(images / "base.sh", BASE, *BASE_PACKAGES)
        try:
            self.engine.run("docker", "run", "--detach", "--name", self.name, *OPTIONS, BASE, "/lib/systemd/systemd")
            wait_for(lambda: self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"),
                     lambda: self.engine.run("docker", "logs", self.name), START_SECONDS)
        except AssertionError as error:
            self.close()
            raise unittest.SkipTest(f"systemd does not run in a container here: {error}") from error
        self.run("useradd", "--no-create-home", FEEDER)
        # The base leaves out what nobody reads in a container: documents and man pages.
        self.run("sh", "-c", "rm -f /etc/dpkg/dpkg.cfg.d/*mmdebstrap*")
        if "W: Failed to fetch" in (update := self.run("sh", "-c", "timeout 120 apt-get update -q 2>&1", check=False)):
            self.close()
            raise unittest.SkipTest(f"a container does not reach Debian's mirror here: {update}")

    def close(self):
        self.engine.run("docker", "rm", "--force", "--volumes", self.name, check=False)

    def run(self, *command, user="root", **options):
        enter = [] if user == "root" else ["runuser", "-u", user, "--"]
        return self.engine.run("docker", "exec", "--env", "DEBIAN_FRONTEND=noninteractive", self.name, *enter, *command, **options)

    def copy(self, source, target):
        self.engine.run("docker", "cp", f"{source}", f"{self.name}:{target}")

    def files(self):
        """All files and folders but those that other programs write."""
        foreign = [word for path in FOREIGN for word in ("-path", path, "-prune", "-o")]
        return set(self.run("find", "/", "-xdev", *foreign, "-print").splitlines())

    def install(self, folder):
        """Installs or upgrades to the packages of a folder; what they need comes from Debian's mirror."""
        self.run("rm", "-rf", "/packages")
        self.copy(folder, "/packages")
        return self.run("sh", "-c", "apt-get install -yq --no-install-recommends /packages/*.deb 2>&1")

    # --- services ---

    def property(self, unit, name):
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def active(self, unit):
        return self.run("systemctl", "is-active", unit, check=False).strip() == "active"

    def status(self):
        """What mentatctl tells; {} while nobody answers."""
        try:
            return json.loads(self.run("mentatctl", "status", "--json", user="nobody", check=False))
        except ValueError:
            return {}

    def ready(self):
        """Instances that are ready, by the name of their stage."""
        return {stage["name"]: [instance["instance"] for instance in stage["instances"] if instance.get("state") == "ready"]
                for stage in self.status().get("stages", [])}

    def journal(self):
        return self.run("journalctl", "--no-pager", "-u", "mentat-*", "-n", "30")

    # --- events ---

    def feed(self, count, rate):
        """Puts generated events into the queue."""
        self.seed += 1
        options = ["--count", str(count), "--seed", str(self.seed)]
        # The same seed makes the same events, so that what is sent is known beforehand.
        generator = Path.cwd() / "tools/ideagen/mentat-ideagen"
        lines = subprocess.run([generator, *options], check=True, capture_output=True, text=True).stdout.splitlines()
        self.sent |= {json.loads(line)["ID"] for line in lines}
        self.run("mentat-ideagen", *options, "--rate", str(rate), "--limit", "0", "--output", QUEUE, user=FEEDER)

    def load(self):
        return Load(self)

    def query(self, sql):
        """The rows, or None while the database does not answer."""
        text = self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", f"{sql}; SELECT 'end'", "mentat", user="mentat", check=False)
        rows = text.splitlines()
        return rows[:-1] if rows and rows[-1] == "end" else None

    def count(self):
        rows = self.query("SELECT count(*) FROM events")
        return int(rows[0]) if rows else 0

    def check(self, test):
        """All that was sent is stored, once; nothing else is, nor is anything a dead letter."""
        wait_for(lambda: self.count() >= len(self.sent), lambda: f"{self.count()} of {len(self.sent)} are stored\n{self.journal()}")
        stored = self.query("SELECT id FROM events")
        test.assertEqual(len(stored), len(set(stored)), "stored twice")
        test.assertEqual(set(stored) - self.sent, set(), "made up")
        test.assertEqual(self.sent - set(stored), set(), "lost")
        test.assertEqual(self.query("SELECT count(*) FROM dead_letters"), ["0"])
