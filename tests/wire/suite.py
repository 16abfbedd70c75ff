"""The suite that every version's framing machine must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.wire.machines import Wire, atOnce, cut, deflated, frame, held, inPieces
from wsapp.limits import Limits
from wsapp.wire.events import Close, Event, Pong, Violation

__all__ = ["MachineSuite", "MixedIn"]

if TYPE_CHECKING:
    from tests.wire.case import Case as MixedIn
else:
    MixedIn = object


class MachineSuite(MixedIn):
    """What every version's machine does; mix it into a test case and set :attr:`wire`."""

    wire: Wire

    def opened(self, payload: bytes) -> bytes:
        """A text message that has come as far as *payload*, and is to go on."""
        if self.wire.number is None:
            return b"\x00" + payload
        rsv = 0
        if self.wire.deflation:
            payload, rsv = deflated(payload) + b"\x00\x00\xff\xff", 4
        size = len(payload) + 1000
        return frame(1, payload, rsv=rsv, size=size, key=b"abcd" if self.wire.masked else None)

    def everyCut(self, data: bytes, expected: list[Event], limits: Limits | None = None) -> None:
        """The data says what is expected: whole, cut in two anywhere, and byte by byte."""
        self.assertEqual(atOnce(self.wire.receiver(limits), data), expected)
        for place in range(1, min(len(data), 400)):
            self.assertEqual(inPieces(self.wire.receiver(limits), cut(data, [place])), expected)
        self.assertEqual(inPieces(self.wire.receiver(limits), cut(data, range(len(data)))), expected)

    def test_text(self) -> None:
        """What the peer's sender makes of a message is that message."""
        for text in ("Hello", "", "é€😀\0", "x" * 200, "ab" * 5000, "\ud7ff\ue000\U0010ffff"):
            data = self.wire.sender().encode(text)
            self.assertEqual(atOnce(self.wire.receiver(), data), [text])
            self.assertEqual(inPieces(self.wire.receiver(), cut(data, range(len(data)))), [text])

    def test_manyMessages(self) -> None:
        """Messages in one read come in order, and so do those cut anywhere."""
        sender = self.wire.sender()
        texts: list[Event] = ["", "a", "b" * 130, "ü" * 63, "", "a" * 300]
        data = b"".join(sender.encode(text) for text in texts if isinstance(text, str))
        self.everyCut(data, texts)

    def test_largestMessage(self) -> None:
        """A message of just the limit passes."""
        for text in ("x" * 1000, "ü" * 500):
            data = self.wire.sender().encode(text)
            self.everyCut(data, [text], Limits(maxMessage=1000))

    def test_overLimit(self) -> None:
        """One byte more is 1009; what came before it is delivered, what comes after it is not."""
        sender = self.wire.sender()
        data = sender.encode("before") + sender.encode("x" * 1001) + sender.encode("after")
        self.everyCut(
            data,
            ["before", Violation(1009, "a message is larger than 1000 bytes")],
            Limits(maxMessage=1000),
        )

    def test_surrogateDoesNotLeave(self) -> None:
        """A lone surrogate is no text that could be sent."""
        self.raised(UnicodeEncodeError, self.wire.sender().encode, "\ud800")

    # RFC 3629 4: what cannot begin, cannot follow, is too long a form, a surrogate, past U+10FFFF.
    WRONG = (
        b"\x80",
        b"\xbf",
        b"\xc0",
        b"\xc1",
        b"\xf5",
        b"\xfe",
        b"\xc3\x28",
        b"\xe0\x80",
        b"\xe0\x9f",
        b"\xed\xa0",
        b"\xe2\x82\x28",
        b"\xf0\x8f",
        b"\xf4\x90",
        b"\xf0\x9f\x98\x28",
    )

    def test_invalidTextFailsFast(self) -> None:
        """1007 at the first wrong byte of an unfinished message, and not a byte before."""
        for wrong in self.WRONG:
            for before in (b"", "aé€😀".encode()):
                right = self.wire.receiver()
                right.receive(self.opened(before + wrong[:-1]))
                self.assertEqual(right.next(10, 10), [], wrong)
                self.assertTrue(right.hungry)
                data = self.opened(before + wrong)
                (violation,) = atOnce(self.wire.receiver(), data)
                self.assertIsInstance(violation, Violation)
                self.assertEqual(violation[0], 1007, wrong)
                self.assertEqual(inPieces(self.wire.receiver(), cut(data, range(len(data)))), [violation])

    def test_endAmidCharacter(self) -> None:
        """A message that ends with half a character is 1007."""
        for half in (b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"):
            if self.wire.number is None:
                data = b"\x00ab" + half + b"\xff"
            else:
                rsv = 4 if self.wire.deflation else 0
                payload = deflated(b"ab" + half) if rsv else b"ab" + half
                data = frame(1, payload, rsv=rsv, key=b"abcd" if self.wire.masked else None)
            (violation,) = atOnce(self.wire.receiver(), data)
            self.assertEqual(violation[0], 1007)
            self.assertEqual(inPieces(self.wire.receiver(), cut(data, range(len(data)))), [violation])

    def test_close(self) -> None:
        """A Close comes after the messages before it, and all behind it is discarded."""
        if not self.wire.closes:
            self.assertEqual(self.wire.sender().close(1000, "bye"), b"")
            self.everyCut(b"\xff\x00\x00a\xff", [Pong(b""), "a"])  # an empty frame as any other
            return
        sender = self.wire.sender()
        expected = Close(1005, "") if self.wire.number is None else Close(1000, "bye")
        data = sender.encode("a") + sender.close(1000, "bye")
        self.everyCut(data + sender.encode("b") + b"\x99garbage", ["a", expected])

    def test_discardsAfterTheEnd(self) -> None:
        """After its violation a peer may send what it likes: nothing is kept, nothing happens."""
        receiver = self.wire.receiver()
        self.assertEqual(len(atOnce(receiver, self.opened(b"a\x80"))), 1)
        for data in (b"", b"x" * 100_000, self.wire.sender().encode("hello")):
            self.assertTrue(receiver.hungry)
            self.assertEqual(atOnce(receiver, data), [])
        self.assertLess(held(receiver), 2000)

    def test_endedAtTheBudget(self) -> None:
        """Where the last event spends the budget, the receiver is hungry all the same."""
        receiver = self.wire.receiver()
        receiver.receive(self.opened(b"a\x80") + b"more")
        self.assertEqual(len(receiver.next(1, 1)), 1)
        self.assertTrue(receiver.hungry)
        receiver.receive(b"x" * 100_000)
        self.assertTrue(receiver.hungry)
        self.assertLess(held(receiver), 2000)

    def test_hungry(self) -> None:
        """It is hungry from the start, not when something has come, and again when all is read."""
        receiver = self.wire.receiver()
        self.assertTrue(receiver.hungry)
        self.assertEqual(receiver.next(10, 10), [])
        data = self.wire.sender().encode("Hello")
        receiver.receive(data[:3])
        self.assertFalse(receiver.hungry)
        self.assertEqual(receiver.next(10, 10), [])
        self.assertTrue(receiver.hungry)
        receiver.receive(data[3:])
        self.assertEqual(receiver.next(10, 10), ["Hello"])
        self.assertEqual(receiver.next(10, 10), [])
        self.assertTrue(receiver.hungry)

    def test_countBudget(self) -> None:
        """No more events than asked for; what is left comes with the next call."""
        sender = self.wire.sender()
        receiver = self.wire.receiver()
        receiver.receive(b"".join(sender.encode(str(number)) for number in range(10)))
        self.assertEqual(receiver.next(0, 100), [])
        self.assertEqual(receiver.next(3, 100), ["0", "1", "2"])
        self.assertFalse(receiver.hungry)
        receiver.receive(sender.encode("10"))
        self.assertEqual(receiver.next(1, 100), ["3"])
        self.assertEqual(receiver.next(100, 100), [*"456789", "10"])
        self.assertTrue(receiver.hungry)

    def test_sizeBudget(self) -> None:
        """The message that spends the budget is the last."""
        sender = self.wire.sender()
        receiver = self.wire.receiver()
        receiver.receive(sender.encode("x" * 600) * 4 if not self.wire.deflation else b"")
        for _ in range(4 if self.wire.deflation else 0):
            receiver.receive(sender.encode("x" * 600))
        self.assertEqual(receiver.next(100, 0), [])
        self.assertEqual(receiver.next(100, 1), ["x" * 600])
        self.assertEqual(receiver.next(100, 601), ["x" * 600] * 2)
        self.assertEqual(receiver.next(100, 601), ["x" * 600])
        self.assertTrue(receiver.hungry)

    def test_pulledWhileNothingIsRead(self) -> None:
        """What comes while the receiver is not pulled is only stored, and read later in order."""
        sender = self.wire.sender()
        texts: list[Event] = [str(number) * 50 for number in range(50)]
        pieces = cut(b"".join(sender.encode(str(text)) for text in texts), range(0, 100_000, 7))
        self.assertEqual(inPieces(self.wire.receiver(), pieces, [(0, 1, 1)]), texts)

    def test_idleKeepsNothing(self) -> None:
        """A peer whose messages are all read costs none of the bytes of its last read."""
        for left in (0, 1):
            sender, receiver = self.wire.sender(), self.wire.receiver()
            data = b"".join(sender.encode("é" * 5000) for _ in range(10))
            self.assertEqual(len(atOnce(receiver, data + sender.encode("Hello")[:left])), 10)
            self.assertLess(held(receiver), 2000)
