"""The phases of a connection that has yet to ask: a request's head is read, or whatever comes is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure

from wsapp.errors import HandshakeError
from wsapp.limits import Limits
from wsapp.transports import StreamTransport, isSecure
from wsapp.wire.selection import HeadReader, RequestHead
from wsapp.wire.versions import isUpgrade

__all__ = ["Asked", "ReadingHead", "Refusing"]


class Asked(Protocol):
    """Whose phases they are: who is told what is asked."""

    transport: StreamTransport

    def upgrade(self, head: RequestHead, rest: bytes) -> None:
        """An opening handshake has come; *rest* came behind it."""

    def plain(self, head: RequestHead, rest: bytes) -> None:
        """A plain HTTP request has come; *rest* came behind its head."""

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

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        connection = self._connection
        if self._begun is not None and data:
            self._begun()
            self._begun = None
        if self._first and data[:1] == b"<" and not isSecure(connection.transport):
            connection.askedByFlash(data)
            return
        self._first = self._first and not data
        try:
            head = self._reader.receive(data)
        except HandshakeError as error:
            connection.refused(error)
            return
        if head is None:
            return
        if isUpgrade(head):
            connection.upgrade(head, self._reader.rest)
        else:
            connection.plain(head, self._reader.rest)

    def lost(self, reason: Failure) -> None:
        """The connection has ended; nobody was told of it."""

    def stop(self) -> None:
        """The server stops."""
        self._connection.hangUp()


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
