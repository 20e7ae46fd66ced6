"""A whole installation with every connection encrypted: every event is stored exactly once while keys
are changed and revoked and strangers knock; and who is no stage of ours takes part if its key is
allowed."""

import contextlib
import re
import shutil
import signal
import socket
import struct
import tempfile
import unittest
import zlib
from pathlib import Path

import cases
import zmq
import zmq.auth
from control import read_metrics
from pipeline import Mentat, wait_for

STAGES_WITH_INPUT = ("inspector", "enricher", "storage")


def count(mentat, instance, metric, *reasons):
    page = read_metrics(mentat.plan.address(instance, "metrics")) or {}
    return sum(page.get(f'mentat_pipeline_{metric}_total{{reason="{reason}"}}', 0) for reason in reasons)


def reload(mentat, *stages):
    for stage in stages:
        mentat.mentat("ctl", "reload", stage)


def peers_up(mentat, instance):
    page = read_metrics(mentat.plan.address(instance, "metrics")) or {}
    return page.get('mentat_pipeline_peers_up{output="default"}')


class RotationTest(unittest.TestCase):
    def test_a_key_is_changed_and_then_revoked_under_load(self):
        with Mentat(replicas={"enricher": 2}, curve=True) as mentat:
            self.assertIn("between the stages are encrypted", mentat.mentat("status"))
            self.assertEqual(set(mentat.status()["encrypted"].values()), {True})
            keys = mentat.installation.etc / "keys" / "enricher"
            self.assertEqual((keys / "enricher-2.key_secret").stat().st_mode & 0o777, 0o600)
            feeder = mentat.feed(12000, rate=400, bad=0.01, wait=False)
            wait_for(lambda: mentat.count() > 500, "events are stored")

            # The neighbours learn the new key, the enricher takes it, the neighbours forget the old one.
            old = (keys / "enricher-2.key").read_text()
            rotate = ["ctl", "keys", "rotate", "enricher-2", "--dir", str(keys)]
            self.assertIn("1/3", mentat.mentat(*rotate))
            reload(mentat, "inspector", "storage")
            self.assertIn("2/3", mentat.mentat(*rotate))
            mentat.wait_restarted("enricher-2", mentat.signal("enricher-2", signal.SIGTERM))
            self.assertIn("3/3", mentat.mentat(*rotate))
            reload(mentat, "inspector", "storage")
            self.assertNotEqual((keys / "enricher-2.key").read_text(), old)
            self.assertEqual(sorted(path.name for path in keys.glob("enricher-2*")),
                             ["enricher-2.key", "enricher-2.key_secret"])
            wait_for(lambda: peers_up(mentat, "inspector") == 2, "the new key is in use")
            mentat.wait_ready()
            self.assertEqual(mentat.last_exit("enricher-2"), "exit status 0")
            before = mentat.control.ledgers()["enricher-2"]["received"]
            wait_for(lambda: mentat.control.ledgers()["enricher-2"]["received"] > before, "events go through it")

            # Revoked, it gets nothing more, and what it had goes through the other one.
            self.assertTrue(feeder.feeding())
            (keys / "enricher-2.key").unlink()
            reload(mentat, "inspector", "storage")
            wait_for(lambda: peers_up(mentat, "inspector") == 1, "it is left")
            wait_for(lambda: count(mentat, "storage", "refused_frames", "revoked_key"), "its frames are refused")
            sent = feeder.finish()
            mentat.wait_settled()
            mentat.check(sent)
            # Also after a new start: nobody lets it in.
            mentat.kill("enricher-2")
            wait_for(lambda: count(mentat, "storage", "refused_connections", "revoked_key"), "it is refused")
            mentat.check_ledgers()


class StrangersTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mentat-keys-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.context = zmq.Context()
        self.knocking = []
        self.addCleanup(self.context.destroy, 0)

    def certificate(self, name):
        """(public, secret) of a new certificate, made by pyzmq."""
        _, secret_file = zmq.auth.create_certificates(self.folder, name)
        return zmq.auth.load_certificate(secret_file)

    def push(self, endpoint, own=None, server=None):
        push = self.context.socket(zmq.PUSH)
        if own:
            push.curve_publickey, push.curve_secretkey = own
            push.curve_serverkey = server
        push.connect(endpoint)
        return push

    def knock(self, *arguments):
        """Sends something, if it comes to that before the connection is refused."""
        self.knocking.append(self.push(*arguments))
        with contextlib.suppress(zmq.Again):
            self.knocking[-1].send(b"MNT", zmq.DONTWAIT)

    def server_key(self, mentat, stage):
        return zmq.auth.load_certificate(mentat.installation.etc / "keys" / stage / f"{stage}.key")[0]

    def test_strangers_are_refused_and_counted_and_disturb_nobody(self):
        stranger = self.certificate("stranger")
        with Mentat(curve=True) as mentat:
            feeder = mentat.feed(4000, rate=400, bad=0.01, wait=False)
            wait_for(lambda: mentat.count() > 100, "events are stored")
            for stage in STAGES_WITH_INPUT:
                address = mentat.plan.address(stage, "input")
                with self.subTest(stage):
                    self.knock(f"tcp://{address}", stranger, self.server_key(mentat, stage))
                    wait_for(lambda: count(mentat, stage, "refused_connections", "unknown_key"), "an unknown key is refused")
                    self.knock(f"tcp://{address}")
                    wait_for(lambda: count(mentat, stage, "refused_connections", "encryption", "broken"), "plain is refused")
                    before = count(mentat, stage, "refused_connections", "malformed", "broken")
                    host, port = address.split(":")
                    with socket.create_connection((host, int(port))) as garbage:
                        garbage.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
                    wait_for(lambda: count(mentat, stage, "refused_connections", "malformed", "broken") > before,
                             "what is no ZeroMQ is refused")
            sent = feeder.finish()
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()
            for stage in STAGES_WITH_INPUT:
                self.assertEqual(count(mentat, stage, "refused_frames", "short", "magic", "revoked_key"), 0)

    def test_a_peer_in_another_language_takes_part_once_its_key_is_allowed(self):
        own = self.certificate("foreign")
        with Mentat(curve=True) as mentat:
            allowed = mentat.installation.etc / "keys" / "filer_gateway"
            shutil.copy(self.folder / "foreign.key", allowed)
            reload(mentat, "inspector")
            acks = self.context.socket(zmq.PULL)
            acks.curve_server = True
            acks.curve_publickey, acks.curve_secretkey = own
            port = acks.bind_to_random_port("tcp://127.0.0.1")

            # Control {epoch: 7, hello: {nonce: 4711, ack_endpoint: …}}, written by hand.
            endpoint = f"tcp://127.0.0.1:{port}".encode()
            hello = b"\x09" + struct.pack("<Q", 4711) + b"\x12" + bytes([len(endpoint)]) + endpoint
            control = b"\x09" + struct.pack("<Q", 7) + b"\x12" + bytes([len(hello)]) + hello
            frame = struct.pack("<3sBB3xII", b"MNT", 1, 3, zlib.crc32(control), len(control)) + control
            push = self.push(f"tcp://{mentat.plan.address('inspector', 'input')}", own, self.server_key(mentat, "inspector"))
            push.send(frame)
            self.assertTrue(acks.poll(30_000))
            answer = acks.recv()
            self.assertEqual(answer[:5], b"MNT\x01\x02")
            self.assertRegex(answer[16:], re.escape(b"\x19" + struct.pack("<Q", 4711)))  # Ack.nonce


if __name__ == "__main__":
    cases.main()
