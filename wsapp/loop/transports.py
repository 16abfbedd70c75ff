"""Stream transports: uvloop's compiled transport below, Twisted's protocol above, one object between.

uvloop calls the lower-case names (asyncio's protocol), Twisted the others. On the way out ``write`` sends at
once; uvloop keeps only what the kernel does not take.

May import ``addresses``, ``handles``, ``naming``, ``reading``, ``sending`` and ``tls``.
"""

from __future__ import annotations

__all__ = ["Origin", "StreamTransport", "drop"]

import socket as sockets
import struct
from asyncio import AbstractEventLoop, BaseTransport, Transport
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, cast

from twisted.internet import interfaces, main
from twisted.internet.error import ConnectionAborted
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.loop.addresses import Address
from wsapp.loop.handles import Handled
from wsapp.loop.naming import prefixOf
from wsapp.loop.reading import Reading, Share
from wsapp.loop.sending import writer, writeViews
from wsapp.loop.tls import startTLS, stopTLS

if TYPE_CHECKING:
    from wsapp.loop.reactor import UvloopReactor

_DONE = Failure(main.CONNECTION_DONE)
_LOST = Failure(main.CONNECTION_LOST)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def drop(data: object) -> None:
    """Stands in for writing and for receiving on a connection that has ended."""


class Origin(Protocol):
    """Where a connection comes from: a port, a connector, or an adopted descriptor."""

    reactor: UvloopReactor


