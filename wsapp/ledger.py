"""``Ledger``: what a session has sent and received, and who knows of it; the same on either side.

It keeps what the other side has not acknowledged, within its bounds, and says what has arrived here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from wsapp.wheel import Timer, Wheel
from wsapp.wire.resumption import ACKNOWLEDGE_SECONDS, Arrived, Sent, acknowledgement

__all__ = ["Budget", "Ledger"]


class Budget:
    """Bytes that sessions may keep together.

    :param limit: How many.
    :param whole: That of which this is a part: what counts here counts there too.
    :ivar size: What they keep now.
    """

    __slots__ = ("__weakref__", "_whole", "limit", "size")

    def __init__(self, limit: float = math.inf, whole: Budget | None = None) -> None:
        self.limit = limit
        self.size = 0
        self._whole = whole

    def add(self, count: int) -> None:
        """So many more are kept, or fewer."""
        self.size += count
        if self._whole is not None:
            self._whole.add(count)

    @property
    def spent(self) -> bool:
        """Whether nothing more may be kept."""
        return self.size >= self.limit or (self._whole is not None and self._whole.spent)

    @property
    def overspent(self) -> bool:
        """Whether more is kept than may be."""
        return self.size > self.limit or (self._whole is not None and self._whole.overspent)


class Ledger:
    """That of one session.

    :param most: Bytes that it may keep.
    :param budget: Those that others may keep are counted there too.
    :param say: Says something to the other side, if anybody is there; returns whether.
    :ivar sent: What may have to be sent again.
    :ivar arrived: What has come.
    """

    __slots__ = ("_asked", "_budget", "_left", "_most", "_say", "_timer", "_wheel", "arrived", "sent")

    def __init__(self, most: int, wheel: Wheel, budget: Budget, say: Callable[[str], bool]) -> None:
        self._most = most
        self._wheel = wheel
        self._budget = budget
        self._say = say
        self._asked = False
        self._left: int | None = None  # how many messages had left when the connection was lost
        self._timer: Timer | None = None
        self.sent = Sent()
        self.arrived = Arrived()

    # Connections

    def attach(self, count: int) -> None:
        """There is a connection, over which it is said how many messages have arrived here.

        :param count: How many have arrived over there.
        :raises Broken: That cannot be.
        """
        self.acknowledged(count)
        self.arrived.tell()
        self._left = None

    def leave(self) -> None:
        """There is none any more; said once or twice."""
        if self._left is None:
            self._left = self.sent.count

    def close(self) -> None:
        """The session is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._budget.add(-self.sent.size)
        self.sent = Sent()

    # What is sent

    @property
    def full(self) -> bool:
        """Whether nothing more may be kept that has not left."""
        return self.sent.size >= self._most or self._budget.spent

    def add(self, message: str | bytes, left: bool) -> None:
        """Keep a message, wrapped.

        :param left: Whether it has left.  Then it needs no room: only, it may be forgotten, and with it that
            the session can go on over another connection.
        """
        self._budget.add(self.sent.add(message))
        if left:
            self._budget.add(-self.sent.forget(0 if self._budget.overspent else self._most))

    def acknowledged(self, count: int) -> None:
        """The other side has said how many messages have arrived.

        :raises Broken: That cannot be.
        """
        self._budget.add(-self.sent.acknowledge(count))

    def unsent(self) -> list[str | bytes]:
        """The messages, wrapped, that have come since there is no connection."""
        if self._left is None:
            return []
        return list(self.sent)[max(0, self._left - self.sent.first) :]

    # What arrives

    def take(self, message: str | bytes) -> None:
        """An application's message has its turn."""
        if self.arrived.add(message):
            self._tell()
        else:
            self._tellLater()

    def asked(self) -> None:
        """The other side wants to be told how many messages have arrived, and that somebody is there."""
        self._asked = True
        self._tellLater()

    def _tellLater(self) -> None:
        """Say it within a second: so seldom that asking for it gains nobody anything."""
        if self._timer is None:
            self._timer = self._wheel.after(ACKNOWLEDGE_SECONDS, self._tell)

    def _tell(self) -> None:
        """Say how many messages have arrived."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (self.arrived.untold or self._asked) and self._say(acknowledgement(self.arrived.count)):
            self._asked = False
            self.arrived.tell()
