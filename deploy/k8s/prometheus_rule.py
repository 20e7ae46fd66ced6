#!/usr/bin/python3
"""Prints the rules of deploy/prometheus as a PrometheusRule, which deploy/k8s/components/monitoring has:

    deploy/k8s/prometheus_rule.py > deploy/k8s/components/monitoring/prometheus-rule.yaml
"""

from pathlib import Path

RULES = Path(__file__).absolute().parents[1] / "prometheus/rules"
HEAD = """\
# Made from deploy/prometheus/rules by deploy/k8s/prometheus_rule.py.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: mentat}
spec:
  groups:
"""


def main():
    print(HEAD, end="")
    for path in sorted(RULES.glob("*.yml")):
        groups = path.read_text(encoding="utf-8").partition("\ngroups:\n")[2]
        assert groups, f"{path}: there is no line `groups:`"
        for line in groups.splitlines():
            print(f"  {line}" if line else "")


if __name__ == "__main__":
    main()
