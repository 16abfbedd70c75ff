"""The phases of a connection that has yet to ask: a request's head is read, or waits, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure

from wsapp.errors import HandshakeError
from wsapp.fairness import Fairness
from wsapp.limits import Limits
from wsapp.transports import StreamTransport, isSecure
from wsapp.wire.selection import HeadReader, RequestHead
from wsapp.wire.versions import isUpgrade

__all__ = ["Asked", "Queued", "ReadingHead", "Refusing"]

#: Bytes that are looked at at once: what is behind a small head is not copied for each of thousands.
_PIECE = 16 * 1024


class Asked(Protocol):
    """Whose phases they are: who is told what is asked."""

    transport: StreamTransport

    def upgrade(self, head: RequestHead, rest: bytes) -> None:
        """An opening handshake has come; *rest* came behind it."""

    def plain(self, head: RequestHead, data: bytes, start: int) -> None:
        """A plain HTTP request has come; what came behind its head begins at *start* of *data*."""

    def askedByFlash(self, data: bytes) -> None:
        """The first byte is that of a Flash policy request."""

    def refused(self, error: HandshakeError) -> None:
        """Answer with an error, and end."""

    def hangUp(self) -> None:
        """Nothing more is to be said."""


class ReadingHead:
    """The phase that reads a request's head; anything else is refused as soon as it is known.

    :param begun: Called when its first byte has come; None for a connection's first request.
    """

    __slots__ = ("_begun", "_connection", "_first", "_reader")

    def __init__(self, connection: Asked, limits: Limits, begun: Callable[[], None] | None) -> None:
        self._connection = connection
        self._reader = HeadReader(limits)
        self._begun = begun
        self._first = begun is None  # the connection's first byte is still to come

    @property
    def expected(self) -> bool:
        """Whether a request is to come, of which there is nothing yet but that others were answered."""
        return self._begun is not None

    def receive(self, data: bytes, start: int = 0) -> None:
        """Bytes have come.

        :param start: Where in *data* they begin.
        """
        connection = self._connection
        if self._begun is not None and data:
            self._begun()
            self._begun = None
        if self._first and data[:1] == b"<" and not isSecure(connection.transport):
            connection.askedByFlash(data)
            return
        self._first = self._first and not data
        reader, head = self._reader, None
        while head is None:
            piece = data[start : start + _PIECE]
            try:
                head = reader.receive(piece)
            except HandshakeError as error:
                connection.refused(error)
                return
            start += len(piece)
            if head is None and start == len(data):
                return
        start -= len(reader.rest)
        if isUpgrade(head):
            connection.upgrade(head, data[start:])
        else:
            connection.plain(head, data, start)

    def lost(self, reason: Failure) -> None:
        """The connection has ended; nobody was told of it."""

    def stop(self) -> None:
        """The server stops."""
        self._connection.hangUp()


class Queued:
    """The phase of a connection whose next request has come behind the last: in another turn it is looked at.

    A read may hold thousands of requests; the other peers come in between.  Until then nothing is read.

    :param turn: Called in that turn, with bytes and where in them the request begins.
    """

    def __init__(
        self,
        connection: Asked,
        fairness: Fairness,
        data: bytes,
        start: int,
        turn: Callable[[bytes, int], None],
    ) -> None:
        self._connection = connection
        self._data = data
        self._start = start
        self._turn = turn
        self._over = False
        connection.transport.pauseProducing()
        fairness.add(self._go)

    def receive(self, data: bytes) -> None:
        """Bytes have come, although reading pauses: TLS has them whole records at a time."""
        self._data = self._data[self._start :] + data
        self._start = 0

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""
        self._over = True

    def stop(self) -> None:
        """The server stops."""
        self._over = True
        self._connection.transport.resumeProducing()  # or the peer's end would not be seen
        self._connection.hangUp()

    def _go(self) -> None:
        if not self._over:
            self._connection.transport.resumeProducing()
            self._turn(self._data, self._start)


class Refusing:
    """The phase of one connection too many: whatever it asks is refused.

    Not before it asks: clients take an answer without a question for a broken connection, and
    never show it.
    """

    def __init__(self, connection: Asked, error: HandshakeError) -> None:
        self._connection = connection
        self._error = error

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self._connection.refused(self._error)

    def lost(self, reason: Failure) -> None:
        """The connection has ended; nobody was told of it."""

    def stop(self) -> None:
        """The server stops."""
        self._connection.hangUp()
