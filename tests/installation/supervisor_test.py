"""The supervisor starts, restarts, takes over and stops processes as it promises."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import cases
from layout import Installation, read_pid

SUPERVISE = """
import sys
from layout import Installation
from services import Process
from supervisor import Supervisor
first, second = sys.argv[2:4]
processes = [
    Process("first", lambda: ["/bin/bash", "-c", first], stop_rank=1, grace=1.0),
    Process("second", lambda: ["/bin/bash", "-c", second], stop_rank=2, grace=1.0),
]
NEVER = Process("never", lambda: ["/bin/bash", "-c", "exec tail -f /dev/null"], stop_rank=9, ready=lambda: False)
sys.exit(Supervisor(Installation(sys.argv[1]), None, lambda: None, processes, False, ("source", "stage")).run())
"""
FOREVER = "exec tail -f /dev/null"
# A process that holds the lock of its PID file, as those that the controller starts; or has its number there alone.
LOCKED = """
import fcntl, os, sys
from layout import write_pid
from pathlib import Path
if sys.argv[2] == "locked":
    file = open(sys.argv[1], "w")
    fcntl.lockf(file, fcntl.LOCK_EX)
else:
    write_pid(Path(sys.argv[1]), os.getpid())
print("there", flush=True)
sys.stdin.read()
"""


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        select.select([], [], [], 0.01)
    raise AssertionError(f"did not happen in {seconds} s: {what}")


class SupervisorTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mentat with blanks ")
        self.addCleanup(folder.cleanup)
        self.installation = Installation(folder.name)
        self.installation.make_folders()
        self.supervisors = []
        self.addCleanup(self._end)

    def _end(self):
        for supervisor in self.supervisors:
            if supervisor.poll() is None:
                supervisor.terminate()
                supervisor.wait(20)
        for pid in self.installation.leftovers().values():
            os.kill(pid, signal.SIGKILL)

    def supervise(self, first=FOREVER, second=FOREVER):
        with open(self.installation.log / "supervisor.log", "ab") as log:
            self.supervisors.append(subprocess.Popen(
                [sys.executable, "-c", SUPERVISE, str(self.installation.var), first, second],
                stdout=log, stderr=log))
        return self.supervisors[-1]

    def log(self):
        return (self.installation.log / "supervisor.log").read_text()

    def pid(self, name):
        return read_pid(self.installation.run / f"{name}.pid")

    def processes(self):
        return self.installation.state().get("processes", {})

    def wait_running(self):
        wait_for(lambda: self.pid("first") and self.pid("second")
                 and self.installation.state().get("phase") == "running", "both run")

    def test_a_killed_process_is_started_again(self):
        self.supervise()
        self.wait_running()
        old, other = self.pid("first"), self.pid("second")
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: self.pid("first") not in (None, old), "first runs again")
        wait_for(lambda: self.processes()["first"]["restarts"] == 1, "the restart is counted")
        self.assertEqual(self.processes()["first"]["last_exit"], "killed by SIGKILL")
        self.assertEqual(self.pid("second"), other)

    def test_a_process_that_keeps_dying_is_started_less_and_less_often(self):
        self.supervise(first="exit 3")
        wait_for(lambda: self.processes().get("first", {}).get("restarts", 0) >= 3, "three restarts")
        self.assertEqual(self.processes()["first"]["last_exit"], "exit status 3")
        delays = [line.split()[-2] for line in self.log().splitlines() if "starts again" in line]
        self.assertEqual(delays[:3], ["0.1", "0.2", "0.4"])

    def test_processes_stop_in_the_order_of_the_flow(self):
        first = "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done"
        supervisor = self.supervise(first=first)
        self.wait_running()
        supervisor.terminate()
        self.assertEqual(supervisor.wait(20), 0)
        lines = [line.split(" ", 1)[1] for line in self.log().splitlines()]
        ended = next(line for line in lines if line.startswith("first (process"))
        self.assertIn("exit status 0", ended)
        self.assertLess(lines.index("stopping first"), lines.index(ended))
        self.assertLess(lines.index(ended), lines.index("stopping second"))
        self.assertEqual(self.installation.leftovers(), {})
        self.assertEqual(self.installation.state()["phase"], "down")

    def test_a_process_that_does_not_stop_is_killed(self):
        supervisor = self.supervise(first="trap '' TERM; while :; do sleep 0.05; done")
        self.wait_running()
        supervisor.terminate()
        self.assertEqual(supervisor.wait(20), 0)
        self.assertIn("first has not stopped in 1 s: killed", self.log())
        self.assertEqual(self.processes()["first"]["last_exit"], "killed by SIGKILL")

    def test_a_new_supervisor_takes_over_what_a_killed_one_left(self):
        supervisor = self.supervise()
        self.wait_running()
        pids = self.installation.leftovers()
        supervisor.kill()
        supervisor.wait()
        self.installation.state_file.unlink()
        successor = self.supervise()
        self.wait_running()
        self.assertEqual(self.installation.leftovers(), pids)
        os.kill(pids["first"], signal.SIGKILL)
        wait_for(lambda: self.pid("first") not in (None, pids["first"]), "first runs again")
        successor.terminate()
        self.assertEqual(successor.wait(20), 0)
        self.assertEqual(self.installation.leftovers(), {})

    def test_what_a_killed_supervisor_left_is_stopped_even_before_the_start_is_over(self):
        supervisor = self.supervise()
        self.wait_running()
        supervisor.kill()
        supervisor.wait()
        # Its preparation takes for ever: it is told to stop while it still starts.
        with open(self.installation.log / "supervisor.log", "ab") as log:
            self.supervisors.append(subprocess.Popen(
                [sys.executable, "-c", SUPERVISE.replace("None, lambda: None", "NEVER, lambda: None"),
                 str(self.installation.var), FOREVER, FOREVER], stdout=log, stderr=log))
        successor = self.supervisors[-1]
        wait_for(lambda: self.installation.state().get("phase") == "starting the database", "it starts")
        successor.terminate()
        self.assertEqual(successor.wait(20), 0)
        self.assertEqual(self.installation.leftovers(), {})

    def stage(self, name, kind):
        """A stage's process that nobody looks after."""
        process = subprocess.Popen([sys.executable, "-c", LOCKED, str(self.installation.run / f"{name}.pid"), kind],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"there\n")
        return process

    def test_stages_that_a_controller_left_are_stopped_at_the_end_in_the_order_of_the_flow(self):
        stages = {name: self.stage(name, "locked") for name in ("stage", "stage-2", "source", "other")}
        supervisor = self.supervise()
        self.wait_running()
        self.assertEqual([name for name, process in stages.items() if process.poll() is not None], [])
        supervisor.terminate()
        self.assertEqual(supervisor.wait(20), 0)
        stopped = [line.split()[-1] for line in self.log().splitlines() if " stopping " in line]
        self.assertEqual((stopped[:3], sorted(stopped[3:])), (["first", "second", "source"], ["stage", "stage-2"]))
        self.assertIsNone(stages["other"].poll())

    def test_stages_that_a_supervisor_of_an_earlier_version_left_are_stopped_before_others_start(self):
        supervisor = self.supervise()
        self.wait_running()
        old = self.pid("first")
        supervisor.kill()
        supervisor.wait()
        stage = self.stage("stage-2", "number alone")
        self.supervise()
        # And so is its controller.
        wait_for(lambda: self.pid("first") not in (None, old), "first is started anew")
        self.wait_running()
        self.assertIsNotNone(stage.poll())
        self.assertNotIn("stage-2 starts again", self.log())
        words = self.log().split()
        self.assertLess(words.index("stage-2"), len(words) - words[::-1].index("first") - 1)

    def test_there_is_one_supervisor_an_installation(self):
        self.supervise()
        self.wait_running()
        self.assertEqual(self.supervise().wait(20), 1)
        self.assertIn("another supervisor runs", self.log())
        self.wait_running()


if __name__ == "__main__":
    cases.main()
