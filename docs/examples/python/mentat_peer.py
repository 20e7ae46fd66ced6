"""The batch protocol (docs/protocol.md) in Python: a Source, which sends events into a pipeline and learns what became of each,
and a Sink, which takes events at a pipeline's end. Copy it, and make of it what you need; a language with ZeroMQ and protobuf
is all it takes.

It wants pyzmq, protobuf, and what protoc makes of the messages:

    protoc -I proto --python_out=. proto/mentat/pipeline/v1/*.proto proto/mentat/idea/v1/*.proto

One thread, one batch at a time: for what is to be fast, send several. Neither class may be shared between threads.
"""

import collections
import random
import struct
import time
import zlib

import zmq
from mentat.pipeline.v1 import batch_pb2 as pb

BATCH, ACK, CONTROL = 1, 2, 3
MESSAGES = {BATCH: pb.Batch, ACK: pb.Ack, CONTROL: pb.Control}
HEADER = struct.Struct("<4sB3sII")  # name and version, kind, nothing, CRC-32, length
MAGIC = b"MNT\x01"
MAX_FRAME_BYTES = 64 << 20
HELLO_SECONDS = 1.0  # between two introductions to a peer that has not answered
SILENT_SECONDS = 5.0  # without news of a batch, after which it is sent again
RELEASE_SECONDS = 1.0  # that a sender may take to hear of the end of an isolated batch
GO_SECONDS = 10.0  # that it may take to let one begin
REMEMBERED = 10_000  # batches whose outcome is known if they come again


def pack(kind, message):
    payload = message.SerializeToString()
    return HEADER.pack(MAGIC, kind, b"", zlib.crc32(payload), len(payload)) + payload


def unpack(frame):
    """(kind, message). ValueError for a frame that is damaged or of another version: whoever sent it will do so again."""
    if len(frame) < HEADER.size:
        raise ValueError("too short")
    magic, kind, zero, checksum, length = HEADER.unpack_from(frame)
    payload = frame[HEADER.size:]
    if magic != MAGIC or kind not in MESSAGES or zero != b"\0\0\0" or length != len(payload) or checksum != zlib.crc32(payload):
        raise ValueError("not a frame of this protocol, or damaged")
    return kind, MESSAGES[kind].FromString(payload)  # a DecodeError is a ValueError in newer versions alone


def make_socket(kind):
    made = zmq.Context.instance().socket(kind)
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.IMMEDIATE, 1)
    made.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    made.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    made.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    return made


def receive(socket, kinds, seconds):
    """The next message of these kinds; None when the time is over."""
    deadline = time.monotonic() + seconds
    while socket.poll(max(0, deadline - time.monotonic()) * 1000):
        try:
            kind, message = unpack(socket.recv())
        except Exception:  # pylint: disable=broad-except  # whatever is no frame is dropped
            continue
        if kind in kinds:
            return message
    return None


def send(socket, kind, message):
    """Whether it was sent: not if nobody is there, or takes it. Waiting for them is the caller's business."""
    try:
        socket.send(pack(kind, message), zmq.DONTWAIT)
        return True
    except zmq.Again:
        return False


class Source:
    """Sends into the pipeline whose first stage listens on `endpoint`."""

    def __init__(self, endpoint, name, host="127.0.0.1"):
        """`host` is an address of this machine, where the stage can reach it with its acknowledgements."""
        self.name = name
        self.epoch = random.getrandbits(64)
        self.batches = 0
        self.acks = make_socket(zmq.PULL)
        self.ack_endpoint = f"tcp://{host}:{self.acks.bind_to_random_port(f'tcp://{host}')}"
        self.output = make_socket(zmq.PUSH)
        self.output.connect(endpoint)

    def close(self):
        self.acks.close()
        self.output.close()

    def send(self, events):
        """Sends events (mentat.idea.v1.Event, serialised). The outcome of each, a pb.EventOutcome, once all are settled,
        however long that takes. Until it returns, keep them: if this process dies before, send them again, with the same IDs."""
        outcomes = [None] * len(events)
        taken = int(time.time() * 1_000_000)
        left = list(range(len(events)))
        pause = 0.1
        while left:
            self.batches += 1
            batch = pb.Batch(epoch=self.epoch, id=self.batches, ack_endpoint=self.ack_endpoint,
                             items=[pb.Item(event=events[index], received_at=taken) for index in left])
            settled = self._settle(batch)
            for index in left:
                outcomes[index] = pb.EventOutcome(kind=settled.kind)
            for exception in settled.exceptions:
                outcomes[left[exception.index]] = exception
            left = [index for index in left if outcomes[index].kind == pb.EventOutcome.KIND_RETRY]
            if left:
                time.sleep(pause)
                pause = min(2 * pause, 5)
        return outcomes

    def _settle(self, batch):
        """Sends one batch until it has an outcome."""
        receiver = self._greet(None)
        while True:
            batch.attempt += 1
            sent = time.monotonic()
            send(self.output, BATCH, batch)
            heard = greeted = sent
            while time.monotonic() - heard < SILENT_SECONDS:
                ack = receive(self.acks, [ACK], HELLO_SECONDS)
                if ack is not None and ack.epoch == self.epoch:
                    for outcome in ack.settled:
                        if outcome.id == batch.id:
                            return outcome
                    if ack.receiver_epoch != receiver:  # it was started anew, and knows nothing of the batch
                        receiver = ack.receiver_epoch
                        break
                    if any(ref.id == batch.id for ref in [*ack.begun, *ack.held, *ack.finished]):
                        heard = time.monotonic()
                if time.monotonic() - greeted >= HELLO_SECONDS:
                    greeted = time.monotonic()
                    self._say_hello()

    def _say_hello(self):
        nonce = random.getrandbits(64) or 1
        hello = pb.Hello(nonce=nonce, ack_endpoint=self.ack_endpoint, stage=self.name, instance=self.name,
                         ack_timeout_ms=int(SILENT_SECONDS * 1000))
        send(self.output, CONTROL, pb.Control(epoch=self.epoch, hello=hello))
        return nonce

    def _greet(self, receiver):
        """Until the stage answers: both directions work then. The epoch of the stage."""
        while receiver is None:
            nonce = self._say_hello()
            ack = receive(self.acks, [ACK], HELLO_SECONDS)
            if ack is not None and ack.epoch == self.epoch and ack.nonce == nonce and not ack.closed:
                receiver = ack.receiver_epoch
        return receiver


