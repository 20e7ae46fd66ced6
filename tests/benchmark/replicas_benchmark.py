"""How throughput grows with the replicas of a stage that waits for others: enrichers with a look-up of 5 ms
for each event.

usage: replicas_benchmark.py NAME [--json] [--quick | --smoke]
"""

import time

from loaded import Loaded
from pipeline import wait_for
from report import Report

BARS = {2: 1.8, 4: 3.2}
NAMES = ["enricher", "enricher-2", "enricher-3", "enricher-4"]
# Small parts, so that the end of the window falls into the middle of few.
PART = 32
# Events on their way at the most: enough to keep four busy, few enough to be worked off between two windows.
ON_THEIR_WAY = 1024


def forwarded(mentat):
    return sum(page["mentat_stage_forwarded_events_total"] for page in mentat.pages("enricher").values())


def pause(seconds):
    due = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= due, "time passes")


def rate(mentat, replicas, seconds):
    """Events a second that so many enrichers do, with more waiting than they can."""
    names = NAMES[:replicas]
    mentat.set_peers("inspector", [f"tcp://{mentat.plan.address(name, 'input')}" for name in names])
    others = set(NAMES) - set(names)
    wait_for(lambda: not any(mentat.control.ledgers()[name]["in_flight"] for name in others), "the others hold nothing")
    wait_for(lambda: min(mentat.control.ledgers()[name]["in_flight"] for name in names) > 4 * PART, "all are busy")
    began, before = time.monotonic(), forwarded(mentat)
    pause(seconds)
    took, count = time.monotonic() - began, forwarded(mentat) - before
    assert mentat.files("incoming"), "the queue ran empty"
    return count / took


def replicas(report):
    seconds = 1 if report.smoke else 5 if report.quick else 15
    rounds = report.rounds(3)
    configs = {name: {"pipeline": {"max_call_events": PART}} for name in NAMES}
    configs["filer_gateway"] = {"pipeline": {"outputs": {"default": {"window_events": ON_THEIR_WAY}}}}
    configs["inspector"] = {"pipeline": {"max_batch_events": PART}}
    with Loaded(replicas={"enricher": len(NAMES)}, configs=configs,
                programs={"enricher": "tests/stages/slow_enricher/slow_enricher"}) as mentat:
        # All can do 200 a second each; between the rounds a window has to be worked off.
        count = int(rounds * 7 * 200 * (seconds + 5)) + 4 * ON_THEIR_WAY
        mentat.offer(mentat.stage(count, 500))
        rates = {1: [], **{number: [] for number in BARS}}
        for _ in range(rounds):
            for number, found in rates.items():
                found.append(rate(mentat, number, seconds))
                report.say(f"{number}: {found[-1]:,.0f} events/s")
    for number, bar in BARS.items():
        report.add(f"replicas-{number}", "events/s", rates[number], rates[1], bar=bar,
                   note=f"{number} enrichers that look each event up for 5 ms / one of them")


def main():
    report = Report()
    replicas(report)
    report.finish()


if __name__ == "__main__":
    main()
