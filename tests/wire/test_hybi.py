"""Tests of `wsapp.wire.hybi`."""

from __future__ import annotations

from tests.wire.case import Case
from tests.wire.machines import WIRES, atOnce, cut, deflated, frame, inPieces
from tests.wire.suite import MachineSuite
from tests.wire.vectors import DEFLATED, FRAMES
from wsapp.limits import Limits
from wsapp.wire.deflate import Inflater
from wsapp.wire.events import Close, Event, Ping, Pong, Violation
from wsapp.wire.selection import HybiReceiver

ERROR, DATA, BIG = 1002, 1007, 1009


class HybiSuite(MachineSuite):
    """What the versions from hybi-07 on share beyond the suite."""

    def frame(
        self,
        opcode: int,
        payload: bytes = b"",
        fin: bool = True,
        rsv: int = 0,
        size: int | None = None,
        form: int = 0,
    ) -> bytes:
        """A frame as this peer would send it."""
        key = b"\x01\x80\xfe\x7f" if self.wire.masked else None
        return frame(opcode, payload, fin=fin, rsv=rsv, key=key, size=size, form=form)

    def refused(
        self, data: bytes, code: int, limits: Limits | None = None, before: list[Event] | None = None
    ) -> None:
        """The data's last event is a violation with this code, at its very last byte, at every cut."""
        events = atOnce(self.wire.receiver(limits), data)
        self.assertEqual(events[:-1], before or [])
        self.assertIsInstance(events[-1], Violation)
        self.assertEqual(events[-1][0], code, events)
        self.everyCut(data + b"ignored", events, limits)
        self.assertEqual(atOnce(self.wire.receiver(limits), data[:-1]), before or [])

    def test_binary(self) -> None:
        """Binary messages are bytes, in one frame or several."""
        for payload in (b"", b"\xff\x00" * 70, bytes(range(256)) * 300):
            data = self.wire.sender().encode(payload)
            self.assertEqual(atOnce(self.wire.receiver(), data), [payload])
        self.everyCut(self.frame(2, b"\xff", fin=False) + self.frame(0, b"\xc3"), [b"\xff\xc3"])

    def test_fragments(self) -> None:
        """Frames that continue one another are one message (RFC 6455 5.4); empty ones too."""
        self.everyCut(
            self.frame(1, b"", fin=False)
            + self.frame(0, b"H", fin=False)
            + self.frame(0, b"", fin=False)
            + self.frame(0, b"\xc3", fin=False)
            + self.frame(0, b"\xa9")
            + self.frame(1, b"next"),
            ["Hé", "next"],
        )

    def test_emptyFragments(self) -> None:
        """A message of empty fragments alone is empty."""
        data = self.frame(1, fin=False) + self.frame(0, fin=False) * 10 + self.frame(0)
        self.everyCut(data, [""])

    def test_controlBetweenFragments(self) -> None:
        """Control frames may stand amid a message, and come out at once (RFC 6455 5.5)."""
        data = (
            self.frame(1, b"a", fin=False) + self.frame(9, b"p") + self.frame(10, b"q") + self.frame(0, b"b")
        )
        self.everyCut(data, [Ping(b"p"), Pong(b"q"), "ab"])
        self.everyCut(
            self.frame(2, b"a", fin=False) + self.frame(8, b"\x03\xe8") + self.frame(0, b"b"),
            [Close(1000, "")],
        )

    def test_controlPayloads(self) -> None:
        """Up to 125 bytes of anything."""
        for payload in (b"", b"\xff" * 125, b"x"):
            self.everyCut(self.frame(9, payload) + self.frame(10, payload), [Ping(payload), Pong(payload)])

    def test_oldestSender(self) -> None:
        """Control frames of the sender are those that the receiver reads."""
        sender = self.wire.sender()
        data = sender.ping(b"a") + sender.pong(b"b") + sender.close(3000, "é")
        self.everyCut(data, [Ping(b"a"), Pong(b"b"), Close(3000, "é")])

    # SECURITY: what breaks the framing is 1002, at once, once.

    def test_wrongMask(self) -> None:
        """A client that does not mask, a server that does (RFC 6455 5.1): 1002."""
        wrong = None if self.wire.masked else b"abcd"
        for opcode in (1, 2, 8, 9, 10):
            self.refused(frame(opcode, b"", key=wrong)[:2], ERROR)

    def test_reservedBits(self) -> None:
        """Reserved bits that no extension gave a meaning (RFC 6455 5.2): 1002."""
        for opcode in (1, 2, 8, 9, 10):
            for rsv in range(1, 8):
                if rsv == 4 and opcode < 8 and self.wire.deflation:
                    continue
                self.refused(self.frame(opcode, rsv=rsv)[:2], ERROR)

    def test_reservedBitOnContinuation(self) -> None:
        """RSV1 stands on a message's first frame alone (RFC 7692 6): 1002."""
        self.refused(self.frame(1, b"a", fin=False) + self.frame(0, rsv=4)[:2], ERROR)
        self.refused(self.frame(1, b"a", fin=False) + self.frame(9, rsv=4)[:2], ERROR)

    def test_reservedOpcodes(self) -> None:
        """3 to 7 and 11 to 15 (RFC 6455 5.2): 1002, amid a message too."""
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.refused(self.frame(opcode)[:2], ERROR)
            self.refused(self.frame(opcode, fin=False)[:2], ERROR)
            self.refused(self.frame(1, fin=False) + self.frame(opcode)[:2], ERROR)

    def test_fragmentedControl(self) -> None:
        """RFC 6455 5.5: 1002."""
        for opcode in (8, 9, 10):
            self.refused(self.frame(opcode, fin=False)[:2], ERROR)

    def test_longControl(self) -> None:
        """Over 125 bytes, in either longer form (RFC 6455 5.5): 1002 before any of them."""
        for opcode in (8, 9, 10):
            self.refused(self.frame(opcode, b"x" * 126)[:2], ERROR)
            self.refused(self.frame(opcode, b"", form=127)[:2], ERROR)

    def test_continuationOfNothing(self) -> None:
        """RFC 6455 5.4: 1002, at the start and after a whole message."""
        for fin in (True, False):
            self.refused(self.frame(0, fin=fin)[:2], ERROR)
        self.refused(self.frame(1, b"a") + self.frame(0)[:2], ERROR, before=["a"])
        self.refused(self.frame(1, b"a", fin=False) + self.frame(0) + self.frame(0)[:2], ERROR, before=["a"])

    def test_messageAmidMessage(self) -> None:
        """RFC 6455 5.4: 1002."""
        for opcode in (1, 2):
            self.refused(self.frame(1, b"a", fin=False) + self.frame(opcode)[:2], ERROR)

    def test_longerLengthThanNeeded(self) -> None:
        """RFC 6455 5.2: "the minimal number of bytes MUST be used": 1002."""
        for size, form in ((0, 126), (125, 126), (0, 127), (125, 127), (126, 127), (65535, 127)):
            self.refused(self.frame(2, size=size, form=form)[: 4 if form == 126 else 10], ERROR)

    def test_lengthWithTopBit(self) -> None:
        """RFC 6455 5.2: "the most significant bit MUST be 0": 1002, after a fragment too."""
        for size in (1 << 63, (1 << 64) - 1):
            self.refused(self.frame(2, size=size)[:10], ERROR)
            self.refused(self.frame(2, b"a", fin=False) + self.frame(0, size=size)[:10], ERROR)

    # SECURITY: limits.

    def test_declaredLengthOverLimit(self) -> None:
        """1009 as soon as the header is read; lengths up to 2^63-1 are numbers like others."""
        for size in (1 << 21, (1 << 63) - 1):
            self.refused(self.frame(2, size=size)[:10], BIG)
            self.refused(self.frame(2, b"a", fin=False) + self.frame(0, size=size)[:10], BIG)
        self.refused(self.frame(1, size=2000)[:4], BIG, Limits(maxMessage=1999))

    def test_fragmentsOverMessageLimit(self) -> None:
        """What the fragments have together counts: 1009 at the header that passes it."""
        start = self.frame(2, b"x" * 60, fin=False) + self.frame(0, b"x" * 39, fin=False)
        limits = Limits(maxMessage=100)
        self.everyCut(start + self.frame(0, b"x"), [b"x" * 100], limits)
        self.refused(start + self.frame(0, size=2)[:2], BIG, limits)
        self.refused(start + self.frame(0, size=(1 << 63) - 1)[:10], BIG, limits)

    def test_tooManyFragments(self) -> None:
        """1009 at the header of the one too many; control frames do not count, nor the message before."""
        limits = Limits(maxFragments=3)
        three = self.frame(1, fin=False) + self.frame(0, fin=False) + self.frame(9) + self.frame(0)
        self.everyCut(three * 2, [Ping(b""), ""] * 2, limits)
        four = self.frame(1, fin=False) + self.frame(0, fin=False) * 2 + self.frame(0)
        self.refused(four, BIG, limits)

    # Closing.

    def test_closeCodes(self) -> None:
        """A code that may not be on the wire is 1002."""
        for code in (0, 999, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535):
            self.refused(self.frame(8, code.to_bytes(2, "big")), ERROR)
        for code in (1000, 1001, 1002, 1003, 3000, 4999):
            self.everyCut(self.frame(8, code.to_bytes(2, "big") + b"why"), [Close(code, "why")])

    def test_closeBody(self) -> None:
        """No body is 1005; one byte is 1002; a reason that is not UTF-8 is 1007 (RFC 6455 5.5.1)."""
        self.everyCut(self.frame(8), [Close(1005, "")])
        for octet in (b"\x03", b"\x00", b"\xff"):
            self.refused(self.frame(8, octet), ERROR)
        for wrong in (*self.WRONG, b"\xc3"):
            self.refused(self.frame(8, b"\x03\xe8" + wrong), DATA)
        self.everyCut(self.frame(8, b"\x03\xe8" + "é".encode() * 61), [Close(1000, "é" * 61)])


