"""Tests of `wsapp.relay.channel`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import random
import struct

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.relay.hall import pipe
from wsapp.relay.channel import DATA, END, NO, OPEN, WINDOW, YES, Channel


class Person:
    """Somebody with a channel: writes down what happens to it."""

    def __init__(self, takes: bool = True) -> None:
        self.channel = Channel(self)
        self.takes = takes
        self.log: list[tuple[bytes, bytes] | str] = []
        self.data = b""

    def connected(self) -> None:
        """Somebody is there."""
        self.log.append("connected")

    def heard(self, kind: bytes, payload: bytes) -> None:
        """Something is said."""
        if kind == DATA:
            self.data += payload
            if self.takes:
                self.channel.took(len(payload))
        else:
            self.log.append((kind, payload))

    def moved(self) -> None:
        """All has left."""
        self.log.append("moved")

    def gone(self) -> None:
        """It is over."""
        self.log.append("gone")


class ChannelTests(SynchronousTestCase):
    """Two ends."""

    def meet(self, piece: int = 1 << 30, takes: bool = True) -> tuple[Person, Person]:
        """:return: Who has dialed, and who was there."""
        self.clock = Clock()
        ann, bob = Person(), Person(takes)
        self.ends = pipe(self.clock, ann.channel, bob.channel, piece)
        return ann, bob

    def settle(self) -> None:
        """Let everything arrive."""
        while self.clock.getDelayedCalls():
            self.clock.advance(0)

    def test_words(self) -> None:
        """What is said arrives, in whatever pieces."""
        for piece in (1, 2, 3, 1000):
            ann, bob = self.meet(piece)
            ann.channel.say(OPEN, b"{}")
            ann.channel.send(b"abc")
            bob.channel.say(YES)
            self.settle()
            self.assertEqual(bob.log, ["connected", (OPEN, b"{}")])
            self.assertEqual(bob.data, b"abc")
            self.assertEqual(ann.log, ["connected", (YES, b"")])

    def test_window(self) -> None:
        """No more is on its way than the window; what is taken makes room."""
        ann, bob = self.meet(takes=False)
        sent = random.Random(1).randbytes(3 * WINDOW)
        ann.channel.send(sent)
        self.settle()
        self.assertEqual(bob.data, sent[:WINDOW])
        self.assertTrue(ann.channel.full)
        bob.channel.took(1000)
        self.settle()
        self.assertEqual(len(bob.data), WINDOW + 1000)
        bob.takes = True
        bob.channel.took(WINDOW)
        self.settle()
        self.assertEqual(bob.data, sent)
        self.assertFalse(ann.channel.full)
        self.assertEqual(ann.log, ["connected", "moved"])

    def test_wordsOvertake(self) -> None:
        """Words need no leave; those of an end come behind all bytes."""
        ann, bob = self.meet(takes=False)
        ann.channel.send((WINDOW + 5) * b"x")
        ann.channel.finish(END, close=True)
        ann.channel.say(NO)
        self.settle()
        self.assertEqual(bob.log, ["connected", (NO, b"")])
        bob.channel.took(WINDOW)
        self.settle()
        self.assertEqual(bob.log, ["connected", (NO, b""), (END, b""), "gone"])
        self.assertEqual(len(bob.data), WINDOW + 5)
        self.assertEqual(ann.log[-1], "gone")

    def test_abort(self) -> None:
        """At once, whatever waits; both are told once, and nothing is sent or heard any more."""
        ann, bob = self.meet(takes=False)
        ann.channel.send(2 * WINDOW * b"x")
        self.settle()
        bob.channel.abort()
        self.settle()
        self.assertEqual([ann.log, bob.log], [["connected", "gone"]] * 2)
        self.assertTrue(ann.channel.closed and bob.channel.closed)
        ann.channel.say(YES)
        ann.channel.send(b"x")
        ann.channel.finish(END, close=True)
        ann.channel.abort()
        self.assertFalse(ann.channel.full)
        self.settle()
        self.assertEqual([ann.log, bob.log], [["connected", "gone"]] * 2)

    def test_abortBefore(self) -> None:
        """Before there is anybody: as soon as there is."""
        ann, bob = Person(), Person()
        clock = self.clock = Clock()
        ann.channel.abort()
        pipe(clock, ann.channel, bob.channel)
        self.settle()
        self.assertEqual(ann.log, ["gone"])
        self.assertEqual(bob.log, ["connected", "gone"])

    def test_notConnected(self) -> None:
        """There is nobody."""
        ann = Person()
        ann.channel.notConnected()
        self.assertEqual(ann.log, ["gone"])
        self.assertTrue(ann.channel.closed)

    def test_strangers(self) -> None:
        """What no sibling sends ends it: frames too long, and more bytes than there was leave for."""
        for data in (
            b"x" * 5,
            b"d" + struct.pack("!I", WINDOW + 1) + (WINDOW + 1) * b"x",
            (b"d" + struct.pack("!I", WINDOW // 2) + (WINDOW // 2) * b"x") * 3,
        ):
            _, bob = self.meet(takes=False)
            self.ends[0].write(data)
            self.settle()
            self.assertEqual(bob.log, ["connected", "gone"])
            self.assertLessEqual(len(bob.data), WINDOW)

    def test_anyPieces(self) -> None:
        """Long conversations, in pieces of any size: the same bytes in the same order."""
        chance = random.Random(3)
        for _ in range(20):
            ann, bob = self.meet(chance.choice([1, 5, 100, 5000, 100_000]))
            said = [chance.randbytes(chance.randrange(0, 3000)) for _ in range(100)]
            for each in said:
                ann.channel.send(each)
                bob.channel.send(each[::-1])
                if chance.random() < 0.2:
                    self.settle()
            self.settle()
            self.assertEqual(bob.data, b"".join(said))
            self.assertEqual(ann.data, b"".join(each[::-1] for each in said))
