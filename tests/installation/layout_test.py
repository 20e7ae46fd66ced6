"""The folder of an installation: its configurations, whoever edits them and whichever version made them, its ports, and
PID files."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

import cases
from layout import Installation, UserError, lock_holder, read_json, read_pid, write_file, write_pid
from services import MAX_INSTANCES, STAGES, Plan

LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


class ConfigurationTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mentat with blanks ")
        self.addCleanup(folder.cleanup)
        self.installation = Installation(folder.name)
        self.installation.make_folders()
        self.etc = self.installation.etc
        self.record = self.etc / ".generated.json"
        self.settle()

    def settle(self, **settings):
        self.installation.save_settings({"dsn": "host=nowhere", **settings})

    def write(self):
        plan = Plan(self.installation)
        return plan, plan.write_configs()

    def make_old(self, name, text, edited):
        """A file that an earlier version made, and somebody may have edited."""
        record = read_json(self.record) if self.record.exists() else {}
        record[name] = hashlib.sha256(text.encode()).hexdigest()
        write_file(self.record, json.dumps(record))
        write_file(self.etc / name, text + edited)

    def test_a_file_for_each_stage_and_a_small_one_for_each_instance(self):
        plan, kept = self.write()
        self.assertEqual(kept, [])
        for stage in STAGES:
            names = sorted(path.stem for path in self.etc.glob(f"instances/{stage}*.json"))
            self.assertEqual(names, sorted(plan.prepared[stage]))
            self.assertEqual(len(names), MAX_INSTANCES)
            self.assertNotIn("admin_listen", (self.etc / f"{stage}.json").read_text())
            for name in names:
                config = read_json(self.etc / "instances" / f"{name}.json")
                self.assertEqual(config["include"], f"../{stage}.json")
                self.assertEqual(config["service"]["admin_listen"], plan.address(name, "admin"))
        ports = [port for ports in plan.ports.values() for port in ports.values()]
        self.assertEqual(len(ports), len(set(ports)))

    def test_more_replicas_than_are_prepared_are_prepared(self):
        self.settle(replicas={"enricher": MAX_INSTANCES + 2})
        plan, _ = self.write()
        self.assertEqual(len(plan.prepared["enricher"]), MAX_INSTANCES + 2)
        self.assertTrue((self.etc / "instances" / f"enricher-{MAX_INSTANCES + 2}.json").exists())

    def test_what_was_edited_is_left_and_all_else_follows_the_settings(self):
        self.write()
        edited = {self.etc / name: "# mine\n" for name in ("inspector.json", "instances/enricher-3.json", "controller.json")}
        for path, text in edited.items():
            write_file(path, text)
        self.settle(curve=True)
        _, kept = self.write()
        self.assertEqual(sorted(kept), ["controller.json", "inspector.json", "instances/enricher-3.json"])
        for path, text in edited.items():
            self.assertEqual(path.read_text(), text)
        self.assertIn("curve", read_json(self.etc / "instances" / "enricher-2.json")["pipeline"])

    def test_what_an_earlier_version_made_goes_and_what_was_edited_of_it_holds(self):
        self.make_old("enricher.json", '{"service": {"instance": "enricher"}}\n', edited="")
        self.make_old("enricher-2.json", '{"service": {"instance": "enricher-2"}}\n', edited="")
        self.make_old("enricher-3.json", '{"service": {"instance": "enricher-3"}}\n', edited="# mine\n")
        write_file(self.installation.ports_file, json.dumps({"enricher-2": {"input": 20001, "admin": 20002, "metrics": 20003}}))
        plan, kept = self.write()
        self.assertEqual(kept, ["instances/enricher-3.json"])
        self.assertEqual(sorted(path.name for path in self.etc.glob("enricher*")), ["enricher.json"])
        self.assertNotIn("instance", read_json(self.etc / "enricher.json")["service"])
        self.assertTrue((self.etc / "instances" / "enricher-3.json").read_text().endswith("# mine\n"))
        self.assertEqual(plan.address("enricher-2", "admin"), "127.0.0.1:20002")
        self.assertEqual(self.write()[1], kept)

    def test_a_controller_of_an_earlier_version_that_was_edited_is_refused_in_words(self):
        plan, _ = self.write()
        plan.check_controller()
        write_file(self.etc / "controller.json", '{"service": {"instance": "controller"}}')
        with self.assertRaisesRegex(UserError, "lacks `driver`.*Move it away"):
            plan.check_controller()

    def test_a_number_of_replicas_that_makes_no_sense_is_named(self):
        for count in (0, 65, "2", True, 1.5):
            self.settle(replicas={"storage": count})
            with self.assertRaisesRegex(UserError, "replicas of storage: expected a number from 1 to 64"):
                Plan(self.installation)


class PidFileTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.installation = Installation(folder.name)
        self.installation.make_folders()
        self.path = self.installation.run / "stage-2.pid"

    def test_the_process_that_holds_the_lock_is_meant_whatever_the_file_says(self):
        write_pid(self.path, os.getpid())
        self.assertEqual((lock_holder(self.path), read_pid(self.path)), (None, os.getpid()))
        with subprocess.Popen([sys.executable, "-c", LOCK, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            self.assertEqual(other.stdout.readline(), b"locked\n")
            self.assertEqual((lock_holder(self.path), read_pid(self.path)), (other.pid, other.pid))
            self.assertEqual(self.installation.leftovers(), {"stage-2": other.pid})
            other.stdin.close()
            other.wait()
        self.assertIsNone(lock_holder(self.path))

    def test_a_number_that_somebody_else_has_by_now_is_nobody(self):
        for text in (f"{os.getpid()} 1\n", "", "4711\n", "x y\n", f"{os.getpid()} 0\n"):
            write_file(self.path, text)
            self.assertIsNone(read_pid(self.path), text)
        self.path.unlink()
        self.assertIsNone(read_pid(self.path))


if __name__ == "__main__":
    cases.main()
