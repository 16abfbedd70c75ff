"""permessage-deflate (RFC 7692): what is agreed to, and the compressing and inflating itself.

With ``shared`` (the default) both sides give up their context after each message: an idle client
then costs nothing, and a broadcast is compressed once for everybody with the same window.
``takeover`` keeps both contexts for as long as the connection lives, which compresses better.
"""

from __future__ import annotations

import enum
import functools
import zlib
from typing import NamedTuple

from wsapp.wire.headers import parseExtensions, splitList

__all__ = [
    "SMALLEST",
    "BadDeflate",
    "Compression",
    "Deflater",
    "Deflation",
    "Inflater",
    "Inflation",
    "agree",
    "agreed",
    "offer",
    "sharedDeflater",
    "sharedInflation",
]

#: Messages shorter than this, in bytes, go uncompressed: there is nothing to gain.
SMALLEST = 128

_NAME = "permessage-deflate"
_TAIL = b"\x00\x00\xff\xff"
# One byte of deflate makes no more than so many: four matches of 258 bytes, two bits each.
_DENSEST = 1032


class Compression(enum.Enum):
    """How far the server goes for compression."""

    OFF = "off"
    SHARED = "shared"
    TAKEOVER = "takeover"


class Deflation(NamedTuple):
    """What both sides have agreed to (RFC 7692 7.1), named as the header names it.

    The server's parameters speak of what the server compresses, the client's of what it inflates.
    """

    serverNoContextTakeover: bool = True
    clientNoContextTakeover: bool = True
    serverMaxWindowBits: int = 15
    clientMaxWindowBits: int = 15


class BadDeflate(Exception):
    """What came does not inflate."""


def _accepts(
    parameters: list[tuple[str, str | None]], answer: bool = False
) -> tuple[set[str], int, int | None] | None:
    """One offer's parameters: its flags, the server's window, the client's (None: not to be named).

    :param answer: They are those of a server's answer, where every window has a value.
    """
    flags: set[str] = set()
    server, client = 15, None
    for name, value in parameters:
        if name in flags:
            return None
        flags.add(name)
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value is not None:
                return None
        elif name == "client_max_window_bits" and value is None and not answer:
            client = 15
        elif name in ("server_max_window_bits", "client_max_window_bits"):
            # RFC 7692 7.1.2: a decimal number from 8 to 15 without leading zeros.
            if value not in ("8", "9", "10", "11", "12", "13", "14", "15"):
                return None
            if name == "server_max_window_bits":
                server = int(value)
            else:
                client = int(value)
        else:
            return None
    # zlib has no raw deflate with a window of 256 bytes, so we could not keep such a promise.
    return None if server == 8 and not answer else (flags, server, client)


def agree(offered: str, compression: Compression) -> tuple[Deflation, str] | None:
    """Take the first acceptable offer of a ``Sec-WebSocket-Extensions`` value (RFC 7692 5.1).

    :return: What is agreed and the value to answer with, or None to go on without compression.
    """
    if compression is Compression.OFF:
        return None
    for name, parameters in parseExtensions(offered):
        if name.lower() != _NAME or (accepted := _accepts(parameters)) is None:
            continue
        flags, server, client = accepted
        shared = compression is Compression.SHARED
        deflation = Deflation(
            shared or "server_no_context_takeover" in flags,
            shared or "client_no_context_takeover" in flags,
            server,
            client or 15,
        )
        answer = [_NAME]
        if deflation.serverNoContextTakeover:
            answer.append("server_no_context_takeover")
        if deflation.clientNoContextTakeover:
            answer.append("client_no_context_takeover")
        if "server_max_window_bits" in flags:
            answer.append(f"server_max_window_bits={server}")
        if client is not None and client < 15:
            answer.append(f"client_max_window_bits={client}")
        return deflation, "; ".join(answer)
    return None


def offer(compression: Compression) -> str | None:
    """A client's ``Sec-WebSocket-Extensions`` (RFC 7692 7.1); None where it offers nothing."""
    if compression is Compression.OFF:
        return None
    asked = f"{_NAME}; client_max_window_bits"
    if compression is Compression.SHARED:
        asked += "; server_no_context_takeover; client_no_context_takeover"
    return asked


def agreed(answer: str, compression: Compression) -> Deflation | None:
    """What a server has made of a client's :func:`offer`.

    :param answer: Its ``Sec-WebSocket-Extensions``; empty where it sent none.
    :raises ValueError: It is no answer to that offer, so that the connection must fail (RFC 6455 4.1,
        RFC 7692 7.1).
    """
    elements = splitList(answer)
    if not elements:
        return None
    read = parseExtensions(answer)
    if compression is Compression.OFF or len(elements) != 1 or len(read) != 1 or read[0][0].lower() != _NAME:
        raise ValueError(f"the server uses extensions that were not offered: {answer[:200]!r}")
    parameters = read[0][1]
    accepted = _accepts(parameters, answer=True)
    if accepted is None:
        raise ValueError(f"the server's parameters are not valid: {answer[:200]!r}")
    flags, server, client = accepted
    if compression is Compression.SHARED and "server_no_context_takeover" not in flags:
        raise ValueError(f"the server does not promise server_no_context_takeover: {answer[:200]!r}")
    shared = compression is Compression.SHARED or "client_no_context_takeover" in flags
    return Deflation("server_no_context_takeover" in flags, shared, server, client or 15)


