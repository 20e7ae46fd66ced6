"""What is not C++ joins through the batch protocol: a source and a sink in Python, docs/examples/python, as anybody would write
them from docs/protocol.md. Nothing is lost while the stage at the other end, or they themselves, are killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import cases
from pipeline import Mentat, wait_for

EXAMPLES = Path("docs/examples/python").absolute()
MODULES = [str(EXAMPLES), str(Path("proto").absolute())]
sys.path += MODULES

import mentat_peer  # noqa: E402  pylint: disable=wrong-import-position
from mentat.idea.v1.event_pb2 import Event  # noqa: E402  pylint: disable=wrong-import-position
from mentat.pipeline.v1.batch_pb2 import EventOutcome  # noqa: E402  pylint: disable=wrong-import-position

BATCHES, BATCH = 40, 50


def make_event(identity):
    event = Event(format="IDEA0", id=identity, detect_time=int(time.time() * 1_000_000), category=["Attempt.Login"])
    event.source.add().ip4.add(address=0x0A000001)
    event.node.add(name="org.example.python")
    return event.SerializeToString()


def free_endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


class SourceTest(unittest.TestCase):
    def test_knows_what_became_of_each_event_though_the_stage_is_killed(self):
        with Mentat() as mentat:
            source = mentat_peer.Source(f"tcp://{mentat.plan.address('inspector', 'input')}", "python-source")
            self.addCleanup(source.close)
            killer = threading.Thread(target=mentat.kill, args=["inspector"])
            sent, kinds = set(), set()
            for number in range(BATCHES):
                if number == BATCHES // 2:
                    killer.start()
                names = [f"python-{number}-{position}" for position in range(BATCH)]
                kinds |= {outcome.kind for outcome in source.send([make_event(name) for name in names])}
                sent |= set(names)
            killer.join()
            self.assertLessEqual(kinds, {EventOutcome.KIND_STORED, EventOutcome.KIND_DUPLICATE})
            rows = [row[0] for row in mentat.sql("SELECT id FROM events")]
            self.assertEqual(len(rows), len(sent))
            self.assertEqual(set(rows), sent)

            good, bad = source.send([make_event("python-good"), b"\xffno event"])
            self.assertEqual(good.kind, EventOutcome.KIND_STORED)
            self.assertEqual(bad.kind, EventOutcome.KIND_DEAD_LETTER)
            self.assertEqual(mentat.sql("SELECT stage, reason FROM dead_letters"), [["inspector", "malformed"]])


class SinkTest(unittest.TestCase):
    def start(self):
        # pylint: disable=consider-using-with
        self.sink = subprocess.Popen([sys.executable, str(EXAMPLES / "sink.py"), self.endpoint, str(self.taken)],
                                     env=os.environ | {"PYTHONPATH": ":".join(MODULES)})

    def names(self):
        return self.taken.read_text(encoding="utf-8").split() if self.taken.exists() else []

    def test_has_every_event_though_it_is_killed(self):
        self.endpoint = free_endpoint()
        with Mentat() as mentat:
            self.taken = mentat.folder / "taken"
            self.start()
            self.addCleanup(lambda: self.sink.kill() or self.sink.wait())
            mentat.configure("enricher", {"pipeline": {"outputs": {"default": {"peers": [self.endpoint]}}}})
            mentat.mentat("ctl", "reload", "enricher")
            feeder = mentat.feed(4000, rate=1000, wait=False)
            for part in (1, 2, 3):
                wait_for(lambda part=part: len(self.names()) > part * 800, lambda: f"it takes events: {len(self.names())}")
                self.sink.send_signal(signal.SIGKILL)
                self.sink.wait()
                self.start()
            sent = feeder.finish()
            mentat.wait_settled()
            self.assertEqual(set(self.names()), sent.good)
            self.assertEqual(mentat.files("errors"), [])
            mentat.check_budget()
            mentat.check_ledgers()


if __name__ == "__main__":
    cases.main()
