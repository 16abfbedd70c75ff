"""Frames coming in, for hybi-07 to RFC 6455: bytes to whole messages.

Both ends use it: a server's receiver wants masked frames, a client's unmasked ones.  The rules
are RFC 6455 5 and 7692 6; each check names its clause.  ``receive`` only stores; ``next`` does
the work, as much as its budget allows, so that a small read full of messages, or of messages that
inflate, cannot swamp its caller.  Which events come out depends on the bytes alone, never on how
they were cut or on the budgets.
"""

from __future__ import annotations

from typing import Any

from wsapp.limits import Limits
from wsapp.wire.codes import (
    BAD_DATA,
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_STATUS,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    fromTheWire,
)
from wsapp.wire.deflate import BadDeflate, Inflater, Inflation
from wsapp.wire.events import Close, Event, Ping, Pong, Violation

# Siblings: this source is compiled too, under another name, beside compiled siblings.
from .gathering import Gathering, messages, payload, whole
from .masking import unmask

__all__ = ["HybiReceiver"]

# What the next byte is part of.
_HEADER = 0  # a frame's header, or a control frame, which is read as a whole
_PAYLOAD = 1  # a data frame's payload, gathered as it comes
_ENDED = 2  # nothing: the peer has closed or broken the rules; all is discarded


#: How many frames, or parts of frames, are looked at in one go: fragments of no byte make no event.
STEPS = 1024


