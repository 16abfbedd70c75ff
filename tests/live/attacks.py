"""Attackers: many non-blocking connections in one thread, that do what SECURITY.md says must not work.

``python -m tests.live.attacks NAME PORT`` waits for lines on its input: ``go`` attacks, ``halt`` closes all
connections and answers with a line of JSON that says what came of it.  The process is as nice as it can be,
for the machine is to be the server's.  Imports nothing of wsapp.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

from tests.live.helper import Helper
from tests.live.raw import BINARY, CLOSE, KEY, PING, TEXT, frame

__all__ = ["ATTACKS", "Attack", "Attacker", "Crowd", "Result"]

READ = 1 << 18

#: How many connections ended how, with which status and close code; and bytes.
Result = dict[str, int]


class Attacker:
    """One connection: what it sends, and whether it reads.

    :ivar pieces: What is sent, piece by piece; what comes behind a None waits for the crowd's next tick.
    :ivar reads: Whether it takes what the server sends.
    """

    def __init__(self, pieces: Iterator[bytes | None], *, reads: bool = True) -> None:
        self.pieces = pieces
        self.reads = reads
        self.socket = socket.socket()
        self.rest = memoryview(b"")
        self.waiting = False  # for the next tick
        self.over = False  # it has said all
        self.watched = 0  # what the selector looks for
        self.answer = b""


class Crowd:
    """So many attackers at once; one that is thrown out is followed by another.

    :param make: Makes an attacker.
    :param tick: Seconds between two ticks.
    :param reset: End connections with a reset, once everything is said.
    :param hangs: Stay when everything is said, until thrown out.
    """

    def __init__(
        self,
        port: int,
        make: Callable[[], Attacker],
        count: int,
        *,
        tick: float = 0.05,
        reset: bool = False,
        hangs: bool = True,
        again: bool = True,
    ) -> None:
        self.port = port
        self.make = make
        self.count = count
        self.tick = tick
        self.reset = reset
        self.hangs = hangs
        self.again = again
        self.selector = selectors.DefaultSelector()
        self.members: set[Attacker] = set()
        self.said: Counter[str] = Counter()
        self.sent = 0
        self.received = 0
        self.begun = 0

    def join(self) -> None:
        """One more connects."""
        attacker = self.make()
        attacker.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            attacker.socket.connect(("127.0.0.1", self.port))
        self.begun += 1
        self.members.add(attacker)
        self.watch(attacker)

    def watch(self, attacker: Attacker) -> None:
        """Have the selector look for what this one waits for."""
        wanted = selectors.EVENT_READ * attacker.reads | selectors.EVENT_WRITE * (not attacker.waiting)
        if wanted == attacker.watched:
            return
        if not wanted:
            self.selector.unregister(attacker.socket)
        elif attacker.watched:
            self.selector.modify(attacker.socket, wanted, attacker)
        else:
            self.selector.register(attacker.socket, wanted, attacker)
        attacker.watched = wanted

    def leave(self, attacker: Attacker, how: str) -> None:
        """One is gone."""
        self.members.discard(attacker)
        if attacker.watched:
            self.selector.unregister(attacker.socket)
        if self.reset:
            attacker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        attacker.socket.close()
        self.said[how] += 1
        if attacker.answer[:9] == b"HTTP/1.1 ":
            self.said[attacker.answer[9:12].decode()] += 1
        at = attacker.answer.rfind(b"\x88")
        if (
            0 <= at < len(attacker.answer) - 3
            and 2 <= attacker.answer[at + 1] == len(attacker.answer) - at - 2
        ):
            self.said[f"close {struct.unpack_from('>H', attacker.answer, at + 2)[0]}"] += 1

    def run(self, until: Callable[[], bool]) -> None:
        """Attack until it is enough."""
        ticked = time.monotonic()
        while not until():
            while len(self.members) < self.count and (self.again or self.begun < self.count):
                self.join()
            for key, events in self.selector.select(0.01):
                attacker = key.data
                try:
                    if events & selectors.EVENT_READ:
                        self.read(attacker)
                    if events & selectors.EVENT_WRITE and attacker in self.members:
                        self.write(attacker)
                except BlockingIOError:
                    pass
                except OSError:
                    self.leave(attacker, "reset")
            if time.monotonic() >= ticked + self.tick:
                ticked = time.monotonic()
                for attacker in list(self.members):
                    if attacker.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                        self.leave(attacker, "reset")
                    elif attacker.waiting and not attacker.over:
                        attacker.waiting = False
                        self.watch(attacker)

    def write(self, attacker: Attacker) -> None:
        """Send as much as goes, but let the others have their turn."""
        for _ in range(8):
            if not attacker.rest:
                piece = next(attacker.pieces, b"")
                attacker.over = piece == b""
                if attacker.over and not self.hangs:
                    self.leave(attacker, "left")
                    return
                if not piece:
                    attacker.waiting = True
                    self.watch(attacker)
                    return
                attacker.rest = memoryview(piece)
            sent = attacker.socket.send(attacker.rest)
            attacker.rest = attacker.rest[sent:]
            self.sent += sent

    def read(self, attacker: Attacker) -> None:
        """Take what comes."""
        data = attacker.socket.recv(READ)
        self.received += len(data)
        if not data:
            self.leave(attacker, "ended")
        # The beginning tells the status, the end the close code.
        answer = attacker.answer + data
        attacker.answer = answer if len(answer) < 400 else answer[:100] + answer[-200:]

    def end(self) -> Result:
        """:return: What came of it."""
        still = len(self.members)
        for attacker in list(self.members):
            self.leave(attacker, "stayed")
        return {**self.said, "begun": self.begun, "still": still, "sent": self.sent, "got": self.received}


# What they send.

Pieces = Iterator["bytes | None"]


def head(path: str = "/", *lines: str, version: int = 13) -> bytes:
    """:return: A handshake, with more lines; the port is not known here, and no matter."""
    return "\r\n".join(
        [
            f"GET {path} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {KEY}",
            f"Sec-WebSocket-Version: {version}",
            *lines,
            "",
            "",
        ]
    ).encode("latin-1")


def once(*pieces: bytes | None) -> Pieces:
    """These, and no more."""
    yield from pieces


def forever(first: bytes | None, *pieces: bytes | None) -> Pieces:
    """One, then the others for ever."""
    yield first
    while True:
        yield from pieces


def dripping(data: bytes) -> Pieces:
    """A byte each tick, then nothing."""
    for byte in data:
        yield bytes([byte])
        yield None


def cycling(heads: list[bytes]) -> Callable[[], Attacker]:
    """Each attacker sends another of these."""
    rounds = iter(range(1 << 60))
    return lambda: Attacker(once(heads[next(rounds) % len(heads)]))


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


def deflated(data: bytes) -> bytes:
    """:return: A compressed text, as one frame (RFC 7692 7.2.1)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    made = bytearray(frame(TEXT, packed[:-4], mask=bytes(4)))
    made[0] |= 0x40
    return bytes(made)


