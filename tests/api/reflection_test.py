"""Every service is called by `buf curl`, which knows nothing of our .proto files and learns all of them from
the service itself, by reflection: plain, and with TLS and a token."""

import hashlib
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import cases
from pipeline import wait_for

BUF = Path("tools/lint/buf.sh").absolute()
STAGE = "mentat.stage.v1.StageAdmin"
CONTROLLER = "mentat.controller.v1.Controller"
HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
PEER = {"default": {"peers": ["tcp://127.0.0.1:1"]}}  # nobody is there
PIPELINE = {"input": {"bind": "tcp://127.0.0.1:*"}, "outputs": PEER}
# Nobody is there either: a service that lacks something is called all the same.
DATABASE = {"dsn": "host=127.0.0.1 port=1 connect_timeout=2"}


def configs(folder):
    """A configuration of each service."""
    rules = folder / "rules.json"
    rules.write_text(json.dumps({"inspection_rules": [{"name": "none", "rule": "not ID", "actions": []}]}))
    return {
        "filer_gateway": {"queue": str(folder / "queue"), "pipeline": {"outputs": PEER}},
        "inspector": {"pipeline": PIPELINE, "rules": [str(rules)]},
        "enricher": {"pipeline": PIPELINE},
        "storage": {"pipeline": {"input": PIPELINE["input"]}, "database": DATABASE},
        "demo": {"pipeline": PIPELINE},
        "controller": {},
    }


class Service:
    """A process of a service."""

    def __init__(self, folder, name, config, service=None):
        self.folder, self.name = folder, name
        ports = folder / f"{name}.ports"
        config = config | {"service": {"ports_file": str(ports), "instance": name} | (service or {})}
        (folder / f"{name}.json").write_text(json.dumps(config))
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen([Path(f"services/{name}/{name}").absolute(), "--config", folder / f"{name}.json"],
                                            stdout=log, stderr=log, cwd=folder)
        try:
            wait_for(lambda: ports.exists() or self.process.poll() is not None, self.log.read_text)
            self.address = json.loads(ports.read_text())["admin"]
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.process.kill()
        self.process.wait()


def buf(address, path, *options, scheme="http", request=None):
    """The output of `buf curl` on a path of the service, and what went wrong."""
    options = list(options)
    if scheme == "http":
        options.append("--http2-prior-knowledge")
    if request is not None:
        options += ["--data", json.dumps(request)]
    # Nothing of the repository in reach, so that all it knows is told by the service.
    with tempfile.TemporaryDirectory() as elsewhere:
        result = subprocess.run([BUF, "curl", "--protocol", "grpc", *options, f"{scheme}://{address}{path}"],
                                cwd=elsewhere, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return result.stdout, result.stderr if result.returncode else ""


class ReflectionTest(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory(prefix="mentat-api-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, name, service=None, **more):
        process = Service(self.folder, name, configs(self.folder)[name] | more, service)
        self.addCleanup(process.stop)
        return process

    def call(self, *arguments, **options):
        output, error = buf(*arguments, **options)
        self.assertEqual(error, "")
        return output

    def test_every_service_plain(self):
        for name in configs(self.folder):
            with self.subTest(service=name):
                address = self.start(name).address
                listed = set(self.call(address, "", "--list-services").split())
                wanted = {STAGE, HEALTH} | ({CONTROLLER} if name == "controller" else set())
                self.assertLessEqual(wanted, listed)
                self.assertLessEqual(listed - wanted, {REFLECTION, "grpc.reflection.v1.ServerReflection"})

                status = json.loads(self.call(address, f"/{STAGE}/GetStatus"))["status"]
                self.assertEqual(status["service"], name)
                runlog = json.loads(self.call(address, f"/{STAGE}/DumpRunlog"))["runlog"]
                self.assertEqual((runlog["service"], runlog["result"]), (name, "RUN_RESULT_RUNNING"))
                health = json.loads(self.call(address, f"/{HEALTH}/Check", request={}))
                self.assertIn(health["status"], ("SERVING", "NOT_SERVING"))
                entries = json.loads(self.call(address, f"/{STAGE}/GetConfig"))["entries"]
                self.assertIn({"path": "service.instance", "value": f'"{name}"'},
                              [{key: entry[key] for key in ("path", "value")} for entry in entries])

    def test_every_method_is_known(self):
        address = self.start("controller").address
        methods = set(self.call(address, "", "--list-methods").split())
        for method in (f"{STAGE}/TailEvents", f"{CONTROLLER}/GetStatus", f"{CONTROLLER}/DumpRunlog", f"{HEALTH}/Watch"):
            self.assertIn(method, methods)
        # A request whose fields buf can only know from the service.
        _, error = buf(address, f"/{CONTROLLER}/Scale", request={"stage": "none", "instances": 1})
        self.assertIn("failed_precondition", error)
        _, error = buf(address, f"/{CONTROLLER}/Scale", request={"stage": "none", "instance": 1})
        self.assertIn("instance", error)

    def test_the_controller_over_stages(self):
        stage = self.start("demo")
        controller = self.start("controller", stages=[{"name": "demo", "addresses": [stage.address]}])
        answer = json.loads(self.call(controller.address, f"/{CONTROLLER}/DumpRunlog"))
        self.assertEqual([each["answer"]["runlog"]["instance"] for each in answer["instances"]], ["demo"])

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def test_with_tls_and_token(self):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                     "-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=service",
                     "-keyout", "service.key", "-out", "service.csr")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("x509", "-req", "-in", "service.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
                     "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "service.pem")
        token = os.urandom(24).hex()
        tokens = self.folder / "tokens"
        tokens.write_text(f"ann viewer sha256:{hashlib.sha256(token.encode()).hexdigest()}\n")
        tokens.chmod(0o600)
        (self.folder / "service.key").chmod(0o600)
        header = self.folder / "header"
        header.write_text(f"authorization: Bearer {token}\n")
        service = {"tls": {"cert_file": str(self.folder / "service.pem"), "key_file": str(self.folder / "service.key")},
                   "access": {"tokens_file": str(tokens)}}
        trust = ("--cacert", str(self.folder / "authority.pem"))
        known = (*trust, "-H", f"@{header}", "--reflect-header", "*")
        for name in ("demo", "controller"):
            with self.subTest(service=name):
                address = self.start(name, service).address
                listed = self.call(address, "", "--list-services", *known, scheme="https").split()
                self.assertIn(STAGE, listed)
                status = json.loads(self.call(address, f"/{STAGE}/GetStatus", *known, scheme="https"))["status"]
                self.assertEqual(status["service"], name)
                self.call(address, f"/{HEALTH}/Check", *known, scheme="https", request={})

                # Whoever is nobody is told nothing, not even what there is.
                output, error = buf(address, f"/{STAGE}/GetStatus", *trust, scheme="https")
                self.assertEqual((output, bool(error)), ("", True))
                _, error = buf(address, f"/{STAGE}/GetStatus", *trust, "--reflect-header", f"@{header}", scheme="https")
                self.assertIn("unauthenticated", error)
                _, error = buf(address, f"/{STAGE}/Drain", *known, scheme="https")
                self.assertIn("permission_denied", error)
                # Nor does buf trust a certificate of an authority that it has not been given.
                output, error = buf(address, f"/{STAGE}/GetStatus", *known[2:], scheme="https")
                self.assertEqual((output, bool(error)), ("", True))


if __name__ == "__main__":
    cases.main()
