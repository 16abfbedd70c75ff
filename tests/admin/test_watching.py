"""Tests of `wsapp.admin.watching`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp import hooks
from wsapp.admin.snapshot import SECONDS
from wsapp.admin.watching import EVERY, Lag, time
from wsapp.app import App


class Slow(App):
    """Takes its time, each hook in another way."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waiting: Deferred[str] = Deferred()

    def onHandshake(self, request: Any) -> None:
        self.clock.advance(0.02)
        raise ZeroDivisionError

    def onConnect(self, client: Any) -> Deferred[str]:
        return self.waiting

    async def onMessage(self, client: Any, message: Any) -> str:
        self.clock.advance(0.003)
        return await self.waiting


class DurationTests(SynchronousTestCase):
    """How long hooks take."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.app: Any = Slow(self.clock)
        self.found = time(self.app, self.clock.seconds)

    def counted(self, hook: str) -> dict[float, int]:
        """How many calls took at most so long."""
        return {
            bound: count
            for bound, count in zip([*SECONDS, 99.0], self.found[hook].counts, strict=True)
            if count
        }

    def test_own(self) -> None:
        """Only hooks that the application has written are timed."""
        self.assertEqual(set(self.found), {"onHandshake", "onConnect", "onMessage"})

    def test_raising(self) -> None:
        """What raises has taken its time too, and still raises."""
        self.assertRaises(ZeroDivisionError, self.app.onHandshake, None)
        self.assertEqual(self.counted("onHandshake"), {0.05: 1})
        self.assertAlmostEqual(self.found["onHandshake"].total, 0.02)

    def test_deferred(self) -> None:
        """A Deferred counts once it has fired, and has its result."""
        result = self.app.onConnect(None)
        self.assertEqual(self.counted("onConnect"), {})
        self.clock.advance(0.3)
        self.app.waiting.callback("done")
        self.assertEqual(self.successResultOf(result), "done")
        self.assertEqual(self.counted("onConnect"), {0.5: 1})

    def test_coroutine(self) -> None:
        """So does a coroutine; one that fails as well."""
        result = self.app.onMessage(None, "")
        self.clock.advance(2)
        self.app.waiting.errback(KeyError())
        self.failureResultOf(result, KeyError)
        self.assertEqual(self.counted("onMessage"), {5.0: 1})

    def test_sampled(self) -> None:
        """Of onMessage's calls the first counts, then one in so many; of others each."""
        self.app.waiting.callback("")
        for _ in range(2 * EVERY):
            hooks.pending(self.app.onMessage(None, ""))
            self.app.onConnect(None)
        self.assertEqual(self.counted("onMessage"), {0.005: 2})
        self.assertEqual(self.counted("onConnect"), {SECONDS[0]: 2 * EVERY})

    def test_untouched(self) -> None:
        """Another instance of the class is not timed."""
        other = Slow(self.clock)
        self.assertNotIn("onConnect", vars(other))
        self.assertIn("onConnect", vars(self.app))


class LagTests(SynchronousTestCase):
    """How late the loop is."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lag = Lag(self.clock)
        self.lag.start()

    def run_(self, seconds: float) -> None:
        """Let time pass, the loop hardly ever late."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(Lag.STEP / 10)

    def test_never(self) -> None:
        """A loop that is in time."""
        self.run_(5)
        self.assertTrue(self.lag.worst(60) <= Lag.STEP / 10, self.lag.worst(60))

    def test_stalls(self) -> None:
        """Stalls of 0.4 s every 2.2 s show at any moment, whoever asks, and less than a look shorter."""
        for _ in range(20):
            self.clock.advance(0.4)
            for _ in range(10):
                self.run_(0.22)
                for seconds in (3, 60, 60):
                    self.assertTrue(
                        0.399 - Lag.STEP <= self.lag.worst(seconds) < 0.41, self.lag.worst(seconds)
                    )

    def test_windows(self) -> None:
        """Each stall is told as long as it is within the time asked for, then the next smaller one."""
        self.clock.advance(Lag.STEP + 2)
        self.run_(10)
        self.clock.advance(1)
        self.run_(2)
        self.assertApproximates(self.lag.worst(60), 2, 0.06)
        self.assertApproximates(self.lag.worst(5), 1, 0.06)
        self.run_(2)
        self.assertApproximates(self.lag.worst(3), 0, 0.06)
        self.run_(47)
        self.assertApproximates(self.lag.worst(60), 1, 0.06)
        self.run_(13)
        self.assertApproximates(self.lag.worst(60), 0, 0.06)
        self.assertTrue(len(self.lag._looks) <= 60 / Lag.STEP)

    def test_pending(self) -> None:
        """A stall that has just been, and was not looked at yet, is told."""
        self.run_(1)
        self.clock.rightNow += 0.7
        self.assertApproximates(self.lag.worst(3), 0.7, 0.06)

    def test_stop(self) -> None:
        """Nothing runs then, and nothing is late."""
        self.lag.stop()
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(100)
        self.assertEqual(self.lag.worst(60), 0)
