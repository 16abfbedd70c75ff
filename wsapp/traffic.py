"""What goes to and fro between one client and its application: messages, as long as none of them ends it.

What comes goes through a :class:`~wsapp.delivery.Delivery` to the application's hook, what leaves
through a :class:`~wsapp.sendqueue.SendQueue`.  This is the inner path of a connection: it is
compiled too, from this same source (see :mod:`wsapp.selection`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from wsapp.errors import UnsupportedByVersion
from wsapp.wire.frames import LARGE

if TYPE_CHECKING:
    from wsapp.app import App
    from wsapp.client import Client
    from wsapp.delivery import Delivery
    from wsapp.keepalive import KeepAlive
    from wsapp.metrics import Metrics
    from wsapp.sendqueue import SendQueue
    from wsapp.wire.versions import Sender

__all__ = ["Traffic"]


class Traffic:
    """One client's messages, in both directions.

    A subclass makes its parts, says who the client is, and what is done about all
    else: how it ends, and who is told.

    :ivar client: The client, as its application knows it.
    :ivar bytesIn: Bytes that have come, of frames and all.
    :ivar messagesIn: Messages given to the application.
    :ivar messagesOut: Messages sent.
    """

    __slots__ = (
        "_app",
        "_delivery",
        "_keepAlive",
        "_metrics",
        "_queue",
        "_sender",
        "_sending",
        "bytesIn",
        "client",
        "messagesIn",
        "messagesOut",
    )

    _delivery: Delivery
    _keepAlive: KeepAlive
    _queue: SendQueue
    client: Client

    def __init__(self, app: App, sender: Sender, metrics: Metrics) -> None:
        self._app = app
        self._sender = sender
        self._metrics = metrics
        self._sending = True  # our Close has not been sent: messages may be
        self.bytesIn = self.messagesIn = self.messagesOut = 0

    def receive(self, data: bytes) -> None:
        """Bytes have come: replies to what is in them leave together."""
        self.bytesIn += len(data)
        self._keepAlive.heard()
        self._queue.hold()
        self._delivery.receive(data)
        self._queue.flush()

    @property
    def bytesOut(self) -> int:
        """Bytes that have left for the transport, of frames and all."""
        return self._queue.sent

    def message(self, message: str | bytes) -> None:
        """A message's turn has come."""
        self._metrics.messagesIn += 1
        self.messagesIn += 1
        try:
            result = self._app.onMessage(self.client, message)
        except BaseException:  # see hooks.call
            self.hookFailed(Failure())
            return
        if result is not None:
            self._delivery.wait(result)

    def send(self, message: str | bytes) -> bool:
        """Queue a message."""
        if not self._sending:
            return False
        if len(message) < LARGE:
            return self._put(self._sender.encode(message))
        return self._putAll(self._sender.pieces(message))

    def sendShared(self, message: str | bytes, encoded: dict[object, bytes]) -> bool:
        """Queue a message that others of the same wire form are sent too."""
        if not self._sending:
            return False
        form = self._sender.form
        data = encoded.get(form) if form is not None else None
        if data is None:
            try:
                data = self._sender.encode(message)
            except UnsupportedByVersion:
                self._metrics.skipped += 1
                return False
            if form is not None:
                encoded[form] = data
        return self._put(data)

    def _put(self, data: bytes) -> bool:
        if self._queue.full:
            self.behind()
            return False
        self._queue.write(data)
        self._metrics.messagesOut += 1
        self.messagesOut += 1
        return True

    def _putAll(self, pieces: list[bytes | memoryview]) -> bool:
        if self._queue.full:
            self.behind()
            return False
        for piece in pieces:
            self._queue.write(piece)
        self._metrics.messagesOut += 1
        self.messagesOut += 1
        return True

    # For subclasses

    def hookFailed(self, failure: Failure) -> None:
        """A hook has raised."""
        raise NotImplementedError

    def behind(self) -> None:
        """The client does not read, and more would wait for it than may."""
        raise NotImplementedError
