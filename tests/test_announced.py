"""Tests of `wsapp.announced`: the PROXY header of ``haproxy:`` ports."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tests.peers import ServedCase, World, opening
from tests.wire.profile import STABLE
from wsapp.announced import AnnouncedFactory
from wsapp.memory import MemoryTransport
from wsapp.origins import TrustedProxies

PROXY = "192.0.2.5"


def binary(
    family: int, *addresses: str, ports: bytes = b"\xc7\x38\0\x50", tail: bytes = b"", command: int = 0x21
) -> bytes:
    """A header of version 2."""
    body = b"".join(ipaddress.ip_address(address).packed for address in addresses) + ports + tail
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + len(body).to_bytes(2, "big") + body


V4 = (IPv4Address("TCP", "203.0.113.9", 51000), IPv4Address("TCP", "192.0.2.1", 80))
V6 = (IPv6Address("TCP", "2001:db8::9", 51000), IPv6Address("TCP", "2001:db8::1", 80))
UNIX = (UNIXAddress(b"/run/from"), UNIXAddress(b"/run/to"))

#: Headers, and what they say; None: nothing.
RIGHT: dict[str, tuple[bytes, Any]] = {
    "TCP4": (b"PROXY TCP4 203.0.113.9 192.0.2.1 51000 80\r\n", V4),
    "TCP6": (b"PROXY TCP6 2001:db8::9 2001:db8::1 51000 80\r\n", V6),
    "UNKNOWN": (b"PROXY UNKNOWN\r\n", None),
    "UNKNOWN, with more": (b"PROXY UNKNOWN ffff:f::f ffff:f::f 65535 65535\r\n", None),
    "2, IPv4": (binary(0x11, "203.0.113.9", "192.0.2.1"), V4),
    "2, IPv6, with more": (binary(0x21, "2001:db8::9", "2001:db8::1", tail=b"\x01\0\x08http/1.1"), V6),
    "2, UNIX": (binary(0x31, ports=b"/run/from".ljust(108, b"\0") + b"/run/to".ljust(108, b"\0")), UNIX),
    "2, unspecified": (binary(0x00, ports=b""), None),
    "2, the proxy itself": (binary(0x11, "203.0.113.9", "192.0.2.1", command=0x20), None),
}

WRONG = {
    "none": opening(),
    "TLS": b"\x16\x03\x01",
    "a port is no number": b"PROXY TCP4 1.1.1.1 2.2.2.2 x 80\r\n",
    "a port is too high": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
    "an address is not ASCII": b"PROXY TCP4 \xff 2.2.2.2 1 80\r\n",
    "an address is none": b"PROXY TCP4 \x1b[2J 2.2.2.2 1 80\r\n",
    "too few words": b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
    "no words": b"PROXY \r\n",
    "another protocol": b"PROXY UDP4 1.1.1.1 2.2.2.2 1 80\r\n",
    "a line without end": b"PROXY TCP4 " + b"1" * 96,
    "2, another version": binary(0x11, "203.0.113.9", "192.0.2.1", command=0x31),
    "2, another command": binary(0x11, "203.0.113.9", "192.0.2.1", command=0x22),
    "2, too short": binary(0x11, "203.0.113.9"),
    "2, too long": binary(0x11, "203.0.113.9", "192.0.2.1", tail=b"x" * 16384)[:16],
}


class AnnouncedTests(ServedCase):
    """A port of a server's."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World(proxies=TrustedProxies([PROXY]))
        self.factory = AnnouncedFactory(self.world.factory)

    def connect(self, address: str = PROXY) -> tuple[Any, MemoryTransport]:
        """A proxy connects."""
        transport = MemoryTransport(address)
        protocol: Any = self.factory.buildProtocol(transport.getPeer())
        protocol.makeConnection(transport)
        return protocol, transport

    def lose(self, protocol: Any) -> None:
        """It is over, and nothing is left."""
        protocol.connectionLost(Failure(ConnectionDone()))
        self.world.nothingLeft(self)

    def test_right(self) -> None:
        """Whatever it says, and however it comes, the connection begins behind it."""
        for name, (header, ends) in RIGHT.items():
            data = header + opening()
            for pieces in ([data], [header, opening()], [data[at : at + 1] for at in range(len(data))]):
                with self.subTest(name, pieces=len(pieces)):
                    protocol, transport = self.connect()
                    for piece in pieces:
                        protocol.dataReceived(piece)
                    self.assertIn(b" 101 ", transport.take())
                    if ends is None:
                        ends = (transport.getPeer(), transport.getHost())
                    self.assertEqual((protocol.getPeer(), protocol.getHost()), ends)
                    (client,) = self.world.app.clients
                    self.assertEqual(client.peer, getattr(ends[0], "host", ""))
                    self.lose(protocol)

    def test_wrong(self) -> None:
        """400 and one line, whatever is wrong, at once or byte by byte; the rest is discarded."""
        for name, data in WRONG.items():
            for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
                with self.subTest(name, pieces=len(pieces)):
                    before = len(self.lines())
                    protocol, transport = self.connect()
                    for piece in [*pieces, opening()]:
                        protocol.dataReceived(piece)
                    answer = transport.take()
                    self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
                    self.assertEqual((answer.count(b"HTTP/1.1"), transport.ended), (1, "half"))
                    self.assertLessEqual(len(self.lines()) - before, 1)
                    self.world.terms.incidents.flush()
                    self.lose(protocol)
        self.assertIn(
            "refused 192.0.2.5: 400 a PROXY header must come first, and be right (", self.lines()[0]
        )
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_neverEnds(self) -> None:
        """The handshake time-out counts for a header too."""
        for begin in (b"", b"PROXY TCP4 1", binary(0x11, "203.0.113.9", tail=b"x" * 5000)[:-1]):
            protocol, transport = self.connect()
            protocol.dataReceived(begin)
            self.world.advance(11)
            self.assertEqual((transport.take(), transport.ended), (b"", "abort"))
            self.lose(protocol)

    @STABLE
    @given(
        st.binary(max_size=60), st.sampled_from([header for header, _ in RIGHT.values()]), st.integers(0, 60)
    )
    def test_anything(self, data: bytes, header: bytes, at: int) -> None:
        """No input makes an exception."""
        protocol, _ = self.connect("203.0.113.1")
        protocol.dataReceived(header[:at] + data)
        protocol.dataReceived(opening())
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.flushLoggedErrors(), [])