class Inflation(NamedTuple):
    """How to inflate what a peer sends, before it sends anything; see :class:`Inflater`."""

    bits: int
    fresh: bool

    def inflater(self) -> Inflater:
        """What does it, for one connection."""
        return Inflater(self.bits, self.fresh)


class Inflater:
    """Inflates what one peer sends, never further than asked.

    :param bits: The window the peer compresses with.
    :param fresh: The peer starts each message with an empty window (no context takeover).
    """

    __slots__ = ("_behind", "_bits", "_fresh", "_zlib")

    def __init__(self, bits: int, fresh: bool) -> None:
        # zlib inflates what a window of 256 bytes made with one of 512 just as well.
        self._bits = -max(bits, 9)
        self._fresh = fresh
        self._zlib: zlib._Decompress | None = None
        self._behind = 0

    def inflater(self) -> Inflater:
        """The same."""
        return self

    def inflate(self, data: bytes, most: int) -> bytes:
        """Inflate a piece of a message.

        :param most: No more than this many bytes come out, whatever is in *data*; the caller
            takes that many as "too many" and gives up the connection, so the rest is dropped.
        :raises BadDeflate: *data* is not deflate.
        """
        if not data:
            return b""
        if self._zlib is None:
            self._zlib = zlib.decompressobj(self._bits)
            self._behind = 0
        inflater = self._zlib
        if inflater.eof:
            self._pass(data)
            return b""
        spare = inflater.copy() if most <= (len(data) + 8) * _DENSEST else None
        try:
            out = inflater.decompress(data, most)
        except zlib.error as error:
            if spare is None:
                raise BadDeflate(str(error)) from None
            return self._upToLimit(spare, data, most)
        if inflater.eof and len(out) < most:
            self._pass(inflater.unused_data)
        return out

    @staticmethod
    def _upToLimit(spare: zlib._Decompress, data: bytes, most: int) -> bytes:
        """Tell whether the limit or the error came first, byte by byte.

        zlib looks ahead of what it gives out, so without this it would depend on how the input
        was cut.  Done once, as either ends the connection; and only where the limit is near.
        """
        out = bytearray()
        at = 0
        try:
            while len(out) < most and at < len(data):
                out += spare.decompress(data[at : at + 1], most - len(out))
                at += 1
        except zlib.error as error:
            raise BadDeflate(str(error)) from None
        return bytes(out)

    def _pass(self, data: bytes) -> None:
        """Behind a block with BFINAL stands at most an empty block's first byte (RFC 7692 7.2.3.4)."""
        self._behind += len(data)
        if self._behind > 1 or data not in (b"", b"\x00"):
            raise BadDeflate("data behind the last block")

    def finish(self, most: int) -> bytes:
        """The message has ended: what is still to come out of it (RFC 7692 7.2.2)."""
        inflater = self._zlib
        assert inflater is not None
        out = b"" if inflater.eof else self.inflate(_TAIL, most)
        if self._fresh or inflater.eof:
            self._zlib = None
        return out


class Deflater:
    """Compresses messages of one window size.

    :param bits: The window, 9 to 15.
    :param fresh: Each message starts with an empty window, so that one deflater serves every
        connection that has agreed to the same.
    """

    __slots__ = ("_bits", "_flush", "_zlib")

    def __init__(self, bits: int, fresh: bool) -> None:
        self._bits = -bits
        # Made for the first message: it takes a quarter of a megabyte, and many clients only listen or wait.
        self._zlib: zlib._Compress | None = None
        # A full flush forgets the window: what is compressed next refers to nothing before it.
        self._flush = zlib.Z_FULL_FLUSH if fresh else zlib.Z_SYNC_FLUSH

    def deflate(self, message: bytes) -> bytes:
        """The payload of one compressed message (RFC 7692 7.2.1)."""
        deflater = self._zlib
        if deflater is None:
            deflater = self._zlib = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, self._bits)
        out = deflater.compress(message) + deflater.flush(self._flush)
        return out[:-4]


@functools.cache
def sharedDeflater(bits: int) -> Deflater:
    """The one deflater of all connections whose server side keeps no context, per window."""
    return Deflater(bits, fresh=True)


@functools.cache
def sharedInflation(bits: int, fresh: bool) -> Inflation:
    """The one object that says so, for all connections."""
    return Inflation(bits, fresh)
