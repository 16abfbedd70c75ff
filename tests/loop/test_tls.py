"""Tests of `wsapp.loop.tls` and `securing`: by what ports, connectors and startTLS speak TLS."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from tests.loop.test_transports import LoopTestCase, Recorder
from tests.loop.tlspeer import serverContext
from wsapp.loop.secured import TLSTransport


@implementer(IOpenSSLContextFactory)
class Creator:
    """A context factory of the older kind."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def getContext(self) -> SSL.Context:
        return self.context


class Greeter(Recorder):
    """Says hello, and what it hears in return ends it."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.loseConnection()


class Echo(Protocol):
    """Says back what it hears."""

    layer: Any = None

    def connectionMade(self) -> None:
        Echo.layer = self.transport

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class StartingEcho(Echo):
    """The same, in a connection that became TLS's after it was made."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.startTLS(Creator(serverContext()))
        Echo.layer = transport.protocol


class ReactorTests(LoopTestCase):
    """Which TLS it is, and that it works over real connections."""

    def talk(self, listen: str, twisted: bool, server: type[Protocol]) -> tuple[Any, list[Any]]:
        """Greet a server; what spoke TLS there, and what happened to the client."""
        reactor = self.buildReactor()
        reactor.twistedTLS = twisted
        factory = Factory.forProtocol(server)
        factory.noisy = False
        if listen == "SSL":
            port = reactor.listenSSL(0, factory, Creator(serverContext()), interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        client = Greeter()
        clients: Any = ClientFactory.forProtocol(lambda: client)
        clients.noisy = False
        clients.reactor = reactor
        reactor.connectSSL("127.0.0.1", port.getHost().port, clients, Creator(SSL.Context(SSL.TLS_METHOD)))
        self.runReactor(reactor)
        port.stopListening()
        return Echo.layer, client.events

    def suite(self, twisted: bool, expected: type[Any]) -> None:
        for listen, server in (("SSL", Echo), ("TCP", StartingEcho)):
            layer, events = self.talk(listen, twisted, server)
            self.assertIsInstance(layer, expected)
            self.assertEqual(events, ["made", b"hello", "ConnectionDone"])

    def test_own(self) -> None:
        """Its own, on ports, connectors, and connections that begin to speak it."""
        self.suite(False, TLSTransport)

    def test_twisted(self) -> None:
        """Twisted's, where that is wanted."""
        self.suite(True, TLSMemoryBIOProtocol)

    def test_noise(self) -> None:
        """A plain request and garbage are closed, and nothing is logged."""
        reactor = self.buildReactor()
        factory = Factory.forProtocol(Echo)
        factory.noisy = False
        port = reactor.listenSSL(0, factory, Creator(serverContext()), interface="127.0.0.1")
        ends = []

        def ask(words: list[bytes]) -> None:
            if not words:
                port.stopListening()
                reactor.stop()
                return
            client = self.peer(port.getHost().port)
            client.sendall(words[0])
            reactor.callLater(0.1, end, client, words)

        def end(client: Any, words: list[bytes]) -> None:
            # Perhaps an alert, and then the end.
            data = client.recv(1000)
            ends.append(not data or (data[:1] == b"\x15" and not client.recv(1000)))
            ask(words[1:])

        reactor.callWhenRunning(ask, [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)), b"\xff" * 100_000])
        self.runReactor(reactor)
        self.assertEqual(ends, [True] * 3)
        self.assertEqual(self.flushLoggedErrors(), [])


__all__ = ["ReactorTests"]
