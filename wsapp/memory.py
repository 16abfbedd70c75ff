"""A transport in memory, for tests.  Imports nothing of wsapp."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITransport
from zope.interface import directlyProvides, implementer

__all__ = ["MemoryTransport", "SecureMemoryTransport"]


@implementer(ITransport, IPushProducer)
class MemoryTransport:
    """The server's end of a connection in memory.

    :ivar written: What the server has sent and nobody has taken yet.
    :ivar bufferSize: Bytes not taken from which on it asks the server to pause, as TCP would.
    :ivar reading: Whether the server takes input.
    :ivar ended: How the server ended it: None, ``lose``, ``half`` or ``abort``.
    """

    def __init__(self, peer: str = "198.51.100.7", bufferSize: int = 64 * 1024) -> None:
        self.written = bytearray()
        self.bufferSize = bufferSize
        self.reading = True
        self.ended: str | None = None
        self._peer = IPv4Address("TCP", peer, 50000)
        self._producer: IPushProducer | None = None
        self._paused = False

    def write(self, data: bytes) -> None:
        """Send."""
        if self.ended is None:
            self.written += data
            if self._producer is not None and not self._paused and len(self.written) > self.bufferSize:
                self._paused = True
                self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send."""
        self.write(b"".join(data))

    def take(self) -> bytes:
        """Read what the server has sent, which makes room for more."""
        taken = b""
        while self.written:
            taken += bytes(self.written)
            self.written.clear()
            if self._paused:
                self._paused = False
                if self._producer is not None:
                    self._producer.resumeProducing()
        return taken

    def loseConnection(self) -> None:
        """End, once all is sent."""
        self.ended = self.ended or "lose"

    def loseWriteConnection(self) -> None:
        """End one direction."""
        self.ended = self.ended or "half"

    def abortConnection(self) -> None:
        """End now."""
        self.ended = "abort"

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Whom to ask to pause.

        :raises RuntimeError: There is one already, as on every transport of Twisted's.
        """
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Nobody any more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Take no input."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Take input."""
        self.reading = True

    def stopProducing(self) -> None:
        """Take none ever again."""
        self.loseConnection()

    def getPeer(self) -> Any:
        """The client's address."""
        return self._peer

    def getHost(self) -> Any:
        """The server's."""
        return IPv4Address("TCP", "192.0.2.1", 80)


class SecureMemoryTransport(MemoryTransport):
    """The same, as if it were TLS.

    :param certificate: What the client has proved to hold: pyOpenSSL's ``X509``, or None.
    """

    def __init__(self, peer: str, certificate: Any = None) -> None:
        super().__init__(peer)
        self._certificate = certificate
        directlyProvides(self, ISSLTransport, ITransport, IPushProducer)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Who provides ISSLTransport provides ITCPTransport; there is nothing to delay here."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nor to keep alive."""

    def getPeerCertificate(self) -> Any:
        """The client's certificate."""
        return self._certificate
