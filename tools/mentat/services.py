"""What runs in an installation, and with which configuration."""

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
from layout import HOST, UserError, merge, read_json, write_file

# In the order of the flow, with the ports that each instance has.
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
KILL_SECONDS = GRACE_SECONDS + 5  # after which a process that was told to end is killed
ALL_DRAINED_SECONDS = len(STAGES) * KILL_SECONDS + 5  # that the controller may take to end, and all stages before it
MAX_INSTANCES = 8  # of each stage, that there are ports, keys and configurations for

PROGRAMS = {
    **{name: f"services/{name}/{name}" for name in [*STAGES, CONTROLLER]},
    "mentatctl": "tools/mentatctl/mentatctl",
    "mentat-migrate": "tools/mentat_migrate/mentat-migrate",
    "mentat-ideagen": "tools/ideagen/mentat-ideagen",
}

CONFIG_HEAD = """\
# Made by `./mentat up`; yours to edit: an edited file is never overwritten. Every key with its value:
#   bin/{program} --config etc/{file} --config-view
"""
STAGE_HEAD = CONFIG_HEAD.format(program="{program}", file="instances/{program}.json") + """\
# What all instances of the stage have in common; instances/ has what each has of its own.
"""


@dataclass
class Process:
    """One process that the supervisor keeps alive."""
    name: str
    command: Callable  # gives the arguments, anew for each start
    stop_rank: int
    log_name: str = ""
    stop_signal: int = signal.SIGTERM
    grace: float = float(KILL_SECONDS)
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


def instance_names(stage, count):
    """`enricher`, `enricher-2`, …"""
    return [stage if number == 1 else f"{stage}-{number}" for number in range(1, count + 1)]


