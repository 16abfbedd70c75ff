"""What waits for what when a peer reads slowly: producers, and work to be done once all has been sent.

uvloop writes at once; what the kernel does not take it keeps, and calls :meth:`Flow.pause_writing` when
more than a limit waits and :meth:`Flow.resume_writing` when nearly nothing does. Everything here is built
on those two calls. May import nothing of this package.
"""

from __future__ import annotations

__all__ = ["BUFFER_LIMIT", "Flow"]

from asyncio import AbstractEventLoop, Transport
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

BUFFER_LIMIT = 65536
"""How many bytes may wait to be sent before a streaming producer is paused (Twisted's ``bufferSize``)."""


class Flow:
    """The consumer's half of a transport (:class:`~twisted.internet.interfaces.IConsumer`).

    A **streaming** producer is paused while more than :data:`BUFFER_LIMIT` bytes wait, and resumed when
    none do. A **pull** producer is asked for more once a turn, while nothing waits.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_stream",
        "connected",
        "disconnected",
        "disconnecting",
        "producer",
        "producerPaused",
        "streamingProducer",
    )

    _stream: Transport
    connected: bool
    disconnected: bool
    disconnecting: bool
    producer: Any
    streamingProducer: bool
    producerPaused: bool

    # Rare enough to live in the instance's dictionary, which most connections then never have.
    _full = False
    _bufferSize = BUFFER_LIMIT
    _writeDisconnecting = False
    _afterDrain: list[Callable[[], None]] | None = None

    def __init__(self) -> None:
        self.connected = self.disconnected = self.disconnecting = False
        self.producer = None
        self.streamingProducer = self.producerPaused = False

    @property
    def _loop(self) -> AbstractEventLoop:
        raise NotImplementedError

    def _failed(self, failure: Failure, *, now: bool = True) -> None:
        """Log what application code raised, and end the connection with it as the reason.

        :param now: whether ``connectionLost`` may be called at once, or only in the next turn
        """
        raise NotImplementedError

    @property
    def bufferSize(self) -> int:
        """How many bytes may wait to be sent before a streaming producer is paused [:data:`BUFFER_LIMIT`]."""
        return self._bufferSize

    @bufferSize.setter
    def bufferSize(self, size: int) -> None:
        self._bufferSize = size
        if self.connected:
            self._limit(size)

    @property
    def unsent(self) -> int:
        """How many bytes wait to be sent: written here, and not taken by the kernel."""
        return self._stream.get_write_buffer_size() if self.connected else 0

    def isWriting(self) -> bool:
        """Whether anything waits to be sent."""
        return self.unsent > 0

    # IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take data from a producer.

        On a connection that has ended, the producer is told to stop at once.

        :param producer: an :class:`~twisted.internet.interfaces.IPushProducer` or, if not streaming, an
            :class:`~twisted.internet.interfaces.IPullProducer`
        :raises RuntimeError: another producer is registered
        """
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} was never "
                "unregistered."
            )
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self.streamingProducer = streaming
        self.producerPaused = False
        if streaming:
            if self._full:
                self._pauseProducer()
        else:
            self._limit(0)
            producer.resumeProducing()
            self._pullLater()

    def unregisterProducer(self) -> None:
        """Let go of the producer; a connection that waited for it to finish now closes."""
        wasPull = self.producer is not None and not self.streamingProducer
        self.producer = None
        self.producerPaused = False
        if not self.connected:
            return
        if wasPull:
            self._limit(self._bufferSize)
        if self.disconnecting:
            if not self._producerBusy():
                self._stream.close()
        elif self._writeDisconnecting:
            self._whenDrained(self._shutdownWriting)

    def _shutdownWriting(self) -> None:
        """Say to the peer that nothing more comes."""
        raise NotImplementedError

    def _producerBusy(self) -> bool:
        """Whether closing has to wait for the producer to finish, as Twisted's own transports do."""
        return self.producer is not None and (self.producerPaused or not self.streamingProducer)

    # What uvloop calls

    def pause_writing(self) -> None:
        """More waits to be sent than the limit."""
        self._full = True
        if self.producer is not None and self.streamingProducer:
            self._pauseProducer()

    def resume_writing(self) -> None:
        """What waited to be sent has left."""
        self._full = False
        waiting = self._afterDrain
        if waiting is not None:
            self._afterDrain = None
            self._limit(self._bufferSize)
            for action in waiting:
                self._guarded(action)
        if self.producer is None or self._full:
            return
        if not self.streamingProducer:
            self._pull()
        elif self.producerPaused:
            self.producerPaused = False
            self._guarded(self.producer.resumeProducing)

    def _pauseProducer(self) -> None:
        self.producerPaused = True
        try:
            self.producer.pauseProducing()
        except BaseException:
            # We are below the protocol's own write: it does not expect to hear of the end there.
            self._failed(Failure(), now=False)

    # Pull producers

    def _pullLater(self) -> None:
        if self.producer is not None and not self.streamingProducer and not self._full and self.connected:
            self._loop.call_soon(self._pull, self.producer)

    def _pull(self, of: Any = None) -> None:
        """Ask a pull producer for more, unless it is gone or what it gave is still waiting."""
        producer = self.producer
        if producer is None or self.streamingProducer or self._full or not self.connected:
            return
        if of is not None and of is not producer:
            return
        self._guarded(producer.resumeProducing)
        self._pullLater()

    # Work for when everything has left

    def _whenDrained(self, action: Callable[[], None]) -> None:
        """Do something once nothing waits to be sent; never before this turn is over."""
        if self._stream.get_write_buffer_size():
            if self._afterDrain is None:
                self._afterDrain = []
            self._afterDrain.append(action)
            self._limit(0)
        else:
            self._loop.call_soon(self._drained, action)

    def _drained(self, action: Callable[[], None]) -> None:
        if not self.connected:
            return
        if self._stream.get_write_buffer_size():
            self._whenDrained(action)
        else:
            self._guarded(action)

    def _limit(self, high: int) -> None:
        """Set how much may wait before uvloop says so; zero makes it say when anything does."""
        if high and self.producer is not None and not self.streamingProducer:
            high = 0
        self._stream.set_write_buffer_limits(high=high, low=0)

    def _guarded(self, action: Callable[[], object]) -> None:
        """Call application code from the loop: what it raises ends this connection, not the loop."""
        try:
            action()
        except BaseException:
            self._failed(Failure())
