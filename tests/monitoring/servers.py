"""A real Prometheus and a real Alertmanager (Debian's packages) for tests, with the configuration of deploy/prometheus.

`quicker` divides all times of the rules, so that an alert with `for: 5m` fires within seconds: durations, and the numbers of
seconds that the rules mark as such."""

import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from monitoring import PROMETHEUS
from pipeline import wait_for

PROGRAMS = ("prometheus", "prometheus-alertmanager")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def missing(programs=PROGRAMS):
    """The programs that are not here."""
    return [name for name in programs if shutil.which(name) is None]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def quicken(text, quicker):
    """The rules with shorter times."""
    def shorter(seconds, least):
        return max(least, round(seconds / quicker))
    text = re.sub(r"\b(\d+)([smhd])(?=[\]\s])", lambda found: f"{shorter(int(found[1]) * UNITS[found[2]], 3)}s", text)
    return re.sub(r"> (\d+) # seconds", lambda found: f"> {shorter(int(found[1]), 3)}", text)


class Server:
    """A process that serves HTTP."""

    def __init__(self, folder, name, command, port):
        self.address = f"127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        with self.log.open("w", encoding="utf-8") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_for(self.ready, lambda: f"{name} is ready; its log ends with:\n{self.log.read_text(encoding='utf-8')[-2000:]}", 30)
        except BaseException:
            self.stop()
            raise

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it has ended:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path, **parameters):
        """What the API answers. AssertionError with what it does not like."""
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Prometheus(Server):
    def __init__(self, folder, targets, alertmanager=None, quicker=1, interval="1s"):
        """`targets` are files of file_sd_configs; `alertmanager` is HOST:PORT."""
        home = folder / "prometheus"
        shutil.copytree(PROMETHEUS / "rules", home / "rules")
        port = free_port()
        config = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
        config = re.sub(r"(scrape|evaluation)_interval: \S+", rf"\1_interval: {interval}", config)
        config = re.sub(r"scrape_timeout: \S+", f"scrape_timeout: {interval}", config)
        config = config.replace('["targets/*.json"]', json.dumps([str(target) for target in targets]))
        config = config.replace("127.0.0.1:9090", f"127.0.0.1:{port}").replace("127.0.0.1:9093", alertmanager or "127.0.0.1:1")
        if alertmanager is None:
            config = re.sub(r"  - job_name: alertmanager\n.*?(?=\n  - |\Z)", "", config, flags=re.DOTALL)
        if quicker != 1:
            for path in (home / "rules").glob("*.yml"):
                path.write_text(quicken(path.read_text(encoding="utf-8"), quicker), encoding="utf-8")
        (home / "prometheus.yml").write_text(config, encoding="utf-8")
        super().__init__(folder, "prometheus", ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
                                                f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], port)

    def query(self, expr):
        """[(labels, value)] of an instant query."""
        result = self.get("/api/v1/query", query=expr)["data"]["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def targets(self):
        """{address: (job, health, last error)} of all targets."""
        return {target["scrapeUrl"]: (target["labels"]["job"], target["health"], target["lastError"])
                for target in self.get("/api/v1/targets", state="active")["data"]["activeTargets"]}

    def alerts(self):
        """{name: {states}} of the alerts that are not silent."""
        found = {}
        for alert in self.get("/api/v1/alerts")["data"]["alerts"]:
            found.setdefault(alert["labels"]["alertname"], set()).add(alert["state"])
        return found


class Alertmanager(Server):
    def __init__(self, folder):
        home = folder / "alertmanager"
        home.mkdir()
        config = (PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
        # Mail goes nowhere: what is looked at is its API.
        config = config.replace("127.0.0.1:25", "127.0.0.1:1")
        (home / "alertmanager.yml").write_text(config, encoding="utf-8")
        port = free_port()
        super().__init__(folder, "alertmanager", ["prometheus-alertmanager", f"--config.file={home}/alertmanager.yml",
                                                  f"--storage.path={home}/data", f"--web.listen-address=127.0.0.1:{port}",
                                                  "--cluster.listen-address=", "--log.level=error"], port)

    def active(self):
        """Names of the alerts that it has been told of and that are not over, inhibited ones among them."""
        return {alert["labels"]["alertname"] for alert in self.get("/api/v2/alerts")}