class Plan:
    """The processes of an installation and their configurations."""

    def __init__(self, installation):
        self.installation = installation
        self.settings = installation.settings()
        self.cluster = None if self.settings["dsn"] else Cluster(installation)
        # As configured; the controller scales within `prepared`.
        self.instances = {stage: instance_names(stage, self._replicas(stage)) for stage in STAGES} | {CONTROLLER: [CONTROLLER]}
        self.prepared = {stage: instance_names(stage, max(MAX_INSTANCES, len(self.instances[stage]))) for stage in STAGES}
        wanted = {instance: STAGES[stage] for stage, instances in self.prepared.items() for instance in instances}
        self.ports = installation.ports(wanted | {CONTROLLER: ["admin", "metrics"]})

    def _replicas(self, stage):
        count = self.settings["replicas"].get(stage, 1)
        if type(count) is not int or not 1 <= count <= 64:
            raise UserError(f"{self.installation.settings_file}: replicas of {stage}: "
                            f"expected a number from 1 to 64, got {count!r}")
        return count

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
        self._take_over_old(record)
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

    def check_controller(self):
        """An edited configuration of an earlier version does not say how the controller runs the stages."""
        path = self.installation.etc / f"{CONTROLLER}.json"
        config = read_json(path)
        if "driver" not in config and "include" not in config:
            raise UserError(f"{path} has been edited, and lacks `driver`, by which the controller runs the stages. "
                            "Move it away, let `./mentat up` make a new one, and make your changes there.")

    def _take_over_old(self, record):
        """An earlier version made a whole file of each further instance, enricher-2.json; an edited one goes on to hold."""
        for name in [name for names in self.prepared.values() for name in names[1:]]:
            path = self.installation.etc / f"{name}.json"
            digest = record.pop(path.name, None)
            if not path.exists():
                continue
            if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                path.unlink()
                continue
            (path.parent / "instances").mkdir(exist_ok=True)
            os.replace(path, path.parent / "instances" / path.name)

    def _files(self):
        files = self._rules()
        for stage, instances in self.prepared.items():
            files[f"{stage}.json"] = STAGE_HEAD.format(program=stage) + self._text(self._stage(stage))
            for instance in instances:
                file = f"instances/{instance}.json"
                files[file] = CONFIG_HEAD.format(program=stage, file=file) + self._text(self._instance(stage, instance))
        file = f"{CONTROLLER}.json"
        files[file] = CONFIG_HEAD.format(program=CONTROLLER, file=file) + self._text(self._controller())
        return files

    @staticmethod
    def _text(config):
        return json.dumps(config, indent=2) + "\n"

    def _stage(self, stage):
        """What all instances of a stage have in common."""
        names = list(STAGES)
        at = names.index(stage)
        following = names[at + 1] if at + 1 < len(names) else None
        pipeline = self._output(following) if following else {}
        if self.settings["curve"] and "input" in STAGES[stage]:
            senders = [names[at - 1]] + ([CONTROLLER] if stage == FIRST else [])
            pipeline["input"] = {"allowed_keys": [str(self._keys(sender)) for sender in senders]}
        config = {"service": {"grace_seconds": GRACE_SECONDS, "runlog": {"folder": str(self.installation.runlog)}},
                  "pipeline": pipeline}
        return merge(config, getattr(self, f"_{stage}")())

    def _instance(self, stage, instance):
        """What an instance has of its own."""
        pipeline = self._own(stage, instance)
        if "input" in STAGES[stage]:
            pipeline["input"] = {"bind": f"tcp://{self.address(instance, 'input')}"}
        return {"include": f"../{stage}.json", "service": self._service(instance), "pipeline": pipeline}

    def _service(self, instance):
        return {
            "instance": instance,
            "admin_listen": self.address(instance, "admin"),
            "metrics_listen": self.address(instance, "metrics"),
            "log": {"file": str(self.installation.log / f"{instance}.log")},
        }

    def _own(self, stage, instance):
        """An instance's own of a pipeline: its key, and an address for acknowledgements that its peers can reach."""
        pipeline = {}
        if self.settings["curve"]:
            pipeline["curve"] = {"secret_key_file": str(self._keys(stage) / f"{instance}.key_secret")}
        if self.host(instance) != HOST:
            pipeline["ack_bind"] = f"tcp://{self.host(instance)}:*"
        return pipeline

    def _output(self, following):
        """Sends to all instances of a stage that run, as their ports files tell."""
        output = {"peers": [f"ports://{self.installation.ports_folder}/{following}"], "resolve_seconds": 0.5}
        if self.settings["curve"]:
            output["allowed_keys"] = [str(self._keys(following))]
        return {"outputs": {"default": output}}

    # --- keys ---

    def _keys(self, stage):
        """The folder with the keys of a stage's instances, which its neighbours allow as a whole."""
        return self.installation.etc / "keys" / stage

    def make_keys(self):
        """A key for each instance that has none. How many were made."""
        made = 0
        for stage in [*STAGES, CONTROLLER] if self.settings["curve"] else ():
            folder = self._keys(stage)
            missing = [name for name in self.prepared.get(stage, [stage]) if not (folder / f"{name}.key_secret").exists()]
            if not missing:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            result = subprocess.run([str(self.installation.bin / "mentatctl"), "keys", "generate", *missing, "--dir", str(folder)],
                                    check=False, text=True, stdin=subprocess.DEVNULL, capture_output=True)
            if result.returncode:
                raise UserError(f"keys cannot be made: {result.stderr.strip()}")
            made += len(missing)
        return made

    def _filer_gateway(self):
        return {"queue": str(self.installation.queue)}

    def _inspector(self):
        return {"rules": [str(self.installation.etc / "rules")]}

    def _enricher(self):
        geoip = self.installation.etc / "geoip"
        return {"database": {"dsn": self.dsn()},
                "geoip": {"city_db": str(geoip / "GeoLite2-City.mmdb"),
                          "country_db": "",
                          "asn_db": str(geoip / "GeoLite2-ASN.mmdb")}}

    def _storage(self):
        # What a worker is given at a time is one transaction.
        return {"database": {"dsn": self.dsn()}, "pipeline": {"workers": 2, "max_call_events": 2560}}

    def _controller(self):
        service = self._service(CONTROLLER) | {"grace_seconds": ALL_DRAINED_SECONDS,
                                               "runlog": {"folder": str(self.installation.runlog)}}
        return {"service": service,
                "state_dir": str(self.installation.kept / CONTROLLER),
                "targets_file": str(self.installation.targets_file),
                "stages": [{"name": stage} for stage in STAGES],
                "driver": {"local": {"state_dir": str(self.installation.var), "stop_on_exit": True,
                                     "stages": [self._workload(stage) for stage in STAGES]}},
                "database": {"dsn": self.dsn()},
                "pipeline": self._output(FIRST) | self._own(CONTROLLER, CONTROLLER)}

    def _workload(self, stage):
        """What the controller has to know to run a stage."""
        return {"name": stage,
                "program": str(self.installation.bin / stage),
                "arguments": ["--config", str(self.installation.etc / "instances" / "{instance}.json")],
                "instances": len(self.instances[stage]),
                "max_instances": len(self.prepared[stage]),
                "fixed_ports": True,
                "grace_seconds": KILL_SECONDS,
                "working_directory": str(self.installation.var)}

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
        return Process("postgres", self.cluster.command, stop_rank=2, stop_signal=signal.SIGINT,
                       grace=60.0, identity=identity, ready=self.cluster.accepts)

    def prepare(self, demo):
        """Brings the database, which must be there, to what the services need."""
        if self.cluster is not None:
            self.cluster.ensure_database()
        self._migrate()
        if demo:
            self._psql_file(REPOSITORY / "deploy" / "demo" / "networks.sql")

    def services(self, demo):
        """The controller, which runs the stages, and what makes events for a demo."""
        command = [str(self.installation.bin / CONTROLLER), "--config", str(self.installation.etc / f"{CONTROLLER}.json")]
        processes = [Process(CONTROLLER, lambda: command, stop_rank=1, grace=ALL_DRAINED_SECONDS + 5,
                             identity={"env": self._environment()})]
        if demo:
            processes.append(Process(DEMO, self._demo_command, stop_rank=0, identity={"env": self._environment()}))
        return processes

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
