"""Tests of `wsapp.wire.resumption`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import unittest

from wsapp.wire.resumption import (
    OVERHEAD,
    Arrived,
    Begun,
    Broken,
    Resume,
    Resumed,
    Sent,
    acknowledgedBy,
    acknowledgement,
    parseAnswer,
    parseHello,
    unwrapped,
    weight,
    wrapped,
)


class GrammarTests(unittest.TestCase):
    """What may be said."""

    def test_firstMessages(self) -> None:
        """What is written is read; fields to come are left out."""
        for hello in (Resume("n.0.1.s", 0), Resume("x", 10**14)):
            self.assertEqual(parseHello(str(hello)), hello)
        self.assertIsNone(parseHello("new"))
        self.assertIsNone(parseHello("new and more"))
        for answer in (Begun("t", 60.0, None), Begun("t", 0.5, "chat"), Resumed(7)):
            self.assertEqual(parseAnswer(str(answer)), answer)
        self.assertEqual(parseAnswer("new t 60 chat more"), Begun("t", 60.0, "chat"))
        self.assertEqual(parseAnswer("resumed 7 more"), Resumed(7))

    def test_brokenFirstMessages(self) -> None:
        """Anything else is refused, and no number is too long to be read."""
        for text in ("", "newer", "resume", "resume t", "resume t 01", "resume t -1", "resume t 1 2", b"new"):
            self.assertRaises(Broken, parseHello, text)
        for text in ("resume t " + "9" * 16, "resume " + 201 * "t" + " 1", "resume t ١"):
            self.assertRaises(Broken, parseHello, text)
        for text in (
            "",
            "new",
            "new t",
            "new t x",
            "new t 1e9",
            "resumed",
            "resumed x",
            b"resumed 1",
            "resumedx 1",
        ):
            self.assertRaises(Broken, parseAnswer, text)

    def test_messages(self) -> None:
        """A prefix, that is all."""
        for message in ("", "text", "é", b"", b"\x00m"):
            self.assertEqual(unwrapped(wrapped(message)), message)
        for wrong in ("", "x", b"", b"a1", "M"):
            self.assertRaises(Broken, unwrapped, wrong)
        self.assertEqual(acknowledgedBy(acknowledgement(12)), 12)
        for wrong in ("a", "a-1", "a01", "a1 ", "a" + "9" * 16, "b1", "a١"):
            self.assertIsNone(acknowledgedBy(wrong))


class CounterTests(unittest.TestCase):
    """What is kept, and what has come."""

    def test_sent(self) -> None:
        """Kept until acknowledged; counts that cannot be are refused."""
        sent = Sent()
        costs = [sent.add(message) for message in ("ma", "mé", b"mxyz")]
        self.assertEqual(costs, [OVERHEAD + 2, OVERHEAD + 3, OVERHEAD + 4])
        self.assertEqual(
            (sent.acknowledge(1), sent.size, list(sent)), (costs[0], sum(costs[1:]), ["mé", b"mxyz"])
        )
        self.assertEqual(sent.acknowledge(1), 0)
        for wrong in (0, 4, -1):
            self.assertRaises(Broken, sent.acknowledge, wrong)
        self.assertEqual((sent.acknowledge(3), sent.first, sent.count), (sum(costs[1:]), 3, 3))

    def test_forget(self) -> None:
        """Past a bound the oldest go, never the newest; what was forgotten may still be acknowledged."""
        sent = Sent()
        for _ in range(10):
            sent.add("m" + 35 * "x")
        self.assertEqual((sent.forget(500), sent.first, sent.acknowledged), (400, 4, 0))
        self.assertEqual((sent.forget(0), sent.first, len(list(sent))), (500, 9, 1))
        self.assertEqual((sent.acknowledge(5), sent.first), (0, 9))
        self.assertEqual((sent.acknowledge(10), sent.size), (100, 0))
        self.assertEqual(weight("m" + 35 * "x"), 100)

    def test_arrived(self) -> None:
        """The other side is told after 64 messages, or 64 KiB."""
        arrived = Arrived()
        self.assertFalse(arrived.untold)
        self.assertEqual([arrived.add("") for _ in range(64)], 63 * [False] + [True])
        self.assertTrue(arrived.untold)
        self.assertEqual((arrived.tell(), arrived.untold), (64, False))
        self.assertFalse(arrived.add(b"x" * 65535))
        self.assertTrue(arrived.add("x"))
