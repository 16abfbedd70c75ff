"""Clients over real sockets, with the running reactor: bytes in, bytes out."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["Caller", "call", "portOf", "reactor"]

reactor: Any = _reactor

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Caller(Protocol):
    """One client's connection.

    :ivar data: All that has come.
    :ivar ended: Fires when the connection has.
    """

    def __init__(self) -> None:
        self.data = b""
        self.ended: Deferred[None] = Deferred()
        self._waiting: list[tuple[re.Pattern[bytes], Deferred[bytes]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        for pattern, waiter in list(self._waiting):
            if pattern.search(self.data):
                self._waiting.remove((pattern, waiter))
                waiter.callback(self.data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            waiter.errback(reason)
        self.ended.callback(None)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        assert self.transport is not None
        self.transport.write(data)

    def hangUp(self) -> Deferred[None]:
        """End the connection; fires when it has."""
        assert self.transport is not None
        self.transport.loseConnection()
        return self.ended

    def until(self, pattern: bytes) -> Deferred[bytes]:
        """Fires with all that has come once it has something that matches; fails if the connection ends."""
        compiled = re.compile(pattern, re.DOTALL)
        waiter: Deferred[bytes] = Deferred()
        if compiled.search(self.data):
            waiter.callback(self.data)
        else:
            self._waiting.append((compiled, waiter))
        return waiter

    async def open(self, path: str = "/", host: str = "localhost") -> bytes:
        """Open a WebSocket; the answer's head."""
        self.write(HANDSHAKE.format(path=path, host=host).encode())
        return await self.until(rb"\r\n\r\n")

    def say(self, text: str) -> None:
        """Send a short text message, masked by zeros."""
        data = text.encode()
        assert len(data) < 126
        self.write(b"\x81" + bytes([0x80 | len(data)]) + bytes(4) + data)


async def call(endpoint: IStreamClientEndpoint) -> Caller:
    """Connect."""
    caller = Caller()
    await connectProtocol(endpoint, caller)
    return caller


def portOf(server: Any, number: int = 0) -> int:
    """The number of a server's listening port."""
    return int(server._ports[number].getHost().port)
