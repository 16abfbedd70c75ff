"""TLS for one connection: pyOpenSSL between a stream transport and its protocol, with little between.

It does what Twisted's ``TLSMemoryBIOProtocol`` does, over any context that pyOpenSSL has, through
pyOpenSSL's own connections. What makes it cost a fraction: OpenSSL is asked for nothing that it does not
have, all that one read brought is handed over at once, and small writes made meanwhile are encrypted
together.

May import ``engine``, ``naming`` and ``selection``.
"""

from __future__ import annotations

__all__ = ["TLSTransport"]

from collections.abc import Callable, Iterable
from typing import Any, cast

from OpenSSL.SSL import Connection, Error, SysCallError, WantReadError, ZeroReturnError
from twisted.internet import interfaces
from twisted.internet.error import ConnectionDone
from twisted.internet.main import CONNECTION_LOST
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.loop.engine import PIECE
from wsapp.loop.naming import prefixOf
from wsapp.loop.selection import Engine

SMALL = 4096
"""Writes up to this size wait for each other while the protocol handles what was read."""

MANY = 64
"""So many of them are sent without waiting for more."""

UNREAD = 65536
"""How many bytes of what TLS itself answers (to KeyUpdate, for one) may wait for a peer to read them."""


def _nothing(data: bytes) -> bytes:
    """Receives on a connection that has ended."""
    return b""


class _Ended:
    """Stands in for the engine of a connection that has ended: OpenSSL's memory is free then."""

    refused = None


def _isEOF(error: Error) -> bool:
    """Whether an error means that the stream ended without a farewell."""
    if isinstance(error, SysCallError):
        return bool(str(error.args[-1]).casefold().startswith("unexpected eof"))
    queue = error.args[0] if error.args else None
    # OpenSSL 4 leaves the queue empty.
    return not queue or bool(queue[-1][-1].casefold().startswith("unexpected eof"))