def bare(first: int, second: int, rest: bytes = b"") -> bytes:
    """:return: A frame's bytes as they stand."""
    return bytes([first, second]) + rest


EMPTY = bytes(4)  # a mask that changes nothing

#: RFC 6455 5.2's prohibitions, each a frame that breaks one.
VIOLATIONS = [
    bare(0x81, 0x01, b"x"),
    bare(0xC1, 0x80, EMPTY),
    bare(0x83, 0x80, EMPTY),
    bare(0x8B, 0x80, EMPTY),
    bare(0x09, 0x80, EMPTY),
    bare(0x89, 0xFE, b"\x00\x7e" + EMPTY + bytes(126)),
    bare(0x80, 0x80, EMPTY),
    bare(0x01, 0x80, EMPTY) + bare(0x81, 0x80, EMPTY),
    bare(0x81, 0xFE, b"\x00\x05" + EMPTY + bytes(5)),
    bare(0x81, 0xFF, b"\xff" * 8 + EMPTY),
    bare(0x88, 0x81, EMPTY + b"x"),
    bare(0x88, 0x82, EMPTY + struct.pack(">H", 1005)),
    bare(0x88, 0x83, EMPTY + struct.pack(">H", 1000) + b"\xff"),
    bare(0x81, 0x81, EMPTY + b"\xff"),
    bare(0x01, 0x82, EMPTY + b"\xce\xba") + bare(0x80, 0x81, EMPTY + b"\xed"),
]

