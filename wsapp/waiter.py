"""``Waiter``: a Deferred that may be left alone.

What an application asks for and does not look at, such as a ping's round trip, must not become a
traceback in the log because its peer has gone.  Imports nothing of wsapp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Waiter", "Waiters", "failed", "quiet"]

T = TypeVar("T")


class Waiter(Deferred[T]):
    """A Deferred whose failure is nobody's business but that of those who wait for it."""

    _reason: Exception | None = None
    _awaited = False

    def fail(self, reason: Exception) -> None:
        """Fail, as soon as anybody waits for it."""
        self._reason = reason
        if self._awaited:
            self._tell()

    def _tell(self) -> None:
        self._awaited = True
        if self._reason is not None:
            reason, self._reason = self._reason, None
            self.errback(reason)

    if not TYPE_CHECKING:  # or every name would seem to be one of its attributes

        def __getattr__(self, name):
            # A Deferred whose callback returns this one looks for a result, and adds no callback: it waits.
            if name == "result":
                self._tell()
                if self.called:
                    return self.result
            raise AttributeError(name)

    # Twisted's own call one another in some releases and not in others.

    def addCallbacks(self, *arguments: Any, **named: Any) -> Any:
        """As with any Deferred."""
        added = super().addCallbacks(*arguments, **named)
        self._tell()
        return added

    def addCallback(self, *arguments: Any, **named: Any) -> Any:
        """As with any Deferred."""
        added = super().addCallback(*arguments, **named)
        self._tell()
        return added

    def addErrback(self, *arguments: Any, **named: Any) -> Any:
        """As with any Deferred."""
        added = super().addErrback(*arguments, **named)
        self._tell()
        return added

    def addBoth(self, *arguments: Any, **named: Any) -> Any:
        """As with any Deferred."""
        added = super().addBoth(*arguments, **named)
        self._tell()
        return added


class Waiters:
    """Those who wait for the same, of whom each new one may mean that the others have been overtaken: so that
    not all that ever asked are kept, the first of too many fails.

    :param most: So many may wait.
    :param overtaken: Makes the exception that one fails with.
    """

    __slots__ = ("_most", "_overtaken", "_waiting")

    def __init__(self, most: int, overtaken: Callable[[], Exception]) -> None:
        self._most = most
        self._overtaken = overtaken
        self._waiting: list[Deferred[Any]] = []

    def add(self) -> Deferred[Any]:
        """One more."""
        waiter: Deferred[Any] = Deferred()
        self._waiting.append(waiter)
        self._bound()
        return waiter

    def take(self, others: Waiters) -> None:
        """Those who wait with others wait here."""
        self._waiting += others._waiting
        others._waiting = []
        self._bound()

    def _bound(self) -> None:
        while len(self._waiting) > self._most:
            _fire([self._waiting.pop(0)], Failure(self._overtaken()))

    def fire(self, result: Any) -> None:
        """This is what they waited for."""
        waiting, self._waiting = self._waiting, []
        _fire(waiting, result)

    def __len__(self) -> int:
        return len(self._waiting)


def _fire(waiting: list[Deferred[Any]], result: Any) -> None:
    for waiter in waiting:
        if not waiter.called:  # cancelled
            waiter.callback(result)


def failed(reason: Exception) -> Waiter[Any]:
    """A Waiter for what cannot be."""
    waiter: Waiter[Any] = Waiter()
    waiter.fail(reason)
    return waiter


def quiet(deferred: Deferred[T], *errors: type[Exception]) -> Deferred[T]:
    """The same outcome, for who may not look at it.

    :param errors: What may pass unseen; anything else is logged by Twisted, as ever.
    """
    if deferred.called and deferred.result is None:  # the most frequent outcome by far
        return deferred
    waiter: Waiter[T] = Waiter(lambda _: deferred.cancel())

    def outcome(result: Any) -> None:
        if isinstance(result, Failure) and isinstance(result.value, errors):
            waiter.fail(result.value)
        else:
            waiter.callback(result)

    deferred.addBoth(outcome)
    return waiter
