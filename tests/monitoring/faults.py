"""`./mentat alerts`: a whole installation under load with a real Prometheus and a real Alertmanager; for each alert its fault is made, the
alert is waited for at Alertmanager, the fault is repaired, and the alert's end is waited for.

usage: faults.py [--only FAULT,...] [--markdown FILE] [--list]

Prometheus scrapes each second, and all times of the rules are divided by 30. Exit status 0 if every alert fired and cleared.
"""

import argparse
import contextlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import monitoring
import servers
import terminal
from bench import machine, put_between_marks
from layout import UserError, write_file
from pipeline import Mentat, wait_for

QUICKER = 30
RATE = 20  # events a second
MARKS = ("<!-- made by ./mentat alerts --markdown -->", "<!-- end of alerts -->")
PATIENCE = 400  # seconds for an alert to fire or to clear
DAY = 86400
CONFIGS = {
    # Few files in pending, so that a queue forms soon.
    "filer_gateway": {"max_pending_files": 200, "pipeline": {"heartbeat_seconds": 1}},
    "enricher": {"geoip": {"refresh_seconds": 0.5}},
    "enricher-2": {"geoip": {"refresh_seconds": 0.5}},
    # Partitions are made for a day ahead only, until the fault is repaired.
    "storage": {"partition_days": 1, "partitions_ahead_days": 1},
}


@dataclass
class Fault:
    """`make` and `repair` are methods of World. Faults of one lane come one after the other, those of several at once."""
    name: str
    alerts: list
    text: str
    repaired: str
    lane: str = "events"
    fired: dict = field(default_factory=dict)  # seconds from the fault, by alert
    cleared: dict = field(default_factory=dict)  # seconds from the repair
    skipped: str = ""


FAULTS = [
    Fault("instance_down", ["MentatInstanceDown", "MentatPeerAway"], "SIGSTOP of one of two enrichers", "SIGCONT"),
    Fault("restarts", ["MentatInstanceRestarting"], "`kill -9` of an enricher, five times", "no more of it"),
    Fault("pause", ["MentatStagePaused"], "`mentatctl pause enricher-2`", "`mentatctl resume enricher-2`"),
    Fault("reload", ["MentatReloadRefused"], "a rule file with an error, SIGHUP", "without it, SIGHUP"),
    Fault("database_away", ["MentatDatabaseDown", "MentatInstanceNotReady", "MentatEventsHeldLong", "MentatQueueOld", "MentatHeartbeatMissing"],
          "the database takes no connections, and its sessions are ended", "it takes them again"),
    Fault("database_slow", ["MentatDatabaseSlow", "MentatLatencyHigh"], "a trigger that makes each transaction take 6 s", "without it"),
    Fault("dead_letter", ["MentatDeadLetters"], "an event that PostgreSQL refuses", "no more of them"),
    Fault("bad_events", ["MentatEventsRefused"], "a detector that sends nonsense: half of its events are bad", "it is stopped"),
    Fault("silence", ["MentatNoEvents"], "no detector sends anything", "they do again"),
    Fault("certificate", ["MentatCertificateExpires"], "a certificate for 5 days", "one for 100 days in its place", lane="certificate"),
    Fault("partitions", ["MentatPartitionsEnd"], "`partitions_ahead_days: 1`", "`30`, and storage started anew", lane="partitions"),
    Fault("geoip_old", ["MentatGeoipOld"], "an address database of 40 days ago", "one of today", lane="geoip"),
    Fault("geoip_missing", ["MentatGeoipMissing"], "the file is deleted", "it is there again", lane="geoip"),
    Fault("ledger", ["MentatLedgerOpen"], "an imitated page of a stage whose books are wrong by one (the real fault would be one of the program)",
          "they are right", lane="ledger"),
    Fault("disk", ["MentatDiskFull"], "the disk of the queue is filled up to 95 %", "the filling is removed", lane="disk"),
]


def with_build_time(content, when):
    """An MMDB file that says that it was built at another time: the number behind `build_epoch` in its metadata."""
    at = content.rindex(b"build_epoch") + len(b"build_epoch")
    extended, kind = content[at], content[at + 1]
    assert extended >> 5 == 0 and kind == 2, "an unsigned number of 64 bits"
    size = extended & 0x1F
    return content[:at + 2] + int(when).to_bytes(size, "big") + content[at + 2 + size:]


