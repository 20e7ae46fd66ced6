"""An installation under load that is steered by mentatctl alone: stages are scaled, restarted, stopped and started,
and the controller is killed in the middle of it. Nothing is lost or stored twice, and no process is left over."""

import json
import random
import signal
import unittest

import cases
from pipeline import Mentat, wait_for
from services import CONTROLLER, STAGES, instance_names

EVENTS, RATE = 11000, 300


class SteeringTest(unittest.TestCase):
    def test_all_of_it_under_load(self):
        with Mentat() as mentat:
            feeder = mentat.feed(EVENTS, rate=RATE, bad=0.01, wait=False)
            self.wait_passes(mentat, 100)
            self.scale(mentat)
            self.restart(mentat)
            self.stop_and_start(mentat)
            self.kill_the_controller(mentat)
            self.assertTrue(feeder.feeding(), "the load should last longer than the changes; feed more events")
            sent = feeder.finish()
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()
            mentat.mentat("down")
            self.assertEqual(mentat.processes(), {})

    def scale(self, mentat):
        mentat.mentat("ctl", "scale", "enricher", "3")
        wait_for(lambda: set(self.busy(mentat)) == {"enricher", "enricher-2", "enricher-3"}, "each takes events")
        self.wait_enrichers(mentat, 3)
        mentat.mentat("ctl", "scale", "enricher", "1")
        self.wait_enrichers(mentat, 1)
        self.wait_passes(mentat, 100)

    def restart(self, mentat):
        for stage in STAGES:
            old = mentat.pid(stage)
            mentat.mentat("ctl", "restart", stage)
            mentat.wait_restarted(stage, old)
            mentat.wait_ready()
            self.assertEqual(mentat.ends()[stage], "exit status 0")
            self.wait_passes(mentat, 100)

    def stop_and_start(self, mentat):
        mentat.mentat("ctl", "stop", "enricher")
        wait_for(lambda: mentat.pid("enricher") is None, "it has ended")
        self.assertEqual(mentat.ends()["enricher"], "exit status 0")
        mentat.kill(CONTROLLER)
        wait_for(lambda: self.workload(mentat).get("stopped"), "the next controller knows of it")
        self.assertIsNone(mentat.pid("enricher"))
        mentat.mentat("ctl", "start", "enricher")
        mentat.wait_ready()
        self.wait_passes(mentat, 100)

    def kill_the_controller(self, mentat):
        moments = random.Random(7)
        before = {stage: mentat.pid(stage) for stage in STAGES}
        for count in (3, 1, 4, 2):
            mentat.mentat("ctl", "scale", "enricher", str(count))
            due = moments.uniform(0, 0.3)
            wait_for(lambda due=iter([False] * int(due / 0.05) + [True]): next(due), "time passes")
            mentat.kill(CONTROLLER)
            wait_for(lambda: self.workload(mentat), "the next controller answers")
            self.wait_enrichers(mentat, count)
            self.wait_passes(mentat, 100)
        self.assertEqual({stage: mentat.pid(stage) for stage in STAGES}, before)

    def wait_enrichers(self, mentat, count):
        """Until exactly so many run, are ready, and Prometheus is told of them."""
        names = instance_names("enricher", count)

        def seen():
            running = {process["instance"]: process["pid"] for process in self.workload(mentat).get("processes", [])}
            return running, [name for name in mentat.installation.leftovers() if name.startswith("enricher")]
        wait_for(lambda: [sorted(each) for each in seen()] == [names, names] and all(seen()[0].values()), lambda: f"{names} run: {seen()}")
        mentat.wait_ready()
        for name, pid in seen()[0].items():
            self.assertEqual(pid, mentat.pid(name))
            programs = [command for command in mentat.processes().values() if f"/{name}.json" in command.split(" --set")[0]]
            self.assertEqual(len(programs), 1, programs)

        def targets():
            found = json.loads(mentat.installation.targets_file.read_text())
            return {target["labels"]["instance"]: target["targets"] for target in found}
        wanted = {name: [mentat.plan.address(name, "metrics")] for name in [*names, *STAGES, CONTROLLER]}
        wait_for(lambda: targets() == wanted, lambda: f"Prometheus is told: {targets()}")

    def workload(self, mentat):
        return (mentat.control.workloads() or {}).get("enricher", {})

    def busy(self, mentat):
        return [name for name, ledger in mentat.control.ledgers().items() if name.startswith("enricher") and ledger["received"]]

    def wait_passes(self, mentat, count):
        before = mentat.count()
        wait_for(lambda: mentat.count() >= before + count, f"{count} more events are stored")


class OrphansTest(unittest.TestCase):
    """`./mentat down` leaves nothing behind, whatever was killed before."""

    def test_after_the_death_of_the_supervisor_the_controller_or_both(self):
        with Mentat() as mentat:
            for victims in (["supervisor"], [CONTROLLER], ["supervisor", CONTROLLER]):
                with self.subTest(victims):
                    for name in victims:
                        mentat.signal(name, signal.SIGKILL)
                    mentat.mentat("down")
                    self.assertEqual(mentat.processes(), {})
                    mentat.mentat("up", "--detach")

            # The next ones take over what runs.
            before = {name: mentat.pid(name) for name in ["postgres", *STAGES]}
            for name in ("supervisor", CONTROLLER):
                mentat.signal(name, signal.SIGKILL)
            mentat.mentat("up", "--detach")
            self.assertEqual({name: mentat.pid(name) for name in before}, before)
            self.assertEqual(mentat.status()["processes"]["storage"]["pid"], before["storage"])

            # No controller can be had: the supervisor ends the stages, in the order of the flow.
            for name in ("supervisor", CONTROLLER):
                mentat.signal(name, signal.SIGKILL)
            mentat.configure(CONTROLLER, {"unknown": 1})
            mentat.mentat("down")
            self.assertEqual(mentat.processes(), {})
            stopping = [line.split()[-1] for line in mentat.mentat("logs", "supervisor", "--no-follow", "--lines", "40").splitlines()
                        if " stopping " in line]
            self.assertEqual(stopping[-5:], [*STAGES, "postgres"])


if __name__ == "__main__":
    cases.main()
