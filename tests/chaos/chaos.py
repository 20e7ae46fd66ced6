"""`./mentat chaos`: a whole installation under load, to which something bad happens all the time; at the end the
oracle says what became of each event.

usage: chaos.py [--seconds N] [--seed S] [--rate R] [--json FILE|-] [--markdown FILE]

Exit status 0 if nothing was lost, stored twice or blamed. The seed decides what is done in which order; when
exactly it hits, the machine decides.
"""

import argparse
import collections
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import terminal
from bench import machine, put_between_marks
from layout import UserError, write_file
from pipeline import Mentat, wait_for
from proxy import ACK, BATCH, Proxy, reroute

REPLICAS = {"inspector": 2, "enricher": 2, "storage": 2}
LATE = 10  # seconds from receipt to storage
MARKS = ("<!-- made by ./mentat chaos --markdown -->", "<!-- end of chaos -->")


@dataclass
class Fault:
    """Something that can happen. `weight` says how often, among the others."""
    text: str
    weight: int
    act: str  # the method of Nemesis


FAULTS = [
    Fault("`kill -9` of a service", 8, "kill_one"),
    Fault("`kill -9` of all services at once", 1, "kill_all"),
    Fault("SIGTERM of a service", 4, "terminate_one"),
    Fault("SIGSTOP of a service for up to 8 s", 4, "freeze_one"),
    Fault("reset of all connections between stages", 4, "reset_all"),
    Fault("a link cut inside a frame of batches", 3, "cut_batches"),
    Fault("a link cut inside a frame of acknowledgements", 3, "cut_acknowledgements"),
    Fault("acknowledgements held up for up to 8 s", 3, "hold_acknowledgements"),
    Fault("batches held up for up to 8 s", 3, "hold_batches"),
    Fault("a link slowed down to 20 kB/s for up to 8 s", 2, "slow_link"),
    Fault("database: fast restart", 1, "restart_database"),
    Fault("database: immediate stop", 1, "stop_database"),
    Fault("database: `kill -9` of the postmaster", 1, "kill_postmaster"),
    Fault("database: `kill -9` of a backend", 1, "kill_backend"),
]


class Nemesis:
    """Does what the seed says, and takes it back in time."""

    def __init__(self, mentat, proxy, seed):
        self.mentat = mentat
        self.proxy = proxy
        self.random = random.Random(seed)
        self.links = sorted(proxy.links())
        self.services = mentat.services()
        self.done = collections.Counter()
        self.later = []  # (when, what takes something back)

    def run(self, seconds, say):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fault = self.random.choices(FAULTS, [each.weight for each in FAULTS])[0]
            # Drawn in any case, so that the same seed goes the same way whatever the machine does meanwhile.
            target, time_span, offset = self.random.random(), self.random.uniform(1, 8), self.random.randrange(4096)
            next_one = time.monotonic() + self.random.uniform(0.5, 3)
            if getattr(self, fault.act)(target, time_span, offset) is not False:
                self.done[fault.text] += 1
                say(fault.text)
            wait_for(lambda due=next_one: self.take_back() or time.monotonic() >= due, "time passes")
        wait_for(lambda: self.take_back() or not self.later, "all is taken back")

    def take_back(self):
        now = time.monotonic()
        due = [what for when, what in self.later if when <= now]
        self.later = [(when, what) for when, what in self.later if when > now]
        for what in due:
            what()

    def after(self, seconds, what):
        self.later.append((time.monotonic() + seconds, what))

    @staticmethod
    def pick(things, target):
        return things[int(target * len(things))]

    # --- processes ---

    def send(self, name, number):
        """Whether there is such a process now."""
        pid = self.mentat.pid(name)
        if pid is None:
            return False
        os.kill(pid, number)
        return True

    def kill_one(self, target, *_):
        return self.send(self.pick(self.services, target), signal.SIGKILL)

    def kill_all(self, *_):
        for name in self.services:
            self.send(name, signal.SIGKILL)

    def terminate_one(self, target, *_):
        return self.send(self.pick(self.services, target), signal.SIGTERM)

    def freeze_one(self, target, seconds, _):
        name = self.pick(self.services, target)
        if not self.send(name, signal.SIGSTOP):
            return False
        self.after(seconds, lambda: self.send(name, signal.SIGCONT))
        return True

    # --- links ---

    def link(self, target, sign):
        return self.pick([link for link in self.links if sign in link], target)

    def reset_all(self, *_):
        self.proxy.reset()

    def cut_batches(self, target, _, offset):
        self.proxy.cut(self.link(target, ">"), [offset], BATCH)

    def cut_acknowledgements(self, target, _, offset):
        self.proxy.cut(self.link(target, "<"), [offset % 128], ACK)

    def hold_acknowledgements(self, target, seconds, _):
        self.hold(self.link(target, "<"), seconds)

    def hold_batches(self, target, seconds, _):
        self.hold(self.link(target, ">"), seconds)

    def hold(self, link, seconds):
        self.proxy.hold(link, "forward")
        self.after(seconds, lambda: self.proxy.release(link))

    def slow_link(self, target, seconds, _):
        link = self.link(target, ">")
        self.proxy.slow(link, 20_000)
        self.after(seconds, lambda: self.proxy.slow(link, 0))

    # --- the database ---

    def restart_database(self, *_):
        return self.send("postgres", signal.SIGINT)

    def stop_database(self, *_):
        return self.send("postgres", signal.SIGQUIT)

    def kill_postmaster(self, *_):
        return self.send("postgres", signal.SIGKILL)

    def kill_backend(self, target, *_):
        if not self.mentat.plan.cluster.accepts():
            return False
        backends = self.mentat.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                   "AND pid <> pg_backend_pid() ORDER BY pid")
        if not backends:
            return False
        os.kill(int(self.pick(backends, target)[0]), signal.SIGKILL)
        return True