class HybiReceiver:
    """One peer's frames, read as they come.

    :param limits: Its ``maxMessage`` and ``maxFragments`` bound what is gathered.
    :param number: The ``Sec-WebSocket-Version`` (7, 8, 13): which close codes the peer may say.
    :param inflation: Where permessage-deflate was agreed to: asked for an inflater at the first message
        that is compressed, so that a peer who sends none costs none.
    :param masked: Whether the peer must mask: True for a server's receiver (RFC 6455 5.1).
    :ivar hungry: Whether the last :meth:`next` stopped for want of input, not of budget.
    """

    __slots__ = (
        "_compressed",
        "_data",
        "_fin",
        "_fragments",
        "_gathered",
        "_inflater",
        "_inflation",
        "_key",
        "_left",
        "_masked",
        "_maxFragments",
        "_maxMessage",
        "_maxWire",
        "_number",
        "_offset",
        "_opcode",
        "_position",
        "_size",
        "_state",
        "_stored",
        "_wire",
        "hungry",
    )

    def __init__(
        self,
        limits: Limits,
        number: int = 13,
        inflation: Inflater | Inflation | None = None,
        masked: bool = True,
    ) -> None:
        self._maxMessage = limits.maxMessage
        self._maxFragments = limits.maxFragments
        # Deflate makes what cannot be compressed a little longer; an honest message may be that long.
        self._maxWire = limits.maxMessage + limits.maxMessage // 64 + 64
        self._number = number
        self._inflation = inflation
        self._inflater: Inflater | None = None
        self._masked = masked
        self._state = _HEADER
        self._data = b""  # what is being read, from _position on
        self._position = 0
        self._stored: bytearray | None = None  # what came before that was done with
        self.hungry = True
        # The message being gathered; _opcode is 0 between messages.
        self._opcode = 0
        self._compressed = False
        self._gathered: Gathering | None = None
        self._size = 0  # bytes in it
        self._wire = 0  # compressed bytes of it so far
        self._fragments = 0
        # The frame whose payload is being gathered.
        self._fin = False
        self._left = 0
        self._key = b""
        self._offset = 0

    def receive(self, data: bytes) -> None:
        """Store what came from the peer; after the peer's Close or violation it is discarded."""
        if self._state == _ENDED:
            return
        if self._stored is not None:
            self._stored += data
        elif self._position == len(self._data):
            self._data = data
            self._position = 0
        else:
            self._stored = bytearray(data)
        self.hungry = False

    def next(self, count: int, size: int) -> list[Event]:
        """Events, in order, until one of the budgets is spent or the input is.

        There may be none though :attr:`hungry` is false: a call looks at :data:`STEPS` frames at most.

        :param count: At most so many events.
        :param size: Stop once messages and payloads of so many bytes have come out.
        """
        events: list[Any] = []
        if self._state == _HEADER and not self._opcode:
            self._position = messages(
                self._data, self._position, self._masked, self._maxMessage, count, size, events
            )
            count -= len(events)
            for message in events:
                size -= len(message)
        steps = STEPS
        while count > 0 and size > 0 and steps > 0:
            steps -= 1
            if self._state == _HEADER:
                event = self._header()
            elif self._state == _PAYLOAD:
                event = self._payload()
            else:
                self.hungry = True
                break
            if event is not None:
                events.append(event)
                count -= 1
                if isinstance(event, (str, bytes)):
                    size -= len(event)
                    continue
                size -= 125
                if isinstance(event, (Close, Violation)):
                    self._end()
            elif self.hungry and not self._refill():
                break
        return events

    def _refill(self) -> bool:
        """Go on with what was stored meanwhile, if anything was."""
        # What is left unread here is never more than one control frame: payloads are taken as they
        # come.  The rest of the read is let go, or each idle peer would keep its last one alive.
        unread = self._data[self._position :]
        self._position = 0
        if self._stored is None:
            self._data = unread
            return False
        self._data = unread + self._stored
        self._stored = None
        self.hungry = False
        return True

    def _end(self) -> None:
        self._state = _ENDED
        self._data = b""
        self._position = 0
        self._stored = None
        self._gathered = None
        # It holds a window, and what of a bomb it was not asked for.
        self._inflater = self._inflation = None
        self.hungry = True

    def _header(self) -> Event | None:
        """Read a frame's header, and all of a frame that is whole and simple."""
        data = self._data
        at = self._position
        available = len(data) - at
        if available < 2:
            self.hungry = True
            return None
        first = data[at]
        second = data[at + 1]
        opcode = first & 0x0F
        fin = first >= 0x80
        rsv = first & 0x70
        length = second & 0x7F
        if rsv and (rsv != 0x40 or self._inflation is None or opcode not in (TEXT, BINARY)):
            # RFC 6455 5.2; RFC 7692 6: RSV1 stands on a message's first frame alone.
            return Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if (second >= 0x80) is not self._masked:
            # RFC 6455 5.1
            return Violation(PROTOCOL_ERROR, "a frame is not masked" if self._masked else "a frame is masked")
        if opcode >= 8:
            if opcode > PONG:
                return Violation(PROTOCOL_ERROR, f"reserved opcode {opcode}")
            if not fin or length > 125:
                # RFC 6455 5.5
                return Violation(PROTOCOL_ERROR, "a control frame is fragmented or too long")
            return self._control(opcode, length)
        if opcode == CONTINUATION:
            if not self._opcode:
                return Violation(PROTOCOL_ERROR, "a continuation with no message to continue")
        elif opcode > BINARY:
            return Violation(PROTOCOL_ERROR, f"reserved opcode {opcode}")
        elif self._opcode:
            return Violation(PROTOCOL_ERROR, "a new message before the last one ended")
        start = at + 2
        if length > 125:
            extended = 2 if length == 126 else 8
            if available < 2 + extended:
                self.hungry = True
                return None
            start += extended
            # RFC 6455 5.2: no top bit, looked at first, so that the number fits where numbers have a size;
            # and the shortest form that fits.
            topBit = extended == 8 and data[at + 2] >= 0x80
            length = 0 if topBit else int.from_bytes(data[at + 2 : start], "big")
            if length < (126 if extended == 2 else 65536):
                return Violation(PROTOCOL_ERROR, "a frame's length is not in its shortest form")
        compressed = rsv != 0 if opcode else self._compressed
        most = self._maxWire - self._wire if compressed else self._maxMessage - self._size
        if length > most:
            return Violation(TOO_BIG, f"a message is larger than {self._maxMessage} bytes")
        if self._masked:
            if len(data) - start < 4:
                self.hungry = True
                return None
            start += 4
        if fin and opcode and not compressed and len(data) - start >= length:
            # The common frame, all here: a whole message.
            self._position = start + length
            message = whole(data, start, length, self._masked, opcode == TEXT)
            return _NOT_UTF8 if message is None else message
        if opcode:
            self._opcode = opcode
            self._compressed = compressed
            if compressed and self._inflater is None:
                assert self._inflation is not None
                self._inflater = self._inflation.inflater()
            self._gathered = Gathering(opcode == TEXT)
        self._fragments += 1
        if self._fragments > self._maxFragments:
            return Violation(TOO_BIG, f"a message has more than {self._maxFragments} frames")
        self._fin = fin
        self._left = length
        self._key = data[start - 4 : start] if self._masked else b""
        self._offset = 0
        self._position = start
        self._state = _PAYLOAD
        return None

    def _control(self, opcode: int, length: int) -> Event | None:
        """Read a control frame once it is whole (RFC 6455 5.5)."""
        start = self._position + (6 if self._masked else 2)
        end = start + length
        data = self._data
        if len(data) < end:
            self.hungry = True
            return None
        self._position = end
        said = payload(data, start, length, self._masked)
        if opcode == PING:
            return Ping(said)
        if opcode == PONG:
            return Pong(said)
        assert opcode == CLOSE
        if not said:
            return Close(NO_STATUS, "")
        code = fromTheWire(self._number, int.from_bytes(said[:2], "big"))
        if code is None:
            # RFC 6455 5.5.1 and 7.4; what a single byte says is no code either.
            return Violation(PROTOCOL_ERROR, "a close frame without a valid code")
        try:
            return Close(code, said[2:].decode())
        except UnicodeDecodeError:
            return Violation(BAD_DATA, "a close frame's reason is not UTF-8")

    def _payload(self) -> Event | None:
        """Gather what is here of a data frame's payload."""
        size = min(self._left, len(self._data) - self._position)
        if size:
            violation = self._inflate(size) if self._compressed else self._gather(size)
            if violation is not None:
                return violation
            self._offset += size
            self._position += size
            self._left -= size
        if self._left:
            self.hungry = True
            return None
        self._state = _HEADER
        return self._message() if self._fin else None

    def _gather(self, size: int) -> Violation | None:
        """Add what is here of the payload to the message, and check it as far as it goes (RFC 6455 8.1)."""
        assert self._gathered is not None
        self._size += size
        right = self._gathered.add(self._data, self._position, size, self._key, self._offset, self._left)
        return None if right else _NOT_UTF8

    def _inflate(self, size: int) -> Violation | None:
        """The same of a compressed message."""
        assert self._inflater is not None
        self._wire += size
        if self._key:
            piece = unmask(self._data, self._position, size, self._key, self._offset)
        else:
            piece = self._data[self._position : self._position + size]
        try:
            return self._inflated(self._inflater.inflate(piece, self._room()))
        except BadDeflate:
            return _BAD_COMPRESSED

    def _room(self) -> int:
        """One byte more than the message may still grow by, so that "too large" can be told."""
        return self._maxMessage - self._size + 1

    def _inflated(self, out: bytes) -> Violation | None:
        assert self._gathered is not None
        room = self._room() - 1
        size = min(len(out), room)
        self._size += size
        if not self._gathered.add(out, 0, size, b"", 0, size):
            return _BAD_COMPRESSED
        if len(out) > room:
            return Violation(TOO_BIG, f"a message is larger than {self._maxMessage} bytes")
        return None

    def _message(self) -> Event | None:
        """The message is whole: hand it out and be ready for the next."""
        # A message of no bytes at all is not deflate, but nothing else could be meant: it is empty, and
        # the inflater's context stays what it was.
        if self._compressed and self._wire:
            assert self._inflater is not None
            try:
                if violation := self._inflated(self._inflater.finish(self._room())):
                    return violation
            except BadDeflate:
                return _BAD_COMPRESSED
        assert self._gathered is not None
        message = self._gathered.finish()
        if message is None:  # it ends amid a character
            return _BAD_COMPRESSED if self._compressed else _NOT_UTF8
        self._gathered = None
        self._opcode = self._size = self._wire = self._fragments = 0
        return message


_NOT_UTF8 = Violation(BAD_DATA, "a text message is not UTF-8")
# Inflating in other pieces finds the one or the other first, so both read alike.
_BAD_COMPRESSED = Violation(BAD_DATA, "a compressed message does not inflate, or not to UTF-8")
