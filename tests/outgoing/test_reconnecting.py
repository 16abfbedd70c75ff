"""Tests of `wsapp.outgoing.reconnecting`, in virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError

from tests.outgoing.world import ClientCase
from wsapp.errors import ConnectFailed, ConnectionClosed, SendBufferFull
from wsapp.limits import Limits
from wsapp.outgoing.reconnecting import ReconnectingClient
from wsapp.wire.events import Close


class ReconnectingCase(ClientCase):
    """A client that is running."""

    def start(self, hooks: object = None, **options: Any) -> ReconnectingClient:
        """Start one whose delays are exact."""
        options.setdefault("limits", Limits(pingInterval=float("inf")))
        client = ReconnectingClient(
            "ws://u:secret@example.com/",
            hooks,
            jitter=lambda: 0.0,
            reactor=self.clock,
            endpoint=self.way,
            **options,
        )
        client.startService()
        self.settle()
        return client

    def accept(self) -> None:
        """The server takes the connection that was made last."""
        self.way.line.accept()
        self.settle()

    def end(self, client: ReconnectingClient) -> None:
        """Stop; the server takes leave."""
        stopped = client.stopService()
        self.settle()
        if not stopped.called:
            line = self.way.line
            line.give(line.sender.close(1000, ""))
            self.settle()
            line.lose()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AttemptTests(ReconnectingCase):
    """When it connects."""

    def test_comesBack(self) -> None:
        """After an end of any kind, a while later; not longer after the next one, where it had lasted."""
        client = self.start()
        self.accept()
        for lines, reason in ((2, ConnectionLost), (3, ConnectionDone)):
            self.advance(11)
            self.way.line.lose(reason)
            self.assertIsNone(client.connection)
            self.advance(0.9)
            self.assertEqual(len(self.way.lines), lines - 1)
            self.advance(0.7)
            self.assertEqual(len(self.way.lines), lines)
            self.accept()
            self.assertIsNotNone(client.connection)
        self.end(client)

    def test_backoff(self) -> None:
        """Each attempt that fails, of whatever reason, waits longer, up to a bound."""
        self.way.answers = [ConnectionRefusedError() for _ in range(20)]
        client = self.start(delay=1, maxDelay=10)
        times = []
        for _ in range(12):
            before = self.way.attempts
            while self.way.attempts == before:
                self.advance(0.25)
            times.append(self.clock.seconds())
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        self.assertEqual(gaps, sorted(gaps))
        self.assertGreater(gaps[2], gaps[0])
        self.assertAlmostEqual(gaps[-1], 10, delta=0.5)
        self.end(client)

    def test_closedAtOnce(self) -> None:
        """So does a connection that the server ends at once; one that lasts makes the delays short again."""
        client = self.start(delay=1, maxDelay=60)
        gaps = []
        for lasted in (*[0] * 9, 9, 11, 0):
            self.accept()
            self.advance(lasted)
            line = self.way.line
            line.give(line.sender.close(1013, ""))
            self.settle()
            line.lose()
            ended = self.clock.seconds()
            while self.way.line is line:
                self.advance(0.25)
            gaps.append(self.clock.seconds() - ended)
        for gap, expected in zip(gaps, [*(1.5**n for n in range(1, 11)), 1.5, 1.5**2], strict=True):
            self.assertTrue(expected <= gap <= expected + 0.25, (gap, expected))
        self.end(client)

    def test_refusedCounts(self) -> None:
        """A handshake that is refused is no connection; what was queued stays."""
        client = self.start()
        sent = client.send("x")
        failing = client.whenConnected(failAfterFailures=1)
        self.way.line.give(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        self.way.line.lose()
        self.failureResultOf(failing, ConnectFailed)
        self.assertNoResult(sent)
        self.advance(3)
        self.accept()
        self.successResultOf(sent)
        self.assertEqual(self.way.line.heard, ["x"])
        self.end(client)

    def test_silentServer(self) -> None:
        """An attempt does not last for ever."""
        client = self.start(timeout=5)
        self.advance(7)
        self.assertEqual(len(self.way.lines), 2)
        self.end(client)

    def test_jitter(self) -> None:
        """By default two clients do not come back at the same time."""
        delays = {round(ReconnectingClient("ws://h/", reactor=self.clock)._policy(1), 9) for _ in range(20)}
        self.assertGreater(len(delays), 15)
        self.assertTrue(all(1.5 <= delay <= 2.5 for delay in delays), delays)


class SendTests(ReconnectingCase):
    """What is sent while there is no connection."""

    def test_queued(self) -> None:
        """It leaves in order, before what is sent later."""
        client = self.start()
        sent = [client.send(text) for text in "ab"]
        self.assertEqual([one.called for one in sent], [False, False])
        self.accept()
        client.send("c")
        self.settle()
        self.assertEqual(self.way.line.heard, ["a", "b", "c"])
        for one in sent:
            self.successResultOf(one)
        self.end(client)

    def test_closingServer(self) -> None:
        """What is sent once the server has said its Close waits for the next connection."""
        client = self.start()
        self.accept()
        line = self.way.line
        line.give(line.sender.close(1012, ""))
        client.send("x")
        self.settle()
        self.assertEqual(line.heard, [Close(1012, "")])
        line.lose()
        self.advance(3)
        self.accept()
        self.assertEqual(self.way.line.heard, ["x"])
        self.end(client)

    def test_bounded(self) -> None:
        """Not more than the send buffer's bytes wait."""
        client = self.start(limits=Limits(maxSendBuffer=100))
        kept = [client.send("x" * 60) for _ in range(2)]
        self.failureResultOf(client.send("y"), SendBufferFull)
        self.assertRaises(TypeError, client.send, 5)
        stopped = client.stopService()
        for one in kept:
            self.failureResultOf(one, ConnectionClosed)
        self.successResultOf(stopped)

    def test_bytesOverHixie(self) -> None:
        """One that cannot be sent does not keep the others."""
        client = self.start(version="hixie-76")
        wrong, right = client.send(b"bytes"), client.send("text")
        client.stopService()
        for one in (wrong, right):
            self.failureResultOf(one, ConnectionClosed)


