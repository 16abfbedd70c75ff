"""Knowing when a child process has ended.

Twisted has the kernel write to its own pipe on SIGCHLD (``signal.set_wakeup_fd``), but while uvloop runs
that place is uvloop's. uvloop in turn runs Python's signal handlers as soon as a signal arrives, so a plain
handler serves. May import nothing of this package.
"""

from __future__ import annotations

__all__ = ["ChildSignals"]

import signal
from asyncio import AbstractEventLoop
from types import FrameType
from typing import Any

from twisted.internet import process


class ChildSignals:
    """Reaps children on SIGCHLD, from the reactor's start to its stop.

    A handler that was there before is called too, and is put back at the end.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._before: Any = None
        self._installed = False

    def install(self) -> None:
        """Begin, and reap what ended before.

        :raises ValueError: called in another thread than the main one
        """
        if not self._installed:
            self._before = signal.signal(signal.SIGCHLD, self._ended)
            signal.siginterrupt(signal.SIGCHLD, False)
            self._installed = True
        process.reapAllProcesses()

    def uninstall(self) -> None:
        """Stop. A handler that someone else has set meanwhile stays."""
        if self._installed:
            self._installed = False
            if signal.getsignal(signal.SIGCHLD) == self._ended:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL if self._before is None else self._before)

    def _ended(self, number: int, frame: FrameType | None) -> None:
        # Between two instructions of anything: only say what is to be done.
        self._loop.call_soon_threadsafe(process.reapAllProcesses)
        if callable(self._before):
            self._before(number, frame)
