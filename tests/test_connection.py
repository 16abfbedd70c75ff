"""Tests of `wsapp.connection`: one connection from its first byte to its last hook."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
import random
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost

from tests.peers import NUMBERS, Peer, Recorder, ServedCase, World, head, opening
from tests.wire.machines import cut
from tests.wire.profile import STABLE
from wsapp.client import Client
from wsapp.request import Reject, Request
from wsapp.wire.hixie import HixieSender
from wsapp.wire.selection import HybiSender
from wsapp.wire.versions import Sender

CLIENT = HybiSender(masked=True)


def sender(version: str) -> Sender:
    """What a peer of that version sends with."""
    number = NUMBERS[version]
    if number is None:
        return HixieSender(version == "hixie-76")
    return HybiSender(number, masked=True)


def echo(client: Client, message: Any) -> None:
    """Send it back."""
    client.send(message)


class HandshakeTimeTests(ServedCase):
    """Who does not get to a handshake is dropped, whatever he does instead."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()
        self.peer = self.world.peer()

    def dropped(self) -> None:
        """Nothing was answered, and at the handshake time-out, from connecting, it is dropped."""
        self.assertTrue(9.75 < self.world.clock.seconds() < 11)
        self.assertEqual((self.peer.take(), self.peer.transport.ended), (b"", "abort"))
        self.world.settle()
        self.world.nothingLeft(self)
        self.assertEqual((self.lines(), self.flushLoggedErrors()), ([], []))

    def test_silent(self) -> None:
        """Nothing at all."""
        self.world.advance(9.5, settle=False)
        self.assertIsNone(self.peer.transport.ended)
        self.world.advance(1, settle=False)
        self.dropped()

    def test_dripped(self) -> None:
        """A head byte by byte for ever: from connecting, not from the last byte."""
        for byte in opening() * 2:
            self.peer.connection.dataReceived(bytes([byte]))
            self.world.clock.advance(0.125)
            if self.peer.transport.ended:
                break
        self.dropped()

    def test_partial(self) -> None:
        """Held open after a partial line."""
        self.peer.feed(b"GET / HT")
        self.world.advance(10.5, settle=False)
        self.dropped()

    def test_emptyReads(self) -> None:
        """A read of nothing is nothing."""
        self.peer.feed(b"")
        self.peer.feed(opening())
        self.assertIn(b" 101 ", self.peer.take())

    def test_inTime(self) -> None:
        """After the 101 that time is no matter."""
        self.world.advance(9.5)
        self.peer.feed(opening())
        self.world.advance(15)
        self.assertIsNone(self.peer.transport.ended)


