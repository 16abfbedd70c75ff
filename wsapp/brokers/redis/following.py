"""Keeping up with the channels that clients of this node need, whatever happens to connections and broker.

News comes by pub/sub, each with the offsets of itself and of the one before it.  Where that is not the last
one heard of, what is missing is read from the channel's stream; news that comes meanwhile is not kept, for
it is in the stream as well.  So nothing here grows with what others publish.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.brokers import Channel, Deliver
from wsapp.brokers.redis.health import Health
from wsapp.brokers.redis.names import Names, Notice, parse
from wsapp.brokers.redis.requests import Requests
from wsapp.brokers.redis.scripts import SINCE
from wsapp.metrics import BrokerMetrics

__all__ = ["Following"]

_log = Logger()

#: What is read at once: so many publications, and about so many bytes.
PAGE, PAGE_BYTES = 256, 512 * 1024

#: Channels that are read at once.
READERS = 16

#: Of each publisher, the numbers of so many are remembered: no fewer than it may repeat.
RECENT = 1024

#: And of so many publishers.
PUBLISHERS = 256


class _Channel:
    """How far this node is with one channel.

    :ivar heard: Whether the subscription is confirmed.
    :ivar placed: Whether it is known from where on to deliver.
    :ivar reading: Whether something is being read: news has to wait, in the stream.
    :ivar more: Whether there was news meanwhile.
    """

    __slots__ = ("channel", "epoch", "heard", "more", "offset", "placed", "reading", "ready", "waiters")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.epoch = ""
        self.offset = 0
        self.heard = False
        self.placed = False
        self.reading = False
        self.more: tuple[str, int] | None = None
        self.ready: list[Deferred[None]] = []
        self.waiters: deque[tuple[str, int, Deferred[None]]] = deque()


class _Recent:
    """The numbers of a publisher's last publications, in the order in which they were delivered here."""

    __slots__ = ("_numbers", "_order")

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._numbers: set[int] = set()

    def has(self, number: int) -> bool:
        """Whether it was there already; it is from now on."""
        if number in self._numbers:
            return True
        self._numbers.add(number)
        self._order.append(number)
        if len(self._order) > RECENT:
            self._numbers.discard(self._order.popleft())
        return False


