#!/usr/bin/python3
"""Makes a man page of what a program says of itself:

    man_page.py PROGRAM NAME SECTION SUMMARY --version VERSION --date DATE [--tail FILE]

PROGRAM --help tells usage, options and commands, PROGRAM COMMAND --help each command; the page has them all. FILE is
roff that stands at its end, @NAME@ in it being NAME. The page goes to standard output.
"""

import argparse
import re
import subprocess
import sys

# Paragraphs of a help that begin with these words and a colon are sections of the page.
SECTIONS = {"Exit status": "EXIT STATUS", "Exit status, of every command": "EXIT STATUS", "Signals": "SIGNALS",
            "From the weakest": "CONFIGURATION", "Flags": "OPTIONS", "Options": "OPTIONS", "Commands": "COMMANDS",
            "Examples": "EXAMPLES", "Arguments": "ARGUMENTS"}
ORDER = ["OPTIONS", "ARGUMENTS", "COMMANDS", "CONFIGURATION", "SIGNALS", "EXIT STATUS", "EXAMPLES"]
POINTER = "Options of every command:"  # to where the page has them anyway


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti")
    return "\\&" + text if text.startswith(".") else text


def marked(text):
    """Options bold, what stands for a value in italics."""
    parts = re.split(r"((?<![\w-])--?[a-z][a-z-]*|\b[A-Z][A-Z_:]*\b)", text)
    return "".join(f"\\fB{escape(part)}\\fR" if part.startswith("-") else f"\\fI{escape(part)}\\fR" if number % 2 else escape(part)
                   for number, part in enumerate(parts) if part)


def bold(text):
    return f"\\fB{escape(text)}\\fR"


def indent(line):
    return len(line) - len(line.lstrip())


def items(lines):
    """[(tag, text)] of lines `  tag  text`, whose texts may go on in lines that are further in."""
    found = []
    for line in lines:
        if indent(line) > 2 and found:
            found[-1][1] += " " + line.strip()
        else:
            tag, _, text = re.sub(r"\s{2,}", "\0", line.strip(), count=1).partition("\0")
            found.append([tag, text])
    return found


def listed(lines):
    """Indented lines as roff: a list of options or the like, or words to be typed as they stand."""
    entries = items(lines)
    if any(not text for _, text in entries):
        return [".PP", ".nf", ".RS 4", *(escape(line.strip()) for line in lines), ".RE", ".fi"]
    out = []
    for tag, text in entries:
        out += [".TP", marked(tag) if tag.startswith("-") or tag.isupper() else bold(tag), escape(text)]
    return out


class Help:
    """The parts of a help text: usage, then (section or None, roff)."""

    def __init__(self, text, program, name):
        self.usage = ""
        self.parts = []
        self.commands = []
        for block in re.split(r"\n\s*\n", text.strip("\n")):
            lines = block.splitlines()
            if lines[0].startswith(POINTER):
                continue
            for line in [line for line in lines if line.lower().startswith("usage: ")]:
                self.usage = re.sub(rf"^(mentat-)?{program.removeprefix('mentat-')}\b", name, line[len("usage: "):])
                lines.remove(line)
            if lines:
                self.part(lines)

    def part(self, lines):
        opening, _, rest = lines[0].partition(":")
        section = SECTIONS.get(opening)
        if section:
            if section != "CONFIGURATION":
                lines = ([rest.strip()] if rest.strip() else []) + lines[1:]
        elif lines[0].startswith("  -"):
            section = "OPTIONS"
        out = []
        paragraph = []
        while lines and not lines[0].startswith("  "):
            paragraph.append(lines.pop(0))
        if paragraph:
            text = " ".join(paragraph)
            out += [".PP", escape(text[0].upper() + text[1:])]
        while lines:
            taken = []
            while lines and lines[0].startswith("  "):
                taken.append(lines.pop(0))
            out += listed(taken)
            if section == "COMMANDS":
                self.commands += [tag for tag, _ in items(taken) if re.fullmatch("[a-z-]+", tag)]
            if lines:
                out += [".PP", escape(" ".join(line for line in lines if not line.startswith("  ")))]
                lines = [line for line in lines if line.startswith("  ")]
        self.parts.append((section, out))


def synopsis(usage):
    name, _, rest = usage.partition(" ")
    return f"{bold(name)} {marked(rest)}".rstrip()


def ask(program, words):
    result = subprocess.run([program, *words, "--help"], check=True, text=True, stdin=subprocess.DEVNULL, capture_output=True)
    return result.stdout.replace(" docs/", " /usr/share/doc/mentat-common/")


def commands(program, own, name, words, found):
    """The sections of the commands that stand below `words`."""
    out = []
    for command in found:
        path = [*words, command]
        seen = Help(ask(program, path), own, name)
        out += [f".SS {escape(' '.join(path))}"]
        if not seen.commands:
            out += [".PP", synopsis(seen.usage)]
        for section, part in seen.parts:
            if section == "EXAMPLES":
                out += [".PP", "Examples:"]
            if section != "COMMANDS":
                out += part
        out += commands(program, own, name, path, seen.commands)
    return out


def main():
    parser = argparse.ArgumentParser()
    for argument in ("program", "name", "section", "summary", "--version", "--date", "--tail"):
        parser.add_argument(argument)
    arguments = parser.parse_args()
    own = arguments.program.rpartition("/")[2]
    root = Help(ask(arguments.program, []), own, arguments.name)
    page = [f'.TH {arguments.name.upper()} {arguments.section} {arguments.date} "Mentat {arguments.version}" Mentat',
            # Neither hyphens nor spaces that are not in the text.
            ".nh", ".ad l", ".SH NAME", f"{escape(arguments.name)} \\- {escape(arguments.summary)}",
            ".SH SYNOPSIS", synopsis(root.usage), ".SH DESCRIPTION"]
    described = [line for section, part in root.parts if section is None for line in part]
    page += described or [escape(f"{arguments.name} {arguments.summary}.")]
    for wanted in ORDER:
        parts = [line for section, part in root.parts if section == wanted for line in part]
        if parts:
            page += [f".SH {wanted}", *(parts[1:] if parts[0] == ".PP" else parts)]
        if wanted == "COMMANDS" and root.commands:
            page += commands(arguments.program, own, arguments.name, [], root.commands)
    if arguments.tail:
        with open(arguments.tail, encoding="utf-8") as tail:
            page += tail.read().replace("@NAME@", arguments.name.removeprefix("mentat-")).splitlines()
    # A space below is nothing roff should see at the beginning of a line.
    sys.stdout.write("\n".join(line.rstrip() for line in page if line.strip()) + "\n")


if __name__ == "__main__":
    main()
