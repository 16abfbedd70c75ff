"""A connection that carries a session's messages: the same on either side.

:class:`Carrier` is the WebSocket phase with a way past its queue's limit, for what is the session's
own.  :class:`ResumableEnd` stands where the application stands for other connections: it takes what
comes apart and passes on what is the application's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from wsapp.app import App
from wsapp.client import Client, Disconnection
from wsapp.closing import State
from wsapp.limits import Limits
from wsapp.pace import paced
from wsapp.session import Session
from wsapp.terms import NOBODY, Served, Terms
from wsapp.transports import StreamTransport
from wsapp.websocket import Keeper, WebSocket
from wsapp.wheel import Timer
from wsapp.wire.codes import PROTOCOL_ERROR
from wsapp.wire.events import Event, Violation
from wsapp.wire.resumption import ASK, Broken, acknowledgedBy, unwrapped
from wsapp.wire.versions import Receiver, Sender, Version

__all__ = ["Carrier", "ResumableEnd"]


class _Sieve:
    """A receiver that takes out what is about messages: it does not wait for hooks, as they do.

    :param taken: Told of each; whether it was one.
    """

    __slots__ = ("_receiver", "_taken")

    def __init__(self, receiver: Receiver, taken: Callable[[str], bool]) -> None:
        self._receiver = receiver
        self._taken = taken

    @property
    def hungry(self) -> bool:
        """Whether nothing comes out before more is received."""
        return self._receiver.hungry

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self._receiver.receive(data)

    def next(self, count: int, size: int) -> list[Event]:
        """What comes next."""
        return [
            event
            for event in self._receiver.next(count, size)
            if not (isinstance(event, str) and event[:1] in ("a", ASK) and self._taken(event))
        ]


class Carrier(WebSocket):
    """A connection that carries a session's messages.

    :param end: What stands where the application stands for other connections.
    """

    __slots__ = ("_end",)

    def __init__(
        self,
        end: ResumableEnd,
        transport: StreamTransport,
        terms: Terms,
        limits: Limits,
        version: Version,
        framing: tuple[Receiver, Sender],
        keeper: Keeper,
    ) -> None:
        self._end = end
        end.carrier = self
        # Here already, so that what is taken out counts for the rates too.
        receiver = paced(framing[0], limits, terms.wheel, terms.clock.seconds, self._slow)
        if receiver is not framing[0]:
            limits = dataclasses.replace(limits, messageRate=0, byteRate=0)
        sieved = _Sieve(receiver, end.acknowledged)
        stands = Served(end, NOBODY, limits)
        super().__init__(transport, terms, stands, version, (sieved, framing[1]), keeper)

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""
        super().lost(reason)
        if self._ours is None and self._theirs is None:
            self._end.unplugged()

    @property
    def person(self) -> Client:
        """The client that the application knows, once there is one."""
        session = self._end.session
        return self.client if session is None else session.client

    @property
    def ended(self) -> bool:
        """Whether the transport is gone."""
        return self._state is State.LOST

    @property
    def _hears(self) -> bool:
        """Its session does, which outlives a connection that was lost, but not a hook that has raised."""
        return True

    def say(self, message: str | bytes) -> None:
        """Send, however much waits already."""
        if self._sending:
            self._queue.write(self._sender.encode(message))

    def fail(self, code: int, reason: str) -> None:
        """Take nothing more, and close."""
        self._delivery.onlyClose()
        self.control(Violation(code, reason))

    def inTurn(self, hook: Callable[..., object], *arguments: object) -> None:
        """Call a hook once those of all messages before are done."""
        self._delivery.inTurn(hook, *arguments)


class ResumableEnd(App):
    """One connection's application, which takes what comes apart; either side's.

    :ivar session: What the connection carries; None until that is settled.
    :ivar gone: Fires once no hook of the connection runs any more.
    """

    carrier: Carrier

    def __init__(self, name: str, terms: Terms) -> None:
        self.name = name
        self.terms = terms
        self._incidents = terms.incidents
        self._timer: Timer | None = None
        self._greeted = False
        self.session: Session | None = None
        self.gone: Deferred[None] = Deferred()
        self.isGone = False

    # For subclasses

    def hello(self, message: str | bytes) -> object:
        """The other side's first message.

        :return: What to wait for before the next message is taken.
        :raises Broken: It is none.
        """
        raise NotImplementedError

    # What the carrier tells

    def onConnect(self, client: Client) -> Any:
        seconds = self.terms.limits.handshakeTimeout
        self._timer = self.terms.wheel.after(
            seconds, lambda: self.carrier.fail(PROTOCOL_ERROR, f"no first message within {seconds:g} s")
        )

    def onMessage(self, client: Client, message: Any) -> object:
        try:
            if self._greeted and self.session is not None:
                return self.session.take(unwrapped(message))
            self.terms.metrics.messagesIn -= 1  # it is not the application's
            if self._greeted:
                return None
            self._greeted = True
            self._noTimer()
            return self.hello(message)
        except Broken as error:
            self.carrier.fail(PROTOCOL_ERROR, str(error))
            return None

    def acknowledged(self, message: str) -> bool:
        """An acknowledgement has come, or a wish for one; whether that is so."""
        session = self.session
        if session is None:
            return False  # it is refused when its turn comes
        if message == ASK:
            session.ledger.asked()
            return True
        count = acknowledgedBy(message)
        if count is None:
            return False
        try:
            session.ledger.acknowledged(count)
        except Broken as error:
            self.carrier.fail(PROTOCOL_ERROR, str(error))
        return True

    def unplugged(self) -> None:
        """The transport is gone."""
        if self.session is not None and not self.isGone:
            self.session.cut(self.carrier)

    def onDropped(self, client: Client, count: int) -> Any:
        session = self.session
        return session.app.onDropped(session.client, count) if session is not None else None

    def onDisconnect(self, client: Client, reason: Disconnection) -> object:
        self._noTimer()
        self.isGone = True
        try:
            return self.session.detach(self.carrier, reason) if self.session is not None else None
        finally:
            self.gone.callback(None)

    def onError(self, client: Client, failure: Failure) -> Any:
        session = self.session
        if session is None:
            return super().onError(client, failure)
        return session.app.onError(session.client, failure)

    def _noTimer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def carry(self, session: Session, count: int) -> Deferred[None] | None:
        """Attach the session to this connection.

        :param count: See :meth:`Session.attach <wsapp.session.Session.attach>`.
        :return: What to wait for before messages are taken.
        """
        before, session.bearer = session.bearer, self
        self.session = session
        self.carrier.client.id = session.client.id  # as log lines call it
        session.attach(self.carrier, count)
        return None if before is None or before.isGone else before.gone
