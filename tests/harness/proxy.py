"""A link between two stages that a test can cut, reset, hold up and slow down: a TCP proxy in a process of
its own, so that a busy test does not slow it down.

    with Proxy() as proxy:
        port = proxy.add("data", target_port)      # connections to `port` go to `target_port`
        proxy.cut("data", [0, 1, 2])               # each of the next connections, after that many bytes
        proxy.cut("data", [0, 17], frame=BATCH)    # … counted from the start of its first batch's frame
        proxy.reset("data")                        # all its connections now, with RST
        proxy.hold("data", "forward")              # what comes that way waits, until proxy.release("data")
        proxy.slow("data", bytes_per_second=125_000)

`forward` is the direction of the side that connects: batches on a data link, acknowledgements on an
acknowledgement link.
"""

import asyncio
import collections
import fcntl
import json
import socket
import struct
import subprocess
import sys
import termios

BATCH, ACK = 1, 2  # kinds of frames, docs/protocol.md
GREETING_BYTES = 64  # of ZMTP 3
CHUNK = 1 << 16


class Proxy:
    """The test's end."""

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def _ask(self, command, **arguments):
        self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise AssertionError(f"proxy: {answer['error']}")
        return answer

    def add(self, link, target, host="127.0.0.1", listen=0):
        """A new link; the port it listens on."""
        return self._ask("add", link=link, host=host, target=target, listen=listen)["port"]

    def links(self):
        return self._ask("list_links")["links"]

    def cut(self, link, offsets, frame=None, direction="forward"):
        """Cuts one connection for each offset, the one that stands first of all; every second one with RST."""
        self._ask("cut", link=link, offsets=list(offsets), frame=frame, direction=direction)

    def reset(self, *links):
        """Resets all connections of these links, of all without any."""
        for link in links or self.links():
            self._ask("reset", link=link)

    def hold(self, link, *directions):
        self._ask("hold", link=link, directions=directions)

    def release(self, link):
        self._ask("hold", link=link, directions=[])

    def slow(self, link, bytes_per_second):
        """Limits each direction of each connection; 0 lifts the limit."""
        self._ask("slow", link=link, rate=bytes_per_second)

    def counts(self, link):
        """{connections, cuts, resets, left: offsets that are still to be cut at}"""
        return self._ask("counts", link=link)


def reroute(proxy, plan, *stages):
    """Configurations that lead all that goes between these stages and those after them through the proxy.
    Batches of SENDER to PEER take the link `SENDER>PEER`, acknowledgements for SENDER the link `SENDER<`."""
    changes = {}
    names = list(plan.instances)
    for stage in stages:
        following = plan.instances[names[names.index(stage) + 1]]
        for sender in plan.instances[stage]:
            port = plan.installation.ports({"acknowledgements": [sender]})["acknowledgements"][sender]
            acks = proxy.add(f"{sender}<", port)
            data = [proxy.add(f"{sender}>{peer}", plan.ports[peer]["input"]) for peer in following]
            changes[sender] = {"pipeline": {
                "ack_bind": f"tcp://127.0.0.1:{port}", "ack_advertise": f"127.0.0.1:{acks}",
                "outputs": {"default": {"peers": [f"tcp://127.0.0.1:{port}" for port in data]}}}}
    return changes


# --- the proxy's process ---


class Scanner:
    """Finds the first frame of a kind in what one side of a ZMTP connection says."""

    def __init__(self, kind):
        self.kind = kind
        self.skip = GREETING_BYTES  # bytes that are known to be of no interest
        self.found = False

    def pass_on(self, pending):
        """How many bytes of `pending` may go on: all before the frame, or before what is too short to tell."""
        passed = 0
        while not self.found:
            step = min(self.skip, len(pending) - passed)
            passed += step
            self.skip -= step
            head = pending[passed:passed + 14]
            if self.skip or not head:
                return passed
            flags = head[0]
            length_bytes = 8 if flags & 2 else 1
            if len(head) < 1 + length_bytes:
                return passed
            size = int.from_bytes(head[1:1 + length_bytes], "big")
            body = head[1 + length_bytes:]
            if not flags & 4 and size >= 5:  # a message, not a command of ZMTP
                if len(body) < 5:
                    return passed
                self.found = body[:3] == b"MNT" and body[4] == self.kind
            if not self.found:
                self.skip = 1 + length_bytes + size
        return passed


