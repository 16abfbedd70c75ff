"""A response's way out, piece by piece, so that it shows whether the peer takes any of it.

Transports say only when all that they hold has left; so they are handed little at a time.  Imports
nothing of wsapp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

__all__ = ["PIECE", "Outlet"]

#: Bytes handed to the transport at once at most.
PIECE = 64 * 1024


class _Writable(Protocol):
    """What is needed of a transport."""

    def write(self, data: bytes, /) -> None: ...


@implementer(IPushProducer)
class _Nobody:
    """The channel that has gone."""

    def pauseProducing(self) -> None:
        """Nothing."""

    def resumeProducing(self) -> None:
        """Nothing."""

    def stopProducing(self) -> None:
        """Nothing."""


@implementer(IPushProducer)
class Outlet:
    """The channel as the transport sees it, and what it has written; stays when the channel goes first.

    :param moved: Told whenever the transport begins to refuse or has taken more: whether something waits.
    :ivar producer: The channel; set before the transport is told of this.
    :ivar full: Whether something waits that the transport does not take.
    """

    producer: IPushProducer

    def __init__(self, transport: _Writable, moved: Callable[[bool], None]) -> None:
        self._transport = transport
        self._moved = moved
        self._waiting: list[bytes] = []
        self._sent = 0  # bytes of the first of them that have left
        self._emptied: Callable[[], None] | None = None
        self.full = False

    def write(self, data: bytes) -> None:
        """Send *data* behind what was written before, as the transport takes it."""
        if not self.full and len(data) <= PIECE:
            self._transport.write(data)
        elif data:
            self._waiting.append(data)
            self._send()

    def orphan(self) -> None:
        """The channel wants to hear no more of the transport."""
        self.producer = _Nobody()

    def whenEmpty(self, call: Callable[[], None]) -> None:
        """Call once, now or when the transport has taken all and holds none of it."""
        if self.full:
            self._emptied = call
        else:
            call()

    def _send(self) -> None:
        while self._waiting and not self.full:
            piece = self._waiting[0][self._sent : self._sent + PIECE]
            self._sent += len(piece)
            if self._sent == len(self._waiting[0]):
                del self._waiting[0]
                self._sent = 0
            self._transport.write(piece)

    # IPushProducer

    def pauseProducing(self) -> None:
        """The transport has enough."""
        self.full = True
        self._moved(True)
        self.producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The transport has sent all that it had."""
        self.full = False
        self._send()
        if self.full:  # told by pauseProducing
            return
        self._moved(False)
        if self._emptied is not None:
            emptied, self._emptied = self._emptied, None
            emptied()
        else:
            self.producer.resumeProducing()

    def stopProducing(self) -> None:
        """The transport takes nothing ever again."""
        self._waiting.clear()
        self.producer.stopProducing()
