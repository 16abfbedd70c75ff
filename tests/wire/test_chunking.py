"""The central property: the events depend on the bytes alone.

For every version, both roles, with and without compression: any stream, valid or broken, cut
anywhere and pulled under any budgets, gives the same events as all of it at once.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.machines import WIRES, Wire, atOnce, cut, frame, inPieces
from tests.wire.profile import STABLE
from tests.wire.suite import MixedIn
from wsapp.limits import Limits
from wsapp.wire.events import Close, Violation

# Contents that are likely to matter: characters of each length, some of them wrong, and what compresses.
_SCRAPS = st.sampled_from(
    [b"", b"a", b"Hello", "é".encode(), "€😀".encode(), b"\xc3", b"\xed\xa0", b"\xf4\x90", b"\xff", b"\x00"]
)
_PAYLOADS = st.one_of(
    st.builds(bytes.__mul__, _SCRAPS, st.sampled_from([1, 1, 2, 30, 126, 300])),
    st.binary(max_size=40),
    st.lists(_SCRAPS, max_size=4).map(b"".join),
)


class Message(NamedTuple):
    """A message in fragments.

    :ivar places: Where its payload is cut into frames.
    :ivar trim: How many bytes a compressed payload lacks at its end.
    :ivar tail: Bytes behind it, which make it a wrong one, or not.
    :ivar between: What stands between its frames.
    """

    opcode: int
    payload: bytes
    compressed: bool
    places: list[int]
    trim: int
    tail: bytes
    between: bytes


class Frame(NamedTuple):
    """A frame as it should seldom be."""

    opcode: int
    payload: bytes
    fin: bool
    rsv: int
    form: int
    size: int | None
    masked: bool


_KEYS = st.sampled_from([b"\0\0\0\0", b"\x37\xfa\x21\x3d", b"\xff\x80\x01\x7f"])
_MESSAGES = st.builds(
    Message,
    st.sampled_from([1, 1, 2]),
    _PAYLOADS,
    st.booleans(),
    st.lists(st.integers(0, 200), max_size=4),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([b"", b"", b"", b"\0", b"\x06", b"\x07", b"\x03\0", b"\x01\0\0\xff\xff", b"\xff\xff"]),
    st.sampled_from([b"", b"", b"ping"]),
)
_FRAMES = st.builds(
    Frame,
    st.sampled_from([0, 0, 1, 1, 2, 8, 8, 9, 10, 3, 11, 15]),
    st.one_of(
        _PAYLOADS,
        st.sampled_from([b"\x03\xe8", b"\x03\xe8ok", b"\x03\xec", b"\x03\xef\xc3", b"\x0f\xa0\xc3\xa9"]),
    ),
    st.sampled_from([True, True, False]),
    st.sampled_from([0, 0, 0, 4, 2, 7]),
    st.sampled_from([0, 0, 0, 126, 127]),
    st.one_of(
        st.none(), st.none(), st.none(), st.sampled_from([0, 5, 70, 200, 65536, (1 << 63) - 1, 1 << 63])
    ),
    st.sampled_from([True, True, True, True, True, True, False]),
)
# Each change: what is done, where in a thousandth of the stream, with which byte.
_CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "put", "drop", "end"]), st.integers(0, 999), st.integers(0, 255)),
    max_size=3,
)
_HYBI = st.lists(st.one_of(_MESSAGES, _MESSAGES, _FRAMES, st.binary(max_size=6)), max_size=6)
_HIXIE = st.lists(
    st.one_of(
        _PAYLOADS.map(lambda payload: b"\x00" + payload + b"\xff"),
        _PAYLOADS.map(lambda payload: b"\x01" + payload + b"\xff"),
        st.binary(max_size=20).map(lambda payload: b"\x80" + bytes([len(payload)]) + payload),
        st.sampled_from(
            [b"\x80\x81\x00" + b"x" * 128, b"\x80\x80\x80\x00", b"\xff" * 4, b"\x80" * 10, b"\xff\x00"]
        ),
        st.binary(max_size=6),
    ),
    max_size=8,
)
_LIMITS = st.builds(
    Limits,
    maxMessage=st.sampled_from([1, 2, 5, 6, 29, 30, 125, 126, 300, 1500, 100_000]),
    maxFragments=st.sampled_from([1, 2, 3, 1000]),
)
_TEXTS = st.builds(str.__mul__, st.text(max_size=20), st.sampled_from([1, 1, 10, 100]))
# How far from the last message's size the limit is, if it is near at all.
_NEAR = st.sampled_from([None, None, None, -2, -1, 0, 1])
_BUDGETS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0, 1, 5, 126, 1000])),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """The stream with a few bytes wrong."""
    stream = bytearray(data)
    for what, where, octet in changes:
        at = where * len(stream) // 1000
        if what == "put":
            stream.insert(at, octet)
        elif stream and what == "flip":
            stream[at] ^= octet
        elif what == "drop":
            del stream[at : at + 1 + octet % 4]
        elif what == "end":
            del stream[at:]
    return bytes(stream)


class Stream:
    """Builds a peer's stream for one way of the wire."""

    def __init__(self, wire: Wire, key: bytes) -> None:
        self._wire = wire
        self._key = key if wire.masked else None
        self._deflater: zlib._Compress | None = None

    def of(self, items: list[Message | Frame | bytes]) -> bytes:
        """The items, one after another."""
        return b"".join(self._item(item) for item in items)

    def _item(self, item: Message | Frame | bytes) -> bytes:
        if isinstance(item, Message):
            return self._message(item)
        if isinstance(item, Frame):
            key = self._key if item.masked else (None if self._wire.masked else b"abcd")
            size = len(item.payload) if item.size is None else item.size
            form = 127 if item.form == 126 and size > 65535 else item.form
            return frame(item.opcode, item.payload, fin=item.fin, rsv=item.rsv, key=key, size=size, form=form)
        return item

    def _message(self, message: Message) -> bytes:
        payload, deflation = message.payload, self._wire.deflation
        rsv = 0
        if deflation and message.compressed:
            if self._deflater is None or deflation.clientNoContextTakeover:
                self._deflater = zlib.compressobj(wbits=-deflation.clientMaxWindowBits)
            payload = self._deflater.compress(payload) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
            payload = payload[: -4 - message.trim] + message.tail
            rsv = 4
        pieces = cut(payload, message.places)
        frames = []
        for number, piece in enumerate(pieces):
            first, last = number == 0, number == len(pieces) - 1
            opcode = message.opcode if first else 0
            frames.append(frame(opcode, piece, fin=last, rsv=rsv if first else 0, key=self._key))
        between = frame(9, message.between, key=self._key) if message.between else b""
        return between.join(frames)