#: Handshakes that are refused.
BAD_HEADS = [
    b"BAD\r\n\r\n",
    head("/", "Host: another"),
    head("/", "X: a\x0bb"),
    head("/", "X: a\x00b"),
    head("/", " folded"),
    head("/", "X : y"),
    head("/", "Content-Length: 5"),
    head("/", "Content-Length: 5", "Transfer-Encoding: chunked"),
    head().replace(KEY.encode(), b"c2hvcnQ="),
    head().replace(b"GET", b"POST"),
    head().replace(b"HTTP/1.1", b"HTTP/1.0"),
    head(version=99),
    head("/", "Origin: http://evil.example"),
    head("/", "Origin: null"),
    head().replace(b"Host: localhost", b"Host: rebound.example"),
    head("/nobody"),
]

HIXIE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://localhost\r\n"
    b"Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8\r\n"
    b"Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0\r\n\r\n"
)

HIXIE75 = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Origin: http://localhost\r\n\r\n"
)


def posted(body: bytes, line: str) -> bytes:
    """:return: A plain request with a body."""
    return f"POST / HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode() + body


def form(body: bytes) -> bytes:
    """:return: One that calls itself a form."""
    return posted(body, f"Content-Type: multipart/form-data; boundary=b0\r\nContent-Length: {len(body)}")


def nested(depth: int) -> bytes:
    """:return: The beginning of a form, whose only part is one of a part, and so on."""
    parts = (b"Content-Type: multipart/x; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1, depth))
    return b"\r\n--b0\r\n" + b"".join(parts)


#: What Python's email parser takes half a minute for, and what makes it raise what nobody expects.
FORMS = [
    form(nested(300).ljust(1 << 20, b"\n")),
    form(b"\r\n--b0\r\nContent-Disposition: form-data; name*=utf-8''x\r\n\r\nv\r\n--b0--\r\n"),
    form(nested(2000)),
]
REQUESTS = b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 9000
CHUNKS = posted(b"1\r\nx\r\n" * 170_000 + b"0\r\n\r\n", "Transfer-Encoding: chunked")

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) * 4

UNFINISHED = bare(0x82, 0xFF, struct.pack(">Q", 1 << 20) + EMPTY)
EMPTIES = frame(TEXT, b"", mask=EMPTY) * 43_690
BOMB = deflated(b"a" * (64 << 20))
LARGEST = deflated(b"a" * (1 << 20))
PINGS = frame(PING, b"x" * 125, mask=EMPTY) * 2000
FRAGMENTS = bare(0x01, 0x80, EMPTY) + bare(0x00, 0x80, EMPTY) * 200_000
FRAGMENTS1 = bare(0x01, 0x81, EMPTY + b"x") + bare(0x00, 0x81, EMPTY + b"x") * 200_000
CHUNK = frame(BINARY, bytes(60_000), mask=EMPTY) * 4


def crowd(
    count: int, make: Callable[[], Pieces], *, reads: bool = True, **options: bool | float
) -> Callable[[int], Crowd]:
    """:return: What makes a crowd against a port, of attackers that all send the same."""
    return lambda port: Crowd(port, lambda: Attacker(make(), reads=reads), count, **options)  # type: ignore[arg-type]


