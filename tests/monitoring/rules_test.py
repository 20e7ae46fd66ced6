"""Rules and alerts: sound by Prometheus' own judgement, complete, and of metrics that there are."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cases
import monitoring
from monitoring import PROMETHEUS, RUNBOOK


class PromtoolTest(unittest.TestCase):
    def run_tool(self, *command, cwd=PROMETHEUS):
        if shutil.which(command[0]) is None:
            self.skipTest(f"skipped: {command[0]} is not here (Debian's packages prometheus and prometheus-alertmanager have it)")
        result = subprocess.run(command, check=False, text=True, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_the_configuration_is_sound(self):
        self.run_tool("promtool", "check", "config", "prometheus.yml")

    def test_rules_are_sound(self):
        self.assertNotIn("FAILED", self.run_tool("promtool", "check", "rules", "rules/alerts.yml", "rules/recording.yml"))

    def test_each_alert_is_silent_fires_and_clears(self):
        self.run_tool("promtool", "test", "rules", "alerts_test.yml", cwd=PROMETHEUS / "tests")

    def test_the_stories_can_fail(self):
        """An alert that never fires is found out."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(PROMETHEUS, Path(folder) / "p")
            path = Path(folder) / "p" / "rules" / "alerts.yml"
            path.write_text(path.read_text(encoding="utf-8").replace("mentat_ready == 0", "mentat_ready == 2"), encoding="utf-8")
            with self.assertRaises(AssertionError):
                self.run_tool("promtool", "test", "rules", "alerts_test.yml", cwd=path.parents[1] / "tests")

    def test_alertmanagers_configuration_is_sound(self):
        self.run_tool("amtool", "check-config", "alertmanager.yml")


class KubernetesTest(unittest.TestCase):
    def test_the_rules_for_the_operator_are_up_to_date(self):
        result = subprocess.run([sys.executable, "-B", PROMETHEUS / "kubernetes_rule.py", "--check"], check=False, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((result.returncode, result.stdout), (0, ""))


class AlertsTest(unittest.TestCase):
    def test_each_has_severity_summary_and_a_page_of_the_runbook(self):
        sections = re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
        names = [alert.name for alert in monitoring.alerts()]
        self.assertGreater(len(names), 15)
        self.assertEqual(sections, names, "the runbook has a section for each alert, in their order")
        for alert in monitoring.alerts():
            with self.subTest(alert.name):
                self.assertIn(alert.field("severity"), ("warning", "critical"))
                self.assertTrue(alert.field("summary"))
                self.assertEqual(alert.field("runbook_url"), f"docs/operating/runbook.md#{alert.name.lower()}")

    def test_each_section_of_the_runbook_says_what_one_needs(self):
        text = RUNBOOK.read_text(encoding="utf-8")
        for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
            with self.subTest(section.splitlines()[0]):
                for part in ("**It means:**", "**See:**", "**Now:**", "**Later:**"):
                    self.assertIn(part, section)

    def test_links_of_the_runbook_lead_somewhere(self):
        text = RUNBOOK.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            file, _, anchor = target.partition("#")
            path = (RUNBOOK.parent / file) if file else RUNBOOK
            with self.subTest(target):
                self.assertTrue(path.exists(), path)
                if anchor:
                    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                    self.assertIn(anchor, [re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings])

    def test_each_has_a_story_for_promtool(self):
        text = (PROMETHEUS / "tests" / "alerts_test.yml").read_text(encoding="utf-8")
        for alert in monitoring.alerts():
            with self.subTest(alert.name):
                story = re.search(rf"^  - name: {alert.name}\b.*?(?=^  - name: |\Z)", text, re.MULTILINE | re.DOTALL)
                self.assertIsNotNone(story)
                steps = re.findall(rf"alertname: {alert.name}\b", story[0])
                self.assertEqual((len(steps), story[0].count("exp_alerts: []")), (3, 2), "silent, firing, cleared")


class SeriesTest(unittest.TestCase):
    def test_each_series_in_a_rule_exists(self):
        recorded = {rule.name for rule in monitoring.rules("recording.yml")}
        known = monitoring.listed() | recorded | monitoring.OWN
        for rule in monitoring.rules("recording.yml") + monitoring.alerts():
            with self.subTest(rule.name):
                self.assertTrue(monitoring.series(rule.expr))
                self.assertEqual(monitoring.series(rule.expr) - known, set())


if __name__ == "__main__":
    cases.main()
