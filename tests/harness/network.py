"""Stages in network namespaces: each with an address of its own, on links that can lose, delay, reorder and
damage packets or be unplugged, and with a name server that a test changes.

    reason = why_not()          # why this machine cannot do it; empty if it can
    with Network() as network:
        network.attach("enricher-2", faulty=True)
        network.impair("enricher-2", Faults(delay=0.1, jitter=0.05, loss=0.02))
        network.name("enrichers", ["enricher-2"])

The machine itself has the address `network.gateway`. Needs root. Everything that is made carries the
process's id in its name and goes away at the end, what a killed test left behind at the next start.
"""

import atexit
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Where Debian keeps ip, tc, nft and dnsmasq; Bazel's own PATH leaves it out.
os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
DOMAIN = "mentat.test"
ETC = Path("/etc/netns")


@dataclass
class Faults:
    """What a link does to packets, in each direction. Shares are from 0 to 1, times in seconds."""
    delay: float = 0
    jitter: float = 0
    loss: float = 0
    reorder: float = 0
    duplicate: float = 0
    corrupt: float = 0


def run(*command, check=True):
    result = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and result.returncode:
        raise AssertionError(f"{' '.join(command)}: {result.stdout.strip()}")
    return result


def why_not():
    """Why there can be no network namespaces here; empty if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "tc", "nft", "dnsmasq"):
        if not shutil.which(program):
            return f"{program} is not installed"
    name = f"mt{os.getpid()}probe"
    made = run("ip", "netns", "add", name, check=False)
    run("ip", "netns", "del", name, check=False)
    if made.returncode:
        return f"this machine has no network namespaces: {made.stdout.strip()}"
    return ""


def pass_firewall(bridge, action):
    """Lets (-I), or no longer lets (-D), packets cross a bridge where Docker has the kernel forward nothing that it
    does not know."""
    if shutil.which("iptables"):
        run("iptables", action, "FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT", check=action == "-I")


class Network:
    def __init__(self):
        self.prefix = f"mt{os.getpid()}"
        self.bridge = f"{self.prefix}br"
        self.devices = {}  # by name, the machine's end of the link
        self.addresses = {}
        self.given = 0  # addresses so far; none is given twice
        self.links = {}  # by name, the process between the two ends of a faulty one
        self.has_netem = False
        self.dnsmasq = None
        self.folder = None
        self.names = {}

    def __enter__(self):
        atexit.register(self.close)
        self._sweep()
        try:
            self.subnet = self._free_subnet()
            self.gateway = f"{self.subnet}.1"
            run("ip", "link", "add", self.bridge, "type", "bridge")
            run("ip", "address", "add", f"{self.gateway}/24", "dev", self.bridge)
            run("ip", "link", "set", self.bridge, "up")
            pass_firewall(self.bridge, "-I")
            self.has_netem = self._try_netem()
            self._start_dnsmasq()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        atexit.unregister(self.close)
        for process in [*self.links.values(), self.dnsmasq]:
            if process is not None:
                process.kill()
                process.wait()
                process.stdout.close()
        self.links.clear()
        self.dnsmasq = None
        self._remove(self.prefix)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- hosts ---

    def namespace(self, name):
        return f"{self.prefix}-{name}"

    def attach(self, name, faulty=False):
        """A namespace on the network; its address. Only a link made `faulty` can be impaired."""
        number = len(self.devices)
        namespace = self.namespace(name)
        here, there = f"{self.prefix}h{number}", f"{self.prefix}n{number}"
        run("ip", "netns", "add", namespace)
        if faulty and not self.has_netem:
            self.links[name] = subprocess.Popen([sys.executable, str(Path(__file__).with_name("faulty_link.py")), here, there],
                                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self.links[name].stdout.readline() == "ready\n"
        else:
            run("ip", "link", "add", here, "type", "veth", "peer", "name", there)
        address = self._next_address()
        run("ip", "link", "set", there, "netns", namespace)
        run("ip", "link", "set", here, "master", self.bridge, "up")
        run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", there)
        run("ip", "-n", namespace, "link", "set", there, "up")
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        (ETC / namespace).mkdir(parents=True)
        (ETC / namespace / "resolv.conf").write_text(f"nameserver {self.gateway}\noptions timeout:1 attempts:2\n")
        self.devices[name] = (here, there)
        self.addresses[name] = address
        return address

    def move(self, name):
        """Gives a host another address when its process starts the next time, as a new pod has one; the address."""
        namespace, (_, device) = self.namespace(name), self.devices[name]
        old, new = self.addresses[name], self._next_address()
        change = f"ip -n {namespace} address {{}} {{}}/24 dev {device}"
        script = self.before_start(name)
        script.with_suffix(".new").write_text(f"{change.format('del', old)} && {change.format('add', new)}\n")
        script.with_suffix(".new").rename(script)
        self.addresses[name] = new
        return new

    def before_start(self, name):
        """The file with commands that a host's process is to be started after, once, where there is one."""
        return self.folder / f"{name}.start"

    def _next_address(self):
        self.given += 1
        return f"{self.subnet}.{self.given + 9}"

    def impair(self, name, faults):
        """What the link to a host does from now on, in both directions."""
        if name in self.links:
            link = self.links[name]
            link.stdin.write(json.dumps(dataclasses.asdict(faults)) + "\n")
            link.stdin.flush()
            assert link.stdout.readline() == "ready\n"
            return
        options = ["limit", "10000", "delay", f"{faults.delay * 1000:.0f}ms", f"{faults.jitter * 1000:.0f}ms"]
        for option in ("loss", "reorder", "duplicate", "corrupt"):
            share = getattr(faults, option)
            if share:
                options += [option, f"{share * 100:g}%"]
        here, there = self.devices[name]
        run("tc", "qdisc", "replace", "dev", here, "root", "netem", *options)
        run("tc", "-n", self.namespace(name), "qdisc", "replace", "dev", there, "root", "netem", *options)

    def limit(self, name, bits_per_second):
        """Limits the rate of both directions; 0 lifts the limit."""
        here, there = self.devices[name]
        for command in (["tc"], ["tc", "-n", self.namespace(name)]):
            device = here if len(command) == 1 else there
            if bits_per_second:
                run(*command, "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{bits_per_second}bit", "burst", "16kb",
                    "latency", "200ms")
            else:
                run(*command, "qdisc", "del", "dev", device, "root")

    def plug(self, name, plugged):
        """Pulls the cable of a host, or plugs it in again. Nobody is told: packets vanish."""
        # Only the bridge's port goes down: the address and the carrier stay, as behind a switch.
        here, _ = self.devices[name]
        run("ip", "link", "set", here, "master" if plugged else "nomaster", *([self.bridge] if plugged else []))

    def block(self, source, target):
        """Drops what `source` sends to `target` (names of hosts, or None for the machine), and lets the other
        direction through, until unblock()."""
        table = f"table netdev {self.prefix}"
        run("nft", "add", *table.split())
        rule = f"ip saddr {self.address(source)} ip daddr {self.address(target)} drop"
        if source is None:
            # Leaves by the bridge.
            chain = f"add chain inet {self.prefix} out {{ type filter hook output priority 0; }}"
            run("nft", "add", "table", "inet", self.prefix)
            run("nft", chain)
            run("nft", f"add rule inet {self.prefix} out {rule}")
            return
        here, _ = self.devices[source]
        run("nft", f"add chain netdev {self.prefix} {here} {{ type filter hook ingress device {here} priority 0; }}")
        run("nft", f"add rule netdev {self.prefix} {here} {rule}")

    def unblock(self):
        for family in ("netdev", "inet"):
            run("nft", "delete", "table", family, self.prefix, check=False)

    def address(self, name):
        return self.gateway if name is None else self.addresses[name]

    # --- names ---

    def name(self, name, hosts):
        """Gives `name`.mentat.test the addresses of these hosts, at once; none takes the name away."""
        self.names[name] = [self.address(host) for host in hosts]
        lines = [f"{address} {name}.{DOMAIN}\n" for name, addresses in self.names.items() for address in addresses]
        self._hosts_file.write_text("".join(lines))
        self.dnsmasq.send_signal(signal.SIGHUP)
        self._wait_dnsmasq(f"read {self._hosts_file}")
        return f"{name}.{DOMAIN}"

    @property
    def _hosts_file(self):
        return self.folder / "hosts"

    def _start_dnsmasq(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mentat-dns-"))
        self._hosts_file.write_text("")
        # pylint: disable=consider-using-with
        self.dnsmasq = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
             f"--addn-hosts={self._hosts_file}", f"--local=/{DOMAIN}/", f"--listen-address={self.gateway}", "--bind-interfaces",
             "--log-facility=-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._wait_dnsmasq(f"read {self._hosts_file}")

    def _wait_dnsmasq(self, text):
        said = []
        for line in self.dnsmasq.stdout:
            said.append(line)
            if text in line:
                return
        raise AssertionError("dnsmasq ended: " + "".join(said[-5:]))

    # --- making and removing ---

    def _try_netem(self):
        device = f"{self.prefix}p"
        run("ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}p")
        tried = run("tc", "qdisc", "add", "dev", device, "root", "netem", "delay", "1ms", check=False)
        run("ip", "link", "del", device)
        return tried.returncode == 0

    def _free_subnet(self):
        taken = run("ip", "-4", "route").stdout
        for number in range(os.getpid(), os.getpid() + 256 * 16):
            subnet = f"10.{240 + number // 256 % 16}.{number % 256}"
            if f"{subnet}." not in taken:
                return subnet
        raise AssertionError("no network 10.240.0.0/12 is free")

    def _sweep(self):
        """Removes what processes left that are gone."""
        text = run("ip", "netns", "list", check=False).stdout + run("ip", "-o", "link").stdout
        for pid in set(re.findall(r"\bmt(\d+)(?:-|br\b|probe\b)", text)):
            if not Path(f"/proc/{pid}").exists():
                self._remove(f"mt{pid}")

    def _remove(self, prefix):
        for line in run("ip", "netns", "list", check=False).stdout.splitlines():
            namespace = line.split()[0]
            if namespace.startswith(f"{prefix}-"):
                run("ip", "netns", "del", namespace, check=False)
                shutil.rmtree(ETC / namespace, ignore_errors=True)
        pass_firewall(f"{prefix}br", "-D")
        for device in re.findall(rf"^\d+: ({prefix}[a-z]+\d*)[@:]", run("ip", "-o", "link").stdout, re.MULTILINE):
            run("ip", "link", "del", device, check=False)
        for family in ("netdev", "inet"):
            run("nft", "delete", "table", family, prefix, check=False)
        with contextlib.suppress(OSError):
            ETC.rmdir()
