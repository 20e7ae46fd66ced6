"""The calls of ./mentat on real installations."""

import json
import subprocess
import sys
import unittest

import cases
import layout
from pipeline import REPOSITORY, SUPERVISOR, Mentat, wait_for
from services import MAX_INSTANCES, STAGES

COMMANDS = ["up", "down", "status", "logs", "psql", "ctl", "images", "build", "test", "bench", "chaos", "alerts", "lint"]


class FrontTest(unittest.TestCase):
    def run_front(self, *arguments):
        return subprocess.run([REPOSITORY / "mentat", *arguments], check=False, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def test_each_command_has_help(self):
        everything = self.run_front("--help")
        self.assertEqual(everything.returncode, 0)
        for command in COMMANDS:
            with self.subTest(command):
                self.assertIn(f"  {command} ", everything.stdout)
                result = self.run_front(command, "--help")
                self.assertEqual(result.returncode, 0)
                self.assertIn(f"mentat {command}", result.stdout)

    def test_what_it_does_not_know_is_an_error(self):
        self.assertNotEqual(self.run_front("upp").returncode, 0)
        result = self.run_front("up", "--demoo")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("--demoo", result.stderr)
        self.assertNotEqual(self.run_front("status", "--var", "/nonexistent").returncode, 0)


class CommandsTest(unittest.TestCase):
    def exit_status(self, mentat, *arguments):
        return subprocess.run([sys.executable, SUPERVISOR, arguments[0], "--var", mentat.installation.var, *arguments[1:]],
                              check=False, capture_output=True).returncode

    def test_an_installation_and_its_commands(self):
        with Mentat() as mentat:
            self.assertIn("up already", mentat.mentat("up", "--detach"))
            status = json.loads(mentat.mentat("status", "--json"))
            self.assertEqual(status["phase"], "running")
            self.assertEqual(set(status["processes"]), {"postgres", *mentat.services()})
            self.assertTrue(all(process["ready"] for process in status["processes"].values()))
            self.assertIn("inspector", mentat.mentat("status"))
            self.assertEqual(mentat.mentat("psql", "-XAtqc", "SELECT 6 * 7").strip(), "42")
            self.assertIn("inspector", mentat.mentat("ctl", "status"))
            self.assertIn("started as process", mentat.mentat("logs", "supervisor", "--no-follow"))

            edited = mentat.installation.etc / "inspector.json"
            text = "# mine\n" + edited.read_text()
            layout.write_file(edited, text)
            mentat.mentat("down")
            self.assertEqual(self.exit_status(mentat, "status"), 3)
            self.assertIn("is down", mentat.mentat("down"))
            ports = mentat.installation.ports_file.read_text()
            mentat.mentat("up", "--detach")
            self.assertEqual(edited.read_text(), text)
            self.assertEqual(mentat.installation.ports_file.read_text(), ports)
            self.assertEqual(self.exit_status(mentat, "status"), 0)
            self.assertIn("are not encrypted", mentat.mentat("status"))

            # Encryption is taken up by those configurations that nobody edited, and remembered.
            layout.write_file(edited, text.removeprefix("# mine\n"), 0o600)
            mentat.mentat("down")
            self.assertIn("keys", mentat.mentat("up", "--detach", "--curve"))
            self.assertEqual(set(mentat.status()["encrypted"].values()), {True})
            keys = {path: path.read_bytes() for path in (mentat.installation.etc / "keys").rglob("*.key*")}
            self.assertEqual(len(keys), 2 * (len(STAGES) * MAX_INSTANCES + 1))
            mentat.mentat("down")
            self.assertNotIn("keys ", mentat.mentat("up", "--detach"))
            self.assertEqual({path: path.read_bytes() for path in keys}, keys)
            self.assertEqual(set(mentat.status()["encrypted"].values()), {True})

    def test_what_calls_have_said_holds_until_the_settings_say_otherwise(self):
        def enrichers():
            return {name for name in mentat.status()["processes"] if name.startswith("enricher")}

        with Mentat() as mentat:
            mentat.mentat("ctl", "scale", "enricher", "2")
            mentat.mentat("ctl", "stop", "storage")
            wait_for(lambda: mentat.pid("storage") is None, "it is stopped")
            mentat.mentat("down")
            self.assertIn("storage has no processes", mentat.mentat("up", "--detach"))
            self.assertEqual(enrichers(), {"enricher", "enricher-2"})
            self.assertNotIn("storage", mentat.status()["processes"])
            mentat.mentat("ctl", "start", "storage")
            mentat.wait_ready()
            self.assertEqual(self.exit_status(mentat, "status"), 0)

            # Once somebody changes the settings, these hold.
            settings = mentat.installation.settings()
            mentat.installation.save_settings(layout.merge(settings, {"replicas": {"enricher": 3}}))
            mentat.mentat("down")
            self.assertNotIn("no processes", mentat.mentat("up", "--detach"))
            self.assertEqual(enrichers(), {"enricher", "enricher-2", "enricher-3"})
            self.assertIn("enricher-3", mentat.mentat("status"))
            result = subprocess.run([sys.executable, SUPERVISOR, "ctl", "--var", mentat.installation.var, "scale", "enricher", "9"],
                                    check=False, capture_output=True, text=True)
            self.assertIn("max_instances", result.stderr)

    def test_two_installations_side_by_side(self):
        with Mentat() as one, Mentat() as other:
            sent_one, sent_other = one.feed(200), other.feed(300, seed=2)
            one.wait_settled()
            other.wait_settled()
            one.check(sent_one)
            other.check(sent_other)


if __name__ == "__main__":
    cases.main()
