"""Tests of `wsapp.wire.codes`."""

from __future__ import annotations

from tests.wire.case import Case
from wsapp.wire.codes import closing, fromTheWire, isSayable, onTheWire

OWN = {3000, 3999, 4000, 4999}
# Which codes a Close may carry, of those that stand at an edge or were disputed.
SAYABLE = {
    7: {1000, 1001, 1002, 1003, 1004} | OWN,
    8: {1000, 1001, 1002, 1003, 1004, 1007} | OWN,
    13: {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014} | OWN,
}
# What an older version says instead, as WIRE has it.
_LATER = {1008: 1002, 1009: 1004, 1010: 1002, 1011: 1001, 1012: 1001, 1013: 1001, 1014: 1001}
NEAREST: dict[int, dict[int, int]] = {7: {1007: 1002, **_LATER}, 8: _LATER, 13: {}}
NEVER = {0, 1, 999, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}


class CloseCodeTests(Case):
    """Which codes may be said to whom."""

    def test_sayable(self) -> None:
        """RFC 6455 7.4, and the drafts' shorter lists."""
        every = set().union(NEVER, *SAYABLE.values())
        for number, sayable in SAYABLE.items():
            self.assertEqual({code for code in every if isSayable(number, code)}, sayable)

    def test_onTheWire(self) -> None:
        """Whatever may be said today is said to an older peer by a code that it knows."""
        for number, sayable in SAYABLE.items():
            for code in SAYABLE[13]:
                self.assertIn(onTheWire(number, code), sayable)
        for number, nearest in NEAREST.items():
            said = {code: onTheWire(number, code) for code in SAYABLE[13]}
            self.assertEqual({code: word for code, word in said.items() if word != code}, nearest)

    def test_closing(self) -> None:
        """What an application wants to close with is looked at when it says so."""
        closing(4000, "bye")
        self.raised(ValueError, closing, 1006, "bye")
        self.raised(TypeError, closing, 1000, b"bye")

    def test_neverOnTheWire(self) -> None:
        """A code that may not be sent is refused, whoever the peer is."""
        for number in SAYABLE:
            for code in {*NEVER, 1004}:
                self.assertIn(str(code), str(self.raised(ValueError, onTheWire, number, code)))

    def test_fromTheWire(self) -> None:
        """What a peer may say is read as it is called today, and can be answered."""
        for number, sayable in SAYABLE.items():
            for code in sayable:
                heard = fromTheWire(number, code)
                assert heard is not None
                self.assertEqual(heard, 1009 if code == 1004 else code)
                self.assertEqual(onTheWire(number, heard), code)
            for code in NEVER:
                self.assertIsNone(fromTheWire(number, code))
        self.assertIsNone(fromTheWire(13, 1004))
        self.assertIsNone(fromTheWire(7, 1007))