class Following:
    """The channels that this node follows."""

    def __init__(
        self, names: Names, requests: Requests, deliver: Deliver, health: Health, metrics: BrokerMetrics
    ) -> None:
        self._names = names
        self._requests = requests
        self._deliver = deliver
        self._health = health
        self._metrics = metrics
        self._connection: Any = None
        self._channels: dict[bytes, _Channel] = {}
        self._readers = DeferredSemaphore(READERS)
        self._recent: dict[bytes, _Recent] = {}
        self._subscribing: dict[bytes, int] = {}  # confirmations that are to come

    def subscribe(self, channel: Channel) -> Deferred[None]:
        """Fires once nothing will be missed any more."""
        name = self._names.news(channel)
        found = self._channels.get(name)
        if found is None:
            found = self._channels[name] = _Channel(channel)
            self._listen([name])
        elif found.placed:
            return succeed(None)
        ready: Deferred[None] = Deferred()
        found.ready.append(ready)
        return ready

    def unsubscribe(self, channel: Channel) -> Deferred[None]:
        """At once: what still comes is for nobody."""
        name = self._names.news(channel)
        found = self._channels.pop(name, None)
        if found is not None:
            if self._connection is not None:
                self._connection.put("UNSUBSCRIBE", name)
            self._dismiss(found)
        return succeed(None)

    def reached(self, channel: Channel, epoch: str, offset: int) -> Deferred[None] | None:
        """Fires once a publication has been delivered here; None where it has, or need not be."""
        found = self._channels.get(self._names.news(channel))
        if (
            found is None
            or not found.placed
            or not epoch
            or (found.epoch == epoch and found.offset >= offset)
        ):
            return None
        waiter: Deferred[None] = Deferred()
        found.waiters.append((epoch, offset, waiter))
        return waiter

    def stop(self) -> None:
        """Nothing is delivered any more."""
        channels, self._channels = self._channels, {}
        for found in channels.values():
            self._dismiss(found)

    def _dismiss(self, found: _Channel) -> None:
        if found.reading:
            self._metrics.behind -= 1
            found.reading = False
        ready, found.ready = found.ready, []
        waiters, found.waiters = found.waiters, deque()
        for one in [*ready, *(waiter for _, _, waiter in waiters)]:
            if not one.called:
                one.callback(None)

    # Connections

    def up(self, connection: Any) -> None:
        """There is a connection for pub/sub: subscribe to everything."""
        self._connection = connection
        self._subscribing = {}
        names = list(self._channels)
        for start in range(0, len(names), 500):
            self._listen(names[start : start + 500])

    def down(self) -> None:
        """There is none any more."""
        self._connection = None
        for found in self._channels.values():
            found.heard = False

    def _listen(self, names: list[bytes]) -> None:
        if self._connection is not None:
            for name in names:
                self._subscribing[name] = self._subscribing.get(name, 0) + 1
            self._connection.put("SUBSCRIBE", *names)

    def heard(self, kind: bytes, name: bytes, message: Any) -> None:
        """Something has come by pub/sub."""
        if kind == b"message":
            self._news(name, message)
        elif kind == b"subscribe":
            left = self._subscribing[name] = self._subscribing.get(name, 1) - 1
            found = self._channels.get(name)
            if left <= 0:
                del self._subscribing[name]
                if found is not None:
                    found.heard = True
                    self._read(found)

    # Keeping up

    def _news(self, name: bytes, message: bytes) -> None:
        found = self._channels.get(name)
        if found is None or not found.heard:
            return
        try:
            notice = parse(message)
        except ValueError as error:
            self._health.note(str(error))
            return
        if found.reading or not found.placed:
            found.more = (notice.epoch, notice.offset)
        elif notice.epoch == found.epoch:
            if notice.before == found.offset:
                self._give(found, notice)
                self._wake(found)
            elif notice.offset > found.offset:
                self._read(found)
        elif notice.before == 0:  # nothing has come before it in this epoch
            self._begin(found, notice.epoch)
            self._give(found, notice)
            self._wake(found)
        else:
            self._read(found)

    def _read(self, found: _Channel) -> None:
        """Read what comes after the place that we have, or find out the place to begin at."""
        if not found.reading:
            found.reading = True
            self._metrics.behind += 1
            self._readers.run(self._page, found)

    def _page(self, found: _Channel) -> Deferred[None] | None:
        if not found.reading:  # unsubscribed meanwhile
            return None
        channel = found.channel
        keys = [self._names.stream(channel), self._names.place(channel)]
        count = PAGE if found.placed else 0
        found.more = None
        page = self._requests.insist(
            lambda: SINCE.words(keys, [found.epoch, found.offset, count, PAGE_BYTES])
        )
        page.addCallbacks(self._pageRead, lambda failure: self._unread(failure, found), (found,))
        return page

    def _pageRead(self, result: list[Any], found: _Channel) -> Deferred[None] | None:
        if not found.reading:
            return None
        epoch, last, notices = result[0].decode(), result[1], result[2:]
        if not found.placed:
            found.placed = True
            found.epoch, found.offset = epoch, last
            notices, ready = [], found.ready
            found.ready = []
            for one in ready:
                if not one.called:
                    one.callback(None)
        before = (found.epoch, found.offset)
        for message in notices:
            if self._channels.get(self._names.news(found.channel)) is not found:
                return None  # somebody left while these were delivered
            try:
                notice = parse(message)
            except ValueError as error:
                self._health.note(str(error))
                continue
            if notice.epoch != found.epoch:
                self._begin(found, notice.epoch)
            if notice.offset <= found.offset:
                continue
            if notice.before > found.offset:
                self._lost(found, "what was published while this node was away is not kept any more")
            elif notice.before < found.offset:
                # It was stopped before it had written the last ones to disk.  Their offsets never come again.
                self._lost(found, "the broker has lost some that others may not have had")
            self._give(found, notice)
        if found.offset < last and (found.epoch, found.offset) == before:
            self._begin(found, epoch)
            found.offset = last  # nothing of it is left, or can be read
        self._wake(found)
        more = found.more
        if (found.epoch == epoch and found.offset < last) or (
            more is not None and (more[0] != found.epoch or more[1] > found.offset)
        ):
            return self._page(found)
        if found.reading:
            found.reading = False
            self._metrics.behind -= 1
        return None

    def _unread(self, failure: Failure, found: _Channel) -> None:
        if found.reading:
            found.reading = False
            self._metrics.behind -= 1
            ready, found.ready = found.ready, []
            for one in ready:
                if not one.called:
                    one.errback(failure)

    def _lost(self, found: _Channel, why: str) -> None:
        self._metrics.lost += 1
        channel = found.channel
        self._health.note(f"messages to {channel.kind} {channel.name!r} of {channel.app} are missing: {why}")

    def _begin(self, found: _Channel, epoch: str) -> None:
        """The channel begins anew: whoever waits for something of the old epoch waits in vain."""
        old, found.epoch, found.offset = found.epoch, epoch, 0
        waiters, found.waiters = found.waiters, deque()
        for one in waiters:
            if one[0] != old:
                found.waiters.append(one)
            elif not one[2].called:
                one[2].callback(None)

    def _give(self, found: _Channel, notice: Notice) -> None:
        found.offset = notice.offset
        if self._seen(notice):
            return
        self._metrics.received += 1
        try:
            self._deliver(found.channel, notice.item)
        except Exception:
            _log.failure("what the broker told could not be delivered")

    def _seen(self, notice: Notice) -> bool:
        """Whether it was delivered already, by a broker that has forgotten it and was told again."""
        recent = self._recent.get(notice.publisher)
        if recent is None:
            if len(self._recent) >= PUBLISHERS:
                del self._recent[next(iter(self._recent))]
            recent = self._recent[notice.publisher] = _Recent()
        return recent.has(notice.sequence)

    def _wake(self, found: _Channel) -> None:
        """Tell those who wait for what has been delivered now."""
        waiters = found.waiters
        while waiters and waiters[0][0] == found.epoch and waiters[0][1] <= found.offset:
            waiter = waiters.popleft()[2]
            if not waiter.called:
                waiter.callback(None)
