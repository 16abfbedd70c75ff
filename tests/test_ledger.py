"""Tests of `wsapp.ledger`; more of it is in `tests.test_resuming`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import math

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.ledger import Budget, Ledger
from wsapp.wheel import Wheel
from wsapp.wire.resumption import ACKNOWLEDGE_BYTES, ACKNOWLEDGE_MESSAGES, OVERHEAD, Broken


class BudgetTests(SynchronousTestCase):
    """Bytes that are kept together."""

    def test_whole(self) -> None:
        """What counts for a part counts for the whole; either may be spent."""
        whole = Budget(100)
        parts = [Budget(40, whole), Budget(math.inf, whole)]
        parts[0].add(40)
        self.assertEqual((parts[0].spent, parts[0].overspent), (True, False))
        self.assertEqual((parts[1].spent, whole.spent), (False, False))
        parts[0].add(1)
        self.assertTrue(parts[0].overspent)
        self.assertFalse(parts[1].overspent)
        parts[1].add(59)
        self.assertEqual((whole.size, parts[1].spent, parts[1].overspent), (100, True, False))
        parts[1].add(1)
        self.assertTrue(parts[1].overspent)
        for part in parts:
            part.add(-part.size)
        self.assertEqual(whole.size, 0)
        self.assertFalse(parts[0].spent or parts[1].spent)


class LedgerTests(SynchronousTestCase):
    """One session's."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.there = True
        self.budget = Budget(1000)

        def say(text: str) -> bool:
            if self.there:
                self.said.append(text)
            return self.there

        self.ledger = Ledger(500, Wheel(self.clock), self.budget, say)

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 10)):
            self.clock.advance(0.1)

    def test_bounds(self) -> None:
        """What waits for a connection has its room; what has left is forgotten past it, the oldest first."""
        size = 100 + OVERHEAD
        self.assertFalse(self.ledger.full)
        for _ in range(4):
            self.ledger.add("m" + 99 * "x", False)
        self.assertTrue(self.ledger.full)
        self.assertEqual((self.ledger.sent.first, self.budget.size), (0, 4 * size))
        self.ledger.add("m" + 99 * "x", True)
        self.assertEqual((self.ledger.sent.first, self.budget.size), (1, 4 * size))  # the newest beside 500
        self.budget.add(1000)
        self.assertTrue(self.ledger.full)
        self.ledger.add("m", True)
        self.assertEqual((self.ledger.sent.first, self.ledger.sent.size), (5, 1 + OVERHEAD))
        self.ledger.acknowledged(6)
        self.assertEqual(self.budget.size, 1000)
        self.assertRaises(Broken, self.ledger.acknowledged, 7)

    def test_unsent(self) -> None:
        """What has come since there is no connection, however much of the rest has arrived."""
        self.ledger.add("m1", True)
        self.assertEqual(self.ledger.unsent(), [])
        self.ledger.leave()
        self.ledger.add("m2", False)
        self.ledger.leave()
        self.ledger.add("m3", False)
        self.assertEqual(self.ledger.unsent(), ["m2", "m3"])
        self.ledger.attach(1)
        self.assertEqual((self.ledger.unsent(), list(self.ledger.sent)), ([], ["m2", "m3"]))

    def test_tells(self) -> None:
        """After so many messages, so many bytes or a second; not again, and not when nobody is there."""
        for _ in range(ACKNOWLEDGE_MESSAGES):
            self.ledger.take("x")
        self.assertEqual(self.said, [f"a{ACKNOWLEDGE_MESSAGES}"])
        self.ledger.take(ACKNOWLEDGE_BYTES * "x")
        self.assertEqual(self.said[1:], [f"a{ACKNOWLEDGE_MESSAGES + 1}"])
        self.pass_(5)
        self.assertEqual(len(self.said), 2)
        self.ledger.take("x")
        self.assertEqual(len(self.said), 2)
        self.pass_(1.5)
        self.assertEqual(self.said[2:], [f"a{ACKNOWLEDGE_MESSAGES + 2}"])
        self.there = False
        self.ledger.take("x")
        self.pass_(1.5)
        self.there = True
        self.pass_(5)
        self.assertEqual(len(self.said), 3)
        self.assertTrue(self.ledger.arrived.untold)

    def test_asked(self) -> None:
        """Who asks is told once, though it knows."""
        for _ in range(5):
            self.ledger.asked()
        self.pass_(1.5)
        self.assertEqual(self.said, ["a0"])
        self.pass_(5)
        self.assertEqual(self.said, ["a0"])

    def test_close(self) -> None:
        """Nothing is kept, and nothing is said any more."""
        self.ledger.add("m", False)
        self.ledger.take("x")
        self.ledger.close()
        self.assertEqual(self.budget.size, 0)
        self.pass_(5)
        self.assertEqual(self.said, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
