"""Keeps the database, the controller and the demo's generator alive: starts them, starts them again when they
die, and stops them. The controller does the same for the stages. One supervisor an installation; it lives apart
from the terminal.

The kernel tells of each death through a pidfd, so that nothing is polled. A supervisor that comes
after one that was killed takes over the processes that are still there.
"""

import fcntl
import os
import select
import signal
import subprocess
import time

from layout import UserError, lock_holder, read_pid, write_pid
from services import Process

FIRST_DELAY = 0.1  # seconds until a process that died is started again; doubled each time,
LONGEST_DELAY = 15.0  # up to this,
STEADY = 10.0  # and as the first time again once the process has lived that long


class Child:
    """One process that is to run: what is known of it."""

    def __init__(self, process, pid_file):
        self.process = process
        self.pid_file = pid_file
        self.pid = None
        self.pidfd = None
        self.since = None  # time.time() of the start
        self.started = 0.0  # time.monotonic() of the start
        self.delay = FIRST_DELAY
        self.due = None  # time.monotonic() of the next start, while it is down
        self.restarts = 0
        self.last_exit = ""

    def describe(self):
        state = "running" if self.pid else "restarting" if self.due is not None else "down"
        return {"state": state, "pid": self.pid, "since": self.since, "restarts": self.restarts,
                "last_exit": self.last_exit}


def describe_exit(status):
    if status is None:
        return "ended"
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