class HybiPlainSuite(HybiSuite):
    """And without compression."""

    def test_compressedWithoutAgreement(self) -> None:
        """RSV1 that nobody agreed to: 1002."""
        for opcode in (1, 2):
            self.refused(self.frame(opcode, deflated(b"Hello"), rsv=4)[:2], ERROR)

    def test_invalidTextWhole(self) -> None:
        """A whole frame with wrong UTF-8 reads as it does in pieces."""
        for wrong in (*self.WRONG, b"\xc3"):
            self.everyCut(self.frame(1, b"ab" + wrong), [Violation(DATA, "a text message is not UTF-8")])

    def test_invalidTextInFragments(self) -> None:
        """A character that one fragment begins and the next does not go on with."""
        data = self.frame(1, b"\xe2\x82", fin=False) + self.frame(0, b"", fin=False)
        self.refused(data + self.frame(0, b"\x28", size=50), DATA)


class Hybi07ClientTests(HybiPlainSuite, Case):
    """hybi-07, as a server hears it."""

    wire = WIRES["hybi-07, from a client"]

    def test_frameTooLarge(self) -> None:
        """1004 was "frame too large" then, and is told as what that is now."""
        self.everyCut(self.frame(8, b"\x03\xec"), [Close(1009, "")])
        self.refused(self.frame(8, b"\x03\xef"), ERROR)


