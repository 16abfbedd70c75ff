"""Tests of `wsapp.heads`: who is told of what a connection asks."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsapp.errors import HandshakeError, ServerFull
from wsapp.fairness import Fairness
from wsapp.heads import Queued, ReadingHead, Refusing
from wsapp.limits import Limits
from wsapp.wire.selection import RequestHead

PLAIN = b"GET /page HTTP/1.1\r\nHost: example.org\r\n\r\n"
UPGRADE = b"GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Told:
    """A connection that writes down what it is told."""

    def __init__(self) -> None:
        self.transport: Any = StringTransport()
        self.told: list[tuple[object, ...]] = []

    def upgrade(self, head: RequestHead, rest: bytes) -> None:
        self.told.append(("upgrade", head.target, rest))

    def plain(self, head: RequestHead, data: bytes, start: int) -> None:
        self.told.append(("plain", head.target, data[start:]))

    def askedByFlash(self, data: bytes) -> None:
        self.told.append(("flash", data))

    def refused(self, error: HandshakeError) -> None:
        self.told.append(("refused", error.status))

    def hangUp(self) -> None:
        self.told.append(("hung up",))


class HeadTests(SynchronousTestCase):
    """A head, in any pieces."""

    def setUp(self) -> None:
        self.connection = Told()
        self.begun = 0

    def first(self) -> ReadingHead:
        """:return: The phase of a connection's first request."""
        return ReadingHead(self.connection, Limits(), None)

    def next(self) -> ReadingHead:
        """:return: The phase of another request."""
        return ReadingHead(self.connection, Limits(), self.begin)

    def begin(self) -> None:
        self.begun += 1

    def test_kinds(self) -> None:
        """An opening handshake or a plain request, each with what came behind it."""
        for data, kind, target in ((UPGRADE, "upgrade", "/chat"), (PLAIN, "plain", "/page")):
            for phase in (self.first(), self.next()):
                phase.receive(data + b"more")
                self.assertEqual(self.connection.told, [(kind, target, b"more")])
                self.connection.told.clear()

    def test_pieces(self) -> None:
        """One byte at a time: told once, when it is whole."""
        phase = self.first()
        for byte in UPGRADE:
            self.assertEqual(self.connection.told, [])
            phase.receive(bytes([byte]))
        self.assertEqual(self.connection.told, [("upgrade", "/chat", b"")])

    def test_start(self) -> None:
        """A head may begin anywhere in what has come, be it larger than what is looked at at once."""
        lines = b"".join(b"X: %s\r\n" % (b"y" * 4000) for _ in range(3))
        large = PLAIN[:-2] + lines + b"\r\n"
        for data in (PLAIN, large):
            for before in (0, 1, 20_000):
                for rest in (b"", b"more", PLAIN * 1000):
                    self.next().receive(b"x" * before + data + rest, before)
                    self.assertEqual(self.connection.told.pop(), ("plain", "/page", rest))
        self.next().receive(b"x" + b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000, 1)
        self.assertEqual(self.connection.told, [("refused", 431)])

    def test_begun(self) -> None:
        """The first byte of a further request is told of, once; until then it is only expected."""
        phase = self.next()
        self.assertTrue(phase.expected)
        phase.receive(b"")
        self.assertEqual((self.begun, phase.expected), (0, True))
        phase.receive(b"G")
        phase.receive(b"ET")
        self.assertEqual((self.begun, phase.expected), (1, False))
        self.assertFalse(self.first().expected)

    def test_flash(self) -> None:
        """Only a connection's first byte can be that of a Flash policy request."""
        self.first().receive(b"<policy-file-request/>\0")
        self.assertEqual(self.connection.told, [("flash", b"<policy-file-request/>\0")])
        self.connection.told.clear()
        self.next().receive(b"<policy-file-request/>\0\r\n")
        self.assertEqual(self.connection.told, [("refused", 400)])

    def test_refused(self) -> None:
        """What is no head is refused; one connection too many whatever it asks, but not before."""
        self.first().receive(b"nonsense\r\n\r\n")
        self.assertEqual(self.connection.told, [("refused", 400)])
        self.connection.told.clear()
        refusing = Refusing(self.connection, ServerFull("too many"))
        self.assertEqual(self.connection.told, [])
        refusing.receive(b"G")
        self.assertEqual(self.connection.told, [("refused", 503)])

    def test_stop(self) -> None:
        """Nobody who has yet to ask is waited for."""
        self.first().stop()
        Refusing(self.connection, ServerFull("too many")).stop()
        self.assertEqual(self.connection.told, [("hung up",)] * 2)


class QueuedTests(SynchronousTestCase):
    """The next request is here, but others come first."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = Told()
        self.turns: list[tuple[bytes, int]] = []
        self.queued = Queued(
            self.connection,
            Fairness(self.clock),
            b"last next",
            5,
            lambda data, start: self.turns.append((data, start)),
        )

    def reading(self) -> bool:
        """:return: Whether the transport reads."""
        return bool(self.connection.transport.producerState == "producing")

    def test_turn(self) -> None:
        """In another turn it is looked at, and until then nothing is read."""
        self.assertEqual((self.reading(), self.turns), (False, []))
        self.clock.advance(0)
        self.assertEqual((self.reading(), self.turns), (True, [(b"last next", 5)]))

    def test_more(self) -> None:
        """What comes all the same is behind it."""
        self.queued.receive(b" and")
        self.queued.receive(b" more")
        self.clock.advance(0)
        self.assertEqual(self.turns, [(b"next and more", 0)])

    def test_over(self) -> None:
        """Its turn does not come where the connection has ended, or the server stops."""
        self.queued.lost(Failure(ConnectionDone()))
        self.clock.advance(0)
        self.assertEqual((self.turns, self.connection.told), ([], []))
        self.setUp()
        self.queued.stop()
        self.clock.advance(0)
        self.assertEqual((self.turns, self.connection.told, self.reading()), ([], [("hung up",)], True))
