"""Tests of `wsapp.hooks`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsapp import hooks


def raising(*_: object) -> None:
    """A plain hook that raises."""
    raise ZeroDivisionError("deliberate")


async def later(waiting: Deferred[Any]) -> Any:
    """A coroutine."""
    return await waiting


class CallTests(SynchronousTestCase):
    """Whatever a hook is."""

    def test_plain(self) -> None:
        """Done at once, whatever it returns; it gets its arguments."""
        given: list[object] = []
        self.assertIsNone(hooks.call(given.append, 1))
        self.assertEqual(given, [1])
        results: list[Any] = [0, True, "text", [], iter([1])]
        for result in results:
            self.assertIsNone(hooks.call(lambda result=result: result))

    def test_raising(self) -> None:
        """A failure, not an exception."""
        failure = hooks.call(raising)
        assert isinstance(failure, Failure)
        self.assertIs(failure.type, ZeroDivisionError)

    def test_deferred(self) -> None:
        """What it returns is what is waited for."""
        waiting: Deferred[None] = Deferred()
        self.assertIs(hooks.call(lambda: waiting), waiting)

    def test_coroutine(self) -> None:
        """It runs to its first await, and then as a Deferred."""
        waiting: Deferred[int] = Deferred()
        result = hooks.call(later, waiting)
        assert isinstance(result, Deferred)
        self.assertNoResult(result)
        waiting.callback(7)
        self.assertEqual(self.successResultOf(result), 7)

    def test_coroutineRaises(self) -> None:
        """At once, or later."""
        for failing in (fail(ZeroDivisionError()), Deferred()):
            result = hooks.call(later, failing)
            assert isinstance(result, Deferred)
            if not failing.called:
                failing.errback(ZeroDivisionError())
            self.failureResultOf(result, ZeroDivisionError)

    def test_anything(self) -> None:
        """So is what is no Exception, whichever way it is raised."""

        def plain(kind: type[BaseException]) -> None:
            raise kind("deliberate")

        async def coroutine(kind: type[BaseException]) -> None:
            raise kind("deliberate")

        for kind in (SystemExit, KeyboardInterrupt, asyncio.CancelledError):
            failure = hooks.call(plain, kind)
            assert isinstance(failure, Failure)
            self.assertIs(failure.type, kind)
            result = hooks.call(coroutine, kind)
            assert isinstance(result, Deferred)
            self.failureResultOf(result, kind)


class DetachedTests(SynchronousTestCase):
    """Hooks that nobody waits for."""

    def test_told(self) -> None:
        """Whichever way it fails, that is told, once, and nothing is raised."""
        waiting: Deferred[None] = Deferred()
        told: list[Any] = []
        for hook in (raising, lambda _: fail(ZeroDivisionError()), later):
            hooks.detached(told.append, hook, waiting)
        waiting.errback(ZeroDivisionError())
        self.assertEqual([failure.type for failure in told], [ZeroDivisionError] * 3)

    def test_fine(self) -> None:
        """Of what works nothing is told."""
        told: list[Any] = []
        hooks.detached(told.append, lambda: None)
        hooks.detached(told.append, lambda: succeed(None))
        hooks.detached(told.append, later, succeed(None))
        self.assertEqual(told, [])
