"""What was sent against what comes out: state machines for every version, both roles, and compression.

The peer of a receiver sends messages in fragments, pings, pongs, a Close or a violation, its bytes
arrive in any pieces, and events are pulled under any budgets, in any order.  What has come out is
always the beginning of what was sent, and in the end all of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.wire.case import Case
from tests.wire.machines import UNBOUNDED, WIRES, Wire, cut, frame
from tests.wire.profile import STABLE
from wsapp.limits import Limits
from wsapp.wire.events import Close, Event, Ping, Pong, Violation

LIMITS = Limits(maxMessage=400, maxFragments=6)

_TEXTS = st.builds(str.__mul__, st.text(max_size=6), st.sampled_from([1, 1, 5, 16]))
_BINARIES = st.builds(bytes.__mul__, st.binary(max_size=20), st.sampled_from([1, 1, 5, 20]))
_PLACES = st.lists(st.integers(0, 200), max_size=LIMITS.maxFragments - 1)
_CONTROLS = st.lists(st.tuples(st.sampled_from([Ping, Pong]), st.binary(max_size=125)), max_size=2)
_SIZES = st.sampled_from([1, 2, 3, 7, 40, 1000])

#: What breaks the rules at once, between messages, and the code that this has (RFC 6455 5.2 to 7.4).
_WRONG: dict[str, tuple[dict[str, object], int]] = {
    "a continuation of nothing": ({"opcode": 0}, 1002),
    "a reserved opcode": ({"opcode": 3}, 1002),
    "a reserved control opcode": ({"opcode": 11}, 1002),
    "RSV2": ({"opcode": 1, "rsv": 2}, 1002),
    "RSV1 on a ping": ({"opcode": 9, "rsv": 4}, 1002),
    "a ping in fragments": ({"opcode": 9, "fin": False}, 1002),
    "a long ping": ({"opcode": 9, "payload": b"x" * 126}, 1002),
    "a length not in its shortest form": ({"opcode": 2, "payload": b"x", "form": 126}, 1002),
    "one byte of a close": ({"opcode": 8, "payload": b"\x03"}, 1002),
    "a code that is not said": ({"opcode": 8, "payload": b"\x03\xed"}, 1002),
    "a reason that is not UTF-8": ({"opcode": 8, "payload": b"\x03\xe8\xff"}, 1007),
    "text that is not UTF-8": ({"opcode": 1, "payload": b"ok\xff"}, 1007),
    "text that cannot go on": ({"opcode": 1, "payload": b"\xed\xa0", "size": 300}, 1007),
    "a large message": ({"opcode": 2, "size": 401}, 1009),
    "a length with the top bit": ({"opcode": 2, "size": 1 << 63}, 1002),
}
_HIXIE_WRONG = {
    "not UTF-8": (b"\x00ok\x80", 1007),
    "half a character": (b"\x00\xc3\xff", 1007),
    "a large message": (b"\x00" + b"x" * 401, 1009),
    "a large frame to discard": (b"\x80\x83\x11", 1009),
    "a length that does not end": (b"\x80" * 10, 1002),
}


class Model(RuleBasedStateMachine):
    """A receiver, its peer's stream, and what was said in it."""

    wire: Wire

    def __init__(self) -> None:
        super().__init__()
        self.receiver = self.wire.receiver(LIMITS)
        self.key = b"\x37\xfa\x21\x3d" if self.wire.masked else None
        self.deflater: zlib._Compress | None = None
        self.stream = b""  # not yet arrived
        self.said: list[Event] = []
        self.ended = False
        self.got: list[Event] = []

    # What the peer says

    def say(self, data: bytes, *events: Event) -> None:
        self.stream += data
        if not self.ended:
            self.said += events

    def deflated(self, payload: bytes) -> bytes:
        """RFC 7692 7.2.1, by zlib alone."""
        deflation = self.wire.deflation
        assert deflation is not None
        if self.deflater is None or deflation.clientNoContextTakeover:
            self.deflater = zlib.compressobj(wbits=-deflation.clientMaxWindowBits)
        return (self.deflater.compress(payload) + self.deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]

    @precondition(lambda self: not self.ended)
    @rule(message=_TEXTS | _BINARIES, places=_PLACES, compressed=st.booleans(), between=_CONTROLS)
    def message(
        self,
        message: str | bytes,
        places: list[int],
        compressed: bool,
        between: list[tuple[type[Ping | Pong], bytes]],
    ) -> None:
        """A message, in fragments, with control frames between the first two."""
        payload = message if isinstance(message, bytes) else message.encode()
        if self.wire.number is None:
            if isinstance(message, str):
                self.say(b"\x00" + payload + b"\xff", message)
            return
        compressed = compressed and self.wire.deflation is not None
        pieces = cut(self.deflated(payload) if compressed else payload, places)
        opcode = 1 if isinstance(message, str) else 2
        for number, piece in enumerate(pieces):
            first, last = number == 0, number == len(pieces) - 1
            self.say(
                frame(
                    opcode if first else 0,
                    piece,
                    fin=last,
                    rsv=4 if first and compressed else 0,
                    key=self.key,
                )
            )
            if first and not last:
                for kind, body in between:
                    self.control(kind, body)
        self.say(b"", message)

    def control(self, kind: type[Ping | Pong], body: bytes) -> None:
        self.say(frame(9 if kind is Ping else 10, body, key=self.key), kind(body))

    @precondition(lambda self: not self.ended and self.wire.number is not None)
    @rule(kind=st.sampled_from([Ping, Pong]), body=st.binary(max_size=125))
    def controlAlone(self, kind: type[Ping | Pong], body: bytes) -> None:
        """A ping or a pong between messages."""
        self.control(kind, body)

    @precondition(lambda self: not self.ended and self.wire.number is None)
    @rule(kind=st.integers(1, 0x7F), body=st.binary(max_size=200))
    def discarded(self, kind: int, body: bytes) -> None:
        """Frames of hixie that say nothing, of both forms."""
        self.say(bytes([kind]) + body.replace(b"\xff", b"") + b"\xff", Pong(b""))
        self.say(bytes([0x7F + kind, 0x80 | len(body) >> 7, len(body) & 0x7F]) + body, Pong(b""))

    @precondition(lambda self: not self.ended and self.wire.closes)
    @rule(code=st.sampled_from([None, 1000, 1001, 1003, 3000, 4999]), reason=st.text(max_size=30))
    def close(self, code: int | None, reason: str) -> None:
        """A Close, with a code that every version knows."""
        if self.wire.number is None:
            self.say(b"\xff\x00", Close(1005, ""))
        elif code is None:
            self.say(frame(8, key=self.key), Close(1005, ""))
        else:
            said = reason.encode()
            self.say(frame(8, code.to_bytes(2, "big") + said, key=self.key), Close(code, reason))
        self.ended = True

    @precondition(lambda self: not self.ended)
    @rule(data=st.data(), afterwards=st.binary(max_size=20))
    def violation(self, data: st.DataObject, afterwards: bytes) -> None:
        """A rule is broken, in a way that has one name only."""
        if self.wire.number is None:
            wrong, code = _HIXIE_WRONG[data.draw(st.sampled_from(sorted(_HIXIE_WRONG)))]
        elif data.draw(st.sampled_from(["frame", "frame", "mask", "fragments"])) == "frame":
            terms, code = _WRONG[data.draw(st.sampled_from(sorted(_WRONG)))]
            wrong = frame(key=self.key, **terms)  # type: ignore[arg-type]
        elif data.draw(st.booleans()):
            wrong, code = frame(1, b"ok", key=None if self.wire.masked else b"abcd"), 1002
        else:
            first = frame(2, b"", fin=False, key=self.key)
            wrong = first + frame(0, b"", fin=False, key=self.key) * LIMITS.maxFragments
            code = 1009
        self.say(wrong, Violation(code, ""))
        self.ended = True
        self.say(afterwards)

    # How it arrives, and is pulled

    @rule(size=_SIZES)
    def arrive(self, size: int) -> None:
        """Some of the stream comes."""
        if self.stream:
            self.receiver.receive(self.stream[:size])
            self.stream = self.stream[size:]

    @rule(count=st.integers(0, 4), size=st.sampled_from([0, 1, 100, UNBOUNDED]))
    def pull(self, count: int, size: int) -> None:
        """Some of it is wanted."""
        events = self.receiver.next(count, size)
        assert len(events) <= count, f"{len(events)} events for {count}"
        assert size or not events, "events for no bytes"
        self.got += events

    @invariant()
    def isABeginning(self) -> None:
        """What has come out is a beginning of what was said."""
        got = [Violation(event.code, "") if isinstance(event, Violation) else event for event in self.got]
        assert got == self.said[: len(got)], f"{got!r} is no beginning of {self.said!r}"

    def teardown(self) -> None:
        """All of it comes out in the end."""
        self.receiver.receive(self.stream)
        while not self.receiver.hungry:
            self.got += self.receiver.next(3, 200)
        self.isABeginning()
        assert len(self.got) == len(self.said), f"{self.got!r} of {self.said!r}"


class ModelTests(Case):
    """The machine, for each way in which bytes may come."""

    def holds(self, wire: Wire) -> None:
        """Hold the property for one of them."""
        machine = type("Model", (Model,), {"wire": wire})
        run_state_machine_as_test(
            machine,
            settings=settings(STABLE, max_examples=max(1, STABLE.max_examples // 4), stateful_step_count=25),
        )

    def test_hixie(self) -> None:
        """hixie-75 and -76."""
        self.every(lambda wire: wire.number is None)

    def test_older(self) -> None:
        """hybi-07 and -08, from clients and servers."""
        self.every(lambda wire: wire.number in (7, 8))

    def test_rfc6455(self) -> None:
        """RFC 6455 without compression."""
        self.every(lambda wire: wire.number == 13 and wire.deflation is None)

    def test_deflate(self) -> None:
        """RFC 6455 with permessage-deflate, of every kind."""
        self.every(lambda wire: wire.deflation is not None)

    def every(self, which: Callable[[Wire], bool]) -> None:
        """Hold it for those."""
        wires = [wire for wire in WIRES.values() if which(wire)]
        self.assertTrue(wires)
        for wire in wires:
            self.holds(wire)
