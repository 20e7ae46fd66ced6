"""The embedded PostgreSQL: made once, reached by a unix socket only, durable."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

from layout import LONGEST_SOCKET_FOLDER, UserError, postgres_user, write_file

NAME = "mentat"  # of the database and of its owner

SETTINGS = """\
# Made by `./mentat up` when the cluster was made; yours to edit. Restart: ./mentat down, ./mentat up.
listen_addresses = ''
max_connections = 100

# An event that has been acknowledged is on the disk.
fsync = on
synchronous_commit = on
full_page_writes = on

# Sized from the memory of this machine.
shared_buffers = {shared_buffers}MB
effective_cache_size = {cache}MB
maintenance_work_mem = {maintenance}MB

# Many rows come in: few, long check points.
max_wal_size = 4GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
wal_compression = lz4
jit = off

timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = on
log_lock_waits = on
"""


def programs_folder():
    """The folder of PostgreSQL's server programs, the newest that is 14 or later."""
    versions = {}
    for folder in Path("/usr/lib/postgresql").glob("*/bin"):
        if re.fullmatch(r"\d+", folder.parent.name) and (folder / "initdb").exists():
            versions[int(folder.parent.name)] = folder
    if not versions or max(versions) < 14:
        raise UserError("PostgreSQL's server (14 or later) was not found under /usr/lib/postgresql; "
                        "apt-get install postgresql-15")
    return versions[max(versions)]


class Cluster:
    def __init__(self, installation):
        self.installation = installation
        self.user = postgres_user()

    # --- as whom ---

    def identity(self):
        """Arguments for subprocess that run a program as the owner of the cluster."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": [],
                "cwd": "/", "env": {"PATH": os.environ["PATH"], "HOME": self.user.pw_dir,
                                    "LC_ALL": "C.UTF-8"}}

    def _owner_reaches(self, folder):
        """Whether the owner of the cluster may enter a folder."""
        if self.user is None:
            return True
        return subprocess.run(["/usr/bin/test", "-x", folder], check=False, **self.identity()).returncode == 0

    def _own(self, folder):
        folder.chmod(0o700)
        if self.user is not None:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    # --- where ---

    def socket_folder(self):
        """The folder of the socket; made if it is not there."""
        note = self.installation.run / "postgres-socket"
        if note.exists():
            folder = Path(note.read_text(encoding="utf-8").rstrip("\n"))
            if folder.is_dir() and self._owner_reaches(folder):
                return folder
        folder = self.installation.run / "postgres"
        self.installation.run.mkdir(parents=True, exist_ok=True)
        plain = re.fullmatch(r"[\w ./+@=~-]+", str(folder), re.ASCII)
        if plain and len(str(folder)) <= LONGEST_SOCKET_FOLDER and self._owner_reaches(folder.parent):
            folder.mkdir(exist_ok=True)
        else:
            # The path is too long for a socket, has characters that would need quotes in a connection
            # string, or is closed to user postgres.
            folder = Path(tempfile.mkdtemp(prefix="mentat-postgres-", dir="/tmp"))
        self._own(folder)
        write_file(note, f"{folder}\n")
        return folder

    def dsn(self, database=NAME):
        return f"host='{self.socket_folder()}' dbname={database} user={NAME}"

    # --- life ---

    def make(self):
        """initdb, if it has not been done. Whether it was done now."""
        data = self.installation.pg
        if (data / "PG_VERSION").exists():
            return False
        if data.exists() and any(data.iterdir()):
            raise UserError(f"{data} is not empty, but holds no database; move it away and try again")
        if self._owner_reaches(self.installation.var):
            data.mkdir(exist_ok=True)
        elif not data.is_symlink():
            # PostgreSQL refuses root, and user postgres cannot enter the folder (a home, say).
            home = Path("/var/lib/mentat")
            home.mkdir(mode=0o755, parents=True, exist_ok=True)
            data.rmdir() if data.exists() else None
            data.symlink_to(tempfile.mkdtemp(prefix="pg-", dir=home))
        self._own(data.resolve())
        initdb = [programs_folder() / "initdb", "--pgdata", data.resolve(), "--username", NAME,
                  "--auth=peer", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C", "--data-checksums", "--no-instructions"]
        result = subprocess.run(initdb, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, stdin=subprocess.DEVNULL, **self.identity())
        if result.returncode:
            shutil.rmtree(data.resolve(), ignore_errors=True)
            data.unlink() if data.is_symlink() else None
            raise UserError("initdb failed:\n" + result.stdout)
        self._configure(data.resolve())
        return True

    def _configure(self, data):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
        settings = SETTINGS.format(shared_buffers=min(max(memory // 8, 128), 2048), cache=memory // 2,
                                   maintenance=min(max(memory // 32, 64), 512))
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\ninclude 'mentat.conf'\n")
        me = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None
        names = {"root", "postgres", me} if os.geteuid() == 0 else {pwd.getpwuid(os.geteuid()).pw_name}
        texts = {
            "mentat.conf": settings,
            "pg_hba.conf": "# The folder of the socket is closed to others; who may enter is checked all the same.\n"
                           f"local all {NAME} peer map=mentat\n",
            "pg_ident.conf": "".join(f"mentat {name} {NAME}\n" for name in sorted(names - {None})),
        }
        for name, text in texts.items():
            write_file(data / name, text, 0o600)
            if self.user is not None:
                os.chown(data / name, self.user.pw_uid, self.user.pw_gid)

    def command(self):
        return [str(programs_folder() / "postgres"), "-D", str(self.installation.pg.resolve()),
                "-c", f'unix_socket_directories="{self.socket_folder()}"', "-c", "unix_socket_permissions=0700"]

    def accepts(self):
        """Whether connections are taken now."""
        result = subprocess.run([programs_folder() / "pg_isready", "-q", "-d", self.dsn("postgres")],
                                check=False, stdin=subprocess.DEVNULL)
        return result.returncode == 0

    def ensure_database(self):
        """createdb, if it has not been done."""
        query = f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'"
        psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.dsn("postgres"), "-c"]
        found = subprocess.run(psql + [query], check=True, capture_output=True, text=True).stdout.strip()
        if not found:
            subprocess.run(psql + [f"CREATE DATABASE {NAME}"], check=True, capture_output=True, text=True)


def split_password(dsn):
    """A connection string without its password, and the password or None."""
    if re.match(r"postgres(ql)?://", dsn):
        found = re.match(r"(\w+://[^:@/]*):([^@/]*)(@.*)$", dsn, re.DOTALL)
        if found is None:
            return dsn, None
        return found[1] + found[3], urllib.parse.unquote(found[2])
    found = re.search(r"\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", dsn)
    if found is None:
        return dsn, None
    password = found[1][1:-1] if found[1].startswith("'") else found[1]
    return dsn[:found.start()] + dsn[found.end():], re.sub(r"\\(.)", r"\1", password)
