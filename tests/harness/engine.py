"""A docker engine for tests: the one that runs on this machine, or one of the test's own.

    with Engine() as engine:      # unittest.SkipTest says why there can be none
        engine.run("docker", "info")
"""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from pipeline import wait_for

# Where Debian keeps dockerd and iptables; Bazel's own PATH leaves it out.
os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
START_SECONDS = 60


class Traces:
    """What a docker engine leaves behind in the kernel: rules of the packet filter, forwarding, its bridge."""

    EMPTY = {"filter": ("INPUT", "FORWARD", "OUTPUT"), "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")}
    FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
    BRIDGE = Path("/sys/class/net/docker0")

    def __init__(self):
        self.rules = subprocess.run(["iptables-save"], check=False, capture_output=True, text=True).stdout
        for table, chains in self.EMPTY.items():
            if f"*{table}\n" not in self.rules:
                self.rules += f"*{table}\n" + "".join(f":{chain} ACCEPT [0:0]\n" for chain in chains) + "COMMIT\n"
        self.forward = self.FORWARD.read_text(encoding="ascii")
        self.bridge = self.BRIDGE.exists()

    def remove(self):
        subprocess.run(["iptables-restore"], input=self.rules, check=False, capture_output=True, text=True)
        self.FORWARD.write_text(self.forward, encoding="ascii")
        if self.BRIDGE.exists() and not self.bridge:
            subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)


class Engine:
    """What runs here is used with the images that it has; an engine of one's own begins with none, and takes them
    with it."""

    def __init__(self):
        self.folder = None
        self.process = None
        self.traces = None
        self.environment = dict(os.environ)
        self.environment.setdefault("HOME", "/tmp")

    def __enter__(self):
        for program in ("docker", "docker-compose", "mmdebstrap"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can make the images and start a docker engine")
        if not self._answers():
            self._start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            self.traces.remove()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self):
        return subprocess.run(["docker", "info"], env=self.environment, check=False, stdin=subprocess.DEVNULL,
                              capture_output=True).returncode == 0

    def _start(self):
        if not shutil.which("dockerd"):
            raise unittest.SkipTest("no docker engine answers, and dockerd is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="mentat-docker-", dir="/var/tmp"))
        self.environment["DOCKER_HOST"] = f"unix://{self.folder}/socket"
        self.traces = Traces()
        log = self.folder / "log"
        with log.open("wb") as output:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                ["dockerd", "--host", self.environment["DOCKER_HOST"], "--data-root", str(self.folder / "data"),
                 "--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "pid")],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment)
        try:
            wait_for(lambda: self.process.poll() is not None or self._answers(), "dockerd answers", START_SECONDS)
        except AssertionError:
            pass
        if self.process.poll() is not None or not self._answers():
            reason = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            self.__exit__()
            raise unittest.SkipTest(f"dockerd does not run here: {' '.join(reason)}")

    def run(self, *command, check=True, **options):
        """What the command printed, which is an AssertionError if it failed."""
        environment = self.environment | options.pop("environment", {})
        result = subprocess.run([str(word) for word in command], env=environment, check=False, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        assert not check or result.returncode == 0, \
            f"{' '.join(map(str, command))}: {result.returncode}\n{result.stdout[-2000:]}{result.stderr[-4000:]}"
        return result.stdout
