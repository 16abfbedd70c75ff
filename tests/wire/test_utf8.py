"""Tests of `wsapp.wire.utf8`."""

from __future__ import annotations

from tests.wire.case import Case
from wsapp.wire.selection import checked


class CheckedTests(Case):
    """Text that is checked in pieces."""

    def test_everyBeginning(self) -> None:
        """Of all bytes and pairs of bytes, just those are wrong that no character begins with."""
        points = [point for point in range(0x80, 0x110000) if not 0xD800 <= point < 0xE000]
        leads = {chr(point).encode()[:1] for point in points}
        pairs = {chr(point).encode()[:2] for point in points}
        for lead in range(0x80, 0x100):
            octet = bytes([lead])
            self.assertEqual(checked(bytearray(octet), 0), 0 if octet in leads else -1, octet)
            for second in range(0x100):
                pair = bytes([lead, second])
                right = 2 if octet in leads and lead < 0xE0 else 0
                self.assertEqual(checked(bytearray(pair), 0), right if pair in pairs else -1, pair)

    def test_inPieces(self) -> None:
        """What is known to be right is not looked at again."""
        text = bytearray(b"\xff\xff" + "é€".encode())
        self.assertEqual(checked(text[:3], 2), 2)
        self.assertEqual(checked(text[:5], 2), 4)
        self.assertEqual(checked(text, 4), 7)
        self.assertEqual(checked(bytearray(), 0), 0)
