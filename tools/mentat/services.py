"""What runs in an installation, and with which configuration."""

import functools
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from database import Cluster, split_password
from layout import HOST, UserError, read_json, write_file

# In the order of the flow, which is the order of stopping too. `uses` are the ports of an instance.
STAGES = {
    "filer_gateway": ["admin", "metrics"],
    "inspector": ["input", "admin", "metrics"],
    "enricher": ["input", "admin", "metrics"],
    "storage": ["input", "admin", "metrics"],
}
FIRST = "inspector"  # the stage that sources send to, and the controller what it replays
CONTROLLER = "controller"
DEMO = "ideagen"
REPOSITORY = Path(__file__).resolve().parents[2]
DEMO_GEOIP = {"GeoLite2-City.mmdb": "demo-city.mmdb", "GeoLite2-ASN.mmdb": "demo-asn.mmdb"}
GRACE_SECONDS = 10  # that draining a stage may take

PROGRAMS = {
    **{name: f"services/{name}/{name}" for name in [*STAGES, CONTROLLER]},
    "mentatctl": "tools/mentatctl/mentatctl",
    "mentat-migrate": "tools/mentat_migrate/mentat-migrate",
    "mentat-ideagen": "tools/ideagen/mentat-ideagen",
}

CONFIG_HEAD = """\
# Made by `./mentat up`; yours to edit: an edited file is never overwritten. Every key with its value:
#   bin/{program} --config etc/{file} --config-view
# Ports come from ports.json, numbers of replicas from installation.json.
"""


@dataclass
class Process:
    """One process that the supervisor keeps alive."""
    name: str
    command: Callable  # gives the arguments, anew for each start
    stop_rank: int
    log_name: str = ""
    stop_signal: int = signal.SIGTERM
    grace: float = GRACE_SECONDS + 5.0
    identity: dict = field(default_factory=dict)  # arguments for subprocess: user, environment, …
    ready: Callable = lambda: True

    def __post_init__(self):
        self.log_name = self.log_name or self.name


def copy_programs(installation, build_folder):
    """Copies the programs out of the build's folder, so that a later build does not pull a running
    one away. How many were new."""
    new = 0
    for name, path in PROGRAMS.items():
        source, target = Path(build_folder) / path, installation.bin / name
        if not source.exists():
            raise UserError(f"{source} has not been built")
        seen = source.stat()
        if target.exists() and (target.stat().st_size, target.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns):
            continue
        temporary = installation.bin / f".{name}"
        shutil.copyfile(source, temporary)
        temporary.chmod(0o755)
        os.utime(temporary, ns=(seen.st_mtime_ns, seen.st_mtime_ns))
        os.replace(temporary, target)
        new += 1
    return new


