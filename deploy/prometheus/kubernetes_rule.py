#!/usr/bin/env python3
"""Makes deploy/k8s/components/monitoring/prometheus-rule.yaml, the rules for the Prometheus operator, of rules/*.yml. It is committed;
with --check it is only said whether it is what would be written.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).absolute().parent
TARGET = FOLDER.parent / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"
HEAD = """\
# Made by deploy/prometheus/kubernetes_rule.py of deploy/prometheus/rules: change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: mentat}
spec:
  groups:
"""


def made():
    text = HEAD
    for name in ("recording.yml", "alerts.yml"):
        _, groups = (FOLDER / "rules" / name).read_text(encoding="utf-8").split("groups:\n", 1)
        text += "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))
    return text


def main(arguments):
    if arguments == ["--check"]:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == made():
            return 0
        print(f"{TARGET.name} is not what the rules say; run deploy/prometheus/kubernetes_rule.py")
        return 1
    if arguments:
        print(__doc__)
        return 2
    TARGET.write_text(made(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
