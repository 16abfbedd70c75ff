"""Tests of `wsapp.flash`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import ServedCase, World
from wsapp.errors import BadRequest, HandshakeError, ServerFull
from wsapp.flash import REQUEST, FlashPolicy, policy
from wsapp.origins import Origins

NOTHING = policy([], 80)


class PolicyTests(SynchronousTestCase):
    """What is granted."""

    def test_nothing(self) -> None:
        """Without allowed origins nothing is: the request names no host that could be compared."""
        self.assertIn(b"<cross-domain-policy></cross-domain-policy>\x00", NOTHING)
        self.assertTrue(NOTHING.startswith(b'<?xml version="1.0"?>'))

    def test_allowed(self) -> None:
        """Each allowed origin's host, for this port alone."""
        text = policy(["https://example.com:8443", "http://*.example.org", "*"], 8080).decode()
        for domain in ("example.com", "*.example.org", "*"):
            self.assertIn(f'<allow-access-from domain="{domain}" to-ports="8080"/>', text)
        self.assertEqual(text.count("allow-access-from"), 3)
        self.assertTrue(text.endswith("</cross-domain-policy>\x00"))

    def test_noHost(self) -> None:
        """An origin without a host grants nothing, and nor does a listener without a port."""
        self.assertEqual(policy(["null"], 80), NOTHING)
        self.assertEqual(policy(["https://example.com"], None), NOTHING)

    def test_quoted(self) -> None:
        """Nothing of a name becomes markup."""
        self.assertNotIn(b"<script>", policy(['http://"><script>'], 80))


class PhaseTests(SynchronousTestCase):
    """The phase by itself."""

    def setUp(self) -> None:
        self.asked = 0
        self.errors: list[HandshakeError] = []

        def asked() -> None:
            self.asked += 1

        self.phase = FlashPolicy(asked, self.errors.append)

    def test_anyCut(self) -> None:
        """Cut in two anywhere, and byte by byte."""
        cuts = [[REQUEST[:place], REQUEST[place:]] for place in range(1, len(REQUEST))]
        for pieces in [*cuts, [bytes([byte]) for byte in REQUEST], [REQUEST], [REQUEST + b"more"]]:
            self.setUp()
            for piece in pieces:
                self.assertEqual(self.asked, 0)
                self.phase.receive(piece)
            self.assertEqual((self.asked, self.errors), (1, []))

    def test_somethingElse(self) -> None:
        """Refused at the first byte that is wrong."""
        for place in range(1, len(REQUEST)):
            self.setUp()
            self.phase.receive(REQUEST[:place])
            self.assertEqual(self.errors, [])
            self.phase.receive(b"!")
            self.assertEqual([type(error) for error in self.errors], [BadRequest])

    def test_end(self) -> None:
        """The connection's end is nothing, the server's is said."""
        self.phase.lost(Failure(ConnectionDone()))
        self.phase.stop()
        self.assertEqual([type(error) for error in self.errors], [ServerFull])


class ServedTests(ServedCase):
    """On a port."""

    def test_granted(self) -> None:
        """The policy is sent and the connection ended, however the request is cut."""
        for place in range(len(REQUEST)):
            world = World(origins=Origins(["https://example.com"]))
            world.factory.listener.port = 8080
            peer = world.peer()
            peer.feed(REQUEST[:place])
            self.assertEqual(peer.take(), b"")
            peer.feed(REQUEST[place:])
            self.assertEqual(peer.take(), policy(["https://example.com"], 8080))
            self.assertEqual(peer.transport.ended, "half")
            world.settle()
            world.nothingLeft(self)

    def test_neverOverTLS(self) -> None:
        """Flash asks plain ports alone."""
        world = World(origins=Origins(["*"]))
        world.factory.listener.port = 8080
        peer = world.peer(secure=True)
        peer.drip(REQUEST)
        self.assertNotIn(b"cross-domain", peer.take())
        world.advance(30)
        world.nothingLeft(self)

    def test_onlyAtFirst(self) -> None:
        """Behind anything else it is a broken request, cut or not."""
        for before in (b"\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
            for cut in (True, False):
                world = World(origins=Origins(["*"]))
                world.factory.listener.port = 8080
                peer = world.peer()
                for piece in (before, REQUEST) if cut else (before + REQUEST,):
                    peer.feed(piece)
                self.assertNotIn(b"cross-domain", peer.take(), before)
                world.advance(70)
                world.nothingLeft(self)

    def test_neverFinished(self) -> None:
        """Who does not finish is dropped at the handshake time-out."""
        world = World()
        peer = world.peer()
        peer.feed(REQUEST[:-1])
        world.advance(9)
        self.assertIsNone(peer.transport.ended)
        world.advance(2)
        self.assertEqual(peer.transport.ended, "abort")
        world.nothingLeft(self)

    def test_stop(self) -> None:
        """The server's end is theirs."""
        world = World()
        peer = world.peer()
        peer.feed(REQUEST[:-1])
        stopped = world.server.stopService()
        world.advance(0.5)
        self.assertEqual(peer.transport.ended, "half")
        peer.take()
        world.advance(7)
        self.successResultOf(stopped)
        world.nothingLeft(self)