@implementer(
    interfaces.IConsumer,
    interfaces.IPushProducer,
    interfaces.ISystemHandle,
    interfaces.ILoggingContext,
)
class StreamTransport(Handled, Reading):
    """A connection, for Twisted's protocols, on a transport of uvloop's.

    Subclasses say where protocol and addresses come from.

    :ivar connected: from before ``connectionMade`` until ``connectionLost``
    :ivar disconnecting: :meth:`loseConnection` was called
    :ivar disconnected: ``connectionLost`` was called
    """

    __slots__ = ("_origin", "_peer", "_write")

    TLS = False
    _tlsClientDefault = False
    _peer: Address
    _write: Callable[[bytes], object]
    _reason: Failure | None = None

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin
        self._write = drop

    # Where it comes from: for subclasses

    def _buildProtocol(self) -> Any:
        """Find out who the peer is and make the protocol, or None to refuse the connection."""
        raise NotImplementedError

    def _ended(self, reason: Failure) -> None:
        """Called after the protocol's ``connectionLost``."""

    @property
    def reactor(self) -> UvloopReactor:
        """The reactor that this connection belongs to."""
        return self._origin.reactor

    @property
    def _loop(self) -> AbstractEventLoop:
        return self._origin.reactor.loop

    @property
    def _share(self) -> Share:
        return self._origin.reactor.share

    # What uvloop calls

    def connection_made(self, transport: BaseTransport) -> None:
        """The connection is there; reading begins once this returns."""
        stream = self._stream = cast(Transport, transport)
        try:
            protocol = self._buildProtocol()
        except BaseException:
            failure = Failure()
            log.err(failure, "the factory could not make a protocol; the connection is closed")
            stream.abort()
            self._unbuilt(failure)
            return
        if protocol is None:
            self._refused()
        else:
            self._open(stream, protocol)

    def _refused(self) -> None:
        """The factory wants no protocol for this connection."""
        self._stream.close()

    def _unbuilt(self, failure: Failure) -> None:
        """The factory raised; the connection is being closed."""

    def _open(self, stream: Transport, protocol: Any) -> None:
        self._protocol = protocol
        self._write = writer(stream)
        self.connected = True
        self._origin.reactor.streams.add(self)
        try:
            protocol.makeConnection(self)
        except BaseException:
            self._failed(Failure())
            return
        if self.connected:
            self._bind()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is over; nothing follows.

        :param exc: an OSError of the loop's own (it has no traceback), what the protocol raised, or None
        """
        if self.disconnected:
            return
        reason = self._reason
        if reason is None:
            if exc is None:
                reason = _DONE
            elif isinstance(exc, OSError) and exc.__traceback__ is None:
                reason = _LOST
            else:
                reason = Failure(exc)
                if isinstance(exc, OSError):
                    # uvloop takes any OSError for the network's and does not report it.
                    self._report(reason)
        self._lose(reason)

    # The end

    def _lose(self, reason: Failure) -> None:
        protocol = self._protocol
        self.disconnected = True
        self.connected = False
        self._protocol = None
        self._write = self.data_received = drop
        self._origin.reactor.streams.discard(self)
        self._closeHandle()
        if protocol is None:
            return
        if self.TLS:
            stopTLS(self)
        try:
            if self.producer is not None:
                producer, self.producer = self.producer, None
                producer.stopProducing()
        except BaseException:
            self._report(Failure())
        try:
            protocol.connectionLost(reason)
        except BaseException:
            self._report(Failure())
        self._ended(reason)

    def connectionLost(self, reason: Failure) -> None:
        """End this connection now: for the reactor, when it stops."""
        if not self.disconnected:
            self._stream.abort()
            self._lose(reason)

    def _report(self, failure: Failure) -> None:
        log.callWithContext({"system": self.logPrefix()}, log.err, failure)

    def _failed(self, failure: Failure, *, now: bool = True) -> None:
        self._report(failure)
        if self.connected:
            self._reason = failure
            self._write = drop
            self._stream.abort()
            if now:
                self._lose(failure)

    # ITransport

    def write(self, data: bytes) -> None:
        """Send bytes: at once if the kernel takes them, later if not; none on a connection that has ended.

        :raises TypeError: data is not bytes
        """
        self._write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several pieces of bytes in one go.

        :raises TypeError: one of them is not bytes
        """
        try:
            data = b"".join(iovec)
        except TypeError:
            raise TypeError("Data must be bytes") from None
        self._write(data)

    def writeViews(self, pieces: list[bytes | memoryview]) -> None:
        """Send pieces of bytes, or views of such as will not change, without copying them.

        Who calls this looks it up on the transport's class: what wraps a transport passes on what it does
        not know itself, and would pass it by.
        """
        if "write" in self.__dict__ or not writeViews(self._write, self._stream, pieces):
            # Encrypted by a layer of Twisted's, kept back, or dropped.
            self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """Close when everything written has been sent and a paused or pull producer has finished."""
        if self.disconnecting or not self.connected:
            return
        self.disconnecting = True
        self.pauseProducing()
        if not self._producerBusy():
            self._stream.close()

    def abortConnection(self) -> None:
        """Drop the connection, and what waits to be sent, at once; the peer sees a reset."""
        if not self.connected or self._reason is not None:
            return
        self._reason = Failure(ConnectionAborted())
        self._write = drop
        try:
            self._option().setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _RESET_ON_CLOSE)
        except OSError:
            pass
        self._stream.abort()

    def getPeer(self) -> Any:
        """The address of the other end; also after the connection has ended."""
        return self._peer

    def getHost(self) -> Any:
        """The address of this end."""
        raise NotImplementedError

    # IHalfCloseable

    def loseWriteConnection(self) -> None:
        """Send what waits to be sent, then tell the peer that nothing follows; reading goes on.

        The protocol's ``writeConnectionLost`` is called if it is half-closeable.
        """
        if not self.connected or self._writeDisconnecting:
            return
        self._writeDisconnecting = True
        if not self._producerBusy():
            self._whenDrained(self._shutdownWriting)

    def _shutdownWriting(self) -> None:
        if self._writeEnded or self.disconnecting or self._producerBusy():
            return
        self._writeEnded = True
        self._write = drop
        self._stream.write_eof()
        halfCloseable = interfaces.IHalfCloseableProtocol(self._protocol, None)
        if halfCloseable is not None:
            halfCloseable.writeConnectionLost()
            self._closeIfBothEnded()

    def stopProducing(self) -> None:
        """As :meth:`loseConnection`."""
        self.loseConnection()

    def stopConsuming(self) -> None:
        """Let go of the producer and close."""
        self.unregisterProducer()
        self.loseConnection()

    # ITLSTransport

    def startTLS(self, contextFactory: Any, normal: bool = True) -> None:
        """Speak TLS from here on; see :func:`wsapp.loop.tls.startTLS`."""
        startTLS(self, contextFactory, normal)

    def logPrefix(self) -> str:
        """What log lines about this connection begin with.

        The log's context is not set to it while the protocol handles data: that would cost as much as
        handling it.
        """
        return prefixOf(self._protocol)

    @property
    def logstr(self) -> str:
        """The name that Twisted's own transports have for :meth:`logPrefix`."""
        return self.logPrefix()
