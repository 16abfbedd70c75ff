"""``ClientConnection``: what a program holds of a server that it is connected to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from wsapp.client import Client, Disconnection, checked
from wsapp.errors import ConnectionClosed, SendBufferFull
from wsapp.limits import Limits
from wsapp.outgoing.inbox import Inbox, Message
from wsapp.request import Request
from wsapp.waiter import Waiter, failed
from wsapp.wire.codes import GOING_AWAY, NO_STATUS, NORMAL, closing
from wsapp.wire.selection import Headers

__all__ = ["ClientConnection", "closedBy"]

_QUIET = frozenset([NORMAL, GOING_AWAY, NO_STATUS])


def closedBy(reason: Disconnection) -> ConnectionClosed:
    """How a connection ended, as an exception."""
    said = f": {reason.reason}" if reason.reason else ""
    how = "" if reason.clean else ", without a closing handshake"
    return ConnectionClosed(
        f"the connection was closed with {reason.code}{said}{how}", reason.code, reason.reason
    )


class ClientConnection:
    """A connection to a server, as :func:`wsapp.connect` gives it.

    Messages are taken by ``async for`` or :meth:`receive`; those that are not taken wait, a few at
    most, then the server does.  Where hooks were given, they are called instead.  Leaving an ``async
    with`` closes it.

    :ivar url: Where it leads, without credentials.
    :ivar request: The request that opened it.
    :ivar headers: The header fields of the server's 101.
    :ivar subprotocol: What the server has agreed to, or None.
    :ivar version: The version of the protocol, such as ``RFC 6455``.
    :ivar closed: How it ended (code, reason, clean), once its last hook is called or its messages
        have all been passed on; None until then.
    :ivar data: The program's own.
    """

    __slots__ = (
        "_client",
        "_draining",
        "_farewell",
        "_giveUp",
        "_held",
        "_heldSize",
        "_inbox",
        "_limit",
        "_over",
        "_senders",
        "_waiters",
        "closed",
        "data",
        "headers",
        "leaving",
        "request",
        "subprotocol",
        "url",
        "version",
    )

    def __init__(self, request: Request, headers: Headers, limits: Limits, inbox: Inbox | None) -> None:
        self._client: Client | None = None
        self._limit = limits.maxSendBuffer
        self._inbox = inbox
        # What was sent while the buffer was full, and who waits for that.
        self._held: deque[tuple[Message, Waiter[None]]] = deque()
        self._heldSize = 0
        self._senders: list[Waiter[None]] = []  # those whose message is in the buffer, and has filled it
        self._draining = False
        self._farewell: tuple[int, str] | None = None  # to close with once what is held has left
        self._waiters: list[Waiter[Disconnection]] = []
        self._over = False
        self._giveUp: Callable[[], None] | None = None
        self.leaving = False
        self.url = request.location
        self.request = request
        self.headers = headers
        self.version = request.version
        self.subprotocol: str | None = None
        self.closed: Disconnection | None = None
        self.data: Any = None

    # What its maker tells

    def begun(self, client: Client) -> None:
        """Messages may be sent from now on."""
        self._client = client
        self.subprotocol = client.subprotocol

    def ended(self, reason: Disconnection) -> None:
        """The last hook's turn has come."""
        self.closed = reason
        self._lost(None)

    def lost(self, giveUp: Callable[[], None]) -> None:
        """The connection has ended; messages may wait to be taken.

        :param giveUp: Drops those that have no room.
        """
        if self.leaving:
            giveUp()
        else:
            self._giveUp = giveUp

    def _leave(self) -> None:
        self.leaving = True
        if self._giveUp is not None:
            self._giveUp()
            self._giveUp = None

    def over(self) -> None:
        """The last hook is done."""
        self._over = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            assert self.closed is not None
            waiter.callback(self.closed)

    @property
    def _link(self) -> Client:
        assert self._client is not None, "the connection has not begun"
        return self._client

    # Sending

    @property
    def peer(self) -> str:
        """The server's address, or the proxy's; empty for a UNIX socket."""
        return self.request.peer

    @property
    def bufferedAmount(self) -> int:
        """Bytes that wait to be sent."""
        return self._link.bufferedAmount + self._heldSize

    def send(self, message: Message) -> Deferred[None]:
        """Send a message: ``str`` as text, ``bytes`` as binary.  Messages leave in the order of the calls.

        :return: Fires at once, or when there is room for more in the send buffer
            (:attr:`wsapp.Limits.maxSendBuffer`): who awaits it goes no faster than the server reads.
            It may be left alone.  Fails with :exc:`~wsapp.ConnectionClosed` where the connection is
            closing or has ended, and with :exc:`~wsapp.errors.SendBufferFull`, the message not sent,
            where as much as the buffer holds waits for room in it already.
        :raises TypeError: Neither text nor bytes.
        :raises UnsupportedByVersion: Bytes over hixie.
        """
        return self.offer(message) or self._closed()

    def offer(self, message: Message) -> Deferred[None] | None:
        """As :meth:`send`, but None where the connection is closing or has ended."""
        message = checked(message)
        if self.leaving or self.closed is not None:
            return None
        if not (self._draining or self._held):
            if not self._link.send(message):
                return None
            if self._link.bufferedAmount < self._limit:
                return succeed(None)
            return self._room(Waiter()) or succeed(None)
        if self._heldSize >= self._limit:
            return failed(SendBufferFull(f"{self.bufferedAmount} bytes wait to be sent: await send()"))
        waiter: Waiter[None] = Waiter()
        self._held.append((message, waiter))
        self._heldSize += len(message)
        return waiter

    def _closed(self) -> Deferred[Any]:
        return failed(closedBy(self.closed) if self.closed else ConnectionClosed("the connection is closing"))

    def _room(self, waiter: Waiter[None]) -> Waiter[None] | None:
        """Have *waiter* wait for room in the send buffer; None where there is some."""
        if self._link.bufferedAmount < self._limit:
            return None
        self._draining = True
        self._senders.append(waiter)
        self._link.drained().addCallbacks(self._drained, self._lost)
        return waiter

    def _drained(self, _: object) -> None:
        """There is room: tell who waits for it, and send what is held as far as that goes."""
        self._draining = False
        senders, self._senders = self._senders, []
        for waiter in senders:
            waiter.callback(None)
        while self._held and not self._draining:
            message, waiter = self._held.popleft()
            self._heldSize -= len(message)
            if not self._link.send(message):
                waiter.fail(ConnectionClosed("the connection was closed before the message could be sent"))
            elif self._room(waiter) is None:
                waiter.callback(None)
        if self._farewell is not None and not self._held:
            self._link.close(*self._farewell)
            self._farewell = None

    def _lost(self, _: object) -> None:
        """There never will be."""
        waiters = [*self._senders, *(waiter for _, waiter in self._held)]
        self._senders = []
        self._held.clear()
        self._heldSize = 0
        for waiter in waiters:
            waiter.fail(ConnectionClosed("the connection ended before everything was sent"))

    def ping(self) -> Deferred[float]:
        """Ping the server (RFC 6455 5.5.2).

        :return: Fires with the seconds until the pong.  Fails with
            :exc:`~wsapp.UnsupportedByVersion` over hixie, and with :exc:`~wsapp.ConnectionClosed`
            where the connection ends before.
        """
        return self._link.ping()

    def drained(self) -> Deferred[None]:
        """Fires once everything sent so far has left for the network."""
        return self._link.drained()

    # Receiving

    def receive(self) -> Deferred[Any]:
        """The next message: ``str`` for text, ``bytes`` for binary.

        :return: Fails with :exc:`~wsapp.ConnectionClosed`, however the connection ended, once all that
            has come is taken.  Cancelling it loses no message.
        :raises RuntimeError: Hooks get the messages, or the next one is awaited already.
        """
        return self._incoming.get()

    @property
    def _incoming(self) -> Inbox:
        if self._inbox is None:
            raise RuntimeError("the hooks that were given to connect() get the messages")
        return self._inbox

    def __aiter__(self) -> ClientConnection:
        """The messages, until the server or this side closes in order (1000, 1001 or no code)."""
        return self

    async def __anext__(self) -> Message:
        inbox = self._incoming
        if inbox.waiting:
            return inbox.take()
        try:
            message: Message = await inbox.get()
        except ConnectionClosed:
            if self.closed is not None and self.closed.clean and (self.leaving or self.closed.code in _QUIET):
                raise StopAsyncIteration from None
            raise
        return message

    # Ending

    def close(self, code: int = 1000, reason: str = "") -> Deferred[Disconnection]:
        """Close, once everything sent before has left; nothing where it is closing already.

        Messages that come until the server has closed can still be taken, as far as they have room.

        :param code: 1000-1003, 1007-1014, or 3000-4999 for the program's own.
        :param reason: At most 123 bytes of UTF-8; the rest is cut off.
        :return: As :meth:`whenClosed`; it fires within ``closeTimeout`` of the Close's leaving.
        :raises ValueError: A code that may not be sent.
        :raises TypeError: A reason that is no text.
        """
        closing(code, reason)
        if self._held:
            self._farewell = self._farewell or (code, reason)
        elif not self.leaving:
            self._link.close(code, reason)
        self._leave()
        return self.whenClosed()

    def abort(self) -> None:
        """End the connection now; what waits to be sent is lost."""
        self._link.abort()
        self._leave()

    def whenClosed(self) -> Deferred[Disconnection]:
        """Fires with the code, the reason and whether it was clean, once the connection has ended and
        the last hook is done."""
        if self._over and self.closed is not None:
            return succeed(self.closed)
        waiter: Waiter[Disconnection] = Waiter()
        self._waiters.append(waiter)
        return waiter

    async def __aenter__(self) -> ClientConnection:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<ClientConnection to {self.url}>"