class Plan:
    """The processes of an installation and their configurations."""

    def __init__(self, installation):
        self.installation = installation
        self.settings = installation.settings()
        self.cluster = None if self.settings["dsn"] else Cluster(installation)
        self.instances = {stage: self._instances(stage) for stage in [*STAGES, CONTROLLER]}
        wanted = {instance: STAGES.get(stage, ["admin", "metrics"])
                  for stage, instances in self.instances.items() for instance in instances}
        self.ports = installation.ports(wanted)

    def _instances(self, stage):
        """`enricher`, `enricher-2`, …"""
        count = self.settings["replicas"].get(stage, 1)
        if not isinstance(count, int) or not 1 <= count <= 64:
            raise UserError(f"{self.installation.settings_file}: replicas of {stage}: "
                            f"expected a number from 1 to 64, got {count!r}")
        return [stage if number == 1 else f"{stage}-{number}" for number in range(1, count + 1)]

    def dsn(self):
        return self.settings["dsn"] or self.cluster.dsn()

    def host(self, instance):
        """The address that an instance listens on, which ports.json may say beside its ports."""
        return self.ports[instance].get("host", HOST)

    def address(self, instance, use):
        return f"{self.host(instance)}:{self.ports[instance][use]}"

    # --- configurations ---

    def write_configs(self):
        """Writes what was not edited by hand. The names of those that were, and differ from what would
        be written now."""
        kept = []
        record_file = self.installation.etc / ".generated.json"
        record = read_json(record_file) if record_file.exists() else {}
        for name, text in self._files().items():
            path = self.installation.etc / name
            digest = hashlib.sha256(text.encode()).hexdigest()
            if path.exists():
                current = hashlib.sha256(path.read_bytes()).hexdigest()
                if current != record.get(name):
                    if record.get(name) != digest:
                        kept.append(name)
                    continue
                if current == digest:
                    continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text, 0o600)
            record[name] = digest
            write_file(record_file, json.dumps(record, indent=1) + "\n", 0o600)
        return kept

    def write_targets(self):
        """Tells Prometheus of the processes (file_sd_configs). Nothing there is secret."""
        targets = [{"targets": [self.address(instance, "metrics")], "labels": {"service": stage, "instance": instance}}
                   for stage, instances in self.instances.items() for instance in instances]
        path = self.installation.targets_file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(targets, indent=2) + "\n")

    def _files(self):
        files = self._rules()
        for stage, instances in self.instances.items():
            for instance in instances:
                config = {"service": self._service(instance)}
                config |= getattr(self, f"_{stage}")(instance)
                files[f"{instance}.json"] = CONFIG_HEAD.format(program=stage, file=f"{instance}.json") + json.dumps(config, indent=2) + "\n"
        return files

    def _service(self, instance):
        return {
            "instance": instance,
            "admin_listen": self.address(instance, "admin"),
            "metrics_listen": self.address(instance, "metrics"),
            "grace_seconds": GRACE_SECONDS,
            "log": {"file": str(self.installation.log / f"{instance}.log")},
            "runlog": {"folder": str(self.installation.runlog)},
        }

    def _pipeline(self, instance, following=None):
        pipeline = {}
        if "input" in self.ports[instance]:
            pipeline["input"] = {"bind": f"tcp://{self.address(instance, 'input')}"}
        if following:
            peers = [f"tcp://{self.address(peer, 'input')}" for peer in self.instances[following]]
            pipeline["outputs"] = {"default": {"peers": peers}}
            if self.host(instance) != HOST:
                pipeline["ack_bind"] = f"tcp://{self.host(instance)}:*"
        if self.settings["curve"]:
            self._encrypt(instance, pipeline, following)
        return {"pipeline": pipeline}

    def _encrypt(self, instance, pipeline, following):
        stage = next(stage for stage, instances in self.instances.items() if instance in instances)
        pipeline["curve"] = {"secret_key_file": str(self._keys(stage) / f"{instance}.key_secret")}
        if "input" in pipeline:
            names = list(STAGES)
            senders = [names[names.index(stage) - 1]] + ([CONTROLLER] if stage == FIRST else [])
            pipeline["input"]["allowed_keys"] = [str(self._keys(sender)) for sender in senders]
        if following:
            pipeline["outputs"]["default"]["allowed_keys"] = [str(self._keys(following))]

    # --- keys ---

    def _keys(self, stage):
        """The folder with the keys of a stage's instances, which its neighbours allow as a whole."""
        return self.installation.etc / "keys" / stage

    def make_keys(self):
        """A key for each instance that has none. How many were made."""
        made = 0
        for stage in [*STAGES, CONTROLLER] if self.settings["curve"] else ():
            folder = self._keys(stage)
            missing = [name for name in self.instances[stage] if not (folder / f"{name}.key_secret").exists()]
            if not missing:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            result = subprocess.run([str(self.installation.bin / "mentatctl"), "keys", "generate", *missing, "--dir", str(folder)],
                                    check=False, text=True, stdin=subprocess.DEVNULL, capture_output=True)
            if result.returncode:
                raise UserError(f"keys cannot be made: {result.stderr.strip()}")
            made += len(missing)
        return made

    def _filer_gateway(self, instance):
        return {"queue": str(self.installation.queue)} | self._pipeline(instance, FIRST)

    def _inspector(self, instance):
        return {"rules": [str(self.installation.etc / "rules")]} | self._pipeline(instance, "enricher")

    def _enricher(self, instance):
        geoip = self.installation.etc / "geoip"
        return {"database": {"dsn": self.dsn()},
                "geoip": {"city_db": str(geoip / "GeoLite2-City.mmdb"),
                          "country_db": "",
                          "asn_db": str(geoip / "GeoLite2-ASN.mmdb")}} | self._pipeline(instance, "storage")

    def _storage(self, instance):
        config = {"database": {"dsn": self.dsn()}} | self._pipeline(instance)
        # What a worker is given at a time is one transaction.
        config["pipeline"] |= {"workers": 2, "max_call_events": 2560}
        return config

    def _controller(self, instance):
        return {"state_dir": str(self.installation.kept / instance),
                "stages": [{"name": stage, "addresses": [self.address(name, "admin") for name in self.instances[stage]]}
                           for stage in STAGES],
                "database": {"dsn": self.dsn()}} | self._pipeline(instance, FIRST)

    def _rules(self):
        """The default rule set, as files of etc."""
        folder = REPOSITORY / "services" / "inspector" / "rules"
        return {f"rules/{path.name}": path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}

    def prepare_demo(self):
        """Address databases to go with the generated events, where there are none."""
        for name, source in DEMO_GEOIP.items():
            target = self.installation.etc / "geoip" / name
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                shutil.copyfile(REPOSITORY / "deploy" / "demo" / source, target)

    # --- processes ---

    def database(self):
        """The embedded PostgreSQL; None where another is used."""
        if self.cluster is None:
            return None
        identity = self.cluster.identity() or {"env": self._environment()}
        # SIGINT is PostgreSQL's fast stop: sessions are ended, everything is written.
        return Process("postgres", self.cluster.command, stop_rank=len(STAGES) + 2, stop_signal=signal.SIGINT,
                       grace=60.0, identity=identity, ready=self.cluster.accepts)

    def prepare(self, demo):
        """Brings the database, which must be there, to what the services need."""
        if self.cluster is not None:
            self.cluster.ensure_database()
        self._migrate()
        if demo:
            self._psql_file(REPOSITORY / "deploy" / "demo" / "networks.sql")

    def services(self, demo):
        """The processes of the pipeline."""
        names = [*STAGES, CONTROLLER]
        processes = [
            Process(instance, functools.partial(self._command, stage, instance), stop_rank=names.index(stage) + 1,
                    identity={"env": self._environment()})
            for stage in reversed(names) for instance in self.instances[stage]]
        if demo:
            processes.append(Process(DEMO, self._demo_command, stop_rank=0, identity={"env": self._environment()}))
        return processes

    def _command(self, stage, instance):
        return [str(self.installation.bin / stage), "--config", str(self.installation.etc / f"{instance}.json")]

    def _demo_command(self):
        # Another seed for each start: the same one would make the same events again.
        return [str(self.installation.bin / "mentat-ideagen"), "--count", "0", "--rate", str(self.settings["demo_rate"]),
                "--seed", str(secrets.randbits(63)), "--output", str(self.installation.queue)]

    def _migrate(self):
        result = subprocess.run([str(self.installation.bin / "mentat-migrate")], check=False, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env=self._environment() | {"MENTAT_DATABASE_DSN": self.dsn()})
        if result.returncode:
            raise UserError(f"the database cannot be brought to this version's schema:\n{result.stdout.strip()}")

    def _psql_file(self, path):
        dsn, password = split_password(self.dsn())
        environment = self._environment() | ({"PGPASSWORD": password} if password else {})
        result = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", str(path)], check=False,
                                text=True, stdin=subprocess.DEVNULL, capture_output=True, env=environment)
        if result.returncode:
            raise UserError(f"{path}: {result.stderr.strip()}")

    def _environment(self):
        """Only what a service has a use for: its settings come from its file, not from whoever typed `up`."""
        keep = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        return {name: os.environ[name] for name in keep if name in os.environ}
