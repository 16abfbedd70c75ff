"""Tests of `wsapp.metrics`: what counts what."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.task import Clock

from tests.peers import Recorder, ServedCase, World, head, opening
from wsapp.client import Client
from wsapp.metrics import BrokerMetrics


def clumsy(client: Client, message: str) -> None:
    """A hook that fails on one message."""
    if message == "fail":
        raise ZeroDivisionError
    client.send(message)


class MetricsTests(ServedCase):
    """A server's counters."""

    def test_beginning(self) -> None:
        """All is zero."""
        metrics = World().terms.metrics
        counters = {name: value for name, value in vars(metrics).items() if name != "broker"}
        self.assertEqual({type(value) for value in counters.values() if not value}.__len__(), 2)
        self.assertFalse(any(counters.values()))
        broker = vars(metrics.broker)
        self.assertEqual(broker["state"], "up")  # the one in memory always is
        self.assertFalse(any(value for name, value in broker.items() if name not in ("state", "clock")))
        self.assertEqual(metrics.broker.lag, 0)

    def test_lag(self) -> None:
        """How long the oldest waits; where none does, how long the last one has."""
        clock = Clock()
        broker = BrokerMetrics(clock.seconds)
        broker.waited = 2.0
        self.assertEqual(broker.lag, 2)
        broker.queue("outbox", 2, 100, clock.seconds())
        self.assertEqual(broker.lag, 0)
        clock.advance(5)
        self.assertEqual(broker.lag, 5)

    def test_queues(self) -> None:
        """What waits in all queues counts."""
        broker = BrokerMetrics()
        self.assertEqual((broker.outbox, broker.outboxBytes, broker.oldest), (0, 0, None))
        broker.queue("outbox", 2, 100, 5.0)
        broker.queue("line", 3, 10, 4.0)
        self.assertEqual((broker.outbox, broker.outboxBytes, broker.oldest), (5, 110, 4.0))
        broker.queue("line", 0, 0, None)
        self.assertEqual((broker.outbox, broker.outboxBytes, broker.oldest), (2, 100, 5.0))

    def test_broker(self) -> None:
        """What goes through it, here the one in memory."""
        world = World()
        world.open()
        world.app.broadcast("hi")
        world.app.group("nobody").send("hi")
        broker = world.terms.metrics.broker
        self.assertEqual((broker.published, broker.received, broker.outbox), (2, 1, 0))

    def test_life(self) -> None:
        """What each event counts for."""
        world = World(Recorder(onMessage=clumsy), limits={"maxSendBuffer": 1000})
        metrics = world.terms.metrics
        world.peer().feed(head("Upgrade: websocket"))
        self.assertEqual((metrics.connections, metrics.clients, metrics.refused), (1, 0, {400: 1}))
        ann, old = world.open(), world.open("hixie-76")
        self.assertEqual((metrics.connections, metrics.clients), (3, 2))
        ann.send("a", "b")
        self.assertEqual((metrics.messagesIn, metrics.messagesOut), (2, 2))
        world.app.broadcast(b"binary")
        self.assertEqual((metrics.skipped, metrics.messagesOut), (1, 3))
        ann.take()
        ann.send("fail")
        self.flushLoggedErrors(ZeroDivisionError)
        ann.events()
        ann.lose()
        self.assertEqual((metrics.failedHooks, metrics.closed), (1, {1011: 1}))
        old.close()
        old.take()
        world.settle()
        self.assertEqual(metrics.closed, {1011: 1, 1005: 1})

    def test_overrun(self) -> None:
        """A client that does not read is counted once."""
        world = World(limits={"maxSendBuffer": 1000})
        world.open(bufferSize=100)
        for _ in range(10):
            world.app.broadcast("x" * 400)
            world.clock.advance(0)
        metrics = world.terms.metrics
        self.assertEqual((metrics.overrun, metrics.messagesOut), (1, 3))

    def test_rejected(self) -> None:
        """Handshakes that no version serves."""
        world = World()
        world.peer().feed(opening().replace(b"Version: 13", b"Version: 12"))
        self.assertEqual(world.terms.metrics.refused, {426: 1})