class Imitation(http.server.ThreadingHTTPServer):
    """A metrics page of a stage whose ledger is `gap` off."""
    gap = 0

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Imitation.Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            counts = {"received": 100 + self.server.gap, "forwarded": 100, "dropped": 0, "rejected": 0, "stored": 0, "retried": 0}
            lines = [f"mentat_stage_{name}_events_total {count}" for name, count in counts.items()]
            body = "\n".join([*lines, "mentat_stage_in_flight_events 0", ""]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):  # pylint: disable=redefined-builtin
            pass


class World:
    """The installation, its monitoring, and what can be done to them."""

    def __init__(self, lanes):
        self.mentat = Mentat(replicas={"enricher": 2})
        self.undo = contextlib.ExitStack()
        self.mounted = None
        self.undo.callback(self._unmount_queue)
        self.undo.callback(self.mentat.stop)
        self.folder = self.mentat.folder
        self.etc = self.mentat.installation.etc
        self.no_disk = "" if "disk" in lanes else "not chosen"
        self.feeder = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        if not self.no_disk:
            self._mount_queue()
        self.mentat.plan.prepare_demo()
        for name in ("GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"):
            self._set_age(name, 0)
        self.certificate = self.folder / "tls"
        self.certificate.mkdir()
        self._make_certificate(100)
        self.mentat.configs = json.loads(json.dumps(CONFIGS))
        self.mentat.configs["filer_gateway"]["service"] = {"tls": {"cert_file": str(self.certificate / "cert.pem"),
                                                                   "key_file": str(self.certificate / "cert.key")}}
        self.mentat.start()
        self.imitation = Imitation()
        self.undo.callback(self.imitation.shutdown)
        imitated = self.folder / "imitation.json"
        write_file(imitated, json.dumps([{"targets": [f"127.0.0.1:{self.imitation.server_address[1]}"],
                                          "labels": {"service": "imitation", "instance": "imitation"}}]))
        self.alertmanager = servers.Alertmanager(self.folder)
        self.undo.callback(self.alertmanager.stop)
        self.prometheus = servers.Prometheus(self.folder, [self.mentat.installation.targets_file, imitated],
                                             alertmanager=self.alertmanager.address, quicker=QUICKER)
        self.undo.callback(self.prometheus.stop)
        self._feed()
        self.undo.callback(lambda: self.feeder.kill())
        wait_for(lambda: self.prometheus.query("mentat:storage_stored_events:rate1m > 0"), "events are seen to be stored")

    def close(self):
        self.undo.close()

    def _feed(self):
        self.feeder = self._generate("--rate", str(RATE), "--seed", str(time.time_ns() % 2**60))

    def _generate(self, *options):
        return subprocess.Popen([self.mentat.installation.bin / "mentat-ideagen", "--count", "0", "--limit", "0", *options, "--output",
                                 self.mentat.installation.queue], stderr=subprocess.DEVNULL)

    def _mount_queue(self):
        """A small disk of its own for the queue."""
        queue = self.mentat.installation.queue
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "mentat-alerts", queue], check=False, text=True,
                                capture_output=True)
        if result.returncode:
            self.no_disk = f"mounting a disk is not permitted here: {result.stderr.strip()}"
            return
        self.mounted = queue
        self.mentat.installation.make_folders()

    def _unmount_queue(self):
        if self.mounted:
            subprocess.run(["umount", self.mounted], check=True)
            shutil.rmtree(self.folder)

    def _ctl(self, *arguments):
        subprocess.run(self.mentat.control.command(list(arguments)), check=True, stdout=subprocess.DEVNULL)

    def _set_age(self, name, days):
        path = self.etc / "geoip" / name
        temporary = path.with_suffix(".new")
        temporary.write_bytes(with_build_time(path.read_bytes(), time.time() - days * DAY))
        temporary.rename(path)

    def _make_certificate(self, days):
        for suffix in ("pem", "key"):
            (self.certificate / f"new.{suffix}").unlink(missing_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=mentat",
                        "-days", str(days), "-keyout", self.certificate / "new.key", "-out", self.certificate / "new.pem"],
                       check=True, capture_output=True)
        for suffix in ("key", "pem"):
            (self.certificate / f"new.{suffix}").rename(self.certificate / f"cert.{suffix}")

    # --- faults and repairs ---

    def make_instance_down(self):
        self.mentat.signal("enricher-2", signal.SIGSTOP)

    def repair_instance_down(self):
        self.mentat.signal("enricher-2", signal.SIGCONT)

    def make_restarts(self):
        for _ in range(5):
            self.mentat.kill("enricher-2")
            # Each start is to be seen by a scrape.
            begun = self.prometheus.query('mentat_process_start_time_seconds{instance="enricher-2"}')
            wait_for(lambda seen=begun: self.prometheus.query('mentat_process_start_time_seconds{instance="enricher-2"}') not in ([], seen),
                     "the start is seen")

    def repair_restarts(self):
        pass

    def make_pause(self):
        self._ctl("pause", "enricher-2")

    def repair_pause(self):
        self._ctl("resume", "enricher-2")

    def make_reload(self):
        (self.etc / "rules" / "wrong.json").write_text('{"rules": [{"name": "wrong", "filter": "Category =="}]}\n')
        self.mentat.signal("inspector", signal.SIGHUP)

    def repair_reload(self):
        (self.etc / "rules" / "wrong.json").unlink()
        self.mentat.signal("inspector", signal.SIGHUP)

    def _as_administrator(self, statements):
        dsn = self.mentat.plan.cluster.dsn("postgres")
        subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", dsn, *[f"--command={statement}" for statement in statements]], check=True,
                       stdout=subprocess.DEVNULL)

    def make_database_away(self):
        self._as_administrator(["ALTER DATABASE mentat ALLOW_CONNECTIONS false",
                                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mentat'"])

    def repair_database_away(self):
        self._as_administrator(["ALTER DATABASE mentat ALLOW_CONNECTIONS true"])

    def make_database_slow(self):
        self.mentat.sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(6); RETURN NULL; END'; "
                        "CREATE TRIGGER slow AFTER INSERT ON event_ids FOR EACH STATEMENT EXECUTE FUNCTION slow()")

    def repair_database_slow(self):
        self.mentat.sql("DROP TRIGGER slow ON event_ids; DROP FUNCTION slow()")

    def make_dead_letter(self):
        line = subprocess.run([self.mentat.installation.bin / "mentat-ideagen", "--count", "1", "--seed", "7"], check=True, capture_output=True,
                              text=True).stdout
        # Longer than an entry of the index of identifiers may be; random, so that compression does not help.
        event = json.loads(line) | {"ID": os.urandom(4000).hex()}
        queue = self.mentat.installation.queue
        (queue / "tmp" / "refused.idea").write_text(json.dumps(event))
        (queue / "tmp" / "refused.idea").rename(queue / "incoming" / "refused.idea")

    def repair_dead_letter(self):
        pass

    def make_bad_events(self):
        self.nonsense = self._generate("--rate", str(RATE), "--bad", "0.5", "--seed", "99")

    def repair_bad_events(self):
        self.nonsense.kill()
        self.nonsense.wait()

    def make_silence(self):
        self.feeder.kill()
        self.feeder.wait()

    def repair_silence(self):
        self._feed()

    def make_certificate(self):
        self._make_certificate(5)

    def repair_certificate(self):
        self._make_certificate(100)

    def make_partitions(self):
        pass  # it has been so from the start

    def repair_partitions(self):
        self.mentat.configure("storage", {"partition_days": 7, "partitions_ahead_days": 30})
        self.mentat.signal("storage", signal.SIGTERM)
        # A process that is down has no alerts of its own: it must be back.
        wait_for(lambda: self.prometheus.query(f"mentat_storage_partitions_end_timestamp_seconds > time() + {14 * DAY}"),
                 "there are partitions for more than 14 days")

    def make_geoip_old(self):
        self._set_age("GeoLite2-City.mmdb", 40)

    def repair_geoip_old(self):
        self._set_age("GeoLite2-City.mmdb", 0)

    def make_geoip_missing(self):
        (self.etc / "geoip" / "GeoLite2-ASN.mmdb").rename(self.folder / "asn.mmdb")

    def repair_geoip_missing(self):
        (self.folder / "asn.mmdb").rename(self.etc / "geoip" / "GeoLite2-ASN.mmdb")

    def make_ledger(self):
        self.imitation.gap = 1

    def repair_ledger(self):
        self.imitation.gap = 0

    def make_disk(self):
        disk = os.statvfs(self.mounted)
        filling = disk.f_bavail * disk.f_frsize - disk.f_blocks * disk.f_frsize // 20
        with (self.mounted / "filling").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, filling)

    def repair_disk(self):
        (self.mounted / "filling").unlink()


