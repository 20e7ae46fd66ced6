"""Some of the faults of `./mentat alerts`, with a real Prometheus and Alertmanager: their alerts fire and clear. The whole takes minutes, and
its result stands in docs/operating/monitoring.md."""

import re
import unittest

import cases
import faults
import monitoring
import servers
from monitoring import REPOSITORY

FEW = ("instance_down", "database_away", "certificate", "ledger")


class FaultsTest(unittest.TestCase):
    def test_each_alert_has_one_fault(self):
        names = [alert for fault in faults.FAULTS for alert in fault.alerts]
        self.assertEqual(sorted(names), sorted(alert.name for alert in monitoring.alerts()))
        for fault in faults.FAULTS:
            self.assertTrue(hasattr(faults.World, f"make_{fault.name}") and hasattr(faults.World, f"repair_{fault.name}"), fault.name)

    def test_each_alert_is_in_the_table_of_the_documentation(self):
        text = (REPOSITORY / "docs" / "operating" / "monitoring.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| (Mentat\w+) \|", text.split(faults.MARKS[0])[1], re.MULTILINE)
        self.assertEqual(sorted(rows), sorted(alert.name for alert in monitoring.alerts()))

    def test_rules_are_made_quicker_as_a_whole(self):
        quick = servers.quicken('expr: rate(a[5m]) > 300 # seconds\n  and b - time() < 14 * 86400\nfor: 10m\n', 30)
        self.assertEqual(quick, 'expr: rate(a[10s]) > 10\n  and b - time() < 14 * 86400\nfor: 20s\n')

    def test_alerts_fire_by_their_faults_and_clear_by_their_repairs(self):
        lacking = servers.missing()
        if lacking:
            self.skipTest(f"skipped: {', '.join(lacking)} not here (Debian's packages prometheus and prometheus-alertmanager)")
        few = [fault for fault in faults.FAULTS if fault.name in FEW]
        self.assertEqual(faults.run(few, print), {})
        for fault in few:
            self.assertEqual((set(fault.fired), set(fault.cleared)), (set(fault.alerts), set(fault.alerts)))


if __name__ == "__main__":
    cases.main()
