"""The C library's heap: what one large message took is kept for the next.  Imports nothing."""

from __future__ import annotations

__all__ = ["KEPT", "keepFreed"]

#: Blocks up to this size are kept once freed, and twice as much at the end of the heap.
KEPT = 4 * 1024 * 1024


def keepFreed() -> None:
    """Have glibc keep up to 8 MiB of freed memory, which is for a program to decide, not for a library.

    By itself glibc hands every freed block of 128 KiB and more back to the kernel, and the end of
    the heap too, so that each large message is paid for again page by page: with ten times the time
    that it takes to copy it.  Its bounds follow the largest block that was mapped for itself and
    freed, the second one with twice its size (mallopt(3), M_MMAP_THRESHOLD).  So one is asked for and
    freed; it is never touched, and costs nothing.  Elsewhere this does nothing.
    """
    bytes(KEPT)
