"""``Paced``: a framing machine whose peer may send only so much per second.

It stands in front of the real machine, and only where a rate is set, so that others pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable

from wsapp.bucket import Bucket
from wsapp.limits import Limits
from wsapp.wheel import Wheel
from wsapp.wire.codes import POLICY_VIOLATION
from wsapp.wire.events import Close, Event, Violation
from wsapp.wire.versions import Receiver

__all__ = ["Paced", "paced"]

#: A bucket of bytes holds the largest message and what frames it: none is too much by itself.
ROOM = 1.25


def paced(
    receiver: Receiver,
    limits: Limits,
    wheel: Wheel,
    seconds: Callable[[], float],
    pause: Callable[[float], bool],
) -> Receiver:
    """The machine itself, or paced where the limits have a rate."""
    if not limits.messageRate and not limits.byteRate:
        return receiver
    return Paced(receiver, limits, wheel, seconds, pause)


class Paced:
    """Counts what one peer sends: messages, pings and the like among them, and bytes.

    Bytes count as they are on the wire or, where that is more, as what they inflate to (text in
    characters).  What is past a rate is a violation with 1008, behind what was within; or it waits.

    :param seconds: The precise time, asked only where by the wheel's coarse one it would be too much.
    :param pause: Called where the peer is to wait, with the seconds for which: until then nothing may be
        asked of this machine.  False: that is not to be, so give what there is.
    :ivar hungry: Whether the last :meth:`next` stopped for want of input.
    """

    __slots__ = (
        "_bytes",
        "_charged",
        "_ended",
        "_messages",
        "_pause",
        "_payload",
        "_receiver",
        "_seconds",
        "_slows",
        "_wheel",
        "_wire",
    )

    def __init__(
        self,
        receiver: Receiver,
        limits: Limits,
        wheel: Wheel,
        seconds: Callable[[], float],
        pause: Callable[[float], bool],
    ) -> None:
        now = seconds()
        self._receiver = receiver
        self._wheel = wheel
        self._seconds = seconds
        self._pause = pause
        self._slows = limits.ratePolicy == "slow"
        rate, burst = limits.messageRate, limits.rateBurst
        self._messages = Bucket(rate, max(rate * burst, 1), now) if rate else None
        rate = limits.byteRate
        self._bytes = Bucket(rate, max(rate * burst, limits.maxMessage * ROOM), now) if rate else None
        self._wire = self._payload = self._charged = 0
        self._ended = False

    @property
    def hungry(self) -> bool:
        return self._ended or self._receiver.hungry

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        if not self._ended:
            self._wire += len(data)
            self._charge()
            self._receiver.receive(data)

    def next(self, count: int, size: int) -> list[Event]:
        """Events, as the machine's own, as far as the rates go.

        :param count: At most so many events.
        :param size: Stop once messages of so many bytes have come out.
        """
        if self._ended:
            return []
        allowed = self._allowed(count)
        if self._bytes is not None:
            # What is on the wire has been paid for; only what it inflates to beyond that has not.
            paid = max(0, self._wire - self._payload)
            size = min(size, max(1, int(self._bytes.level) + paid))
        if self._slows:
            if allowed < 1 and self._pause(self._wait()):
                return []
            events = self._receiver.next(max(allowed, 1), size)
            self._count(events)
            return events
        # One more than is allowed, to see whether there is one.
        events = self._receiver.next(min(count, allowed + 1), size)
        self._count(events[:allowed])
        if len(events) > allowed:
            del events[allowed:]
            events.append(self._broken("too many messages"))
        elif self._overdrawn() and not (events and isinstance(events[-1], (Close, Violation))):
            events.append(self._broken("too many bytes"))
        return events

    def _allowed(self, count: int) -> int:
        """How many of so many events may come now; 0 where they have to wait for bytes."""
        messages = self._messages
        if messages is not None:
            messages.refill(self._wheel.now)
            if messages.level < count:
                messages.refill(self._seconds())
            count = min(count, int(messages.level))
        return 0 if self._slows and self._overdrawn() else max(count, 0)

    def _overdrawn(self) -> bool:
        held = self._bytes
        if held is None or held.level >= 0:
            return False
        held.refill(self._seconds())
        return held.level < 0

    def _wait(self) -> float:
        """Seconds until a message may come again."""
        return max(
            0.0 if self._messages is None else self._messages.wait(1),
            0.0 if self._bytes is None else self._bytes.wait(0),
        )

    def _count(self, events: list[Event]) -> None:
        if self._messages is not None:
            self._messages.level -= len(events)
        self._payload += sum(len(event) for event in events if isinstance(event, (str, bytes)))
        self._charge()

    def _charge(self) -> None:
        """Take what has come since, on the wire or inflated, from the bucket."""
        held = self._bytes
        total = max(self._wire, self._payload)
        if held is not None and total > self._charged:
            held.refill(self._wheel.now)
            held.level -= total - self._charged
            self._charged = total

    def _broken(self, what: str) -> Violation:
        self._ended = True
        return Violation(POLICY_VIOLATION, f"{what} per second")
