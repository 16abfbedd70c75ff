"""The log lines and tracebacks that peers can cause, so few of a kind that nobody can fill a disk with them.

A kind's first lines in a period are logged as they are; the others are counted, and one line at the
period's end says how many there were.  Metrics count all of them.  May import the wheel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.wheel import Timer, Wheel

__all__ = ["MOST", "PERIOD", "TRACEBACKS", "Incidents"]

_log = Logger()

#: How many lines of one kind are logged in a period.
MOST = 20

#: How many where each has a traceback.
TRACEBACKS = 5

#: Seconds from a kind's first line until it may have as many again.
PERIOD = 60.0


def _printable(values: Mapping[str, object]) -> dict[str, Any]:
    """Values of a line, of which texts are as :func:`_shown` has them."""
    return {name: _shown(value) for name, value in values.items()}


def _shown(value: object) -> object:
    """A text without what would break the line, or steer the terminal that shows it."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in value
    )


class _Kind:
    """What one kind has had in its period."""

    __slots__ = ("began", "count", "most", "timer")

    def __init__(self, began: float, most: int) -> None:
        self.began = began
        self.most = most
        self.count = 0
        self.timer: Timer | None = None  # only where lines were left out


class Incidents:
    """Logs what outsiders did, each kind for itself.

    Kinds are few and chosen by the code, never by a peer: each costs a dictionary entry for good.

    :param seconds: The time.
    """

    __slots__ = ("_kinds", "_seconds", "_wheel")

    def __init__(self, seconds: Callable[[], float], wheel: Wheel) -> None:
        self._seconds = seconds
        self._wheel = wheel
        self._kinds: dict[str, _Kind] = {}

    def note(self, kind: str, text: str, **values: object) -> None:
        """Log one incident, or count it.

        :param kind: What people call such incidents, in the plural: "requests refused with 403".
        :param text: The line, as :meth:`twisted.logger.Logger.info` takes it, with *values*: of these what
            does not print is escaped, as peers may have a say in them.
        """
        if self._may(kind, MOST):
            _log.info(text, **_printable(values))

    def failed(self, kind: str, failure: Failure, log: Logger, text: str, **values: Any) -> None:
        """Log a mistake of an application's that a peer has brought about, with its traceback, or count it.

        :param kind: As for :meth:`note`; each kind of exception counts by itself, so that a new one is seen.
        :param log: Who says so.
        """
        if self._may(f"{kind} with {type(failure.value).__name__}", TRACEBACKS):
            log.failure(text, failure, **_printable(values))

    def _may(self, kind: str, most: int) -> bool:
        """Count one; whether there is a line for it."""
        now = self._seconds()
        known = self._kinds.get(kind)
        if known is None or now - known.began >= PERIOD:
            if known is not None:
                self._tell(kind)
            known = self._kinds[kind] = _Kind(now, most)
        known.count += 1
        if known.count > most and known.timer is None:
            known.timer = self._wheel.after(known.began + PERIOD - now, lambda: self._tell(kind))
        return known.count <= most

    def flush(self) -> None:
        """Say now what was left out: the server stops."""
        for kind in list(self._kinds):
            self._tell(kind)

    def _tell(self, kind: str) -> None:
        known = self._kinds.pop(kind)
        if known.timer is None:
            return
        known.timer.cancel()
        _log.info(
            "{count} more {kind} in {seconds:.0f} s, of which no line was written",
            count=known.count - known.most,
            kind=kind,
            seconds=max(1.0, self._seconds() - known.began),
        )
