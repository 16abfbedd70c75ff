"""Tests of `wsapp.outgoing.conversation`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionLost

from tests.outgoing.world import ClientCase
from wsapp.client import Disconnection
from wsapp.errors import ConnectionClosed, SendBufferFull
from wsapp.limits import Limits
from wsapp.outgoing.conversation import ClientConnection, closedBy
from wsapp.wire.events import Close

KIB = b"k" * 1024


class SendTests(ClientCase):
    """Sending, no faster than the server reads."""

    def setUp(self) -> None:
        super().setUp()
        self.connection = self.open(limits=Limits(maxSendBuffer=4096, pingInterval=float("inf")))
        self.line = self.way.line
        self.line.transport.bufferSize = 1000

    def fill(self) -> Any:
        """Send until the buffer is full.

        :return: The last send's Deferred.
        """
        for _ in range(100):
            sent = self.connection.send(KIB)
            self.clock.advance(0)
            if not sent.called:
                return sent
        self.fail("never full")

    def test_atOnce(self) -> None:
        """Where there is room nobody waits."""
        self.successResultOf(self.connection.send("a"))
        self.successResultOf(self.connection.send(b"b"))
        self.settle()
        self.assertEqual(self.line.heard, ["a", b"b"])

    def test_full(self) -> None:
        """Then who sends waits until it has drained; order is kept, also with those who did not wait."""
        first = self.fill()
        sent = [self.connection.send(f"{number}") for number in range(3)]
        self.assertEqual([one.called for one in (first, *sent)], [False] * 4)
        events = []
        for _ in range(10):
            events += self.line.heard
            self.clock.advance(0)
        self.assertEqual(events[-3:], ["0", "1", "2"])
        for one in (first, *sent):
            self.successResultOf(one)
        self.successResultOf(self.connection.send("later"))

    def test_overfull(self) -> None:
        """Who never waits is told, and the connection stays."""
        self.fill()
        held = [self.connection.send(KIB) for _ in range(4)]
        failed = self.connection.send("too much")
        self.failureResultOf(failed, SendBufferFull)
        events = []
        for _ in range(20):
            events += self.line.heard
            self.clock.advance(0)
        self.assertNotIn("too much", events)
        for one in held:
            self.successResultOf(one)
        self.assertIsNone(self.line.transport.ended)

    def test_closeBehindWhatIsHeld(self) -> None:
        """Everything sent before a close leaves before it; nothing after."""
        self.fill()
        held = self.connection.send("last")
        self.connection.close(4000, "bye")
        self.failureResultOf(self.connection.send("after"), ConnectionClosed)
        events = []
        for _ in range(20):
            events += self.line.heard
            self.clock.advance(0)
        self.assertEqual(events[-2:], ["last", Close(4000, "bye")])
        self.successResultOf(held)

    def test_lost(self) -> None:
        """Who waits is told when the connection ends."""
        waiting = [self.fill(), self.connection.send("held")]
        self.line.lose(ConnectionLost)
        for one in waiting:
            self.failureResultOf(one, ConnectionClosed)
        self.failureResultOf(self.connection.send("x"), ConnectionClosed)
        self.assertEqual(self.connection.bufferedAmount, 0)

    def test_nobodyWaits(self) -> None:
        """Failures that nobody looks at are no errors in the log."""
        self.fill()
        self.connection.send("held")
        self.line.lose(ConnectionLost)
        self.connection.send("x")
        self.connection.ping()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stalled(self) -> None:
        """A server that does not read is given up in the end."""
        self.fill()
        self.connection.send("held")
        self.advance(30)
        self.assertEqual(self.line.transport.ended, "abort")

    def test_types(self) -> None:
        """Text or bytes."""
        self.assertRaises(TypeError, self.connection.send, 5)
        self.assertRaises(ValueError, self.connection.close, 1005)
        self.assertRaises(UnicodeEncodeError, self.connection.send, "\ud800")


class ReceiveTests(ClientCase):
    """Taking messages one by one."""

    async def collect(self, connection: ClientConnection, into: list[Any]) -> None:
        """All messages."""
        async for message in connection:
            into.append(message)  # noqa: PERF401 (what came before an error counts too)

    def test_cleanEnds(self) -> None:
        """A close in order ends the loop."""
        for code in (1000, 1001, 1005):
            connection = self.open()
            got: list[Any] = []
            running = self.run_(self.collect(connection, got))
            self.way.line.say("a", b"b")
            self.assertEqual(got, ["a", b"b"])
            self.way.line.give(self.way.line.sender.close(code, ""))
            self.settle()
            self.way.line.lose()
            self.successResultOf(running)
            self.assertEqual(connection.closed, Disconnection(code, "", True))

    def test_otherEnds(self) -> None:
        """Any other is an error, with code and reason."""
        for code, reason in ((1011, "oh"), (4001, "no")):
            connection = self.open()
            running = self.run_(self.collect(connection, []))
            self.way.line.give(self.way.line.sender.close(code, reason))
            self.settle()
            self.way.line.lose()
            error = self.failureResultOf(running, ConnectionClosed).value
            self.assertEqual((error.code, error.reason), (code, reason))
        connection = self.open()
        running = self.run_(self.collect(connection, []))
        self.way.line.lose(ConnectionLost)
        self.assertEqual(self.failureResultOf(running, ConnectionClosed).value.code, 1006)

    def test_ownClose(self) -> None:
        """One's own close ends it, whatever its code; what the server sent before its own is not lost."""
        connection = self.open()
        got: list[Any] = []
        running = self.run_(self.collect(connection, got))
        connection.close(4002, "enough")
        self.way.line.say("late")
        self.way.line.give(self.way.line.sender.close(4002, ""))
        self.settle()
        self.way.line.lose()
        self.successResultOf(running)
        self.assertEqual(got, ["late"])

    def test_slowReader(self) -> None:
        """Who takes nothing makes the server wait; nothing is lost when it has gone."""
        connection = self.open(limits=Limits(maxQueue=4))
        texts = [str(number) for number in range(50)]
        self.way.line.say(*texts)
        self.assertFalse(self.way.line.transport.reading)
        self.way.line.give(self.way.line.sender.close(1000, ""))
        self.assertTrue(self.way.line.unread)
        got = [self.successResultOf(connection.receive()) for _ in texts]
        self.settle()
        self.way.line.lose()
        self.assertEqual(got, texts)
        self.failureResultOf(connection.receive(), ConnectionClosed)

    def test_lostWithMessagesLeft(self) -> None:
        """What was read when the connection ended can be taken still, and then its end is known."""
        connection = self.open(limits=Limits(maxQueue=2))
        texts = [str(number) for number in range(7)]
        self.way.line.say(*texts)
        self.way.line.lose(ConnectionLost)
        self.assertIsNone(connection.closed)
        self.assertEqual([self.successResultOf(connection.receive()) for _ in texts], texts)
        self.failureResultOf(connection.receive(), ConnectionClosed)
        self.assertEqual(connection.closed, Disconnection(1006, "", False))

    def test_leavingDoesNotWait(self) -> None:
        """Who closes need not take what has come: whenClosed() fires all the same."""
        connection = self.open(limits=Limits(maxQueue=2, closeTimeout=5))
        self.way.line.say(*map(str, range(9)))
        closing = connection.close()
        self.advance(6)
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.lose(ConnectionLost)
        self.assertEqual(self.successResultOf(closing).code, 1000)
        self.assertEqual(self.successResultOf(connection.receive()), "0")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_with(self) -> None:
        """Leaving an ``async with`` closes."""
        connection = self.open()

        async def visit() -> None:
            async with connection as same:
                self.assertIs(same, connection)
                same.send("hi")

        running = self.run_(visit())
        self.assertEqual(self.way.line.heard, ["hi", Close(1000, "")])
        self.assertNoResult(running)
        self.way.line.give(self.way.line.sender.close(1000, ""))
        self.way.line.lose()
        self.successResultOf(running)