class Sink:
    """Takes events at `endpoint`, where the stage before has it among its peers."""

    def __init__(self, endpoint, take):
        """`take(events)` gets the serialised events of a batch and returns when they are safe: only then are they gone from
        where they came from. It should take well below five seconds. Events come at least once. If it raises, they come again."""
        self.take = take
        self.epoch = random.getrandbits(64)
        self.input = make_socket(zmq.PULL)
        self.input.bind(endpoint)
        self.senders = {}  # sockets for acknowledgements, by their endpoint
        self.backlog = collections.deque()
        self.settled = collections.OrderedDict()  # (epoch, id): BatchOutcome
        self.alone = None  # the isolated batch that waits for `go`, or whose sender has not said `release`
        self.alone_until = 0.0

    def run(self, keep_on=lambda: True):
        while keep_on():
            self.step(0.2)

    def step(self, seconds):
        """Takes what has come, within `seconds`, and at the most one batch to its end."""
        message = receive(self.input, [BATCH, CONTROL], 0 if self.backlog and self.alone is None else seconds)
        if isinstance(message, pb.Control):
            self._obey(message)
        elif message is not None:
            self.backlog.append(message)
        if self.alone is not None and time.monotonic() >= self.alone_until:
            self._give_up_waiting()
        if self.alone is None and self.backlog:
            self._begin(self.backlog.popleft())

    def _answer(self, batch, **what):
        self._push(batch.ack_endpoint, pb.Ack(epoch=batch.epoch, receiver_epoch=self.epoch, **what))

    def _push(self, endpoint, ack):
        if endpoint not in self.senders:
            self.senders[endpoint] = make_socket(zmq.PUSH)
            self.senders[endpoint].connect(endpoint)
        # A connection that is not there yet: the sender asks again.
        send(self.senders[endpoint], ACK, ack)

    def _obey(self, control):
        if control.HasField("hello"):
            held = [pb.BatchRef(id=batch.id, attempt=batch.attempt) for batch in [*self.backlog, *filter(None, [self.alone])]
                    if batch.epoch == control.epoch and (batch.epoch, batch.id) not in self.settled]
            self._push(control.hello.ack_endpoint,
                       pb.Ack(epoch=control.epoch, receiver_epoch=self.epoch, nonce=control.hello.nonce, held=held))
        if self.alone is None or control.epoch != self.alone.epoch:
            return
        if control.HasField("release") and control.release.id == self.alone.id:
            self.alone = None
        elif self.alone.id in [ref.id for ref in control.go] and (self.alone.epoch, self.alone.id) not in self.settled:
            self._work(self.alone)
            self.alone_until = time.monotonic() + RELEASE_SECONDS
            self._answer(self.alone, released=pb.BatchRef(id=self.alone.id, attempt=self.alone.attempt))

    def _begin(self, batch):
        known = self.settled.get((batch.epoch, batch.id))
        if known is not None:  # its sender has not heard the outcome
            self._answer(batch, settled=[known])
            return
        self._answer(batch, begun=[pb.BatchRef(id=batch.id, attempt=batch.attempt)])
        if batch.isolated:  # one of its events may have killed a worker: its sender has to know that it alone is worked on
            self.alone = batch
            self.alone_until = time.monotonic() + GO_SECONDS
        else:
            self._work(batch)

    def _work(self, batch):
        kinds = pb.EventOutcome
        outcome = pb.BatchOutcome(id=batch.id, attempt=batch.attempt, kind=kinds.KIND_STORED)
        # Dead letters are not to be opened, and nobody keeps them here. A heartbeat wants to know how long it took.
        for index, item in enumerate(batch.items):
            if item.HasField("dead_letter"):
                outcome.exceptions.add(index=index, kind=kinds.KIND_DEAD_LETTER, dead_letter=item.dead_letter)
        try:
            self.take([item.event for item in batch.items if item.event and not item.HasField("dead_letter")])
        except Exception as error:  # pylint: disable=broad-except
            print(f"batch {batch.id} was not taken, and will come again: {error!r}", flush=True)
            outcome = pb.BatchOutcome(id=batch.id, attempt=batch.attempt, kind=kinds.KIND_RETRY)
        self._remember(batch, outcome)

    def _remember(self, batch, outcome):
        self.settled[batch.epoch, batch.id] = outcome
        while len(self.settled) > REMEMBERED:
            self.settled.popitem(last=False)
        self._answer(batch, settled=[outcome])

    def _give_up_waiting(self):
        """The sender of an isolated batch says nothing: it has the batch back, or has gone."""
        batch, self.alone = self.alone, None
        if (batch.epoch, batch.id) not in self.settled:
            self._remember(batch, pb.BatchOutcome(id=batch.id, attempt=batch.attempt, kind=pb.EventOutcome.KIND_RETRY))
