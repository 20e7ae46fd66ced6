"""What deploy/prometheus, deploy/grafana and the runbook say, read for tests. The files keep to one plain form, so that no
library for YAML is needed."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).absolute().parents[2]
PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
DASHBOARDS = REPOSITORY / "deploy" / "grafana" / "dashboards"
RUNBOOK = REPOSITORY / "docs" / "operating" / "runbook.md"
LISTS = REPOSITORY / "tests" / "installation" / "metrics"
# Series that Prometheus makes itself.
OWN = {"up", "ALERTS"}


@dataclass
class Rule:
    name: str
    text: str  # all of its lines
    expr: str
    alert: bool

    def field(self, name):
        found = re.search(rf"^ +{name}: (.*)$", self.text, re.MULTILINE)
        return found and found[1].strip('"')


def rules(file):
    """The rules of a file of deploy/prometheus/rules, in their order."""
    found = []
    for text in re.split(r"^ +- (?=record:|alert:)", (PROMETHEUS / "rules" / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        kind, name = re.match(r"(record|alert): (\S+)", text).groups()
        block = re.search(r"^( +)expr: \|\n((?:\1 +.*\n)+)", text, re.MULTILINE)
        expr = block[2] if block else re.search(r"^ +expr: (.*)$", text, re.MULTILINE)[1]
        found.append(Rule(name, text, expr, kind == "alert"))
    return found


def alerts():
    return rules("alerts.yml")


def series(expr):
    """The names of series in an expression."""
    plain = re.sub(r'"[^"]*"', '""', re.sub(r"#.*", "", expr))
    plain = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", plain)
    plain = re.sub(r"\{[^}]*\}", " ", plain)
    return set(re.findall(r"\b(?:mentat_\w+|[a-z_]+:\w+:\w+|up|ALERTS)\b", plain))


def listed():
    """The metrics on the lists of tests/installation, with the names of a histogram's series."""
    names = set()
    for path in LISTS.glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, name = line.split("{")[0].split(" ")
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            names.update(name + suffix for suffix in suffixes)
    return names


def dashboards():
    """{file name: dashboard}"""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels(dashboard):
    """The panels that have queries."""
    return [panel for panel in dashboard["panels"] if panel.get("targets")]
