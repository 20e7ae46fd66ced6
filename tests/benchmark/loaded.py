"""A whole installation for benchmarks: with geoip and 1,000 networks, files made beforehand, rates, the
processor time of each process, and COPY of the same rows beside it."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from control import read_metrics
from pipeline import BUILT, REPOSITORY, Mentat, wait_for

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """Processor time that a process has used, with children that have ended; 0 once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICKS


def children(pid):
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text(encoding="utf-8").split()]


class Loaded(Mentat):
    def start(self):
        self.plan.prepare_demo()  # the address databases
        self.staged = []
        super().start()
        self.sql_file(REPOSITORY / "deploy" / "demo" / "networks.sql")
        wait_for(lambda: (self.metric("enricher", "mentat_enricher_networks") or 0) > 1000, "the networks are loaded")

    def sql_file(self, path):
        subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", self.plan.dsn(), "-f", path], check=True)

    # --- what the services say ---

    def metrics(self, instance):
        return read_metrics(self.plan.address(instance, "metrics")) or {}

    def metric(self, instance, name):
        return self.metrics(instance).get(name)

    def stored(self):
        """Events that storage has committed since it started, over all replicas."""
        return int(sum(self.metric(name, "mentat_storage_stored_events_total") or 0 for name in self.plan.instances["storage"]))

    def ctl(self, *arguments):
        subprocess.run(self.control.command(list(arguments)), check=True, stdout=subprocess.DEVNULL)

    # --- events ---

    def stage(self, count, per_file, seed=1, prefix=""):
        """Makes files of events and gives their folder, from where `offer` takes them; the files stay."""
        folder = self.folder / f"staged-{len(self.staged)}"
        self.staged.append(folder)
        program = str(self.installation.bin / "mentat-ideagen")
        subprocess.run([program, "--count", str(count), "--batch", str(per_file), "--seed", str(seed), "--limit", "0",
                        "--output", str(folder), *(["--prefix", prefix] if prefix else [])],
                       check=True, stderr=subprocess.DEVNULL)
        return folder

    def offer(self, folder):
        """Puts copies of staged files into the queue."""
        queue = self.installation.queue
        for name in os.listdir(folder):
            # A file of its own, since the gateway locks files: two names of one would be in each other's way.
            shutil.copyfile(folder / name, queue / "tmp" / name)
            os.rename(queue / "tmp" / name, queue / "incoming" / name)

    @contextlib.contextmanager
    def feeding(self, rate):
        """Feeds new events for as long as the block goes on."""
        with subprocess.Popen([self.installation.bin / "mentat-ideagen", "--count", "0", "--rate", str(rate), "--seed",
                               str(time.time_ns()), "--output", self.installation.queue], stderr=subprocess.DEVNULL) as feeder:
            try:
                yield
            finally:
                feeder.terminate()

    def forget(self):
        """Empties the tables, as they are before a round."""
        self.sql("TRUNCATE events, event_ids")
        self.sql("CHECKPOINT")

    def run(self, folder, count):
        """Lets staged files through, which are there before the clock starts. (seconds, {process: µs of processor time
        an event})."""
        self.forget()
        self.ctl("pause", "filer_gateway")
        self.offer(folder)
        os.sync()  # the disk is not to be busy with making the files
        before, stored = self.cpu(), self.stored()
        began = time.monotonic()
        self.ctl("resume", "filer_gateway")
        wait_for(lambda: self.stored() - stored >= count, lambda: f"{count} stored, not {self.stored() - stored}", 600)
        seconds = time.monotonic() - began
        after = self.cpu()
        self.wait_settled()
        found = self.count()
        assert found == count, (found, count)
        return seconds, {name: (after[name] - before[name]) * 1e6 / count for name in after}

    def copy_seconds(self):
        """COPY by psql of the rows that are stored, into the same table, emptied, with nothing else going on."""
        columns = self.sql("SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute "
                           "WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped")[0][0]
        path = self.folder / "rows"
        self.sql(f"\\copy (SELECT {columns} FROM events) TO '{path}'")
        self.forget()
        began = time.monotonic()
        self.sql(f"\\copy events ({columns}) FROM '{path}'")
        seconds = time.monotonic() - began
        path.unlink()
        return seconds

    # --- processes ---

    def cpu(self):
        """Processor seconds of each service, and of PostgreSQL with all of its processes."""
        used = {name: cpu_seconds(self.pid(name)) for name in self.services()}
        postmaster = self.pid("postgres")
        used["postgres"] = cpu_seconds(postmaster) + sum(map(cpu_seconds, children(postmaster)))
        return used

    def resident(self, name):
        """MiB."""
        return self.memory()[name] / 2**20

    def peak(self, name):
        """The most that was ever resident, MiB."""
        for line in Path(f"/proc/{self.pid(name)}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0


def bare_loop(folder):
    """Seconds that a bare loop of system calls takes for all files of a queue."""
    program = BUILT / "services/filer_gateway/bare_loop"
    return float(subprocess.run([program, str(folder)], check=True, capture_output=True, text=True).stdout)
