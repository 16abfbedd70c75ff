"""The framing machines under test, and ways to feed them."""

from __future__ import annotations

import itertools
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from unittest import SkipTest

from wsapp.limits import Limits
from wsapp.wire.deflate import Deflater, Deflation, Inflater
from wsapp.wire.events import Event
from wsapp.wire.gathering import Gathering
from wsapp.wire.hixie import HixieReceiver, HixieSender
from wsapp.wire.selection import HybiReceiver, HybiSender, accelerated, mask
from wsapp.wire.versions import Receiver, Sender

__all__ = [
    "UNBOUNDED",
    "WIRES",
    "Wire",
    "atOnce",
    "cut",
    "deflated",
    "drained",
    "frame",
    "held",
    "inPieces",
]

UNBOUNDED = 1 << 60


class Wire(NamedTuple):
    """One way in which bytes come from a peer.

    :ivar number: Its ``Sec-WebSocket-Version``; None for hixie.
    :ivar closes: Whether there is a Close.
    :ivar masked: Whether the peer masks: it is a client.
    :ivar deflation: What was agreed to of permessage-deflate, the same for both directions.
    """

    name: str
    number: int | None
    closes: bool = True
    masked: bool = True
    deflation: Deflation | None = None

    def receiver(self, limits: Limits | None = None) -> Receiver:
        """What takes the peer's bytes."""
        limits = limits or Limits()
        if self.number is None:
            return HixieReceiver(limits, self.closes)
        inflater = None
        if self.deflation:
            inflater = Inflater(self.deflation.clientMaxWindowBits, self.deflation.clientNoContextTakeover)
        return HybiReceiver(limits, self.number, inflater, self.masked)

    def sender(self) -> Sender:
        """What makes the peer's bytes."""
        if self.number is None:
            return HixieSender(self.closes)
        deflater = None
        if self.deflation:
            deflater = Deflater(self.deflation.clientMaxWindowBits, self.deflation.clientNoContextTakeover)
        return HybiSender(self.number, deflater, masked=self.masked)


_SHARED = Deflation()
_TAKEOVER = Deflation(False, False)
_SMALL_WINDOW = Deflation(False, False, 9, 9)

WIRES = {
    wire.name: wire
    for wire in (
        Wire("hixie-75", None, closes=False),
        Wire("hixie-76", None),
        *(
            Wire(f"{name}, from a {role}", number, masked=role == "client", deflation=deflation)
            for name, number, deflation in (
                ("hybi-07", 7, None),
                ("hybi-08", 8, None),
                ("RFC 6455", 13, None),
                ("deflate shared", 13, _SHARED),
                ("deflate takeover", 13, _TAKEOVER),
                ("deflate small window", 13, _SMALL_WINDOW),
            )
            for role in ("client", "server")
        ),
    )
}


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = b"\x37\xfa\x21\x3d",
    size: int | None = None,
    form: int = 0,
) -> bytes:
    """One frame as it is told, right or wrong.

    :param rsv: The three reserved bits, RSV1 being 4.
    :param key: The masking key; None for an unmasked frame.
    :param size: The length to declare, where it is not the payload's.
    :param form: 126 or 127: the length in that form, needed or not.
    """
    size = len(payload) if size is None else size
    bit = 0 if key is None else 0x80
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    form = form or (size if size < 126 else 126 if size < 1 << 16 else 127)
    head += bytes([bit | form])
    if form == 126:
        head += size.to_bytes(2, "big")
    elif form == 127:
        head += size.to_bytes(8, "big")
    return head + payload if key is None else head + key + mask(payload, key)


def deflated(payload: bytes) -> bytes:
    """A message's bytes as one compressed payload, by zlib alone."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces, cut where *places* say; some may be empty."""
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def _size(event: Event) -> int:
    """What an event may at least be counted for in a size budget."""
    return len(event) if isinstance(event, (str, bytes)) else 0


def atOnce(receiver: Receiver, data: bytes) -> list[Event]:
    """All that *data* says, given and pulled in one go."""
    receiver.receive(data)
    return drained(receiver)


def drained(receiver: Receiver) -> list[Event]:
    """All that a receiver has still to give."""
    events = receiver.next(UNBOUNDED, UNBOUNDED)
    while not receiver.hungry:
        events += receiver.next(UNBOUNDED, UNBOUNDED)
    return events


def inPieces(
    receiver: Receiver, pieces: Sequence[bytes], budgets: Sequence[tuple[int, int, int]] = ()
) -> list[Event]:
    """All that the pieces say, pulled between them as the budgets tell, and then to the end.

    :param budgets: Used in turn, one for each piece: how many pulls, of which count and size.
    """
    events: list[Event] = []
    turn: Iterator[tuple[int, int, int]] = itertools.cycle(budgets or [(1, UNBOUNDED, UNBOUNDED)])
    for piece in pieces:
        receiver.receive(piece)
        pulls, count, size = next(turn)
        for _ in range(pulls):
            events += _pull(receiver, count, size)
    while not receiver.hungry:
        _, count, size = next(turn)
        events += _pull(receiver, count or 1, size or 1)
    if receiver.next(1, 1):
        raise AssertionError("a hungry receiver had more to give")
    return events


def _pull(receiver: Receiver, count: int, size: int) -> list[Event]:
    events = receiver.next(count, size)
    if len(events) > count or (len(events) > 1 and sum(map(_size, events[:-1])) >= size):
        raise AssertionError(f"{len(events)} events for a budget of {count}, {size}")
    return events


def held(receiver: Receiver) -> int:
    """The bytes that a receiver's buffers take.

    :raises SkipTest: It is compiled, and lets nobody look; its source is the plain one's.
    """
    if accelerated and isinstance(receiver, HybiReceiver):
        raise SkipTest("the compiled machine cannot be looked into")
    values = [getattr(receiver, name) for name in type(receiver).__slots__]  # type: ignore[attr-defined]
    values += [value._bytes for value in values if isinstance(value, Gathering)]
    return sum(sys.getsizeof(value) for value in values if isinstance(value, (bytes, bytearray)))
