"""The one way out to a client: batches, back-pressure, and what is waiting.

Frames written during one turn of the reactor leave in one write.  While the transport does not
take more, frames wait here; of the pongs only the newest does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import classImplements

from wsapp.errors import ConnectionClosed
from wsapp.limits import Limits
from wsapp.waiter import Waiter, failed
from wsapp.wheel import Timer, Wheel

__all__ = ["Owner", "SendQueue", "Turn", "Writable"]

#: Handed to the transport at once at most, where it can say how much of that it holds still.
CHUNK = 256 * 1024
#: And where it cannot, so that each time it asks for more tells of progress: just past where it pauses.
PIECE = 64 * 1024 + 1
#: Bytes of a piece, on average, from which on handing over several costs less than joining them.
WORTH = 4096


class Writable(Protocol):
    """What is needed of a transport.  What it holds is asked as ``unsent`` of those whose class has that."""

    def write(self, data: bytes, /) -> None: ...

    def registerProducer(self, producer: Any, streaming: bool, /) -> None: ...

    def unregisterProducer(self) -> None: ...


class Owner(Protocol):
    """Whom a queue belongs to."""

    def queueFilled(self) -> None:
        """The queue is full: more may wait already than should."""

    def queueMoved(self) -> None:
        """What the transport refused is leaving again, or some of it; the queue may be full still."""

    def queueStalled(self) -> None:
        """The queue is full, and nothing has left for the stall time."""


class _Nobody(Owner):
    """Whose a queue is that is closed."""

    def queueFilled(self) -> None:
        return

    def queueMoved(self) -> None:
        return

    def queueStalled(self) -> None:
        return


_NOBODY = _Nobody()


class Turn:
    """Flushes, at the end of a turn of the reactor, the queues that were written to during it."""

    __slots__ = ("_clock", "_queues")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queues: list[SendQueue] = []

    def add(self, queue: SendQueue) -> None:
        """Flush *queue* before the reactor waits again."""
        if not self._queues:
            self._clock.callLater(0, self._run)
        self._queues.append(queue)

    def _run(self) -> None:
        queues, self._queues = self._queues, []
        for queue in queues:
            queue.flush()


class SendQueue:
    """What is on its way to one client.

    :param limits: ``maxSendBuffer`` is the bytes from which on the queue is :attr:`full`; see
        ``stallTimeout`` too.  With ``backlogPolicy`` ``drop`` it then stays full until all has left.
    :ivar full: Whether the limit is reached.
    """

    __slots__ = (
        "_drained",
        "_drains",
        "_emptied",
        "_first",
        "_handed",
        "_head",
        "_held",
        "_limits",
        "_most",
        "_owner",
        "_paused",
        "_pong",
        "_scheduled",
        "_size",
        "_stallTimer",
        "_step",
        "_transport",
        "_turn",
        "_waiting",
        "_wheel",
        "full",
        "sent",
    )

    def __init__(
        self,
        owner: Owner,
        transport: Writable,
        turn: Turn,
        wheel: Wheel,
        limits: Limits,
    ) -> None:
        self._owner = owner
        self._transport = transport
        self._turn = turn
        self._wheel = wheel
        self._limits = limits
        # What is asked of the transport before the queue calls itself full.
        self._step = min(CHUNK, limits.maxSendBuffer)
        # Of the class: a wrapper, TLS above all, passes on what it does not know to what is below it.
        self._most = CHUNK if hasattr(type(transport), "unsent") else PIECE
        self._held = 0  # bytes that the transport held when it was last looked at, if it can say
        self._drains = limits.backlogPolicy == "drop"
        self._stallTimer: Timer | None = None
        self._waiting: list[bytes | memoryview] = []
        self._first = 0  # how many of them have left
        self._head = 0  # and how much of the next
        self._size = 0  # bytes that have not
        self._handed = 0  # bytes that the transport holds, once it has said that it has enough
        self._paused = False
        self.full = False
        self.sent = 0
        self._scheduled = False
        self._pong = b""
        self._drained: list[Waiter[None]] | None = None
        self._emptied: Callable[[], None] | None = None
        transport.registerProducer(self, True)

    @property
    def buffered(self) -> int:
        """Bytes that have not left; what the transport holds counts once it is not taking more."""
        return self._size + self._handed

    @property
    def paused(self) -> bool:
        """Whether the transport is not taking more."""
        return self._paused

    def hold(self) -> None:
        """Let what is written wait for the :meth:`flush` that the caller promises."""
        self._scheduled = True

    def write(self, data: bytes | memoryview) -> None:
        """Send *data* after everything written before, with what else is written in this turn.

        :param data: Bytes, or a view of some that will not change.
        """
        self._waiting.append(data)
        self._size += len(data)
        if self._paused:
            self._measure()
        elif self._size >= self._step:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._turn.add(self)

    def pong(self, data: bytes) -> None:
        """Send a pong, unless a newer one comes before the transport takes data again."""
        if self._paused:
            self._pong = data
        else:
            self.write(data)

    def farewell(self, data: bytes) -> None:
        """Send the last that is sent: behind everything, a pong that waits included."""
        if self._pong:
            pong, self._pong = self._pong, b""
            self.write(pong)
        self.write(data)

    def flush(self) -> None:
        """Hand over what is waiting, as far as the transport takes it."""
        self._scheduled = False
        while self._waiting and not self._paused:
            pieces = self._take()
            self.sent += self._handed
            if len(pieces) == 1 and isinstance(pieces[0], bytes):
                self._transport.write(pieces[0])
                continue
            views = getattr(type(self._transport), "writeViews", None)
            if views is None or self._handed < WORTH * len(pieces):
                self._transport.write(b"".join(pieces))
            else:
                views(self._transport, pieces)
        if self._paused:
            self._measure()
        else:
            self._handed = 0
            self.full = False
            if self._drained is not None or self._emptied is not None:
                self._left()

    def _measure(self) -> None:
        """See whether the queue, whose transport takes no more, is full."""
        much = self._size + self._handed >= self._limits.maxSendBuffer
        self.full = much or (self._drains and self.full)
        if self.full:
            if self._stallTimer is None:
                self._watch(self._unsent())
            self._owner.queueFilled()

    def _unsent(self) -> int:
        """What the transport holds; what it was handed, where it cannot say."""
        unsent: int = getattr(self._transport, "unsent", 0) if self._most == CHUNK else self._handed
        return unsent

    def _watch(self, held: int) -> None:
        """See in the stall time whether anything has left of what the transport holds."""
        self._held = held
        self._stallTimer = self._wheel.after(self._limits.stallTimeout, self._stalled)

    def _stalled(self) -> None:
        held = self._unsent()
        if held < self._held:
            self._watch(held)
            self._owner.queueMoved()
        else:
            self._stallTimer = None
            self._owner.queueStalled()

    def _noStall(self) -> None:
        if self._stallTimer is not None:
            self._stallTimer.cancel()
            self._stallTimer = None

    def _take(self) -> list[bytes | memoryview]:
        """What is handed over next."""
        waiting = self._waiting
        if self._size <= self._most and not self._head:
            if self._first:
                del waiting[: self._first]
                self._first = 0
            self._waiting = []
            self._handed, self._size = self._size, 0
            return waiting
        taken: list[bytes | memoryview] = []
        room = self._most
        while room and self._first < len(waiting):
            data = waiting[self._first]
            size = len(data) - self._head
            if size <= room and not self._head:
                taken.append(data)
            else:
                size = min(size, room)
                taken.append(memoryview(data)[self._head : self._head + size])
            room -= size
            self._head += size
            if self._head == len(data):
                waiting[self._first] = b""
                self._head = 0
                self._first += 1
        self._handed = self._most - room
        self._size -= self._handed
        if self._first == len(waiting):
            waiting.clear()
            self._first = 0
        return taken

    def _left(self) -> None:
        """All has left: tell who waits for that."""
        drained, self._drained = self._drained, None
        for waiter in drained or ():
            waiter.callback(None)
        if self._emptied is not None:
            emptied, self._emptied = self._emptied, None
            self._transport.unregisterProducer()  # TLS says no farewell while there is one
            emptied()

    def whenEmpty(self, call: Callable[[], None]) -> None:
        """Let go of the transport once it has been handed everything, and call."""
        self._emptied = call
        self.flush()

    def drained(self) -> Deferred[None]:
        """Fires once everything written so far has left, as :attr:`buffered` counts that.

        Fails with :exc:`~wsapp.errors.ConnectionClosed` where the connection ends before.
        """
        if not self._waiting and not self._paused:
            return succeed(None)
        waiter: Waiter[None] = Waiter()
        if self._drained is None:
            self._drained = []
        self._drained.append(waiter)
        return waiter

    def close(self) -> None:
        """The connection has ended: forget what is waiting, and whose it was."""
        self._owner = _NOBODY
        self._paused = True
        self._noStall()
        self._waiting.clear()
        self._size = self._handed = self._first = self._head = 0
        self.full = False
        self._emptied = None
        self._pong = b""
        drained, self._drained = self._drained, None
        for waiter in drained or ():
            waiter.fail(ConnectionClosed("the connection ended before everything was sent"))

    # IPushProducer

    def pauseProducing(self) -> None:
        """The transport has enough."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The transport has sent all that it had."""
        self._paused = False
        self._handed = 0
        self._noStall()
        if self._pong:
            pong, self._pong = self._pong, b""
            self._waiting.append(pong)
            self._size += len(pong)
        self.flush()
        self._owner.queueMoved()

    def stopProducing(self) -> None:
        """The transport takes nothing ever again."""
        self._paused = True


classImplements(SendQueue, IPushProducer)  # a decorator is nothing that could be compiled


def closed() -> Deferred[Any]:
    """What :meth:`SendQueue.drained` is for a connection that has ended."""
    return failed(ConnectionClosed("the connection has ended"))
