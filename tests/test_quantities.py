"""Tests of `wsapp.quantities`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsapp.quantities import parseByteRate, parseCount, parseRate, parseSeconds, parseSize


class QuantityTests(SynchronousTestCase):
    """What people write on a command line."""

    def test_sizes(self) -> None:
        """Bytes, with K, M or G in either case."""
        for text, size in {
            "1": 1,
            "1048576": 1048576,
            "64K": 65536,
            "64k": 65536,
            "1M": 1048576,
            " 2g ": 2147483648,
            "007": 7,
        }.items():
            self.assertEqual(parseSize(text), size)

    def test_noSizes(self) -> None:
        """Anything else is refused by a line that shows it, and what would be right."""
        for text in ("", "0", "0M", "-1", "1.5M", "1MB", "M", "1 M", "0x10", "١", "1_000", "9" * 16, "1e3"):
            error = str(self.assertRaises(ValueError, parseSize, text))
            self.assertIn(repr(text), error)
            self.assertIn("1M", error)
            self.assertNotIn("\n", error)

    def test_counts(self) -> None:
        """Whole numbers from 1, and nothing else."""
        self.assertEqual([parseCount(text) for text in ("1", " 16 ", "010000")], [1, 16, 10000])
        for text in ("", "0", "-1", "1.0", "1K", "١", "²", "1_0", "many", "9" * 16):
            self.assertIn(repr(text), str(self.assertRaises(ValueError, parseCount, text)))

    def test_seconds(self) -> None:
        """Seconds, whole or not; 0 too."""
        self.assertEqual([parseSeconds(text) for text in ("20", "0.5", "0", "1e1")], [20, 0.5, 0, 10])
        self.assertEqual(parseSeconds("31536000"), 365 * 86400)
        for text in ("31536001", "1e308", "", "-1", "-0.5", "nan", "inf", "Infinity", "5s", "1:30", "soon"):
            error = str(self.assertRaises(ValueError, parseSeconds, text))
            self.assertIn(repr(text), error)
            self.assertIn("seconds", error)
            self.assertIn("at most 31536000 (a year)", error)

    def test_rates(self) -> None:
        """How many in a second, or off."""
        self.assertEqual([parseRate(text) for text in ("20", "0.5", "0", "off", " OFF ")], [20, 0.5, 0, 0, 0])
        self.assertEqual(parseRate("1e9"), 1e9)
        self.assertEqual(
            [parseByteRate(text) for text in ("65536", "64K", "0", "off", "1m")],
            [65536, 65536, 0, 0, 1 << 20],
        )
        for parse in (parseRate, parseByteRate):
            for text in ("", "-1", "nan", "fast", "5/s", "no"):
                error = str(self.assertRaises(ValueError, parse, text))
                self.assertIn(repr(text), error)
                self.assertIn("per second", error)
