"""Tests of `wsapp.line`: what waits for joins and leaves is counted, and has bounds."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.slow import SlowBroker
from tests.rooms import Room, audienceOf, own
from wsapp.errors import BrokerUnavailable, OutboxFull
from wsapp.line import Line
from wsapp.metrics import BrokerMetrics
from wsapp.testing import TestServer


class LineTests(SynchronousTestCase):
    """Messages that wait for a join or a leave to be done."""

    def setUp(self) -> None:
        self.metrics = BrokerMetrics()
        self.line = Line(self.metrics, 3, 10_000)
        self.waiting: list[Deferred[None]] = []

    def put(self, message: str | bytes) -> Deferred[None]:
        """One more."""

        def do(call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
            turn: Deferred[None] = Deferred()
            self.waiting.append(turn)
            return turn.addCallback(lambda _: call())

        return self.line.put(message, do, lambda: succeed(None))

    def test_count(self) -> None:
        """So many, and no more until one need not wait any longer, however that came."""
        puts = [self.put("x") for _ in range(4)]
        self.assertEqual(len(self.waiting), 3)
        self.assertIn("3 messages", str(self.failureResultOf(puts[3], OutboxFull).value))
        self.assertEqual(self.metrics.dropped, 1)
        self.waiting[0].callback(None)
        self.successResultOf(puts[0])
        self.assertNoResult(self.put("x"))
        self.waiting[1].errback(ZeroDivisionError())
        self.failureResultOf(puts[1], ZeroDivisionError)
        self.assertNoResult(self.put("x"))
        self.failureResultOf(self.put("x"), OutboxFull)

    def test_size(self) -> None:
        """So many bytes; one that is larger than all is taken where nothing else waits."""
        self.assertNoResult(self.put(b"x" * 20_000))
        self.failureResultOf(self.put(b""), OutboxFull)
        self.waiting[0].callback(None)
        self.assertNoResult(self.put("x" * 6000))
        self.failureResultOf(self.put("x" * 6000), OutboxFull)

    def test_counted(self) -> None:
        """What waits is in the broker's figures, until its turn has come."""
        clock = Clock()
        metrics = BrokerMetrics(clock.seconds)
        line = Line(metrics)
        turns: list[Deferred[None]] = []
        published: list[Deferred[None]] = []

        def do(call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
            turns.append(Deferred())
            return turns[-1].addCallback(lambda _: call())

        def publish() -> Deferred[None]:
            published.append(Deferred())
            return published[-1]

        puts = []
        for _ in range(3):
            puts.append(line.put("x" * 100, do, publish))
            clock.advance(2)
        self.assertEqual((metrics.outbox, metrics.oldest, metrics.lag), (3, 0, 6))
        self.assertGreaterEqual(metrics.outboxBytes, 300)
        turns[0].callback(None)
        self.assertNoResult(puts[0])
        self.assertEqual((metrics.outbox, metrics.oldest), (2, 2))
        puts[2].addErrback(lambda _: None)
        puts[2].cancel()
        self.assertEqual((metrics.outbox, metrics.oldest), (1, 2))
        turns[1].callback(None)
        self.assertEqual((metrics.outbox, metrics.outboxBytes, metrics.oldest), (0, 0, None))
        published[0].callback(None)
        self.successResultOf(puts[0])

    def test_bounds(self) -> None:
        """They are those of the outbox, as docs/howto/scaling.rst has them."""
        line = Line(self.metrics)
        puts = [line.put("", lambda call: Deferred(), lambda: succeed(None)) for _ in range(20_001)]
        self.assertNoResult(puts[-2])
        self.failureResultOf(puts[-1], OutboxFull)
        line = Line(self.metrics)
        half = b"x" * (16 * 1024 * 1024 - 64)
        puts = [line.put(half, lambda call: Deferred(), lambda: succeed(None)) for _ in range(3)]
        self.assertNoResult(puts[1])
        self.failureResultOf(puts[2], OutboxFull)

    def test_questions(self) -> None:
        """Questions have a bound of their own."""
        line = Line(self.metrics, questions=2)
        turns: list[Deferred[Any]] = [Deferred() for _ in range(4)]
        given = iter(turns)
        asked = [
            line.ask(lambda call: next(given).addCallback(lambda _: call()), lambda: succeed(5))
            for _ in "abc"
        ]
        self.failureResultOf(asked[2], BrokerUnavailable)
        turns[0].callback(None)
        self.assertEqual(self.successResultOf(asked[0]), 5)
        self.assertNoResult(line.ask(lambda call: next(given), lambda: succeed(5)))

    def test_whileJoining(self) -> None:
        """What is sent to a group while joining it waits for the broker, bounded; other groups go on."""
        clock = Clock()
        broker = SlowBroker(clock, there=100)
        app = Room()
        server = TestServer({"room": app}, clock, broker=broker)
        server.advance(500)
        ann = server.connect()
        server.advance(500)
        audienceOf(server)._line = Line(broker.metrics, 100, 10_000)
        own(ann).join("lobby")
        sent = [app.group("lobby").send(str(number)) for number in range(101)]
        self.failureResultOf(sent[-1], OutboxFull)
        self.assertNoResult(app.group("elsewhere").send("hi"))
        server.advance(1000)
        for one in sent[:-1]:
            self.successResultOf(one)
        self.assertEqual(ann.messages, [str(number) for number in range(100)])

    def test_unlooked(self) -> None:
        """Who ignores what becomes of its messages fills no log with those that had no room."""

        class Full(SlowBroker):
            def publish(self, *arguments: Any) -> Deferred[None]:
                return fail(OutboxFull("full"))

            def dismiss(self, *arguments: Any) -> Deferred[None]:
                return fail(OutboxFull("full"))

        app = Room()
        TestServer({"room": app}, Clock(), broker=Full(Clock()))
        for send in (
            lambda: app.broadcast("x"),
            lambda: app.group("a").send("x"),
            lambda: app.user("ann").send("x"),
            lambda: app.user("ann").close(),
        ):
            send()
            self.failureResultOf(send(), OutboxFull)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
