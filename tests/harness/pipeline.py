"""A whole installation for tests: real programs, a PostgreSQL of its own, free ports; and the oracle
that says whether an event was lost, stored twice, or made up.

    with Mentat() as mentat:
        sent = mentat.feed(1000, bad=0.01)
        mentat.wait_settled(sent)
        mentat.check(sent)
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import layout
from control import Control, read_metrics
from services import CONTROLLER, PROGRAMS, STAGES, Plan

REPOSITORY = Path.cwd()  # Bazel starts tests in the root of their runfiles
# Where built programs lie: beside the sources in runfiles, elsewhere for benchmarks.
BUILT = Path(os.environ.get("MENTAT_PROGRAMS", REPOSITORY))
SUPERVISOR = Path(layout.__file__).with_name("main.py")
PATIENCE = 120  # seconds that anything may take before a test fails
# common/pipeline/sender.cc: what may be sent again at once after a quiet time; per second; per batch sent first.
BUDGET_AT_ONCE, BUDGET_A_SECOND, BUDGET_SHARE = 16, 1, 0.1
WINDOW_BATCHES = 32  # that a peer may hold, by default


def wait_for(condition, what, seconds=PATIENCE):
    """Waits until a condition gives something true, which is returned; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"did not happen in {seconds} s: {what() if callable(what) else what}")
        select.select([], [], [], 0.05)


@dataclass
class Sent:
    """The events that were put into the queue, by their file names."""
    good: set = field(default_factory=set)
    bad: set = field(default_factory=set)

    def __or__(self, other):
        return Sent(self.good | other.good, self.bad | other.bad)

    def __len__(self):
        return len(self.good) + len(self.bad)


class Feeder:
    """Puts generated events into the queue in the background."""

    def __init__(self, program, queue, count, rate, bad, seed):
        options = ["--count", str(count), "--bad", str(bad), "--seed", str(seed)]
        # The same seed makes the same events, so that what is sent is known beforehand.
        lines = subprocess.run([program, *options], check=True, capture_output=True).stdout.split(b"\n")
        self.sent = Sent()
        for line in lines:
            try:
                identity = json.loads(line).get("ID", "")
            except (ValueError, AttributeError):  # bad events are not JSON, or no objects, at times
                continue
            if isinstance(identity, str) and identity and not identity.startswith("bad-"):
                self.sent.good.add(identity)
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([program, *options, "--rate", str(rate), "--limit", "0", "--output", str(queue)],
                                        stderr=subprocess.PIPE, text=True)
        self.queue = queue
        self.bad_count = 0

    def feeding(self):
        return self.process.poll() is None

    def finish(self):
        """Waits until all is in the queue; what was sent."""
        _, report = self.process.communicate(timeout=PATIENCE * 3)
        assert self.process.returncode == 0, report
        totals = json.loads(report.strip().splitlines()[-1])
        assert totals["good"] == len(self.sent.good), (totals, len(self.sent.good))
        self.bad_count = totals["bad"]
        return self.sent


