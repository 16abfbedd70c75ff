"""``ReconnectingClient``: a connection that comes back, as a Twisted service."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.client import Disconnection, checked
from wsapp.errors import ConnectFailed, ConnectionClosed, SendBufferFull
from wsapp.outgoing import dial, instance
from wsapp.outgoing.conversation import ClientConnection
from wsapp.outgoing.dialing import Dialing
from wsapp.outgoing.inbox import Inbox, Message
from wsapp.outgoing.resuming import Resumption
from wsapp.waiter import Waiter, failed
from wsapp.wire.resumption import SUBPROTOCOL

__all__ = ["ReconnectingClient"]

_log = Logger()

#: Seconds that a connection must last to make the next delay a short one again; as wsapp.js's ``steady``.
_STEADY = 10


class _Watch(Protocol):
    """What stands for a connection, from its handshake to its last hook, with Twisted's ClientService."""

    connection: ClientConnection

    def of(self, connection: ClientConnection) -> _Watch:
        """Stand for that connection.

        :return: What takes the place of a transport.
        """
        self.connection = connection
        return self

    def loseConnection(self) -> None:
        """The service stops."""
        self.connection.close()


@implementer(IStreamClientEndpoint)
class _Endpoint:
    """Leads to a connection whose handshake is done: only such a one ends the attempts.

    :param connect: Connects; is given what to call when the connection is over.
    """

    def __init__(self, connect: Callable[[Callable[[], None]], Deferred[ClientConnection]]) -> None:
        self._connect = connect

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See :meth:`twisted.internet.interfaces.IStreamClientEndpoint.connect`."""
        over: Deferred[None] = Deferred()

        def ended() -> None:
            if not over.called:
                over.callback(None)

        def connected(connection: ClientConnection) -> Any:
            watched: Any = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
            watched.makeConnection(watched.of(connection))
            over.addCallback(lambda _: watched.connectionLost(Failure(ConnectionDone())))
            return watched

        return self._connect(ended).addCallback(connected)


class ReconnectingClient(Service):
    """Keeps a connection to a server: where it ends, or cannot be made, another follows a while later.

    Start it as any service of Twisted's, by ``startService()`` or below an application's.  What is
    sent meanwhile waits, within bounds, and leaves once there is a connection.  Messages on their way when a
    connection ends may be lost, for nothing asks the server what has arrived; but with *resume*, where the
    server does (``--resume``): then the program's connection stays the same over a drop, nothing is lost and
    nothing comes twice.  Where the server cannot go on, the connection ends with 1006 and another follows.

    :param url: And the other arguments as for :func:`wsapp.connect`.  Hooks are called for each
        connection.  Without hooks the messages of all connections are taken by
        ``async for message in client``, which ends when the service stops.
    :param delay: Seconds before the first new attempt; each that fails makes it half as long again, and so
        does a connection that ends within ten seconds.
    :param maxDelay: And at most so many.
    :param jitter: What is added to each, in seconds: by default up to as much as *delay*, so that a
        server's clients do not all come back at once.
    :param resume: Whether to go on with the session after a drop, where the server does.
    :param reactor: Which one; the running one by default.
    :raises ValueError: Something in the arguments that cannot be.
    """

    def __init__(
        self,
        url: str,
        hooks: object = None,
        *,
        resume: bool = False,
        delay: float = 1,
        maxDelay: float = 60,
        jitter: Callable[[], float] | None = None,
        timeout: float = 30,
        reactor: Any = None,
        **options: Any,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._resumption = Resumption() if resume else None
        if resume:
            if options.get("version", "13") not in ("13", "RFC 6455"):
                raise ValueError(f"version {options['version']} is too old to resume: it must be 13")
            options["subprotocols"] = [*options.get("subprotocols", ()), SUBPROTOCOL]
        self._dialing = Dialing(url, **options)
        self._reactor = reactor
        self._terms = self._dialing.terms(reactor)
        self._limits = self._dialing.limits
        self._hooks = instance(hooks)
        self._inbox = Inbox(self._limits) if self._hooks is None else None
        self._timeout = timeout
        self._policy = backoffPolicy(delay, maxDelay, 1.5, jitter or (lambda: random.uniform(0, delay)))
        self._failures = 0  # since the last connection that was steady
        self._service: ClientService | None = None
        self._queued: deque[tuple[Message, Waiter[None]]] = deque()
        self._size = 0
        #: The connection that there is now; None while there is none.
        self.connection: ClientConnection | None = None

    # Service

    def startService(self) -> None:
        """Begin to connect."""
        if self.running:
            return
        super().startService()  # type: ignore[no-untyped-call]
        factory = Factory.forProtocol(_Watch)
        factory.noisy = False
        if self._inbox is not None:
            self._inbox.reopen()
        self._failures = 0
        self._service = ClientService(_Endpoint(self._connect), factory, self._delay, self._reactor)
        self._service.startService()

    def _delay(self, _: int) -> float:
        """What to wait before the next attempt; ClientService's own count begins anew with each handshake."""
        self._failures += 1
        return self._policy(self._failures)

    def stopService(self) -> Deferred[None]:
        """Close, and connect no more; what waits to be sent fails.

        :return: Fires once the connection is over.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        service, self._service = self._service, None
        connection = self.connection
        queued, self._queued = self._queued, deque()
        self._size = 0
        stopped = ConnectionClosed("the client has been stopped")
        for _, waiter in queued:
            waiter.fail(stopped)
        ended: Deferred[Any] = service.stopService() if service is not None else succeed(None)
        ended.addCallback(lambda _: self._left(connection))

        def over(_: object) -> None:
            if self.running:  # it has been started again meanwhile
                return
            self._terms.wheel.stop()
            if self._inbox is not None:
                self._inbox.end(stopped)

        return ended.addCallback(over)

    @staticmethod
    def _left(connection: ClientConnection | None) -> Deferred[Any] | None:
        """Leave the connection, should it have outlived its last transport."""
        if connection is None or connection.closed is not None:
            return None
        connection.abort()
        return connection.whenClosed()

    def _connect(self, whenOver: Callable[[], None]) -> Deferred[ClientConnection]:
        began: list[float] = []

        def over() -> None:
            if began and self._reactor.seconds() - began.pop() > _STEADY:
                self._failures = 0
            whenOver()

        def connected(connection: ClientConnection) -> ClientConnection:
            began.append(self._reactor.seconds())
            return self._opened(connection)

        connecting = dial(
            self._dialing,
            self._hooks,
            self._reactor,
            self._terms,
            self._timeout,
            over,
            self._inbox,
            self._resumption,
        )
        return connecting.addCallbacks(connected, self._notOpened)

    def _opened(self, connection: ClientConnection) -> ClientConnection:
        if connection is not self.connection:
            self.connection = connection
            connection.whenClosed().addCallback(self._gone, connection)
        if self._resumption is not None:
            unsent, self._resumption.unsent = self._resumption.unsent, []
            for message in unsent:
                connection.offer(message)
        while self._queued and not connection.leaving:
            message, waiter = self._queued.popleft()
            self._size -= len(message)
            maybeDeferred(connection.send, message).addCallbacks(
                waiter.callback, lambda failure, waiter=waiter: waiter.fail(failure.value)
            )
        return connection

    def _notOpened(self, failure: Failure) -> Failure:
        if failure.check(ConnectFailed):
            _log.info(
                "no connection to {place}: {reason}", place=self._dialing.place, reason=str(failure.value)
            )
        return failure

    def _gone(self, reason: Disconnection, connection: ClientConnection) -> None:
        if self.connection is connection:
            self.connection = None
        _log.info(
            "the connection to {place} has ended: {code} {reason}",
            place=self._dialing.place,
            code=reason.code,
            reason=reason.reason,
        )

    # What a program does

    def send(self, message: Message) -> Deferred[None]:
        """Send a message as soon as there is a connection.

        :return: As of :meth:`ClientConnection.send <wsapp.ClientConnection.send>`; while there is no
            connection it waits for one.  Fails with :exc:`~wsapp.errors.SendBufferFull` where
            ``Limits.maxSendBuffer`` bytes wait for that already, and with
            :exc:`~wsapp.ConnectionClosed` when the client is stopped before.
        """
        message = checked(message)
        connection = self.connection
        if connection is not None and (sent := connection.offer(message)) is not None:
            return sent
        if self._size >= self._limits.maxSendBuffer:
            return failed(
                SendBufferFull(f"{self._size} bytes wait for a connection to {self._dialing.place}")
            )
        waiter: Waiter[None] = Waiter()
        self._queued.append((message, waiter))
        self._size += len(message)
        return waiter

    def whenConnected(self, failAfterFailures: int | None = None) -> Deferred[ClientConnection]:
        """Fires with the connection that there is, or the next one.

        :param failAfterFailures: Fail once so many attempts have failed; None: never.
        """
        if self._service is None:
            return failed(ConnectionClosed("the client is not running: start it by startService()"))
        if self.connection is not None:
            return succeed(self.connection)
        waiting: Deferred[Any] = self._service.whenConnected(failAfterFailures)
        return waiting.addCallback(lambda watch: watch.connection)

    def receive(self) -> Deferred[Any]:
        """The next message, of whichever connection.

        :raises RuntimeError: Hooks get the messages, or the next one is awaited already.
        """
        if self._inbox is None:
            raise RuntimeError("the hooks that were given get the messages")
        return self._inbox.get()

    def __aiter__(self) -> ReconnectingClient:
        """The messages of all connections, until the service stops."""
        return self

    async def __anext__(self) -> Message:
        try:
            message: Message = await self.receive()
        except ConnectionClosed:
            raise StopAsyncIteration from None
        return message

    def __repr__(self) -> str:
        return f"<ReconnectingClient to {self._dialing.place}>"
