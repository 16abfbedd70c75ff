"""Tests of TLS: verifying clients over the loopback interface, client certificates, and renewal."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock
from twisted.trial import util
from twisted.trial.unittest import TestCase

from tests.peers import Recorder, ServedCase
from tests.sockets import Caller, call, portOf, reactor
from wsapp.listening import BACKLOG, BadEndpoint, ClientCertificates, Endpoint
from wsapp.rehearsal import Held
from wsapp.service import Server

PEM = serialization.Encoding.PEM
WHEN = datetime.datetime(2020, 1, 1)


def name(certificate: Any) -> str:
    """The common name of a certificate; none of none."""
    if certificate is None:
        return ""
    (found,) = certificate.to_cryptography().subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found.value)


class Authority:
    """Issues certificates."""

    def __init__(self, name: str = "the tests' authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, x509.BasicConstraints(True, None))

    def _sign(self, name: x509.Name, key: Any, *extensions: Any) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(WHEN)
            .not_valid_after(WHEN + datetime.timedelta(days=36500))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self.certificate.public_bytes(PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """:return: A key and its certificate, for localhost and a common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, names, x509.BasicConstraints(False, None))
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return secret, certificate.public_bytes(PEM)


class TLSCase(ServedCase, TestCase):
    """A server with TLS on the loopback interface."""

    timeout = 20
    # Twisted itself still hands pyOpenSSL its own objects.
    suppress: ClassVar[list[Any]] = [
        util.suppress(
            category=DeprecationWarning, message="Passing pyOpenSSL (X509|PKey) objects is deprecated"
        )
    ]

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.authority = Authority()
        self.install("first")
        self.app = Recorder(onMessage=lambda client, message: client.send(message) and None)

    def write(self, name: str, data: bytes) -> str:
        """Write a file; its path."""
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    def install(self, name: str) -> None:
        """Put a new key and certificate where the server reads them."""
        key, certificate = self.authority.issue(name)
        self.write("key.pem", key)
        self.write("cert.pem", certificate)

    @property
    def text(self) -> str:
        """The endpoint."""
        return f"ssl:0:interface=127.0.0.1:privateKey={self.folder}/key.pem:certKey={self.folder}/cert.pem"

    def serve(self, clients: ClientCertificates | None = None) -> Server:
        """A started server, which ends with the test."""
        server = Server(reactor, {"app": self.app}, [Endpoint(reactor, self.text, clients)])
        server.startService()
        self.addCleanup(server.stopService)
        return server

    async def caller(
        self,
        server: Server,
        own: PrivateCertificate | None = None,
        authority: Authority | None = None,
        **more: Any,
    ) -> Caller:
        """Connect as a verifying client; the connection ends with the test."""
        options = optionsForClientTLS(
            more.pop("name", "localhost"),
            trustRoot=Certificate.loadPEM((authority or self.authority).pem),
            clientCertificate=own,
            **more,
        )
        endpoint = wrapClientTLS(options, TCP4ClientEndpoint(reactor, "127.0.0.1", portOf(server)))
        caller = await call(endpoint)
        self.addCleanup(caller.hangUp)
        return caller

    def common(self, caller: Caller) -> str:
        """The common name of the server's certificate."""
        transport: Any = caller.transport
        return name(transport.getPeerCertificate())

    async def failed(self, server: Server, **arguments: Any) -> Any:
        """Connect, and be refused; with what."""
        caller = await self.caller(server, **arguments)
        try:
            await caller.open()
        except Exception as error:
            return error
        self.fail("the connection was not refused")

    def run_(self, test: Awaitable[None]) -> Deferred[None]:
        """Run a coroutine as a test."""
        return Deferred.fromCoroutine(test)  # type: ignore[arg-type]


