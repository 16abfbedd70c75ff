"""Tests of `wsapp.brokers.memory`, and of the suite's slow broker."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.slow import Hub, SlowBroker
from tests.brokers.suite import KEEP, LOBBY, NOBODY, OTHERS, BrokerSuite
from wsapp.brokers import Broker, Dismissal, Member, Publication
from wsapp.brokers.memory import SWEEP, MemoryBroker


class Virtual(BrokerSuite):
    """The suite in virtual time."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        super().setUp()

    def passTime(self, seconds: float) -> None:
        """At once."""
        left = seconds
        while left > 0:
            self.clock.advance(min(0.05, left) if left < 2 else 1)
            left -= 0.05 if left < 2 else 1
        self.clock.advance(0)

    def seconds(self) -> float:
        """The clock's."""
        return self.clock.seconds()


class MemoryBrokerTests(Virtual, SynchronousTestCase):
    """The broker of one process."""

    def makeBroker(self) -> Broker:
        """In memory."""
        self.memory = MemoryBroker(self.clock, self.clock.seconds)
        return self.memory

    def test_atOnce(self) -> None:
        """Nothing needs time: every Deferred has fired when it is returned."""
        self.successResultOf(self.broker.subscribe(LOBBY))
        self.successResultOf(self.broker.publish(LOBBY, "hi", NOBODY, KEEP))
        self.successResultOf(self.broker.dismiss(LOBBY, Dismissal(4000, "")))
        self.successResultOf(self.broker.enter(LOBBY, Member("1", None)))
        self.assertEqual(len(self.delivered), 2)
        self.assertEqual(len(self.successResultOf(self.broker.history(LOBBY, 1))), 1)

    def test_nothingLeftBehind(self) -> None:
        """Names that came and went leave nothing: no history once it is old, no members, no timer."""
        for channel in (LOBBY, *OTHERS):
            self.done(self.broker.subscribe(channel))
            self.publish("hi", channel, KEEP)
            self.done(self.broker.enter(channel, Member("1", None)))
            self.done(self.broker.leave(channel, "1"))
            self.done(self.broker.unsubscribe(channel))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.passTime(KEEP.seconds - SWEEP / 2)
        self.assertEqual(len(self.memory._histories), len(OTHERS) + 1)
        self.passTime(2 * SWEEP)
        self.assertEqual(self.memory._histories, {})
        self.assertEqual(self.memory._members, {})
        self.assertEqual(self.memory._subscribed, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_sweepGoesOn(self) -> None:
        """As long as something is remembered, it is looked at again."""
        self.publish("1", keep=KEEP)
        self.passTime(SWEEP - 1)
        self.publish("2", keep=KEEP)
        self.passTime(2)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual([one.message for one in self.memory._histories[LOBBY].kept], ["2"])

    def test_stopLeavesNoTimer(self) -> None:
        """The end cancels it, and what is published after is neither kept nor timed."""
        self.publish("1", keep=KEEP)
        self.done(self.broker.stop())
        self.publish("2", keep=KEEP)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.done(self.broker.history(LOBBY, 9)), [])


class SlowBrokerTests(Virtual, SynchronousTestCase):
    """The slow one keeps to the rules too: news takes longer than answers."""

    telling = 0.05
    back = 0.02

    def makeBroker(self) -> Broker:
        """With a hub of its own."""
        return SlowBroker(self.clock, Hub(self.clock), back=self.back, telling=self.telling)

    def test_notAtOnce(self) -> None:
        """Nothing is done when a call returns."""
        self.assertNoResult(self.broker.subscribe(LOBBY))
        self.passTime(1)
        deferred = self.broker.publish(LOBBY, "hi", NOBODY, None)
        self.assertNoResult(deferred)
        self.assertEqual(self.delivered, [])
        self.passTime(1)
        self.assertEqual(self.messages, ["hi"])

    def test_oneOrderForAll(self) -> None:
        """All nodes are given one order, whoever published."""
        assert isinstance(self.broker, SlowBroker)
        seen: list[str | bytes] = []
        far = SlowBroker(self.clock, self.broker.hub, there=0.03, telling=0.11)

        def deliver(_: object, item: Publication | Dismissal) -> None:
            assert isinstance(item, Publication)
            seen.append(item.message)

        self.done(far.start(deliver))
        self.done(far.subscribe(LOBBY))
        self.done(self.broker.subscribe(LOBBY))
        for number in range(10):
            self.broker.publish(LOBBY, f"here {number}", NOBODY, None)
            far.publish(LOBBY, f"there {number}", NOBODY, None)
            self.clock.advance(0.007)
        self.passTime(1)
        self.assertEqual(len(seen), 20)
        self.assertEqual(seen, self.messages)


class SlowAnswersTests(SlowBrokerTests):
    """The same where answers take longer than news."""

    telling = 0.01
    back = 0.06