class Mentat:
    """An installation. `replicas` by stage; `configs` are changes to configurations by instance (None takes
    a key away), or a function that makes them of the plan; `programs` puts another program in a stage's
    place; with a `network` (network.py) each instance that was attached to it lives there, and the others
    on the machine's own address in it. `ports` are ports that have to be certain ones, by instance. With `curve` all is encrypted."""

    def __init__(self, replicas=None, configs=None, programs=None, demo=False, network=None, ports=None, curve=False):
        self.folder = Path(tempfile.mkdtemp(prefix="mentat-test-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.installation = layout.Installation(self.folder / "var")
        self.programs = programs or {}
        self.network = network
        self.demo = demo
        self.feeders = []
        self.installation.make_folders()
        settings = layout.merge(layout.DEFAULT_SETTINGS, {"replicas": replicas or {}, "curve": curve})
        self.installation.save_settings(settings)
        if network or ports:
            self._choose_addresses(settings["replicas"], ports or {})
        self.plan = Plan(self.installation)
        self.control = Control(self.plan)
        self.configs = configs(self.plan) if callable(configs) else configs or {}

    def _choose_addresses(self, replicas, ports):
        known = {}
        for stage in [*STAGES, CONTROLLER]:
            for number in range(1, replicas.get(stage, 1) + 1):
                name = stage if number == 1 else f"{stage}-{number}"
                known[name] = dict(ports.get(name, {}))
                if self.network:
                    known[name]["host"] = self.network.addresses.get(name, self.network.gateway)
        layout.write_file(self.installation.ports_file, json.dumps(known))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop(failed=True)
            raise
        return self

    def __exit__(self, kind, *_):
        self.stop(failed=kind is not None)

    # --- life ---

    def start(self):
        build = self.folder / "programs"
        for name, path in PROGRAMS.items():
            (build / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(BUILT / self.programs.get(name, path), build / path)
            if self.network and name in [*STAGES, CONTROLLER]:
                self._wrap(build / path)
        self.plan.write_configs()
        if self.network:  # a network of the test's own: it is no secret there who calls
            for instance in [name for names in self.plan.instances.values() for name in names]:
                self.configure(instance, {"service": {"access": {"allow_plaintext": True, "anonymous_role": "admin"}}})
        for instance, changes in self.configs.items():
            self.configure(instance, changes)
        self.mentat("up", "--detach", "--programs", str(build), *(["--demo"] if self.demo else []))

    def _wrap(self, program):
        """Lets an instance run in its namespace, if it has one: the program's name stands for a script."""
        real = program.with_name(program.name + ".real")
        program.rename(real)
        lines = ["#!/bin/sh", 'case $2 in']  # --config etc/controller.json, or etc/instances/INSTANCE.json
        for name in self.network.addresses:
            before = self.network.before_start(name)
            lines += [f"*/{name}.json)", f"[ ! -f {before} ] || sh -e {before} && rm -f {before} || exit 1",
                      f'exec ip netns exec {self.network.namespace(name)} {real} "$@" ;;']
        # Not where the controller is, which starts it.
        lines += ["esac", f'exec nsenter --net=/proc/{os.getpid()}/ns/net {real} "$@"']
        program.write_text("\n".join(lines) + "\n")
        program.chmod(0o755)

    def configure(self, instance, changes):
        """Changes the configuration of an instance, and of no other, as an operator does with an editor."""
        path = self.installation.etc / (f"{instance}.json" if instance == CONTROLLER else f"instances/{instance}.json")
        layout.write_file(path, json.dumps(layout.merge(layout.read_json(path), changes), indent=2), 0o600)

    def set_peers(self, instance, peers):
        """Gives an instance's default output other peers while it runs."""
        self.configure(instance, {"pipeline": {"outputs": {"default": {"peers": peers}}}})
        self.signal(instance, signal.SIGHUP)

    def stop(self, failed=False):
        for feeder in self.feeders:
            if feeder.feeding():
                feeder.process.kill()
                feeder.process.wait()
        if failed:
            self.print_logs()
        subprocess.run([sys.executable, str(SUPERVISOR), "down", "--var", str(self.installation.var)], check=False,
                       stdout=subprocess.DEVNULL)
        for pid in self.installation.leftovers().values():
            os.kill(pid, signal.SIGKILL)
        keep = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")
        if failed and keep:
            for name in ("log", "etc"):
                shutil.copytree(self.installation.var / name, Path(keep) / self.folder.name / name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def print_logs(self):
        for path in sorted(self.installation.log.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            print(f"--- {path.name}: the last of {len(lines)} lines")
            print("\n".join(line[:400] for line in lines[-25:]))

    def mentat(self, command, *arguments):
        """Runs a command of ./mentat and gives what it printed."""
        result = subprocess.run([sys.executable, str(SUPERVISOR), command, "--var", str(self.installation.var), *arguments],
                                check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode:
            raise AssertionError(f"mentat {command} failed:\n{result.stdout}")
        return result.stdout

    # --- processes ---

    def pid(self, name):
        return layout.read_pid(self.installation.run / f"{name}.pid")

    def signal(self, name, number):
        """Sends a signal to a process; its pid."""
        pid = wait_for(lambda: self.pid(name), f"{name} runs")
        os.kill(pid, number)
        return pid

    def kill(self, name):
        """kill -9; waits until the supervisor has started it again."""
        old = self.signal(name, signal.SIGKILL)
        self.wait_restarted(name, old)

    def wait_restarted(self, name, old):
        return wait_for(lambda: self.pid(name) not in (None, old) and self.pid(name), f"{name} is started again")

    def last_exit(self, name):
        """How a process died last, as far as is known: those that outlive the controller have just ended."""
        return self.control.processes()[name]["last_exit"]

    def driver_log(self, message):
        """The lines of the controller's log with this message, as objects."""
        with open(self.installation.log / f"{CONTROLLER}.log", encoding="utf-8") as log:
            lines = [json.loads(line) for line in log if message in line and line.endswith("}\n")]
        return [line for line in lines if line["message"] == message]

    def ends(self):
        """{name: how it ended last} of all processes that were told to."""
        ends = {line["instance_"]: line["how"] for line in self.driver_log("process has ended")}
        return ends | {name: process["last_exit"] for name, process in self.installation.state()["processes"].items()}

    def restarts(self):
        """How many processes were started again, also those that a later controller does not know of."""
        lines = (self.installation.log / "supervisor.log").read_text().splitlines()
        started = [line.split()[1] for line in lines if " started as process " in line]
        started += [line["instance_"] for line in self.driver_log("process started")]
        return len(started) - len(set(started))

    def processes(self):
        """The command lines of all processes that have to do with this installation, by process id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(self.installation.var) in command:
                    found[int(folder.name)] = command
        return found

    def wait_ready(self):
        reasons = {}

        def ready():
            reasons.clear()
            reasons.update(self.control.not_ready())
            return not reasons

        wait_for(ready, lambda: f"all are ready: {reasons}")

    def services(self):
        return [instance for stage in [*STAGES, CONTROLLER] for instance in self.plan.instances[stage]]

    def memory(self):
        """Resident bytes of each service."""
        memory = {}
        for name in self.services():
            pages = int(Path(f"/proc/{self.pid(name)}/statm").read_text().split()[1])
            memory[name] = pages * os.sysconf("SC_PAGE_SIZE")
        return memory

    def pages(self, stage):
        """The metrics pages of a stage's instances, of those that answer."""
        pages = {name: read_metrics(self.plan.address(name, "metrics")) for name in self.plan.instances[stage]}
        return {name: page for name, page in pages.items() if page is not None}

    def received(self, stage):
        """{instance: how many events it has taken}"""
        return {name: page["mentat_stage_received_events_total"] for name, page in self.pages(stage).items()}

    def shares(self, stage, seconds=2.0):
        """{instance: its share of what the stage takes in so many seconds from now}"""
        before = self.received(stage)
        deadline = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() >= deadline, "time passes")
        taken = {name: count - before.get(name, 0) for name, count in self.received(stage).items()}
        total = sum(taken.values())
        return {name: count / total if total else 0 for name, count in taken.items()}

    def resends(self):
        """What each stage with an output has sent again, and why: {instance: {…}}."""
        found = {}
        for stage in STAGES:
            for name, page in self.pages(stage).items():
                counts = {key: sum(value for series, value in page.items()
                                   if series.startswith(f"mentat_pipeline_{key}_total{{"))
                          for key in ("sent_batches", "resent_batches", "silent_batches", "late_acks", "lost_peers",
                                      "isolated_batches", "condemned_events")}
                if counts["sent_batches"]:
                    age = time.time() - page["mentat_process_start_time_seconds"]
                    found[name] = {key: int(count) for key, count in counts.items()} | {"age": age}
        return found

    def check_budget(self):
        """No stage has sent more again than it may: for want of an acknowledgement so many as its budget
        allows, and for a broken connection at the most what the peer can have held."""
        for name, counts in self.resends().items():
            print(f"{name}: {counts}")
            first = counts["sent_batches"] - counts["resent_batches"]
            budget = BUDGET_AT_ONCE + BUDGET_A_SECOND * counts["age"] + BUDGET_SHARE * first
            assert counts["silent_batches"] <= budget, f"{name}: more resends than {budget:.0f}: {counts}"
            # A peer that comes back, or is asked for want of an acknowledgement, says what it does not hold.
            most = WINDOW_BATCHES * (counts["lost_peers"] + counts["silent_batches"])
            assert counts["resent_batches"] <= most, f"{name}: resends without a reason: {counts}"
            assert not counts["condemned_events"], f"{name}: events were condemned: {counts}"

    def status(self):
        """What `./mentat status --json` says."""
        result = subprocess.run([sys.executable, str(SUPERVISOR), "status", "--var", str(self.installation.var), "--json"],
                                check=False, text=True, stdout=subprocess.PIPE)
        return json.loads(result.stdout)

    # --- the database ---

    def sql(self, query):
        """The rows of a query, each a list of texts."""
        result = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.plan.dsn(), "-c", query],
                                check=True, text=True, capture_output=True)
        return [line.split("\t") for line in result.stdout.splitlines()]

    def count(self, table="events"):
        return int(self.sql(f"SELECT count(*) FROM {table}")[0][0])

    # --- events ---

    def feed(self, count, rate=0, bad=0.0, seed=1, wait=True):
        """Puts generated events into the queue, and gives what was sent; or the Feeder at once."""
        feeder = Feeder(str(self.installation.bin / "mentat-ideagen"), self.installation.queue, count, rate, bad, seed)
        self.feeders.append(feeder)
        return feeder.finish() if wait else feeder

    def put(self, event):
        """Puts one event into the queue as any detector would."""
        name = f"{event['ID']}.idea"
        (self.installation.queue / "tmp" / name).write_text(json.dumps(event))
        (self.installation.queue / "tmp" / name).rename(self.installation.queue / "incoming" / name)

    def files(self, folder):
        return os.listdir(self.installation.queue / folder)

    def wait_settled(self, seconds=PATIENCE * 2):
        """Until the source has an outcome for each file."""
        def left():
            return len(self.files("incoming")) + len(self.files("pending"))
        wait_for(lambda: left() == 0, lambda: f"the queue is empty; {left()} files are left", seconds)

    # --- the oracle ---

    def check(self, sent, dead=frozenset()):
        """Each good event is stored exactly once (those in `dead` are dead letters instead), each bad
        one lies in errors with its reason, and nothing else is anywhere."""
        rows = [row[0] for row in self.sql("SELECT id FROM events")]
        dead_letters = {row[0] for row in self.sql("SELECT event_id FROM dead_letters WHERE event_id IS NOT NULL")}
        stored = set(rows)
        problems = []

        def expect(what, wrong):
            if wrong:
                problems.append(f"{len(wrong)} {what}: {sorted(wrong)[:5]}")

        expect("events lost", sent.good - stored - dead_letters)
        expect("events stored that were not sent", stored - sent.good)
        expect("good events condemned", (dead_letters & sent.good) - set(dead))
        expect("events that should be dead letters", set(dead) - dead_letters)
        if len(rows) != len(stored):
            problems.append(f"{len(rows) - len(stored)} rows are there twice")

        errors = self.files("errors")
        reasons = {name for name in errors if name.endswith(".reason")}
        files = {name for name in errors if not name.endswith(".reason")}
        expect("files in errors without a reason", {name for name in files if f"{name}.reason" not in reasons})
        expect("reasons without their file", {name for name in reasons if name.removesuffix(".reason") not in files})
        bad_files = {name for name in files if name.startswith("bad-")}
        wrong = {name for name in files - bad_files if Path(name).stem not in dead}
        expect("good files in errors", wrong)
        expected_bad = sum(feeder.bad_count for feeder in self.feeders)
        if len(bad_files) != expected_bad:
            problems.append(f"{len(bad_files)} bad files in errors, sent were {expected_bad}")
        for folder in ("incoming", "pending"):
            expect(f"files left in {folder}", set(self.files(folder)))
        assert not problems, "\n".join(problems)

    def check_ledgers(self):
        """received = forwarded + dropped + rejected + stored + retried + in flight, in each instance,
        with nothing in flight."""
        def wrong():
            found = []
            for instance, ledger in self.control.ledgers().items():
                right = sum(ledger.get(key, 0) for key in ("forwarded", "dropped", "rejected", "stored", "retried", "in_flight"))
                if ledger.get("received", 0) != right or ledger.get("in_flight", 0):
                    found.append(f"{instance}: {ledger}")
            return found
        # The last acknowledgements may still be on their way up.
        wait_for(lambda: not wrong(), lambda: "the ledgers close: " + "; ".join(wrong()), 30)
