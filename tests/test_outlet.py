"""Tests of `wsapp.outlet`; how responses use it is in `tests.test_plainhttp`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsapp.memory import MemoryTransport
from wsapp.outlet import PIECE, Outlet


class OutletTests(SynchronousTestCase):
    """What is handed over when, and what is said about it."""

    def setUp(self) -> None:
        self.transport = MemoryTransport(bufferSize=PIECE)
        self.moves: list[bool] = []
        self.told: list[str] = []
        self.outlet = Outlet(self.transport, self.moves.append)
        channel: Any = self
        self.outlet.producer = channel
        self.transport.registerProducer(self.outlet, True)

    # The channel

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")

    def test_small(self) -> None:
        """What the transport takes goes to it at once, and nobody is told of anything."""
        for _ in range(3):
            self.outlet.write(b"hello")
        self.outlet.write(b"")
        self.assertEqual(bytes(self.transport.written), b"hello" * 3)
        self.assertEqual((self.moves, self.told, self.outlet.full), ([], [], False))

    def test_large(self) -> None:
        """The transport holds two pieces at most; each time that it has sent them is told."""
        whole = bytes(range(256)) * 2048
        self.outlet.write(whole)
        self.outlet.write(b"end")
        got = b""
        while self.transport.written:
            self.assertLessEqual(len(self.transport.written), 2 * PIECE)
            self.assertEqual(self.moves[-1], self.transport._paused)
            got += bytes(self.transport.written)
            self.transport.written.clear()
            if self.transport._paused:
                self.transport._paused = False
                self.outlet.resumeProducing()
        self.assertEqual(got, whole + b"end")
        self.assertEqual(self.moves, [True] * 4 + [False])
        self.assertEqual(self.told, ["pause"] * 4 + ["resume"])

    def test_whenEmpty(self) -> None:
        """At once where nothing waits; else in the place of the channel's own resuming, once."""
        self.outlet.whenEmpty(lambda: self.told.append("empty"))
        self.assertEqual(self.told, ["empty"])
        self.outlet.write(b"x" * PIECE * 5)
        self.outlet.whenEmpty(lambda: self.told.append("empty"))
        self.assertNotIn("empty", self.told[1:])
        self.assertEqual(len(self.transport.take()), PIECE * 5)
        self.assertEqual(self.told[-1], "empty")
        self.assertEqual(self.told.count("empty"), 2)
        self.assertNotIn("resume", self.told)

    def test_stop(self) -> None:
        """The connection's end lets go of what waits."""
        self.outlet.write(b"x" * PIECE * 5)
        self.outlet.stopProducing()
        self.assertEqual(self.told[-1], "stop")
        self.transport.take()
        self.assertEqual(len(self.outlet._waiting), 0)

    def test_orphan(self) -> None:
        """A channel that has gone is told nothing; what it wrote leaves all the same."""
        self.outlet.write(b"x" * PIECE * 5)
        self.outlet.orphan()
        self.told.clear()
        self.assertEqual(len(self.transport.take()), PIECE * 5)
        self.outlet.write(b"x" * PIECE * 5)
        self.outlet.stopProducing()
        self.assertEqual(self.told, [])
