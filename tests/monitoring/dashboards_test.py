"""The dashboards are what the generator makes, complete, and of metrics that there are."""

import re
import subprocess
import sys
import unittest

import cases
import monitoring
from monitoring import REPOSITORY, RUNBOOK

BOARDS = {"mentat-overview.json", "mentat-pipeline.json", "mentat-stage.json", "mentat-storage.json", "mentat-detectors.json"}


class DashboardsTest(unittest.TestCase):
    def each_panel(self):
        for name, dashboard in monitoring.dashboards().items():
            for panel in monitoring.panels(dashboard):
                yield f"{name}: {panel['title']}", panel

    def test_they_are_up_to_date(self):
        result = subprocess.run([sys.executable, "-B", REPOSITORY / "deploy" / "grafana" / "generate.py", "--check"], check=False,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_all_are_there_with_variables_annotations_and_links(self):
        dashboards = monitoring.dashboards()
        self.assertEqual(set(dashboards), BOARDS)
        for name, dashboard in dashboards.items():
            with self.subTest(name):
                variables = {variable["name"] for variable in dashboard["templating"]["list"]}
                self.assertLessEqual({"prometheus", "logs", "runbook"}, variables)
                self.assertLessEqual({"Deployment", "Start", "Reload", "Alert"},
                                     {each["name"] for each in dashboard["annotations"]["list"]})
                self.assertIn("Logs", {link["title"] for link in dashboard["links"]})
                used = set(re.findall(r"\$\{?(\w+)", str([panel["targets"] for panel in monitoring.panels(dashboard)])))
                self.assertLessEqual({each for each in used if not each.startswith("__")}, variables)
                numbers = [panel["id"] for panel in dashboard["panels"]]
                self.assertEqual(len(numbers), len(set(numbers)))

    def test_each_panel_has_a_unit_and_leads_to_a_page_that_exists(self):
        anchors = {alert.name.lower() for alert in monitoring.alerts()}
        self.assertTrue(RUNBOOK.exists())
        for name, panel in self.each_panel():
            with self.subTest(name):
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                for link in panel.get("links", []):
                    self.assertTrue(link["url"].startswith("${runbook}#"), link["url"])
                    self.assertIn(link["url"].partition("#")[2], anchors)

    def test_red_is_where_an_alert_is(self):
        """A threshold is the number that the panel's alert judges by."""
        exprs = {alert.name.lower(): alert.expr for alert in monitoring.alerts()}
        products = {30 * 86400: "30 * 86400", 14 * 86400: "14 * 86400"}
        for name, panel in self.each_panel():
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            limits = [step["value"] for step in steps if step["value"] is not None]
            for link in panel.get("links", []):
                expr = exprs[link["url"].partition("#")[2]]
                for limit in limits:
                    if limit in (1, 5):  # any at all; the objective, which stands in the recording rule
                        continue
                    with self.subTest(name):
                        self.assertIn(products.get(limit, str(limit)), expr)

    def test_each_series_exists(self):
        known = monitoring.listed() | {rule.name for rule in monitoring.rules("recording.yml")} | monitoring.OWN
        for name, panel in self.each_panel():
            for target in panel["targets"]:
                if "expr" in target:
                    with self.subTest(name):
                        self.assertTrue(monitoring.series(target["expr"]))
                        self.assertEqual(monitoring.series(target["expr"]) - known, set())
        for dashboard in monitoring.dashboards().values():
            for annotation in dashboard["annotations"]["list"]:
                self.assertEqual(monitoring.series(annotation["expr"]) - known, set())


if __name__ == "__main__":
    cases.main()
