"""Tests of `wsapp.waiter`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsapp.app import App
from wsapp.errors import ConnectionClosed
from wsapp.testing import TestServer
from wsapp.waiter import Waiter, Waiters, failed, quiet

GONE = ConnectionClosed("gone")


class WaiterTests(SynchronousTestCase):
    """Failures that somebody, or nobody, waits for."""

    def test_nobody(self) -> None:
        """Nobody has asked: nothing is logged."""
        failed(GONE)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_before(self) -> None:
        """Somebody waits already."""
        waiter: Waiter[None] = Waiter()
        seen: list[Any] = []
        waiter.addErrback(seen.append)
        waiter.fail(GONE)
        self.assertEqual([failure.value for failure in seen], [GONE])

    def test_later(self) -> None:
        """Somebody asks once it has failed, in any of the ways."""
        for name in ("addErrback", "addBoth"):
            seen: list[Any] = []
            getattr(failed(GONE), name)(seen.append)
            self.assertEqual([failure.value for failure in seen], [GONE])
        for add in (
            lambda waiter, seen: waiter.addCallbacks(lambda _: None, seen.append),
            lambda waiter, seen: waiter.addCallback(lambda _: None).addErrback(seen.append),
        ):
            seen = []
            add(failed(GONE), seen)
            self.assertEqual([failure.value for failure in seen], [GONE])

    def test_awaited(self) -> None:
        """A coroutine is told."""

        async def wait() -> None:
            await failed(GONE)

        self.failureResultOf(ensureDeferred(wait()), ConnectionClosed)

    def test_returned(self) -> None:
        """Who returns it from a callback waits for it, be it failed already or later."""
        self.failureResultOf(succeed(None).addCallback(lambda _: failed(GONE)), ConnectionClosed)
        waiter: Waiter[None] = Waiter()
        waiting = succeed(None).addCallback(lambda _: waiter)
        self.assertNoResult(waiting)
        waiter.fail(GONE)
        self.failureResultOf(waiting, ConnectionClosed)

    def test_quiet(self) -> None:
        """Of others' Deferreds too only those failures that are named pass unseen."""
        for error, logged in ((GONE, 0), (ZeroDivisionError(), 1)):
            quiet(fail(error), ConnectionClosed)
            later: Deferred[None] = Deferred()
            looked = quiet(later, ConnectionClosed)
            quiet(later, ConnectionClosed)
            later.errback(error)
            self.failureResultOf(looked, type(error))
            del later, looked
            gc.collect()
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), logged)
        three: Deferred[int] = quiet(succeed(3))
        self.assertEqual(self.successResultOf(three), 3)
        done = succeed(None)
        self.assertIs(quiet(done), done)

    def test_quietCancelled(self) -> None:
        """To cancel one is to cancel the other."""
        waiting: Deferred[None] = Deferred()
        looked = quiet(waiting, ConnectionClosed)
        looked.cancel()
        self.failureResultOf(looked, CancelledError)
        self.assertTrue(waiting.called)

    def test_result(self) -> None:
        """It is a Deferred."""
        waiter: Waiter[int] = Waiter()
        waiter.callback(3)
        self.assertEqual(self.successResultOf(waiter), 3)
        self.assertIsInstance(waiter, Deferred)

    def test_unlookedPing(self) -> None:
        """A ping that nobody looks at, to a client that goes, leaves nothing in the log."""

        class Pinging(App):
            def onConnect(self, client: Any) -> None:
                client.ping()
                client.drained()

        server = TestServer(Pinging())
        server.connect().drop()
        server.stop()
        del server
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class WaitersTests(SynchronousTestCase):
    """Those who wait for the same."""

    def setUp(self) -> None:
        self.waiters = Waiters(2, lambda: ZeroDivisionError("overtaken"))

    def test_fire(self) -> None:
        """All fire together, once; who has given up does not."""
        first, second = self.waiters.add(), self.waiters.add()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.waiters.fire(5)
        self.assertEqual(self.successResultOf(second), 5)
        self.assertEqual(len(self.waiters), 0)
        later = self.waiters.add()
        self.assertNoResult(later)
        self.waiters.fire(Failure(KeyError()))
        self.failureResultOf(later, KeyError)

    def test_tooMany(self) -> None:
        """The first of too many fails, whichever way the others came."""
        first, second, third = (self.waiters.add() for _ in range(3))
        self.failureResultOf(first, ZeroDivisionError)
        others = Waiters(2, KeyError)
        fourth = others.add()
        self.waiters.take(others)
        self.failureResultOf(second, ZeroDivisionError)
        self.assertEqual((len(self.waiters), len(others)), (2, 0))
        self.waiters.fire(None)
        self.assertEqual([self.successResultOf(one) for one in (third, fourth)], [None, None])