def play(world, fault, say):
    """One fault from its making to the end of its alerts."""
    if fault.lane == "disk" and world.no_disk:
        fault.skipped = world.no_disk
        return

    def times(alerts, there, what, began):
        """{alert: seconds until Alertmanager has it; or has it no more, and Prometheus sees no sign of it}"""
        found = {}

        def all_found():
            active = world.alertmanager.active()
            if not there:
                active |= set(world.prometheus.alerts())
            for alert in alerts:
                if alert not in found and (alert in active) == there:
                    found[alert] = time.monotonic() - began
                    say(f"{alert} {what}")
            return len(found) == len(alerts)
        wait_for(all_found, lambda: f"{sorted(set(alerts) - set(found))}: {what}", PATIENCE)
        return found

    times(() if fault.name == "partitions" else fault.alerts, False, "is silent", 0)
    began = time.monotonic()
    getattr(world, f"make_{fault.name}")()
    try:
        fault.fired = times(fault.alerts, True, "fires", began)
    finally:
        began = time.monotonic()
        getattr(world, f"repair_{fault.name}")()
    fault.cleared = times(fault.alerts, False, "is over", began)


def run(faults, say):
    """Plays all faults; errors by name."""
    errors = {}
    lanes = {}
    for fault in faults:
        lanes.setdefault(fault.lane, []).append(fault)
    world = World(lanes)

    def play_lane(lane):
        for fault in lane:
            try:
                play(world, fault, say)
            except Exception as error:  # pylint: disable=broad-except  # the others go on, and it is told of at the end
                errors[fault.name] = error
                say(f"{fault.name}: {error}")

    try:
        threads = [threading.Thread(target=play_lane, args=(lane,)) for lane in lanes.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            world.mentat.print_logs()
    finally:
        world.close()
    return errors


def table(faults):
    about = machine()
    lines = [f"{about['date']}, commit {about['commit']}; {about['cores']} cores of {about['cpu']}. All times of the rules divided by {QUICKER}, "
             f"scrapes each second, {RATE} events a second.", "",
             "| alert | fault | fired after | repair | cleared after |", "|---|---|---|---|---|"]
    for fault in faults:
        for alert in fault.alerts:
            times = (f"{fault.fired[alert]:.0f} s", f"{fault.cleared[alert]:.0f} s") if not fault.skipped else (f"not tried: {fault.skipped}", "")
            lines.append(f"| {alert} | {fault.text} | {times[0]} | {fault.repaired} | {times[1]} |")
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(prog="mentat alerts", allow_abbrev=False)
    parser.add_argument("--only", default="")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:<16} {fault.text}: {', '.join(fault.alerts)}")
        return 0
    wanted = options.only.split(",") if options.only else [fault.name for fault in FAULTS]
    unknown = set(wanted) - {fault.name for fault in FAULTS}
    if unknown:
        raise UserError(f"there is no fault `{sorted(unknown)[0]}'; --list names them")
    lacking = servers.missing()
    if lacking:
        raise UserError(f"{', '.join(lacking)}: not found; Debian's packages prometheus and prometheus-alertmanager have them")
    began = time.monotonic()
    faults = [fault for fault in FAULTS if fault.name in wanted]
    errors = run(faults, lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True))
    for name, error in errors.items():
        print(f"{name}: {error}", file=sys.stderr)
    if errors:
        return 1
    text = table(faults)
    print(text)
    if options.markdown:
        put_between_marks(options.markdown, text, MARKS)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as problem:
        print(f"mentat alerts: {problem}", file=sys.stderr)
        sys.exit(2)