@implementer(
    interfaces.IConsumer,
    interfaces.ILoggingContext,
    interfaces.INegotiated,
    interfaces.IPushProducer,
    interfaces.ISystemHandle,
    interfaces.ITCPTransport,
)
class TLSTransport:
    """The transport of a protocol, and the protocol of a transport.

    What it has no method for (``socket``, ``setTcpNoDelay``) is the transport's below.

    :ivar factory: has the ``wrappedFactory`` that Twisted's context factories ask about ALPN
    :ivar wrappedProtocol: the protocol that speaks in the clear
    :ivar connected: until ``connectionLost``
    :ivar disconnecting: :meth:`loseConnection` or :meth:`abortConnection` was called
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_below",
        "_connection",
        "_corked",
        "_engine",
        "_lost",
        "_open",
        "_reading",
        "_receive",
        "_waiting",
        "connected",
        "disconnecting",
        "factory",
        "producer",
        "wrappedProtocol",
    )

    # Rare enough to live in the instance's dictionary.
    _stalled = False
    _aborted = False
    _held = False
    _streaming = False
    _announces = True
    _reason: Failure | None = None
    _unread = 0

    def __init__(self, factory: Any, protocol: Any, connectWrapped: bool = True) -> None:
        """
        :param connectWrapped: whether the protocol has yet to hear that it is connected
        """
        self.factory = factory
        self.wrappedProtocol = protocol
        self.connected = self.disconnecting = False
        self.producer: Any = None
        self._waiting: list[bytes] = []
        #: The handshake is over, and what arrives is read.
        self._reading = False
        #: The handshake is over, and everything can be written that is written.
        self._open = False
        #: Small writes wait for the end of what goes on.
        self._corked = False
        #: Nothing is read or written any more.
        self._lost = False
        if not connectWrapped:
            self._announces = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._below, name)

    def __repr__(self) -> str:
        return f"<TLS of {self._below!r}>"

    def logPrefix(self) -> str:
        """What log lines about this connection begin with."""
        return f"{prefixOf(self.wrappedProtocol)} (TLS)"

    # What the transport below calls

    def makeConnection(self, transport: Any) -> None:
        """Begin, on a transport that is connected."""
        self._below = transport
        connection: Connection = self.factory.connectionFor(self)
        self._connection: Connection | None = connection
        self._engine = Engine(connection)
        self._receive: Callable[[bytes], bytes] = self._engine.receive
        self.connected = True
        self.factory.registerProtocol(self)
        if self._announces:
            self.wrappedProtocol.makeConnection(self)
        if not self._lost:
            self._handshake()

    def dataReceived(self, data: bytes) -> None:
        """Decrypt what arrived and hand it over; what is written meanwhile leaves together."""
        if self._reading:
            plain = self._receive(data)
            if plain:
                self._deliver(plain)
            if self._engine.refused is not None:
                self._refused()
        elif not self._lost:
            self._shakeHands(data)

    def connectionLost(self, reason: Failure) -> None:
        """The connection below is over."""
        if self._reason is not None:
            reason = self._reason
        elif not self._lost and not self._aborted and reason.check(ConnectionDone):
            # The peer did not say that it had said all: somebody else may have cut it short.
            reason = Failure(CONNECTION_LOST)
        self.connected = self._open = self._reading = False
        self._lost = True
        connection, self._connection = self._connection, None
        self._engine = cast(Engine, _Ended)
        self._receive = _nothing
        self._reason = None
        self._waiting.clear()
        if connection is not None:
            # They refer to each other.
            connection.set_app_data(None)
            self.factory.unregisterProtocol(self)
        if self._held:
            producer, self.producer = self.producer, None
            self._held = False
            producer.stopProducing()
        self.wrappedProtocol.connectionLost(reason)

    # Reading

    def _deliver(self, plain: bytes) -> None:
        self._corked = True
        try:
            self.wrappedProtocol.dataReceived(plain)
        finally:
            self._corked = False
        if self._waiting and self._open:
            self._sendWaiting()

    def _shakeHands(self, data: bytes) -> None:
        """Take what arrived before the handshake was over, and what came with the end of it."""
        for start in range(0, len(data), PIECE):
            self._engine.feed(data[start : start + PIECE])
            self._handshake()
            if self._reading:
                rest = data[start + PIECE :]
                plain = self._engine.drain()
                if plain:
                    self._deliver(plain)
                self._refused()
                if rest:
                    self.dataReceived(rest)
                return
            if self._lost:
                return

    def _refused(self) -> None:
        """OpenSSL gave nothing for a record: one of TLS's own, the farewell, or what is no TLS."""
        error = self._engine.refused
        if self._lost or error is None:
            return
        if isinstance(error, WantReadError):
            self._answer()
            if self._stalled:
                self._proceed()
        elif isinstance(error, ZeroReturnError):
            self._shutdown()
            self._end()
        else:
            self._fail(Failure(error))

    def _answer(self) -> None:
        """Send what TLS itself has to say, to a peer that reads it."""
        answered = self._flush()
        if not answered:
            return
        self._unread = self._unread + answered if self._below.isWriting() else 0
        if self._unread > UNREAD:
            self.abortConnection()

    # The handshake, and the end

    def _handshake(self) -> None:
        assert self._connection is not None
        try:
            self._connection.do_handshake()
        except WantReadError:
            self._flush()
            return
        except Error:
            # Unless a callback of the context's has ended the connection already.
            if not self._lost:
                self._fail(Failure())
            return
        self._flush()
        if self._lost:
            return
        self._reading = True
        if interfaces.IHandshakeListener.providedBy(self.wrappedProtocol):
            self._corked = True
            try:
                self.wrappedProtocol.handshakeCompleted()
            finally:
                self._corked = False
        self._proceed()

    def _proceed(self) -> None:
        """Write what had to wait, and go on to what comes after it."""
        if self._lost:
            return
        self._open = True
        self._stalled = False
        if self._waiting:
            self._sendWaiting()
        if not self._open:
            return
        if self._held:
            self._held = False
            producer, streaming = self.producer, self._streaming
            self._below.registerProducer(producer, streaming)
            if streaming:
                producer.resumeProducing()
        elif self.disconnecting and self.producer is None:
            self._shutdown()

    def _flush(self) -> int:
        """Send what OpenSSL has made; how many bytes."""
        sent = 0
        connection = self._connection
        if connection is None:
            return 0
        try:
            while True:
                made = connection.bio_read(PIECE)
                sent += len(made)
                self._below.write(made)
        except WantReadError:
            return sent

    def _shutdown(self) -> None:
        """Say farewell, or answer the peer's; close when both have said it."""
        assert self._connection is not None
        try:
            both = self._connection.shutdown()
        except Error:
            both = False
        self._flush()
        if both:
            self._below.loseConnection()

    def _fail(self, failure: Failure) -> None:
        """Close for an error, which the protocol hears of once the connection has ended."""
        if _isEOF(failure.value):  # type: ignore[arg-type]
            failure = Failure(CONNECTION_LOST)
        if self._reason is None:
            self._reason = failure
        self._end()

    def _end(self) -> None:
        self._lost = True
        self._open = self._reading = False
        self._waiting.clear()
        # The alert that says why, if there is one.
        self._flush()
        self._below.loseConnection()

    # ITransport

    def write(self, data: bytes) -> None:
        """Send bytes, encrypted; nothing once the connection is being closed and no producer is left.

        :raises TypeError: data is not bytes
        """
        if self._lost or (self.disconnecting and self.producer is None):
            return
        if type(data) is not bytes:
            # It may change before it leaves; and pyOpenSSL would take text.
            data = bytes(memoryview(data))
        if not self._open:
            self._waiting.append(data)
            self._hold()
        elif self._corked and len(data) <= SMALL:
            waiting = self._waiting
            waiting.append(data)
            if len(waiting) >= MANY:
                self._sendWaiting()
        else:
            if self._waiting:
                self._sendWaiting()
            self._encrypt(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several pieces of bytes in one go.

        :raises TypeError: one of them is not bytes
        """
        self.write(b"".join(iovec))

    def _sendWaiting(self) -> None:
        waiting = self._waiting
        data = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        waiting.clear()
        self._encrypt(data)

    def _encrypt(self, data: bytes) -> None:
        try:
            made = self._engine.encrypt(data)
        except WantReadError:
            # The peer renegotiates (TLS 1.2, where a context allows it).
            self._waiting.insert(0, data)
            self._open = False
            self._stalled = True
            self._flush()
            self._hold()
        except Error:
            self._fail(Failure())
        else:
            self._below.write(made)

    def loseConnection(self) -> None:
        """Send what waits, say farewell, and close once the peer has said it too.

        In the handshake, when nothing waits: close at once.
        """
        if self.disconnecting or not self.connected:
            return
        if not self._reading and not self._waiting:
            self.abortConnection()
            return
        self.disconnecting = True
        if self._lost:
            return
        if self._waiting and self._open:
            self._sendWaiting()
        if self._open and self.producer is None:
            self._shutdown()

    def abortConnection(self) -> None:
        """Drop the connection at once; nothing is delivered any more."""
        self._aborted = True
        self.disconnecting = self._lost = True
        self._open = self._reading = False
        self._waiting.clear()
        self._below.abortConnection()

    def failVerification(self, reason: Failure) -> None:
        """Drop the connection, because the peer's certificate is not good (called by Twisted's contexts)."""
        self._reason = reason
        self.abortConnection()

    def getPeer(self) -> Any:
        """The address of the other end."""
        return self._below.getPeer()

    def getHost(self) -> Any:
        """The address of this end."""
        return self._below.getHost()

    @property
    def unsent(self) -> int:
        """How many encrypted bytes wait to be sent."""
        unsent: int = self._below.unsent
        return unsent

    # ISSLTransport, INegotiated, ISystemHandle

    def getHandle(self) -> Connection | None:
        """pyOpenSSL's connection; None when it has ended."""
        return self._connection

    def getPeerCertificate(self) -> Any:
        """The peer's certificate (``OpenSSL.crypto.X509``), or None."""
        return None if self._connection is None else self._connection.get_peer_certificate()

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """What ALPN agreed on, or None."""
        return None if self._connection is None else self._connection.get_alpn_proto_negotiated() or None

    # IPushProducer: what is read

    def pauseProducing(self) -> None:
        """Read no more from the transport below; nothing is kept here that it has read."""
        self._below.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._below.resumeProducing()

    def stopProducing(self) -> None:
        """As :meth:`loseConnection`."""
        self.loseConnection()

    # IConsumer: what is written

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take data from a producer, once the handshake is over; it is paused until then.

        :raises RuntimeError: another producer is registered
        """
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} was never "
                "unregistered."
            )
        if self._lost or not self.connected:
            producer.stopProducing()
            return
        self.producer = producer
        self._streaming = streaming
        if self._open:
            self._below.registerProducer(producer, streaming)
        else:
            self._held = True
            if streaming:
                producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Let go of the producer; a connection that waited for it to finish now closes."""
        if self.producer is None:
            return
        self.producer = None
        if self._held:
            self._held = False
        else:
            self._below.unregisterProducer()
        if self.disconnecting and self._open:
            if self._waiting:
                self._sendWaiting()
            if self._open:
                self._shutdown()

    def stopConsuming(self) -> None:
        """Let go of the producer and close."""
        self.unregisterProducer()
        self.loseConnection()

    def _hold(self) -> None:
        """Have the producer wait, for nothing can be written now."""
        if self.producer is None or self._held:
            return
        self._held = True
        self._below.unregisterProducer()
        if self._streaming:
            self.producer.pauseProducing()
