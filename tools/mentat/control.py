"""What the services say of themselves: their metrics pages, and mentatctl for people."""

import concurrent.futures
import datetime
import http.client
import json
import subprocess
import time

from services import CONTROLLER, STAGES, instance_names

NOT_READY = "not ready"
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
        """{stage: names of the instances that are to run}, the controller's too; as configured if it does not answer."""
        page = read_metrics(self.plan.address(CONTROLLER, "metrics")) or {}
        found = {stage: page.get(f'mentat_controller_wanted_instances{{stage="{stage}"}}') for stage in STAGES}
        return {stage: self.plan.instances[stage] if count is None else instance_names(stage, int(count))
                for stage, count in found.items()} | {CONTROLLER: [CONTROLLER]}

    def pages(self):
        """{instance: its metrics page, or None if it does not answer}."""
        names = [name for names in self.instances().values() for name in names]
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            return dict(zip(names, pool.map(lambda name: read_metrics(self.plan.address(name, "metrics")), names)))

    def not_ready(self, pages=None):
        """{instance: why it cannot do its work}; empty when all can."""
        reasons = {}
        for name, page in (pages or self.pages()).items():
            if page is None:
                reasons[name] = "does not answer"
            elif not page.get("mentat_ready"):
                reasons[name] = NOT_READY
        return reasons

    def empty(self):
        """The stages that are to have no instances, as a call has said."""
        return [stage for stage, names in self.instances().items() if not names]

    @staticmethod
    def deaths(pages):
        """How many processes of stages have died since the controller began."""
        return sum(value for name, value in (pages[CONTROLLER] or {}).items() if name.startswith("mentat_controller_restarts_total"))

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
            names = [name for name in pages if name in self.plan.prepared[stage]]
            return sum((pages[name] or {}).get(f"mentat_stage_{key}_events_total", 0) for name in names)

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
        return self._ask("status")

    def workloads(self):
        """What `mentatctl workloads --json` says, by stage; None if the controller does not answer."""
        answer = self._ask("workloads")
        return answer and {workload["stage"]: workload for workload in answer["workloads"]}

    def processes(self):
        """{name: state, pid, since, restarts, last_exit}: the supervisor's own processes, then those of the stages, as the
        controller tells of them, or their PID files if it does not answer."""
        found = dict(self.plan.installation.state().get("processes", {}))
        workloads = self.workloads()
        if workloads is None:
            for name, pid in self.plan.installation.leftovers().items():
                found.setdefault(name, {"state": "running", "pid": pid, "since": None, "restarts": 0, "last_exit": ""})
            return found
        for process in [process for workload in workloads.values() for process in workload["processes"]]:
            pid = process["pid"] or None
            state = "restarting" if pid is None else "stopping" if process["stopping"] else "running"
            since = datetime.datetime.fromisoformat(process["start_time"].replace("Z", "+00:00")).timestamp() if pid else None
            found[process["instance"]] = {"state": state, "pid": pid, "since": since, "restarts": int(process["restarts"]),
                                          "last_exit": process["last_exit"]}
        return found

    def _ask(self, command):
        result = subprocess.run(self.command([command, "--json"]), check=False, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(result.stdout)
        except json.JSONDecodeError:
            return None
