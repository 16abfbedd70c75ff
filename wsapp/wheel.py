"""One coarse timer for everything: timeouts cost a dictionary entry each, not a reactor's timer.

Imports nothing of wsapp.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Timed", "Timer", "Wheel"]

_log = Logger()


class Timed:
    """What can have its time come; a wheel has it at most once.

    For what there is one of for each connection: it is its own timer.
    """

    __slots__ = ("_buckets", "_due")

    def __init__(self) -> None:
        self._buckets = _NOWHERE
        self._due = math.inf

    def call(self) -> object:
        """Its time has come."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Never call; nothing happens where it is too late for that, or done already."""
        bucket = self._buckets.get(self._due)
        if bucket is not None:
            bucket.pop(self, None)
            if not bucket:
                # Or calls far in the future, taken back, would pile up until their time.
                del self._buckets[self._due]


#: Where those are that are on no wheel.
_NOWHERE: dict[float, dict[Timed, None]] = {}


class Timer(Timed):
    """One call to come; :meth:`cancel` takes it back."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self._call = call

    def call(self) -> object:
        """Its time has come."""
        return self._call()


class Wheel:
    """Calls that come a while later, at the next tick of a coarse clock.

    A call comes never early and at most one tick late.  The wheel turns only while it has
    something to call.

    :param clock: The reactor, or a ``Clock``.
    :param tick: Seconds between two ticks.
    :ivar now: The clock's time at the last tick: good for measuring idleness, and free.
    """

    __slots__ = ("_buckets", "_clock", "_pending", "_tick", "now")

    def __init__(self, clock: IReactorTime, tick: float = 0.25) -> None:
        self._clock = clock
        self._tick = tick
        self._buckets: dict[float, dict[Timed, None]] = {}
        self._pending: IDelayedCall | None = None
        self.now = clock.seconds()

    def seconds(self) -> float:
        """The precise time."""
        return self._clock.seconds()

    def tickAfter(self, time: float) -> float:
        """The first tick after a time: what came while :attr:`now` was that time was there by then."""
        return (math.floor(time / self._tick) + 1) * self._tick

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Have *call* called once so many seconds have passed; never, where they are infinite."""
        timer = Timer(call)
        self.add(timer, seconds)
        return timer

    def add(self, timed: Timed, seconds: float) -> None:
        """Have what is not on a wheel called like that."""
        if seconds == math.inf:
            return
        now = self._clock.seconds()
        if self._pending is None:
            self.now = now
            self._next(now)
        # Rounded up, from the true time, so that nothing comes early.
        due = math.ceil((now + seconds) / self._tick)
        timed._buckets = self._buckets
        timed._due = due
        bucket = self._buckets.get(due)
        if bucket is None:
            self._buckets[due] = {timed: None}
        else:
            bucket[timed] = None

    def stop(self) -> None:
        """Forget every call."""
        self._buckets.clear()
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _next(self, now: float) -> None:
        # At a whole multiple of the tick, where what is rounded up to it is due.
        self._pending = self._clock.callLater(self._tick - now % self._tick, self._turn)

    def _turn(self) -> None:
        self._pending = None
        self.now = self._clock.seconds()
        present = math.floor(self.now / self._tick)
        for due in sorted(due for due in self._buckets if due <= present):
            # What is called may cancel others of the same time, and stop everything.
            for timer in list(self._buckets.get(due, ())):
                if timer not in self._buckets.get(due, ()):
                    continue
                timer.cancel()
                try:
                    timer.call()
                except Exception:
                    _log.failure("a timer's call failed")
        if self._buckets and self._pending is None:
            self._next(self._clock.seconds())
