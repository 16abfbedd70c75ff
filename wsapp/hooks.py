"""Calling an application's hooks, which may be plain, return a Deferred, or be coroutines.

Imports nothing of wsapp.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

__all__ = ["call", "detached", "pending"]


def call(hook: Callable[..., object], *arguments: object) -> Deferred[Any] | Failure | None:
    """Call a hook.

    :return: A Deferred where it is not done yet; a Failure where it has raised; None where it is
        done.  What it returned, if anything, does not matter to anybody.

    What is no ``Exception`` (``SystemExit``, ``KeyboardInterrupt``, asyncio's ``CancelledError``) is a
    failure like any other, as it is to Twisted where a Deferred's callback, a coroutine or a call of the
    reactor's raises it: it ends that hook's client, not the process.
    """
    try:
        return pending(hook(*arguments))
    except BaseException:
        return Failure()


def pending(result: object) -> Deferred[Any] | None:
    """What a hook that returned *result* is not done before; None where it is done."""
    if result is None:
        return None
    if isinstance(result, Coroutine):
        return ensureDeferred(result)
    return result if isinstance(result, Deferred) else None


def detached(complain: Callable[[Failure], object], hook: Callable[..., object], *arguments: object) -> None:
    """Call a hook that nobody waits for.

    :param complain: Told where it fails.
    """
    result = call(hook, *arguments)
    if isinstance(result, Failure):
        complain(result)
    elif result is not None:
        result.addErrback(lambda failure: _drop(complain(failure)))


def _drop(result: object) -> None:
    """Nobody wants it."""
