"""The broker of a single process: all in memory, all at once."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsapp.brokers import Channel, Deliver, Dismissal, Keep, Member, Publication
from wsapp.errors import HistoryGone
from wsapp.metrics import BrokerMetrics

__all__ = ["MemoryBroker"]

#: How often, in seconds, histories that nobody adds to are looked at.
SWEEP = 60.0


class _History:
    """What one channel remembers."""

    __slots__ = ("bytes", "epoch", "kept", "offset", "seconds")

    def __init__(self) -> None:
        self.epoch = uuid.uuid4().hex
        self.kept: deque[Publication] = deque()
        self.bytes = 0
        self.offset = 0
        self.seconds = 0.0

    def add(self, publication: Publication, keep: Keep) -> None:
        self.kept.append(publication)
        self.bytes += publication.size
        self.seconds = keep.seconds
        while self.kept and (len(self.kept) > keep.messages or self.bytes > keep.size):
            self.drop()

    def drop(self) -> None:
        self.bytes -= self.kept.popleft().size

    def expire(self, now: float) -> None:
        while self.kept and self.kept[0].time <= now - self.seconds:
            self.drop()


class MemoryBroker:
    """Delivers within this process, before the call that publishes returns.

    :param clock: The reactor, or a ``Clock``: history grows old by it.
    :param wallClock: The time in seconds since the epoch, for publications.
    """

    def __init__(self, clock: IReactorTime, wallClock: Callable[[], float]) -> None:
        self.metrics = BrokerMetrics()
        self._clock = clock
        self._wallClock = wallClock
        self._deliver: Deliver | None = None
        self._subscribed: set[Channel] = set()
        self._histories: dict[Channel, _History] = {}
        self._members: dict[Channel, dict[str, Member]] = {}
        self._sweep: IDelayedCall | None = None

    @property
    def reachable(self) -> bool:
        """Always."""
        return True

    def start(self, deliver: Deliver) -> Deferred[None]:
        """Begin."""
        self._deliver = deliver
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """End; what was remembered is forgotten."""
        self._deliver = None
        self._subscribed.clear()
        self._histories.clear()
        self._members.clear()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        return succeed(None)

    def subscribe(self, channel: Channel) -> Deferred[None]:
        """At once."""
        self._subscribed.add(channel)
        return succeed(None)

    def unsubscribe(self, channel: Channel) -> Deferred[None]:
        """At once."""
        self._subscribed.discard(channel)
        return succeed(None)

    def publish(
        self, channel: Channel, message: str | bytes, exclude: frozenset[str], keep: Keep | None
    ) -> Deferred[None]:
        """Deliver at once."""
        if self._deliver is None:  # not started, or stopped: nobody is there
            return succeed(None)
        if keep is None:
            publication = Publication(message, "", 0, self._wallClock(), exclude)
        else:
            history = self._histories.setdefault(channel, _History())
            history.offset += 1
            publication = Publication(message, history.epoch, history.offset, self._wallClock(), exclude)
            history.add(publication, keep)
            if self._sweep is None:
                self._sweep = self._clock.callLater(SWEEP, self._expire)
        self.metrics.published += 1
        if channel in self._subscribed:
            self.metrics.received += 1
            self._deliver(channel, publication)
        return succeed(None)

    def dismiss(self, channel: Channel, dismissal: Dismissal) -> Deferred[None]:
        """Deliver at once."""
        if self._deliver is not None and channel in self._subscribed:
            self._deliver(channel, dismissal)
        return succeed(None)

    def history(self, channel: Channel, limit: int) -> Deferred[list[Publication]]:
        """What is kept and not too old."""
        history = self._histories.get(channel)
        if history is None or limit <= 0:
            return succeed([])
        history.expire(self._wallClock())
        return succeed(list(history.kept)[-limit:])

    def since(self, channel: Channel, epoch: str, offset: int) -> Deferred[list[Publication]]:
        """Offsets grow by one: as many are to be there as have been published since."""
        history = self._histories.get(channel)
        if history is None or history.epoch != epoch:
            return fail(HistoryGone("nothing is known of that epoch of the history"))
        history.expire(self._wallClock())
        missed = history.offset - offset
        if not 0 <= missed <= len(history.kept):
            return fail(HistoryGone(f"what came after offset {offset} is not kept"))
        return succeed(list(history.kept)[len(history.kept) - missed :])

    def _expire(self) -> None:
        """Forget channels whose last message is too old, so that names that come and go leave nothing."""
        self._sweep = None
        now = self._wallClock()
        for channel, history in list(self._histories.items()):
            history.expire(now)
            if not history.kept:
                del self._histories[channel]
        if self._histories:
            self._sweep = self._clock.callLater(SWEEP, self._expire)

    def enter(self, channel: Channel, member: Member) -> Deferred[None]:
        """At once."""
        self._members.setdefault(channel, {})[member.id] = member
        return succeed(None)

    def leave(self, channel: Channel, identity: str) -> Deferred[None]:
        """At once."""
        members = self._members.get(channel)
        if members is not None:
            members.pop(identity, None)
            if not members:
                del self._members[channel]
        return succeed(None)

    def members(self, channel: Channel) -> Deferred[list[Member]]:
        """Those who have entered and not left."""
        return succeed(list(self._members.get(channel, {}).values()))