class ServingTests(TLSCase):
    """wss."""

    def test_verified(self) -> Deferred[None]:
        """A client that verifies the certificate is served, and the request is secure."""

        async def test() -> None:
            caller = await self.caller(self.serve())
            head = await caller.open()
            self.assertTrue(head.startswith(b"HTTP/1.1 101 "))
            self.assertEqual(self.common(caller), "first")
            caller.say("hi")
            await caller.until(rb"\x81\x02hi\Z")
            (client,) = self.app.known
            self.assertTrue(client.request.secure)
            self.assertEqual(client.request.location, "wss://localhost/")
            self.assertIsNone(client.request.clientCertificate)
            self.assertEqual(client.peer, "127.0.0.1")
            await caller.hangUp()
            self.assertEqual(len(self.app.ends), 1)

        return self.run_(test())

    def test_protocols(self) -> Deferred[None]:
        """Clients that ask by ALPN, as browsers do, are told HTTP/1.1."""

        async def test() -> None:
            server = self.serve()
            for _ in range(2):
                caller = await self.caller(server, acceptableProtocols=[b"h2", b"http/1.1"])
                head = await caller.open()
                self.assertTrue(head.startswith(b"HTTP/1.1 101 "))
                transport: Any = caller.transport
                self.assertEqual(transport.negotiatedProtocol, b"http/1.1")
            self.assertEqual(self.flushLoggedErrors(), [])

        return self.run_(test())

    def test_notVerified(self) -> Deferred[None]:
        """One that trusts somebody else, or wants another name, is not; the server logs no traceback."""

        async def test() -> None:
            server = self.serve()
            error = await self.failed(server, authority=Authority("another"))
            self.assertIsInstance(error, SSL.Error)
            self.assertIsInstance(await self.failed(server, name="elsewhere.example"), VerificationError)
            self.assertEqual(self.app.known, [])

        return self.run_(test())

    def test_plain(self) -> Deferred[None]:
        """What is no TLS is dropped, without a traceback."""

        async def test() -> None:
            server = self.serve()
            caller = await call(TCP4ClientEndpoint(reactor, "127.0.0.1", portOf(server)))
            caller.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await caller.ended
            self.assertNotIn(b"HTTP", caller.data)
            self.assertEqual(self.flushLoggedErrors(), [])

        return self.run_(test())

    def test_rehearsal(self) -> None:
        """Keys, certificates and authorities are tried out before the server starts."""
        with Held() as held:
            Endpoint(reactor, self.text).rehearse(held)
        key, _ = self.authority.issue("other")
        missing = ClientCertificates(str(self.folder / "missing.pem"))
        with Held() as held:
            error = self.assertRaises(BadEndpoint, Endpoint(reactor, self.text, missing).rehearse, held)
            self.assertIn("missing.pem cannot be read", str(error))
        self.write("key.pem", key)
        error = self.assertRaises(BadEndpoint, Endpoint, reactor, self.text)
        self.assertIn(
            "the key or certificate cannot be used (Certificate public and private keys", str(error)
        )

    def test_closeAndStop(self) -> Deferred[None]:
        """A stop reaches TLS clients, and an application may abort one that is gone already."""

        async def test() -> None:
            server = self.serve()
            gone, there = await self.caller(server), await self.caller(server)
            await gone.open()
            await gone.hangUp()
            for _ in range(100):
                if self.app.ends:
                    break
                turn: Deferred[None] = Deferred()
                reactor.callLater(0.01, turn.callback, None)
                await turn
            self.app.known[0].abort()
            self.app.known[0].close()
            await there.open()
            stopped = server.stopService()
            await there.until(rb"the server is stopping\Z")
            there.write(b"\x88\x82" + bytes(4) + b"\x03\xe9")
            await stopped
            self.assertEqual(len(self.app.ends), 2)
            self.assertEqual(self.app.ends[1], (1001, "the server is stopping", True))

        return self.run_(test())

    def test_hangingHookAtStop(self) -> Deferred[None]:
        """A TLS client that has gone while its hook hangs does not break the stop."""

        async def test() -> None:
            self.app.does["onMessage"] = lambda client, message: Deferred()
            server = self.serve()
            caller = await self.caller(server)
            await caller.open()
            caller.say("hi")
            await caller.hangUp()
            stopped = server.stopService()
            reactor.callLater(0.1, server.hurry)
            await stopped

        return self.run_(test())

    def test_backlog(self) -> None:
        """As without TLS, more may wait to be taken than Twisted lets, unless the endpoint says how many."""
        for text, backlog in ((self.text, BACKLOG), (f"{self.text}:backlog=50", 50)):
            memory = MemoryReactorClock()
            Endpoint(memory, text).listen(Factory.forProtocol(Protocol))
            self.assertEqual(memory.sslServers[0][3], backlog, text)


