"""Tests of `wsapp.phase`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tests.peers import ServedCase, World
from wsapp.phase import Farewell


class FarewellTests(ServedCase):
    """All is said."""

    def test_nothing(self) -> None:
        """Whatever happens, nothing does."""
        farewell = Farewell()
        farewell.receive(b"GET / HTTP/1.1\r\n\r\n")
        farewell.stop()
        farewell.lost(Failure(ConnectionDone()))

    def test_discards(self) -> None:
        """Behind a refusal nothing is read as a request, and the peer has so long to go."""
        world = World()
        peer = world.peer()
        peer.feed(b"nonsense\r\n")
        self.assertIn(b" 400 ", peer.take())
        peer.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        self.assertEqual(peer.take(), b"")
        world.advance(6, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        world.settle()
        world.nothingLeft(self)
