"""Tests of `wsapp.commands.tracing`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from tests.outgoing.world import ClientCase
from tests.wire.case import Case
from tests.wire.machines import cut, frame
from wsapp.commands.tracing import Frames, traced
from wsapp.outgoing import dial
from wsapp.wire.frames import LARGE

STREAM = (
    frame(1, b"Hello", key=None)
    + frame(2, b"x" * 300, fin=False, rsv=4)
    + frame(9, b"hi")
    + frame(0, b"y" * 70_000)
    + frame(8, b"", key=None)
    + frame(11, b"z", key=None)
)
LINES = [
    "text, 5 bytes",
    "binary, 300 bytes, more follows, compressed, masked",
    "ping, 2 bytes, masked",
    "continuation, 70,000 bytes, masked",
    "close, 0 bytes",
    "opcode 11, 1 bytes",
]


class FramesTests(Case):
    """Frames of a stream."""

    def test_lines(self) -> None:
        """However it is cut."""
        for places in ([], list(range(0, len(STREAM), 1)), [1, 2, 8, 9, 10, 11, 12, 13, 350, 360]):
            told: list[str] = []
            frames = Frames(told.append)
            for piece in cut(STREAM, places):
                frames.feed(piece)
            self.assertEqual(told, LINES)

    def test_nothingIsKept(self) -> None:
        """A payload passes through."""
        frames = Frames(lambda line: None)
        frames.feed(frame(2, b"", size=1 << 40, key=None))
        for _ in range(10):
            frames.feed(b"x" * 10_000)
        self.assertLess(len(frames._head), 15)


class TracedTests(ClientCase):
    """Both ways of a connection."""

    def trace(self, version: str, message: str = "Hello") -> tuple[list[str], list[str]]:
        """What is told of a short conversation with an echo."""
        from wsapp.apps.echo import Echo

        self.serve(Echo())
        sent: list[str] = []
        received: list[str] = []
        dialing = traced(sent.append, received.append)(
            "ws://example.com/", version=version, endpoint=self.way, compression="off"
        )
        dialed = dial(dialing, None, self.clock, dialing.terms(self.clock), 30, lambda: None)
        self.settle()
        connection = self.successResultOf(dialed)
        connection.send(message)
        self.settle()
        self.assertEqual(self.successResultOf(connection.receive()), message)
        connection.close(1000, "bye")
        self.advance(1)
        return sent, received

    def test_rfc(self) -> None:
        """Frames."""
        sent, received = self.trace("13")
        self.assertEqual(sent, ["text, 5 bytes, masked", "close, 5 bytes, masked"])
        self.assertEqual(received, ["text, 5 bytes", "close, 2 bytes"])  # the code alone

    def test_large(self) -> None:
        """Messages that leave in pieces are listed as others are."""
        self.assertEqual(self.trace("13", "x" * LARGE)[0][0], "text, 16,384 bytes, masked")
        self.assertEqual(self.trace("hixie-76", "x" * LARGE)[0][0], "16,386 bytes")

    def test_hixie(self) -> None:
        """Bytes, where frames have no headers."""
        sent, received = self.trace("hixie-76")
        self.assertEqual(sent, ["7 bytes", "2 bytes"])
        self.assertEqual(received, ["7 bytes", "2 bytes"])
