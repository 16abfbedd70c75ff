"""Tests of `wsapp.relay.transport`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.relay.hall import pipe
from tests.relay.test_channel import Person
from wsapp.relay.channel import END, HALF, NO, OPEN, WINDOW, YES, Channel
from wsapp.relay.transport import Relayed, SecureRelayed
from wsapp.transports import isSecure, kindOf


class Client(Protocol):
    """A connection's protocol: writes down what comes."""

    def __init__(self) -> None:
        self.data = b""
        self.ends: list[Any] = []
        self.does: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if self.does is not None:
            self.does()

    def connectionLost(self, reason: Any = None) -> None:
        self.ends.append(reason.type)


class Producer:
    """What a send queue is to a transport."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """Enough."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """More."""
        self.told.append("resume")


class RelayedCase(SynchronousTestCase):
    """A transport, and a sibling at the other end of its channel."""

    kind: type[Relayed] = Relayed
    peer = "203.0.113.1"

    def setUp(self) -> None:
        self.clock = Clock()
        self.sibling = Person()
        self.channel = Channel(Person())
        self.ends = pipe(self.clock, self.sibling.channel, self.channel)
        self.transport = self.kind(self.channel, self.clock, self.peer, "certificate")
        self.channel.user = self.transport
        self.client = Client()
        self.transport.begin(self.client)

    def settle(self) -> None:
        """Let everything arrive."""
        while self.clock.getDelayedCalls():
            self.clock.advance(0)

    @property
    def words(self) -> list[bytes | str]:
        """What the sibling was told, without bytes."""
        self.settle()
        return [each if isinstance(each, str) else each[0] for each in self.sibling.log[1:]]


class OutTests(RelayedCase):
    """To the client."""

    def test_write(self) -> None:
        """Nothing before it is accepted, which the client has had; all after, but behind an end."""
        self.transport.write(b"HTTP/1.1 101")
        self.transport.accept()
        self.transport.write(b"one")
        self.transport.writeSequence([b" two", b" three"])
        self.transport.loseConnection()
        self.transport.write(b"four")
        self.assertEqual(self.words, [YES, END])
        self.assertEqual(self.sibling.data, b"one two three")
        self.assertEqual(self.client.ends, [])
        self.sibling.channel.finish(END, close=True)
        self.settle()
        self.assertEqual(self.client.ends, [ConnectionDone])

    def test_declined(self) -> None:
        """Who is not accepted is declined by any end."""
        for how in ("loseConnection", "loseWriteConnection", "stopProducing"):
            self.setUp()
            getattr(self.transport, how)()
            self.transport.loseConnection()
            self.assertEqual(self.words, [NO, "gone"])
            self.assertEqual(len(self.client.ends), 1)
        self.setUp()
        self.transport.abortConnection()
        self.assertEqual(self.words, ["gone"])
        self.assertEqual(self.client.ends, [ConnectionAborted])

    def test_half(self) -> None:
        """One direction ends; the other goes on; then both."""
        self.transport.accept()
        self.transport.write(b"last")
        self.transport.loseWriteConnection()
        self.assertEqual(self.words, [YES, HALF])
        self.sibling.channel.send(b"answer")
        self.settle()
        self.assertEqual((self.sibling.data, self.client.data), (b"last", b"answer"))
        self.transport.loseConnection()
        self.transport.loseWriteConnection()
        self.assertEqual(self.words, [YES, HALF, END])

    def test_flow(self) -> None:
        """Who writes is told to pause when the window is full, and to go on when all has left."""
        self.transport.accept()
        self.sibling.takes = False
        self.transport.write(WINDOW * b"x")
        self.transport.write(b"y")  # nobody to tell
        producer = Producer()
        self.transport.registerProducer(producer, True)  # type: ignore[arg-type]
        self.transport.write(b"z")
        self.settle()
        self.assertEqual(producer.told, ["pause"])
        self.sibling.channel.took(1)
        self.settle()
        self.assertEqual(producer.told, ["pause"])
        self.sibling.channel.took(WINDOW - 1)
        self.settle()
        self.assertEqual(producer.told, ["pause", "resume"])
        self.transport.unregisterProducer()
        self.transport.write(2 * WINDOW * b"x")
        self.sibling.takes = True
        self.sibling.channel.took(WINDOW)
        self.settle()
        self.assertEqual(producer.told, ["pause", "resume"])
        self.assertEqual(len(self.sibling.data), 3 * WINDOW + 2)


class InTests(RelayedCase):
    """From the client."""

    def test_pause(self) -> None:
        """While it is paused bytes wait, and leave is not given; ends come behind them."""
        self.transport.pauseProducing()
        self.sibling.channel.send(2 * WINDOW * b"x")
        self.sibling.channel.finish(END, close=True)
        self.settle()
        self.assertEqual((self.client.data, self.sibling.channel.full), (b"", True))
        self.transport.resumeProducing()
        self.transport.resumeProducing()
        self.assertEqual(self.client.data, b"")
        self.settle()
        self.assertEqual(len(self.client.data), 2 * WINDOW)
        self.assertEqual(self.client.ends, [ConnectionDone])

    def test_pausedAmid(self) -> None:
        """Who pauses while it is given something is given no more; who resumes then, not amid that."""
        self.client.does = self.transport.pauseProducing
        self.sibling.channel.send(b"one")
        self.settle()
        self.sibling.channel.send(b"two")
        self.settle()
        self.assertEqual(self.client.data, b"one")
        self.client.does = None
        self.transport.resumeProducing()
        self.settle()
        self.assertEqual(self.client.data, b"onetwo")

    def test_lostWhilePaused(self) -> None:
        """An abrupt end too is told behind what came before; at once, where this side aborts."""
        for aborts in (False, True):
            self.setUp()
            self.transport.pauseProducing()
            self.sibling.channel.send(b"last")
            self.settle()
            self.sibling.channel.abort()
            self.settle()
            self.assertEqual(self.client.ends, [])
            if aborts:
                self.transport.abortConnection()
                self.assertEqual(self.client.ends, [])
                self.transport.abortConnection()
                self.settle()
                self.assertEqual((self.client.data, self.client.ends), (b"", [ConnectionAborted]))
            else:
                self.transport.resumeProducing()
                self.settle()
                self.assertEqual((self.client.data, self.client.ends), (b"last", [ConnectionLost]))

    def test_abortedAmid(self) -> None:
        """Who aborts while it is given something is given nothing more."""
        self.client.does = self.transport.abortConnection
        self.sibling.channel.send(b"one")
        self.sibling.channel.send(b"two")
        self.settle()
        self.assertEqual((self.client.data, self.client.ends), (b"one", [ConnectionAborted]))
        self.transport.resumeProducing()
        self.settle()

    def test_strange(self) -> None:
        """What no sibling says ends it."""
        self.sibling.channel.say(OPEN, b"{}")
        self.settle()
        self.assertEqual(self.client.ends, [ConnectionLost])


class FactsTests(RelayedCase):
    """Who it is."""

    def test_plain(self) -> None:
        """An address, or a UNIX socket's."""
        for peer, kind in (("203.0.113.1", "tcp"), ("2001:db8::1", "tcp"), ("", "unix")):
            transport = Relayed(self.channel, self.clock, peer, None)
            self.assertEqual(getattr(transport.getPeer(), "host", ""), peer)
            self.assertEqual((kindOf(transport), isSecure(transport)), (kind, False))

    def test_secure(self) -> None:
        """With a certificate, and all that is asked of a transport with TLS."""
        transport = SecureRelayed(self.channel, self.clock, "203.0.113.1", "certificate")
        verifyObject(ISSLTransport, transport)
        self.assertEqual((kindOf(transport), transport.getPeerCertificate()), ("tls", "certificate"))
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        self.assertTrue(transport.getTcpNoDelay() and transport.getTcpKeepAlive())
        self.assertEqual(transport.getHost().name, None)