_PLACES = st.lists(st.integers(0, 600), max_size=8)


class ChunkingSuite(MixedIn):
    """The property itself; mix it into a test case and set :attr:`wire`."""

    wire: Wire

    def same(
        self, data: bytes, limits: Limits, places: list[int], budgets: list[tuple[int, int, int]]
    ) -> None:
        """The stream gives the same events however it comes and is pulled."""
        whole = atOnce(self.wire.receiver(limits), data)
        for event in whole[:-1]:
            self.assertNotIsInstance(event, (Close, Violation))
        for pieces in ([data], cut(data, places), cut(data, range(len(data)))):
            self.assertEqual(inPieces(self.wire.receiver(limits), pieces, budgets), whole)
        self.assertEqual(inPieces(self.wire.receiver(limits), cut(data, range(len(data)))), whole)


class HybiSuite(ChunkingSuite):
    """Streams of frames."""

    @STABLE
    @given(_HYBI, _KEYS, _CHANGES, _LIMITS, _NEAR, _PLACES, _BUDGETS)
    def test_anyCutAnyBudget(
        self,
        items: list[Message | Frame | bytes],
        key: bytes,
        changes: list[tuple[str, int, int]],
        limits: Limits,
        near: int | None,
        places: list[int],
        budgets: list[tuple[int, int, int]],
    ) -> None:
        """Right frames, wrong ones, garbage, and any of them changed."""
        sizes = [len(item.payload) for item in items if isinstance(item, Message)]
        if near is not None and sizes:
            limits = replace(limits, maxMessage=max(1, sizes[-1] + near))
        self.same(changed(Stream(self.wire, key).of(items), changes), limits, places, budgets)

    @STABLE
    @given(st.lists(_TEXTS | st.binary(max_size=400), max_size=6), _PLACES, _BUDGETS)
    def test_roundTrip(
        self, messages: list[str | bytes], places: list[int], budgets: list[tuple[int, int, int]]
    ) -> None:
        """What the sender of the other end makes comes out as the messages."""
        sender = self.wire.sender()
        data = b"".join(map(sender.encode, messages))
        self.assertEqual(inPieces(self.wire.receiver(), cut(data, places), budgets), messages)


