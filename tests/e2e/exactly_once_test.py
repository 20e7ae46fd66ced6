"""Files from many detectors go in; each good event is in the database exactly once, with all that the
stages add to it, and each bad one lies in errors with its reason.

MENTAT_E2E_EVENTS says how many events (100,000 by default).
"""

import json
import os
import unittest

import cases
from pipeline import Mentat, wait_for

EVENTS = int(os.environ.get("MENTAT_E2E_EVENTS", "100000"))


class ExactlyOnceTest(unittest.TestCase):
    def test_every_event_is_stored_once_and_every_bad_one_is_refused_with_its_reason(self):
        with Mentat() as mentat:
            sent = mentat.feed(EVENTS, bad=0.01)
            mentat.wait_settled(seconds=max(120, EVENTS / 200))
            mentat.check(sent)
            mentat.check_ledgers()
            refused = next(name for name in mentat.files("errors") if name.endswith(".reason"))
            reason = json.loads((mentat.installation.queue / "errors" / refused).read_text())
            self.assertEqual(reason["stage"], "filer_gateway")
            self.assertTrue(reason["message"])

    def test_the_demo_has_rows_with_all_that_the_stages_add(self):
        with Mentat(demo=True) as mentat:
            complete = """SELECT 1 FROM events WHERE event_class IS NOT NULL AND event_severity IS NOT NULL
                AND source_country <> '{}' AND source_asn <> '{}' AND resolved_abuses <> '{}' LIMIT 1"""
            wait_for(lambda: mentat.sql(complete), "a row with class, severity, country, ASN and abuse group", 60)


if __name__ == "__main__":
    cases.main()
