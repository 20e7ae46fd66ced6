"""The Debian packages: what is in them, and their life on a host, which is a container with systemd: installed before there
is a database, started, upgraded under load, purged."""

import functools
import gzip
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import cases
from engine import Engine
from machine import FEEDER, QUEUE, Machine
from packages import NAMES, SERVICES, build, copy_sources, file_of, raise_version, unpack
from pipeline import wait_for

VERSION, HIGHER = "1.0.0", "1.0.1"
EXPOSURE = 25  # of systemd-analyze, in tenths
STAGES = ["inspector", "enricher", "storage"]  # of which a host may run several
EDITED = "/etc/mentat/enricher.json"


@functools.cache
def folder():
    """A folder with the packages in `one` and in `two`, and their files in `installed`."""
    path = Path(tempfile.mkdtemp(prefix="mentat-packages-", dir="/var/tmp"))
    unittest.addModuleCleanup(shutil.rmtree, path, ignore_errors=True)
    began = time.monotonic()
    copy_sources(path)
    build(path, [path / "one", path / "two"], VERSION)
    unpack(path / "one", path / "installed")
    print(f"packages after {time.monotonic() - began:.0f} s")
    return path


class PackagesTest(unittest.TestCase):
    def test_the_same_programs_give_the_same_bytes(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(file_of(folder() / "one", name).read_bytes(), file_of(folder() / "two", name).read_bytes())

    def test_lintian_finds_no_errors(self):
        result = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", *(folder() / "one").glob("*.deb")],
                                check=False, text=True, stdin=subprocess.DEVNULL, capture_output=True)
        print(f"lintian: {result.stdout.strip() or 'no tags'}")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_units_leave_services_little(self):
        units = sorted((folder() / "installed/lib/systemd/system").glob("*.service"))
        self.assertEqual([unit.name for unit in units], sorted([*(f"mentat-{service}.service" for service in SERVICES),
                                                                *(f"mentat-{stage}@.service" for stage in STAGES)]))
        for unit in units:
            with self.subTest(unit.name):
                result = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE}", unit],
                                        check=False, text=True, capture_output=True)
                print(result.stdout.splitlines()[-1])
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_each_program_has_a_man_page_that_renders(self):
        root = folder() / "installed/usr"
        pages = {page.name.split(".")[0]: page for page in root.glob("share/man/man*/*.gz")}
        programs = {program.name for place in ("bin", "sbin") for program in (root / place).iterdir()}
        self.assertEqual(set(pages), programs)
        for name, page in pages.items():
            with self.subTest(name):
                result = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], check=False, text=True,
                                        env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100"), capture_output=True)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                text = gzip.decompress(page.read_bytes()).decode()
                for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SEE ALSO"):
                    self.assertIn(f".SH {heading}\n", text)

    def test_shells_find_how_to_complete_mentatctl(self):
        share = folder() / "installed/usr/share"
        for path, shell in (("bash-completion/completions/mentatctl", "bash"), ("zsh/vendor-completions/_mentatctl", "zsh"),
                            ("fish/vendor_completions.d/mentatctl.fish", "fish")):
            with self.subTest(shell):
                self.assertIn("mentatctl", (share / path).read_text(encoding="utf-8"))
                if shutil.which(shell):
                    subprocess.run([shell, "-n", share / path], check=True)

    def test_what_lies_in_etc_is_a_configuration_file(self):
        for name in NAMES:
            with self.subTest(name):
                content = folder() / "etc" / name
                content.parent.mkdir(exist_ok=True)
                subprocess.run(["dpkg-deb", "-R", file_of(folder() / "one", name), content], check=True)
                listed = content / "DEBIAN/conffiles"
                listed = set(listed.read_text(encoding="utf-8").split()) if listed.exists() else set()
                print(f"{name}: {' '.join(sorted(listed)) or 'no configuration files'}")
                self.assertEqual({f"/{file.relative_to(content)}" for file in content.glob("etc/**/*") if file.is_file()}, listed)


