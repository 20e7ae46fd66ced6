"""The embedded PostgreSQL is made and reached wherever the installation's folder lies."""

import os
import select
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import cases
from database import Cluster, split_password
from layout import Installation


class ClusterTest(unittest.TestCase):
    def folder(self, name=""):
        outer = tempfile.TemporaryDirectory(prefix="mentat-database-", dir="/tmp")
        self.addCleanup(outer.cleanup)
        os.chmod(outer.name, 0o755)
        return Path(outer.name) / name

    def check(self, var):
        """Makes, starts, uses and stops a cluster; gives the connection string that was used."""
        installation = Installation(var)
        installation.make_folders()
        cluster = Cluster(installation)
        self.assertTrue(cluster.make())
        self.assertFalse(cluster.make())
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", str(installation.pg.resolve())], check=True))
        with open(installation.log / "postgres.log", "ab") as log:
            server = subprocess.Popen(cluster.command(), stdout=log, stderr=log, **cluster.identity())
        self.addCleanup(server.wait)
        self.addCleanup(server.send_signal, signal.SIGINT)
        deadline = time.monotonic() + 60
        while not cluster.accepts():
            self.assertIsNone(server.poll(), (installation.log / "postgres.log").read_text())
            self.assertLess(time.monotonic(), deadline)
            select.select([], [], [], 0.05)
        cluster.ensure_database()
        cluster.ensure_database()
        show = "SELECT current_setting('fsync') || current_setting('synchronous_commit') || " \
               "current_setting('listen_addresses') || current_setting('data_checksums')"
        answer = subprocess.run(["psql", "-XAtq", "-c", show, cluster.dsn()], check=True, capture_output=True, text=True)
        self.assertEqual(answer.stdout.strip(), "ononon")
        return cluster.dsn()

    def test_a_folder_with_blanks(self):
        self.assertIn("run/postgres", self.check(self.folder("a folder with blanks")))

    def test_a_folder_with_quotes(self):
        self.assertIn("/tmp/mentat-postgres-", self.check(self.folder("it's a \"folder\", with \\ all")))

    def test_a_path_longer_than_a_socket_may_have(self):
        self.assertIn("/tmp/mentat-postgres-", self.check(self.folder("long" * 30)))

    if os.geteuid() == 0:  # only root's PostgreSQL runs as somebody else

        def test_a_folder_that_user_postgres_may_not_enter(self):
            home = self.folder("home")
            home.mkdir(mode=0o700)
            self.assertIn("/tmp/mentat-postgres-", self.check(home / "var"))
            self.assertTrue((home / "var" / "pg").is_symlink())


class SplitPasswordTest(unittest.TestCase):
    def test_passwords_are_taken_out(self):
        for dsn, rest, password in [
            ("host=db dbname=m", "host=db dbname=m", None),
            ("host=db password=s3cret dbname=m", "host=db  dbname=m", "s3cret"),
            (r"password = 'it\'s' host=db", " host=db", "it's"),
            ("postgresql://u:p%40ss@db:5432/m?x=y", "postgresql://u@db:5432/m?x=y", "p@ss"),
            ("postgres://db/m", "postgres://db/m", None),
            ("postgres://u@db/m", "postgres://u@db/m", None),
        ]:
            with self.subTest(dsn):
                self.assertEqual(split_password(dsn), (rest, password))


if __name__ == "__main__":
    cases.main()
