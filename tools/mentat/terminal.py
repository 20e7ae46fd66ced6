"""What people see: named lines, one line that changes while something goes on, tables."""

import os
import re
import shutil
import sys
import time
from pathlib import Path

IS_TERMINAL = sys.stdout.isatty()
COLOURS = IS_TERMINAL and not os.environ.get("NO_COLOR")


def bold(text):
    return f"\x1b[1m{text}\x1b[0m" if COLOURS else text


def say(name, text):
    print(f"  {bold(f'{name:<14}')} {text}", flush=True)


def line(text):
    """Replaces the line that changes; on a terminal only."""
    if IS_TERMINAL:
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]}\x1b[K", end="", flush=True)


def end_line():
    if IS_TERMINAL:
        print("\r\x1b[K", end="", flush=True)


def elapsed(seconds):
    seconds = max(0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600:02d} h"


def memory(pid):
    """Resident memory of a process, as text."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return "-"
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 2**20:.0f} MiB"


def table(head, rows):
    """Columns as wide as what stands in them; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *cells]) for column in range(len(head))]
    right = [all(re.fullmatch(r"[-\d.,%]+", row[column]) for row in cells) for column in range(len(head))]

    def text(row):
        return "  ".join(f"{cell:>{width}}" if to_right else f"{cell:<{width}}"
                         for cell, width, to_right in zip(row, widths, right)).rstrip()

    print(bold(text(head)))
    for row in cells:
        print(text(row))


class Progress:
    """A step with a line that tells how it goes, and one that says what came of it."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.began = time.monotonic()

    def __enter__(self):
        self.show(self.text)
        return self

    def show(self, text):
        line(f"  {bold(f'{self.name:<14}')} {text} {elapsed(time.monotonic() - self.began)}")

    def done(self, text):
        end_line()
        say(self.name, text)

    def __exit__(self, *_):
        end_line()
