"""What arrives: to whom it goes, and when it is read.

uvloop calls ``data_received`` and keeps the method that it found at the start. That is one frame that looks
up the protocol's ``dataReceived``, for a protocol may replace its method at any time as Twisted's do (30 ns),
and sees to it that nobody keeps a turn of the loop: from a peer that sends faster than it is read uvloop
would take 32 reads, 8 MiB, before anybody else is looked at. May import ``flow``.
"""

from __future__ import annotations

__all__ = ["FULL", "READING", "Reading", "Share"]

import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, cast

from twisted.internet import interfaces

from wsapp.loop.flow import Flow

FULL = 128 * 1024
"""Bytes of a read that may have left some: uvloop reads 256,000 at most, and less once nothing is left."""


READING = 0.001
"""Seconds from the first such read of a turn, after which nobody who sends so much is read from in it."""


class Share:
    """How much of its turn a loop has spent on peers that send faster than they are read.

    :param seconds: a clock for parts of a millisecond
    """

    def __init__(self, loop: AbstractEventLoop, seconds: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self._seconds = seconds
        self._until = 0.0

    def spent(self) -> bool:
        """Whether this turn has had enough of reads that are full, of which this is one."""
        now = self._seconds()
        if not self._until:
            self._until = now + READING
            self._loop.call_soon(self._turn)
        return now >= self._until

    def _turn(self) -> None:
        self._until = 0.0


class Reading(Flow):
    """The producer's half of a transport (:class:`~twisted.internet.interfaces.IPushProducer`).

    :ivar data_received: what uvloop calls with bytes; None until the protocol's ``connectionMade`` has
        returned
    """

    __slots__ = ("_protocol", "data_received")

    _protocol: Any
    data_received: Callable[[bytes], object] | None

    _readEnded = False
    _writeEnded = False
    _waitsForResume = False
    _holding = False
    _held: bytes | None = None
    _resting = False

    def __init__(self) -> None:
        super().__init__()
        self._protocol = None
        self.data_received = None

    @property
    def _share(self) -> Share:
        raise NotImplementedError

    @property
    def protocol(self) -> Any:
        """The protocol that hears of this connection; assign to hand the connection to another one."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        self._protocol = protocol
        if self.data_received is not None and self.connected:
            self._bind()

    def _bind(self) -> None:
        """Say whom uvloop is to call with what it reads."""
        if self._waitsForResume:
            self._holding = True
            self.data_received = self._hold
        else:
            self.data_received = self._receive
        # uvloop looks the attribute up only here.
        self._stream.set_protocol(cast(Any, self))

    def receiveBy(self, receive: Callable[[bytes], object]) -> None:
        """Hand what arrives straight to *receive* from here on, not to the protocol's ``dataReceived``.

        For a protocol that knows better than to stand between, and pauses where a peer takes more than its
        share of a turn; that reading is paused changes nothing.
        """
        if self.connected and not self._holding:
            self.data_received = receive
            self._stream.set_protocol(cast(Any, self))

    def _receive(self, data: bytes) -> None:
        if len(data) >= FULL and self._share.spent():
            self._rest()
        self._protocol.dataReceived(data)

    def _rest(self) -> None:
        """Read on in the next turn, unless reading is paused by then."""
        self._resting = True
        self._stream.pause_reading()
        self._loop.call_soon(self._restIsOver)

    def _restIsOver(self) -> None:
        if self._resting:
            self._resting = False
            self.resumeProducing()

    def eof_received(self) -> bool:
        """The peer sends no more; a protocol that knows half-closed connections may go on writing."""
        if self._waitsForResume:
            self._readEnded = True
            return True
        if self._readEnded or not self.connected:
            return True
        self._readEnded = True
        halfCloseable = interfaces.IHalfCloseableProtocol(self._protocol, None)
        if halfCloseable is None:
            # As Twisted has it: what still waits to be sent is not, for a peer that is gone would hold it for
            # ever.
            self._stream.abort()
        else:
            self._guarded(halfCloseable.readConnectionLost)
            self._closeIfBothEnded()
        return True

    def pauseProducing(self) -> None:
        """Read no more, until :meth:`resumeProducing`."""
        if self.data_received is None or self._holding:
            # In connectionMade: uvloop starts to read after it, whatever we say now.
            self._waitsForResume = True
        elif self.connected:
            if self._resting:  # else no connection would be without a dictionary at its end
                self._resting = False
            self._stream.pause_reading()

    def resumeProducing(self) -> None:
        """Read again."""
        if not self.connected or self.disconnecting:
            return
        if self._waitsForResume:
            self._waitsForResume = False
            if self.data_received is not None:
                self._loop.call_soon(self._release)
        elif not self._readEnded and not self._resting:
            self._stream.resume_reading()

    def stopReading(self) -> None:
        """As :meth:`pauseProducing`; the name that Twisted's own transports have for it."""
        self.pauseProducing()

    def startReading(self) -> None:
        """As :meth:`resumeProducing`."""
        self.resumeProducing()

    def isReading(self) -> bool:
        """Whether what arrives is read."""
        if not self.connected or self.disconnecting or self._waitsForResume:
            return False
        # In connectionMade it is about to be.
        return self.data_received is None or self._resting or self._stream.is_reading()

    def _closeIfBothEnded(self) -> None:
        """Close a connection on which neither end can say any more; the kernel tells nobody of that twice."""
        if self.connected and self._readEnded and self._writeEnded:
            self._stream.close()

    def _hold(self, data: bytes) -> None:
        """Keep what arrived although reading was paused before it began."""
        self._stream.pause_reading()
        self._held = data

    def _release(self) -> None:
        if not self.connected or self.disconnecting or self._waitsForResume or not self._holding:
            return
        self._holding = False
        self._bind()
        held, self._held = self._held, None
        if not self._readEnded:
            # Before the protocol hears of anything, for it may pause again.
            self._stream.resume_reading()
        if held is not None:
            self._guarded(lambda: self._protocol.dataReceived(held))
        if self._readEnded:
            self._readEnded = False
            self.eof_received()
