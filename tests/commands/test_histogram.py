"""Tests of `wsapp.commands.histogram`."""

from __future__ import annotations

from tests.wire.case import Case
from wsapp.commands.histogram import Histogram, duration


class HistogramTests(Case):
    """Counting times."""

    def test_percentiles(self) -> None:
        """Right to 3 %, and never past the longest."""
        times = Histogram()
        for number in range(1, 1001):
            times.add(number / 1000)
        for percent in (1, 50, 90, 99, 99.9):
            exact = percent / 100
            self.assertGreaterEqual(times.percentile(percent), exact * 0.999, percent)
            self.assertLess(times.percentile(percent), exact * 1.031, percent)
        self.assertEqual(times.percentile(100), 1)
        self.assertEqual((times.count, times.least, times.most), (1000, 0.001, 1))
        self.assertAlmostEqual(times.total, 500.5)

    def test_bounded(self) -> None:
        """However many there are, and however they differ."""
        times = Histogram()
        for number in range(20_000):
            times.add(number**2 / 1e6)
        times.add(0)
        self.assertLess(len(times._counts), 800)
        self.assertLessEqual(len(times.bars()), 12)

    def test_bars(self) -> None:
        """The longest has the width; what is empty has no bar."""
        times = Histogram()
        for seconds, count in ((0.001, 30), (0.1, 10)):
            for _ in range(count):
                times.add(seconds)
        bars = times.bars(rows=6, width=30)
        self.assertEqual(bars[0].count("#"), 30)
        self.assertTrue(bars[0].endswith(" 30"))
        self.assertEqual(bars[-1].count("#"), 10)
        self.assertNotIn("#", bars[2])
        self.assertEqual(Histogram().bars(), [])
        self.assertEqual(Histogram().percentile(50), 0)

    def test_duration(self) -> None:
        """Units as people use them."""
        for seconds, text in (
            (2, "2 s"),
            (0.0123, "12.3 ms"),
            (0.001, "1 ms"),
            (0.000123, "123 us"),
            (0, "0 us"),
        ):
            self.assertEqual(duration(seconds), text)
