"""Tests of `wsapp.wire.frames`."""

from __future__ import annotations

import os

from tests.wire.case import Case
from tests.wire.keys import drawn
from tests.wire.machines import atOnce
from tests.wire.vectors import FRAMES, HELLO_KEY
from wsapp.limits import Limits
from wsapp.wire.deflate import Deflater, Inflater
from wsapp.wire.events import Close, Ping, Pong
from wsapp.wire.selection import HybiReceiver, HybiSender, frame


class SenderTests(Case):
    """What goes out, byte by byte."""

    def test_vectors(self) -> None:
        """The frames of RFC 6455 5.7 and the edges of 5.2, both ways."""
        drawn(self, lambda size: HELLO_KEY * (size // 4))
        for vector in FRAMES:
            if not vector.encodes:
                continue
            sender = HybiSender(masked=vector.masked)
            event = vector.event
            if isinstance(event, (str, bytes)):
                made = sender.encode(event)
            elif isinstance(event, Ping):
                made = sender.ping(event.payload)
            elif isinstance(event, Pong):
                made = sender.pong(event.payload)
            else:
                made = sender.close(event.code, event.reason)
            self.assertEqual(made, vector.wire, vector.name)

    def test_pieces(self) -> None:
        """In pieces it is the same frame, and a large payload is not copied."""
        binary = b"x" * 70_000
        for message in ("", "a", "word " * 1000, "é" * 40_000, binary):
            for compressed in (False, True):
                one, other = (
                    HybiSender(13, Deflater(15, fresh=True) if compressed else None) for _ in range(2)
                )
                self.assertEqual(b"".join(one.pieces(message)), other.encode(message))
        self.assertIs(HybiSender().pieces(binary)[1], binary)
        (masked,) = HybiSender(masked=True).pieces(binary)
        self.assertEqual(atOnce(HybiReceiver(Limits()), bytes(masked)), [binary])

    def test_serverDoesNotMask(self) -> None:
        """RFC 6455 5.1: a server's frames are not masked, of no kind."""
        sender = HybiSender()
        for data in (sender.encode("a"), sender.ping(b""), sender.pong(b""), sender.close(1000, "")):
            self.assertLess(data[1], 0x80)

    def test_keysAreFresh(self) -> None:
        """RFC 6455 5.3: each frame of a client's has a key of its own."""
        drawn(self, lambda size: b"abcdefgh" * (size // 8))
        sender = HybiSender(masked=True)
        self.assertEqual(sender.ping(b"")[2:], b"abcd")
        self.assertEqual(sender.ping(b"")[2:], b"efgh")

    def test_frame(self) -> None:
        """The first byte is the caller's."""
        self.assertEqual(frame(0x41, b"ab"), b"\x41\x02ab")

    def test_closeReason(self) -> None:
        """A reason is cut to what a control frame holds, between characters; what is not text is a "?"."""
        for reason, said in (
            ("x" * 123, b"x" * 123),
            ("x" * 124, b"x" * 123),
            ("é" * 62, "é".encode() * 61),
            ("x" + "é" * 61, b"x" + "é".encode() * 61),
            ("😀" * 40, "😀".encode() * 30),
            ("a\ud800b", b"a?b"),
        ):
            data = HybiSender().close(1000, reason)
            self.assertEqual(data, bytes([0x88, 2 + len(said)]) + b"\x03\xe8" + said)
            (event,) = atOnce(HybiReceiver(Limits(), masked=False), data)
            self.assertIsInstance(event, Close)

    def test_closeCodeByVersion(self) -> None:
        """An older version hears the nearest code that it knows."""
        for number, said in ((7, 1004), (8, 1004), (13, 1009)):
            self.assertEqual(HybiSender(number).close(1009, "")[2:], said.to_bytes(2, "big"))

    def test_closeCodeThatIsNone(self) -> None:
        """A code that may not be sent is the caller's mistake."""
        for code in (999, 1004, 1006, 1015, 2999, 5000):
            self.raised(ValueError, HybiSender().close, code, "")

    def test_form(self) -> None:
        """Senders of equal form make equal bytes."""
        self.assertEqual(HybiSender().form, HybiSender(8).form)
        self.assertTrue(HybiSender.hasBinary and HybiSender.hasPing)

    def test_smallMessagesGoPlain(self) -> None:
        """Under 128 bytes there is nothing to gain; from there on the frame says RSV1."""
        sender = HybiSender(deflater=Deflater(15, fresh=True))
        self.assertEqual(sender.encode("x" * 127), b"\x81\x7e\x00\x7f" + b"x" * 127)
        self.assertEqual(sender.encode("x" * 128)[0], 0xC1)
        self.assertEqual(sender.encode(b"x" * 128)[0], 0xC2)
        self.assertEqual(sender.ping(b"x" * 125)[0], 0x89)

    def test_compressed(self) -> None:
        """Messages compressed and plain come back, with a context kept and without."""
        for fresh in (True, False):
            sender = HybiSender(deflater=Deflater(15, fresh))
            receiver = HybiReceiver(Limits(), 13, Inflater(15, fresh), masked=False)
            sizes = []
            for message in ("abc" * 100, b"small", "abc" * 100, os.urandom(5000), "é" * 70_000):
                data = sender.encode(message)
                sizes.append(len(data))
                self.assertEqual(atOnce(receiver, data), [message])
            self.assertLess(sizes[0], 30)
            # What was said before is cheaper the second time, if the context is kept.
            self.assertEqual(sizes[2] < sizes[0], not fresh)