class Hybi07ServerTests(HybiPlainSuite, Case):
    """hybi-07, as a client hears it."""

    wire = WIRES["hybi-07, from a server"]


class Hybi08ClientTests(HybiPlainSuite, Case):
    """hybi-08, as a server hears it."""

    wire = WIRES["hybi-08, from a client"]

    def test_codesOfVersion8(self) -> None:
        """1004 as in hybi-07, 1007 as in hybi-10, and no later one."""
        self.everyCut(self.frame(8, b"\x03\xec"), [Close(1009, "")])
        self.everyCut(self.frame(8, b"\x03\xef"), [Close(1007, "")])
        self.refused(self.frame(8, b"\x03\xf0"), ERROR)


class Hybi08ServerTests(HybiPlainSuite, Case):
    """hybi-08, as a client hears it."""

    wire = WIRES["hybi-08, from a server"]


class Rfc6455ClientTests(HybiPlainSuite, Case):
    """RFC 6455, as a server hears it."""

    wire = WIRES["RFC 6455, from a client"]

    def test_codesOfTheRegistry(self) -> None:
        """1007 to 1014 may be said, 1004 not."""
        for code in range(1007, 1015):
            self.everyCut(self.frame(8, code.to_bytes(2, "big")), [Close(code, "")])
        self.refused(self.frame(8, b"\x03\xec"), ERROR)


class Rfc6455ServerTests(HybiPlainSuite, Case):
    """RFC 6455, as a client hears it."""

    wire = WIRES["RFC 6455, from a server"]


class VectorTests(Case):
    """The examples of the specifications."""

    def test_frames(self) -> None:
        """RFC 6455 5.7, and the edges of 5.2."""
        for vector in FRAMES:
            receiver = HybiReceiver(Limits(), masked=vector.masked)
            self.assertEqual(atOnce(receiver, vector.wire), [vector.event], vector.name)
            pieces = cut(vector.wire, range(0, len(vector.wire), 1 + len(vector.wire) // 1000))
            receiver = HybiReceiver(Limits(), masked=vector.masked)
            self.assertEqual(inPieces(receiver, pieces), [vector.event], vector.name)

    def test_deflated(self) -> None:
        """RFC 7692 7.2.3, with a context kept, and without where the example does not need it."""
        for name, text, messages in DEFLATED:
            data = bytes.fromhex(text)
            for fresh in (False, True):
                if fresh and b"\xf2\x00\x11" in data:
                    continue
                for pieces in ([data], cut(data, range(len(data)))):
                    receiver = HybiReceiver(Limits(), 13, Inflater(15, fresh), masked=False)
                    self.assertEqual(inPieces(receiver, pieces), messages, name)
