"""What `./mentat scaling` found, as people read it: a table of before, during and after, and a chart. Computes, and
touches nothing."""

import itertools

DURING = 10  # seconds after a step
FAIR = 0.8  # of an equal part: from there on a replica has its share
REACHED = 0.9  # of the new throughput
BUSY = 0.1  # share of the machine that others may take before it is told
ROW, COLUMN = 100, 2  # events a second and seconds of a character in the chart


def buckets(page, name):
    """{upper bound: how many were at most that} of a histogram on a metrics page."""
    prefix = name + '_bucket{le="'
    return {series[len(prefix):-2]: count for series, count in page.items() if series.startswith(prefix)}


def quantile(before, after, part):
    """Of what came into a histogram meanwhile, interpolated as Prometheus does; None if nothing did."""
    counts = sorted((float(bound), after[bound] - before[bound]) for bound in after)
    rank = counts[-1][1] * part
    if not rank:
        return None
    low = (0.0, 0)
    for bound, count in counts:
        if count >= rank:
            return low[0] if bound == float("inf") else low[0] + (bound - low[0]) * (rank - low[1]) / (count - low[1])
        low = (bound, count)
    return None


def rate(samples):
    """Events stored a second between the first and the last."""
    return (samples[-1]["stored"] - samples[0]["stored"]) / (samples[-1]["time"] - samples[0]["time"])


def shares(first, last):
    """{replica: its part of what all did between two samples}; one that had not been there began at nothing."""
    done = {name: count - first["done"].get(name, 0) for name, count in last["done"].items()}
    total = sum(done.values())
    return {name: count / total if total else 0 for name, count in done.items()}


def mean_latency(samples):
    """Seconds, of what was stored between the first and the last; None if nothing was."""
    count = samples[-1]["stored"] - samples[0]["stored"]
    return (samples[-1]["latency_sum"] - samples[0]["latency_sum"]) / count if count else None


def between(samples, begin, end):
    return [sample for sample in samples if begin <= sample["time"] < end]


def seconds_of(samples, begin, end):
    """(first, last) of each second's samples that lie within, a second beginning at every sample."""
    window = between(samples, begin, end)
    for first in window:
        last = next((sample for sample in window if sample["time"] >= first["time"] + 1), None)
        if last:
            yield first, last


def phases(found):
    """[(name, replicas, samples)] of each step: before, during and after."""
    samples, steps = found["samples"], found["steps"]
    end = samples[-1]["time"] + 1e-6
    ends = [step["time"] for step in steps[1:]] + [end]
    for before, (step, until) in zip(steps, zip(steps[1:], ends[1:])):
        span = min(DURING, (until - step["time"]) / 2)
        yield {"from": before["replicas"], "to": step["replicas"], "time": step["time"], "until": until,
               "before": between(samples, max(before["time"], step["time"] - span), step["time"]),
               "during": between(samples, step["time"], step["time"] + span),
               "after": between(samples, step["time"] + span, until)}


def waits(samples, step):
    """What took how long in a step, in seconds; None for what did not happen."""
    level = rate(step["after"])
    after = [pair for pair in seconds_of(samples, step["time"] - 1, step["until"]) if pair[1]["time"] > step["time"]]
    new = set(step["after"][-1]["names"]) - set(step["before"][-1]["names"])

    def first(condition):
        return next((last["time"] - step["time"] for pair in after if condition(*pair) for last in [pair[1]]), None)

    fair = FAIR / step["to"]
    return {
        "share": first(lambda begin, end: all(shares(begin, end).get(name, 0) >= fair for name in new)) if new else None,
        "reached": first(lambda begin, end: rate([begin, end]) >= REACHED * level) if new else None,
        "gone": None if new else next((sample["time"] - step["time"] for sample in step["during"] + step["after"]
                                       if not sample["leaving"]), None),
        "lowest": min(rate(list(pair)) for pair in after) / (min(rate(step["before"]), level) or 1),
    }