class HostTest(unittest.TestCase):
    """The life of an installation; each test goes on where the one before has ended."""

    @classmethod
    def setUpClass(cls):
        engine = Engine()
        engine.__enter__()  # pylint: disable=unnecessary-dunder-call
        cls.addClassCleanup(engine.__exit__)
        began = time.monotonic()
        cls.machine = Machine(engine, folder() / "deploy/images")
        cls.addClassCleanup(cls.machine.close)
        cls.before = cls.machine.files()
        print(f"host after {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        cls.output = cls.machine.install(folder() / "one")
        print(f"installed after {time.monotonic() - began:.0f} s")

    def units(self):
        return [f"mentat-{service}.service" for service in SERVICES]

    def assert_running(self, units):
        for unit in units:
            with self.subTest(unit):
                self.assertTrue(self.machine.active(unit), self.machine.journal())

    def processes(self):
        return {unit: self.machine.property(unit, "MainPID") for unit in [*self.units(), "mentat-enricher@2.service"]}

    def test_1_services_start_before_there_is_a_database(self):
        self.assertNotIn("rror", self.output)
        self.assert_running(self.units())
        self.machine.run("systemd-analyze", "verify", "--man=no", *(f"/lib/systemd/system/{unit}" for unit in self.units()))
        wait_for(lambda: len(self.machine.status().get("stages", [])) == 4, self.machine.journal)
        self.assertEqual(self.machine.ready()["storage"], [])

    def test_2_events_are_stored_once_there_is_a_database(self):
        self.machine.run("createuser", "mentat", user="postgres")
        self.machine.run("createdb", "--owner", "mentat", "--encoding", "UTF8", "--template", "template0", "mentat", user="postgres")
        self.machine.run("mentat-migrate", "--config", "/etc/mentat/storage.json", user="mentat")
        self.machine.run("mentat-dbmngr", "--config", "/etc/mentat/dbmngr.json", "check", user="mentat")
        self.machine.run("usermod", "--append", "--groups", "mentat", FEEDER)
        self.machine.feed(200, 0)
        self.machine.check(self)
        wait_for(lambda: all(self.machine.ready().values()), self.machine.journal)

    def test_3_nothing_is_open_to_others(self):
        self.assertEqual(self.machine.run("stat", "-c", "%U:%G %a", "/etc/mentat", "/etc/mentat/dsn", "/var/lib/mentat", QUEUE).splitlines(),
                         ["root:mentat 750", "root:mentat 640", "mentat:mentat 750", "mentat:mentat 750"])
        for unit in self.units():
            with self.subTest(unit):
                status = self.machine.run("cat", f"/proc/{self.machine.property(unit, 'MainPID')}/status")
                seen = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
                self.assertEqual((int(seen["CapBnd"], 16), seen["NoNewPrivs"], seen["Seccomp"]), (0, "1", "2"))
                self.assertNotIn("0", seen["Uid"].split())

    def test_4_a_reload_reads_the_rules_again(self):
        process = self.machine.property("mentat-inspector", "MainPID")
        self.machine.run("sh", "-c", "echo '[' > /etc/mentat/rules/wrong.json")
        self.machine.run("systemctl", "reload", "mentat-inspector")
        wait_for(lambda: "wrong.json" in self.machine.run("journalctl", "--no-pager", "-u", "mentat-inspector"), self.machine.journal)
        self.machine.run("rm", "/etc/mentat/rules/wrong.json")
        self.machine.run("systemctl", "reload", "mentat-inspector")
        self.machine.run("mentatctl", "reload", "--all")
        self.assertEqual(self.machine.property("mentat-inspector", "MainPID"), process)

    def test_5_a_further_instance_takes_its_share(self):
        self.machine.run("systemctl", "enable", "--now", "mentat-enricher@2")
        wait_for(lambda: len(self.machine.ready()["enricher"]) == 2, self.machine.journal)
        self.assertEqual(self.machine.run("stat", "-c", "%U %a", "/etc/mentat/enricher@2.d").split(), ["root", "755"])
        with self.machine.load():
            wait_for(lambda: min(self.shares()) > 50, lambda: f"both have a share: {self.shares()}")
        self.machine.check(self)

    def shares(self):
        """Events that each enricher has received."""
        for stage in self.machine.status().get("stages", []):
            if stage["name"] == "enricher":
                return [int(instance.get("received", 0)) for instance in stage["instances"]]
        return [0]

    def test_6_an_upgrade_under_load_loses_nothing(self):
        raise_version(folder() / "one", folder() / "higher", HIGHER)
        self.machine.run("sh", "-c", f"echo '# by hand' >> {EDITED}; echo '{{}}' > /etc/mentat/storage.d/own.json")
        before = self.processes()
        with self.machine.load():
            self.machine.install(folder() / "higher")
            after = self.processes()
            self.assert_running(after)
            wait_for(lambda: all(self.machine.ready().values()), self.machine.journal)
        for unit, process in after.items():
            self.assertNotEqual(process, before[unit], unit)
        for name in NAMES:
            self.assertEqual(self.machine.run("dpkg-query", "-W", "-f", "${Version}", name), HIGHER)
        self.assertIn("# by hand", self.machine.run("cat", EDITED))
        self.assertNotIn(".dpkg-", self.machine.run("find", "/etc/mentat"))
        self.machine.run("stat", "/etc/mentat/storage.d/own.json")
        self.assertEqual(self.machine.run("stat", "-c", "%U:%G %a", "/etc/mentat/dsn").strip(), "root:mentat 640")
        self.machine.check(self)
        self.assertEqual(self.machine.run("find", QUEUE, "-type", "f"), "")

    def test_7_logs_in_files_are_rotated(self):
        self.machine.run("sh", "-c", """echo '{"service": {"log": {"system_log": "none", "file": "/var/log/mentat/storage.log"}}}' """
                                     "> /etc/mentat/storage.d/log.json; systemctl restart mentat-storage")
        self.machine.run("logrotate", "--force", "/etc/logrotate.d/mentat-common")
        wait_for(lambda: self.machine.run("stat", "/var/log/mentat/storage.log", "/var/log/mentat/storage.log.1", check=False),
                 self.machine.journal)
        self.machine.run("systemctl", "restart", "mentat-storage")
        self.assertGreater(int(self.machine.run("stat", "-c", "%s", "/var/log/mentat/storage.log")), 0)

    def test_8_a_purge_leaves_what_is_not_stored_and_nothing_else(self):
        self.machine.run("apt-get", "remove", "-yq", "mentat*")
        self.assertEqual(self.machine.run("systemctl", "list-units", "--no-legend", "mentat*").strip(), "")
        self.machine.run("stat", EDITED, "/etc/mentat/storage.d/own.json")
        waiting = f"{QUEUE}/incoming/waiting.idea"
        self.machine.run("sh", "-c", f"echo '{{}}' > {waiting}")
        output = self.machine.run("sh", "-c", "apt-get autoremove --purge -yq 'mentat*' 2>&1")
        self.assertIn(QUEUE, output)
        left = self.machine.files() - self.before
        left -= {path for path in left if Path("/packages") in [Path(path), *Path(path).parents]}
        self.assertEqual({path for path in left if not path.startswith("/var/lib/mentat")}, set())
        self.assertEqual({path for path in left if path not in (waiting, *map(str, Path(waiting).parents))},
                         {f"{QUEUE}/{name}" for name in ("errors", "pending", "tmp")})
        self.assertEqual(self.machine.count(), len(self.machine.sent))


if __name__ == "__main__":
    cases.main()
