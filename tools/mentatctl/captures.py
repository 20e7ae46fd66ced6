#!/usr/bin/env python3
"""Makes the captures of docs/mentatctl.md anew from a running installation (`./mentat up --demo`).

usage: tools/mentatctl/captures.py [VAR]

VAR is the installation's folder, by default var beside ./mentat."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "mentatctl.md"
CAPTURE = re.compile(r"(<!-- capture: (.*?) -->\n```\n\$ .*?\n).*?(```\n)", re.DOTALL)


def capture(var, arguments):
    """What mentatctl prints, with the controller of the installation."""
    command = [str(REPOSITORY / "mentat"), "ctl", "--var", str(var), *shlex.split(arguments)]
    environment = os.environ | {"TZ": "UTC"}
    result = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, env=environment)
    if not result.stdout:
        sys.exit(f"mentatctl {arguments}: nothing came; is the installation up?")
    return result.stdout


def main():
    var = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "var").absolute()
    page = PAGE.read_text(encoding="utf-8")
    page = CAPTURE.sub(lambda match: match[1] + capture(var, match[2]) + match[3], page)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
