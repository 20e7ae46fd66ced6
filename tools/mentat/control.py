"""What the services say of themselves: their metrics pages, and mentatctl for people."""

import concurrent.futures
import http.client
import json
import subprocess
import time

from services import CONTROLLER, STAGES

LEDGER = ("received", "forwarded", "dropped", "rejected", "stored", "retried")


def read_metrics(address):
    """A metrics page: {name with labels: value}; None if nobody answers as they should."""
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if response.status != 200:  # it listens, but has not come up yet
        return None
    metrics = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if name and not line.startswith("#"):
            metrics[name] = float(value)
    return metrics


class Control:
    def __init__(self, plan):
        self.plan = plan
        self.before = None  # (monotonic time, pages) of the last line of status

    def command(self, arguments):
        """mentatctl with this installation's controller."""
        return [str(self.plan.installation.bin / "mentatctl"), "--controller",
                self.plan.address(CONTROLLER, "admin"), *arguments]

    def instances(self):
        return [instance for stage in [*STAGES, CONTROLLER] for instance in self.plan.instances[stage]]

    def pages(self):
        """{instance: its metrics page, or None if it does not answer}."""
        names = self.instances()
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            return dict(zip(names, pool.map(lambda name: read_metrics(self.plan.address(name, "metrics")), names)))

    def not_ready(self, pages=None):
        """{instance: why it cannot do its work}; empty when all can."""
        reasons = {}
        for name, page in (pages or self.pages()).items():
            if page is None:
                reasons[name] = "does not answer"
            elif not page.get("mentat_ready"):
                reasons[name] = "not ready"
        return reasons

    def ledgers(self):
        """{instance of a stage: {received, forwarded, …, in_flight}} of all that answer."""
        found = {}
        for name, page in self.pages().items():
            if page and "mentat_stage_received_events_total" in page:
                found[name] = {key: int(page[f"mentat_stage_{key}_events_total"]) for key in LEDGER}
                found[name]["in_flight"] = int(page["mentat_stage_in_flight_events"])
        return found

    def encrypted(self):
        """{instance of a stage: whether its connections are encrypted} of all that answer."""
        return {name: bool(page["mentat_pipeline_encrypted"]) for name, page in self.pages().items()
                if page and "mentat_pipeline_encrypted" in page}

    def line(self):
        """The whole installation in a line."""
        now, pages = time.monotonic(), self.pages()
        before, self.before = self.before, (now, pages)

        def total(pages, stage, key):
            return sum((pages[name] or {}).get(f"mentat_stage_{key}_events_total", 0)
                       for name in self.plan.instances[stage])

        rates = []
        for stage in STAGES if before else ():
            # A process that began anew counts from zero.
            rate = max(0, total(pages, stage, "received") - total(before[1], stage, "received")) / (now - before[0])
            rates.append(f"{stage} {rate:.0f}/s")
        reasons = self.not_ready(pages)
        state = "; ".join(f"{name} {reason}" for name, reason in reasons.items()) or "all ready"
        stored = int(total(pages, "storage", "stored"))
        return f"  {time.strftime('%H:%M:%S')}  {'  '.join(rates)}  stored {stored:,}  {state}"

    def stages(self):
        """What `mentatctl status --json` says of the stages; None if the controller does not answer."""
        result = subprocess.run(self.command(["status", "--json"]), check=False, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(result.stdout)
        except json.JSONDecodeError:
            return None