class HixieSuite(ChunkingSuite):
    """Streams of hixie's frames."""

    @STABLE
    @given(_HIXIE, _CHANGES, _LIMITS, _PLACES, _BUDGETS)
    def test_anyCutAnyBudget(
        self,
        items: list[bytes],
        changes: list[tuple[str, int, int]],
        limits: Limits,
        places: list[int],
        budgets: list[tuple[int, int, int]],
    ) -> None:
        """Messages, frames to discard, garbage, and any of them changed."""
        self.same(changed(b"".join(items), changes), limits, places, budgets)

    @STABLE
    @given(st.lists(_TEXTS, max_size=6), _PLACES, _BUDGETS)
    def test_roundTrip(
        self, messages: list[str], places: list[int], budgets: list[tuple[int, int, int]]
    ) -> None:
        """What the sender of the other end makes comes out as the messages."""
        data = b"".join(map(self.wire.sender().encode, messages))
        self.assertEqual(inPieces(self.wire.receiver(), cut(data, places), budgets), messages)


class Hixie75Tests(HixieSuite, Case):
    """hixie-75."""

    wire = WIRES["hixie-75"]


class Hixie76Tests(HixieSuite, Case):
    """hixie-76."""

    wire = WIRES["hixie-76"]


class Hybi07ClientTests(HybiSuite, Case):
    """hybi-07, from a client."""

    wire = WIRES["hybi-07, from a client"]


class Hybi07ServerTests(HybiSuite, Case):
    """hybi-07, from a server."""

    wire = WIRES["hybi-07, from a server"]


class Hybi08ClientTests(HybiSuite, Case):
    """hybi-08, from a client."""

    wire = WIRES["hybi-08, from a client"]


class Hybi08ServerTests(HybiSuite, Case):
    """hybi-08, from a server."""

    wire = WIRES["hybi-08, from a server"]


class Rfc6455ClientTests(HybiSuite, Case):
    """RFC 6455, from a client."""

    wire = WIRES["RFC 6455, from a client"]


class Rfc6455ServerTests(HybiSuite, Case):
    """RFC 6455, from a server."""

    wire = WIRES["RFC 6455, from a server"]


class SharedClientTests(HybiSuite, Case):
    """deflate shared, from a client."""

    wire = WIRES["deflate shared, from a client"]


class SharedServerTests(HybiSuite, Case):
    """deflate shared, from a server."""

    wire = WIRES["deflate shared, from a server"]


class TakeoverClientTests(HybiSuite, Case):
    """deflate takeover, from a client."""

    wire = WIRES["deflate takeover, from a client"]


class TakeoverServerTests(HybiSuite, Case):
    """deflate takeover, from a server."""

    wire = WIRES["deflate takeover, from a server"]


class SmallWindowClientTests(HybiSuite, Case):
    """deflate small window, from a client."""

    wire = WIRES["deflate small window, from a client"]


class SmallWindowServerTests(HybiSuite, Case):
    """deflate small window, from a server."""

    wire = WIRES["deflate small window, from a server"]
