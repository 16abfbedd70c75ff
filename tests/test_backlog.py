"""Clients that read more slowly than they are sent, where messages are dropped for them (``backlogPolicy``).

What closes them instead, by default, is in `tests.test_websocket`.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.peers import NUMBERS, Peer, Recorder, ServedCase, World
from wsapp.client import Client
from wsapp.testing import TestServer


class Behind(Recorder):
    """Writes down what it is told of messages that were dropped."""

    def onDropped(self, client: Client, count: int) -> Any:
        self.told.append(("dropped", count))
        return self._do("onDropped", client, count)

    @property
    def drops(self) -> list[int]:
        """How many, each time."""
        return [entry[1] for entry in self.told if entry[0] == "dropped"]


class DropTests(ServedCase):
    """The others go on."""

    def begin(self, version: str = "RFC 6455", **does: Any) -> tuple[Peer, Client]:
        """A server that drops what is past 10,000 bytes, and a peer of it."""
        self.app = Behind(**does)
        self.world = World(self.app, limits={"maxSendBuffer": 10_000, "backlogPolicy": "drop"})
        self.metrics = self.world.terms.metrics
        peer = self.world.open(version, bufferSize=100)
        return peer, self.app.known[-1]

    def fill(self, client: Client) -> None:
        """One message, larger than the buffer."""
        self.assertTrue(client.send("x" * 12_000))
        self.world.clock.advance(0)

    def test_dropped(self) -> None:
        """What does not fit is not sent, in any version; once all has left the application is told, once."""
        for version in NUMBERS:
            peer, client = self.begin(version)
            self.fill(client)
            self.assertEqual([client.send(message) for message in "abc"], [False] * 3)
            self.assertEqual((client.dropped, self.app.drops, self.metrics.dropped), (3, [], 3))
            self.assertEqual(peer.events(), ["x" * 12_000])
            self.assertEqual((client.dropped, self.app.drops), (3, [3]))
            self.assertTrue(client.send("d"))
            self.assertEqual(peer.events(), ["d"])
            self.assertEqual((self.metrics.overrun, self.lines(), peer.transport.ended), (0, [], None))

    def test_untilAllHasLeft(self) -> None:
        """Not only until there is room for one more: what comes after the gap comes without another one."""
        self.app = Behind()
        self.world = World(self.app, limits={"maxSendBuffer": 600_000, "backlogPolicy": "drop"})
        peer = self.world.open(bufferSize=100)
        client = self.app.known[0]
        for _ in range(6):
            client.send("x" * 100_000)
            self.world.clock.advance(0)
        self.assertFalse(client.send("lost"))
        transport = peer.transport
        first = bytes(transport.written)
        transport.written.clear()
        transport._paused = False
        assert transport._producer is not None
        transport._producer.resumeProducing()
        self.assertLess(client.bufferedAmount, 600_000)
        self.assertFalse(client.send("lost"))
        self.assertEqual(self.app.drops, [])
        peer.receiver.receive(first)
        self.assertEqual(peer.events(), ["x" * 100_000] * 6)
        self.assertEqual(self.app.drops, [2])

    def test_snapshot(self) -> None:
        """What the hook sends comes first after the gap."""
        peer, client = self.begin(onDropped=lambda client, count: client.send(f"{count} are missing"))
        self.fill(client)
        client.send("a")
        self.assertEqual(peer.events() + peer.events(), ["x" * 12_000, "1 are missing"])

    def test_hookInTurn(self) -> None:
        """It is a hook like others: one at a time, behind those of messages before."""
        waiting: list[Deferred[None]] = []

        def onMessage(client: Client, message: Any) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        peer, client = self.begin(onMessage=onMessage)
        peer.send("a", "b")
        self.fill(client)
        client.send("lost")
        peer.events()
        self.assertEqual(self.app.told, [("connect",), ("message", "a")])
        waiting[0].callback(None)
        waiting[1].callback(None)
        self.assertEqual(self.app.told[1:], [("message", "a"), ("message", "b"), ("dropped", 1)])

    def test_hookFails(self) -> None:
        """And one that raises ends the client, as others do."""

        def onDropped(client: Client, count: int) -> None:
            raise KeyError

        peer, client = self.begin(onDropped=onDropped, onError=lambda client, failure: None)
        self.fill(client)
        client.send("lost")
        self.assertEqual(self.codes(peer.events()), [1011])

    def test_reading(self) -> None:
        """A client that is behind is not read from: an echo has nothing to drop."""
        echo = Behind(onMessage=lambda client, message: client.send(message))
        world = World(echo, limits={"maxSendBuffer": 10_000, "backlogPolicy": "drop"})
        peer = world.open(bufferSize=100)
        for _ in range(20):
            if peer.transport.reading:
                peer.send("x" * 3000)
        self.assertFalse(peer.transport.reading)
        self.assertEqual(world.terms.metrics.dropped, 0)
        self.assertEqual(len(peer.events()), len(echo.messages))
        self.assertTrue(peer.transport.reading)

    def test_neverReads(self) -> None:
        """Who takes nothing at all is closed with 1013 after the stall time all the same."""
        peer, client = self.begin()
        self.fill(client)
        for _ in range(10):
            client.send("lost")
            self.world.advance(0.75, settle=False)
        self.assertIsNone(peer.transport.ended)
        self.world.advance(3, settle=False)
        self.assertEqual(self.metrics.overrun, 1)
        self.world.advance(6, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.world.settle()
        self.assertEqual(self.app.ends, [(1013, "too slow to read", False)])
        self.assertEqual((client.dropped, self.app.drops), (10, []))

    def test_slowButAlive(self) -> None:
        """Who takes something now and then stays, though it cannot be heard: taking is a sign of life."""
        peer, client = self.begin()
        self.fill(client)
        for _ in range(20):
            self.world.advance(8, settle=False)
            peer.transport.take()
            self.fill(client)
            client.send("lost")
        self.assertEqual((peer.transport.ended, client.dropped), (None, 20))

    def test_memory(self) -> None:
        """However much is dropped, no more waits than the buffer and one message."""
        _, client = self.begin()
        for _ in range(10_000):
            client.send("x" * 6000)
        self.world.clock.advance(0)
        self.assertLess(client.bufferedAmount, 10_000 + 6010)
        self.assertEqual(client.dropped, self.metrics.dropped)
        self.assertGreater(client.dropped, 9_990)

    def test_closing(self) -> None:
        """A client that closes is told nothing any more."""
        peer, client = self.begin()
        self.fill(client)
        client.send("lost")
        client.close(4000)
        self.assertEqual(self.codes(peer.events()), [4000])
        self.assertEqual(self.app.drops, [])

    def test_broadcast(self) -> None:
        """In a group one falls behind, and the others get everything."""
        app = Behind(onConnect=lambda client: None)
        app.limits = {"maxSendBuffer": 10_000, "backlogPolicy": "drop"}
        server = TestServer(app)
        self.addCleanup(server.stop)
        slow, quick = server.connect(), server.connect()
        for member in (slow, quick):
            assert member.client is not None
            member.client.join("all")
        slow.reads = False
        for number in range(100):
            app.group("all").send(f"{number} " + "x" * 3000)
            server.advance(0)
        self.assertEqual(len(quick.messages), 100)
        assert slow.client is not None
        self.assertGreater(slow.client.dropped, 50)
        slow.reads = True
        server.advance(0)
        self.assertEqual(len(slow.messages), 100 - slow.client.dropped)
        self.assertEqual(app.drops, [slow.client.dropped])
        self.assertIsNone(slow.closed)
