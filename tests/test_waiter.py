"""Tests of `wsapp.waiter`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from wsapp.app import App
from wsapp.errors import ConnectionClosed
from wsapp.testing import TestServer
from wsapp.waiter import Waiter, failed, quiet

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