class FactsTests(ClientCase):
    """What it says of itself."""

    def test_url(self) -> None:
        """Without credentials."""
        connection = self.open(url="ws://ann:secret@example.com:81/a?b")
        self.assertEqual(connection.url, "ws://example.com:81/a?b")
        self.assertEqual(repr(connection), "<ClientConnection to ws://example.com:81/a?b>")
        self.assertEqual(connection.peer, "192.0.2.1")
        self.assertNotIn("secret", repr(connection.request))

    def test_headers(self) -> None:
        """Those of the 101."""
        connection = self.open(None, "X-A: b", "Set-Cookie: c=d")
        self.assertEqual(connection.headers.get("set-cookie"), "c=d")

    def test_abort(self) -> None:
        """At once, without a closing handshake; once more does nothing."""
        connection = self.open()
        connection.abort()
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.lose(ConnectionLost)
        connection.abort()
        closed = self.successResultOf(connection.whenClosed())
        self.assertEqual(closed, Disconnection(1006, "", False))
        self.assertEqual(
            str(closedBy(closed)), "the connection was closed with 1006, without a closing handshake"
        )

    def test_closedTwice(self) -> None:
        """The first close counts."""
        connection = self.open()
        connection.close(4000, "one")
        connection.close(4001, "two")
        self.settle()
        self.assertEqual(self.way.line.heard, [Close(4000, "one")])