def verdict(mentat, sent):
    """What became of the events."""
    rows = [row[0] for row in mentat.sql("SELECT id FROM events")]
    stored = set(rows)
    dead = {row[0] for row in mentat.sql("SELECT event_id FROM dead_letters WHERE event_id IS NOT NULL")} & sent.good
    late, longest = mentat.sql(f"SELECT count(*) FILTER (WHERE storage_time - received_time > interval '{LATE} s'), "
                               "coalesce(extract(epoch FROM max(storage_time - received_time)), 0) FROM events")[0]
    found = {"sent": len(sent.good), "stored": len(stored), "lost": len(sent.good - stored - dead),
             "twice": len(rows) - len(stored), "made_up": len(stored - sent.good), "condemned": len(dead),
             "late": int(late), "longest_seconds": round(float(longest), 1), "problems": ""}
    try:
        mentat.check(sent)
        mentat.check_ledgers()
    except AssertionError as error:
        found["problems"] = str(error)
    return found


def run(seconds, seed, rate, say):
    """The report of one run, as --json gives it."""
    facts = machine()
    with Proxy() as proxy, Mentat(replicas=REPLICAS, configs=lambda plan: reroute(proxy, plan, "filer_gateway", "inspector",
                                                                                 "enricher")) as mentat:
        nemesis = Nemesis(mentat, proxy, seed)
        feeder = mentat.feed(int(seconds * rate), rate=rate, bad=0.01, seed=seed, wait=False)
        wait_for(lambda: mentat.count() > 0, "events are stored")
        nemesis.run(seconds, say)
        sent = feeder.finish()
        say("the faults are over; waiting until all is settled")
        began = time.monotonic()
        wait_for(mentat.plan.cluster.accepts, "the database is back")
        mentat.wait_settled(600)
        recovery = time.monotonic() - began
        mentat.wait_ready()
        restarts = mentat.restarts()
        return {"machine": facts, "seconds": seconds, "seed": seed, "rate": rate, "replicas": REPLICAS,
                "faults": {fault.text: nemesis.done[fault.text] for fault in FAULTS}, "restarts": restarts,
                "settled_after_seconds": round(recovery, 1), **verdict(mentat, sent)}


def summary(report):
    return (f"{report['sent']:,} good events at {report['rate']}/s in {report['seconds']} s, {sum(report['faults'].values())} faults, "
            f"{report['restarts']} restarts of processes (seed {report['seed']}): "
            f"{report['lost']} lost, {report['twice']} stored twice, {report['made_up']} made up, {report['condemned']} condemned; "
            f"{report['late']:,} took longer than {LATE} s, the longest {report['longest_seconds']} s; "
            f"all was settled {report['settled_after_seconds']} s after the last event was sent")


def markdown(report):
    facts = report["machine"]
    lines = [f"{facts['date']}, commit {facts['commit']}; {facts['cores']} cores of {facts['cpu']}.", "", f"{summary(report)}.", "",
             "| what was done | how often |", "|---|---|"]
    lines += [f"| {text} | {count} |" for text, count in report["faults"].items()]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="mentat chaos", allow_abbrev=False)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--json")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def say(text):
        print(f"  {time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    print(f"chaos for {options.seconds} s, seed {options.seed}", file=sys.stderr)
    try:
        report = run(options.seconds, options.seed, options.rate, say)
        if options.json == "-":
            print(json.dumps(report, indent=1))
        else:
            terminal.table(["WHAT WAS DONE", "HOW OFTEN"], [[text, count] for text, count in report["faults"].items()])
            print(f"\n{summary(report)}")
            if options.json:
                write_file(Path(options.json).absolute(), json.dumps(report, indent=1) + "\n")
        if options.markdown:
            put_between_marks(options.markdown.absolute(), markdown(report), MARKS)
    except (UserError, AssertionError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    if report["problems"]:
        print(f"chaos: {report['problems']}", file=sys.stderr)
    return 1 if report["problems"] or report["lost"] or report["twice"] or report["made_up"] else 0


if __name__ == "__main__":
    sys.exit(main())
