"""``Session``: a client's link that outlives its connections; the same on either side.

What it has sent and received is its :class:`~wsapp.ledger.Ledger`'s matter; what that looks like on a
connection is :mod:`wsapp.wire.resumption`'s.  Whoever makes one attaches it to a connection, and is told
when it is without one, and when it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred

from wsapp.app import App
from wsapp.client import Client, Disconnection, Link
from wsapp.errors import ConnectionClosed
from wsapp.ledger import Budget, Ledger
from wsapp.limits import Limits
from wsapp.metrics import Metrics
from wsapp.sendqueue import closed
from wsapp.waiter import Waiter, failed
from wsapp.wheel import Timer, Wheel
from wsapp.wire.codes import ABNORMAL, POLICY_VIOLATION, TRY_AGAIN_LATER, closing
from wsapp.wire.resumption import GIVEN_UP, SUBPROTOCOL, wrapped

__all__ = ["Carries", "Session"]


#: How a connection ends that a session outlives.
_OUTLIVED = frozenset([ABNORMAL, GIVEN_UP])


class Carries(Link, Protocol):
    """What a session needs of the connection that it is attached to."""

    @property
    def ended(self) -> bool:
        """Whether the transport is gone, though hooks of what it brought may still run."""

    def say(self, message: str | bytes) -> None:
        """Send what is the session's own, or is sent again: however much waits already."""

    def fail(self, code: int, reason: str) -> None:
        """Take nothing more, and close."""

    def inTurn(self, hook: Callable[..., object], *arguments: object) -> None:
        """Call a hook once those of all messages before are done."""


