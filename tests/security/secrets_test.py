"""A secret planted in every place where one can be configured is found in nothing that a process shows:
logs, metrics, errors, the configuration's view, the list of processes, core files."""

import json
import os
import resource
import signal
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from pipeline import wait_for

PROGRAMS = {name: Path(f"services/{name}/{name}").absolute() for name in ["storage", "enricher", "controller", "demo"]}
MENTATCTL = Path("tools/mentatctl/mentatctl").absolute()
# Nobody listens there: whoever tries to connect has something to complain about, again and again.
DSN = "postgresql://mentat:{}@127.0.0.1:1/none?connect_timeout=2"


def secret(name):
    """A secret that is found wherever it stands, and told from others."""
    return f"planted-{name}-{os.urandom(12).hex()}"


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Running:
    """A service, and all that can be seen of it."""

    def __init__(self, folder, name, config, arguments=(), environment=None):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.name = name
        self.ports_file = self.folder / "ports.json"
        service = config.setdefault("service", {})
        service |= {"ports_file": str(self.ports_file), "log": {"level": "debug", "file": str(self.folder / "log.json")}}
        self.config = self.folder / "config.json"
        self.config.write_text(json.dumps(config))
        self.command = [PROGRAMS[name], "--config", self.config, *arguments]
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def start(self):
        unlimited = resource.RLIM_INFINITY
        with open(self.folder / "output", "wb") as output:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdout=output, stderr=output,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (unlimited, unlimited)))
        wait_for(self.ports_file.exists, lambda: (self.folder / "output").read_text())
        return self

    def ports(self):
        return json.loads(self.ports_file.read_text())

    def wait_for_log(self, text):
        wait_for(lambda: text in (self.folder / "log.json").read_text(), text)

    def shown(self):
        """What it shows, by where: all as bytes."""
        address = self.ports()["metrics"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as page:
            metrics = page.read()
        proc = Path(f"/proc/{self.process.pid}")
        view = subprocess.run([*self.command, "--config-view"], cwd=self.folder, env=self.environment, check=True,
                              capture_output=True)
        return {
            "log": (self.folder / "log.json").read_bytes(),
            "output": (self.folder / "output").read_bytes(),
            "metrics": metrics,
            "config view": view.stdout + view.stderr,
            "command line": (proc / "cmdline").read_bytes(),
            "environment": (proc / "environ").read_bytes(),
        }

    def crash(self):
        """Lets it crash; its core files as bytes."""
        self.process.send_signal(signal.SIGABRT)
        self.process.wait()
        return [core.read_bytes() for core in self.folder.glob("core*")]

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class SecretsTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def run_service(self, *arguments, **more):
        service = Running(self.folder / "run", *arguments, **more)
        self.addCleanup(service.stop)
        return service.start()

    def write_secret(self, name, text):
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    def expect_nowhere(self, planted, shown):
        for where, content in shown.items():
            for each in planted:
                self.assertFalse(each.encode() in content, f"{each[:12]}… is in the {where}")

    def expect_hidden(self, planted, service):
        self.expect_nowhere(planted, service.shown())
        self.assertEqual(service.crash(), [], "a core file was left")

    def test_the_test_finds_what_a_core_file_has(self):
        """Otherwise it would show nothing."""
        planted = secret("control")
        service = self.run_service("storage", {"database": {"dsn": DSN.format(planted)},
                                               "pipeline": {"input": {"bind": "tcp://127.0.0.1:*"}}},
                                   environment={"MENTAT_CORE_FILES": "1"})
        service.wait_for_log("database")
        cores = service.crash()
        if not cores:
            self.skipTest("the system puts core files elsewhere: " + Path("/proc/sys/kernel/core_pattern").read_text())
        self.assertTrue(planted.encode() in cores[0])

    def database(self, name, planted, **more):
        config = {"pipeline": {"input": {"bind": "tcp://127.0.0.1:*"}}}
        service = self.run_service(name, config | more.pop("config", {}), **more)
        service.wait_for_log("127.0.0.1")  # it has tried to connect
        self.expect_hidden([planted], service)

    def test_a_password_in_the_file(self):
        planted = secret("file")
        self.database("storage", planted, config={"database": {"dsn": DSN.format(planted)}})

    def test_a_password_in_a_file_of_its_own(self):
        planted = secret("own")
        file = self.write_secret("dsn", DSN.format(planted))
        self.database("storage", planted, config={"database": {"dsn": {"file": file}}})

    def test_a_password_in_the_environment(self):
        planted = secret("environment")
        self.database("storage", planted, environment={"MENTAT_STORAGE__DATABASE__DSN": DSN.format(planted)})

    def test_an_object_in_the_environment(self):
        planted = secret("object")
        self.database("storage", planted,
                      environment={"MENTAT_STORAGE__DATABASE": json.dumps({"dsn": DSN.format(planted)})})

    def test_a_password_on_the_command_line(self):
        planted = secret("flag")
        self.database("storage", planted, arguments=["--set", "database.dsn=" + DSN.format(planted)])

    def test_an_object_on_the_command_line(self):
        planted = secret("flag-object")
        self.database("storage", planted, arguments=["--set=database=" + json.dumps({"dsn": DSN.format(planted)})])

    def test_wrong_configurations_tell_no_secret(self):
        planted = secret("wrong")
        bind = {"pipeline": {"input": {"bind": "tcp://127.0.0.1:*"}}}
        for wrong in [
                {"database": {"dsn": {"text": planted}}},
                {"database": {"dsn": [planted]}},
                {"database": {"dsn": {"file": "/nowhere", "password": planted}}},
                {"database": {"dns": planted}},
                {"database": {"dsn": planted, "unknown": 1}},
        ]:
            config = self.write_secret("config.json", json.dumps(bind | wrong))
            done = subprocess.run([PROGRAMS["storage"], "--config", config, "--config-check"], capture_output=True,
                                  check=False)
            self.assertNotEqual(done.returncode, 0, wrong)
            self.expect_nowhere([planted], {"error": done.stdout + done.stderr})
        config = self.write_secret("config.json", f'{{"database": {{"dsn": "{planted}}}')
        done = subprocess.run([PROGRAMS["storage"], "--config", config, "--config-check"], capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.expect_nowhere([planted], {"error": done.stdout + done.stderr})

    def test_a_password_that_makes_no_connection_string(self):
        planted = secret("malformed")
        service = self.run_service("storage", {"database": {"dsn": f"host=127.0.0.1 password=my {planted}"},
                                               "pipeline": {"input": {"bind": "tcp://127.0.0.1:*"}}})
        service.wait_for_log("connection string")
        self.expect_hidden([planted], service)

    def test_keys_and_tokens(self):
        openssl(self.folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=demo", "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.pem")
        (self.folder / "tls.key").chmod(0o600)
        subprocess.run([MENTATCTL, "keys", "generate", "own", "peer", "--dir", self.folder / "keys"], check=True,
                       capture_output=True)
        (self.folder / "keys" / "peer.key_secret").unlink()
        (self.folder / "peers").mkdir()
        (self.folder / "keys" / "peer.key").rename(self.folder / "peers" / "peer.key")
        token, mine, wrong = secret("token"), secret("mine"), secret("unknown")
        tokens = self.write_secret("tokens", f"alice admin {token}\n")
        curve_key = (self.folder / "keys" / "own.key_secret").read_text().split("secret-key = \"")[1].split('"')[0]
        planted = [token, mine, wrong, curve_key, *(self.folder / "tls.key").read_text().split("\n")[1:-2]]
        tls = {"cert_file": str(self.folder / "tls.pem"), "key_file": str(self.folder / "tls.key")}

        demo = self.run_service("demo", {
            "service": {"tls": tls, "access": {"tokens_file": tokens}},
            "pipeline": {"curve": {"secret_key_file": str(self.folder / "keys" / "own.key_secret")},
                         "input": {"bind": "tcp://127.0.0.1:*", "allowed_keys": [str(self.folder / "peers")]}}})
        address = demo.ports()["admin"]
        for name, content, status in [("right", token, 0), ("wrong", wrong, 1)]:
            file = self.write_secret(f"{name}.token", content + "\n")
            done = subprocess.run([MENTATCTL, "--ca-file", self.folder / "tls.pem", "--token-file", file, "pause", address],
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, status, done.stderr)
            self.expect_nowhere(planted, {"error": done.stdout + done.stderr})
        # Files that are wrong: somebody complains, and tells nothing.
        self.write_secret("tokens", f"alice admin {token} {mine}\n")
        subprocess.run([MENTATCTL, "--ca-file", self.folder / "tls.pem", "--token-file", self.folder / "right.token",
                        "resume", address], capture_output=True, check=True)
        demo.wait_for_log("tokens' file is wrong")
        self.expect_hidden(planted, demo)

    def test_the_controllers_token(self):
        planted = secret("controller")
        token = self.write_secret("controller.token", planted + "\n")
        service = self.run_service("controller", {
            "stage_client": {"token_file": token}, "poll_seconds": 0.1,
            "stages": [{"name": "away", "addresses": ["127.0.0.1:1", "192.0.2.1:1"]}]})
        service.wait_for_log("cannot be called")  # the token would have gone out in the clear
        self.expect_hidden([planted], service)


if __name__ == "__main__":
    unittest.main()
