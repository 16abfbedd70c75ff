"""What was published here and the broker has not acknowledged: bounded, in order, sent again when need be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from wsapp.brokers.redis.health import ANEW, ANSWERS, codeOf, explain
from wsapp.brokers.redis.link import backoff, isLoss
from wsapp.brokers.redis.scripts import PUBLISH
from wsapp.errors import BrokerUnavailable, OutboxFull
from wsapp.metrics import BrokerMetrics

__all__ = ["Outbox"]

#: How many may be on their way at once; the broker answers them in order.
WINDOW = 512

#: What a message costs beside its bytes, so that empty ones are bounded too.
OVERHEAD = 256

#: Milliseconds that the broker knows what a publisher published last.
REMEMBERED = 24 * 3600 * 1000


class _Entry:
    __slots__ = ("answer", "arguments", "keys", "payload", "sequence", "since", "size")

    def __init__(
        self, sequence: int, keys: list[bytes], payload: bytes, arguments: list[Any], since: float
    ) -> None:
        self.sequence = sequence
        self.keys = keys
        self.payload = payload
        self.arguments = arguments
        self.size = len(payload) + OVERHEAD
        self.since = since
        self.answer: Deferred[tuple[str, int]] = Deferred()


class Outbox:
    """A queue of publications.

    Each has a number, one more than the one before it.  Those not acknowledged when a connection ends go out
    again on the next with the same numbers, by which ``publish.lua`` knows what it has done already, and
    what is yet to come.

    :param publisher: The random id under which the numbers count.
    :param most: Messages that may wait.
    :param size: Bytes that may.
    :param trouble: As for :class:`~wsapp.brokers.redis.requests.Requests`; so is *restart*.
    :param note: Called with what a person should know of.
    """

    def __init__(
        self,
        clock: IReactorTime,
        publisher: bytes,
        most: int,
        size: int,
        metrics: BrokerMetrics,
        trouble: Callable[[str | None], None],
        restart: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._publisher = publisher
        self._most = most
        self._size = size
        self._metrics = metrics
        self._trouble = trouble
        self._restart = restart
        self._note = note
        self._full = False
        self._entries: deque[_Entry] = deque()
        self._sequence = 0
        self._bytes = 0
        self._connection: Any = None
        self._sent = 0  # so many of the first entries are on their way
        self._answers = 0  # and so many answers are to come, those of entries that go out again too
        self._refusals = 0
        self._held = False
        self._paused: IDelayedCall | None = None
        self._emptied: Deferred[None] | None = None
        self._stopped = False

    def put(
        self, keys: list[bytes], news: bytes, payload: bytes, arguments: list[Any]
    ) -> Deferred[tuple[str, int]]:
        """Publish.

        :param keys: Those of the stream, the place, the sequence, the origin.
        :param news: The pub/sub channel.
        :param arguments: What follows the payload.
        :return: Fires with epoch and offset once the broker has it; fails with :exc:`OutboxFull` where
            there is no room, with :exc:`BrokerUnavailable` where it will never go out.
        """
        if self._stopped:
            return fail(BrokerUnavailable("the service has been stopped"))
        # A message larger than all of it is taken where nothing else waits.
        if len(self._entries) >= self._most or (
            self._entries and self._bytes + len(payload) + OVERHEAD > self._size
        ):
            self._metrics.dropped += 1
            if not self._full:
                self._full = True
                self._note(
                    f"{len(self._entries):,} messages of {self._bytes:,} bytes wait for it, and no more may: "
                    "what is sent now is dropped, as its Deferred says"
                )
            return fail(
                OutboxFull(
                    f"{len(self._entries):,} messages of {self._bytes:,} bytes wait for the broker already, "
                    f"and no more than {self._most:,} of {self._size:,} may: this one is not sent; wait for "
                    "the Deferred of one send before the next"
                )
            )
        self._sequence += 1
        entry = _Entry(self._sequence, keys, payload, [news, *arguments], self._clock.seconds())
        self._entries.append(entry)
        self._bytes += entry.size
        self._count()
        self._pump()
        return entry.answer

    def up(self, connection: Any) -> None:
        """There is a connection: a new one, or that which there was when :meth:`hold` was called."""
        self._held = False
        if connection is not self._connection:
            self._connection = connection
            self._sent = self._answers = 0
        self._pump()

    def hold(self) -> None:
        """Send nothing for now; what is on its way may still be acknowledged."""
        self._held = True

    def down(self) -> None:
        """There is none any more: what is not acknowledged goes out again."""
        self._connection = None

    def whenEmpty(self) -> Deferred[None]:
        """Fires once everything has been acknowledged."""
        self._emptied = Deferred()
        emptied = self._emptied
        self._look()
        return emptied

    def stop(self) -> int:
        """End.

        :return: How many messages were not acknowledged: their Deferreds fail.
        """
        self._stopped = True
        self._connection = None
        if self._paused is not None and self._paused.active():
            self._paused.cancel()
        left, self._entries = self._entries, deque()
        for entry in left:
            if not entry.answer.called:
                entry.answer.errback(Failure(BrokerUnavailable("the service has been stopped")))
        return len(left)

    # Going out

    def _pump(self) -> None:
        if self._connection is None or self._held or self._paused is not None:
            return
        entries = self._entries
        while self._sent < len(entries) and self._answers < WINDOW:
            entry = entries[self._sent]
            news, *arguments = entry.arguments
            words = PUBLISH.words(
                entry.keys,
                [
                    news,
                    self._publisher,
                    entry.sequence,
                    entries[0].sequence,
                    entry.payload,
                    *arguments,
                    REMEMBERED,
                ],
            )
            self._sent += 1
            self._answers += 1
            answer = self._connection.execute_command(*words)
            answer.addCallbacks(
                self._acknowledged, self._refused, (entry, self._connection), {}, (entry, self._connection)
            )

    def _acknowledged(self, result: Any, entry: _Entry, connection: Any) -> None:
        if connection is not self._connection:
            return
        self._answers -= 1
        self._metrics.published += 1
        if self._refusals:
            self._refusals = 0
            self._trouble(None)
        self._leaves(entry)
        if len(result) > 2:
            self._note(
                f"somebody else has written to {entry.keys[0].decode(errors='backslashreplace')}, which is "
                "wsapp's: offsets go on behind that, no message is lost"
            )
        if not entry.answer.called:
            entry.answer.callback((result[0].decode(), result[1]))
        self._pump()

    def _leaves(self, entry: _Entry) -> None:
        """The oldest is done with."""
        assert self._entries[0] is entry, "the broker answers in order"
        self._entries.popleft()
        self._sent -= 1
        self._bytes -= entry.size
        if len(self._entries) * 2 < self._most and self._bytes * 2 < self._size:
            self._full = False
        self._metrics.waited = self._clock.seconds() - entry.since
        self._count()
        self._look()

    def _refused(self, failure: Failure, entry: _Entry, connection: Any) -> None:
        if connection is not self._connection or isLoss(failure.value):
            return
        self._answers -= 1
        code = codeOf(failure.value)
        if code in ANEW:
            self._restart(explain(failure.value))
        elif code not in ANSWERS and self._entries and self._entries[0] is entry and self._sent:
            # It can never go out: the others need not wait for it.
            self._leaves(entry)
            self._rewind()
            refusal = BrokerUnavailable(f"the broker refuses: {explain(failure.value)}")
            if not entry.answer.called:
                entry.answer.errback(Failure(refusal))
        else:
            if code != "EARLY":
                self._trouble(explain(failure.value))
            self._rewind()

    def _rewind(self) -> None:
        """Begin with the oldest again, after a while; what is under way will be refused as well."""
        self._sent = 0
        if self._paused is None:
            self._refusals += 1
            self._paused = self._clock.callLater(backoff(self._refusals), self._resume)

    def _resume(self) -> None:
        self._paused = None
        if self._answers:  # of what was on its way when the oldest was refused
            self._paused = self._clock.callLater(backoff(1), self._resume)
        else:
            self._pump()

    def _count(self) -> None:
        oldest = self._entries[0].since if self._entries else None
        self._metrics.queue("outbox", len(self._entries), self._bytes, oldest)

    def _look(self) -> None:
        if self._emptied is not None and not self._entries:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)
