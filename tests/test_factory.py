"""Tests of `wsapp.factory`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory

from tests.peers import ServedCase, World, opening
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
