"""Tests of `wsapp.heap`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import platform
import subprocess
import sys
from unittest import SkipTest, TestCase

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.heap import EVERY, LOOKS, MUCH, Heap, giveBack

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


class GiveBackTests(SynchronousTestCase):
    """When memory is given back, of a process whose figures are made up."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.resident, self.unused = 10 * MUCH, 0
        self.asked = self.trims = 0
        self.gone = self.trimmed = False
        giveBack(self.clock, Heap(self.read, self.free, self.trim))

    def read(self) -> int:
        """Its resident memory."""
        if self.gone:
            raise OSError
        return self.resident

    def free(self) -> int:
        """What of its heap is free, in memory or not."""
        self.asked += 1
        return self.unused

    def trim(self) -> None:
        """What is free goes out of memory, and is free still."""
        self.trims += 1
        self.resident -= 0 if self.trimmed else self.unused
        self.trimmed = True

    def look(self, times: int) -> None:
        """Let time pass."""
        for _ in range(times):
            self.clock.advance(EVERY)

    def test_nothing(self) -> None:
        """Where nothing has come, nothing is even asked, however much may be free."""
        self.unused = 5 * MUCH
        self.resident += MUCH - 1
        self.look(100)
        self.assertEqual((self.asked, self.trims), (0, 0))

    def test_freed(self) -> None:
        """What came and was freed is given back, once."""
        self.resident += 5 * MUCH
        self.unused = 5 * MUCH
        self.look(LOOKS - 1)
        self.assertEqual(self.trims, 0)
        self.look(100)
        self.assertEqual((self.trims, self.asked, self.resident), (1, LOOKS, 10 * MUCH))

    def test_again(self) -> None:
        """Each time."""
        for rounds in (1, 2, 3):
            self.resident += MUCH
            self.unused = MUCH
            self.trimmed = False
            self.look(LOOKS)
            self.assertEqual(self.trims, rounds)

    def test_held(self) -> None:
        """What came and is held is not looked for."""
        self.resident += 50 * MUCH
        self.unused = MUCH - 1
        self.look(100)
        self.assertEqual(self.trims, 0)

    def test_usedAgain(self) -> None:
        """Nor is what is free at one look, and used at the next."""
        self.resident += 50 * MUCH
        for _ in range(20):
            self.unused = 40 * MUCH
            self.look(LOOKS - 1)
            self.unused = 0
            self.look(1)
        self.assertEqual(self.trims, 0)

    def test_growth(self) -> None:
        """Where memory grows for good, beside much that is free but not in it, it is tried once for each."""
        self.resident += 5 * MUCH
        self.unused = 5 * MUCH
        self.look(LOOKS)
        self.resident += MUCH
        self.look(100)
        self.assertEqual(self.trims, 2)

    def test_unreadable(self) -> None:
        """Where /proc cannot be read for a while, it goes on after it."""
        self.gone = True
        self.look(5)
        self.gone = False
        self.test_freed()

    def test_otherLibraries(self) -> None:
        """Where the heap cannot be asked, nothing is done."""
        clock = Clock()
        giveBack(clock, None)
        self.assertEqual(clock.getDelayedCalls(), [])


#: Prints by how many MiB a process has grown by 64 MiB that are freed amid others; or that it cannot know.
FREED = """
from twisted.internet.task import Clock
from wsapp.heap import EVERY, LOOKS, giveBack, heap, keepFreed

found = heap()
if found is None:
    raise SystemExit(print("none"))
keepFreed()
clock = Clock()
{begin}
before = found.resident()
kept = [(b"x" * size, bytes(9000)) for size in [1 << 20] * 64]
held = [small for _, small in kept]
del kept
for _ in range(LOOKS):
    clock.advance(EVERY)
print((found.resident() - before) >> 20)
"""


class HeapTests(TestCase):
    """glibc's."""

    def grown(self, begin: str) -> int:
        """By how much, once all is freed."""
        done = subprocess.run(
            [sys.executable, "-c", FREED.format(begin=begin)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        if done.stdout == "none\n":
            raise SkipTest("this C library's heap cannot be asked")
        return int(done.stdout)

    def test_givesBack(self) -> None:
        """What lies between what is held stays, unless it is given back."""
        self.assertGreater(self.grown(""), 50)
        self.assertLess(self.grown("giveBack(clock, found)"), 10)
