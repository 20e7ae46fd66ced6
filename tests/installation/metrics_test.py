"""The metrics of each service: every series is on a list, and promtool finds nothing wrong with them.

A series that goes, or gets another name or label, breaks somebody's dashboard or alert: change the list
on purpose. MENTAT_WRITE_METRICS=DIR writes the lists as they are now into DIR.
"""

import http.client
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import cases
from pipeline import Mentat

LISTS = Path(__file__).resolve().parent / "metrics"
# Labels whose values are no small fixed set, or change with each release.
FREE_LABELS = {"version"}
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?P<labels>.*)\})? \S+$")
LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\]|\\.)*)"')


def page(address):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        assert response.status == 200, response.status
        return response.read().decode()
    finally:
        connection.close()


def series(text):
    """The series of a page, a line each: type, name and labels; a histogram without its buckets is one."""
    types, found = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            types[name] = kind
        if line.startswith("#") or not line:
            continue
        match = SAMPLE.match(line)
        assert match, line
        name = match["name"]
        if name not in types:
            name = re.sub(r"_(bucket|sum|count)$", "", name)
        labels = {label["name"]: label["value"] for label in LABEL.finditer(match["labels"] or "")}
        labels.pop("le", None)
        shown = ",".join(f'{key}="{"…" if key in FREE_LABELS else value}"' for key, value in sorted(labels.items()))
        found.add(f"{types[name]} {name}" + (f"{{{shown}}}" if shown else ""))
    return sorted(found)


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Mentat() as mentat:
            mentat.wait_ready()
            cls.pages = {name: page(mentat.plan.address(name, "metrics")) for name in mentat.services()}

    def test_every_series_is_on_the_list_of_its_service(self):
        folder = os.environ.get("MENTAT_WRITE_METRICS")
        for name, text in self.pages.items():
            found = series(text)
            if folder:
                (Path(folder) / f"{name}.txt").write_text("\n".join(found) + "\n", encoding="utf-8")
                continue
            with self.subTest(service=name):
                path = LISTS / f"{name}.txt"
                expected = path.read_text(encoding="utf-8").splitlines()
                self.assertEqual(sorted(set(found) - set(expected)), [], f"not in {path}")
                self.assertEqual(sorted(set(expected) - set(found)), [], f"in {path} alone")

    def test_names_are_of_one_kind(self):
        for name, text in self.pages.items():
            for line in series(text):
                kind, metric = line.split("{")[0].split(" ")
                if metric.startswith("exposer_"):  # of the library that serves the page
                    continue
                with self.subTest(service=name, metric=metric):
                    self.assertTrue(metric.startswith("mentat_"))
                    self.assertEqual(kind == "counter", metric.endswith("_total"))

    def test_promtool_finds_nothing_wrong(self):
        if shutil.which("promtool") is None:
            self.skipTest("skipped: promtool is not here (Debian's package prometheus has it)")
        for name, text in self.pages.items():
            with self.subTest(service=name):
                result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual((result.returncode, result.stdout), (0, ""))


if __name__ == "__main__":
    cases.main()