def number(value, digits=0, unit=""):
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def table(found):
    lines = ["| enrichers | phase | stored/s | share of each | oldest event | in flight | fill | latency | p50 | p99 | sent again |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for step in phases(found):
        for name in ("before", "during", "after"):
            window = step[name]
            first, last = window[0], window[-1]
            parts = sorted(shares(first, last)[replica] for replica in last["names"])
            low, high = f"{parts[0]:.0%}", f"{parts[-1]:.0%}"
            p50, p99 = (quantile(first["latencies"], last["latencies"], part) for part in (0.5, 0.99))
            lines.append("| " + " | ".join([
                f"{step['from']} → {step['to']}" if name == "before" else "", name, number(rate(window)),
                low if low == high else f"{low} to {high}",
                number(max(sample["age"] for sample in window), 1, " s"),
                number(sum(sample["in_flight"] for sample in window) / len(window)),
                f"{sum(sample['fill'] for sample in window) / len(window):.0%}",
                number(mean_latency(window), 1, " s"), number(p50, 1, " s"), number(p99, 1, " s"), number(last["resent"] - first["resent"])]) + " |")
    return "\n".join(lines)


def steps_table(found):
    lines = ["| step | new ones have their share after | 90 % of the new throughput after | the one that leaves is gone after | lowest second |",
             "|---|---|---|---|---|"]
    for step in phases(found):
        took = waits(found["samples"], step)
        lines.append(f"| {step['from']} → {step['to']} | {number(took['share'], 1, ' s')} | {number(took['reached'], 1, ' s')} | "
                     f"{number(took['gone'], 1, ' s')} | {took['lowest']:.0%} |")
    return "\n".join(lines)


def columns(found):
    """[(seconds since the first step, {replica: events a second})] for each column of the chart."""
    samples = found["samples"]
    begin = found["steps"][0]["time"]
    ends = [begin + COLUMN * place for place in range(int((samples[-1]["time"] - begin) / COLUMN) + 1)]
    for start, end in itertools.pairwise(ends):
        window = between(samples, start, end + 0.3)
        if len(window) > 1:
            throughput, parts = rate(window), shares(window[0], window[-1])
            yield start - begin, {name: throughput * part for name, part in parts.items()}


def chart(found):
    """Columns of throughput, made of the digits of the replicas that did it."""
    bars = []
    for _, parts in columns(found):
        bar, total = "", 0.0
        for name in sorted(parts):
            total += parts[name]
            bar += (name.rpartition("-")[2] if "-" in name else "1") * max(0, round(total / ROW) - len(bar))
        bars.append(bar)
    height = max(map(len, bars)) + 1
    lines = ["stored/s"]
    for row in range(height, 0, -1):
        label = f"{row * ROW:>6,} |" if row % 2 == 0 else "       |"
        lines.append((label + "".join(bar[row - 1] if len(bar) >= row else " " for bar in bars)).rstrip())
    lines.append("     0 +" + "-" * len(bars))
    begin = found["steps"][0]["time"]
    places = [int((step["time"] - begin) / COLUMN) for step in found["steps"]] + [len(bars) + 20]
    marks = ""
    for step, place, following in zip(found["steps"], places, places[1:]):
        mark = f"|{step['replicas']} at {step['time'] - begin:.0f} s"
        marks += mark[:following - place].ljust(following - place)
    lines.append("        " + marks.rstrip())
    return "\n".join(lines)


def text(found):
    about = found["machine"]
    busy = f" Other work took {found['busy']:.0%} of the machine when it began." if found["busy"] > BUSY else ""
    return "\n".join([
        f"{about['date']}, commit {about['commit']}; {about['cores']} cores of {about['cpu']}, PostgreSQL {about['postgresql']}.{busy}",
        "", table(found), "",
        f"Before: the last {DURING} seconds; during: the first {DURING} seconds from the step on; after: from then on to the next one.", "",
        steps_table(found), "",
        f"Sent: {found['sent']:,} events. Lost: {found['lost']}. Stored twice: {found['twice']}. Batches sent again: {found['resent']}; events "
        f"that came to storage twice and were recognised: {found['recognised']}.", "",
        f"Throughput, a column for {COLUMN} seconds and a digit for {ROW} events/s, which is that of the enricher that did them:", "",
        "```", chart(found), "```"])
