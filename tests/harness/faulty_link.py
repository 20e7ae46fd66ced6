"""A cable between two network devices that delays, loses, reorders, doubles and damages packets: what
`tc netem` does, for kernels that are built without it.

    faulty_link.py DEVICE DEVICE        # makes both (TAP); Faults as lines of JSON on standard input
"""

import asyncio
import fcntl
import json
import os
import random
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
QUEUE = 10_000  # packets on their way in one direction; more are lost, as in any switch


def make_tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


class Cable:
    def __init__(self, ends):
        self.ends = ends
        self.faults = dict.fromkeys(("delay", "jitter", "loss", "reorder", "duplicate", "corrupt"), 0)
        self.last = {}  # by end that receives, when the last packet arrives
        self.on_their_way = dict.fromkeys(ends, 0)
        self.random = random.Random(1)
        self.loop = asyncio.get_running_loop()
        for source, target in (ends, ends[::-1]):
            self.loop.add_reader(source, self.read, source, target)

    def happens(self, fault):
        return self.faults[fault] > 0 and self.random.random() < self.faults[fault]

    def read(self, source, target):
        for _ in range(64):
            try:
                packet = os.read(source, 65536)
            except BlockingIOError:
                return
            except OSError:  # the device is down for now
                return
            if self.happens("loss"):
                continue
            if self.happens("corrupt"):
                bit = self.random.randrange(len(packet) * 8)
                packet = bytearray(packet)
                packet[bit // 8] ^= 1 << bit % 8
            self.send(target, packet)
            if self.happens("duplicate"):
                self.send(target, packet)

    def send(self, target, packet):
        if self.on_their_way[target] >= QUEUE:
            return
        now = self.loop.time()
        delay = max(0, self.faults["delay"] + self.random.uniform(-1, 1) * self.faults["jitter"])
        if self.happens("reorder"):
            due = now  # overtakes all that is on its way
        else:
            due = self.last[target] = max(now + delay, self.last.get(target, 0))
        if due <= now:
            self.write(target, packet)
            return
        self.on_their_way[target] += 1
        self.loop.call_at(due, self.arrive, target, packet)

    def arrive(self, target, packet):
        self.on_their_way[target] -= 1
        self.write(target, packet)

    def write(self, target, packet):
        try:
            os.write(target, packet)
        except OSError:  # down, or full: lost
            pass


async def main():
    cable = Cable([make_tap(name) for name in sys.argv[1:3]])
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while line := await commands.readline():
        cable.faults = json.loads(line)
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
