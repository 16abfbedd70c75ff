"""What leaves by a stream of uvloop's: in C, with one system call and little around it, where that was built;
else, or with ``WSAPP_PURE=1`` in the environment, by uvloop.

May import nothing of this package.
"""

from __future__ import annotations

__all__ = ["accelerated", "writeViews", "writer"]

import os
from asyncio import Transport
from collections.abc import Callable
from typing import TYPE_CHECKING

#: Whether it is done in C.
accelerated = False


def writer(stream: Transport) -> Callable[[bytes], object]:
    """What writes bytes to a stream from now on: at once if the kernel takes them, later if not."""
    return stream.write


def writeViews(write: Callable[[bytes], object], stream: Transport, pieces: list[bytes | memoryview]) -> bool:
    """Write pieces by a stream's own writer, without joining them.

    :return: Whether it is one.
    """
    if write != stream.write:
        return False
    stream.writelines(pieces)
    return True


if not TYPE_CHECKING and os.environ.get("WSAPP_PURE", "0") in ("", "0"):
    try:
        from wsapp.loop._c.sending import writer, writeViews

        accelerated = True
    except ImportError:
        # Not built.
        pass
