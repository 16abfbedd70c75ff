"""Tests of `wsapp.fairness`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.fairness import READING, SLICE, TURN, Fairness


class Reactor(Clock):
    """A clock whose calls take the time that they say, and whose turns can be told apart."""

    def turn(self) -> None:
        """What was there to be called when the turn began."""
        calls, self.calls = self.calls, []
        for call in calls:
            call.called = 1
            call.func(*call.args, **call.kw)


class FairnessTests(SynchronousTestCase):
    """Whose turn it is."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.time = 0.0
        self.fairness = Fairness(self.reactor, lambda: self.time)
        self.called: list[str] = []

    def worker(self, name: str, slices: int = 1, seconds: float = SLICE) -> Callable[[], None]:
        """Something that takes so many slices, one after the other."""

        def work() -> None:
            nonlocal slices
            self.called.append(name)
            self.time += seconds
            slices -= 1
            if slices:
                self.fairness.add(work)

        return work

    def test_later(self) -> None:
        """Not now, but in the next turn; then nothing is left."""
        self.fairness.add(self.worker("a"))
        self.assertEqual(self.called, [])
        self.reactor.turn()
        self.assertEqual(self.called, ["a"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_oneSlice(self) -> None:
        """Who has much to do has one slice in each turn, however cheap the slices are."""
        self.fairness.add(self.worker("a", 3, 0))
        for turn in (1, 2, 3):
            self.reactor.turn()
            self.assertEqual(self.called, ["a"] * turn)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_roundAbout(self) -> None:
        """Everybody has a slice before anybody has a second one, also where a turn does not suffice."""
        names = "abcdefghij"
        for name in names:
            self.fairness.add(self.worker(name, 3))
        self.reactor.turn()
        self.assertEqual(len(self.called), round(TURN / SLICE))
        turns = 1
        while self.reactor.getDelayedCalls():
            self.reactor.turn()
            turns += 1
        self.assertEqual("".join(self.called), names * 3)
        self.assertEqual(turns, math.ceil(30 * SLICE / TURN))

    def test_long(self) -> None:
        """One that takes longer than a whole turn: it is called, and nobody else in that turn."""
        self.fairness.add(self.worker("a", 1, 1.0))
        self.fairness.add(self.worker("b"))
        self.reactor.turn()
        self.assertEqual(self.called, ["a"])
        self.reactor.turn()
        self.assertEqual(self.called, ["a", "b"])

    def test_fails(self) -> None:
        """One that raises is logged and does not hold up the others."""

        def fail() -> None:
            raise KeyError("why")

        self.fairness.add(fail)
        self.fairness.add(self.worker("a"))
        self.reactor.turn()
        self.assertEqual(self.called, ["a"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_enough(self) -> None:
        """Large reads have so much of a turn together, and as much of the next one."""
        for _ in range(2):
            self.assertFalse(self.fairness.enough())
            self.time += READING / 2
            self.assertFalse(self.fairness.enough())
            self.time += READING / 2
            self.assertTrue(self.fairness.enough())
            self.assertTrue(self.fairness.enough())
            self.reactor.turn()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
