"""The C library's heap: what one large message took is kept for the next, and what many took is given back.

Imports nothing of wsapp.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

__all__ = ["EVERY", "KEPT", "LOOKS", "MUCH", "Heap", "giveBack", "heap", "keepFreed"]

#: Blocks up to this size are kept once freed, and twice as much at the end of the heap.
KEPT = 4 * 1024 * 1024

#: Seconds from one look at what is free to the next.
EVERY = 2.0

#: At so many looks in a row much must be free: what is used again meanwhile is better kept.
LOOKS = 3

#: What is much, in bytes: more than what is kept on purpose.
MUCH = 2 * KEPT


def keepFreed() -> None:
    """Have glibc keep up to 8 MiB of freed memory, which is for a program to decide, not for a library.

    By itself glibc hands every freed block of 128 KiB and more back to the kernel, and the end of
    the heap too, so that each large message is paid for again page by page: with ten times the time
    that it takes to copy it.  Its bounds follow the largest block that was mapped for itself and
    freed, the second one with twice its size (mallopt(3), M_MMAP_THRESHOLD).  So one is asked for and
    freed; it is never touched, and costs nothing.  Elsewhere this does nothing.
    """
    bytes(KEPT)


class Heap(NamedTuple):
    """What can be asked of the process's memory.

    :ivar resident: Its bytes in memory; a few microseconds.
    :ivar free: Bytes of the heap that are free, whether they are in memory or not; this looks at all of them.
    :ivar trim: Give the kernel every page that is free (malloc_trim(3)).
    """

    resident: Callable[[], int]
    free: Callable[[], int]
    trim: Callable[[], object]


def heap() -> Heap | None:
    """glibc's, from 2.33 on; None where it cannot be asked."""
    import ctypes

    class Info(ctypes.Structure):
        """As mallinfo(3) has it."""

        _fields_ = [
            (name, ctypes.c_size_t)
            for name in (
                *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
                *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
            )
        ]

    try:
        library = ctypes.CDLL(None)
        ask, trim = library.mallinfo2, library.malloc_trim
        _resident()
    except (AttributeError, OSError, TypeError):  # another C library, no /proc, or Windows
        return None
    ask.restype = Info
    return Heap(_resident, lambda: int(ask().fordblks), lambda: trim(0))


def _resident() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def giveBack(clock: IReactorTime, found: Heap | None) -> None:
    """Give back, from now on, what has been freed and is not used again.

    What is free amid the heap glibc never gives back by itself: a hundred clients that had a megabyte each
    waiting would cost that for good, though they are gone.

    :param found: From :func:`heap`; for None nothing is done.
    """
    if found is None:
        return
    low, seen = found.resident(), 0

    def look() -> None:
        nonlocal low, seen
        with contextlib.suppress(OSError):  # descriptors may be short
            resident = found.resident()
            low = min(low, resident)
            # Where little has come since memory was lowest, there is little to give, and no more is asked.
            seen = seen + 1 if resident - low >= MUCH and found.free() >= MUCH else 0
            if seen == LOOKS:
                found.trim()
                low, seen = found.resident(), 0
        clock.callLater(EVERY, look)

    clock.callLater(EVERY, look)
