"""The WebSocket phase: one client's connection after the opening handshake.

Its messages are :class:`~wsapp.traffic.Traffic`'s matter; how it ends is :mod:`wsapp.closing`'s table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from wsapp.app import hookFailed
from wsapp.client import Client, Disconnection
from wsapp.closing import Action, Happening, State
from wsapp.ended import Ended
from wsapp.errors import ConnectionClosed, HookTimeout
from wsapp.keepalive import KeepAlive
from wsapp.pace import paced
from wsapp.request import Request
from wsapp.selection import Delivery, SendQueue, Traffic
from wsapp.sendqueue import closed
from wsapp.terms import Served, Terms
from wsapp.transports import StreamTransport, halfClose, kindOf
from wsapp.wheel import Timer
from wsapp.wire.codes import (
    ABNORMAL,
    GOING_AWAY,
    INTERNAL_ERROR,
    NO_STATUS,
    POLICY_VIOLATION,
    TRY_AGAIN_LATER,
    closing,
)
from wsapp.wire.events import Close, Ping, Pong, Violation
from wsapp.wire.versions import Receiver, Sender, Version

__all__ = ["Keeper", "WebSocket"]

# Our Close has not been sent: messages may be.
_SENDING = frozenset([State.OPEN, State.OPEN_BARE, State.ANSWERING])


class Keeper(Protocol):
    """Who keeps the connection."""

    def over(self) -> None:
        """It is over, and its last hook is done."""


class WebSocket(Traffic):
    """One client's connection.

    :param keeper: Told once everything is over, the last hook included.
    """

    __slots__ = (
        "_closeTimer",
        "_expiryTimer",
        "_keeper",
        "_missed",
        "_ours",
        "_rateTimer",
        "_said",
        "_served",
        "_state",
        "_terms",
        "_theirs",
        "_transport",
        "dropped",
    )

    def __init__(
        self,
        transport: StreamTransport,
        terms: Terms,
        served: Served,
        version: Version,
        framing: tuple[Receiver, Sender],
        keeper: Keeper,
    ) -> None:
        limits = served.limits
        receiver, sender = framing
        receiver = paced(receiver, limits, terms.wheel, terms.clock.seconds, self._slow)
        super().__init__(served.app, sender, terms.metrics)
        self._transport = transport
        self._terms = terms
        self._served = served
        self._keeper: Keeper | None = keeper
        self._state = State.OPEN if version.hasClose else State.OPEN_BARE
        self._delivery = Delivery(self, receiver, limits, terms.wheel, terms.fairness)
        self._queue = SendQueue(self, transport, terms.turn, terms.wheel, limits)
        self._keepAlive = KeepAlive(self, limits, terms.wheel, sender, self._queue)
        self._closeTimer: Timer | None = None
        self._expiryTimer: Timer | None = None
        self._rateTimer: Timer | None = None  # until then it is not read from
        self.dropped = self._missed = 0  # messages: of all, and since it has not caught up
        self._ours: Close | None = None  # where this side began to close
        self._theirs: Close | None = None
        self._said = False  # all that is to be said: our Close has left

    def begin(self, request: Request, subprotocol: str | None, rest: bytes) -> None:
        """The handshake is done.

        :param rest: What came behind it.
        """
        self.client = Client(self, self._served.rooms, request, subprotocol)
        self._served.rooms.add(self.client)
        self._terms.accounts.opened(self._served.app.name)
        self._queue.hold()
        self._delivery.run(self._served.app.onConnect, self.client)
        self.receive(rest)

    # What the connection tells

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""
        if self._queue.buffered:
            self._said = False  # our Close was the last in the queue
        if self._state is State.OPEN_BARE and reason.check(ConnectionDone):
            self._theirs = Close(NO_STATUS, "")  # how hixie-75 takes leave,
            self._said = True  # which is not answered
        self._happen(Happening.END)

    def stop(self) -> None:
        """The server stops (RFC 6455 7.4.1)."""
        self.close(GOING_AWAY, "the server is stopping")

    def giveUp(self) -> None:
        """The server does not wait for hooks any more."""
        self._delivery.giveUp()

    # What an operator asks for

    @property
    def app(self) -> str:
        """The name of the application."""
        return self._served.app.name

    @property
    def transport(self) -> str:
        """See :func:`wsapp.transports.kindOf`."""
        return kindOf(self._transport)

    @property
    def person(self) -> Client:
        """The client that the application knows, whatever carries it."""
        return self.client

    @property
    def slow(self) -> bool:
        """Whether as much waits for it as may."""
        return self._queue.full

    # What the client asks for

    @property
    def bufferedAmount(self) -> int:
        """Bytes that wait to be sent."""
        return self._queue.buffered

    def ping(self) -> Deferred[float]:
        """Ping the peer."""
        return self._keepAlive.ping() if self._sending else closed()

    def drained(self) -> Deferred[None]:
        """Fires once all has left."""
        return closed() if self._state is State.LOST else self._queue.drained()

    def close(self, code: int, reason: str) -> None:
        """Close once all has left."""
        closing(code, reason)
        self._begin(Happening.CLOSE, code, reason)

    def behind(self) -> None:
        """A message does not fit any more."""
        if self._served.limits.backlogPolicy == "drop":
            self.dropped += 1
            self._missed += 1
            self._terms.metrics.dropped += 1
        else:
            self.overrun()

    def overrun(self) -> None:
        """The client does not read, and more would wait for it than may."""
        if not self._sending:
            return
        self._terms.metrics.overrun += 1
        self._delivery.onlyClose()
        self._begin(Happening.FAIL, TRY_AGAIN_LATER, "too slow to read")

    def abort(self) -> None:
        """End now; messages that wait for a hook are dropped."""
        self._delivery.discard()
        if self._state is not State.LOST:  # TLS of Twisted's would raise
            self._transport.abortConnection()

    def setExpires(self, expires: float | None) -> None:
        """Close the client at that time."""
        if self._expiryTimer is not None:
            self._expiryTimer.cancel()
            self._expiryTimer = None
        if expires is not None and self._state is not State.LOST:
            self._expiryTimer = self._terms.wheel.after(
                max(0.0, expires - self._terms.wallClock()),
                lambda: self.close(POLICY_VIOLATION, "credentials have run out"),
            )

    # What the delivery tells

    def control(self, event: Ping | Pong | Close | Violation) -> None:
        """Something other than a message was read."""
        if isinstance(event, Ping):
            if self._sending:
                self._queue.pong(self._sender.pong(event.payload))
        elif isinstance(event, Pong):
            self._keepAlive.ponged(event.payload)
        elif isinstance(event, Violation):
            self._terms.metrics.tooFast += event.code == POLICY_VIOLATION
            self._note(
                f"clients closed with {event.code}",
                "broke the protocol or a limit: {reason}",
                reason=event.reason,
            )
            self._begin(Happening.FAIL, event.code, event.reason)
        else:
            self._theirs = event
            self._happen(Happening.PEER_CLOSE)

    def closeTurn(self) -> None:
        """The hooks before the peer's Close are done."""
        self._happen(Happening.TURN)

    def hookFailed(self, failure: Failure) -> None:
        """A hook has raised: that is the end of this client, and of no other."""
        if self._state is State.LOST and failure.check(ConnectionClosed):
            return  # it waited for what the connection's end has taken away: nobody's mistake
        self._terms.metrics.failedHooks += 1
        if failure.check(HookTimeout):
            self._note("hooks over their time", "{error}", error=failure.value)
        else:
            hookFailed(self._served.app, self.client, failure)
        self._delivery.onlyClose()
        self._begin(Happening.FAIL, INTERNAL_ERROR, "")

    def read(self, on: bool) -> None:
        """Go on reading, or pause."""
        if on:
            self._keepAlive.heard()
            self._transport.resumeProducing()
        else:
            self._transport.pauseProducing()

    def idle(self) -> None:
        """Call the last hook, where the connection is gone and no other hook is left to run."""
        if self._keeper is None:
            return
        keeper, self._keeper = self._keeper, None
        self._served.rooms.remove(self.client)
        self.client.relink(Ended(self.dropped))
        began = self._ours or self._theirs or Close(ABNORMAL, "")
        reason = Disconnection(began.code, began.reason, self._said and self._theirs is not None)
        self._terms.accounts.closed(self._served.app.name, self, reason.code)
        self._delivery.last(keeper.over, self._served.app.onDisconnect, self.client, reason)

    # What the queue tells

    def queueFilled(self) -> None:
        """No more is asked of the peer while replies cannot leave."""
        self._block()

    def queueMoved(self) -> None:
        """Replies can leave again, or some of them."""
        self._block()
        self._keepAlive.heard()  # what has left has been taken
        if self._missed and self._sending and not self._queue.full:
            missed, self._missed = self._missed, 0
            self._delivery.inTurn(self._served.app.onDropped, self.client, missed)
        self._delivery.pump()

    def queueStalled(self) -> None:
        """The client has taken nothing for too long."""
        if self._sending:
            self._note(
                "clients that do not read", "does not read: {size} bytes wait", size=self._queue.buffered
            )
            self.overrun()

    # How it ends

    def _begin(self, happening: Happening, code: int, reason: str) -> None:
        """Close from this side, unless one of them has begun before, or nobody would hear of it any more."""
        if self._ours is None and self._theirs is None and self._hears:
            self._ours = Close(code, reason)
        self._happen(happening)

    @property
    def _hears(self) -> bool:
        """Whether there is somebody to close from this side."""
        return self._state is not State.LOST

    def _happen(self, happening: Happening) -> None:
        step = self._terms.closing.get((self._state, happening))
        if step is not None:
            self._state, actions = step
            self._sending = self._state in _SENDING
            self._block()
            for action in actions:
                _ACTIONS[action](self)

    def _say(self) -> None:
        said = self._ours or self._theirs
        assert said is not None
        self._said = True
        self._queue.farewell(self._sender.close(said.code, said.reason if said is self._ours else ""))

    def _wait(self) -> None:
        self._keepAlive.rest()
        if self._closeTimer is not None:
            self._closeTimer.cancel()
        self._closeTimer = self._terms.wheel.after(
            self._served.limits.closeTimeout, lambda: self._happen(Happening.TIMEOUT)
        )

    def _hangUp(self) -> None:
        self._queue.whenEmpty(self._transport.loseConnection)

    def _letGo(self) -> None:
        self._queue.whenEmpty(_nothing)

    def _halfClose(self) -> None:
        self._delivery.read(True)
        self._queue.whenEmpty(lambda: halfClose(self._transport))

    def _finish(self) -> None:
        """The connection is gone; what was read still goes to the application."""
        self._keepAlive.stop()
        self._queue.close()
        for timer in (self._closeTimer, self._expiryTimer, self._rateTimer):
            if timer is not None:
                timer.cancel()
        self._closeTimer = self._expiryTimer = self._rateTimer = None
        self._delivery.end()

    # What else happens

    def _block(self) -> None:
        """Ask for no more while replies cannot leave, or the client has sent too fast.

        Once nothing more will be sent neither matters.
        """
        self._delivery.blocked = self._sending and (self._queue.full or self._rateTimer is not None)

    def _slow(self, seconds: float) -> bool:
        """The client has sent faster than it may: read no more for a while, unless it is closing anyway."""
        if not self._sending:
            return False
        if self._rateTimer is None:
            self._terms.metrics.slowed += 1
            self._rateTimer = self._terms.wheel.after(seconds, self._goOn)
            self._block()
        return True

    def _goOn(self) -> None:
        self._rateTimer = None
        self._block()
        self._delivery.pump()

    def suspended(self) -> bool:
        """Whether reading is paused for the application's sake."""
        return not (self._delivery.reading or self._queue.full)

    def vanished(self, why: str) -> None:
        """The peer is gone."""
        self._note("clients that have vanished", "{why}", why=why)
        self._transport.abortConnection()

    def _note(self, kind: str, text: str, **values: object) -> None:
        self._terms.incidents.note(
            kind,
            "{app}: client {client} at {peer} ({version}) " + text,
            app=self._served.app.name,
            client=self.client.id,
            peer=self.client.peer or "a UNIX socket",
            version=self.client.version,
            **values,
        )


def _nothing() -> None:
    """Nothing more than that the transport has been let go of."""


_ACTIONS: dict[Action, Callable[[WebSocket], None]] = {
    Action.SAY: WebSocket._say,
    Action.WAIT: WebSocket._wait,
    Action.HANG_UP: WebSocket._hangUp,
    Action.LET_GO: WebSocket._letGo,
    Action.HALF_CLOSE: WebSocket._halfClose,
    Action.ABORT: lambda self: self._transport.abortConnection(),
    Action.FINISH: WebSocket._finish,
}
