"""The Autobahn test suite: sections 1 to 10 and a sample of 12, 13; all 517 with ``WSAPP_AUTOBAHN=all``."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os

from tests.live.autobahn import ALL, OPTIONS, SAMPLE, SECTIONS, expected, play, table
from tests.live.case import LiveTestCase


class AutobahnTests(LiveTestCase):
    """Every case is OK for behaviour and for close."""

    needs = ("autobahn",)
    #: Seconds, for trial: the suite waits a second or more in many cases.
    timeout = 3000

    def test_cases(self) -> None:
        """Those that were asked for have run, and are good; the log is clean."""
        cases = ALL if os.environ.get("WSAPP_AUTOBAHN") == "all" else SAMPLE
        _, port = self.serve(*OPTIONS)
        results = play(f"ws://127.0.0.1:{port}/", cases, self.folder())
        print("\n" + table(results))
        self.assertEqual([], [result for result in results if not result.good])


class CountTests(LiveTestCase):
    """The numbers that the above is held to."""

    def test_all(self) -> None:
        """517 cases in all; CI's sample has all of 1 to 10."""
        self.assertEqual(517, expected(ALL).total())
        sample = expected(SAMPLE)
        self.assertEqual(301, sum(sample[section] for section in SECTIONS if int(section) <= 10))
        self.assertEqual((6, 7), (sample["12"], sample["13"]))
