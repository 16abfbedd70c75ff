"""Both ends of resumption together: connections cut anywhere, and what the applications see of it.

``WSAPP_CUTS=all`` cuts at every byte, which takes long; else at a sample of them.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from tests.outgoing.world import Bridge, ClientCase, Line, Way
from wsapp import App, Limits, ReconnectingClient
from wsapp.errors import SendBufferFull
from wsapp.service import Server

LIMITS = Limits(pingInterval=1e6, closeTimeout=1)

#: Messages each way.
MANY = 1000
#: How many each side sends at a time.
BATCH = 50


class Talker(App):
    """The server's side: once it is spoken to, it counts for its client, and writes down what that says."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.heard: list[Any] = []
        self.partner: Any = None

    def onConnect(self, client: Any) -> None:
        self.log.append("connect")

    def onMessage(self, client: Any, message: Any) -> None:
        self.partner = client
        self.heard.append(message)

    def onDisconnect(self, client: Any, reason: Any) -> None:
        self.log.append(tuple(reason))


class Hooks:
    """The client's side."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.heard: list[Any] = []

    def onConnect(self, connection: Any) -> None:
        self.log.append("connect")

    def onMessage(self, connection: Any, message: Any) -> Any:
        self.heard.append(message)

    def onDisconnect(self, connection: Any, reason: Any) -> None:
        self.log.append(tuple(reason))


class Scissors:
    """Counts the bytes of all connections, of both directions, and cuts at some.

    :ivar carried: How many have been carried.
    :ivar at: Where to cut, ascending.
    """

    def __init__(self, at: list[int]) -> None:
        self.at = at
        self.carried = 0

    def carry(self, data: bytes) -> tuple[bytes, bool]:
        """As much of it as arrives; whether the connection is cut behind that."""
        room = self.at[0] - self.carried if self.at else len(data) + 1
        if len(data) < room:
            self.carried += len(data)
            return data, False
        self.carried = self.at.pop(0)
        return data[:room], True


class CutBridge(Bridge):
    """A connection that may be cut."""

    def __init__(self, line: Line, connection: Any, scissors: Scissors) -> None:
        super().__init__(line, connection)
        self.scissors = scissors

    def pump(self) -> bool:
        if self.over:
            return False
        for transport, give in (
            (self.line.transport, self.connection.dataReceived),
            (self.server, self.line.give),
        ):
            data, cut = self.scissors.carry(transport.take())
            if data:
                give(data)
            if cut:
                self.cut()
                return True
            if data:
                return True
        if self.line.transport.ended or self.server.ended:
            return super().pump()
        return False

    def cut(self) -> None:
        """The network is gone, and both ends hear of it."""
        self.over = True
        self.connection.connectionLost(Failure(ConnectionLost()))
        self.line.lose(ConnectionLost)


class ResumptionCase(ClientCase):
    """A server that resumes and a client that wants it."""

    bridges: list[Any]

    def start(self, cuts: list[int], hooks: Any = None, limits: Limits = LIMITS) -> ReconnectingClient:
        """Start both."""
        self.scissors = Scissors(cuts)
        self.app = Talker()
        self.launch(limits)
        client = ReconnectingClient(
            "ws://example.com/",
            hooks,
            resume=True,
            delay=0.1,
            jitter=lambda: 0.0,
            maxDelay=1,
            reactor=self.clock,
            endpoint=self.way,
            subprotocols=["app"],
            limits=limits,
        )
        client.startService()
        self.settle()
        return client

    def launch(self, limits: Limits = LIMITS) -> None:
        """Have a server."""
        self.server = Server(
            self.clock, {"app": self.app}, wallClock=self.clock.seconds, limits=limits, resume=30
        )
        factory = self.server.factory()
        self.server.startService()
        self.clock.advance(0)

        def made(line: Line) -> None:
            self.bridges.append(CutBridge(line, factory.buildProtocol(None), self.scissors))

        if self.way.lines:
            self.way._made = made
        else:
            self.way = Way(made)

    def end(self, client: ReconnectingClient) -> None:
        """Stop both, and see that nothing is left."""
        stopped = client.stopService()
        self.advance(2)
        self.successResultOf(stopped)
        ended = self.server.stopService()
        self.advance(10)
        self.successResultOf(ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.server.terms.sessions.budget.size, 0)
        self.assertEqual(len(self.server.terms.sessions), 0)


class CutTests(ResumptionCase):
    """Nothing is lost, and nothing comes twice."""

    def converse(self, cuts: list[int], many: int = MANY, batch: int = BATCH) -> int:
        """Let both sides count to *many* for each other, over connections that are cut.

        :return: How many bytes have been carried.
        """
        self.setUp()
        hooks = Hooks()
        client = self.start(list(cuts), hooks)
        told = spoken = rounds = 0
        while len(self.app.heard) < many or len(hooks.heard) < many:
            rounds += 1
            self.assertLess(rounds, 100_000, f"cut at {cuts}: {len(self.app.heard)}, {len(hooks.heard)}")
            if client.connection is not None:
                for number in range(told, min(told + batch, many)):
                    client.connection.send(self.said(number))
                told = min(told + batch, many)
            if self.app.partner is not None:
                for number in range(spoken, min(spoken + batch, many)):
                    self.assertTrue(self.app.partner.send(self.said(number)))
                spoken = min(spoken + batch, many)
            self.advance(0.05)
        expected = [self.said(number) for number in range(many)]
        self.assertEqual(self.app.heard, expected, f"cut at {cuts}")
        self.assertEqual(hooks.heard, expected, f"cut at {cuts}")
        self.assertEqual(hooks.log, ["connect"], f"cut at {cuts}")
        self.assertEqual(self.server.terms.metrics.afresh, 0, f"cut at {cuts}")
        carried = self.scissors.carried
        self.advance(1)  # cut behind the last message, it is on its way back, where a stop ends otherwise
        self.assertEqual(len(hooks.heard) + len(self.app.heard), 2 * many, f"cut at {cuts}")
        self.end(client)
        self.assertEqual(hooks.log[1:], [(1000, "", True)], f"cut at {cuts}")
        return carried

    @staticmethod
    def said(number: int) -> str | bytes:
        """A message: text, or bytes."""
        return str(number) if number % 3 else b"%d" % number

    def test_uncut(self) -> None:
        """To have something to compare with: such a conversation has some ten thousand bytes."""
        self.assertGreater(self.converse([]), 10_000)

    def test_cutOnce(self) -> None:
        """Cut once, at any byte."""
        whole = self.converse([])
        every = os.environ.get("WSAPP_CUTS") == "all"
        # The handshake, the first messages, and a spread of the rest.
        places = range(1, whole) if every else [*range(380, 760, 40), *range(760, whole, whole // 60)]
        for place in places:
            self.converse([place])

    def test_cutAnywhereInShort(self) -> None:
        """A short conversation, cut at each of its bytes."""
        whole = self.converse([], 6, 2)
        step = 1 if os.environ.get("WSAPP_CUTS") == "all" else 3
        for place in range(1, whole, step):
            self.converse([place], 6, 2)

    def test_cutOften(self) -> None:
        """Cut again and again: connections that live for some hundreds of bytes, or just not long enough."""
        for cuts in self.often():
            self.converse(cuts)

    def often(self) -> Iterator[list[int]]:
        """:return: Where conversations are cut, again and again."""
        chance = random.Random(6)
        for lives in (900, 2000):
            cuts, at = [], 0
            for _ in range(60):
                at += chance.randrange(lives // 4, lives)
                cuts.append(at)
            yield cuts


class AfreshTests(ResumptionCase):
    """Where a session cannot go on."""

    def restart(self) -> None:
        """The server dies, and another takes its place."""
        for bridge in self.bridges:
            if not bridge.over:
                bridge.cut()
        self.launch()

    def test_restarted(self) -> None:
        """The program hears that its session is over; what had not left goes to the new one."""
        hooks = Hooks()
        client = self.start([], hooks)
        first = client.connection
        client.send("sent")
        self.settle()
        old = self.server
        self.restart()
        client.send("not sent")
        self.assertIs(client.connection, first)
        self.advance(1)
        self.assertEqual(hooks.log, ["connect", (1006, "the server has started afresh", False), "connect"])
        self.assertEqual(self.app.heard, ["sent", "not sent"])
        self.assertIsNot(client.connection, first)
        self.assertEqual(self.server.terms.metrics.afresh, 1)
        ended = old.stopService()
        self.advance(10)
        self.successResultOf(ended)
        self.end(client)

    def test_inbox(self) -> None:
        """Without hooks the messages of all sessions are taken one after the other."""
        client = self.start([])
        client.send("hello")
        self.settle()
        self.app.partner.send("one")
        self.bridges[-1].cut()
        self.app.partner.send("two")
        self.advance(1)
        self.assertEqual([self.successResultOf(client.receive()) for _ in range(2)], ["one", "two"])
        self.assertEqual(len(self.bridges), 2)
        self.end(client)

    def test_stopWhileAway(self) -> None:
        """A client that is stopped while it has no connection is over at once."""
        hooks = Hooks()
        client = self.start([], hooks)
        connection = client.connection
        self.bridges[-1].cut()
        self.assertIs(client.connection, connection)
        self.successResultOf(client.stopService())
        self.assertEqual(hooks.log, ["connect", (1006, "", False)])
        self.end(client)

    def test_serverCloses(self) -> None:
        """A clean close ends the session, and the next connection begins another."""
        hooks = Hooks()
        client = self.start([], hooks)
        client.send("hello")
        self.settle()
        self.app.partner.close(4000, "out")
        self.advance(1)
        self.assertEqual(hooks.log, ["connect", (4000, "out", True), "connect"])
        self.end(client)

    def test_buffers(self) -> None:
        """What a program sends while there is no connection is bounded."""
        limits = Limits(pingInterval=1e6, closeTimeout=1, maxSendBuffer=1000)
        client = self.start([], Hooks(), limits)
        self.way.answers = [OSError("no network")] * 3
        self.bridges[-1].cut()
        sent = [client.send(100 * "x") for _ in range(30)]
        self.failureResultOf(sent[-1], SendBufferFull)
        waiting = [one for one in sent if not one.called]
        self.advance(10)
        self.assertTrue(5 < len(self.app.heard) < 25, len(self.app.heard))
        for one in waiting[: len(self.app.heard) - 7]:
            self.successResultOf(one)
        self.end(client)

    def test_sendWaitsForTheNextConnection(self) -> None:
        """A hook that waits for room in the buffer gets some over the next connection."""

        class Streams(Hooks):
            async def onMessage(self, connection: Any, message: Any) -> None:
                for number in range(50):
                    await connection.send(f"{number:0100}")
                self.heard.append(message)

        hooks = Streams()
        limits = Limits(pingInterval=1e6, closeTimeout=1, maxSendBuffer=1000)
        client = self.start([], hooks, limits)
        client.send("hello")
        self.settle()
        self.way.answers = [OSError("no network")] * 2
        self.app.partner.send("stream")
        self.bridges[-1].server.written += self.bridges[-1].server.take()
        self.settle()
        self.assertEqual(len(self.app.heard), 51)
        self.app.partner.send("again")
        self.bridges[-1].line.give(self.bridges[-1].server.take())
        self.bridges[-1].cut()
        self.advance(5)
        self.assertEqual(self.app.heard[51:], [f"{number:0100}" for number in range(50)])
        self.assertEqual(hooks.heard, ["stream", "again"])
        self.end(client)

    def test_hookStillRuns(self) -> None:
        """What waits behind a slow hook when the connection drops is sent again, and heard once, in order."""
        slow: Deferred[None] = Deferred()

        class Slow(Hooks):
            async def onMessage(self, connection: Any, message: Any) -> None:
                self.heard.append(message)
                if message == "0":
                    await slow

        hooks = Slow()
        client = self.start([], hooks)
        client.send("hello")
        self.settle()
        for number in range(5):
            self.app.partner.send(str(number))
        self.settle()
        self.bridges[-1].cut()
        self.advance(1)
        self.assertEqual((len(self.bridges), hooks.heard), (2, ["0"]))
        self.app.partner.send("5")
        self.settle()
        slow.callback(None)
        self.settle()
        self.assertEqual(hooks.heard, [str(number) for number in range(6)])
        self.end(client)

    def test_hookEndsBetweenHelloAndAnswer(self) -> None:
        """Once a client has said how much has arrived, nothing more does over the connection before."""
        slow: Deferred[None] = Deferred()

        class Slow(Hooks):
            def onMessage(self, connection: Any, message: Any) -> Any:
                self.heard.append(message)
                return slow if message == "0" else None

        hooks = Slow()
        client = self.start([], hooks)
        client.send("hello")
        self.settle()
        for number in range(5):
            self.app.partner.send(str(number))
        self.settle()
        self.bridges[-1].cut()
        while len(self.bridges) == 1:
            self.clock.advance(0.05)
        bridge = self.bridges[-1]
        while not bridge.line.transport.written or b"GET" in bridge.line.transport.written:
            self.clock.advance(0)
            bridge.pump()
        slow.callback(None)
        self.settle()
        self.assertEqual(hooks.heard, [str(number) for number in range(5)])
        self.end(client)

    def test_serverDoesNotResume(self) -> None:
        """With a server that does not, it is a client like any other."""
        self.scissors = Scissors([])
        self.app = Talker()
        self.serve(self.app)
        client = ReconnectingClient(
            "ws://example.com/app",
            None,
            resume=True,
            jitter=lambda: 0.0,
            reactor=self.clock,
            endpoint=self.way,
        )
        client.startService()
        self.settle()
        client.send("plain")
        self.settle()
        self.assertEqual(self.app.heard, ["plain"])
        assert client.connection is not None
        self.assertIsNone(client.connection.subprotocol)
        stopped = client.stopService()
        self.advance(1)
        self.successResultOf(stopped)

    def test_tooOld(self) -> None:
        """Old versions cannot resume."""
        self.assertRaises(
            ValueError, ReconnectingClient, "ws://h/", resume=True, version="8", reactor=self.clock
        )
