"""Tests of `wsapp.pace`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.limits import Limits
from wsapp.pace import Paced, paced
from wsapp.wheel import Wheel
from wsapp.wire.deflate import Deflater, Inflater
from wsapp.wire.events import Close, Event, Ping, Violation
from wsapp.wire.selection import HybiReceiver, HybiSender
from wsapp.wire.versions import Receiver


class PacedCase(SynchronousTestCase):
    """One machine, and a peer."""

    def begin(self, compressed: bool = False, **limits: Any) -> None:
        """With these rates."""
        self.clock = Clock()
        self.wheel = Wheel(self.clock)  # which does not turn by itself: its time stands still
        self.limits = Limits(**limits)
        self.pauses: list[float] = []
        self.mayPause = True
        inflater, deflater = (Inflater(15, True), Deflater(15, True)) if compressed else (None, None)
        inner = HybiReceiver(self.limits, inflation=inflater)
        self.receiver = paced(inner, self.limits, self.wheel, self.clock.seconds, self.pause)
        self.sender = HybiSender(deflater=deflater, masked=True)

    def pause(self, seconds: float) -> bool:
        """The peer is to wait."""
        self.pauses.append(seconds)
        return self.mayPause

    def events(self, data: bytes = b"", count: int = 16, size: int = 1 << 20) -> list[Event]:
        """What comes of these bytes, until that wants more or is to wait."""
        if data:
            self.receiver.receive(data)
        found: list[Event] = []
        pauses = len(self.pauses)
        for _ in range(100_000):
            if self.receiver.hungry or (len(self.pauses) > pauses and self.mayPause):
                return found
            found += self.receiver.next(count, size)
        raise AssertionError("it never comes to an end")

    def say(self, *messages: str | bytes) -> bytes:
        """Messages as bytes."""
        return b"".join(self.sender.encode(message) for message in messages)


class CloseTests(PacedCase):
    """Where too much is a violation."""

    def test_off(self) -> None:
        """Without a rate it is the machine itself that is asked."""
        limits = Limits()
        inner: Receiver = HybiReceiver(limits)
        clock = Clock()
        self.assertIs(paced(inner, limits, Wheel(clock), clock.seconds, self.pause), inner)

    def test_messages(self) -> None:
        """As many at once as the burst has, then one violation behind them, and nothing more."""
        self.begin(messageRate=2, rateBurst=5)
        found = self.events(self.say(*"abcdefghijkl"))
        self.assertEqual(found[:10], list("abcdefghij"))
        self.assertEqual(found[10:], [Violation(1008, "too many messages per second")])
        self.assertEqual(self.events(self.say("more")), [])
        self.assertTrue(self.receiver.hungry)
        self.assertEqual(self.receiver.next(1, 1), [])

    def test_average(self) -> None:
        """The rate itself may be kept up for ever, by a coarse clock that stands still too."""
        self.begin(messageRate=2, rateBurst=1)
        for _ in range(1000):
            self.clock.advance(0.5)
            self.assertEqual(self.events(self.say("x")), ["x"])
        self.assertEqual(self.events(self.say("x")), ["x"])
        self.assertEqual([type(event) for event in self.events(self.say("x"))], [Violation])

    def test_slowRate(self) -> None:
        """Less than one a second: one may always come first."""
        self.begin(messageRate=0.1, rateBurst=1)
        self.assertEqual(self.events(self.say("a")), ["a"])
        self.clock.advance(9.9)
        self.assertEqual([type(event) for event in self.events(self.say("b"))], [Violation])

    def test_pings(self) -> None:
        """Pings and pongs count as messages do."""
        self.begin(messageRate=1, rateBurst=5)
        found = self.events(b"".join(self.sender.ping(b"%d" % n) for n in range(20)))
        self.assertEqual([type(event) for event in found], [Ping] * 5 + [Violation])

    def test_closeInTime(self) -> None:
        """A Close that comes within the rate is a Close."""
        self.begin(messageRate=1, rateBurst=3, byteRate=10, maxMessage=10)
        found = self.events(self.say("a", "b") + self.sender.close(1000, "bye"))
        self.assertEqual(found, ["a", "b", Close(1000, "bye")])

    def test_violationOfTheMachine(self) -> None:
        """What the machine itself finds wrong comes through."""
        self.begin(messageRate=1, rateBurst=3)
        found = self.events(self.say("a") + b"\xff\xff")
        self.assertEqual(found[0], "a")
        assert isinstance(found[1], Violation)
        self.assertEqual(found[1].code, 1002)
        self.assertEqual(self.events(b"more"), [])

    def test_bytes(self) -> None:
        """As many at once as the burst has; messages that are whole by then come first."""
        self.begin(byteRate=1000, rateBurst=2, maxMessage=1000)
        first = self.events(self.say(b"x" * 994) * 2)  # 2 * 1,002 on the wire
        self.assertEqual(first[:2], [b"x" * 994] * 2)
        self.assertEqual(first[2:], [Violation(1008, "too many bytes per second")])

    def test_largestMessage(self) -> None:
        """The largest message is never too large by itself, however slow the rate."""
        self.begin(byteRate=10, rateBurst=1, maxMessage=100_000)
        data = self.say(b"x" * 100_000)
        found = [
            event for start in range(0, len(data), 1000) for event in self.events(data[start : start + 1000])
        ]
        self.assertEqual(found, [b"x" * 100_000])

    def test_unfinished(self) -> None:
        """Bytes count before they are a message."""
        self.begin(byteRate=100, rateBurst=1, maxMessage=1000)
        self.assertEqual(self.events(bytes([0x01, 0x80, 0, 0, 0, 0])), [])
        found = self.events(bytes([0x00, 0x80, 0, 0, 0, 0]) * 300)  # empty fragments, none the last
        self.assertEqual(found, [Violation(1008, "too many bytes per second")])

    def test_inflated(self) -> None:
        """What comes of few bytes counts as what it is."""
        self.begin(compressed=True, byteRate=1000, rateBurst=1, maxMessage=20_000)
        found = self.events(self.say(*["x" * 10_000] * 5))
        self.assertEqual(found[:3], ["x" * 10_000] * 3)  # 25,000 are in the bucket
        self.assertEqual(found[3:], [Violation(1008, "too many bytes per second")])


class SlowTests(PacedCase):
    """Where too much has to wait."""

    def test_messages(self) -> None:
        """The rest waits until there is room for it, and then comes, in order."""
        self.begin(messageRate=4, rateBurst=1, ratePolicy="slow")
        self.assertEqual(self.events(self.say(*"abcdefghij")), list("abcd"))
        self.assertEqual(self.pauses, [0.25])
        self.clock.advance(0.25)
        self.assertEqual(self.events(), ["e"])
        self.clock.advance(60)
        self.assertEqual(self.events(), list("fghi"))
        self.clock.advance(0.25)
        self.assertEqual(self.events(), ["j"])

    def test_bytes(self) -> None:
        """A read that is too much is paid for before anything else is asked."""
        self.begin(byteRate=1000, rateBurst=1, ratePolicy="slow", maxMessage=1000)
        found = self.events(self.say(b"x" * 992) * 3)  # 3,000 on the wire, of 1,250
        self.assertEqual(found, [])
        self.assertEqual(self.pauses, [1.75])
        self.clock.advance(1.75)
        self.assertEqual(self.events(), [b"x" * 992] * 3)

    def test_neverLost(self) -> None:
        """Where there is no time to wait, since the connection ends, all comes at once."""
        self.begin(messageRate=1, byteRate=10, rateBurst=1, ratePolicy="slow", maxMessage=100)
        self.mayPause = False
        self.assertEqual(self.events(self.say(*["x" * 50] * 30)), ["x" * 50] * 30)

    @given(st.lists(st.integers(0, 400), min_size=1, max_size=60), st.integers(1, 2000))
    def test_all(self, sizes: list[int], cut: int) -> None:
        """Whatever is sent comes, in order, and no faster than is allowed."""
        self.begin(messageRate=5, byteRate=500, rateBurst=1, ratePolicy="slow", maxMessage=400)
        messages = [bytes([65 + number % 26]) * size for number, size in enumerate(sizes)]
        data = self.say(*messages)
        found: list[Event] = []
        for start in range(0, len(data), cut):
            self.receiver.receive(data[start : start + cut])
            while not self.receiver.hungry:
                pauses = len(self.pauses)
                found += self.receiver.next(16, 1 << 20)
                if len(self.pauses) > pauses:
                    self.assertGreater(self.pauses[-1], 0)
                    self.clock.advance(self.pauses[-1] + 1e-9)
        self.assertEqual(found, messages)
        took = self.clock.seconds()
        self.assertGreaterEqual(took + 1.001, len(messages) / 5)
        self.assertGreaterEqual(took, (sum(sizes) - 500 - cut - 400) / 500 - 1)


class PacedTests(PacedCase):
    """Its shape."""

    def test_isAReceiver(self) -> None:
        """hungry is the machine's own, and nobody sets it."""
        self.begin(messageRate=1)
        self.assertIsInstance(self.receiver, Paced)
        self.assertTrue(self.receiver.hungry)
        self.receiver.receive(b"\x81")
        self.assertFalse(self.receiver.hungry)
        self.assertRaises(AttributeError, setattr, self.receiver, "hungry", True)
