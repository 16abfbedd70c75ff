"""Targets: frames, as a peer may send them."""

from __future__ import annotations

import re
import sys
import zlib

from tests.fuzz.builds import BUILDS
from tests.fuzz.inputs import Choices, Handlings, Wrong, need
from tests.wire.machines import WIRES, Wire, atOnce, cut, frame, inPieces
from wsapp.errors import UnsupportedByVersion
from wsapp.limits import Limits
from wsapp.wire.events import Close, Event, Ping, Pong, Violation
from wsapp.wire.versions import Receiver

__all__ = ["close", "deflate", "hixie", "hybi", "messages", "text"]

_HIXIE = [wire for wire in WIRES.values() if wire.number is None]
_HYBI = [wire for wire in WIRES.values() if wire.number is not None]
_DEFLATED = [wire for wire in WIRES.values() if wire.deflation is not None]
_PLAIN = [wire for wire in _HYBI if wire.deflation is None]

_LIMITS = [
    Limits(),
    Limits(maxMessage=300, maxFragments=5),
    Limits(maxMessage=125, maxFragments=2),
    Limits(maxMessage=6, maxFragments=3),
    Limits(maxMessage=70_000, maxFragments=1000),
]


def _kept(value: object) -> int:
    """The bytes of the buffers that hang on an object of the wire's."""
    if isinstance(value, (bytes, bytearray)):
        return sys.getsizeof(value)
    if isinstance(value, (list, tuple)):
        return sys.getsizeof(value) + sum(map(_kept, value))
    if type(value).__module__.startswith("wsapp.wire."):
        slots = getattr(type(value), "__slots__", ())
        return sum(_kept(getattr(value, name, None)) for name in slots)
    return 0


def _bounded(receiver: Receiver, limits: Limits) -> None:
    """A receiver that has read all holds no more than a message and a header (of the plain build)."""
    held = _kept(receiver)
    # A bytearray that grows is an eighth larger than what is in it.
    most = limits.maxMessage * 9 // 8 + 2000
    need(held <= most, f"{held} bytes are held, where {most} are enough")


def _sound(events: list[Event], limits: Limits) -> None:
    """What is true of any peer's events."""
    for event in events[:-1]:
        need(not isinstance(event, (Close, Violation)), f"more comes after {event!r}")
    for event in events:
        if isinstance(event, (str, bytes)):
            size = len(event if isinstance(event, bytes) else event.encode())
            need(size <= limits.maxMessage, f"a message of {size} bytes")
        elif isinstance(event, (Ping, Pong)):
            need(type(event.payload) is bytes and len(event.payload) <= 125, f"{event}")
        elif isinstance(event, Violation):
            need(event.code in (1002, 1007, 1009) and bool(event.reason), f"{event}")
            need(len(event.reason.encode()) <= 123, f"{event} does not fit a Close")
        else:
            code = event.code
            known = code in (*range(1000, 1004), 1005, *range(1007, 1015)) or 3000 <= code <= 4999
            need(known and type(event.reason) is str, f"{event}")


def _read(wire: Wire, limits: Limits, data: bytes, handlings: Handlings) -> list[Event]:
    """What the stream says: to every build the same, however it comes."""
    receiver = BUILDS[0].receiver(wire, limits)
    expected = atOnce(receiver, data)
    _sound(expected, limits)
    _bounded(receiver, limits)
    for build in BUILDS:
        got = atOnce(build.receiver(wire, limits), data)
        need(got == expected, f"{build.name}, at once: {got!r}; plain: {expected!r}")
        for pieces, budgets in handlings.of(data):
            receiver = build.receiver(wire, limits)
            got = inPieces(receiver, pieces, budgets)
            need(got == expected, f"{build.name}, in {len(pieces)} pieces: {got!r}; plain: {expected!r}")
            if not build.accelerated:
                _bounded(receiver, limits)
    return expected


def hybi(data: bytes) -> None:
    """Any bytes as frames of hybi-07 to RFC 6455, of both roles, with deflate and without."""
    choices = Choices(data)
    wire, limits, handlings = choices.one(_HYBI), choices.one(_LIMITS), choices.handlings()
    _read(wire, limits, choices.rest, handlings)


def hixie(data: bytes) -> None:
    """Any bytes as frames of hixie-75 and -76."""
    choices = Choices(data)
    wire, limits, handlings = choices.one(_HIXIE), choices.one(_LIMITS), choices.handlings()
    _read(wire, limits, choices.rest, handlings)


