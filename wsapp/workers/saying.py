"""What a worker says to its master, whichever thread it is in: at once, or when there is room for it.

Imports nothing of wsapp.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import IWriteDescriptor
from zope.interface import implementer

__all__ = ["SIZE", "Slowly", "say"]

#: Bytes of a message that has its turn: so many fit a pipe that is said to have room, and are written whole
#: (POSIX, PIPE_BUF).
SIZE = getattr(select, "PIPE_BUF", 512)

#: Messages that are written in one turn of the reactor.
_TURN = 16

_writing = threading.Lock()


def say(descriptor: int, data: bytes) -> None:
    """Write all of it, as one, whichever thread it is; nobody may be there to read it."""
    with _writing, contextlib.suppress(OSError):
        while data:
            data = data[os.write(descriptor, data) :]


@implementer(IWriteDescriptor)
class Slowly:
    """Says what can wait, message by message, and never waits itself: a frozen master holds up nobody.

    :param descriptor: A pipe.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()

    def add(self, messages: Iterable[bytes]) -> None:
        """Say these, of :data:`SIZE` bytes at most each, in order."""
        if not self._waiting:
            self._reactor.addWriter(self)
        self._waiting.extend(messages)

    # IWriteDescriptor

    def fileno(self) -> int:
        """The pipe."""
        return self._descriptor

    def logPrefix(self) -> str:
        """For the reactor's own complaints."""
        return "the master's questions"

    def doWrite(self) -> None:
        """There is room."""
        for _ in range(_TURN):
            # A thread that logs may be writing, or have taken the room.
            if not self._waiting or not _writing.acquire(blocking=False):
                break
            try:
                if not select.select([], [self._descriptor], [], 0)[1]:
                    break
                os.write(self._descriptor, self._waiting[0])
                self._waiting.popleft()
            except (OSError, ValueError):  # nobody reads any more
                self._waiting.clear()
            finally:
                _writing.release()
        if not self._waiting:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""