class Connection:
    def __init__(self, link, number, near, far):
        self.link = link
        self.near = near  # (reader, writer) of the side that connected
        self.far = far
        self.direction = self.offset = self.scanner = None
        self.arm(link.next_cut())
        self.abrupt = number % 2 == 1

    def arm(self, cut):
        if cut is not None and self.offset is None:
            self.direction, self.offset, kind = cut
            self.scanner = None if kind is None else Scanner(kind)

    async def run(self):
        pumps = [asyncio.ensure_future(self.pump("forward", self.near[0], self.far[1])),
                 asyncio.ensure_future(self.pump("backward", self.far[0], self.near[1]))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    def close(self, abrupt=False):
        for _, writer in (self.near, self.far):
            if abrupt:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            else:
                writer.close()

    async def pump(self, direction, reader, writer):
        pending = b""
        try:
            while True:
                # Space in the kernel's buffers is all the room there is, so that pressure passes through.
                data = await reader.read(CHUNK)
                if not data:
                    return
                await self.link.passable(direction, len(data))
                if self.direction != direction:
                    writer.write(data)
                    await writer.drain()
                    continue
                pending += data
                if self.scanner and not self.scanner.found:
                    passed = self.scanner.pass_on(pending)
                    writer.write(pending[:passed])
                    pending = pending[passed:]
                    await writer.drain()
                    if not self.scanner.found:
                        continue
                allowed = pending[:self.offset]
                self.offset -= len(allowed)
                writer.write(allowed)
                pending = b""
                if self.offset == 0:
                    await self.cut(writer)
                    return
                await writer.drain()
        except (ConnectionError, OSError):
            return

    async def cut(self, writer):
        """Ends the connection after all that was written has arrived."""
        while writer.transport.get_write_buffer_size() or unsent(writer.get_extra_info("socket")):
            await asyncio.sleep(0.001)
        self.link.cuts += 1
        self.close(self.abrupt)


def unsent(sock):
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]


class Link:
    def __init__(self, host, target):
        self.address = (host, target)
        self.connections = set()
        self.numbers = 0
        self.cuts = self.resets = 0
        self.to_cut = collections.deque()
        self.held = set()
        self.changed = asyncio.Event()
        self.rate = 0
        self.free_at = {}  # by direction, when the next byte may pass

    def next_cut(self):
        return self.to_cut.popleft() if self.to_cut else None

    async def passable(self, direction, size):
        while direction in self.held:
            self.changed.clear()
            await self.changed.wait()
        if self.rate:
            now = asyncio.get_running_loop().time()
            begin = max(now, self.free_at.get(direction, 0))
            self.free_at[direction] = begin + size / self.rate
            await asyncio.sleep(self.free_at[direction] - now)

    async def accept(self, reader, writer):
        try:
            far = await asyncio.open_connection(*self.address, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        for stream in (writer, far[1]):
            stream.transport.set_write_buffer_limits(high=0)
            stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.numbers += 1
        connection = Connection(self, self.numbers, (reader, writer), far)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)


class Server:
    def __init__(self):
        self.links = {}

    async def add(self, link, host, target, listen):
        new = self.links[link] = Link(host, target)
        server = await asyncio.start_server(new.accept, "127.0.0.1", listen, limit=CHUNK)
        return {"port": server.sockets[0].getsockname()[1]}

    async def list_links(self):
        return {"links": list(self.links)}

    async def cut(self, link, offsets, frame, direction):
        link = self.links[link]
        link.to_cut.extend((direction, offset, frame) for offset in offsets)
        # What stands is past its beginning, and the offsets count from there.
        for connection in list(link.connections):
            connection.close(abrupt=True)

    async def reset(self, link):
        link = self.links[link]
        for connection in list(link.connections):
            link.resets += 1
            connection.close(abrupt=True)

    async def hold(self, link, directions):
        self.links[link].held = set(directions)
        self.links[link].changed.set()

    async def slow(self, link, rate):
        self.links[link].rate = rate

    async def counts(self, link):
        link = self.links[link]
        armed = sum(connection.offset is not None and not connection.near[1].is_closing() for connection in link.connections)
        return {"connections": len(link.connections), "cuts": link.cuts, "resets": link.resets, "accepted": link.numbers,
                "left": len(link.to_cut) + armed}


async def serve():
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    server = Server()
    while line := await commands.readline():
        arguments = json.loads(line)
        try:
            answer = await getattr(server, arguments.pop("command"))(**arguments) or {}
        except Exception as error:  # pylint: disable=broad-except  # it is the test's to judge
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
