"""Tests of `wsapp.wire.hybi` with permessage-deflate."""

from __future__ import annotations

import gc
import zlib

from tests.wire.case import Case
from tests.wire.machines import WIRES, atOnce, cut, deflated, inPieces
from tests.wire.test_hybi import BIG, DATA, HybiSuite
from wsapp.limits import Limits
from wsapp.wire.deflate import Inflater
from wsapp.wire.events import Ping, Violation
from wsapp.wire.selection import HybiReceiver


class DeflateSuite(HybiSuite):
    """What comes compressed."""

    def compressed(self, payload: bytes, rest: str = "") -> bytes:
        """A frame with a deflated payload, and raw bytes behind it."""
        return self.frame(1, deflated(payload) + bytes.fromhex(rest), rsv=4)

    def compressor(self) -> zlib._Compress:
        """The peer's."""
        assert self.wire.deflation is not None
        return zlib.compressobj(wbits=-self.wire.deflation.clientMaxWindowBits)

    def test_severalMessages(self) -> None:
        """Messages follow one another, compressed and plain, with what context was agreed to."""
        assert self.wire.deflation is not None
        text = b"the same words again and again, " * 10
        compressor = self.compressor()
        data = b""
        for _ in range(5):
            if self.wire.deflation.clientNoContextTakeover:
                compressor = self.compressor()
            payload = (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
            data += self.frame(1, payload, rsv=4) + self.frame(9) + self.frame(1, b"plain")
        self.everyCut(data, [text.decode(), Ping(b""), "plain"] * 5)

    def test_compressedFragments(self) -> None:
        """RSV1 on the first frame says it of all; a control frame amid them is not compressed."""
        payload = deflated("é".encode() * 200)
        data = (
            self.frame(1, payload[:3], fin=False, rsv=4)
            + self.frame(0, b"", fin=False)
            + self.frame(9, b"p")
            + self.frame(0, payload[3:6], fin=False)
            + self.frame(0, payload[6:])
        )
        self.everyCut(data, [Ping(b"p"), "é" * 200])

    def test_emptyMessage(self) -> None:
        """A message without a byte is empty, and spoils nothing of what comes after it."""
        hello = self.frame(1, bytes.fromhex("f248cdc9c90700"), rsv=4)
        nothing = self.frame(1, b"", rsv=4) + self.frame(2, b"", rsv=4, fin=False) + self.frame(0)
        self.everyCut(hello + nothing + hello + self.frame(1, b"\0", rsv=4), ["Hello", "", b"", "Hello", ""])

    def test_badDeflate(self) -> None:
        """What does not inflate is 1007, in any piece of it."""
        violation = Violation(DATA, "a compressed message does not inflate, or not to UTF-8")
        for data in (
            self.frame(1, b"\x06", rsv=4),  # a block of the reserved kind
            self.frame(1, b"\x00\x05\x00\x00\x00hello", rsv=4),  # a length that its complement does not fit
            self.frame(1, b"\xff" * 20, rsv=4),
            self.compressed(b"Hello" * 10, "07"),
            self.frame(1, deflated(b"ab\xff"), rsv=4),
        ):
            self.everyCut(data, [violation])

    def test_badDeflateAtTheEnd(self) -> None:
        """What only the message's end shows to be wrong is 1007 too."""
        violation = Violation(DATA, "a compressed message does not inflate, or not to UTF-8")
        # A stored block's header, cut before its length: the tail's bytes make it a wrong one.
        self.everyCut(self.frame(1, b"\x00\x05\x00", rsv=4), [violation])

    def test_cutDeflate(self) -> None:
        """What is cut amid a symbol goes on with the four bytes left out of it, and those count too."""
        cut = self.frame(2, bytes.fromhex("f248cdc9c9"), rsv=4)
        self.everyCut(cut, [b"Hellh"], Limits(maxMessage=5))
        self.everyCut(cut, [Violation(BIG, "a message is larger than 4 bytes")], Limits(maxMessage=4))

    def test_lastBlock(self) -> None:
        """A block may be the last (BFINAL); a byte of nothing may follow it, and then the next message."""
        final = bytes.fromhex("f348cdc9c90700")
        data = self.frame(1, final + b"\0", rsv=4) * 2 + self.frame(1, final, rsv=4)
        self.everyCut(data + self.compressed(b"next"), ["Hello", "Hello", "Hello", "next"])
        violation = Violation(DATA, "a compressed message does not inflate, or not to UTF-8")
        for behind in (b"\x01", b"\0\0", b"\0x", b"xyz"):
            self.everyCut(self.frame(1, final + behind, rsv=4), [violation])

    def test_bomb(self) -> None:
        """1:1000 stops at the limit: 1009."""
        payload = deflated(b"x" * 2_000_000)
        self.assertLess(len(payload), 2_500)
        data = self.frame(1, payload, rsv=4)
        for most, step in ((5, 1), (100_000, 7), (1_999_999, 500)):
            limits = Limits(maxMessage=most)
            violation = Violation(BIG, f"a message is larger than {most} bytes")
            self.assertEqual(atOnce(self.wire.receiver(limits), data), [violation])
            self.assertEqual(
                inPieces(self.wire.receiver(limits), cut(data, range(0, 3000, step))), [violation]
            )

    def test_bombIsLetGo(self) -> None:
        """What zlib was not asked for of a bomb does not wait for the end of the connection."""
        inflater = Inflater(15, True)
        receiver = HybiReceiver(Limits(maxMessage=5), 13, inflater, self.wire.masked)
        (event,) = atOnce(receiver, self.frame(2, deflated(b"x" * 9000), rsv=4))
        self.assertEqual(event[0], BIG)
        self.assertNotIn(inflater, gc.get_referents(receiver))

    def test_limitInflated(self) -> None:
        """A message of just the limit passes; one byte more does not, amid a character neither."""
        limits = Limits(maxMessage=300)
        self.everyCut(self.compressed(b"x" * 300), ["x" * 300], limits)
        tooLarge = Violation(BIG, "a message is larger than 300 bytes")
        for payload in (b"x" * 301, b"x" * 299 + "é".encode(), b"x" * 300 + b"\xff"):
            self.everyCut(self.compressed(payload), [tooLarge], limits)
        self.assertEqual(
            atOnce(self.wire.receiver(limits), self.compressed(b"x" * 299 + b"\xff"))[0][0], DATA
        )

    def test_limitOrError(self) -> None:
        """Bad data right behind the limit is behind the limit, at any cut."""
        limits = Limits(maxMessage=4)
        for rest in ("06", "07", "ffffffff", "0000000000"):
            body = deflated(b"Hello")[:-1] + bytes.fromhex(rest)
            data = self.frame(2, body, rsv=4)
            self.everyCut(data, atOnce(self.wire.receiver(limits), data), limits)

    def test_limitOnTheWire(self) -> None:
        """What cannot be compressed may be a little longer on the wire, and no more."""
        limits = Limits(maxMessage=6400)
        stored = zlib.compressobj(0, zlib.DEFLATED, -15)
        payload = (stored.compress(b"x" * 6400) + stored.flush(zlib.Z_SYNC_FLUSH))[:-4]
        self.assertGreater(len(payload), 6400)
        self.assertEqual(atOnce(self.wire.receiver(limits), self.frame(2, payload, rsv=4)), [b"x" * 6400])
        self.refused(self.frame(2, rsv=4, size=6400 + 100 + 64 + 1)[:4], BIG, limits)
        start = self.frame(2, b"\0", rsv=4, fin=False)
        self.refused(start + self.frame(0, size=6400 + 100 + 64)[:4], BIG, limits)

    def test_burst(self) -> None:
        """Small messages that inflate 1:1000 come out one by one, as the budget allows."""
        receiver = self.wire.receiver()
        one = self.frame(2, deflated(b"\0" * 1_000_000), rsv=4)
        receiver.receive(one * 50)
        self.assertEqual([len(message) for message in receiver.next(100, 1)], [1_000_000])
        self.assertEqual(len(receiver.next(100, 2_000_001)), 3)
        self.assertFalse(receiver.hungry)
        self.assertEqual(sum(1 for _ in iter(lambda: receiver.next(1, 1), [])), 46)


class SharedClientTests(DeflateSuite, Case):
    """No context takeover, from a client."""

    wire = WIRES["deflate shared, from a client"]


class SharedServerTests(DeflateSuite, Case):
    """No context takeover, from a server."""

    wire = WIRES["deflate shared, from a server"]


class TakeoverClientTests(DeflateSuite, Case):
    """Context takeover, from a client."""

    wire = WIRES["deflate takeover, from a client"]


class TakeoverServerTests(DeflateSuite, Case):
    """Context takeover, from a server."""

    wire = WIRES["deflate takeover, from a server"]


class SmallWindowTests(DeflateSuite, Case):
    """Context takeover with a window of 512 bytes."""

    wire = WIRES["deflate small window, from a client"]
