"""Workers of one machine in memory, which reach each other by pipes in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError, ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from wsapp.relay.channel import Channel

__all__ = ["Door", "End", "Hall", "pipe"]


class End:
    """One end of a pipe, as a transport.

    :ivar written: What has been sent and has not arrived.
    :ivar carried: How many bytes have arrived at the other end.
    """

    def __init__(self, clock: Clock, protocol: Any, piece: int) -> None:
        self.clock = clock
        self.protocol = protocol
        self.piece = piece
        self.other: End
        self.written = bytearray()
        self.carried = 0
        self.frozen = False
        self.over = False
        self._losing = False
        self._due = False

    def write(self, data: bytes) -> None:
        """Send; it arrives a turn later."""
        if not self.over and not self._losing:
            self.written += data
            self._later()

    def loseConnection(self) -> None:
        """End, once all has arrived."""
        self._losing = True
        self._later()

    def abortConnection(self) -> None:
        """End now."""
        if not self.over:
            self.over = True
            self.written.clear()
            self.clock.callLater(0, self.protocol.connectionLost, Failure(ConnectionAborted()))
            self.clock.callLater(0, self.other.die)

    def die(self) -> None:
        """There is nobody at the other end any more."""
        if not self.over:
            self.over = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def _later(self) -> None:
        if not self._due and not self.over:
            self._due = True
            self.clock.callLater(0, self.pump)

    def pump(self) -> None:
        """Carry what is there, a piece at a time."""
        self._due = False
        while self.written and not self.over and not self.other.over and not self.frozen:
            data = bytes(self.written[: self.piece])
            del self.written[: self.piece]
            self.carried += len(data)
            self.other.protocol.dataReceived(data)
        if self._losing and not self.written and not self.over:
            self.die()
            self.clock.callLater(0, self.other.die)


def pipe(clock: Clock, here: Any, there: Any, piece: int = 1 << 30) -> tuple[End, End]:
    """Connect two protocols."""
    one, other = End(clock, here, piece), End(clock, there, piece)
    one.other, other.other = other, one
    there.makeConnection(other)
    here.makeConnection(one)
    return one, other


class Hall:
    """A machine.

    :ivar pipes: All that were ever made, their dialing ends.
    :ivar piece: How many bytes arrive at once.
    """

    def __init__(self, clock: Clock, piece: int = 1 << 30) -> None:
        self.clock = clock
        self.piece = piece
        self.factories: dict[str, Any] = {}
        self.pipes: list[End] = []

    def door(self, name: str) -> Door:
        """A worker's."""
        return Door(self, name)


class Door:
    """See :class:`wsapp.relay.channel.Siblings`."""

    node = "machine"

    def __init__(self, hall: Hall, name: str) -> None:
        self.hall = hall
        self.name = name
        self.broken = False
        #: What it does instead of connecting at once.
        self.instead: Callable[[Channel], None] | None = None

    def dial(self, name: str, channel: Channel) -> None:
        """Connect."""
        hall = self.hall
        if self.instead is not None:
            self.instead(channel)
        elif name not in hall.factories:
            hall.clock.callLater(0, channel.notConnected)
        else:
            there = hall.factories[name].buildProtocol(None)
            hall.pipes.append(pipe(hall.clock, channel, there, hall.piece)[0])

    def listen(self, factory: Any) -> Any:
        """Be there."""
        if self.broken:
            raise CannotListenError(None, None, OSError("the folder is gone"))
        self.hall.factories[self.name] = factory
        return self

    def getHost(self) -> Any:
        """As a port has it."""
        return None

    def stopListening(self) -> None:
        """Be there no more."""
        self.hall.factories.pop(self.name, None)
