"""What is only measured where somebody asked for it by ``--admin``: hooks' durations, the event loop's lag.

An application's hooks are timed by standing in front of them in the instance, so that nothing is in
the way where nobody measures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall

from wsapp.admin.snapshot import SECONDS, bucketOf

__all__ = ["EVERY", "HOOKS", "Durations", "Lag", "time"]

#: The hooks that are timed: each call, but of ``onMessage`` only one in so many.
HOOKS = ("onHandshake", "onConnect", "onMessage", "onDropped", "onDisconnect")
EVERY = 16


class Durations:
    """How long a hook takes.

    :ivar counts: How many calls took so long, by bucket of :data:`~wsapp.admin.snapshot.SECONDS`.
    :ivar total: Seconds of all of them together.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """One call is done."""
        self.counts[bucketOf(seconds, SECONDS)] += 1
        self.total += seconds


def time(app: Any, seconds: Callable[[], float]) -> dict[str, Durations]:
    """Time an application's hooks from now on: those that its class writes itself.

    What takes its time counts until it is done, waiting included.

    :param seconds: A clock for parts of a millisecond.
    :return: The durations by the hook's name; they change as hooks are called.
    """
    from wsapp.app import App

    found: dict[str, Durations] = {}
    for name in HOOKS:
        if getattr(type(app), name, None) is not getattr(App, name):
            found[name] = Durations()
            every = EVERY if name == "onMessage" else 1
            setattr(app, name, _timed(getattr(app, name), found[name], seconds, every))
    return found


def _timed(
    hook: Callable[..., Any], durations: Durations, seconds: Callable[[], float], every: int
) -> Callable[..., Any]:
    left = 1  # the first one is timed, or few calls would show nothing

    def timed(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left:
            return hook(*arguments)
        left = every
        began = seconds()
        waiting = False

        def done(result: Any) -> Any:
            durations.add(seconds() - began)
            return result

        try:
            result = hook(*arguments)
            if isinstance(result, Coroutine):
                result = ensureDeferred(result)
            if isinstance(result, Deferred):
                waiting = True
                result.addBoth(done)
            return result
        finally:
            if not waiting:
                done(None)

    return timed


class Lag:
    """How late the event loop comes to what is due: every twentieth of a second it is looked at.

    What is told is the worst of some time, for a stall is over when somebody asks.  A stall shows shorter
    than it was by one look at most.

    :param clock: The reactor.
    """

    #: Seconds between two looks, and of which looks are kept.
    STEP = 0.05
    KEPT = 60.0

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._due = 0.0
        # When and how late: of all looks only those after which none was as late, so the first is the worst.
        self._looks: deque[tuple[float, float]] = deque()

    def start(self) -> None:
        """Begin."""
        self._due = self._clock.seconds() + self.STEP
        self._call = self._clock.callLater(self.STEP, self._look)

    def stop(self) -> None:
        """End."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def worst(self, seconds: float) -> float:
        """Seconds that it was late at worst in the last *seconds*, :attr:`KEPT` at most; a stall that is not
        looked at yet included."""
        now = self._clock.seconds()
        pending = now - self._due if self._call is not None else 0.0
        return max(0.0, pending, next((late for when, late in self._looks if when > now - seconds), 0.0))

    def _look(self) -> None:
        now = self._clock.seconds()
        late = now - self._due
        looks = self._looks
        while looks and looks[-1][1] <= late:
            looks.pop()
        looks.append((now, late))
        while looks[0][0] <= now - self.KEPT:
            looks.popleft()
        self.start()
