"""Counters of what the server does.  Imports nothing of wsapp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

__all__ = ["BrokerMetrics", "Metrics"]


class BrokerMetrics:
    """What goes between this node and its broker.

    :ivar state: ``up``, or ``down`` while it cannot be used.
    :ivar reconnects: How often it could be used again after that.
    :ivar epochs: How often it had forgotten everything.
    :ivar published: Messages that it has acknowledged.
    :ivar received: Messages that were delivered from it on this node.
    :ivar outbox: Messages that it has not acknowledged, those too that wait for a join or a leave to be done;
    :ivar outboxBytes: and their bytes.
    :ivar oldest: Since when, by *clock*, the oldest of those waits; None where there are none.
    :ivar waited: Seconds that the last message acknowledged had waited for that.
    :ivar behind: Channels of which this node is reading what it has missed.
    :ivar dropped: Messages that were not taken, for want of room in the outbox.
    :ivar lost: How often something of a channel could not be had any more.
    """

    def __init__(self, clock: Callable[[], float] = float) -> None:
        self.clock = clock
        self._queues: dict[str, tuple[int, int, float | None]] = {}
        self.state = "up"
        self.reconnects = 0
        self.epochs = 0
        self.published = 0
        self.received = 0
        self.waited = 0.0
        self.behind = 0
        self.dropped = 0
        self.lost = 0

    def queue(self, name: str, messages: int, size: int, oldest: float | None) -> None:
        """What waits in one of the queues on the way to the broker.

        :param size: Bytes.
        :param oldest: Since when, by *clock*, the first of them does.
        """
        self._queues[name] = (messages, size, oldest)

    @property
    def outbox(self) -> int:
        return sum(messages for messages, _, _ in self._queues.values())

    @property
    def outboxBytes(self) -> int:
        return sum(size for _, size, _ in self._queues.values())

    @property
    def oldest(self) -> float | None:
        return min((oldest for _, _, oldest in self._queues.values() if oldest is not None), default=None)

    @property
    def lag(self) -> float:
        """Seconds that messages wait to be acknowledged: the oldest that is not, else the last that was."""
        return self.waited if self.oldest is None else self.clock() - self.oldest


class Metrics:
    """What has happened since the start; plain numbers that anybody may read.

    :ivar connections: TCP connections made.
    :ivar clients: Opening handshakes accepted.
    :ivar refused: Requests refused, by HTTP status.
    :ivar reasons: The same by what was wrong, as :mod:`wsapp.errors` calls it.
    :ivar turnedAway: Clients whom an application has told a close code instead of taking them, by that.
    :ivar closed: Clients gone, by close code.
    :ivar messagesIn: Messages given to applications.
    :ivar messagesOut: Messages sent to clients.
    :ivar skipped: Binary messages to groups that a hixie client could not be given.
    :ivar overrun: Clients closed because their send buffer stayed full.
    :ivar dropped: Messages not sent as the client's send buffer was full (``--backlog-policy drop``).
    :ivar tooFast: Clients closed because they sent faster than they may.
    :ivar slowed: How often reading from a client has paused for that (``--rate-policy slow``).
    :ivar failedHooks: Hooks that raised.
    :ivar detached: Clients that are kept now without a connection.
    :ivar resumed: Clients that have come back to their session.
    :ivar afresh: Clients that wanted to, and could not.
    :ivar expired: Clients that were kept and have not come back.
    :ivar unkept: Clients that were not kept, as there were too many.
    :ivar broker: Those of the broker.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.clients = 0
        self.refused: Counter[int] = Counter()
        self.reasons: Counter[str] = Counter()
        self.turnedAway: Counter[int] = Counter()
        self.closed: Counter[int] = Counter()
        self.messagesIn = 0
        self.messagesOut = 0
        self.skipped = 0
        self.overrun = 0
        self.dropped = 0
        self.tooFast = 0
        self.slowed = 0
        self.failedHooks = 0
        self.detached = 0
        self.resumed = 0
        self.afresh = 0
        self.expired = 0
        self.unkept = 0
        self.broker = BrokerMetrics()
