"""Work in proportion to the bytes, and nothing kept for each read: counted, not timed.

Of the plain build, which can be looked into; the compiled one is made of the same source.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.wire.case import Case
from tests.wire.machines import WIRES, Wire, atOnce, cut, deflated, drained, frame, held
from wsapp.limits import Limits
from wsapp.wire import deflate, gathering, hixie
from wsapp.wire.deflate import Inflater
from wsapp.wire.events import Event, Ping, Violation
from wsapp.wire.hixie import HixieReceiver
from wsapp.wire.http import BodyReader, HeadReader
from wsapp.wire.hybi import HybiReceiver
from wsapp.wire.masking import mask
from wsapp.wire.utf8 import checked
from wsapp.wire.versions import RFC_6455, Opening, Receiver

MANY = Limits(maxMessage=1 << 24, maxFragments=1 << 24)
# How many times as much work twice the input may be: a little more than twice.
TWICE = 2.1


def plain() -> Receiver:
    """A server's, without compression."""
    return HybiReceiver(MANY)


def compressed() -> Receiver:
    """A server's, with it."""
    return HybiReceiver(MANY, 13, Inflater(15, True))


def hixie76() -> Receiver:
    """The one before."""
    return HixieReceiver(MANY)


def calls(work: Callable[..., object], *arguments: object) -> int:
    """How many functions, Python's and C's, are called by *work*."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work(*arguments)
    finally:
        sys.setprofile(None)
    return count


class Sliced(bytes):
    """Bytes that count what is copied out of them."""

    copied = 0

    def __getitem__(self, key: object) -> object:  # type: ignore[override]
        part = super().__getitem__(key)  # type: ignore[call-overload]
        if isinstance(part, bytes):
            Sliced.copied += len(part)
        return part


class Refilling(HybiReceiver):
    """A receiver that counts what it moves when it goes on with what was stored."""

    __slots__ = ("moved",)

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.moved = 0

    def _refill(self) -> bool:
        self.moved += len(self._data) - self._position + len(self._stored or b"")
        return super()._refill()


def dribble(receiver: Receiver, data: bytes, size: int = 1) -> list[Event]:
    """The data in pieces of a size, each read as it comes."""
    events: list[Event] = []
    for start in range(0, len(data), size):
        receiver.receive(data[start : start + size])
        events += receiver.next(16, 1 << 20)
    return events


class CallsTests(Case):
    """Twice the input makes twice the calls."""

    def linear(self, new: Callable[[], Receiver], unit: bytes, start: bytes = b"", size: int = 1) -> None:
        """Check it for streams of 1,000 and 2,000 units, read in pieces of a size."""
        streams = [start + unit * count for count in (1000, 2000)]
        once, twice = (calls(dribble, new(), data, size) for data in streams)
        self.assertLess(twice, TWICE * once)

    def test_bigFrame(self) -> None:
        """One byte at a time of one big frame, text and binary."""
        for opcode in (1, 2):
            self.linear(plain, b"abc", frame(opcode, size=1 << 20))

    def test_compressed(self) -> None:
        """The same of a compressed one, here of blocks that each say "ab"."""
        for opcode in (1, 2):
            self.linear(
                compressed, bytes.fromhex("000200fdff6162"), frame(opcode, rsv=4, size=1 << 20, key=b"\0" * 4)
            )

    def test_smallFrames(self) -> None:
        """One byte at a time of many messages, of many pings."""
        for unit in (frame(1, b"abc"), frame(9, b"p" * 20)):
            self.linear(plain, unit)

    def test_fragments(self) -> None:
        """One byte at a time of many fragments, empty ones too."""
        for piece in (b"", b"x"):
            self.linear(plain, frame(0, piece, fin=False), frame(2, fin=False))

    def test_hixie(self) -> None:
        """The same of the frames before."""
        for unit in (b"\x00abc\xff", b"\x01abc\xff", b"\x80\x03abc"):
            self.linear(hixie76, unit)
        for start in (b"\x00", b"\x01"):
            self.linear(hixie76, b"abc", start)

    def test_largeReads(self) -> None:
        """Everything in one read, or in reads of a kilobyte."""
        for size in (1 << 20, 1000):
            self.linear(plain, frame(1, b"abc") * 10, size=size)
            self.linear(plain, frame(0, fin=False) * 10, frame(2, fin=False), size)
            self.linear(hixie76, b"\x00abc\xff" * 10, size=size)


class CopiesTests(Case):
    """Each byte is copied a few times at most, however it comes."""

    def test_oneRead(self) -> None:
        """What is sliced out of one read is no more than the read, for small frames and for a large one."""
        for data in (
            frame(1, b"abc") * 20_000,
            frame(9, b"abc") * 20_000,
            frame(2, b"x" * 200_000),
            frame(2, fin=False) + frame(0, fin=False) * 50_000,
            frame(2, b"x" * 100, fin=False) + frame(0, b"y", fin=False) * 20_000,
        ):
            Sliced.copied = 0
            atOnce(HybiReceiver(MANY), Sliced(data))
            self.assertLessEqual(Sliced.copied, len(data))
        for data in (b"\x00abc\xff" * 20_000, b"\x80\x03abc" * 20_000, b"\x01" + b"x" * 200_000):
            Sliced.copied = 0
            atOnce(HixieReceiver(MANY), Sliced(data))
            self.assertLessEqual(Sliced.copied, len(data))

    def test_pulledOneByOne(self) -> None:
        """Pulling one message at a time moves nothing of the rest."""
        data = frame(1, b"abc") * 20_000
        Sliced.copied = 0
        receiver = HybiReceiver(MANY)
        receiver.receive(Sliced(data))
        self.assertEqual(sum(len(receiver.next(1, 1)) for _ in range(20_000)), 20_000)
        self.assertLessEqual(Sliced.copied, len(data))

    def test_storedWhilePaused(self) -> None:
        """What comes while one message at a time is pulled is moved once."""
        unit = frame(1, b"abc")
        receiver = Refilling(MANY)
        got = 0
        for piece in cut(unit * 5000, range(0, len(unit) * 5000, 50)):
            receiver.receive(piece)
            got += len(receiver.next(1, 1))
        while not receiver.hungry:
            got += len(receiver.next(1, 1))
        self.assertEqual(got, 5000)
        self.assertLess(receiver.moved, 1.5 * len(unit) * 5000)

    def test_dribbleMovesLittle(self) -> None:
        """A header or a control frame that comes in bytes is moved by its own bytes alone."""
        for unit in (frame(9, b"p" * 125), frame(2, b"x" * 70_000)):
            receiver = Refilling(MANY)
            dribble(receiver, unit * 2)
            self.assertLess(receiver.moved, 2 * 140 * 140)

    def test_checkedOnce(self) -> None:
        """A text is checked once, and unmasked once, in whatever pieces it comes."""
        text = "aé€😀".encode() * 5000
        for module, new, data in (
            (gathering, plain, frame(1, text)),
            (hixie, hixie76, b"\x00" + text + b"\xff"),
        ):
            for size in (1, 7, 10_000):
                looked, unmasked = 0, 0

                def check(gathered: bytearray, valid: int) -> int:
                    nonlocal looked
                    looked += len(gathered) - valid
                    return checked(gathered, valid)

                def unmask(data: bytes, start: int, size: int, key: bytes, offset: int) -> bytes:
                    nonlocal unmasked
                    unmasked += size
                    return mask(data[start : start + size], key, offset)

                self.put(module, "checked", check)
                self.put(gathering, "unmask", unmask)
                self.assertEqual(dribble(new(), data, size), [text.decode()])
                # Again only what began a character and did not end it: at most three bytes a piece.
                self.assertLess(looked, len(text) + 3 * (len(data) // size + 1))
                self.assertEqual(unmasked, len(text) if module is gathering else 0)

    def test_copiesOfInflaters(self) -> None:
        """An inflater is copied, for the sake of the error, only where the limit could be reached."""
        copies = 0

        class Copied(deflate.Inflater):
            def inflate(self, data: bytes, most: int) -> bytes:
                nonlocal copies
                copies += most <= (len(data) + 8) * 1032
                return super().inflate(data, most)

        data = frame(2, deflated(b"some text " * 20), rsv=4) * 100
        atOnce(HybiReceiver(Limits(), 13, Copied(15, True)), data)
        self.assertEqual(copies, 0)


class KeptTests(Case):
    """No object is kept for a read, a fragment or a byte."""

    def grows(self, receiver: Receiver, piece: bytes, times: int) -> int:
        """How many blocks of memory many reads leave behind."""
        for _ in range(10):
            atOnce(receiver, piece)
        before = sys.getallocatedblocks()
        for _ in range(times):
            receiver.receive(piece)
            drained(receiver)
        return sys.getallocatedblocks() - before

    def test_blocks(self) -> None:
        """A dribble of unfinished frames, of empty fragments, of bytes."""
        for receiver, start, piece in (
            (HybiReceiver(MANY), frame(2, size=1 << 20), b"x"),
            (HybiReceiver(MANY), frame(2, fin=False), frame(0, b"", fin=False)),
            (HybiReceiver(MANY), frame(2, fin=False), frame(0, b"x", fin=False)),
            (HybiReceiver(MANY), b"", frame(9, b"ping")),
            (
                HybiReceiver(MANY, 13, Inflater(15, True)),
                frame(2, rsv=4, fin=False),
                frame(0, b"\0\0\0\xff\xff", fin=False),
            ),
            (HixieReceiver(MANY), b"\x00", b"x"),
            (HixieReceiver(MANY), b"\x01", b"x"),
            (HixieReceiver(MANY), b"", b"\x80\x01x"),
        ):
            atOnce(receiver, start)
            self.assertLess(self.grows(receiver, piece, 5000), 50)

    def test_slots(self) -> None:
        """What there is one of for each connection has no dictionary."""
        for wire in WIRES.values():
            for half in (wire.receiver(), wire.sender()):
                self.assertFalse(hasattr(half, "__dict__"), half)
        request = HeadReader(Limits()).receive(b"GET / HTTP/1.1\r\n\r\n")
        assert request is not None
        for each in (
            HeadReader(Limits()),
            BodyReader(request, Limits()),
            request,
            request.headers,
            Inflater(15, True),
            deflate.Deflater(15, True),
            Opening(request, RFC_6455),
        ):
            self.assertFalse(hasattr(each, "__dict__"), each)

    def test_storedIsOneBuffer(self) -> None:
        """Reads that nobody pulls are bytes in one buffer."""
        for receiver in (HybiReceiver(MANY), HixieReceiver(MANY)):
            receiver.receive(b"\x00" if isinstance(receiver, HixieReceiver) else frame(2, size=1 << 20))
            before = sys.getallocatedblocks()
            for _ in range(5000):
                receiver.receive(b"x")
            self.assertLess(sys.getallocatedblocks() - before, 50)
            self.assertLess(held(receiver), 10_000)

    def test_gatheredOnce(self) -> None:
        """A message that comes in fragments takes about its own size."""
        receiver = HybiReceiver(MANY)
        receiver.receive(frame(2, fin=False))
        for _ in range(1000):
            atOnce(receiver, frame(0, b"x" * 1000, fin=False))
        self.assertLess(held(receiver), 1_300_000)

    def test_declaredIsNotAllocated(self) -> None:
        """A declared length costs nothing until it comes."""
        receiver = HybiReceiver(Limits(maxMessage=1 << 40))
        self.assertEqual(atOnce(receiver, frame(2, b"abc", size=1 << 39)), [])
        self.assertLess(held(receiver), 2000)


class ManyFragmentsTests(Case):
    """A million fragments."""

    def test_million(self) -> None:
        """A million empty ones are one message, if the limit lets them; not one object is made of them."""
        receiver = HybiReceiver(MANY)
        data = frame(2, b"a", fin=False) + frame(0, b"", fin=False) * 1_000_000 + frame(0, b"b")
        receiver.receive(data)
        before = sys.getallocatedblocks()
        self.assertEqual(drained(receiver), [b"ab"])
        self.assertLess(sys.getallocatedblocks() - before, 50)

    def test_inSteps(self) -> None:
        """One call looks at a bounded number of them, though no event comes out."""
        receiver = HybiReceiver(MANY)
        receiver.receive(frame(2, b"a", fin=False) + frame(0, b"", fin=False) * 100_000 + frame(0, b"b"))
        calls = 0
        while not (events := receiver.next(1, 1)):
            self.assertFalse(receiver.hungry)
            calls += 1
        self.assertEqual(events, [b"ab"])
        self.assertGreater(calls, 90)

    def test_default(self) -> None:
        """By default 131,072 are the most: 1009 with the next; 4 MiB in pieces of 64 bytes are honest."""
        most = Limits().maxFragments
        start = frame(2, fin=False) + frame(0, fin=False) * (most - 1)
        receiver = HybiReceiver(Limits())
        self.assertEqual(atOnce(receiver, start), [])
        self.assertEqual(atOnce(receiver, frame(9)), [Ping(b"")])
        (event,) = atOnce(receiver, frame(0))
        self.assertIsInstance(event, Violation)
        self.assertEqual(event[0], 1009)
        honest = (
            frame(2, b"x" * 64, fin=False) + frame(0, b"x" * 64, fin=False) * 65_534 + frame(0, b"x" * 64)
        )
        (message,) = atOnce(HybiReceiver(Limits(maxMessage=1 << 22)), honest)
        self.assertEqual(len(message), 1 << 22)


class EveryWireTests(Case):
    """The same figure for every version's machine."""

    def test_oneByteAtATime(self) -> None:
        """A byte costs a bounded number of calls."""
        for wire in WIRES.values():
            self.assertLess(self.callsPerByte(wire), 30, wire.name)

    def callsPerByte(self, wire: Wire) -> float:
        """Over messages small and large."""
        sender = wire.sender()
        data = b"".join(sender.encode(text) for text in ("", "é" * 10, "x" * 500, "€" * 300))
        return calls(dribble, wire.receiver(), data) / len(data)
