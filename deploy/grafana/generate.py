#!/usr/bin/env python3
"""Makes Grafana's dashboards: `generate.py` writes dashboards/*.json beside itself, `generate.py --check` says whether they are
what it would write. The JSON is committed; edit boards.py and run this, never the JSON.
"""

import json
import sys
from pathlib import Path

import boards

FOLDER = Path(__file__).absolute().parent / "dashboards"


def made():
    """{file name: text}"""
    return {f"{board['uid']}.json": json.dumps(board, indent=1, ensure_ascii=False) + "\n" for board in boards.all_boards()}


def main(arguments):
    files = made()
    if arguments == ["--check"]:
        there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
        stale = sorted(name for name in files.keys() | there.keys() if files.get(name) != there.get(name))
        if stale:
            print(f"not what boards.py says: {', '.join(stale)}; run deploy/grafana/generate.py")
        return 1 if stale else 0
    if arguments:
        print(__doc__)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