class ReceiveTests(ReconnectingCase):
    """Messages of all its connections."""

    def test_iteration(self) -> None:
        """Goes on over reconnections, and ends with the service."""
        client = self.start()
        got: list[Any] = []

        async def collect() -> None:
            async for message in client:
                got.append(message)  # noqa: PERF401 (what has come so far is looked at)

        running = self.run_(collect())
        for text in "ab":
            self.accept()
            self.way.line.say(text)
            self.way.line.lose(ConnectionLost)
            self.advance(3)
        self.accept()
        self.assertEqual(got, ["a", "b"])
        self.assertNoResult(running)
        self.end(client)
        self.successResultOf(running)

    def test_startedAgain(self) -> None:
        """Another start, and messages come as before, after what had come and was not taken."""
        client = self.start()
        for text in "ab":
            self.accept()
            self.way.line.say(text)
            self.end(client)
            client.startService()
            self.settle()
        self.accept()
        self.way.line.say("c")
        self.assertEqual([self.successResultOf(client.receive()) for _ in "abc"], ["a", "b", "c"])
        self.end(client)
        self.failureResultOf(client.receive(), ConnectionClosed)

    def test_startedWhileStopping(self) -> None:
        """The end of the last connection is not the end of the next one."""
        client = self.start()
        self.accept()
        stopped = client.stopService()
        client.startService()
        self.settle()
        first, second = self.way.lines
        second.accept()
        first.give(first.sender.close(1000, ""))
        first.lose()
        self.settle()
        self.successResultOf(stopped)
        waiting = client.receive()
        second.say("x")
        self.settle()
        self.assertEqual(self.successResultOf(waiting), "x")
        self.end(client)

    def test_hooks(self) -> None:
        """Each connection has them called."""
        told: list[Any] = []

        class Hooks:
            def onConnect(self, connection: Any) -> None:
                told.append("connect")
                connection.send("hello")

            def onMessage(self, connection: Any, message: Any) -> None:
                told.append(message)

            def onDisconnect(self, connection: Any, reason: Any) -> None:
                told.append(reason.code)

        client = self.start(Hooks)
        client.send("queued")
        self.accept()
        self.assertEqual(self.way.line.heard, ["hello", "queued"])
        self.way.line.say("x")
        self.way.line.lose(ConnectionLost)
        self.advance(2)
        self.accept()
        self.assertEqual(told, ["connect", "x", 1006, "connect"])
        self.assertRaises(RuntimeError, client.receive)
        self.end(client)

    def test_slowReader(self) -> None:
        """No message is lost with its connection, and none overtakes it."""
        client = self.start(limits=Limits(maxQueue=2, pingInterval=float("inf")))
        self.accept()
        self.way.line.say(*"abcdefg")
        self.way.line.lose(ConnectionLost)
        self.advance(5)
        got = [self.successResultOf(client.receive()) for _ in "abcdefg"]
        self.advance(5)
        self.accept()
        self.way.line.say("h")
        got.append(self.successResultOf(client.receive()))
        self.assertEqual("".join(got), "abcdefgh")
        self.end(client)


