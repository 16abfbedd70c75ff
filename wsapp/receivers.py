"""Who on this node gets what is published on one channel, and in which order the broker is asked.

Part of :mod:`wsapp.broadcast`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred, succeed

from wsapp.brokers import Publication
from wsapp.client import Client
from wsapp.errors import OutboxFull
from wsapp.metrics import BrokerMetrics

__all__ = ["CatchingUp", "Line", "Receivers", "together"]

#: What a held publication costs beside its message, so that empty messages are bounded too.
OVERHEAD = 64


def together(*waited: Deferred[Any]) -> Deferred[None]:
    """Fires once all have; fails, once all have fired, with the first one's failure."""

    def outcome(results: list[tuple[bool, Any]]) -> Any:
        return next((failure for good, failure in results if not good), None)

    return DeferredList(waited, consumeErrors=True).addCallback(outcome)


class Line:
    """Messages of all channels that wait for a join or a leave to be done at the broker: not without end.

    :param messages: How many may wait.
    :param size: And how many bytes of them.
    """

    def __init__(self, metrics: BrokerMetrics, messages: int = 10_000, size: int = 16 * 1024 * 1024) -> None:
        self._metrics = metrics
        self._most = messages
        self._mostBytes = size
        self._messages = 0
        self._bytes = 0

    def put(self, message: str | bytes, publish: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Let a message wait, if there is room.

        :param publish: Called to let it wait; its Deferred fires when it need not any more.
        :return: That Deferred; or it fails with :exc:`~wsapp.errors.OutboxFull`.
        """
        size = len(message) + OVERHEAD
        if self._messages >= self._most or (self._messages and self._bytes + size > self._mostBytes):
            self._metrics.dropped += 1
            return fail(
                OutboxFull(
                    f"{self._messages:,} messages of {self._bytes:,} bytes wait for the broker already, and "
                    f"no more than {self._most:,} of {self._mostBytes:,} may: this one is not sent"
                )
            )
        self._messages += 1
        self._bytes += size

        def done(result: Any) -> Any:
            self._messages -= 1
            self._bytes -= size
            return result

        return publish().addBoth(done)


class CatchingUp:
    """A client between joining a group and having been sent what the group remembers.

    The history is asked for once live messages come, so it ends with one that is followed by live
    ones only.  It may be shorter than what has come live meanwhile, and have what is still on its way
    here.  So that nothing is missing, doubled or out of order, either

    * nothing has come live yet: the history is sent, and what comes that is not newer is left out; or
    * something has: of the history only what is older is sent, then what has come, once it has come
      as far as the history goes.

    :param limit: Bytes of live messages that may wait for that.
    """

    __slots__ = ("_held", "_limit", "_older", "_seen", "_size", "_until", "_waiters", "holding")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[Publication] = []
        self._size = 0
        self._older: list[Publication] | None = None  # None: not known yet
        self._until: tuple[str, int] | None = None
        self._seen = ("", 0)
        self._waiters: list[Deferred[None]] = []
        #: Whether live messages have to wait.
        self.holding = True

    def hold(self, publication: Publication) -> bool:
        """Keep a live message for later.

        :return: False where more wait than may.
        """
        self._size += publication.size + OVERHEAD
        self._held.append(publication)
        return self._size <= self._limit

    def remember(self, history: list[Publication]) -> None:
        """The history is there."""
        self._older = history
        if not history:
            return
        epoch, offset = history[-1].epoch, history[-1].offset
        first = next((one.offset for one in self._held if one.offset and one.epoch == epoch), None)
        if first is None:
            self._seen = (epoch, offset)
            if self._held and self._held[-1].epoch != epoch and self._held[-1].time < history[0].time:
                # The broker has forgotten what has come live, and remembers what came after that.
                self._older, self._held = self._held + history, []
        else:
            self._until = (epoch, offset)
            self._older = [one for one in history if one.epoch != epoch or one.offset < first]

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
        epoch, offset = self._seen
        return publication.epoch == epoch and 0 < publication.offset <= offset

    def end(self) -> None:
        """Nothing waits any more: all is sent, or the client has left."""
        self.holding = False
        self._held = []
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    def whenEnded(self) -> Deferred[None]:
        """Fires once it has ended."""
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        return waiter


class Receivers:
    """The clients of this node that one channel goes to.

    What the broker is asked for the channel goes in the order of the calls; while subscribing or
    unsubscribing is under way, the rest waits.

    :param idle: Called when nothing waits any more.
    :ivar subscribed: Whether the broker gives us what is published.
    :ivar ending: Whether that is being given up: what still comes is for nobody, least of all for who
        joins now and would miss what is published before it is subscribed to anew.
    """

    __slots__ = ("_blocked", "_catching", "_idle", "_running", "_waiting", "clients", "ending", "subscribed")

    def __init__(self, idle: Callable[[Receivers], None]) -> None:
        self.clients: dict[Client, CatchingUp | None] = {}
        self.subscribed = False
        self.ending = False
        self._idle = idle
        self._catching: dict[CatchingUp, None] = {}
        self._waiting: deque[tuple[Callable[[], Deferred[Any]], Deferred[Any], bool]] = deque()
        self._blocked = False
        self._running = False

    # The clients

    def put(self, client: Client, late: CatchingUp | None = None) -> None:
        """One more."""
        self.clients[client] = late
        if late is not None:
            self._catching[late] = None

    def drop(self, client: Client) -> None:
        """One less."""
        late = self.clients.pop(client, None)
        if late is not None:
            self.caughtUp(late)

    def caughtUp(self, late: CatchingUp) -> None:
        """A client need not be waited for any more."""
        self._catching.pop(late, None)
        late.end()

    def whenAllCaughtUp(self) -> Deferred[None] | None:
        """Fires once all messages that are held now have been sent; None where there are none."""
        return together(*[late.whenEnded() for late in self._catching]) if self._catching else None

    # The broker

    def subscribe(self, call: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Subscribe, unless that has been done when its turn comes."""

        def done(_: object) -> None:
            self.subscribed = True

        return self._wait(lambda: succeed(None) if self.subscribed else call().addCallback(done), True)

    def unsubscribe(self, call: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Unsubscribe, unless somebody is there (again) when its turn comes."""

        def turn() -> Deferred[None]:
            if self.clients:
                return succeed(None)
            self.subscribed = False  # even if it fails: the next one to come asks again
            self.ending = True
            return call().addBoth(ended)

        def ended(result: Any) -> Any:
            self.ending = False
            return result

        return self._wait(turn, True)

    @property
    def free(self) -> bool:
        """Whether what the broker is asked for the channel goes there at once."""
        return not (self._waiting or self._blocked or self._running)

    def do(self, call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Ask for anything else."""
        return call() if self.free else self._wait(call, False)

    def _wait(self, call: Callable[[], Deferred[Any]], blocks: bool) -> Deferred[Any]:
        outcome: Deferred[Any] = Deferred()
        self._waiting.append((call, outcome, blocks))
        self._run()
        return outcome

    def _run(self) -> None:
        if self._running:
            return
        self._running = True
        while self._waiting and not self._blocked:
            call, outcome, blocks = self._waiting.popleft()
            if outcome.called and not blocks:
                continue  # cancelled meanwhile
            self._blocked = blocks
            maybeDeferred(call).addBoth(self._done, outcome, blocks)
        self._running = False
        if not self._blocked:
            self._idle(self)

    def _done(self, result: object, outcome: Deferred[Any], blocks: bool) -> None:
        if blocks:
            self._blocked = False
        outcome.callback(result)
        self._run()
