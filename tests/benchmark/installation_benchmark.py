"""Benchmarks of a whole installation: all services and PostgreSQL on this machine, durable.

usage: installation_benchmark.py NAME|all [--json] [--quick | --smoke]      all share one installation
"""

import os
import shutil
import signal
import subprocess
import sys
import time

from loaded import Loaded, bare_loop
from pipeline import wait_for
from report import Report
from services import STAGES

LATENCY = "mentat_storage_latency_seconds"
WORK = {  # the metric that says that a stage has had an event
    "filer_gateway": "mentat_filer_in_events_total",
    "storage": "mentat_storage_stored_events_total",
}


# --- throughput ---


def end_to_end(report, mentat):
    count = report.size(160_000)
    rates, copies, costs = [], [], []
    folder = mentat.stage(count, 1000)
    for _ in range(report.rounds(3)):
        seconds, cost = mentat.run(folder, count)
        rates.append(count / seconds)
        copies.append(count / mentat.copy_seconds())
        costs.append(cost)
        report.say(f"{rates[-1]:,.0f} events/s, COPY {copies[-1]:,.0f}")
    report.add("end-to-end", "events/s", rates, copies, bar=0.5,
               note="queue of JSON lines → default rules → geoip, 1,000 networks → committed / COPY of the same rows")
    report.add("end-to-end-rate", "events/s", rates, bar=11_600, note="a billion events a day")
    for name in costs[0]:
        report.add(f"end-to-end-cpu-{name}", "µs/event", [cost[name] for cost in costs], better="lower",
                   note="processor time")


def curve(report, mentat):
    """Two installations, one of them encrypted, in turns."""
    count = report.size(160_000)
    rates, plain_rates = [], []
    with Loaded(curve=True) as encrypted:
        folder, plain_folder = encrypted.stage(count, 1000), mentat.stage(count, 1000)
        for _ in range(report.rounds(3)):
            rates.append(count / encrypted.run(folder, count)[0])
            plain_rates.append(count / mentat.run(plain_folder, count)[0])
            report.say(f"{rates[-1]:,.0f} events/s, plain {plain_rates[-1]:,.0f}")
    report.add("curve", "events/s", rates, plain_rates, bar=0.9,
               note="end to end with every connection encrypted / without")


def files(report, mentat):
    count = report.size(40_000)
    rates, loops, costs = [], [], []
    folder = mentat.stage(count, 1)
    queue = mentat.folder / "bare"
    for _ in range(report.rounds(3)):
        seconds, cost = mentat.run(folder, count)
        rates.append(count / seconds)
        costs.append(cost["filer_gateway"])
        (queue / "pending").mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, queue / "incoming", dirs_exist_ok=True)
        os.sync()
        loops.append(count / bare_loop(queue))
        report.say(f"{rates[-1]:,.0f} events/s, bare loop {loops[-1]:,.0f}")
    report.add("files", "events/s", rates, loops, bar=0.5,
               note="the same with a file for each event / a bare loop of rename, open, read, unlink")
    report.add("files-cpu-filer_gateway", "µs/event", costs, better="lower", note="processor time")


# --- latency ---


def histogram(mentat):
    """{upper bound: events that took no longer}, of all events so far."""
    page = mentat.metrics("storage")
    prefix = LATENCY + '_bucket{le="'
    return {float(name.removeprefix(prefix).removesuffix('"}')): value for name, value in page.items() if name.startswith(prefix)}


def quantile(before, after, share):
    """Seconds, linear within a bucket."""
    counts = {bound: after[bound] - before[bound] for bound in sorted(after)}
    wanted = share * counts[max(counts)]
    low_bound = low_count = 0
    for bound, count in counts.items():
        if count >= wanted:
            if bound == float("inf"):
                return low_bound
            return low_bound + (bound - low_bound) * (wanted - low_count) / max(1, count - low_count)
        low_bound, low_count = bound, count
    return low_bound


def paced(mentat, count, per_file, rate):
    """Lets events come at a rate. (p50, p99, seconds until all is stored after the last file came)."""
    queue = mentat.installation.queue
    folder = mentat.stage(count, per_file, seed=int(rate), prefix=f"r{int(rate)}-")
    names = os.listdir(folder)
    for name in names:
        shutil.copyfile(folder / name, queue / "tmp" / name)
    before, stored = histogram(mentat), mentat.stored()
    began = time.monotonic()
    for number, name in enumerate(names):
        time.sleep(max(0.0, began + number * per_file / rate - time.monotonic()))
        os.rename(queue / "tmp" / name, queue / "incoming" / name)
    last = time.monotonic()
    wait_for(lambda: mentat.stored() - stored >= count, "all is stored", 300)
    behind = time.monotonic() - last
    after = histogram(mentat)
    return quantile(before, after, 0.5), quantile(before, after, 0.99), behind


