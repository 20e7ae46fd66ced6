"""A real Prometheus reads a real installation under load: every target is up, every recording rule and every query of every dashboard
has data, and the heartbeat comes through."""

import math
import re
import unittest

import cases
import monitoring
import servers
from pipeline import Mentat, wait_for

VARIABLES = {"$__rate_interval": "20s", "$service": ".*", "$instance": ".*"}
# What Grafana's macros of PostgreSQL become.
MACROS = {r"\$__timeFilter\((\w+)\)": r"\1 BETWEEN now() - interval '1 hour' AND now()",
          r"\$__timeGroupAlias\((\w+), \$__interval\)": r"date_bin('10 seconds', \1, 'epoch') AS time"}
# Queries whose answer is empty where all is well.
MAY_BE_EMPTY = {"mentat-detectors.json: Silent detectors", "mentat-storage.json: Dead letters"}


def substitute(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


class PrometheusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lacking = servers.missing(("prometheus",))
        if lacking:
            raise unittest.SkipTest(f"skipped: {lacking[0]} is not here (Debian's package prometheus has it)")
        cls.mentat = Mentat(replicas={"enricher": 2}, configs={"filer_gateway": {"pipeline": {"heartbeat_seconds": 0.2}}})
        cls.addClassCleanup(cls.stop)
        cls.prometheus = cls.feeder = None
        cls.mentat.plan.prepare_demo()  # the address databases
        cls.mentat.start()
        cls.prometheus = servers.Prometheus(cls.mentat.folder, [cls.mentat.installation.targets_file])
        cls.feeder = cls.mentat.feed(100_000, rate=200, bad=0.02, wait=False)
        # Rates need two samples, and one of them under load.
        wait_for(lambda: cls.prometheus.query("mentat:storage_latency_seconds:p99_5m > 0"), "events are seen to be stored")

    @classmethod
    def stop(cls):
        if cls.prometheus is not None:
            cls.prometheus.stop()
        cls.mentat.stop()

    def has_data(self, expr):
        found = self.prometheus.query(expr)
        return found if any(math.isfinite(value) for _, value in found) else None

    def test_all_targets_are_up(self):
        wanted = {f"http://{self.mentat.plan.address(name, 'metrics')}/metrics" for name in self.mentat.services()}

        def all_up():
            targets = self.prometheus.targets()
            return wanted <= set(targets) and all(health == "up" for _, health, _ in targets.values())
        wait_for(all_up, self.prometheus.targets, 30)
        names = {(labels["service"], labels["instance"]) for labels, _ in self.prometheus.query('up{job="mentat"} == 1')}
        self.assertEqual(names, {(stage, name) for stage, names in self.mentat.plan.instances.items() for name in names})

    def test_each_recording_rule_has_data(self):
        for rule in monitoring.rules("recording.yml"):
            with self.subTest(rule.name):
                wait_for(lambda name=rule.name: self.has_data(name), f"{rule.name} has data", 30)
        groups = self.prometheus.get("/api/v1/rules")["data"]["groups"]
        self.assertEqual([rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"], [])

    def test_each_query_of_each_dashboard_has_data(self):
        count = 0
        for file, dashboard in monitoring.dashboards().items():
            for panel in monitoring.panels(dashboard):
                name = f"{file}: {panel['title']}"
                for target in panel["targets"]:
                    with self.subTest(name, query=target["refId"]):
                        if "rawSql" in target:
                            rows = self.sql(target["rawSql"])
                            self.assertTrue(rows or name in MAY_BE_EMPTY)
                        else:
                            wait_for(lambda expr=substitute(target["expr"]): self.has_data(expr), f"{target['expr']} has data", 30)
                    count += 1
        print(f"{count} queries")

    def sql(self, query):
        for macro, text in MACROS.items():
            query = re.sub(macro, text, query)
        self.assertNotIn("$__", query)
        return self.mentat.sql(query)

    def test_annotations_and_variables_are_understood(self):
        for dashboard in monitoring.dashboards().values():
            for annotation in dashboard["annotations"]["list"]:
                self.prometheus.query(annotation["expr"])
            for variable in dashboard["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                values = self.prometheus.get(f"/api/v1/label/{label}/values", **{"match[]": substitute(series)})["data"]
                self.assertIn("inspector", values)

    def test_heartbeats_are_committed_and_leave_no_trace(self):
        wait_for(lambda: self.has_data('mentat_heartbeats_total{result="committed"} > 5'), "heartbeats come through", 30)
        self.assertIsNone(self.has_data('mentat_heartbeats_total{result="failed"} > 0'))
        seconds = self.has_data("mentat:heartbeat_seconds:p99_10m")
        self.assertTrue(seconds and 0 < seconds[0][1] < 60, seconds)
        self.assertEqual(self.mentat.sql("SELECT count(*) FROM events WHERE id IS NULL OR id = ''"), [["0"]])
        self.assertEqual(self.mentat.count("dead_letters"), 0)
        # Nor are they sent to a rule.
        inspected = self.mentat.pages("inspector")["inspector"]
        self.assertLess(inspected["mentat_inspector_events_total"], inspected["mentat_stage_received_events_total"])

    def test_nothing_is_alarmed(self):
        """Under load and well, no alert fires but for what this installation really lacks."""
        firing = {name for name, states in self.prometheus.alerts().items() if "firing" in states}
        self.assertEqual(firing - {"MentatGeoipOld", "MentatGeoipMissing"}, set())


if __name__ == "__main__":
    cases.main()
