"""Tests of `wsapp.wire.gathering`, of both builds of it."""

from __future__ import annotations

import random
import sys
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.profile import STABLE
from tests.wire.test_builds import compiled
from wsapp.wire import gathering
from wsapp.wire.masking import mask

KEY = b"\x01\x80\xfe\x7f"

#: Where a text may end, amid a character or not; and what is wrong in one.
CHARACTERS = ["a", "é", "ࠀ", "€", "퟿", "", "𐀀", "😀", "\U0010ffff"]
WRONG = [
    *(b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xf5", b"\xff", b"\xc3a", b"\xc3\xc3", b"\xe2\x82a", b"\xe2a"),
    *(b"\xe0\x9f", b"\xed\xa0", b"\xf0\x8f", b"\xf4\x90", b"\xf0\x9f\x98a", b"\xf0\x9fa", b"\xe2\x82\xc0"),
]


class Suite:
    """What both builds do."""

    module: Any

    def gather(self, text: bool, pieces: list[bytes], key: bytes = b"", left: int = 0) -> Any:
        """The message of those pieces; False where one of them is refused, None where the end is."""
        message = self.module.Gathering(text)
        offset = 0
        for piece in pieces:
            data = b"?" + (mask(piece, key, offset) if key else piece) + b"??"
            if not message.add(data, 1, len(piece), key, offset, max(left - offset, len(piece))):
                return False
            offset += len(piece)
        return message.finish()

    def test_whole(self: Any) -> None:
        """A frame that is all here, masked or not, in the midst of others."""
        for said in ("", "a", "word " * 99, "aé€😀" * 33, "a" * 1000 + "é"):
            octets = said.encode()
            plain, masked = b"??" + octets + b"?", b"??" + KEY + mask(octets, KEY) + b"?"
            for data, start, isMasked in ((plain, 2, False), (masked, 6, True)):
                self.assertEqual(self.module.whole(data, start, len(octets), isMasked, True), said)
                self.assertEqual(self.module.whole(data, start, len(octets), isMasked, False), octets)
                self.assertEqual(self.module.payload(data, start, len(octets), isMasked), octets)

    def test_wholeWrong(self: Any) -> None:
        """One whose text is not UTF-8, or ends amid a character."""
        for wrong in (*WRONG, b"\xc3", b"\xf0\x9f\x98", b"a" * 100 + b"\xff"):
            self.assertIsNone(self.module.whole(KEY + mask(wrong, KEY), 4, len(wrong), True, True), wrong)

    def test_ends(self: Any) -> None:
        """Every character, cut everywhere; the message may end only where a character does."""
        for character in CHARACTERS:
            for before in ("", "x", "€", "x" * 100):
                octets = (before + character).encode()
                for cut in range(len(octets) + 1):
                    pieces = [octets[:cut], octets[cut:]]
                    self.assertEqual(self.gather(True, pieces), before + character)
                    self.assertEqual(self.gather(False, pieces), octets)
                    if cut > len(before.encode()) and cut < len(octets):
                        self.assertIsNone(self.gather(True, [octets[:cut]]))

    def test_wrong(self: Any) -> None:
        """The piece with the first wrong byte is refused, not one before it, wherever the cuts are."""
        for wrong in WRONG:
            for before in (b"", b"x", "€".encode(), b"x" * 50):
                data = before + wrong
                self.assertIs(self.gather(True, [data + b"tail"]), False, data)
                for cut in range(len(data)):
                    message = self.module.Gathering(True)
                    self.assertTrue(message.add(data, 0, cut, b"", 0, cut), (data, cut))
                    self.assertFalse(message.add(data, cut, len(data) - cut, b"", 0, 1 << 20), (data, cut))
                self.assertEqual(self.gather(False, [data]), data)

    @STABLE
    @given(st.lists(st.one_of(st.text(max_size=40).map(str.encode), st.binary(max_size=40))), st.booleans())
    def test_asPython(self: Any, pieces: list[bytes], masked: bool) -> None:
        """A text is what Python decodes, or refused."""
        octets = b"".join(pieces)
        try:
            said: object = octets.decode()
        except UnicodeDecodeError:
            self.assertIn(self.gather(True, pieces, KEY if masked else b""), (None, False))
        else:
            self.assertEqual(self.gather(True, pieces, KEY if masked else b"", len(octets)), said)
        self.assertEqual(self.gather(False, pieces, KEY if masked else b"", len(octets)), octets)

    def test_large(self: Any) -> None:
        """Pieces of all sizes, of a length that was declared at once or bit by bit."""
        chance = random.Random(1)
        for said in ("x" * 300_000, "x" * 200_000 + "é" * 50_000):
            octets = said.encode()
            for left in (0, len(octets)):
                rest, pieces = octets, []
                while rest:
                    size = chance.choice([1, 31, 32, 33, 1000, 70_000])
                    pieces.append(rest[:size])
                    rest = rest[size:]
                self.assertEqual(self.gather(True, pieces, KEY, left), said)
                self.assertEqual(self.gather(False, pieces, KEY, left), octets)

    def test_nothing(self: Any) -> None:
        """No pieces, or empty ones."""
        for pieces in ([], [b""], [b"", b""]):
            self.assertEqual(self.gather(True, pieces), "")
            self.assertEqual(self.gather(False, pieces), b"")

    def test_declaredIsNotAllocated(self: Any) -> None:
        """What a frame declares takes nothing; what has come, four times its size at most."""
        for text in (False, True):
            message = self.module.Gathering(text)
            self.assertTrue(message.add(b"abc", 0, 3, b"", 0, 1 << 40))
            self.assertLess(self.taken(message), 300)
            self.assertTrue(message.add(b"x" * 10_000, 0, 10_000, b"", 0, 1 << 40))
            self.assertLess(self.taken(message), 41_000)

    def taken(self, message: Any) -> int:
        """The bytes that a message takes so far."""
        return sys.getsizeof(message)


class PlainTests(Suite, Case):
    """The plain build."""

    module = gathering

    def taken(self, message: Any) -> int:
        """It has a bytearray."""
        return sys.getsizeof(message) + sys.getsizeof(message._bytes)


class CompiledTests(Suite, Case):
    """The compiled build."""

    module: ModuleType

    def setUp(self) -> None:
        self.module = compiled("gathering")

    def test_outOfRange(self) -> None:
        """C looks at nothing that is not there."""
        for start, size, masked in (
            (0, 5, False),
            (5, 0, False),
            (0, -1, False),
            (-1, 1, False),
            (3, 1, True),
        ):
            with self.assertRaises(ValueError):
                self.module.whole(b"data", start, size, masked, True)
            with self.assertRaises(ValueError):
                self.module.payload(b"data", start, size, masked)
        message = self.module.Gathering(True)
        for start, size, key, offset in (
            (0, 5, b"", 0),
            (0, -1, b"", 0),
            (-1, 1, b"", 0),
            (0, 1, b"abc", 0),
            (0, 1, b"abcd", -1),
        ):
            with self.assertRaises(ValueError):
                message.add(b"data", start, size, key, offset, 4)
        self.assertEqual(message.finish(), "")
