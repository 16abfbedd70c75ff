"""Tests of `wsapp.unread`: Twisted's own TLS, and a peer that has it answer."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.loop.tlspeer import Below, Peer, pump, serverContext
from wsapp import unread
from wsapp.listening import _RenewableContext


class UnreadTests(SynchronousTestCase):
    """A client that wants to begin anew over and over, which is answered by no."""

    def setUp(self) -> None:
        self.inner = type("Inner", (), {"getContext": lambda _: serverContext(SSL.TLS1_2_VERSION)})()
        self.clock = Clock()
        self.heard: list[bytes] = []
        echo = Protocol()
        echo.dataReceived = self.echo  # type: ignore[method-assign]
        factory = TLSMemoryBIOFactory(
            _RenewableContext(self.inner, None), False, Factory.forProtocol(lambda: echo), self.clock
        )
        self.below = Below()
        self.layer: Any = factory.buildProtocol(None)
        self.layer.makeConnection(self.below)
        self.peer = Peer()
        pump(self.layer, self.below, self.peer)

    def echo(self, data: bytes) -> None:
        """The server says what it hears."""
        self.heard.append(data)
        self.layer.write(data)

    def ask(self) -> None:
        """The client asks once."""
        self.peer.connection.renegotiate()
        self.assertRaises(SSL.WantReadError, self.peer.connection.do_handshake)
        self.layer.dataReceived(self.peer.given())

    def test_flood(self) -> None:
        """It is dropped, with the next that comes, before it costs much memory."""
        for dropped in (False, True):
            self.setUp()
            if dropped:
                self.patch(unread, "ANSWERS", self.layer._tlsConnection._answered)  # in the handshake
            self.ask()
            self.assertFalse(self.below.aborted)
            self.layer.dataReceived(b"\x17")  # the next record begins
            self.assertEqual(self.below.aborted, dropped)

    def test_honest(self) -> None:
        """What the application sends counts for nothing, however much it is."""
        for size in (1, 100, 16384, 100_000):
            for _ in range(20):
                self.layer.dataReceived(self.peer.say(b"x" * size))
                self.clock.advance(0)
                self.peer.take(self.below.taken())
        self.ask()
        self.assertFalse(self.below.aborted)
        self.assertEqual(len(self.peer.heard), 20 * 116_485)
        self.assertLess(self.layer._tlsConnection._answered, 5000)

    def test_ownTLS(self) -> None:
        """wsapp's own counts what is unread itself: it has OpenSSL's plain connection."""
        connection = _RenewableContext(self.inner, None).serverConnectionForTLS(object())
        self.assertIs(type(connection), SSL.Connection)
