"""Work that waits for a later turn of the reactor, so that no peer's input keeps the others waiting.

One read can hold 43,690 messages.  Who has had his slice of a turn goes to the end of this queue; in each
turn the queue has a slice as well, and then what has come from others is looked at.  Imports nothing
of wsapp.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

__all__ = ["MUCH", "READING", "SLICE", "TURN", "Fairness"]

_log = Logger()

#: Seconds that one peer's input may take at a time, where more of it is there.
SLICE = 0.0005

#: Bytes of one read from which on there may be more: uvloop's transports go on with it in the same turn, up
#: to 8 MiB for each peer.  Twisted's own never read so much.
MUCH = 128 * 1024

#: Seconds from the first such read of a turn, after which the next one waits for another turn.
READING = 0.001

#: Seconds of each turn that all who wait may take together; the first of them has its slice in any case.
TURN = 0.001


class Fairness:
    """Calls what waits, in order, a little in each turn.

    :param clock: The reactor.
    :ivar seconds: A clock for parts of a millisecond; the reactor's own may stand still during a turn.
    """

    __slots__ = ("_clock", "_reading", "_scheduled", "_waiting", "seconds")

    def __init__(self, clock: IReactorTime, seconds: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.seconds = seconds
        self._waiting: deque[Callable[[], object]] = deque()
        self._scheduled = False
        self._reading = 0.0  # until when this turn may go on reading much; 0: it has not begun to

    @property
    def busy(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def add(self, call: Callable[[], object]) -> None:
        """Have *call* called once, in a later turn; it may add itself again."""
        self._waiting.append(call)
        self._schedule()

    def enough(self) -> bool:
        """A read has held much: whether this turn has had enough of such."""
        now = self.seconds()
        if not self._reading:
            self._reading = now + READING
            self._schedule()
        return now >= self._reading

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._run)

    def _run(self) -> None:
        self._scheduled = False
        self._reading = 0.0
        waiting = self._waiting
        end = self.seconds() + TURN
        # Who adds himself again has had his slice in this turn.
        for _ in range(len(waiting)):
            try:
                waiting.popleft()()
            except Exception:
                _log.failure("what waited for its turn failed")
            if self.seconds() >= end:
                break
        if waiting:
            self._schedule()