class ClientCertificateTests(TLSCase):
    """Certificates that clients show."""

    def setUp(self) -> None:
        super().setUp()
        self.users = Authority("the users' authority")
        self.trusted = self.write("users.pem", self.users.pem)

    def own(self, authority: Authority, name: str) -> PrivateCertificate:
        """A client's certificate."""
        key, certificate = authority.issue(name)
        own: PrivateCertificate = PrivateCertificate.loadPEM(key + certificate)
        return own

    def test_shown(self) -> Deferred[None]:
        """A client's certificate reaches ``request.clientCertificate``."""

        async def test() -> None:
            server = self.serve(ClientCertificates(self.trusted))
            caller = await self.caller(server, self.own(self.users, "ann"))
            await caller.open()
            (client,) = self.app.known
            self.assertEqual(name(client.request.clientCertificate), "ann")

        return self.run_(test())

    def test_required(self) -> Deferred[None]:
        """Who has none, or one of another authority's, is refused where it is required."""

        async def test() -> None:
            server = self.serve(ClientCertificates(self.trusted))
            await self.failed(server)
            await self.failed(server, own=self.own(Authority("another"), "eve"))
            self.assertEqual(self.app.known, [])
            self.assertEqual(self.flushLoggedErrors(), [])

        return self.run_(test())

    def test_optional(self) -> Deferred[None]:
        """Where it is not, who has none is let in, but a false one is refused all the same."""

        async def test() -> None:
            server = self.serve(ClientCertificates(self.trusted, required=False))
            for own, expected in ((None, ""), (self.own(self.users, "bob"), "bob")):
                caller = await self.caller(server, own)
                await caller.open()
                self.assertEqual(name(self.app.known[-1].request.clientCertificate), expected)
            await self.failed(server, own=self.own(Authority("another"), "eve"))

        return self.run_(test())

    def test_unreadable(self) -> None:
        """Authorities that cannot be read are an error of one line."""
        garbage = self.write("garbage.pem", b"this is no certificate")
        for name in (str(self.folder / "missing.pem"), garbage):
            server = Server(
                reactor, {"app": self.app}, [Endpoint(reactor, self.text, ClientCertificates(name))]
            )
            error = str(self.assertRaises(BadEndpoint, server.startService))
            self.assertIn(name, error)
            self.assertNotIn("\n", error)


class RenewalTests(TLSCase):
    """renewCertificates()."""

    def test_renewed(self) -> Deferred[None]:
        """New connections get the new certificate; those that live go on."""

        async def test() -> None:
            server = self.serve()
            old = await self.caller(server)
            await old.open()
            self.install("second")
            unchanged = await self.caller(server)
            await unchanged.open()
            self.assertEqual(self.common(unchanged), "first")
            server.renewCertificates()
            new = await self.caller(server)
            await new.open()
            self.assertEqual((self.common(old), self.common(new)), ("first", "second"))
            for caller in (old, new):
                caller.say("hi")
                await caller.until(rb"\x81\x02hi\Z")
            self.assertTrue(any("read the certificate again" in line for line in self.lines()))

        return self.run_(test())

    def test_clientCertificatesStay(self) -> Deferred[None]:
        """What is asked of clients is asked after a renewal too."""

        async def test() -> None:
            users = Authority("the users' authority")
            server = self.serve(ClientCertificates(self.write("users.pem", users.pem)))
            self.install("second")
            server.renewCertificates()
            await self.failed(server)
            caller = await self.caller(server, PrivateCertificate.loadPEM(b"".join(users.issue("ann"))))
            await caller.open()
            self.assertEqual(self.common(caller), "second")

        return self.run_(test())

    def test_unreadable(self) -> Deferred[None]:
        """What cannot be read, or does not fit, keeps the old one, with one line in the log."""

        async def test() -> None:
            server = self.serve()
            key, certificate = self.authority.issue("other")
            for name, data in (
                ("key.pem", b"garbage"),
                ("cert.pem", b"garbage"),
                ("key.pem", key),
                ("cert.pem", certificate),
                ("key.pem", None),
                ("cert.pem", b""),
            ):
                self.install("broken")
                if data is None:
                    (self.folder / name).unlink()
                else:
                    self.write(name, data)
                self.logged.clear()
                server.renewCertificates()
                (line,) = self.lines()
                self.assertIn("kept the old certificate", line)
                self.assertNotIn("\n", line)
                caller = await self.caller(server)
                await caller.open()
                self.assertEqual(self.common(caller), "first")
            self.assertEqual(self.flushLoggedErrors(), [])

        return self.run_(test())
