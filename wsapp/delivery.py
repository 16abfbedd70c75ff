"""From a framing machine to an application's hooks: in order, one at a time, no faster than they go.

What the hooks are not ready for waits, up to a bound; past it nothing more is taken from the
framing machine, and reading pauses.  So it does where one read is as large as reads become, or holds
more than a slice of the reactor's turn: the rest follows in later turns, and other peers come in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from wsapp import hooks
from wsapp.errors import HookTimeout
from wsapp.fairness import MUCH, SLICE, Fairness
from wsapp.limits import Limits
from wsapp.wheel import Timer, Wheel
from wsapp.wire.events import Close, Event, Ping, Pong, Violation
from wsapp.wire.versions import Receiver

__all__ = ["Delivery", "Recipient"]


class Recipient(Protocol):
    """Whom the delivery works for."""

    def message(self, message: str | bytes) -> None:
        """A message's turn has come: :meth:`Delivery.run` its hook."""

    def control(self, event: Ping | Pong | Close | Violation) -> None:
        """Something other than a message was read; it does not wait for hooks."""

    def closeTurn(self) -> None:
        """The hooks of all messages before the peer's Close are done."""

    def hookFailed(self, failure: Failure) -> None:
        """A hook has raised."""

    def read(self, on: bool) -> None:
        """Go on reading, or pause: told whenever that changes."""

    def idle(self) -> None:
        """After :meth:`Delivery.end`: nothing is left to do."""


