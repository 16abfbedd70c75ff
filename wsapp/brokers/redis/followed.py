"""How far this node is with a channel, who waits for that, and what was delivered already."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

from wsapp.brokers import Channel

__all__ = ["Followed", "Recent"]

#: Of each publisher, the numbers of so many are remembered: no fewer than it may repeat.
RECENT = 1024

#: And of so many publishers.
PUBLISHERS = 256


class Followed:
    """One channel.

    :ivar heard: Whether the subscription is confirmed.
    :ivar placed: Whether it is known from where on to deliver.
    :ivar reading: Whether something is being read: news has to wait, in the stream.
    :ivar more: What was the last news meanwhile.
    :ivar again: Whether the subscription was confirmed anew meanwhile, and all before that may be unheard.
    :ivar away: Since when nothing was heard that has not been read yet; None: it is.
    :ivar ready: They wait for it to be placed.
    """

    __slots__ = (
        *("again", "away", "channel", "epoch", "heard", "more", "offset", "placed", "reading", "ready"),
        *("_left", "_waiters"),
    )

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.epoch = ""
        self.offset = 0
        self.heard = False
        self.placed = False
        self.reading = False
        self.more: tuple[str, int] | None = None
        self.again = False
        self.away: float | None = None
        self.ready: list[Deferred[None]] = []
        self._left: tuple[str, ...] = ()  # the last epochs before
        self._waiters: deque[tuple[str, int, Deferred[None]]] = deque()

    def reached(self, epoch: str, offset: int) -> Deferred[None] | None:
        """Fires once it is there; None where it is, or will never be.

        To be called in the order in which the broker has acknowledged them.
        """
        if not self.placed or not epoch or epoch in self._left:
            return None
        if epoch == self.epoch:
            # What was acknowledged before, in another epoch, was so in one that is over.
            while self._waiters and self._waiters[-1][0] != epoch:
                _fire(self._waiters.pop()[2])
            if self.offset >= offset:
                return None
        waiter: Deferred[None] = Deferred()
        self._waiters.append((epoch, offset, waiter))
        return waiter

    def begin(self, epoch: str) -> None:
        """Another epoch: whoever waits for something of those before waits in vain."""
        self._left = (*self._left[-1:], self.epoch)
        self.epoch, self.offset = epoch, 0
        waiters, self._waiters = self._waiters, deque()
        for one in waiters:
            if one[0] == epoch:
                self._waiters.append(one)
            else:
                _fire(one[2])

    def wake(self) -> None:
        """Tell those who wait for what has been delivered now."""
        waiters = self._waiters
        while waiters and waiters[0][0] == self.epoch and waiters[0][1] <= self.offset:
            _fire(waiters.popleft()[2])

    def release(self) -> None:
        """Tell all who wait."""
        waiters, self._waiters = self._waiters, deque()
        for _, _, waiter in waiters:
            _fire(waiter)

    def place(self) -> None:
        """Tell those who wait for it to be placed, or need not any more."""
        ready, self.ready = self.ready, []
        for one in ready:
            _fire(one)


def _fire(waiter: Deferred[None]) -> None:
    if not waiter.called:
        waiter.callback(None)


class Recent:
    """The numbers of publishers' last publications, in the order in which they were delivered here."""

    def __init__(self) -> None:
        self._publishers: dict[bytes, tuple[deque[int], set[int]]] = {}

    def has(self, publisher: bytes, number: int) -> bool:
        """Whether it was there already; it is from now on."""
        found = self._publishers.get(publisher)
        if found is None:
            if len(self._publishers) >= PUBLISHERS:
                del self._publishers[next(iter(self._publishers))]
            found = self._publishers[publisher] = (deque(), set())
        order, numbers = found
        if number in numbers:
            return True
        numbers.add(number)
        order.append(number)
        if len(order) > RECENT:
            numbers.discard(order.popleft())
        return False
