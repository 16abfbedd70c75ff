"""A broker as those beyond this process are: everything takes its time, and news has a way of its own.

What several nodes' brokers share is a :class:`Hub`; each of them reaches it after a while, is answered
after a while, and is told what was published by yet another way, with its own delay: so an answer can
overtake news and the other way round, as with a server that is spoken to over two connections.
"""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from wsapp.brokers import Channel, Deliver, Dismissal, Keep, Member, Publication
from wsapp.brokers.memory import MemoryBroker
from wsapp.errors import WsappError
from wsapp.metrics import BrokerMetrics

__all__ = ["Hub", "SlowBroker"]


class Hub:
    """What the nodes' brokers talk to.

    :ivar nodes: The brokers, and the channels that each has subscribed to.
    """

    def __init__(self, clock: Clock) -> None:
        self.memory = MemoryBroker(clock, clock.seconds)
        self.memory.start(self._tell)
        self.nodes: dict[SlowBroker, set[Channel]] = {}

    def _tell(self, channel: Channel, item: Publication | Dismissal) -> None:
        for node, channels in self.nodes.items():
            if channel in channels:
                node.news(channel, item)


class SlowBroker:
    """One node's.

    :param there: Seconds until a request is at the hub.
    :param back: Seconds until its answer is here.
    :param telling: Seconds that news takes.
    :param recalling: Seconds until the answer is here where the history is asked for, if not as for others.
    :ivar failing: Names of operations that fail, at the hub.
    :ivar asked: Names of all operations that came to the hub, in order.
    """

    def __init__(
        self,
        clock: Clock,
        hub: Hub | None = None,
        there: float = 0.02,
        back: float = 0.02,
        telling: float = 0.05,
        recalling: float | None = None,
    ) -> None:
        self.hub = hub or Hub(clock)
        self.there = there
        self.back = back
        self.telling = telling
        self.recalling = recalling
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self.metrics = BrokerMetrics()
        self.reachable = True
        self._clock = clock
        self._deliver: Deliver | None = None

    def news(self, channel: Channel, item: Publication | Dismissal) -> None:
        """The hub tells."""
        self._clock.callLater(self.telling, self._arrive, channel, item)

    def _arrive(self, channel: Channel, item: Publication | Dismissal) -> None:
        if self._deliver is not None:
            self._deliver(channel, item)

    def _ask(self, name: str, call: Callable[[], Any], back: float | None = None) -> Deferred[Any]:
        """Have the hub do something."""
        answer: Deferred[Any] = Deferred()

        def atHub() -> None:
            self.asked.append(name)
            if name in self.failing:
                self._clock.callLater(self.back, self._answer, answer, Failure(WsappError(f"no {name}")))
                return
            results: list[Any] = [None]
            result = call()
            if isinstance(result, Deferred):
                result.addBoth(lambda value: results.append(value))
            self._clock.callLater(self.back if back is None else back, self._answer, answer, results[-1])

        self._clock.callLater(self.there, atHub)
        return answer

    def _answer(self, answer: Deferred[Any], result: Any) -> None:
        answer.callback(result)

    # Broker

    def start(self, deliver: Deliver) -> Deferred[None]:
        """Join the hub's nodes."""
        self._deliver = deliver
        return self._ask("start", lambda: self.hub.nodes.setdefault(self, set()))

    def stop(self) -> Deferred[None]:
        """Leave them."""
        self._deliver = None
        return self._ask("stop", lambda: self.hub.nodes.pop(self, None))

    def subscribe(self, channel: Channel) -> Deferred[None]:
        """At the hub."""

        def call() -> None:
            self.hub.memory.subscribe(channel)
            self.hub.nodes[self].add(channel)

        return self._ask("subscribe", call)

    def unsubscribe(self, channel: Channel) -> Deferred[None]:
        """The answer does not overtake the last news."""
        return self._ask(
            "unsubscribe", lambda: self.hub.nodes[self].discard(channel), max(self.back, self.telling)
        )

    def publish(
        self, channel: Channel, message: str | bytes, exclude: frozenset[str], keep: Keep | None
    ) -> Deferred[None]:
        """The answer does not overtake the news."""
        return self._ask(
            "publish",
            lambda: self.hub.memory.publish(channel, message, exclude, keep),
            max(self.back, self.telling),
        )

    def dismiss(self, channel: Channel, dismissal: Dismissal) -> Deferred[None]:
        """Nor here."""
        return self._ask(
            "dismiss", lambda: self.hub.memory.dismiss(channel, dismissal), max(self.back, self.telling)
        )

    def history(self, channel: Channel, limit: int) -> Deferred[list[Publication]]:
        """The hub's."""
        return self._ask("history", lambda: self.hub.memory.history(channel, limit), self.recalling)

    def since(self, channel: Channel, epoch: str, offset: int) -> Deferred[list[Publication]]:
        """The hub's."""
        return self._ask("since", lambda: self.hub.memory.since(channel, epoch, offset))

    def enter(self, channel: Channel, member: Member) -> Deferred[None]:
        """At the hub."""
        return self._ask("enter", lambda: self.hub.memory.enter(channel, member))

    def leave(self, channel: Channel, identity: str) -> Deferred[None]:
        """At the hub."""
        return self._ask("leave", lambda: self.hub.memory.leave(channel, identity))

    def members(self, channel: Channel) -> Deferred[list[Member]]:
        """The hub's."""
        return self._ask("members", lambda: self.hub.memory.members(channel))
