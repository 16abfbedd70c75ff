"""Tests of `wsapp.outgoing.dialing`: which way a URL leads."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.live.certificates import Authority
from tests.loop.tlspeer import Peer
from tests.outgoing.world import Way
from wsapp.closing import CLIENT_TABLE
from wsapp.limits import Limits
from wsapp.outgoing.dialing import Dialing
from wsapp.outgoing.protocol import explained
from wsapp.outgoing.tunnel import TunnelEndpoint
from wsapp.wire.versions import HIXIE_76


@implementer(IReactorPluggableNameResolver)
class Reactor(MemoryReactorClock):
    """One that is never asked for a name's address, but could be."""

    nameResolver: Any = None

    def installNameResolver(self, resolver: Any) -> Any:
        raise NotImplementedError


class WayTests(SynchronousTestCase):
    """The endpoint."""

    def way(self, url: str, **options: Any) -> Any:
        """The endpoint for a URL."""
        with mock.patch.dict("os.environ", clear=True):
            return Dialing(url, **options).way(Reactor())

    def test_network(self) -> None:
        """Whichever address of the host answers first."""
        way = self.way("ws://example.com:81/")
        self.assertIsInstance(way, HostnameEndpoint)
        self.assertEqual((way._hostText, way._port), ("example.com", 81))
        self.assertEqual(self.way("ws://[::1]/")._hostText, "::1")

    def test_odd(self) -> None:
        """Names that DNS has and IDNA has not are given to the resolver as they are."""
        for host in ("my_service", "r3---sn-abc.example.com", "xn--a", "xn--bcher-kva.example"):
            reactor = Reactor()
            reactor.nameResolver = resolver = mock.Mock()
            Dialing(f"ws://{host}:81/", proxy=None).way(reactor).connect(Factory())
            self.assertEqual(resolver.resolveHostName.call_args.args[1], host)

    def test_unix(self) -> None:
        """A socket's path."""
        way = self.way("ws+unix:/run/a.sock:/x")
        self.assertIsInstance(way, UNIXClientEndpoint)
        self.assertEqual(way._path, "/run/a.sock")

    def test_proxy(self) -> None:
        """Through one that is named; None means none, whatever the environment says."""
        way = self.way("ws://[::1]:81/", proxy="http://u:p@proxy.example:3128")
        self.assertIsInstance(way, TunnelEndpoint)
        self.assertEqual(way._proxy._hostText, "proxy.example")
        self.assertIn(b"CONNECT [::1]:81 HTTP/1.1\r\n", way._request)
        with mock.patch.dict("os.environ", {"http_proxy": "other:1", "no_proxy": "direct"}, clear=True):
            reactor = Reactor()
            self.assertIsInstance(Dialing("ws://h/").way(reactor), TunnelEndpoint)
            self.assertIsInstance(Dialing("ws://h/", proxy=None).way(reactor), HostnameEndpoint)
            self.assertIsInstance(Dialing("ws://h/", proxy=False).way(reactor), HostnameEndpoint)
            self.assertIsInstance(Dialing("ws://direct/").way(reactor), HostnameEndpoint)

    def test_secure(self) -> None:
        """TLS around whatever way it is, for the server's name."""
        way = self.way("wss://example.com/")
        self.assertIsInstance(way._wrappedEndpoint, HostnameEndpoint)
        way = self.way("wss://example.com/", proxy="https://proxy.example")
        self.assertIsInstance(way._wrappedEndpoint, TunnelEndpoint)
        self.assertIsInstance(way._wrappedEndpoint._proxy._wrappedEndpoint, HostnameEndpoint)

    def test_place(self) -> None:
        """As error messages have it."""
        self.assertEqual(Dialing("ws://u:p@h:1/", proxy=None).place, "h:1")
        self.assertEqual(Dialing("ws://h/", proxy="http://u:p@q:3").place, "h through the proxy q:3")
        self.assertEqual(Dialing("ws+unix:/run/a").place, "/run/a")


class VerifyingTests(SynchronousTestCase):
    """TLS: which host is asked for, and whose certificate believed."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority = Authority(self.folder)

    def shake(self, host: str, certified: str) -> tuple[list[Any], str]:
        """Shake hands with a server.

        :param certified: The name in its certificate.
        :return: The names that it was asked for, and why it was not believed; empty where it was.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        names = x509.SubjectAlternativeName([x509.DNSName(certified)])
        builder = self.authority._builder(subject, key.public_key()).add_extension(names, critical=False)
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_privatekey(key)
        context.use_certificate(builder.sign(self.authority.key, hashes.SHA256()))
        asked: list[Any] = []
        context.set_tlsext_servername_callback(lambda connection: asked.append(connection.get_servername()))
        server = Peer(context)
        server.connection.set_accept_state()
        lost: list[Any] = []

        class Seen(Protocol):
            def connectionLost(self, reason: Any = None) -> None:
                lost.append(explained(reason))

        way = Way()
        trust = Certificate.loadPEM(self.authority.file.read_bytes())
        Dialing(f"wss://{host}/", endpoint=way, trustRoot=trust).way(Reactor()).connect(
            Factory.forProtocol(Seen)
        )
        while data := way.line.transport.take():
            server.take(data)
            way.line.give(server.given())
        if way.line.transport.ended:
            way.line.lose()
        else:
            server.connection.do_handshake()  # which is over, and has been agreed to
        return asked, "".join(lost)

    def test_name(self) -> None:
        """The server's name is in the hello (RFC 6066 3), and must be in the certificate, odd or not."""
        for host in ("example.com", "my_service.internal", "my_service", "r3---sn-abc.example.com"):
            self.assertEqual(self.shake(host, host), ([host.encode()], ""))
            self.assertEqual(
                self.shake(host, "name.invalid"),
                ([host.encode()], "the server's certificate is for another host"),
            )
        self.assertEqual(self.shake("a_b.example.com", "*.example.com")[1], "")
        self.assertNotEqual(self.shake("a_b.c.example.com", "*.example.com")[1], "")

    def test_international(self) -> None:
        """As DNS has it."""
        name = "xn--bcher-kva.example"
        self.assertEqual(self.shake("bücher.example", name), ([name.encode()], ""))

    def test_address(self) -> None:
        """An address is no name: none is sent (RFC 6066 3), and the certificate must say the address."""
        self.assertEqual(self.shake("127.0.0.1", "a")[0], [None])


class DialingTests(SynchronousTestCase):
    """The rest."""

    def test_repr(self) -> None:
        """No secrets."""
        shown = repr(Dialing("ws://u:secret@h/", headers={"A": "secret"}, proxy="http://u:secret@q"))
        self.assertNotIn("secret", shown)

    def test_terms(self) -> None:
        """A client's way to close, and the limits."""
        limits = Limits(maxMessage=5)
        terms = Dialing("ws://h/", limits=limits).terms(Reactor())
        self.assertIs(terms.closing, CLIENT_TABLE)
        self.assertIs(terms.limits, limits)
        with self.assertRaises(AssertionError):
            terms.choose("/", [])

    def test_asking(self) -> None:
        """Each time another request; a generator of headers serves them all."""
        dialing = Dialing("ws://h/", headers=iter([("A", "b")]), version="hixie-76")
        first, second = dialing.asking(), dialing.asking()
        self.assertIs(first.version, HIXIE_76)
        self.assertNotEqual(first.request, second.request)
        self.assertIn(b"A: b\r\n", second.request)
