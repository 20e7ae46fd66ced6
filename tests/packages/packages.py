"""The Debian packages, made of the programs that Bazel has built."""

import re
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path.cwd()  # Bazel starts tests in the root of their runfiles
SERVICES = ["filer-gateway", "inspector", "enricher", "storage", "controller"]
NAMES = ["mentat", "mentat-common", "mentat-tools", *(f"mentat-{service}" for service in SERVICES)]
SOURCES = ["CHANGELOG.md", "common/service/version.h", "deploy/debian", "deploy/grafana/dashboards", "deploy/images", "deploy/prometheus/rules",
           "deploy/systemd", "docs", "services/inspector/rules"]


def copy_sources(folder):
    """What packages are made of, as files: runfiles are links, and build.sh looks where it lies itself."""
    for source in SOURCES:
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (REPOSITORY / source).is_dir() else shutil.copy
        copy(REPOSITORY / source, folder / source)


def build(sources, outputs, version):
    """Makes the packages, once for each folder of `outputs`, all at the same time."""
    processes = [subprocess.Popen([sources / "deploy/debian/build.sh", REPOSITORY, "--output", output, "--version", version],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                 for output in outputs]
    texts = [process.communicate()[0] for process in processes]
    for process, text in zip(processes, texts):
        assert process.returncode == 0, text
    print(texts[0], end="")


def file_of(folder, name):
    found, = folder.glob(f"{name}_*.deb")
    return found


def unpack(folder, target):
    """The files of all packages, as they would be installed."""
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, target], check=True)


def raise_version(folder, target, version):
    """The same packages with a higher version."""
    target.mkdir()
    for name in NAMES:
        content = target / name
        subprocess.run(["dpkg-deb", "-R", file_of(folder, name), content], check=True)
        control = content / "DEBIAN/control"
        text = control.read_text(encoding="utf-8")
        old = re.search(r"^Version: (.*)$", text, re.MULTILINE).group(1)
        control.write_text(text.replace(f"Version: {old}\n", f"Version: {version}\n").replace(f"(>= {old})", f"(>= {version})"),
                           encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", content, target], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(content)
