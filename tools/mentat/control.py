"""What the controller says of the installation, through mentatctl."""

import json
import subprocess
import time

from services import CONTROLLER, STAGES

LEDGER = ("received", "forwarded", "dropped", "rejected", "stored", "retried", "in_flight")


class Control:
    def __init__(self, plan):
        self.plan = plan

    def command(self, arguments):
        """mentatctl with this installation's controller."""
        return [str(self.plan.installation.bin / "mentatctl"), "--controller",
                self.plan.address(CONTROLLER, "admin"), *arguments]

    def status(self):
        """What `mentatctl status --json` says; None if the controller does not answer."""
        result = subprocess.run(self.command(["status", "--json"]), check=False, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(result.stdout)
        except json.JSONDecodeError:
            return None

    def instances(self, status=None):
        """{instance: what it says of itself} of all that answered."""
        found = {}
        status = status or self.status() or {}
        addresses = {self.plan.address(instance, "admin"): instance
                     for stage in STAGES for instance in self.plan.instances[stage]}
        for stage in status.get("stages", []):
            for instance in stage.get("instances", []):
                name = addresses.get(instance.get("address"))
                if name and instance.get("reachability") == "REACHABILITY_ANSWERED":
                    found[name] = instance.get("status", {})
        return found

    def not_ready(self, status=None):
        """{process: why it cannot do its work}; empty when all can."""
        status = status or self.status()
        if status is None:
            return {CONTROLLER: "does not answer"}
        instances = self.instances(status)
        reasons = {}
        for stage in STAGES:
            for name in self.plan.instances[stage]:
                if name not in instances:
                    reasons[name] = "does not answer"
                elif instances[name].get("state") != "STATE_READY":
                    state = instances[name].get("state", "STATE_UNSPECIFIED").removeprefix("STATE_")
                    reasons[name] = instances[name].get("notReadyReason") or state.lower().replace("_", " ")
        return reasons

    def ledgers(self):
        """{instance: {received, forwarded, …}}."""
        found = {}
        for name, status in self.instances().items():
            if "ledger" in status:
                ledger = status["ledger"]
                found[name] = {key: int(ledger.get(key) or ledger.get(camel(key)) or 0) for key in LEDGER}
        return found

    def line(self):
        """The whole installation in a line."""
        status = self.status()
        if status is None:
            return "the controller does not answer"
        instances = self.instances(status)
        reasons = self.not_ready(status)
        stored = sum(int(instances.get(name, {}).get("ledger", {}).get("stored", 0))
                     for name in self.plan.instances["storage"])
        rates = [f"{stage} {sum(float(instances.get(name, {}).get('receivedPerSecond', 0)) for name in self.plan.instances[stage]):.0f}/s"
                 for stage in STAGES]
        state = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "all ready"
        return f"  {time.strftime('%H:%M:%S')}  {'  '.join(rates)}  stored {stored:,}  {state}"


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
