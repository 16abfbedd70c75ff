"""What is only measured where somebody asked for it by ``--admin``: hooks' durations, the event loop's lag.

An application's hooks are timed by standing in front of them in the instance, so that nothing is in
the way where nobody measures.
"""

from __future__ import annotations

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
    """How late the event loop comes to what is due: once a second it is looked at.

    :param clock: The reactor.
    :ivar last: The last look's, in seconds.
    :ivar worst: The worst since the start.
    """

    #: Seconds between two looks.
    STEP = 1.0

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self.last = 0.0
        self.worst = 0.0

    def start(self) -> None:
        """Begin."""
        self._due = self._clock.seconds() + self.STEP
        self._call = self._clock.callLater(self.STEP, self._look)

    def stop(self) -> None:
        """End."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self.last = max(0.0, self._clock.seconds() - self._due)
        self.worst = max(self.worst, self.last)
        self.start()