def latency(report, mentat):
    rate = 1000
    p50, p99, _ = paced(mentat, report.size(20_000), 1, rate)
    report.add("latency-1000-p50", "ms", p50 * 1000, bar=20, better="lower",
               note="from receipt to commit at 1,000 events/s, a file for each")
    report.add("latency-1000-p99", "ms", p99 * 1000, bar=100, better="lower")
    count = report.size(80_000)
    most = count / mentat.run(mentat.stage(count, 10), count)[0]
    rate = 0.8 * most
    p50, p99, behind = paced(mentat, report.size(int(rate) * 10), 10, rate)
    note = f"from receipt to commit at 80 % of the maximum of {most:,.0f} events/s, in files of ten"
    report.add("latency-80-p50", "ms", p50 * 1000, better="lower", note=note)
    report.add("latency-80-p99", "ms", p99 * 1000, bar=500, better="lower")
    report.add("latency-80-behind", "s", behind, better="lower",
               note="until all is stored after the last file came: it keeps up")


# --- at rest, starts ---


def memory(report, mentat):
    time.sleep(0 if report.smoke else 5)
    for name in STAGES:
        report.add(f"memory-{name}", "MiB", mentat.resident(name), bar=40, better="lower", note="resident when idle")
    count = report.size(100_000)
    mentat.run(mentat.stage(count, 100), count)
    loaded = {name: mentat.resident(name) for name in STAGES}
    time.sleep(0 if report.smoke else 15)
    for name in STAGES:
        report.add(f"memory-again-{name}", "MiB", mentat.resident(name), bar=40, better="lower",
                   note=f"15 seconds after {count:,} events as fast as possible; just after them {loaded[name]:.0f} MiB")


def restart(report, mentat):
    with mentat.feeding(500):
        for name in STAGES:
            metric = WORK.get(name, "mentat_stage_received_events_total")
            wait_for(lambda name=name, metric=metric: mentat.metric(name, metric), f"{name} works")
            old = mentat.signal(name, signal.SIGKILL)
            began = time.monotonic()
            mentat.wait_restarted(name, old)
            wait_for(lambda name=name, metric=metric: mentat.metric(name, metric), f"{name} works again")
            report.add(f"restart-{name}", "s", time.monotonic() - began, bar=2, better="lower",
                       note="from kill -9 to its next event, at 500 events/s")
    mentat.wait_settled()


def backlog(report, mentat):
    count = report.size(1_000_000)
    name = "filer_gateway"
    mentat.ctl("pause", name)
    subprocess.run([mentat.installation.bin / "mentat-ideagen", "--count", str(count), "--limit", "0", "--output",
                    mentat.installation.queue], check=True, stderr=subprocess.DEVNULL)
    os.sync()
    old = mentat.signal(name, signal.SIGKILL)
    mentat.wait_restarted(name, old)
    began = time.monotonic()
    stored = mentat.stored()
    wait_for(lambda: mentat.stored() > stored, "an event is stored")
    seconds = time.monotonic() - began
    time.sleep(0 if report.smoke else 15)
    report.add("backlog-first-event", "s", seconds, bar=5, better="lower",
               note=f"from a start on {count:,} waiting files to the first event stored")
    report.add("backlog-memory", "MiB", mentat.peak(name), bar=256, better="lower",
               note="the most that was resident in its first 15 seconds")
    # Many at a time: with each of them some file systems wait for the disk.
    mentat.ctl("pause", name)
    subprocess.run("find . -maxdepth 1 -type f -print0 | xargs -0 -r -n 1000 -P 16 rm -f", shell=True, check=True,
                   cwd=mentat.installation.queue / "incoming")


# In an order in which they can share an installation.
BENCHMARKS = {"memory": memory, "restart": restart, "latency": latency, "end-to-end": end_to_end, "curve": curve, "files": files,
              "backlog": backlog}


def main():
    report = Report()
    if len(report.names) != 1 or report.names[0] not in [*BENCHMARKS, "all"]:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(BENCHMARKS)}|all [--json] [--quick | --smoke]")
    name = report.names[0]
    with Loaded() as mentat:
        for measure in BENCHMARKS.values() if name == "all" else [BENCHMARKS[name]]:
            measure(report, mentat)
    report.finish()


if __name__ == "__main__":
    main()
