"""`./mentat scaling`: enrichers that wait 5 ms for each event come and go under load, and what that does to
throughput, waiting and latency. docs/operating/scaling.md has what it says.

usage: scaling.py [--seconds N] [--json FILE|-] [--markdown FILE]
"""

import argparse
import concurrent.futures
import json
import sys
import time
from pathlib import Path

import scaling_report
from bench import busy_share, machine, put_between_marks
from control import read_metrics
from layout import UserError, write_file
from loaded import Loaded
from pipeline import Sent, wait_for
from services import instance_names

STAGE = "enricher"
STEPS = (1, 2, 4, 2, 1)  # enrichers
EACH = 200  # events a second that one of them can do
WINDOW = 768  # events that the source has on their way, and that one enricher may hold
PART = 16  # events that an enricher is given at a time
EVERY = 0.25  # seconds between two samples
MARKS = ("<!-- made by ./mentat scaling --markdown -->", "<!-- end of scaling -->")


class Scaled(Loaded):
    """An installation with one enricher, whose number changes as a person changes it: by `mentatctl scale`."""

    def __init__(self):
        part = {"pipeline": {"max_call_events": PART}}
        super().__init__(programs={STAGE: "tests/stages/slow_enricher/slow_enricher"}, configs={
            **{name: part for name in instance_names(STAGE, max(STEPS))},
            "filer_gateway": {"pipeline": {"outputs": {"default": {"window_events": WINDOW}}}},
            "inspector": {"pipeline": {"max_batch_events": PART, "outputs": {
                "default": {"window_events": WINDOW, "window_batches": WINDOW // PART}}}},
        })
        self.number = 1

    def names(self):
        return instance_names(STAGE, self.number)

    def scale(self, number):
        self.mentat("ctl", "scale", STAGE, str(number))
        self.number = number

    def still_leaving(self):
        """The names of those that were told to stop and have not yet. Each has to end in good order."""
        for name, how in self.ends().items():
            assert not name.startswith(STAGE) or how == "exit status 0", f"{name}: {how}"
        return [name for name in self.installation.leftovers() if name.startswith(STAGE) and name not in self.names()]

    def sample(self):
        """What the services say of themselves now; without the replicas that do not answer (yet)."""
        leaving = self.still_leaving()
        names = ["inspector", "storage", *self.names(), *leaving]
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            pages = dict(zip(names, pool.map(lambda name: read_metrics(self.plan.address(name, "metrics")), names)))
        inspector, storage = pages["inspector"], pages["storage"]
        replicas = {name: page for name, page in pages.items() if page and name.startswith(STAGE)}
        output = '{output="default"}'
        return {
            "time": time.monotonic(),
            "names": self.names(),
            "stored": storage["mentat_storage_stored_events_total"],
            "latency_sum": storage["mentat_storage_latency_seconds_sum"],
            "latencies": scaling_report.buckets(storage, "mentat_storage_latency_seconds"),
            "in_flight": inspector[f"mentat_pipeline_unsettled_events{output}"],
            "fill": inspector[f"mentat_pipeline_unsettled_events{output}"] / (WINDOW * len(self.names())),
            "resent": inspector[f"mentat_pipeline_resent_batches_total{output}"],
            "age": max(page["mentat_pipeline_oldest_event_age_seconds"] for page in replicas.values()),
            "done": {name: page["mentat_stage_forwarded_events_total"] for name, page in replicas.items()},
            "leaving": leaving,
        }

    def watch(self, seconds):
        """Samples of so many seconds."""
        samples, began = [], time.monotonic()
        while time.monotonic() < began + seconds:
            samples.append(self.sample())
            due = samples[-1]["time"] + EVERY
            wait_for(lambda due=due: time.monotonic() >= due, "time passes")
        return samples


def identities(folder):
    return {json.loads(line)["ID"] for path in Path(folder).iterdir() for line in path.read_text(encoding="utf-8").splitlines()}


def run(seconds, say, steps=STEPS):
    """{samples, steps: [{time, replicas}], sent, lost, twice, resent}"""
    with Scaled() as mentat:
        # More than all can do, so that some wait to the end.
        folder = mentat.stage(int(EACH * seconds * sum(steps) * 1.1) + 2 * WINDOW, 100)
        sent = Sent(identities(folder))
        mentat.offer(folder)
        wait_for(mentat.stored, "events are stored")
        wait_for(lambda: mentat.sample()["in_flight"] > WINDOW / 2, "all there is to do is done by one")
        samples, changes = [], []
        for number in steps:
            say(f"{number} of {STAGE}")
            changes.append({"time": time.monotonic(), "replicas": number})
            mentat.scale(number)
            samples += mentat.watch(seconds)
            assert mentat.files("incoming"), "the queue ran empty"
        wait_for(lambda: not mentat.still_leaving(), "those that leave are gone")
        mentat.scale(max(steps))  # what is left goes faster so
        mentat.wait_settled()
        mentat.scale(1)
        wait_for(lambda: not mentat.still_leaving(), "those that leave are gone")
        mentat.check(sent)
        mentat.check_ledgers()
        stored, rows = int(mentat.sql("SELECT count(DISTINCT id) FROM events")[0][0]), mentat.count()
        storage = mentat.metrics("storage")
        return {"steps": changes, "samples": samples, "sent": len(sent), "lost": len(sent) - stored, "twice": rows - stored,
                "resent": int(mentat.sample()["resent"]), "recognised": int(storage["mentat_storage_duplicate_events_total"])}


def main(arguments):
    parser = argparse.ArgumentParser(prog="mentat scaling", allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    if options.markdown and not options.markdown.is_file():
        raise UserError(f"--markdown {options.markdown}: there is no such file")
    if options.seconds < 4:
        raise UserError("--seconds: at least 4")
    busy = busy_share()
    began = time.monotonic()
    found = run(options.seconds, lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", file=sys.stderr, flush=True))
    found |= {"machine": machine(), "busy": busy}
    if options.json == "-":
        print(json.dumps(found, indent=1))
    else:
        print(scaling_report.text(found))
        if options.json:
            write_file(Path(options.json).absolute(), json.dumps(found, indent=1) + "\n")
    if options.markdown:
        put_between_marks(options.markdown.absolute(), scaling_report.text(found), MARKS)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as problem:
        print(f"mentat scaling: {problem}", file=sys.stderr)
        sys.exit(2)