class GarbageTests(ServedCase):
    """Bytes that are no request."""

    def refused(self, status: int, data: bytes) -> None:
        """They are answered so, whole or cut, and the connection ended; no traceback, one line."""
        for drip in (False, True):
            self.logged.clear()
            world = World()
            peer = world.peer()
            (peer.drip if drip else peer.feed)(data)
            answer = peer.take()
            self.assertEqual(answer[:13], b"HTTP/1.1 %d " % status, data[:60])
            self.assertEqual(answer.count(b"HTTP/1.1"), 1)
            self.assertEqual(peer.transport.ended, "half")
            self.assertEqual((len(self.lines()), self.flushLoggedErrors()), (1, []))
            world.settle()
            world.nothingLeft(self)

    def test_noHTTP(self) -> None:
        """A TLS hello on a plain port, binary, another protocol."""
        for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 50, b"\xff" * 9, b"EHLO example\r\n"):
            self.refused(400, data)

    def test_limits(self) -> None:
        """A head, a line, a count of headers past their limits."""
        self.refused(414, b"GET /" + b"x" * 9000)
        self.refused(431, b"GET / HTTP/1.1\r\nA: " + b"x" * 9000)
        self.refused(431, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 129)
        self.refused(431, b"GET / HTTP/1.1\r\n" + (b"A: " + b"x" * 1000 + b"\r\n") * 20)

    def test_grammar(self) -> None:
        """What two readers could read differently."""
        for line in (
            b"A : b",
            b" A: b",
            b"A: b\x00",
            b"A: b\x0b",
            b"A\x0c: b",
            b"A: b\x7f",
            b"A: b\rC: d",
            b"A",
        ):
            self.refused(400, b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
        self.refused(400, b"GET / HTTP/1.1\nHost: a\n\n")

    def test_nothingReflected(self) -> None:
        """Nothing of a request is in its answer but escaped."""
        world = World()
        peer = world.peer()
        peer.feed(b"GET / HTTP/1.1\r\n<script>\xff\x00evil\r\n\r\n")
        self.assertNotIn(b"\x00", peer.take())

    @STABLE
    @given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
    def test_anything(self, data: bytes, places: list[int]) -> None:
        """Any bytes, cut anyhow: no traceback, and the same answer."""
        answers = []
        for pieces in ([data], cut(data, places)):
            world = World()
            peer = world.peer()
            for piece in pieces:
                peer.feed(piece)
            answers.append(peer.take())
            peer.lose()
            world.nothingLeft(self)
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(self.flushLoggedErrors(), [])


class GluedTests(ServedCase):
    """A frame in the same piece as the handshake, cut anywhere."""

    def test_everyCut(self) -> None:
        """For each version: the same answers, wherever the bytes are cut."""
        for version in NUMBERS:
            out = sender(version)
            data = opening(version) + out.encode("first") + out.encode("x" * 200) + out.close(1000, "")
            whole = self.converse([data])
            self.assertIn(b"first", whole[0])
            for place in range(1, len(data)):
                self.assertEqual(self.converse(cut(data, [place])), whole, (version, place))
            self.assertEqual(self.converse(cut(data, range(len(data)))), whole)

    def converse(self, pieces: list[bytes]) -> tuple[bytes, list[Any]]:
        """What the server says, and what the application is told."""
        app = Recorder(onMessage=echo)
        world = World(app)
        peer = world.peer()
        for piece in pieces:
            peer.connection.dataReceived(piece)
        world.clock.advance(0)
        answer = peer.take()
        peer.lose()
        world.nothingLeft(self)
        return answer, app.told


class StopTests(ServedCase):
    """The server's end, in each phase."""

    def stopped(self, world: World, seconds: float) -> None:
        """It stops within so many seconds, and nothing is left."""
        stopped = world.server.stopService()
        world.clock.advance(0)
        for peer in world.peers:
            peer.take()
        world.advance(seconds)
        self.successResultOf(stopped)
        world.nothingLeft(self)
        self.assertEqual(list(world.clock.getDelayedCalls()), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_eachPhase(self) -> None:
        """At once, wherever the peer need not answer."""
        phases: dict[str, tuple[bytes, str, bytes]] = {
            "nothing said": (b"", "lose", b""),
            "a head begun": (opening()[:40], "lose", b""),
            "a policy begun": (b"<policy", "half", b"HTTP/1.1 503 "),
            "refused": (b"nonsense\r\n", "half", b"HTTP/1.1 400 "),
            "between requests": (head(), "lose", b"HTTP/1.1 200 "),
            "key3 awaited": (opening("hixie-76")[:-1], "lose", b"HTTP/1.1 101 "),
            "asking": (opening(target="/?slow"), "half", b"HTTP/1.1 503 "),
            "hixie-75": (opening("hixie-75"), "lose", b"HTTP/1.1 101 "),
        }
        for phase, (data, ended, answer) in phases.items():
            world = World(Recorder(onHandshake=lambda request: Deferred() if request.queryString else None))
            peer = world.peer()
            peer.feed(data)
            world.server.stopService()
            world.clock.advance(0)
            self.assertEqual((peer.transport.ended, peer.take()[:13]), (ended, answer), phase)
            self.stopped_(world)

    def stopped_(self, world: World) -> None:
        """It stops at once."""
        world.advance(0.5)
        world.nothingLeft(self)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_allAtOnce(self) -> None:
        """Peers in all phases, none of which answers: within the close time-out."""
        world = World()
        for version in NUMBERS:
            world.open(version)
        for data in (b"", opening()[:40], b"<policy", b"nonsense\r\n", head(), head(target="/wait")):
            world.peer().feed(data)
        self.stopped(world, 7)

    def test_stopWhileOpening(self) -> None:
        """A server stopped by the very hook of a handshake closes that client as well."""

        def onConnect(client: Client) -> None:
            for connection in world.factory.listener.connections:
                connection.stop()

        world = World(Recorder(onConnect=onConnect))
        peer = world.peer()
        peer.feed(opening())
        self.assertTrue(peer.take().endswith(b"\x88\x18\x03\xe9the server is stopping"))

    def test_stopBeforeTheAnswer(self) -> None:
        """One that was stopped while its handshake was accepted is closed with 1001."""
        world = World()
        peer = world.peer()
        peer.connection._stopping = True
        peer.feed(opening())
        self.assertTrue(peer.take().endswith(b"\x88\x18\x03\xe9the server is stopping"))

    def test_hookThatHangs(self) -> None:
        """A hook that is never done keeps the server for a bounded time only."""
        world = World(Recorder(onMessage=lambda client, message: Deferred()))
        peer = world.open()
        peer.send("a")
        stopped = world.server.stopService()
        world.advance(7)
        self.successResultOf(stopped)

    def test_secondSignalLate(self) -> None:
        """A connection that has ended, and whose last hook hangs, is not ended again."""
        world = World(Recorder(onDisconnect=lambda client, reason: Deferred()))
        peer = world.open()
        peer.lose()
        world.server.stopService()
        world.server.hurry()
        self.assertIsNone(peer.transport.ended)

    def test_secondSignal(self) -> None:
        """At once, whatever is still to be said."""
        world = World()
        peers = [world.open(), world.peer()]
        stopped = world.server.stopService()
        world.server.hurry()
        self.assertEqual([peer.transport.ended for peer in peers], ["abort", "abort"])
        world.settle()
        world.advance(0.25)
        self.successResultOf(stopped)


class ListenerTests(ServedCase):
    """What a port's connections share."""

    def test_whenLeft(self) -> None:
        """Each end is told, when the last hook is done."""
        done: list[Deferred[None]] = []

        def last(client: Client, reason: object) -> Deferred[None]:
            done.append(Deferred())
            return done[-1]

        world = World(Recorder(onDisconnect=last))
        left: list[int] = []
        world.factory.listener.whenLeft = lambda: left.append(len(world.factory.listener.connections))
        first, second = world.open(), world.peer()
        second.lose()
        self.assertEqual(left, [1])
        first.lose()
        self.assertEqual(left, [1])
        done[0].callback(None)
        self.assertEqual(left, [1, 0])


Ending = Callable[[World, Peer], object]


def each(world: World, do: Callable[[Client], object]) -> None:
    """Do something to each client."""
    for client in list(world.app.clients):
        do(client)


def _stopReading(world: World, peer: Peer) -> None:
    """Fill its buffers and never take anything."""
    for client in list(world.app.clients):
        for _ in range(5):
            client.send("x" * 50_000)


class NothingLeftTests(ServedCase):
    """Thousands of connections that open and end in all ways leave nothing behind."""

    ENDINGS: dict[str, Ending] = {
        "done": lambda world, peer: peer.lose(ConnectionDone()),
        "reset": lambda world, peer: peer.lose(ConnectionLost()),
        "peer closes": lambda world, peer: peer.feed(peer.sender.close(1000, "bye")),
        "we close": lambda world, peer: each(world, lambda client: client.close(4000)),
        "abort": lambda world, peer: each(world, Client.abort),
        "violation": lambda world, peer: peer.feed(b"\x80\xff\xff\x81\x00"),
        "half a frame": lambda world, peer: peer.feed(peer.sender.encode("x" * 500)[:-1]),
        "silence": lambda world, peer: None,
        "does not read": _stopReading,
        "expires": lambda world, peer: each(
            world, lambda client: setattr(client, "expires", world.clock.seconds() + 3)
        ),
        "joins": lambda world, peer: each(world, lambda client: client.join("room", info={"a": 1})),
        "pings": lambda world, peer: each(world, lambda client: client.ping().addErrback(lambda _: None)),
        "raises": lambda world, peer: peer.feed(peer.sender.encode("raise")),
        "waits": lambda world, peer: peer.feed(peer.sender.encode("wait") * 3),
    }
    UNOPENED = (
        b"",
        opening()[:50],
        opening("hixie-76")[:-1],
        head(),
        head() * 3,
        head(target="/wait"),
        head(target="/wait") * 2,
        head("Content-Length: 10", method="POST"),
        b"<policy-file-request/>\0",
        b"<policy",
        b"\x16\x03",
        opening().replace(b"13", b"99"),
        opening(target="/nowhere"),
        opening(target="/?no"),
        opening(target="/?code"),
        opening(target="/?later"),
    )

    def setUp(self) -> None:
        super().setUp()

        def onHandshake(request: Request) -> object:
            match request.queryString:
                case "no":
                    raise Reject(401)
                case "code":
                    raise Reject(code=4401)
                case "later":
                    return Deferred()
            request.user = "ann"
            return succeed(None)

        def onMessage(client: Client, message: str) -> object:
            if message == "raise":
                raise ZeroDivisionError
            return client.request.data if message == "wait" else None

        app = Recorder(onHandshake=onHandshake, onMessage=onMessage, onError=lambda *_: None)
        app.historySize = 5
        self.app = app
        self.world = World(app, {"maxSendBuffer": 100_000, "maxConnectionsPerAddress": 10_000})

    def opened(self, version: str, ending: Ending) -> None:
        """One that opens, and ends so."""
        peer = self.world.open(version, bufferSize=1000)
        ending(self.world, peer)
        for _ in range(170):
            if peer.gone:
                break
            self.world.advance(1)
        self.assertTrue(peer.gone)
        self.world.peers.clear()

    def unopened(self, data: bytes, end: str) -> None:
        """One that never does."""
        peer = self.world.peer(bufferSize=1000)
        peer.feed(data)
        if end == "lose":
            peer.lose()
        elif end == "reset":
            peer.lose(ConnectionLost())
        for _ in range(100):
            if peer.gone:
                break
            self.world.advance(1, settle=end == "time")
            peer.settle()
        self.assertTrue(peer.gone, data)
        self.world.peers.clear()

    def left(self) -> None:
        """Nothing."""
        self.world.nothingLeft(self)
        terms = self.world.terms
        self.assertEqual(terms.wheel._buckets, {})
        self.assertEqual(len(self.app.group("room")), 0)

    def test_eachEnding(self) -> None:
        """Each way, in each version: one `onDisconnect` for each `onConnect`, and nothing left."""
        for version in NUMBERS:
            for name, ending in self.ENDINGS.items():
                self.app.told.clear()
                self.app.known.clear()
                self.opened(version, ending)
                kinds = [entry[0] for entry in self.app.told]
                self.assertEqual((kinds.count("connect"), kinds.count("disconnect")), (1, 1), (version, name))
                self.assertEqual(kinds[-1], "disconnect", (version, name))
                self.left()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_unopened(self) -> None:
        """Those that never become a WebSocket."""
        for data in self.UNOPENED:
            # A response may take its time, whatever that is.
            for end in ("lose", "reset") if b"/wait" in data else ("lose", "reset", "time"):
                self.unopened(data, end)
                self.left()
        self.assertEqual(self.app.told, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_thousands(self) -> None:
        """At the same time, in a random mixture, and their objects are gone as well."""
        chance = random.Random(6455)
        references: list[weakref.ref[object]] = []
        endings = list(self.ENDINGS.items())
        for _ in range(10):
            for _ in range(200):
                if chance.random() < 0.3:
                    peer = self.world.peer(bufferSize=1000)
                    peer.feed(chance.choice(self.UNOPENED))
                else:
                    peer = self.world.open(chance.choice(list(NUMBERS)), bufferSize=1000)
                    client = self.app.known.pop()
                    # Clients have slots: the connection and its phase stand for them.
                    references.append(weakref.ref(peer.connection))
                    name, ending = chance.choice(endings)
                    if name in ("we close", "abort", "does not read", "expires", "joins", "pings"):
                        one = _World(self.world, client)
                        ending(one, peer)  # type: ignore[arg-type]
                    else:
                        ending(self.world, peer)
                    del client
            self.world.advance(chance.random() * 2)
        self.world.advance(200)
        for peer in self.world.peers:
            peer.take()
            if not peer.gone:
                self.assertEqual(peer.transport.ended, None)
                peer.lose()
        self.world.peers.clear()
        del peer
        self.left()
        told = [entry[0] for entry in self.app.told]
        self.assertEqual(told.count("connect"), told.count("disconnect"))
        self.assertGreater(told.count("connect"), 1000)
        self.app.told.clear()
        self.world.pages.waiting.clear()
        gc.collect()
        self.assertEqual([reference for reference in references if reference() is not None], [])
        self.assertEqual(self.flushLoggedErrors(), [])

    KINDS = ("WebSocket", "Client", "Delivery", "SendQueue", "KeepAlive", "Timer", "Connection", "Request")

    def alive(self) -> Counter[str]:
        """How many there are of each kind of object that a connection has."""
        gc.collect()
        names = [type(one).__name__ for one in gc.get_objects() if "wsapp" in str(type(one))]
        return Counter(name for name in names if name in self.KINDS)

    def test_clientsAreFreed(self) -> None:
        """Neither `WebSocket` nor `Client` outlives its connection."""
        before = self.alive()
        for version in NUMBERS:
            for name in ("done", "peer closes", "joins", "half a frame"):
                self.opened(version, self.ENDINGS[name])
        self.assertEqual(self.alive()["Client"], before["Client"] + 20)  # the recorder's
        self.app.known.clear()
        self.app.told.clear()
        self.assertEqual(self.alive(), before)


class _World:
    """The world as if one client were all that there are."""

    def __init__(self, world: World, client: Client) -> None:
        self.clock = world.clock
        self.app = self
        self.clients = [client]
