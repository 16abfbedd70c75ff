"""SECURITY: frames, against a real process.  What each frame is answered is `tests.wire`'s; here it is
memory, time, the log, and the other clients."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib

from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.watching import MB, AttackCase


class WrongTests(AttackCase):
    """Frames that are wrong."""

    def test_violations(self) -> None:
        """What the RFC forbids, each in its turn, by clients that come again and again: 1002 or 1007."""
        self.begin()
        came = self.attack("violations")
        self.assertGreater(came["close 1002"], 30)
        self.assertGreater(came["close 1007"], 10)
        self.assertEqual(came["close 1011"], 0)

    def test_lengths(self) -> None:
        """A declared length near 2^63, alone or behind a fragment: 1009 at the header, nothing allocated."""
        self.begin()
        for name in ("declared length", "length after fragment"):
            self.assertGreater(self.attack(name)["close 1009"], 30, name)


class ManyTests(AttackCase):
    """Much of what is small."""

    def test_fragments(self) -> None:
        """A message in 200,000 fragments, of no byte or one: 1009 past the limit."""
        self.begin()
        for name, payload in (("empty fragments", b""), ("small fragments", b"x")):
            self.attack(name, held=4 * MB)
            # How far these come in their time is the machine's matter; one goes on to the end.
            self.assertEqual(self.fragmented(payload), 1009, name)

    def fragmented(self, payload: bytes) -> int:
        """:return: What a message is closed with that has one fragment too many."""
        with Raw(self.port) as raw:
            raw.upgrade()
            raw.send(frame(TEXT, payload, final=False))
            with contextlib.suppress(OSError):  # it may close before it has been sent all
                raw.send(frame(0, payload, final=False) * 131_072)
            while (got := raw.frame())[0] & 0x0F != CLOSE:
                pass
            return int.from_bytes(got[1][:2], "big")

    def test_bytes(self) -> None:
        """Frames byte by byte; a dribble of unfinished frames."""
        self.begin()
        self.assertGreater(self.attack("byte by byte", held=0)["got"], 1000)
        self.attack("unfinished frames", held=50 * MB)

    def test_emptyMessages(self) -> None:
        """A read of 256 KiB holds 43,690 messages that are empty, each with a call of the application."""
        self.begin()
        self.attack("empty messages", held=10 * MB)

    def test_emptyEcho(self) -> None:
        """The same, each answered."""
        self.begin()
        self.attack("empty echo", held=10 * 3 * MB)


class DeflateTests(AttackCase):
    """Compression."""

    def test_bomb(self) -> None:
        """64 MB in 64 KB: inflated up to the limit, 1009."""
        self.begin()
        self.assertGreater(self.attack("bomb", held=20 * 2 * MB)["close 1009"], 10)

    def test_badData(self) -> None:
        """Data that are not deflate: 1007."""
        self.begin()
        self.assertGreater(self.attack("bad deflate")["close 1007"], 20)

    def test_burst(self) -> None:
        """Many legal messages that inflate 1000:1, taken, or echoed to who does not read."""
        self.begin()
        self.attack("inflating burst", held=10 * 3 * MB)
        self.attack("inflating echo", held=10 * 4 * MB)
