"""Tests of `wsapp.factory`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory

from tests.peers import Recorder, ServedCase, World, head, opening
from wsapp.connection import Connection
from wsapp.factory import WsappFactory


class FactoryTests(ServedCase):
    """What an endpoint is given."""

    def test_builds(self) -> None:
        """A connection for each, with the terms and the listener of the factory."""
        world = World()
        self.assertTrue(IProtocolFactory.providedBy(world.factory))
        first, second = (world.factory.buildProtocol(None) for _ in range(2))
        self.assertIsInstance(first, Connection)
        self.assertIsNot(first, second)
        self.assertIs(first.factory, world.factory)

    def test_quiet(self) -> None:
        """Starting and stopping is not worth a line each."""
        self.assertFalse(WsappFactory.noisy)

    def test_listeners(self) -> None:
        """Two ports of a server have a listener each, and count together."""
        world = World(limits={"maxConnections": 1})
        other = world.server.factory()
        self.assertIsNot(other.listener, world.factory.listener)
        world.open()
        world.factory = other
        peer = world.peer()
        peer.feed(opening())
        self.assertIn(b" 503 ", peer.take())

    def test_beforeTheStart(self) -> None:
        """Who connects before the applications are ready is attended to once they are."""
        world = World()
        factory = world.factory
        factory.listener.ready = False
        peer = world.peer()
        self.assertFalse(peer.transport.reading)
        factory.listener.open()
        self.assertTrue(peer.transport.reading)
        peer.feed(opening())
        self.assertIn(b" 101 ", peer.take())


class StoppingTests(ServedCase):
    """A port of the application's own, which stays open when the server stops."""

    def setUp(self) -> None:
        super().setUp()
        self.app = Recorder()
        self.world = World(self.app, drain=10)

    def refused(self) -> None:
        """Whoever comes is answered 503, whatever he asks, and no hook is called."""
        told = list(self.app.told)
        for request in (opening(), head()):
            peer = self.world.peer()
            peer.feed(request)
            self.assertTrue(peer.take().startswith(b"HTTP/1.1 503 "))
            peer.lose()
        self.assertEqual(self.app.told, told)

    def test_stopping(self) -> None:
        """While it stops; who was there before is served on."""
        for _ in range(2):
            peer = self.world.open()
        self.world.server.stopService()
        self.refused()
        peer.send("hi")
        self.assertEqual(self.app.messages, ["hi"])

    def test_stopped(self) -> None:
        """And when it has, by a factory made before or after."""
        stopped = self.world.server.stopService()
        self.successResultOf(stopped)
        self.refused()
        self.world.factory = self.world.server.factory()
        self.refused()
        self.assertEqual(self.world.server.connections(), [])

    def test_notWaitedFor(self) -> None:
        """Who comes too late and says nothing keeps nobody waiting, and is dropped in the end."""
        peer = self.world.open()
        stopped = self.world.server.stopService()
        silent = self.world.peer()
        peer.close(1001)
        self.assertIsNone(silent.transport.ended)
        peer.lose()
        self.successResultOf(stopped)
        self.assertEqual(silent.transport.ended, "abort")
