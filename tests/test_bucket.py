"""Tests of `wsapp.bucket`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp import bucket
from wsapp.bucket import Bucket, Buckets


class BucketTests(SynchronousTestCase):
    """One."""

    def test_fills(self) -> None:
        """It begins full, and what was taken comes back at the rate, up to the depth."""
        made = Bucket(10, 50, 100.0)
        self.assertEqual(made.level, 50)
        made.level -= 50
        made.refill(101.0)
        self.assertEqual(made.level, 10)
        made.refill(1000.0)
        self.assertEqual(made.level, 50)

    def test_debt(self) -> None:
        """What was taken beyond it takes time to pay."""
        made = Bucket(10, 50, 0.0)
        made.level -= 70
        self.assertEqual((made.wait(0), made.wait(1)), (2.0, 2.1))
        made.refill(2.0)
        self.assertEqual((made.level, made.wait(0)), (0, 0))

    def test_back(self) -> None:
        """A clock that is a little behind takes nothing, and gives nothing twice."""
        made = Bucket(10, 50, 10.0)
        made.level = 0
        made.refill(9.0)
        made.refill(10.0)
        self.assertEqual(made.level, 0)
        made.refill(11.0)
        made.refill(10.5)
        made.refill(11.0)
        self.assertEqual(made.level, 10)


class BucketsTests(SynchronousTestCase):
    """Many."""

    def setUp(self) -> None:
        self.clock = Clock()

    def made(self, rate: float, depth: float) -> Buckets:
        return Buckets(rate, depth, self.clock.seconds)

    def test_take(self) -> None:
        """As many at once as it holds, then one as soon as it is said; keys do not know of one another."""
        made = self.made(2, 5)
        self.assertEqual([made.take("a") for _ in range(5)], [0] * 5)
        self.assertAlmostEqual(made.take("a"), 0.5)
        self.assertEqual(made.take("b"), 0)
        self.clock.advance(0.4)
        self.assertAlmostEqual(made.take("a"), 0.1)
        self.clock.advance(0.1)
        self.assertEqual(made.take("a"), 0)
        self.assertAlmostEqual(made.take("a"), 0.5)

    def test_refusedCostNothing(self) -> None:
        """Who asks in vain is not put back by that."""
        made = self.made(1, 1)
        made.take("a")
        for _ in range(100):
            self.assertGreater(made.take("a"), 0)
        self.clock.advance(1)
        self.assertEqual(made.take("a"), 0)

    @given(st.lists(st.floats(0, 3), max_size=60), st.sampled_from([0.5, 1.0, 3.0, 7.0]), st.integers(1, 9))
    def test_asOne(self, pauses: list[float], rate: float, depth: int) -> None:
        """Each does what one bucket by itself would."""
        clock = Clock()
        many, one = Buckets(rate, depth, clock.seconds), Bucket(rate, depth, 0.0)
        for pause in pauses:
            clock.advance(pause)
            one.refill(clock.seconds())
            if abs(one.level - 1) < 1e-6:
                continue  # where fractions decide
            taken = many.take("key") == 0
            self.assertEqual(taken, one.level >= 1)
            one.level -= taken

    def test_forgets(self) -> None:
        """Those that are full again are let go, a few with each that is taken."""
        made = self.made(1, 5)
        for number in range(100):
            made.take(number)
        self.assertEqual(len(made.full), 100)
        self.clock.advance(1)
        for number in range(100, 160):
            made.take(number)
        self.assertLessEqual(len(made.full), 60)

    def test_bounded(self) -> None:
        """There are never more than so many, however many ask; the one that asked longest ago is forgiven."""
        self.patch(bucket, "MOST_KEYS", 10)
        made = self.made(1, 1)
        for number in range(1000):
            self.assertEqual(made.take(number), 0)
            made.take(999_999)  # one that asks all the time is not forgotten
        self.assertLessEqual(len(made.full), 10)
        self.assertGreater(made.take(999_999), 0)
        self.assertEqual(made.take(1), 0)
