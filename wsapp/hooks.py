"""Calling an application's hooks, which may be plain, return a Deferred, or be coroutines.

Imports nothing of wsapp.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["call", "detached", "pending"]

_log = Logger()


def call(hook: Callable[..., object], *arguments: object) -> Deferred[Any] | Failure | None:
    """Call a hook.

    :return: A Deferred where it is not done yet; a Failure where it has raised; None where it is
        done.  What it returned, if anything, does not matter to anybody.
    """
    try:
        return pending(hook(*arguments))
    except Exception:
        return Failure()


def pending(result: object) -> Deferred[Any] | None:
    """What a hook that returned *result* is not done before; None where it is done."""
    if result is None:
        return None
    if isinstance(result, Coroutine):
        return ensureDeferred(result)
    return result if isinstance(result, Deferred) else None


def detached(trouble: str, hook: Callable[..., object], *arguments: object) -> None:
    """Call a hook that nobody waits for; where it fails, log that under *trouble*."""

    def failed(failure: Failure) -> None:
        _log.failure(trouble, failure)

    result = call(hook, *arguments)
    if isinstance(result, Failure):
        failed(result)
    elif result is not None:
        result.addErrback(failed)
