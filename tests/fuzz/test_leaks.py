"""Nothing stays behind, of either build: what the corpus does once more takes no more memory.

Beside it :mod:`tests.wire.test_work` counts what single reads leave, and the CI looks at the compiled build
with LeakSanitizer.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from unittest import mock

from twisted.logger import LogPublisher

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS
from tests.wire.case import Case

#: A leak grows in every round.  What is made once, or kept up to a bound, has long stopped to do so by then.
_ROUNDS = 60


class LeakTests(Case):
    """Blocks of memory before and after."""

    def leaks(self, work: Callable[[], object]) -> bool:
        """Whether doing something again and again takes more and more."""
        counts = []
        for _ in range(_ROUNDS):
            work()
            gc.collect()
            counts.append(sys.getallocatedblocks())
            if len(counts) > 2 and counts[-1] - counts[-3] <= 2:  # the counts themselves are two
                return False
        return True

    def test_corpus(self) -> None:
        """Every target, with all that is known to reach something."""
        # A worker of trial's keeps what is logged until its test is over.
        quiet = mock.patch.object(LogPublisher, "__call__", lambda publisher, event: None)
        quiet.start()
        self.addCleanup(quiet.stop)
        for name, target in TARGETS.items():
            inputs = corpus.inputs(name)

            def work(run: Callable[[bytes], None] = target.run, inputs: list[bytes] = inputs) -> None:
                for data in inputs:
                    run(data)

            self.assertFalse(self.leaks(work), name)

    def test_seesLeaks(self) -> None:
        """Two objects for each round are seen, but where Python's memory is the C library's."""
        if not sys.getallocatedblocks():
            self.skipTest("Python does not count its blocks here")
        kept: list[object] = []

        def work() -> None:
            kept.extend((object(), object()))

        self.assertTrue(self.leaks(work))