def deflate(data: bytes) -> None:
    """Any bytes as the payloads of compressed messages: what zlib makes of them, or a violation."""
    choices = Choices(data)
    wire, limits, handlings = choices.one(_DEFLATED), choices.one(_LIMITS), choices.handlings()
    assert wire.deflation is not None
    key = b"\0\0\0\0" if wire.masked else None
    stream, expected = b"", []
    inflater: zlib._Decompress | None = None
    certain = True
    while choices.rest and certain:
        parts = choices.byte() % 3
        payload = choices.take(choices.byte())
        pieces = cut(payload, [len(payload) * n // (parts + 1) for n in range(1, parts + 1)])
        for number, piece in enumerate(pieces):
            first, last = number == 0, number == len(pieces) - 1
            stream += frame(2 if first else 0, piece, fin=last, rsv=4 if first else 0, key=key)
        if len(pieces) > limits.maxFragments:
            certain = False
        elif payload:
            if inflater is None or wire.deflation.clientNoContextTakeover:
                inflater = zlib.decompressobj(-max(9, wire.deflation.clientMaxWindowBits))
            try:
                message = inflater.decompress(payload + b"\x00\x00\xff\xff", limits.maxMessage + 1)
            except zlib.error:
                certain = False
            else:
                # A block with BFINAL has rules of its own (RFC 7692 7.2.3.4), which are not zlib's.
                certain = len(message) <= limits.maxMessage and not inflater.eof
            if certain:
                expected.append(message)
        else:
            expected.append(b"")
    got = _read(wire, limits, stream, handlings)
    need(got[: len(expected)] == expected, f"{got!r}, where zlib reads {expected!r}")
    if certain:
        need(len(got) == len(expected), f"{got!r}, where zlib reads {expected!r} and no more")


_SAYABLE = {
    7: [*range(1000, 1005)],
    8: [*range(1000, 1005), 1007],
    13: [*range(1000, 1004), *range(1007, 1015)],
}


def _closeSays(number: int, payload: bytes) -> Event | int:
    """What a Close frame says by RFC 6455 5.5.1, read anew: the event, or a violation's code."""
    if len(payload) in (1, *range(126, len(payload) + 1)):
        return 1002
    if not payload:
        return Close(1005, "")
    code = payload[0] << 8 | payload[1]
    if code not in _SAYABLE[number] and not 3000 <= code < 5000:
        return 1002
    try:
        return Close(1009 if code == 1004 else code, payload[2:].decode())
    except UnicodeDecodeError:
        return 1007


def close(data: bytes) -> None:
    """Any bytes as a Close frame's payload, and what is said of them as a Close of ours."""
    choices = Choices(data)
    wire, handlings = choices.one(_PLAIN), choices.handlings()
    number = wire.number
    assert number is not None
    payload = choices.rest[:200]
    expected = _closeSays(number, payload)
    (event,) = _read(wire, Limits(), frame(8, payload, key=b"abcd" if wire.masked else None), handlings)
    got = event.code if isinstance(event, Violation) else event
    need(got == expected, f"{event!r}, where {expected!r} is right")
    code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
    for build in BUILDS:
        try:
            said = build.sender(wire).close(code, reason)
        except ValueError:
            need(code not in _SAYABLE[13] and not 3000 <= code < 5000 and code != 1005, f"{code} is refused")
            continue
        (event,) = atOnce(BUILDS[0].receiver(wire, Limits()), said)
        if not isinstance(event, Close):
            raise Wrong(f"our own Close is read as {event!r}")
        need(reason.startswith(event.reason), f"{reason!r} is said as {event.reason!r}")
        need(code == 1005 or len(event.reason.encode()) >= min(120, len(reason.encode())), f"{event!r} lacks")


# RFC 3629 4, and the beginnings of characters.
_WHOLE = (
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2})*"
)
_BEGUN = (
    rb"(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]?|\xed[\x80-\x9f]?"
    rb"|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3][\x80-\xbf]{0,2}|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?)?"
)
_TEXT = re.compile(_WHOLE)
_TEXT_SO_FAR = re.compile(_WHOLE + _BEGUN)


def text(data: bytes) -> None:
    """Any bytes as text, whole and as far as it has come, by the grammar of RFC 3629."""
    choices = Choices(data)
    wire, handlings = choices.one([*_PLAIN, *_HIXIE]), choices.handlings()
    payload = choices.rest
    if wire.number is None:
        payload = payload.replace(b"\xff", b"\xfe")
        whole, open_ = b"\x00" + payload + b"\xff", b"\x00" + payload
    else:
        key = b"\x01\x80\xff\x7f" if wire.masked else None
        whole, open_ = frame(1, payload, key=key), frame(1, payload, key=key, fin=False)
    events = _read(wire, Limits(), whole, handlings)
    if _TEXT.fullmatch(payload):
        need(events == [payload.decode()], f"{events!r}")
    else:
        need(len(events) == 1 and isinstance(events[0], Violation) and events[0].code == 1007, f"{events!r}")
    events = _read(wire, Limits(), open_, handlings)
    if _TEXT_SO_FAR.fullmatch(payload):
        need(events == [], f"{events!r}")
    else:
        need(len(events) == 1 and isinstance(events[0], Violation) and events[0].code == 1007, f"{events!r}")


def messages(data: bytes) -> None:
    """Any messages, sent by each build's sender, come out of the other end as they were."""
    choices = Choices(data)
    wire, handlings = choices.one(list(WIRES.values())), choices.handlings()
    said: list[str | bytes] = []
    while choices.rest:
        kind, size = choices.byte(), choices.byte()
        payload = choices.take(size) * (1 + (kind >> 1) % 64)
        said.append(payload if kind & 1 else payload.decode("utf-8", "replace"))
    if wire.number is None:
        for message in (message for message in said if isinstance(message, bytes)):
            try:
                wire.sender().encode(message)
            except UnsupportedByVersion:
                continue
            raise Wrong("bytes are sent to hixie")
        said = [message for message in said if isinstance(message, str)]
    for build in BUILDS:
        sender = build.sender(wire)
        stream = b"".join(map(sender.encode, said))
        events = _read(wire, Limits(), stream, handlings)
        need(events == said, f"{events!r}, where {said!r} was sent")
