"""How long many things took, in little memory.  Imports nothing of wsapp."""

from __future__ import annotations

import math

__all__ = ["Histogram", "duration"]

#: Buckets for each doubling: what is told of a time is right to 3 %.
_PER_OCTAVE = 24
_LEAST = 1e-6


def duration(seconds: float) -> str:
    """A time as a person reads it."""
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


class Histogram:
    """Counts times in buckets that grow with them."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.total = 0.0
        self.least = math.inf
        self.most = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        bucket = math.floor(math.log2(max(seconds, _LEAST) / _LEAST) * _PER_OCTAVE)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total += seconds
        self.least = min(self.least, seconds)
        self.most = max(self.most, seconds)

    def percentile(self, percent: float) -> float:
        """The time that so many per cent did not pass (rounded up to its bucket's end); 0 of nothing."""
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(self.most, _LEAST * 2 ** ((bucket + 1) / _PER_OCTAVE))
        return 0.0

    def bars(self, rows: int = 12, width: int = 50) -> list[str]:
        """A picture of it: one line for each range of times."""
        if not self.count:
            return []
        first, last = min(self._counts), max(self._counts)
        step = max(1, math.ceil((last - first + 1) / rows))
        sums = [
            sum(self._counts.get(bucket, 0) for bucket in range(start, start + step))
            for start in range(first, last + 1, step)
        ]
        lines = []
        for index, count in enumerate(sums):
            end = _LEAST * 2 ** ((first + (index + 1) * step) / _PER_OCTAVE)
            bar = "#" * math.ceil(count / max(sums) * width)
            lines.append(
                f"up to {duration(end):>8}  {bar} {count:,}" if count else f"up to {duration(end):>8}"
            )
        return lines
