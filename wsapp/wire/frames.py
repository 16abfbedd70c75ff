"""Frames going out, for hybi-07 to RFC 6455: messages to bytes (RFC 6455 5 and 6.1, RFC 7692 7.2.1).

A server's frames are not masked; a client's are, each with a key of its own (RFC 6455 5.3).
"""

from __future__ import annotations

from collections.abc import Hashable

from wsapp.wire.codes import BINARY, CLOSE, NO_STATUS, PING, PONG, TEXT, onTheWire
from wsapp.wire.deflate import SMALLEST, Deflater

from .framing import FIN, frame, head, whole
from .viewing import utf8

__all__ = ["LARGE", "HybiSender"]

#: Bytes from which on :meth:`HybiSender.pieces` is worth its while.
LARGE = 16 * 1024

_COMPRESSED = 0x40  # RSV1 (RFC 7692 6)


class HybiSender:
    """Builds the frames that go to one peer.

    :param number: The ``Sec-WebSocket-Version`` (7, 8, 13): which close codes the peer knows.
    :param deflater: Where permessage-deflate was agreed to.
    :ivar form: Peers with equal forms get equal bytes; None: this one's are its own.
    """

    __slots__ = ("_deflater", "_masked", "_number", "_plain", "form")

    #: Whether the version has binary messages and pings.
    hasBinary = hasPing = True

    def __init__(
        self,
        number: int = 13,
        deflater: Deflater | None = None,
        form: Hashable = "hybi",
        masked: bool = False,
    ) -> None:
        self._number = number
        self._deflater = deflater
        self._masked = masked
        self._plain = deflater is None and not masked
        self.form: Hashable = form

    def encode(self, message: str | bytes) -> bytes:
        """A whole message, in one frame.

        :raises UnicodeEncodeError: A lone surrogate, which UTF-8 cannot say.
        """
        if self._plain:
            return whole(message)
        if isinstance(message, str):
            opcode = FIN | TEXT
            payload = message.encode()
        else:
            opcode = FIN | BINARY
            payload = message
        if self._deflater is not None and len(payload) >= SMALLEST:
            payload = self._deflater.deflate(payload)
            opcode |= _COMPRESSED
        return frame(opcode, payload, self._masked)

    def pieces(self, message: str | bytes) -> list[bytes | memoryview]:
        """What :meth:`encode` makes, in pieces: nothing is copied of a message that goes out as it is.

        :raises UnicodeEncodeError: A lone surrogate.
        """
        if not self._plain:
            return [self.encode(message)]
        if isinstance(message, str):
            payload = utf8(message)
            return [head(FIN | TEXT, len(payload), False), payload]
        return [head(FIN | BINARY, len(message), False), message]

    def ping(self, payload: bytes) -> bytes:
        """A Ping (RFC 6455 5.5.2).

        :param payload: At most 125 bytes.
        """
        return frame(FIN | PING, payload, self._masked)

    def pong(self, payload: bytes) -> bytes:
        """A Pong (RFC 6455 5.5.3)."""
        return frame(FIN | PONG, payload, self._masked)

    def close(self, code: int, reason: str) -> bytes:
        """A Close (RFC 6455 5.5.1), with a code that this version knows.

        :param code: 1005 for a frame without one.
        :param reason: Cut at 123 bytes, between characters.
        :raises ValueError: A code that may not be sent.
        """
        if code == NO_STATUS:
            return frame(FIN | CLOSE, b"", self._masked)
        said = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore").encode()
        return frame(FIN | CLOSE, onTheWire(self._number, code).to_bytes(2, "big") + said, self._masked)
