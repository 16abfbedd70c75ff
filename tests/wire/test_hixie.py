"""Tests of `wsapp.wire.hixie`."""

from __future__ import annotations

from tests.wire.case import Case
from tests.wire.machines import WIRES, atOnce
from tests.wire.suite import MachineSuite
from tests.wire.vectors import HIXIE_FRAMES
from wsapp.errors import UnsupportedByVersion
from wsapp.limits import Limits
from wsapp.wire.events import Close, Pong, Violation
from wsapp.wire.hixie import HixieReceiver, HixieSender

NOTHING = Pong(b"")


class HixieSuite(MachineSuite):
    """What both versions share beyond the suite."""

    def test_vectors(self) -> None:
        """Messages, and frames of other types, which are read and discarded."""
        for name, data, events in HIXIE_FRAMES:
            with self.subTest(name):
                self.everyCut(data, events)

    def test_messages(self) -> None:
        """A message is 00, UTF-8, FF."""
        sender = self.wire.sender()
        self.assertEqual(sender.encode("é"), b"\x00\xc3\xa9\xff")
        self.assertEqual(sender.encode(""), b"\x00\xff")

    def test_pieces(self) -> None:
        """A large message, which is asked for in pieces, is the same frame."""
        sender = self.wire.sender()
        self.assertEqual(b"".join(sender.pieces("é" * 40_000)), sender.encode("é" * 40_000))
        self.raised(UnsupportedByVersion, sender.pieces, b"x" * 70_000)

    def test_noBinaryNoPing(self) -> None:
        """These versions have neither, and an error says so; a pong is never asked for."""
        sender = self.wire.sender()
        self.assertIn("str", str(self.raised(UnsupportedByVersion, sender.encode, b"a")))
        self.assertIn("ping", str(self.raised(UnsupportedByVersion, sender.ping, b"")))
        self.assertEqual(sender.pong(b"a"), b"")
        self.assertFalse(sender.hasBinary or sender.hasPing)
        self.assertEqual(sender.form, HixieSender(True).form)

    def test_textWithoutEnd(self) -> None:
        """A text that never ends is bounded by the message limit, whether it is kept or discarded."""
        for kind in (b"\x00", b"\x01", b"\x7f"):
            receiver = self.wire.receiver(Limits(maxMessage=1000))
            self.assertEqual(atOnce(receiver, kind + b"x" * 1000), [])
            (event,) = atOnce(receiver, b"x")
            self.assertIsInstance(event, Violation)
            self.assertEqual(event[0], 1009)

    def test_discardedCounts(self) -> None:
        """A frame that is discarded counts as an event: a read full of them is not gone through in one go."""
        for unit in (b"\x01\xff", b"\x01abc\xff", b"\x80\x00", b"\x80\x80\x80\x00", b"\x80\x03abc"):
            receiver = self.wire.receiver()
            receiver.receive(unit * 20)
            self.assertEqual(receiver.next(16, 1), [NOTHING] * 16)
            self.assertFalse(receiver.hungry)
            self.assertEqual(receiver.next(16, 1), [NOTHING] * 4)
            self.assertTrue(receiver.hungry)

    def test_discardedTextOfTheLimit(self) -> None:
        """A frame to discard may be as long as a message."""
        limits = Limits(maxMessage=10)
        self.everyCut(b"\x01" + b"x" * 10 + b"\xff\x00a\xff", [NOTHING, "a"], limits)
        self.everyCut(b"\x80\x0a" + b"x" * 10 + b"\x00a\xff", [NOTHING, "a"], limits)
        violation = Violation(1009, "a frame to discard is larger than 10 bytes")
        self.everyCut(b"\x01" + b"x" * 11 + b"\xff", [violation], limits)
        self.everyCut(b"\x80\x0b", [violation], limits)

    def test_lengthThatNeverEnds(self) -> None:
        """A length has an end: by its value, or by its count of digits if it is of zeros."""
        self.everyCut(b"\x80" + b"\x80" * 9, [Violation(1002, "a frame's length does not end")])
        self.everyCut(b"\x80" + b"\x80" * 8 + b"\x01x\x00a\xff", [NOTHING, "a"])
        for data in (b"\x80" + b"\xff" * 100, b"\x80\xff\xff\xff\x7f", b"\xff" * 100):
            (event,) = atOnce(self.wire.receiver(), data)
            self.assertEqual(event[0], 1009)


class Hixie75Tests(HixieSuite, Case):
    """hixie-75."""

    wire = WIRES["hixie-75"]

    def test_noClose(self) -> None:
        """FF 00 is an empty frame; our close is the end of TCP."""
        self.assertEqual(atOnce(self.wire.receiver(), b"\xff\x00\x00a\xff"), [NOTHING, "a"])
        self.assertEqual(self.wire.sender().close(1000, "bye"), b"")


class Hixie76Tests(HixieSuite, Case):
    """hixie-76."""

    wire = WIRES["hixie-76"]

    def test_closeVector(self) -> None:
        """FF 00 closes, both ways; there is no code."""
        self.everyCut(b"\x00a\xff\xff\x00\x00b\xff", ["a", Close(1005, "")])
        self.assertEqual(self.wire.sender().close(1011, "why"), b"\xff\x00")
        self.assertEqual(atOnce(HixieReceiver(Limits()), HixieSender().close(1000, "")), [Close(1005, "")])

    def test_closeWithLeadingZeros(self) -> None:
        """It is the length that is 0, however it is written."""
        self.everyCut(b"\xff\x80\x80\x00", [Close(1005, "")])

    def test_otherTypesDoNotClose(self) -> None:
        """FE 00 is an empty frame."""
        self.everyCut(b"\xfe\x00\x80\x00\x00a\xff", [NOTHING, NOTHING, "a"])