class ServiceTests(ReconnectingCase):
    """Starting and stopping."""

    def test_stopWhileConnecting(self) -> None:
        """The attempt is given up."""
        cancelled: list[Any] = []
        self.way.answers = [Deferred(cancelled.append)]
        client = self.start()
        self.successResultOf(client.stopService())
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopWhileHandshaking(self) -> None:
        """So is one that waits for the answer."""
        client = self.start()
        self.successResultOf(client.stopService())
        self.assertEqual(self.way.line.transport.ended, "abort")

    def test_stopCloses(self) -> None:
        """With a closing handshake."""
        client = self.start()
        self.accept()
        stopped = client.stopService()
        self.settle()
        self.assertEqual(self.way.line.heard, [Close(1000, "")])
        self.assertNoResult(stopped)
        self.way.line.give(self.way.line.sender.close(1000, ""))
        self.way.line.lose()
        self.successResultOf(stopped)
        self.advance(30)
        self.assertEqual(len(self.way.lines), 1)

    def test_stopUnread(self) -> None:
        """Messages that nobody takes do not keep it from stopping, with the connection gone or not."""
        for gone in (True, False):
            client = self.start(limits=Limits(maxQueue=2, closeTimeout=5))
            self.accept()
            self.way.line.say(*"abcdefg")
            if gone:
                self.way.line.lose(ConnectionLost)
            stopped = client.stopService()
            if not gone:
                self.advance(6)
                self.assertEqual(self.way.line.transport.ended, "abort")
                self.way.line.lose(ConnectionLost)
            self.successResultOf(stopped)
            self.assertEqual(self.successResultOf(client.receive()), "a")

    def test_whenConnected(self) -> None:
        """The connection, now or later; nothing of a client that is not running."""
        client = self.start()
        waiting = client.whenConnected()
        self.assertNoResult(waiting)
        self.accept()
        self.assertIs(self.successResultOf(waiting), client.connection)
        self.assertIs(self.successResultOf(client.whenConnected()), client.connection)
        self.end(client)
        self.failureResultOf(client.whenConnected(), ConnectionClosed)

    def test_noSecrets(self) -> None:
        """Not in the ``repr``."""
        self.assertEqual(
            repr(ReconnectingClient("ws://a:secret@h/", reactor=self.clock, proxy=None)),
            "<ReconnectingClient to h>",
        )

    def test_arguments(self) -> None:
        """What cannot be is an error at once."""
        self.assertRaises(ValueError, ReconnectingClient, "http://h/", reactor=self.clock)
