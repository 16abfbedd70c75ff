"""What waits for a join or a leave to be done at the broker: counted, and not without end.

Part of :mod:`wsapp.broadcast`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail

from wsapp.errors import BrokerUnavailable, OutboxFull
from wsapp.metrics import BrokerMetrics

__all__ = ["OVERHEAD", "Line"]

#: What a publication that waits costs beside its message, so that empty messages are bounded too.
OVERHEAD = 64

#: Calls what it is given when the turn has come.
Do = Callable[[Callable[[], Deferred[Any]]], Deferred[Any]]


class Line:
    """What waits for a join or a leave to be done at the broker, of all channels: not without end.

    :param metrics: Where the messages are counted that wait.
    :param messages: How many may.
    :param size: And how many bytes of them.
    :param questions: And how many questions.
    """

    def __init__(
        self,
        metrics: BrokerMetrics,
        messages: int = 20_000,
        size: int = 32 * 1024 * 1024,
        questions: int = 10_000,
    ) -> None:
        self._metrics = metrics
        self._most = messages
        self._mostBytes = size
        self._mostQuestions = questions
        self._since: OrderedDict[object, float] = OrderedDict()
        self._bytes = 0
        self._questions = 0

    def put(self, message: str | bytes, do: Do, publish: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Let a message wait, if there is room.

        :param do: Calls *publish* when its turn has come.
        :return: What becomes of it; or it fails with :exc:`~wsapp.errors.OutboxFull`.
        """
        size = len(message) + OVERHEAD
        if len(self._since) >= self._most or (self._since and self._bytes + size > self._mostBytes):
            self._metrics.dropped += 1
            return fail(
                OutboxFull(
                    f"{len(self._since):,} messages of {self._bytes:,} bytes wait for the broker already, "
                    f"and no more than {self._most:,} of {self._mostBytes:,} may: this one is not sent"
                )
            )
        key = object()
        self._since[key] = self._metrics.clock()
        self._bytes += size
        self._count()

        def goes() -> Deferred[None]:
            over()
            return publish()

        def over(result: Any = None) -> Any:
            if self._since.pop(key, None) is not None:
                self._bytes -= size
                self._count()
            return result

        return do(goes).addBoth(over)

    def _count(self) -> None:
        oldest = next(iter(self._since.values())) if self._since else None
        self._metrics.queue("line", len(self._since), self._bytes, oldest)

    def ask(self, do: Do, call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Let a question wait.

        :return: What it is answered; or it fails with :exc:`~wsapp.errors.BrokerUnavailable`.
        """
        if self._questions >= self._mostQuestions:
            return fail(BrokerUnavailable(f"{self._questions:,} questions wait for the broker already"))
        self._questions += 1

        def done(result: Any) -> Any:
            self._questions -= 1
            return result

        return do(call).addBoth(done)