#: Every attack by name.
ATTACKS: dict[str, Callable[[int], Crowd]] = {
    # the opening handshake
    "trickle": crowd(300, lambda: dripping(head("/", *["X: y"] * 100)), tick=0.1),
    "silence": crowd(300, lambda: once(b"")),
    "partial line": crowd(300, lambda: once(b"GET / HTTP/1.1\r\nHost: loc")),
    "tls hello": crowd(20, lambda: once(HELLO)),
    "garbage": crowd(20, lambda: once(bytes(range(256)) * 64)),
    "large head": crowd(20, lambda: forever(head()[:-2], b"X: " + b"y" * 8000 + b"\r\n")),
    "long line": crowd(20, lambda: forever(b"GET /", b"y" * 65536)),
    "many headers": crowd(20, lambda: forever(head()[:-2], b"X: y\r\n" * 1000)),
    "bad heads": lambda port: Crowd(port, cycling(BAD_HEADS), 20),
    "hixie without key3": crowd(300, lambda: once(HIXIE)),
    "hixie length": crowd(20, lambda: forever(HIXIE + b"^n:ds[4U\x80", b"\xff" * 65536)),
    "hixie text": crowd(20, lambda: forever(HIXIE + b"^n:ds[4U\x00", b"x" * 65536)),
    "hixie discarded": crowd(1, lambda: forever(HIXIE75, b"\x01\xff" * 100_000, None), tick=0.4),
    "no keep": crowd(100, lambda: once(head()), hangs=False, reset=True),
    # plain HTTP
    "forms": crowd(3, lambda: forever(b"\r\n", *FORMS)),
    "pipelined": crowd(4, lambda: forever(b"\r\n", REQUESTS)),
    "tiny chunks": crowd(4, lambda: forever(b"\r\n", CHUNKS)),
    # frames
    "violations": lambda port: Crowd(port, cycling([head() + one for one in VIOLATIONS]), 20),
    "declared length": crowd(20, lambda: once(head() + bare(0x82, 0xFF, struct.pack(">Q", 1 << 62) + EMPTY))),
    "length after fragment": crowd(
        20,
        lambda: once(
            head()
            + frame(BINARY, b"x", final=False)
            + bare(0x80, 0xFF, struct.pack(">Q", (1 << 63) - 1) + EMPTY)
        ),
    ),
    "empty fragments": crowd(4, lambda: once(head(), FRAGMENTS)),
    "small fragments": crowd(4, lambda: once(head(), FRAGMENTS1)),
    "byte by byte": crowd(
        100, lambda: forever(head(), *[bytes([byte]) for byte in frame(TEXT, b"x" * 1000)]), reads=True
    ),
    "unfinished frames": crowd(50, lambda: forever(head() + UNFINISHED, b"x" * 100, None), tick=0.01),
    "bomb": crowd(10, lambda: once(head("/", DEFLATE) + BOMB)),
    "bad deflate": crowd(20, lambda: once(head("/", DEFLATE) + bare(0xC1, 0x85, EMPTY + b"\xff" * 5))),
    "inflating burst": crowd(3, lambda: forever(head("/?mute", DEFLATE), LARGEST * 100)),
    "inflating echo": crowd(3, lambda: forever(head("/", DEFLATE), LARGEST * 100), reads=False),
    "empty messages": crowd(10, lambda: forever(head("/?mute"), EMPTIES)),
    "empty echo": crowd(10, lambda: forever(head(), EMPTIES)),
    # flow
    "pings": crowd(10, lambda: forever(head(), PINGS), reads=False),
    "echo": crowd(10, lambda: forever(head(), CHUNK), reads=False),
    "deaf": crowd(50, lambda: once(head()), reads=False),
    "no close": crowd(20, lambda: once(head() + bare(0x81, 0x81, EMPTY + b"\xff"))),
    "after close": crowd(20, lambda: forever(head() + frame(CLOSE, struct.pack(">H", 1000)), CHUNK)),
    "slow hook": crowd(10, lambda: forever(head("/?slow"), CHUNK)),
    # the process
    "come and go": crowd(20, lambda: once(head()), hangs=False),
    "connect and close": crowd(20, lambda: once(), hangs=False),
    "reset amid": crowd(
        20, lambda: once(head() + frame(TEXT, b"x" * 1000)[:500], None), hangs=False, reset=True
    ),
}


class Attack(Helper):
    """The process of one attack, as a test sees it."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__("tests.live.attacks", name, str(port))
        self.hear()

    def go(self) -> None:
        """Attack."""
        self.say("go")

    def halt(self) -> Result:
        """:return: What came of it."""
        self.say("halt")
        found: Result = self.hear()
        return found


def main() -> None:
    """Attack whenever told to."""
    os.nice(10)
    name, port = sys.argv[1], int(sys.argv[2])
    print("{}", flush=True)
    orders = selectors.DefaultSelector()
    orders.register(sys.stdin, selectors.EVENT_READ)
    while sys.stdin.readline():
        attackers = ATTACKS[name](port)
        attackers.run(lambda: bool(orders.select(0)))
        sys.stdin.readline()
        print(json.dumps(attackers.end()), flush=True)


if __name__ == "__main__":
    main()
