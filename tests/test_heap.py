"""Tests of `wsapp.heap`."""

from __future__ import annotations

import platform
import subprocess
import sys
from unittest import SkipTest, TestCase

#: Prints how many pages a process is given while it makes and drops four messages of 1 MiB, 20 times over.
PROGRAM = """
import resource
from wsapp.heap import keepFreed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

message = b"x" * (1 << 20)
if {keep}:
    keepFreed()
for _ in range(3):
    kept = [message[1:] for _ in range(4)]
    kept.clear()
before = faults()
for _ in range(20):
    kept = [message[1:] for _ in range(4)]
    kept.clear()
print(faults() - before)
"""


class KeepTests(TestCase):
    """Counted in pages that the kernel had to find, not in time."""

    def faults(self, keep: bool) -> int:
        """How many there are, with or without."""
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(keep=keep)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        return int(done.stdout)

    def test_keeps(self) -> None:
        """80 messages of 256 pages each: nearly all are paid for without, next to none with it."""
        if platform.libc_ver()[0] != "glibc":
            raise SkipTest("what is told is glibc's way")
        self.assertGreater(self.faults(False), 10_000)
        self.assertLess(self.faults(True), 1_000)
