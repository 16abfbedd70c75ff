"""``haproxy:`` ports: whom a connection is from, as a proxy says in front of its first byte.

From HAProxy's proxy-protocol.txt: a line of text (version 1, 2.1 there) or a binary header (version 2, 2.2).
It may come in any pieces.  Whatever is wrong with it is answered as a bad request is, with one line in the
log, where Twisted's own parsers raise some of it.  Whether the proxy is to be believed is for others.
"""

# Twisted's wrappers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import ipaddress
from typing import Any, TypeAlias

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from wsapp.errors import BadRequest

__all__ = ["AnnouncedFactory"]

#: Where the connection is from and to; None where the proxy speaks for itself, or does not know.
_Ends: TypeAlias = tuple[IAddress, IAddress] | None

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_WORD = b"PROXY "

#: The longest line, with its end (2.1).
_LONGEST_LINE = 107

#: The longest binary header: what a proxy adds to the addresses, a certificate perhaps, is passed over.
_LONGEST = 16 * 1024


def _sizeOf(data: bytes) -> int:
    """How long the header is that begins so; 0 while it is not all here.

    :raises ValueError: It is none.
    """
    if data.startswith(_SIGNATURE[: len(data)]):
        size = 16 + int.from_bytes(data[14:16], "big")
        if size > _LONGEST:
            raise ValueError("it is too long")
        return size if len(data) >= size else 0
    if not data.startswith(_WORD[: len(data)]):
        raise ValueError("it does not begin as one")
    size = data.find(b"\r\n", 0, _LONGEST_LINE) + 2
    if size < 2 and len(data) >= _LONGEST_LINE:
        raise ValueError("its line does not end")
    return size if size >= 2 else 0


def _address(host: str, port: int) -> IAddress:
    """:raises ValueError: It is no address."""
    kind = IPv4Address if ipaddress.ip_address(host).version == 4 else IPv6Address
    return kind("TCP", host, port)


def _port(word: str) -> int:
    if not word.isdigit() or int(word) > 0xFFFF:
        raise ValueError("a port is no number")
    return int(word)


def _readLine(line: bytes) -> _Ends:
    """:raises ValueError: It is not as version 1 has it."""
    kind, *words = line.decode("ascii").split(" ")[1:]
    if kind == "UNKNOWN":
        return None
    if kind not in ("TCP4", "TCP6") or len(words) != 4:
        raise ValueError("it names no protocol, or not two addresses and ports")
    return _address(words[0], _port(words[2])), _address(words[1], _port(words[3]))


def _readBinary(data: bytes) -> _Ends:
    """:raises ValueError: It is not as version 2 has it."""
    if data[12] not in (0x20, 0x21):
        raise ValueError("it is of another version, or asks for something else")
    family = data[13] >> 4
    if data[12] == 0x20 or family not in (1, 2, 3):
        return None
    size = (4, 16, 108)[family - 1]
    ports = 16 + 2 * size
    if len(data) < ports + (4 if family < 3 else 0):
        raise ValueError("it is too short for its addresses")
    source, to = data[16 : 16 + size], data[16 + size : ports]
    if family == 3:
        return UNIXAddress(source.rstrip(b"\0")), UNIXAddress(to.rstrip(b"\0"))
    first, second = (int.from_bytes(data[at : at + 2], "big") for at in (ports, ports + 2))
    return (
        _address(str(ipaddress.ip_address(source)), first),
        _address(str(ipaddress.ip_address(to)), second),
    )


class _Announced(ProtocolWrapper):
    """One connection, which begins behind the header; its transport, and what its transport tells."""

    wrappedProtocol: Any

    def __init__(self, factory: Any, wrappedProtocol: Any) -> None:
        super().__init__(factory, wrappedProtocol)
        self._header: bytes | None = b""  # what is here of it; None once it is read, or wrong
        self._ends: _Ends = None

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        if self._header is None:
            self.wrappedProtocol.dataReceived(data)
            return
        self._header += data
        try:
            size = _sizeOf(self._header)
            if not size:
                return
            header, rest = self._header[:size], self._header[size:]
            self._ends = _readLine(header[:-2]) if header.startswith(_WORD) else _readBinary(header)
        except ValueError as error:  # of which UnicodeDecodeError is one
            self._header = None  # from now on the connection discards what comes
            self.wrappedProtocol.refused(
                BadRequest("a PROXY header must come first, and be right", detail=str(error))
            )
            return
        self._header = None
        if rest:
            self.wrappedProtocol.dataReceived(rest)

    def getPeer(self) -> Any:
        """Whom it is from, as the proxy says."""
        return super().getPeer() if self._ends is None else self._ends[0]

    def getHost(self) -> Any:
        """Where it was made to, as the proxy says."""
        return super().getHost() if self._ends is None else self._ends[1]


class AnnouncedFactory(WrappingFactory):
    """Builds the connections of a port where proxies say whom they are from.

    :param wrappedFactory: Builds connections that can be told to refuse, as
        :class:`wsapp.connection.Connection` can.
    """

    noisy = False
    protocol = _Announced

    def __init__(self, wrappedFactory: Any) -> None:
        super().__init__(wrappedFactory)
