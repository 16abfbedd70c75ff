"""A client between joining a group and having been sent what the group remembers.

Part of :mod:`wsapp.broadcast`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from wsapp.brokers import Publication
from wsapp.line import OVERHEAD

__all__ = ["CatchingUp"]


class CatchingUp:
    """A client between joining a group and having been sent what the group remembers.

    The history is asked for once live messages come, so it ends with one that is followed by live
    ones only.  It may be shorter than what has come live meanwhile, and have what is still on its way
    here.  So that nothing is missing, doubled or out of order, either

    * nothing has come live yet: the history is sent, and what comes that is not newer is left out; or
    * something has: of the history only what is older is sent, then what has come, once it has come
      as far as the history goes.

    :param limit: Bytes of live messages that may wait for that.
    :param follows: Whether the channel was subscribed to before: this node may be behind then, so that what
        comes live was published long ago, and is left out where it is older than the history.  Of more than
        may wait the first are not kept then, for the history is likely to have them.
    """

    __slots__ = (
        "_first",
        "_follows",
        "_gone",
        "_held",
        "_limit",
        "_older",
        "_seen",
        "_size",
        "_until",
        "_waiters",
        "asked",
        "holding",
    )

    def __init__(self, limit: int, follows: bool = False) -> None:
        self._limit = limit
        self._follows = follows
        self._first: Publication | None = None
        self._gone: Publication | None = None  # the last of those that were not kept until then
        self._held: list[Publication] = []
        self._size = 0
        self._older: list[Publication] | None = None  # None: not known yet
        self._until: tuple[str, int] | None = None
        self._seen: dict[str, int] = {}  # how far the history goes, in each of its epochs
        self._waiters: list[Deferred[None]] = []
        #: Whether live messages have to wait.
        self.holding = True
        #: The question for the history, once it has been asked.
        self.asked: Deferred[list[Publication]] | None = None

    def hold(self, publication: Publication) -> bool:
        """Keep a live message for later.

        :return: False where more wait than may.
        """
        if not self._tooOld(publication):
            self._size += publication.size + OVERHEAD
            self._held.append(publication)
        if self._follows and self._older is None:
            while self._size > self._limit and self._held and self._held[0].offset:
                self._gone = self._held.pop(0)
                self._size -= self._gone.size + OVERHEAD
        return self._size <= self._limit

    def _tooOld(self, publication: Publication) -> bool:
        first = self._first
        return first is not None and publication.epoch == first.epoch and publication.offset < first.offset

    def remember(self, history: list[Publication]) -> bool:
        """The history is there.

        :return: False where it does not have what was not kept for it.
        """
        self._older = history
        if not history:
            return self._gone is None
        if self._follows:
            self._first = history[0]
            start = next((n for n, one in reversed([*enumerate(self._held, 1)]) if self._tooOld(one)), 0)
            self._held = self._held[start:]
            self._size = sum(one.size + OVERHEAD for one in self._held)
        epoch, offset = history[-1].epoch, history[-1].offset
        first = next((one.offset for one in self._held if one.offset and one.epoch == epoch), None)
        goes = {one.epoch: one.offset for one in history}
        places = {(one.epoch, one.offset) for one in self._held}
        # The broker may have been started again meanwhile: the history goes on into another epoch then.
        both = next((n for n, one in enumerate(history) if (one.epoch, one.offset) in places), None)
        if both is not None and first is None:
            self._older = history[:both]
        elif first is None:
            self._seen = goes
            if self._held and self._held[-1].epoch != epoch and self._held[-1].time < history[0].time:
                # The broker has forgotten what has come live, and remembers what came after that.
                self._older, self._held = self._held + history, []
        else:
            self._until = (epoch, offset)
            older = [one for one in history if one.epoch != epoch or one.offset < first]
            self._older = older if both is None else older[:both]
        gone = self._gone
        return gone is None or gone.offset <= goes.get(gone.epoch, 0)

    def ready(self) -> list[Publication] | None:
        """All that is to be sent, in order; None while something is missing."""
        if self._older is None:
            return None
        if self._until is not None:
            epoch, offset = self._until
            last = next(one for one in reversed(self._held) if one.offset)
            if last.epoch == epoch and last.offset < offset:
                return None
        return self._older + self._held

    def covers(self, publication: Publication) -> bool:
        """Whether the history had it already, or what is newer."""
        return 0 < publication.offset <= self._seen.get(publication.epoch, 0)

    def end(self) -> None:
        """Nothing waits any more: all is sent, or the client has left."""
        self.holding = False
        self._held = []
        if self.asked is not None:  # nobody needs the answer any more, if there is to be one
            self.asked.cancel()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    def whenEnded(self) -> Deferred[None]:
        """Fires once it has ended."""
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        return waiter
