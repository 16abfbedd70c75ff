"""Tests of `wsapp.draining`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.draining import STEP, spread


class Guest:
    """Somebody who is told to go, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.serving = True
        self.told: list[float] = []

    def stop(self) -> None:
        self.told.append(self.clock.seconds())


class SpreadTests(SynchronousTestCase):
    """Who is told when."""

    def setUp(self) -> None:
        self.clock = Clock()

    def start(self, count: int, seconds: float) -> tuple[list[Guest], Deferred[None]]:
        guests = [Guest(self.clock) for _ in range(count)]
        return guests, spread(self.clock, seconds, guests)

    def test_even(self) -> None:
        """Each is told once, as many in each part of the time, the last just before its end."""
        guests, done = self.start(1000, 10)
        for _ in range(99):
            self.clock.advance(STEP)
        self.successResultOf(done)
        times = [time for guest in guests for time in guest.told]
        self.assertEqual(len(times), 1000)
        for second in range(10):
            self.assertEqual(sum(second - 0.05 <= time < second + 0.95 for time in times), 100)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fewerThanSteps(self) -> None:
        """A few clients are all told within the time, each alone."""
        for count in (1, 2, 3, 7):
            guests, done = self.start(count, 2)
            self.clock.pump([STEP] * 20)
            self.successResultOf(done)
            self.assertEqual(sorted({len(guest.told) for guest in guests}), [1])

    def test_shorterThanStep(self) -> None:
        """A time shorter than a step: all at once."""
        guests, done = self.start(50, 0.01)
        self.successResultOf(done)
        self.assertEqual({len(guest.told) for guest in guests}, {1})

    def test_nobody(self) -> None:
        """With nobody there nothing is waited for."""
        self.successResultOf(self.start(0, 10)[1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gone(self) -> None:
        """Who has gone is not told; once all have, it is over."""
        guests, done = self.start(100, 10)
        for guest in guests[:50]:
            guest.serving = False
        self.clock.pump([STEP] * 10)
        self.assertLess(sum(bool(guest.told) for guest in guests), 20)
        self.assertNoResult(done)
        for guest in guests:
            guest.serving = False
        self.clock.advance(STEP)
        self.successResultOf(done)

    def test_lateTurns(self) -> None:
        """Where the reactor is late, more are told each time, and the end stays where it was."""
        guests, done = self.start(1000, 10)
        for _ in range(5):
            self.clock.rightNow += 1.9
            self.clock.advance(STEP)
        self.successResultOf(done)
        self.assertEqual({len(guest.told) for guest in guests}, {1})

    def test_cancelled(self) -> None:
        """Cancelled, it is over at once, and nobody else is told."""
        guests, done = self.start(100, 10)
        told = sum(bool(guest.told) for guest in guests)
        done.cancel()
        self.successResultOf(done)
        self.clock.advance(20)
        self.assertEqual(sum(bool(guest.told) for guest in guests), told)
        self.assertEqual(self.clock.getDelayedCalls(), [])
