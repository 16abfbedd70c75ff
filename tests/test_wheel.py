"""Tests of `wsapp.wheel`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.wire.profile import STABLE
from wsapp.wheel import Timer, Wheel


class WheelTests(SynchronousTestCase):
    """One coarse timer for all."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100.1)
        self.wheel = Wheel(self.clock, 0.25)
        self.called: list[object] = []

    def after(self, seconds: float, name: object) -> Timer:
        """Have a name written down."""
        return self.wheel.after(seconds, lambda: self.called.append(name))

    def test_order(self) -> None:
        """What is due first is called first; what is due together, in the order it was asked for."""
        for seconds, name in ((2, "c"), (1, "a"), (1, "b")):
            self.after(seconds, name)
        self.clock.advance(0.9)
        self.assertEqual(self.called, [])
        self.clock.advance(0.35)
        self.assertEqual(self.called, ["a", "b"])
        self.clock.advance(5)
        self.assertEqual(self.called, ["a", "b", "c"])

    def test_now(self) -> None:
        """``now`` is the time of the last tick; the first call of a wheel that stood sets it too."""
        self.assertEqual(self.wheel.now, 100.1)
        self.clock.advance(3)
        self.assertEqual(self.wheel.now, 100.1)
        self.after(1, "a")
        self.assertEqual(self.wheel.now, 103.1)
        self.clock.advance(0.15)
        self.assertAlmostEqual(self.wheel.now, 103.25)
        self.after(1, "b")
        self.assertAlmostEqual(self.wheel.now, 103.25)

    def test_tickAfter(self) -> None:
        """Always later than the time, and by one tick at most."""
        for time, tick in ((100.1, 100.25), (100.25, 100.5), (100.49, 100.5), (0.0, 0.25)):
            self.assertEqual(self.wheel.tickAfter(time), tick)

    def test_cancel(self) -> None:
        """A call taken back is not made, whenever and however often that is done."""
        timer = self.after(1, "a")
        self.after(1, "b")
        timer.cancel()
        timer.cancel()
        self.clock.advance(2)
        self.assertEqual(self.called, ["b"])
        timer.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelAmongTheSame(self) -> None:
        """One that is called may take back another of the same time."""
        timers: list[Timer] = []
        self.wheel.after(1, lambda: timers[0].cancel())
        timers.append(self.after(1, "a"))
        self.after(1, "b")
        self.clock.advance(2)
        self.assertEqual(self.called, ["b"])

    def test_cancelItself(self) -> None:
        """One that takes itself back when called does no harm to one asked for meanwhile."""
        timers: list[Timer] = []

        def call() -> None:
            self.after(0, "again")
            timers[0].cancel()

        timers.append(self.wheel.after(1, call))
        self.clock.pump([0.25] * 7)
        self.assertEqual(self.called, ["again"])

    def test_again(self) -> None:
        """What is asked for while calling is called a tick later, not for ever in the same."""
        count = 0

        def again() -> None:
            nonlocal count
            count += 1
            self.wheel.after(0, again)

        self.wheel.after(0, again)
        for _ in range(8):
            self.clock.advance(0.25)
        self.assertIn(count, (7, 8))
        self.wheel.stop()

    def test_infinite(self) -> None:
        """After infinitely many seconds means never: no time-out at all."""
        timer = self.after(float("inf"), "a")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        timer.cancel()

    def test_turnsOnlyWhileThereIsSomething(self) -> None:
        """The reactor is left alone once nothing is to come."""
        self.after(1, "a")
        self.clock.advance(10)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.after(1000, "b").cancel()
        self.clock.advance(0.25)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelledLeavesNothing(self) -> None:
        """Calls far in the future, taken back, cost nothing until then."""
        for number in range(1000):
            self.after(86400 + number, "a").cancel()
        self.assertEqual(self.wheel._buckets, {})

    def test_stop(self) -> None:
        """After a stop nothing is called, and the reactor has nothing."""
        self.after(1, "a")
        self.wheel.stop()
        self.clock.advance(5)
        self.wheel.stop()
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([], []))

    def test_stopWhileCalling(self) -> None:
        """That holds for those of the same time too."""
        self.wheel.after(1, self.wheel.stop)
        self.after(1, "a")
        self.clock.advance(5)
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([], []))

    def test_raising(self) -> None:
        """A call that raises is logged, and keeps nobody else's from being made."""
        self.wheel.after(1, lambda: 1 // 0)
        self.after(1, "a")
        self.after(2, "b")
        self.clock.advance(5)
        self.assertEqual(self.called, ["a", "b"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_jump(self) -> None:
        """A clock that jumps ahead makes all that is overdue come, in order."""
        for seconds in (30, 10, 20):
            self.after(seconds, seconds)
        self.clock.advance(3600)
        self.assertEqual(self.called, [10, 20, 30])

    @STABLE
    @given(
        st.floats(0, 1e6),
        st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5)), min_size=1, max_size=20),
    )
    def test_neverEarlyAtMostATickLate(self, start: float, calls: list[tuple[float, float]]) -> None:
        """Whenever it is asked for, and at any time of day."""
        clock = Clock()
        clock.advance(start)
        wheel = Wheel(clock, 0.25)
        late: list[float] = []
        for wait, seconds in calls:
            clock.pump([0.01] * int(wait / 0.01))
            due = clock.seconds() + seconds
            wheel.after(seconds, lambda due=due: late.append(clock.seconds() - due))  # type: ignore[misc]
        clock.pump([0.01] * 550)
        self.assertEqual(len(late), len(calls))
        # A hundredth is how finely time passes here.
        self.assertTrue(all(-1e-6 <= by <= 0.25 + 0.01 + 1e-6 for by in late), late)

    def test_phases(self) -> None:
        """From any beginning within a tick, any deadline is met within a tick."""
        for start in range(25):
            for wait in range(60):
                clock = Clock()
                clock.advance(start / 100)
                wheel = Wheel(clock, 0.25)
                wheel.after(10, lambda: None)
                called: list[float] = []
                due = clock.seconds() + wait / 100
                wheel.after(wait / 100, lambda clock=clock, called=called: called.append(clock.seconds()))  # type: ignore[misc]
                clock.pump([0.01] * 100)
                self.assertGreaterEqual(called[0], due - 1e-9)
                self.assertLessEqual(called[0], due + 0.26)