class _Turn:
    """A hook that waits for its turn among the messages."""

    __slots__ = ("arguments", "hook")

    def __init__(self, hook: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self.hook = hook
        self.arguments = arguments


class Delivery:
    """Delivers what one peer sends.

    :param receiver: The framing machine.
    :ivar blocked: Whether replies cannot leave, so that no more should be asked for; set by the recipient.
    :ivar reading: Whether the peer is read from.
    """

    __slots__ = (
        "_cancelled",
        "_ending",
        "_fairness",
        "_hook",
        "_hookTimeout",
        "_inbox",
        "_later",
        "_maxMessage",
        "_maxQueue",
        "_pumping",
        "_receiver",
        "_recipient",
        "_size",
        "_timer",
        "_until",
        "_wheel",
        "blocked",
        "reading",
    )

    def __init__(
        self, recipient: Recipient, receiver: Receiver, limits: Limits, wheel: Wheel, fairness: Fairness
    ) -> None:
        self._recipient = recipient
        self._receiver = receiver
        self._maxQueue = limits.maxQueue
        self._maxMessage = limits.maxMessage
        self._hookTimeout = limits.hookTimeout
        self._wheel = wheel
        self._fairness = fairness
        self._until = 0.0  # when the slice ends that begins
        self._later = False  # the peer has had its slice of this turn, and waits for the next
        self._inbox: list[str | bytes | Close | _Turn] = []  # a few at most
        self._size = 0  # bytes of the messages in it
        self._hook: Deferred[object] | None = None
        self._timer: Timer | None = None
        self._cancelled = False  # the hook's time is over
        self._pumping = False
        self._ending = False
        self.blocked = False
        self.reading = True

    @property
    def busy(self) -> bool:
        """Whether a hook is not done, or something waits for one."""
        return self._hook is not None or bool(self._inbox)

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self._receiver.receive(data)
        if len(data) >= MUCH and not self._later and self._fairness.enough():
            self._wait()
        self.pump()

    def discard(self) -> None:
        """Deliver nothing more, neither what waits nor what comes."""
        self._receiver = _NOTHING
        self._inbox.clear()
        self._size = 0

    def onlyClose(self) -> None:
        """Deliver nothing more but the peer's Close, which is told as a control, and has no turn."""
        if self._receiver is not _NOTHING:
            heard = _OnlyClose(self._receiver, self._recipient.control)
            self.discard()
            self._receiver = heard

    def pump(self) -> None:
        """Deliver what can be delivered in this turn, then read on or pause."""
        if self._pumping:
            return
        self._pumping = True
        begun = False
        until, self._until = self._until, 0.0
        inbox, recipient = self._inbox, self._recipient
        while True:
            while inbox and self._hook is None and not self.blocked:
                waiting = inbox.pop(0)
                if isinstance(waiting, Close):
                    recipient.closeTurn()
                elif isinstance(waiting, _Turn):
                    self.run(waiting.hook, *waiting.arguments)
                else:
                    self._size -= len(waiting)
                    recipient.message(waiting)
            count = self._maxQueue - len(inbox)
            size = self._maxMessage - self._size
            # Whoever has had its turn is not read from either: uvloop would go on reading from the same
            # peer, up to 8 MiB.
            ready = count > 0 and size > 0 and not self.blocked and not self._later
            if not ready or self._receiver.hungry:
                break
            if begun:
                # The clock is looked at only where a read holds more than one batch; where others wait
                # already, one batch is all that it gets now.
                if not until and not self._fairness.busy:
                    until = self._fairness.seconds() + SLICE
                elif self._fairness.seconds() >= until:
                    self._wait()
                    ready = False
                    break
            begun = True
            receiver = self._receiver
            for event in receiver.next(count, size):
                if self._receiver is not receiver:  # one of the events before it has ended delivery
                    if isinstance(self._receiver, _OnlyClose):
                        self._receiver.take(event)
                    continue
                self._take(event)
        self._pumping = False
        if ready is not self.reading:
            self.read(ready)
        if self._ending and not self.busy and (self._receiver.hungry or not self._later):
            recipient.idle()

    def _wait(self) -> None:
        """The peer has had what it gets in this turn."""
        self._later = True
        self._fairness.add(self._again)

    def _again(self) -> None:
        """The next slice."""
        self._later = False
        self._until = self._fairness.seconds() + SLICE
        self.pump()

    def read(self, on: bool) -> None:
        """Go on reading, or pause."""
        if on is not self.reading and not self._ending:
            self.reading = on
            self._recipient.read(on)

    def end(self) -> None:
        """Nothing more comes: deliver what is there, then tell by ``idle``."""
        self._ending = True
        self.pump()

    def _take(self, event: Event) -> None:
        if isinstance(event, (str, bytes)):
            if self._hook is None and not self._inbox and not self.blocked:
                self._recipient.message(event)
            else:
                self._inbox.append(event)
                self._size += len(event)
            return
        if isinstance(event, Close):
            self._inbox.append(event)
        self._recipient.control(event)

    def run(self, hook: Callable[..., object], *arguments: object) -> None:
        """Call a hook; until it is done nothing else is delivered."""
        try:
            result = hook(*arguments)
        except BaseException:  # see hooks.call
            self._recipient.hookFailed(Failure())
            return
        if result is not None:
            self.wait(result)

    def wait(self, result: object) -> None:
        """A hook has returned *result*: where that is awaitable, deliver nothing else before it is done."""
        waiting = hooks.pending(result)
        if waiting is None:
            return
        self._hook = waiting
        if self._hookTimeout:
            self._timer = self._wheel.after(self._hookTimeout, self._overdue)
        waiting.addErrback(self._failed)
        waiting.addBoth(self._done)

    def inTurn(self, hook: Callable[..., object], *arguments: object) -> None:
        """Call a hook once those of all messages before are done."""
        self._inbox.append(_Turn(hook, arguments))
        self.pump()

    def last(self, done: Callable[[], None], hook: Callable[..., object], *arguments: object) -> None:
        """Call the last hook; nothing is delivered after it.

        :param done: Called once the hook is done.
        """
        self.discard()
        self.run(hook, *arguments)
        if self._hook is None:
            self._over(done)
        else:
            self._hook.addBoth(lambda _: self._over(done))

    def _over(self, done: Callable[[], None]) -> None:
        # Parted from, so that both are freed at once, and not when Python looks for circles.
        self._recipient = _NOBODY
        done()

    def giveUp(self) -> None:
        """Wait for no hook any more: cancel the one that runs, and call none but the last."""
        self.discard()
        if self._hook is not None:
            self._cancelled = True
            self._hook.cancel()
        else:
            self.pump()

    def _overdue(self) -> None:
        """The hook has had its time; whether it heeds that or not, its client is closed."""
        hook, self._timer, self._cancelled = self._hook, None, True
        assert hook is not None
        self._recipient.hookFailed(Failure(HookTimeout(f"a hook took longer than {self._hookTimeout:g} s")))
        hook.cancel()

    def _failed(self, failure: Failure) -> None:
        if not (self._cancelled and failure.check(CancelledError)):
            self._recipient.hookFailed(failure)

    def _done(self, _: object) -> None:
        self._hook = None
        self._cancelled = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.pump()


class _OnlyClose:
    """A receiver of which nothing comes out: of what is read only the peer's Close is told.

    :param told: Gets it.
    """

    def __init__(self, receiver: Receiver, told: Callable[[Close], None]) -> None:
        self._receiver = receiver
        self._told = told

    @property
    def hungry(self) -> bool:
        """Whether nothing is left to be read."""
        return self._receiver.hungry

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self._receiver.receive(data)

    def next(self, count: int, size: int) -> list[Event]:
        """Nothing comes out."""
        for event in self._receiver.next(count, size):
            self.take(event)
        return []

    def take(self, event: Event) -> None:
        """One has been read."""
        if isinstance(event, Close):
            self._told(event)


class _Nothing:
    """A receiver that wants nothing."""

    hungry = True

    def receive(self, data: bytes) -> None:
        """Drop it."""

    def next(self, count: int, size: int) -> list[Event]:
        """Nothing comes out."""
        return []


_NOTHING = _Nothing()


class _Nobody(Recipient):
    """Whom a delivery works for that is over: nothing is to be told any more, but perhaps that."""

    def message(self, message: str | bytes) -> None:
        return

    def control(self, event: Ping | Pong | Close | Violation) -> None:
        return

    def closeTurn(self) -> None:
        return

    def hookFailed(self, failure: Failure) -> None:
        return

    def read(self, on: bool) -> None:
        return

    def idle(self) -> None:
        return


_NOBODY = _Nobody()