class Supervisor:
    def __init__(self, installation, database, prepare, services, demo, stages=()):
        """`database` is the Process of the embedded PostgreSQL, or None; `prepare` is called once the
        database is there, and before `services` are started, the other processes. `stages` are the names of
        those that the controller runs, in the order of the flow."""
        self.installation = installation
        self.database = database
        self.prepare = prepare
        self.services = services
        self.demo = demo
        self.stages = stages
        self.children = {}
        self.phase = "starting"
        self.error = ""
        self.stopping = False
        self.poll = select.poll()
        self.by_fd = {}
        self.lock = None
        self.wakeup = None

    # --- what the outside sees ---

    def say(self, text):
        print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text, flush=True)

    def publish(self):
        self.installation.write_state({
            "phase": self.phase, "error": self.error, "supervisor": os.getpid(), "demo": self.demo,
            "processes": {name: child.describe() for name, child in self.children.items()}})

    # --- life ---

    def run(self):
        """Until a SIGTERM or SIGINT has been carried out. The exit status."""
        self._take_lock()
        self._catch_signals()
        write_pid(self.installation.supervisor_pid_file, os.getpid())
        try:
            self._start_all()
            while not self.stopping:
                self._turn()
            self.phase = "stopping"
        except UserError as error:
            self.error = str(error)
            self.phase = "failed"
            self.say(f"failed: {error}")
        self.publish()
        self._stop_all()
        if self.phase == "stopping":
            self.phase = "down"
        self.publish()
        self.say("everything is stopped")
        self.installation.supervisor_pid_file.unlink(missing_ok=True)
        return 0 if self.phase == "down" else 1

    def _take_lock(self):
        # Held by the open file for the life of the process, and let go by the kernel.
        self.lock = open(self.installation.run / "supervisor.lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another supervisor runs in {self.installation.var}") from error

    def _catch_signals(self):
        self.wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.wakeup, select.POLLIN)

    def _on_stop(self, *_):
        self.stopping = True

    def _start_all(self):
        self._take_over()
        if self.database is not None:
            self.phase = "starting the database"
            self._start_if_down(self.database)
            while not self.stopping and not self.database.ready():
                if self.children[self.database.name].restarts >= 5:
                    raise UserError("PostgreSQL does not start; "
                                    f"{self.installation.log / 'postgres.log'} says why")
                self._turn(0.1)
        if not self.stopping:
            self._stop_earlier_version()
        if self.stopping:
            return
        self.phase = "preparing the database"
        self.publish()
        self.prepare()
        for process in self.services * (not self.stopping):
            self._start_if_down(process)
        self.phase = "running"
        self.publish()

    def _turn(self, at_most=None):
        """Waits for something to happen, and deals with it."""
        now = time.monotonic()
        dues = [child.due - now for child in self.children.values() if child.due is not None]
        if at_most is not None:
            dues.append(at_most)
        timeout = max(0, min(dues)) * 1000 if dues else None
        for fd, _ in self.poll.poll(timeout):
            if fd == self.wakeup:
                os.read(fd, 4096)
            elif fd in self.by_fd:
                self._on_death(self.by_fd[fd])
        now = time.monotonic()
        if not self.stopping:
            for child in self.children.values():
                if child.due is not None and child.due <= now:
                    child.restarts += 1
                    self._start(child)
                    self.publish()

    # --- one child ---

    def _take_over(self):
        """Knows all processes, those that an earlier supervisor left running as what they are."""
        for process in [self.database] * (self.database is not None) + self.services:
            child = Child(process, self.installation.run / f"{process.name}.pid")
            self.children[process.name] = child
            pid = read_pid(child.pid_file)
            if pid is not None:
                self.say(f"{process.name} runs already as process {pid}: taken over")
                self._watch(child, pid)
        self.publish()

    def _start_if_down(self, process):
        child = self.children[process.name]
        if child.pid is None:
            self._start(child)
        self.publish()

    def _start(self, child):
        child.due = None
        log_file = self.installation.log / f"{child.process.log_name}.log"
        options = {"cwd": self.installation.var, **child.process.identity}
        try:
            with open(log_file, "ab") as log:
                started = subprocess.Popen(child.process.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           start_new_session=True, **options)
        except OSError as error:
            self.say(f"{child.process.name} cannot be started: {error}")
            child.last_exit = str(error)
            self._schedule(child)
            return
        # Reaped by hand when its pidfd says so; subprocess must not do it as well.
        started.returncode = 0
        self._watch(child, started.pid)
        write_pid(child.pid_file, started.pid)
        self.say(f"{child.process.name} started as process {started.pid}")

    def _watch(self, child, pid):
        child.pid = pid
        child.since = time.time()
        child.started = time.monotonic()
        child.pidfd = os.pidfd_open(pid)
        self.by_fd[child.pidfd] = child
        self.poll.register(child.pidfd, select.POLLIN)

    def _on_death(self, child):
        try:
            _, status = os.waitpid(child.pid, 0)
        except ChildProcessError:
            status = None  # taken over from an earlier supervisor
        self.poll.unregister(child.pidfd)
        del self.by_fd[child.pidfd]
        os.close(child.pidfd)
        child.pidfd = None
        child.last_exit = describe_exit(status)
        self.say(f"{child.process.name} (process {child.pid}): {child.last_exit}")
        child.pid = None
        child.pid_file.unlink(missing_ok=True)
        if not self.stopping and self.phase != "failed" and child.process.name in self.children:
            self._schedule(child)
        self.publish()

    def _schedule(self, child):
        if time.monotonic() - child.started >= STEADY:
            child.delay = FIRST_DELAY
        child.due = time.monotonic() + child.delay
        self.say(f"{child.process.name} starts again in {child.delay:.1f} s")
        child.delay = min(child.delay * 2, LONGEST_DELAY)

    # --- the end ---

    def _stop_all(self):
        self.stopping = True
        for child in self.children.values():
            child.due = None
        database = [child for child in self.children.values() if child.process is self.database]
        others = [child for child in self.children.values() if child.process is not self.database]
        for rank in sorted({child.process.stop_rank for child in others}):
            self._stop([child for child in others if child.process.stop_rank == rank])
        # There are some if the controller did not come to it.
        self._stop_stages(lambda pid_file: True)
        self._stop(database)

    def _stop_earlier_version(self):
        """Its supervisor ran the stages itself, and its controller does not."""
        if self._stop_stages(lambda pid_file: lock_holder(pid_file) is None):
            self._stop([child for child in self.children.values() if child.process is not self.database])

    def _stop_stages(self, chosen):
        """Ends the processes of stages whose PID files are `chosen`, in the order of the flow; whether there were any."""
        found = False
        for stage in self.stages:
            ended = []
            for name, pid in self.installation.leftovers().items():
                pid_file = self.installation.run / f"{name}.pid"
                if (name == stage or name.startswith(f"{stage}-")) and chosen(pid_file):
                    ended.append(Child(Process(name, None, stop_rank=0), pid_file))
                    self._watch(ended[-1], pid)
            self._stop(ended)
            found = found or bool(ended)
        return found

    def _stop(self, children):
        children = [child for child in children if child.pid]
        for child in children:
            self.say(f"stopping {child.process.name}")
            self._signal(child, child.process.stop_signal)
        deadline = time.monotonic() + max((child.process.grace for child in children), default=0)
        while any(child.pid for child in children) and time.monotonic() < deadline:
            self._turn(deadline - time.monotonic())
        for child in children:
            if child.pid:
                self.say(f"{child.process.name} has not stopped in {child.process.grace:g} s: killed")
                self._signal(child, signal.SIGKILL)
        while any(child.pid for child in children):
            self._turn()

    def _signal(self, child, number):
        try:
            signal.pidfd_send_signal(child.pidfd, number)
        except ProcessLookupError:
            pass