class Session:
    """One client's messages over any number of connections, one at a time.

    :param app: Gets what arrives.
    :param budget: See :class:`~wsapp.ledger.Ledger`.
    :ivar client: As the application knows it; set before anything is sent.
    :ivar ledger: What it has sent and received.
    """

    __slots__ = (
        "_carrier",
        "_dropped",
        "_expiryTimer",
        "_farewell",
        "_limits",
        "_metrics",
        "_missed",
        "_waiters",
        "_wallClock",
        "_wheel",
        "app",
        "bearer",
        "client",
        "ledger",
        "over",
    )

    client: Client

    def __init__(
        self,
        app: App,
        limits: Limits,
        wheel: Wheel,
        metrics: Metrics,
        wallClock: Callable[[], float],
        budget: Budget,
    ) -> None:
        self.app = app
        self._limits = limits
        self._wheel = wheel
        self._metrics = metrics
        self._wallClock = wallClock
        self.ledger = Ledger(limits.maxSendBuffer, wheel, budget, self._say)
        self.over = False
        #: What carries it, for who makes connections to know the last one by.
        self.bearer: Any = None
        self._carrier: Carries | None = None
        self._farewell: Disconnection | None = None  # how it is to end once its connection's hooks are done
        self._dropped = self._missed = 0  # of connections before; while there was none
        self._waiters: list[Waiter[None]] = []
        self._expiryTimer: Timer | None = None

    # For subclasses

    def unplugged(self) -> None:
        """It has lost its connection; hooks of what that brought may still run.  Told once or twice."""
        raise NotImplementedError

    def ended(self, reason: Disconnection) -> object:
        """It is over, and no hook runs any more.

        :return: What the application's last hook has returned.
        """
        raise NotImplementedError

    def settle(self, hook: Callable[[], object]) -> None:
        """Call the last hook, where no connection waits for it."""
        raise NotImplementedError

    # What its connections tell

    @property
    def ending(self) -> bool:
        """Whether it is over, or only waits for hooks to be done."""
        return self.over or self._farewell is not None

    def attach(self, carrier: Carries, count: int = 0) -> None:
        """Go on over a connection; the one before, if it has one still, is aborted.

        What arrives over it is not to be :meth:`taken <take>` before that one's hooks are done.

        :param count: How many messages have arrived over there.
        :raises Broken: That cannot be.
        """
        self.ledger.attach(count)
        before, self._carrier = self._carrier, carrier
        if before is not None:
            self._dropped += before.dropped
            before.abort()
        for message in self.ledger.sent:
            carrier.say(message)
        if self._missed:
            missed, self._missed = self._missed, 0
            carrier.inTurn(self.app.onDropped, self.client, missed)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            self._waitFor(waiter)

    def take(self, message: str | bytes) -> object:
        """An application's message has its turn.

        :return: What the application's hook has returned.
        """
        self.ledger.take(message)
        return self.app.onMessage(self.client, message)

    def cut(self, carrier: Carries) -> None:
        """A connection's transport is gone, uncleanly; hooks of what it brought still run."""
        if carrier is self._carrier:
            self.ledger.leave()
            if not self.ending:
                self.unplugged()

    def detach(self, carrier: Carries, reason: Disconnection) -> object:
        """A connection has ended, and no hook of it runs any more.

        :return: What the application's last hook has returned, where it was called.
        """
        if carrier is not self._carrier:
            # Another has taken its place; only that a hook of this one has failed concerns that too.
            if reason.code not in _OUTLIVED and (live := self._live) is not None:
                live.fail(reason.code, reason.reason)
            return None
        self._dropped += carrier.dropped
        self._carrier = None
        self.ledger.leave()
        if self._farewell is not None or reason.code not in _OUTLIVED:
            return self.end(self._farewell or reason)
        self.unplugged()
        return None

    def silence(self) -> None:
        """Take nothing more from the connection that it has: how many messages have arrived is settled."""
        if self._carrier is not None:
            self._carrier.abort()

    def end(self, reason: Disconnection) -> object:
        """It is over, now.

        :return: What the application's last hook has returned.
        """
        if self.over:
            return None
        self.over = True
        if self._expiryTimer is not None:
            self._expiryTimer.cancel()
            self._expiryTimer = None
        self.ledger.close()
        self._noDrains()
        return self.ended(reason)

    def finish(self, reason: Disconnection) -> None:
        """End it as soon as no hook of a connection runs."""
        if self._carrier is None:
            if not self.over:
                self.settle(lambda: self.end(reason))
        elif self._farewell is None:
            self._farewell = reason
            self._noDrains()

    # What the client asks for

    @property
    def _live(self) -> Carries | None:
        """The connection, if it can be sent to."""
        carrier = self._carrier
        return None if carrier is None or carrier.ended else carrier

    @property
    def bufferedAmount(self) -> int:
        """Bytes that wait to be sent; without a connection, what is kept for the next one."""
        carrier = self._live
        return self.ledger.sent.size if carrier is None else carrier.bufferedAmount

    @property
    def dropped(self) -> int:
        """Messages dropped: of all connections, and between them."""
        return self._dropped + (self._carrier.dropped if self._carrier is not None else 0)

    def send(self, message: str | bytes) -> bool:
        """Queue a message."""
        return self._send(wrapped(message), None)

    def sendShared(self, message: str | bytes, encoded: dict[object, bytes]) -> bool:
        """Queue a message that others are sent too: wrapped once, and encoded once, for all of them."""
        ours = cast(dict[object, Any], encoded)
        shared = ours.get(SUBPROTOCOL)
        if shared is None:
            shared = ours[SUBPROTOCOL] = (wrapped(message), {})
        return self._send(*shared)

    def _send(self, message: str | bytes, encoded: dict[object, bytes] | None) -> bool:
        if self.ending:
            return False
        carrier = self._live
        if carrier is None:
            if self._missed or self.ledger.full:
                self._behind()
                return False
        elif not (carrier.send(message) if encoded is None else carrier.sendShared(message, encoded)):
            return False
        self.ledger.add(message, carrier is not None)
        return True

    def _behind(self) -> None:
        """There is no connection, and a message does not fit any more."""
        if self._limits.backlogPolicy == "drop":
            self._dropped += 1
            self._missed += 1
            self._metrics.dropped += 1
        else:
            self.overrun()

    def ping(self) -> Deferred[float]:
        """Ping the peer; fails where there is no connection just now."""
        carrier = self._live
        return failed(ConnectionClosed("there is no connection now")) if carrier is None else carrier.ping()

    def drained(self) -> Deferred[None]:
        """Fires once all has left, over this connection or one to come."""
        if self.ending:
            return closed()
        waiter: Waiter[None] = Waiter()
        self._waitFor(waiter)
        return waiter

    def close(self, code: int, reason: str) -> None:
        """Close once all has left; at once, where there is no connection."""
        carrier = self._live
        if carrier is not None:
            carrier.close(code, reason)
        else:
            closing(code, reason)
            self.finish(Disconnection(code, reason, False))

    def overrun(self) -> None:
        """The client does not read, or does not come back, and more would wait for it than may."""
        carrier = self._live
        if carrier is not None:
            carrier.overrun()
        elif not self.ending:
            self._metrics.overrun += 1
            self.finish(Disconnection(TRY_AGAIN_LATER, "too slow to read", False))

    def abort(self) -> None:
        """End now."""
        self.abandon(Disconnection(ABNORMAL, "", False))

    def abandon(self, reason: Disconnection) -> None:
        """End now, without a closing handshake."""
        carrier = self._carrier
        self.finish(reason)
        if carrier is not None:
            carrier.abort()

    def setExpires(self, expires: float | None) -> None:
        """Close the client at that time."""
        if self._expiryTimer is not None:
            self._expiryTimer.cancel()
            self._expiryTimer = None
        if expires is not None and not self.over:
            self._expiryTimer = self._wheel.after(
                max(0.0, expires - self._wallClock()),
                lambda: self.close(POLICY_VIOLATION, "credentials have run out"),
            )

    # How

    def _say(self, message: str) -> bool:
        """Say what is the session's own; whether there is a connection."""
        carrier = self._live
        if carrier is None:
            return False
        carrier.say(message)
        return True

    def _waitFor(self, waiter: Waiter[None]) -> None:
        """Have somebody wait until all has left, over whichever connection."""
        carrier = self._live
        if carrier is None:
            self._waiters.append(waiter)
            return

        def lost(_: object) -> None:
            if self.ending:
                waiter.fail(_unsent())
            else:
                self._waitFor(waiter)

        carrier.drained().addCallbacks(waiter.callback, lost)

    def _noDrains(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.fail(_unsent())


def _unsent() -> ConnectionClosed:
    return ConnectionClosed("the connection ended before everything was sent")
