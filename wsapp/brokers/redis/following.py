"""Keeping up with the channels that clients of this node need, whatever happens to connections and broker.

News comes by pub/sub, each with the offsets of itself and of the one before it.  Where that is not the last
one heard of, what is missing is read from the channel's stream; news that comes meanwhile is not kept, for
it is in the stream as well.  So nothing here grows with what others publish.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.brokers import Channel, Deliver
from wsapp.brokers.redis.followed import Followed, Recent
from wsapp.brokers.redis.health import Health
from wsapp.brokers.redis.names import Names, Notice, follows, parse, sameStream
from wsapp.brokers.redis.requests import Requests
from wsapp.brokers.redis.scripts import SINCE
from wsapp.metrics import BrokerMetrics

__all__ = ["Following"]

_log = Logger()

#: What is read at once: so many publications, and about so many bytes.
PAGE, PAGE_BYTES = 256, 512 * 1024

#: Channels that are read at once.
READERS = 16

#: Why messages are missing.
GONE = "what was published while this node was away is not kept any more"
UNDONE = "the broker has lost some that others may not have had"


class Following:
    """The channels that this node follows.

    :param kept: Seconds after which the broker may have forgotten a channel.
    """

    def __init__(
        self,
        clock: IReactorTime,
        names: Names,
        requests: Requests,
        deliver: Deliver,
        health: Health,
        metrics: BrokerMetrics,
        kept: float,
    ) -> None:
        self._clock = clock
        self._kept = kept
        self._said = False  # that channels were forgotten while this node was away
        self._names = names
        self._requests = requests
        self._deliver = deliver
        self._health = health
        self._metrics = metrics
        self._connection: Any = None
        self._channels: dict[bytes, Followed] = {}
        self._readers = DeferredSemaphore(READERS)
        self._recent = Recent()
        self._subscribing: dict[bytes, int] = {}  # confirmations that are to come

    def subscribe(self, channel: Channel) -> Deferred[None]:
        """Fires once nothing will be missed any more."""
        name = self._names.news(channel)
        found = self._channels.get(name)
        if found is None:
            found = self._channels[name] = Followed(channel)
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
        return None if found is None else found.reached(epoch, offset)

    def stop(self) -> None:
        """Nothing is delivered any more."""
        channels, self._channels = self._channels, {}
        for found in channels.values():
            self._dismiss(found)

    def _dismiss(self, found: Followed) -> None:
        if found.reading:
            self._metrics.behind -= 1
            found.reading = False
        found.place()
        found.release()

    # Connections

    def up(self, connection: Any) -> None:
        """There is a connection for pub/sub: subscribe to everything."""
        self._connection = connection
        self._said = False
        self._subscribing = {}
        names = list(self._channels)
        for start in range(0, len(names), 500):
            self._listen(names[start : start + 500])

    def down(self, since: float) -> None:
        """There is none any more.

        :param since: What was told before that has been heard.
        """
        self._connection = None
        for found in self._channels.values():
            found.heard = False
            if found.away is None:
                found.away = since

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
                    found.heard = found.again = True
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
                found.wake()
            elif notice.offset > found.offset:
                self._read(found)
        elif not self._missing(found, notice):
            found.begin(notice.epoch)
            self._give(found, notice)
            found.wake()
        else:
            self._read(found)

    def _read(self, found: Followed) -> None:
        """Read what comes after the place that we have, or find out the place to begin at."""
        if not found.reading:
            found.reading = True
            self._metrics.behind += 1
            self._readers.run(self._page, found)

    def _page(self, found: Followed) -> Deferred[None] | None:
        if not found.reading:  # unsubscribed meanwhile
            return None
        channel = found.channel
        keys = [self._names.stream(channel), self._names.place(channel)]
        count = PAGE if found.placed else 0
        found.more, found.again = None, False
        page = self._requests.insist(
            lambda: SINCE.words(keys, [found.epoch, found.offset, count, PAGE_BYTES])
        )
        page.addCallbacks(self._pageRead, lambda failure: self._unread(failure, found), (found,))
        return page

    def _pageRead(self, result: list[Any], found: Followed) -> Deferred[None] | None:
        if not found.reading:
            return None
        epoch, last, notices = result[0].decode(), result[1], result[2:]
        if not found.placed:
            found.placed = True
            found.epoch, found.offset = epoch, last
            notices = []
            found.place()
        away, found.away = found.away, None
        if away is not None and found.epoch and not sameStream(found.epoch, epoch):
            self._forgotten(found, self._clock.seconds() - away)
        before = (found.epoch, found.offset)
        for message in notices:
            if self._channels.get(self._names.news(found.channel)) is not found:
                return None  # somebody left while these were delivered
            try:
                notice = parse(message)
            except ValueError as error:
                self._health.note(str(error))
                continue
            if notice.epoch == found.epoch and notice.offset <= found.offset:
                continue
            missing = self._missing(found, notice)
            if notice.epoch != found.epoch:
                found.begin(notice.epoch)
            if missing:
                self._lost(found, missing)
            self._give(found, notice)
        if found.offset < last and (found.epoch, found.offset) == before:
            if found.epoch == epoch:
                self._lost(found, GONE)
            else:
                found.begin(epoch)
            found.offset = last  # nothing of it is left, or can be read
        found.wake()
        more = found.more
        if found.epoch == epoch and found.offset < last:
            return self._page(found)
        # What the broker had acknowledged when it was asked is delivered, or it has lost it since.
        found.release()
        if found.again or (more is not None and (more[0] != found.epoch or more[1] > found.offset)):
            return self._page(found)
        if found.reading:
            found.reading = False
            self._metrics.behind -= 1
        return None

    def _unread(self, failure: Failure, found: Followed) -> None:
        if found.reading:
            found.reading = False
            self._metrics.behind -= 1
            ready, found.ready = found.ready, []
            for one in ready:
                if not one.called:
                    one.errback(failure)

    def _lost(self, found: Followed, why: str) -> None:
        self._metrics.lost += 1
        channel = found.channel
        self._health.note(f"messages to {channel.kind} {channel.name!r} of {channel.app} are missing: {why}")

    def _missing(self, found: Followed, notice: Notice) -> str:
        """Why something may have come before a publication that is not had here; empty where nothing has."""
        at = found.offset
        if notice.epoch != found.epoch and not sameStream(notice.epoch, found.epoch):
            at = 0
        elif notice.epoch != found.epoch and not follows(notice.epoch, found.epoch):
            return UNDONE
        if notice.before == at:
            return ""
        # Less: the broker was stopped before it had written the last ones to disk.
        return GONE if notice.before > at else UNDONE

    def _forgotten(self, found: Followed, seconds: float) -> None:
        """The broker knows nothing of what it knew of the channel, nor whether that was all."""
        if seconds <= self._kept:
            return
        self._metrics.lost += 1
        if not self._said:
            self._said = True
            channel = found.channel
            self._health.note(
                f"nothing was heard of it for {seconds:.0f} s, and it keeps what is published for "
                f"{self._kept:g}: messages to {channel.kind} {channel.name!r} of {channel.app} may be "
                "missing, and so may others"
            )

    def _give(self, found: Followed, notice: Notice) -> None:
        found.offset = notice.offset
        if self._recent.has(notice.publisher, notice.sequence):
            return  # delivered already, by a broker that has forgotten it and was told again
        self._metrics.received += 1
        try:
            self._deliver(found.channel, notice.item)
        except Exception:
            _log.failure("what the broker told could not be delivered")
