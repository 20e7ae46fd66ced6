"""The folder of an installation: where things are, its settings and its ports."""

import fcntl
import hashlib
import json
import os
import pwd
import socket
import struct
import tempfile
from pathlib import Path

HOST = "127.0.0.1"
# Below the range that the kernel takes ports for outgoing connections from, so that nothing can sit
# on a service's port while it restarts.
FIRST_PORT, LAST_PORT = 15000, 31999
# Room for `/.s.PGSQL.5432` within the 107 bytes that the path of a unix socket may have.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")

SETTINGS_HEAD = """\
# Settings of this installation, read by `./mentat up`. Lines that begin with # are comments.
#
# dsn         connection string of the database; empty is the embedded PostgreSQL
# replicas    how many processes of a stage run; what `./mentat ctl scale` says holds until this is changed
# curve       whether the stages encrypt what they say to each other; keys stand in etc/keys
# demo_rate   events a second that `up --demo` makes
"""
DEFAULT_SETTINGS = {
    "dsn": "",
    "replicas": {"filer_gateway": 1, "inspector": 1, "enricher": 1, "storage": 1},
    "curve": False,
    "demo_rate": 50,
}


class UserError(Exception):
    """Something that the person at the keyboard can put right; the message says how."""


def write_file(path, text, mode=0o644):
    """Replaces a file as a whole: readers see the old text or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_json(path):
    """A JSON file with comment lines. UserError names file and line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join("" if line.lstrip().startswith(("#", "//")) else line for line in lines)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error


def merge(base, changes):
    """`base` with what `changes` says otherwise, objects key by key."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    merged = dict(base)
    for key, value in changes.items():
        merged[key] = merge(base[key], value) if key in base else value
    return merged


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class Installation:
    """Paths and settings; makes folders, starts nothing."""

    def __init__(self, var):
        self.var = Path(var).absolute()
        self.bin = self.var / "bin"
        self.etc = self.var / "etc"
        self.log = self.var / "log"
        self.runlog = self.var / "runlog"  # made by the services
        self.run = self.var / "run"
        self.ports_folder = self.var / "ports"  # of those stages that run; the controller's
        self.pg = self.var / "pg"
        self.kept = self.var / "state"
        self.queue = self.var / "spool" / "filer"
        self.state_file = self.run / "state.json"
        self.targets_file = self.run / "prometheus" / "mentat.json"
        self.supervisor_pid_file = self.run / "supervisor.pid"

    def make_folders(self):
        for folder in (self.bin, self.etc, self.log, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("incoming", "pending", "tmp", "errors"):
            (self.queue / name).mkdir(parents=True, exist_ok=True)
        # Configurations may hold a password.
        self.etc.chmod(0o700)

    # --- settings ---

    @property
    def settings_file(self):
        return self.etc / "installation.json"

    def settings(self):
        if not self.settings_file.exists():
            return DEFAULT_SETTINGS
        settings = read_json(self.settings_file)
        if not isinstance(settings, dict):
            raise UserError(f"{self.settings_file}: expected an object")
        unknown = set(settings) - set(DEFAULT_SETTINGS)
        if unknown:
            raise UserError(f"{self.settings_file}: unknown key {sorted(unknown)[0]!r}; "
                            f"there are {', '.join(DEFAULT_SETTINGS)}")
        return merge(DEFAULT_SETTINGS, settings)

    def save_settings(self, settings):
        write_file(self.settings_file, SETTINGS_HEAD + json.dumps(settings, indent=2) + "\n", 0o600)

    # --- ports ---

    @property
    def ports_file(self):
        return self.etc / "ports.json"

    def ports(self, wanted):
        """The ports of each process in `wanted` ({process: [use, …]}), chosen once and then kept."""
        known = read_json(self.ports_file) if self.ports_file.exists() else {}
        taken = {port for ports in known.values() for port in ports.values()}
        # Each folder begins its search elsewhere, so that installations that are down keep theirs too.
        start = int.from_bytes(hashlib.sha256(os.fsencode(self.var)).digest()[:4], "big")
        span = LAST_PORT - FIRST_PORT + 1
        candidates = (FIRST_PORT + (start + offset) % span for offset in range(span))
        changed = False
        for process, uses in wanted.items():
            for use in uses:
                if use in known.setdefault(process, {}):
                    continue
                port = next((p for p in candidates if p not in taken and is_free(p)), None)
                if port is None:
                    raise UserError(f"no port from {FIRST_PORT} to {LAST_PORT} is free")
                known[process][use] = port
                taken.add(port)
                changed = True
        if changed:
            write_file(self.ports_file, json.dumps(known, indent=2) + "\n")
        return known

    # --- state that the supervisor keeps ---

    def state(self):
        """What the supervisor last said of itself; {} before it said anything."""
        try:
            return json.loads(self.state_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def leftovers(self):
        """Processes of the installation that are alive, by name."""
        pids = {file.stem: read_pid(file) for file in self.run.glob("*.pid") if file != self.supervisor_pid_file}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def write_state(self, state):
        write_file(self.state_file, json.dumps(state, indent=1) + "\n")


# --- processes, as the kernel knows them ---


def process_start(pid):
    """When a process began, in clock ticks since the machine's start; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def write_pid(path, pid):
    write_file(path, f"{pid} {process_start(pid)}\n")


# struct flock of a 64-bit Linux: type, whence, start, length, process.
FLOCK = struct.Struct("hhqqi4x")


def lock_holder(path):
    """The process that holds the lock of a file, as each process that the controller has started holds that of its
    PID file (services/controller/process.h); None if there is none."""
    try:
        with open(path, "rb") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except FileNotFoundError:
        return None
    kind, _, _, _, pid = FLOCK.unpack(answer)
    return pid if kind != fcntl.F_UNLCK else None


def read_pid(path):
    """The process that a pid file is of, if it is alive; else None."""
    holder = lock_holder(path)
    if holder is not None:
        return holder
    try:
        pid, start = path.read_text(encoding="utf-8").split()
        return int(pid) if process_start(int(pid)) == int(start) else None
    except (FileNotFoundError, ValueError):
        return None


def postgres_user():
    """Whom the embedded PostgreSQL runs as, which refuses root: (name or None for oneself)."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError as error:
        raise UserError("there is no user `postgres`; Debian's package postgresql-15 makes it") from error
