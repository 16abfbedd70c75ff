"""``python -m tests.fuzz.work``: instructions of the compiled build, at one size and at four times that.

Under ``valgrind --tool=callgrind``, which counts each; a call of ``getsid`` marks where a case begins and
ends.  Four times the input, in four times the pieces, may take four times the instructions and a little more.
Exits 1 where something takes more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.wire.machines import WIRES, deflated, frame
from wsapp.errors import HandshakeError
from wsapp.limits import Limits
from wsapp.wire.deflate import Compression
from wsapp.wire.selection import HeadReader, accelerated
from wsapp.wire.versions import VERSIONS, negotiate

__all__ = ["CASES", "Case"]

#: Four times the input may cost so many times as much.
MOST = 4.4
_MANY = Limits(maxMessage=1 << 24, maxFragments=1 << 24, maxHead=1 << 24, maxLine=1 << 24, maxHeaders=1 << 24)


class Case(NamedTuple):
    """One kind of input.

    :ivar size: Its smaller size.
    :ivar run: Takes a size, in bytes or in frames, and prepares what is to be counted.
    """

    size: int
    run: Callable[[int], Callable[[], object]]


def _stream(name: str, of: Callable[[int], bytes], piece: int) -> Callable[[int], Callable[[], object]]:
    """A stream that comes in pieces."""

    def prepared(size: int) -> Callable[[], object]:
        data, receiver = of(size), WIRES[name].receiver(_MANY)
        pieces = [data[start : start + piece] for start in range(0, len(data), piece)]

        def run() -> None:
            for one in pieces:
                receiver.receive(one)
                while not receiver.hungry:
                    receiver.next(16, 1 << 20)

        return run

    return prepared


def _head(of: Callable[[int], bytes], piece: int) -> Callable[[int], Callable[[], object]]:
    """A request that comes in pieces, and is negotiated."""

    def prepared(size: int) -> Callable[[], object]:
        data, reader = of(size), HeadReader(_MANY)
        pieces = [
            data[start : start + (piece or len(data))] for start in range(0, len(data), piece or len(data))
        ]

        def run() -> None:
            try:
                for one in pieces:
                    head = reader.receive(one)
                    if head is not None:
                        opening = negotiate(head, frozenset(VERSIONS))
                        opening.accept(None, [], "ws://example.com/", Compression.TAKEOVER)
            except HandshakeError:
                pass

        return run

    return prepared


def _request(fields: bytes) -> bytes:
    return (
        b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + fields + b"\r\n"
    )


def _offers(unit: bytes) -> Callable[[int], bytes]:
    return lambda size: _request(b"Sec-WebSocket-Extensions: " + unit * size + b"\r\n")


_RFC, _DEFLATE = "RFC 6455, from a client", "deflate takeover, from a client"

CASES = {
    "one frame, byte by byte": Case(8000, _stream(_RFC, lambda size: frame(2, b"x" * size), 1)),
    "one text, byte by byte": Case(6000, _stream(_RFC, lambda size: frame(1, "é".encode() * (size // 2)), 1)),
    "one large frame, in reads": Case(4_000_000, _stream(_RFC, lambda size: frame(2, b"x" * size), 65536)),
    "one large text, in reads": Case(
        1_000_000, _stream(_RFC, lambda size: frame(1, "a€".encode() * (size // 4)), 65536)
    ),
    "fragments of a byte, at once": Case(
        32768,
        _stream(
            _RFC,
            lambda size: frame(2, b"x", fin=False) + frame(0, b"x", fin=False) * (size - 2) + frame(0, b"x"),
            1 << 30,
        ),
    ),
    "fragments of a byte, one by one": Case(
        8000, _stream(_RFC, lambda size: frame(1, b"x", fin=False) + frame(0, b"x", fin=False) * size, 7)
    ),
    "small messages, at once": Case(8000, _stream(_RFC, lambda size: frame(1, b"abc") * size, 1 << 30)),
    "pings, byte by byte": Case(500, _stream(_RFC, lambda size: frame(9, b"ping") * size, 1)),
    "deflate, byte by byte": Case(
        4000, _stream(_DEFLATE, lambda size: frame(2, deflated(os.urandom(size)), rsv=4), 1)
    ),
    "deflated messages, at once": Case(
        1000, _stream(_DEFLATE, lambda size: frame(1, deflated(b"Hello" * 9), rsv=4) * size, 1 << 30)
    ),
    "what inflates a thousandfold": Case(
        1_000_000, _stream(_DEFLATE, lambda size: frame(2, deflated(bytes(size)), rsv=4), 100)
    ),
    "hixie, byte by byte": Case(6000, _stream("hixie-76", lambda size: b"\x00" + b"x" * size + b"\xff", 1)),
    "hixie's messages, at once": Case(6000, _stream("hixie-76", lambda size: b"\x00abc\xff" * size, 1 << 30)),
    "a head, byte by byte": Case(4000, _head(lambda size: _request(b"X: " + b"x" * size + b"\r\n"), 1)),
    "a head of many lines, byte by byte": Case(500, _head(lambda size: _request(b"X: abc\r\n" * size), 1)),
    "a head of many lines, at once": Case(3000, _head(lambda size: _request(b"X: abc\r\n" * size), 0)),
    "a head of blanks": Case(8000, _head(lambda size: _request(b"X: a" + b" " * size + b"a \x01\r\n"), 0)),
    "a head of commas": Case(
        3000, _head(lambda size: _request(b"Connection: " + b"a, " * size + b"\r\n"), 0)
    ),
    **{
        f"offers of {unit.decode()}": Case(1500, _head(_offers(unit), 0))
        for unit in (b"permessage-deflate; x, ", b'a="x, ', b'a="\\"', b"a=  ", b"a;", b'a="b" ', b"  ")
    },
}


def _count() -> None:
    """Under callgrind: run each case at both sizes, between marks."""
    for case in CASES.values():
        case.run(10)()  # whatever is made once
        for size in (case.size, 4 * case.size):
            run = case.run(size)
            os.getsid(0)
            run()
            os.getsid(0)


def _totals(folder: Path) -> Iterator[int]:
    """What callgrind has counted up to each mark, from the last one on."""
    for number in range(1, 4 * len(CASES) + 1):
        text = (folder / f"out.{number}").read_text()
        found = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        assert found is not None
        yield int(found[1])


def main() -> int:
    """:return: The exit status."""
    if not accelerated:
        print("the byte path is not compiled here", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                "valgrind",
                "--quiet",
                "--tool=callgrind",
                "--dump-before=getsid",
                f"--callgrind-out-file={folder}/out",
                sys.executable,
                "-c",
                "from tests.fuzz import work; work._count()",
            ],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        totals = list(_totals(Path(folder)))
    wrong = 0
    for number, name in enumerate(CASES):
        # Marks stand before and behind each run: every second count is a run's.
        once, more = totals[4 * number + 1], totals[4 * number + 3]
        wrong += more > MOST * once
        print(f"{'TOO MUCH' if more > MOST * once else 'good':8} {more / once:5.2f} {once:12,} {name}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
