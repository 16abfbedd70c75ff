"""Token buckets: so much a second on average, and so much at once.  Imports nothing of wsapp."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice

__all__ = ["MOST_KEYS", "Bucket", "Buckets"]

#: How many keys are remembered at most, a few megabytes; past it the oldest is forgotten, and forgiven.
MOST_KEYS = 16_384


class Bucket:
    """One bucket; it begins full.

    What is taken may be more than there is: then it is in debt, and time pays that first.

    :param rate: Units that come in per second.
    :param depth: Units that it holds at most.
    :param now: The time in seconds, of any clock that does not go back far.
    :ivar level: Units that are in it; below 0 in debt.
    """

    __slots__ = ("_depth", "_rate", "_then", "level")

    def __init__(self, rate: float, depth: float, now: float) -> None:
        self._rate = rate
        self._depth = depth
        self._then = now
        self.level = depth

    def refill(self, now: float) -> None:
        """Let in what has come since; a time before the last one lets in nothing."""
        if now > self._then:
            self.level = min(self._depth, self.level + (now - self._then) * self._rate)
            self._then = now

    def wait(self, level: float) -> float:
        """Seconds from the last :meth:`refill` until it holds so much; 0 where it does."""
        return max(0.0, (level - self.level) / self._rate)


class Buckets:
    """A bucket for each of many keys, one unit taken at a time, at the cost of one number each.

    A bucket that would be full by now is not remembered.  (This is the "generic cell rate algorithm":
    the number is the time at which the bucket will be full again.)

    :param rate: Units that come into each per second.
    :param depth: Units that each holds at most, 1 or more.
    :param seconds: The time.
    """

    __slots__ = ("_depth", "_rate", "_seconds", "full")

    def __init__(self, rate: float, depth: float, seconds: Callable[[], float]) -> None:
        self._rate = rate
        self._depth = depth
        self._seconds = seconds
        #: When each is full again, in the order in which they were last taken from.
        self.full: dict[Hashable, float] = {}

    def take(self, key: Hashable) -> float:
        """Take one unit.

        :return: 0, or the seconds until there is one, where there is none now: nothing is taken then.
        """
        now = self._seconds()
        full = max(now, self.full.pop(key, now))
        wait = full + 1 / self._rate - now - self._depth / self._rate
        if wait <= 1e-9:  # what sums of fractions leave over
            wait = 0.0
            full += 1 / self._rate
        self.full[key] = full
        # Two at a time are looked at, so that there are never more than have been taken from of late.
        for oldest in list(islice(self.full, 2)):
            if self.full[oldest] <= now or len(self.full) > MOST_KEYS:
                del self.full[oldest]
        return wait
