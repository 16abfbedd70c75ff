"""Tests of `wsapp.transports`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace
from typing import Any
from unittest import SkipTest, mock

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from wsapp.memory import MemoryTransport, SecureMemoryTransport
from wsapp.origins import TrustedProxies
from wsapp.transports import certificateOf, halfClose, isSecure, peerOf, receiveBy, tune, tuneAll

NOBODY = TrustedProxies()


class Unix(MemoryTransport):
    """A UNIX socket's transport."""

    def getPeer(self) -> Any:
        return UNIXAddress(None)


class Proxied(ProtocolWrapper):
    """As a ``haproxy:`` endpoint's: it says who the PROXY header says."""

    claimed = IPv4Address("TCP", "203.0.113.9", 4000)

    def getPeer(self) -> Any:
        return self.claimed


def proxied(wire: Any) -> Any:
    """A transport behind a PROXY header."""
    wrapper = Proxied(WrappingFactory(Factory.forProtocol(Protocol)), Protocol())
    wrapper.makeConnection(wire)
    return wrapper


class PeerTests(SynchronousTestCase):
    """Who is at the other end."""

    def test_plain(self) -> None:
        """Its address; nothing for a UNIX socket."""
        self.assertEqual(peerOf(MemoryTransport("192.0.2.5"), NOBODY), "192.0.2.5")
        self.assertEqual(peerOf(Unix(), NOBODY), "")

    def test_proxyHeader(self) -> None:
        """It counts from trusted proxies only."""
        wire = proxied(MemoryTransport("192.0.2.5"))
        self.assertEqual(peerOf(wire, NOBODY), "192.0.2.5")
        self.assertEqual(peerOf(wire, TrustedProxies(["198.51.100.0/24"])), "192.0.2.5")
        self.assertEqual(peerOf(wire, TrustedProxies(["192.0.2.0/24"])), "203.0.113.9")

    def test_proxyHeaderUnix(self) -> None:
        """Over a UNIX socket too."""
        self.assertEqual(peerOf(proxied(Unix()), NOBODY), "")
        self.assertEqual(peerOf(proxied(Unix()), TrustedProxies(["unix"])), "203.0.113.9")

    def test_wrapped(self) -> None:
        """A wrapper that claims nothing changes nothing."""
        wrapper = ProtocolWrapper(WrappingFactory(Factory.forProtocol(Protocol)), Protocol())
        wrapper.makeConnection(MemoryTransport("192.0.2.5"))
        self.assertEqual(peerOf(wrapper, NOBODY), "192.0.2.5")


class SecureTests(SynchronousTestCase):
    """TLS or not."""

    def test_isSecure(self) -> None:
        """By what the transport provides, through wrappers too."""
        plain, secure = MemoryTransport(), SecureMemoryTransport("192.0.2.5")
        self.assertEqual((isSecure(plain), isSecure(secure)), (False, True))
        self.assertTrue(ISSLTransport.providedBy(proxied(secure)))
        self.assertTrue(isSecure(proxied(secure)))

    def test_certificate(self) -> None:
        """None without TLS, and where none was shown."""
        shown = object()
        self.assertIsNone(certificateOf(MemoryTransport()))
        self.assertIsNone(certificateOf(SecureMemoryTransport("192.0.2.5")))
        self.assertIs(certificateOf(SecureMemoryTransport("192.0.2.5", shown)), shown)


class TuneTests(SynchronousTestCase):
    """What is asked of the system."""

    def test_tcp(self) -> None:
        """Small frames leave at once, and hixie's dead are found, TLS or not."""
        asked: list[tuple[str, bool]] = []

        class TCP:
            def __init__(self, address: object) -> None:
                self.address = address

            def getHost(self) -> object:
                return self.address

            def setTcpNoDelay(self, enabled: bool) -> None:
                asked.append(("no delay", enabled))

            def setTcpKeepAlive(self, enabled: bool) -> None:
                asked.append(("keep alive", enabled))

        transport: Any = TCP(IPv4Address("TCP", "192.0.2.1", 80))
        directlyProvides(transport, ITCPTransport)
        tune(transport)
        self.assertEqual(asked, [("no delay", True), ("keep alive", True)])
        # Some releases of Twisted call UNIX transports so too.
        transport = TCP(UNIXAddress("/run/wsapp.sock"))
        directlyProvides(transport, ITCPTransport)
        tune(transport)
        self.assertEqual(len(asked), 2)

    def test_inherited(self) -> None:
        """Where they can be relied on to inherit it, connections have it from their port."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = SimpleNamespace(socket=listener)
            with mock.patch("sys.platform", "win32"):
                self.assertFalse(tuneAll(port))
            if not sys.platform.startswith("linux"):
                raise SkipTest("only Linux is relied on")
            self.assertTrue(tuneAll(port))
            with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
                self.assertTrue(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                self.assertTrue(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        with socket.socket(socket.AF_UNIX) as unix:
            self.assertFalse(tuneAll(SimpleNamespace(socket=unix)))
        self.assertFalse(tuneAll(object()))

    def test_others(self) -> None:
        """What is no TCP is left alone."""
        for transport in (Unix(), MemoryTransport(), SecureMemoryTransport("192.0.2.5")):
            tune(transport)


class ReceiveByTests(SynchronousTestCase):
    """Who is handed what arrives."""

    def test_known(self) -> None:
        """A transport that can is told; one that only passes unknown names on is not."""
        told: list[object] = []

        class Direct:
            def receiveBy(self, receive: object) -> None:
                told.append(receive)

        class Wrapper:
            receiveByOf = Direct()

            def __getattr__(self, name: str) -> object:
                return getattr(self.receiveByOf, name)

        receiveBy(Wrapper(), print)
        self.assertEqual(told, [])
        receiveBy(Direct(), print)
        self.assertEqual(told, [print])


class HalfCloseTests(SynchronousTestCase):
    """Ending our direction."""

    def test_ways(self) -> None:
        """Half where that can be; TLS has its own farewell; others close."""

        class Whole:
            ended = ""

            def loseConnection(self) -> None:
                self.ended = "lose"

        transports: list[Any] = [MemoryTransport(), SecureMemoryTransport("192.0.2.5"), Whole()]
        for transport in transports:
            halfClose(transport)
        self.assertEqual([transport.ended for transport in transports], ["half", "lose", "lose"])
