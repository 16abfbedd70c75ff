"""Frames of hixie-75 and hixie-76, both ways.

From draft-hixie-thewebsocketprotocol-75 and -76 (hybi-00), section 4: a text message is ``00``,
UTF-8, ``FF``; other types are read and discarded; hixie-76 closes with ``FF 00``.  There are no
binary messages, no pings and no close codes.

A frame that is discarded is reported as a pong that nobody has asked for, which says as little: so it
counts where events are counted, and a read that is full of them is no more work at a time than one of pongs.
"""

from __future__ import annotations

from collections.abc import Hashable

from wsapp.errors import UnsupportedByVersion
from wsapp.limits import Limits
from wsapp.wire.codes import BAD_DATA, NO_STATUS, PROTOCOL_ERROR, TOO_BIG
from wsapp.wire.events import Close, Event, Pong, Violation
from wsapp.wire.utf8 import checked

__all__ = ["HixieReceiver", "HixieSender"]

# What the next byte is part of.
_TYPE = 0
_TEXT = 1  # a message, up to FF
_SKIP_TEXT = 2  # a frame of an unknown text type, up to FF
_LENGTH = 3  # the length of a frame with the high bit set, in base 128
_SKIP_BYTES = 4  # that frame
_ENDED = 5

# No length needs more bytes, whatever the limits: leading zeros would go on for ever.
_LONGEST_LENGTH = 9

# What a frame comes to that is discarded.
_NOTHING = Pong(b"")


class HixieReceiver:
    """One peer's frames, read as they come; used as :class:`wsapp.wire.hybi.HybiReceiver` is.

    :param limits: Its ``maxMessage`` bounds messages, and what is to be discarded too.
    :param closes: Whether ``FF 00`` closes: True for hixie-76.  In hixie-75 it is an empty frame.
    :ivar hungry: Whether the last :meth:`next` stopped for want of input, not of budget.
    """

    __slots__ = (
        "_bytes",
        "_closes",
        "_data",
        "_digits",
        "_left",
        "_maxMessage",
        "_position",
        "_state",
        "_stored",
        "_type",
        "_valid",
        "hungry",
    )

    def __init__(self, limits: Limits, closes: bool = True) -> None:
        self._maxMessage = limits.maxMessage
        self._closes = closes
        self._state = _TYPE
        self._type = 0
        self._data = b""
        self._position = 0
        self._stored = bytearray()
        self.hungry = True
        self._bytes = bytearray()
        self._valid = 0
        self._left = 0  # of a frame that is discarded: bytes still to come, or that may still come
        self._digits = 0

    def receive(self, data: bytes) -> None:
        """Store what came from the peer; after the peer's Close or violation it is discarded."""
        if self._state == _ENDED:
            return
        if self._position == len(self._data) and not self._stored:
            self._data = data
            self._position = 0
        else:
            self._stored += data
        self.hungry = False

    def next(self, count: int, size: int) -> list[Event]:
        """Events, in order, until one of the budgets is spent or the input is."""
        events: list[Event] = []
        while count > 0 and size > 0:
            if self._position == len(self._data):
                if not self._stored:
                    # The read is let go, or each idle peer would keep its last one alive.
                    self._data = b""
                    self._position = 0
                    self.hungry = True
                    break
                self._data = bytes(self._stored)
                self._position = 0
                self._stored.clear()
            event = _STEPS[self._state](self)
            if event is not None:
                events.append(event)
                count -= 1
                if isinstance(event, str):
                    size -= len(event)
                elif isinstance(event, (Close, Violation)):
                    self._end()
        return events

    def _end(self) -> None:
        self._state = _ENDED
        self._data = b""
        self._position = 0
        self._stored = bytearray()
        self._bytes = bytearray()
        self.hungry = True

    def _readType(self) -> Event | None:
        self._type = self._data[self._position]
        self._position += 1
        if self._type == 0:
            self._state = _TEXT
        elif self._type < 0x80:
            self._state = _SKIP_TEXT
            self._left = self._maxMessage
        else:
            self._state = _LENGTH
            self._left = self._digits = 0
        return None

    def _upToEnd(self) -> tuple[bytes, bool]:
        """What is here of a frame that FF ends, and whether that has come."""
        end = self._data.find(b"\xff", self._position)
        piece = self._data[self._position : end if end >= 0 else len(self._data)]
        self._position += len(piece) + (end >= 0)
        return piece, end >= 0

    def _readText(self) -> Event | None:
        piece, whole = self._upToEnd()
        gathered = self._bytes
        room = self._maxMessage - len(gathered)
        gathered += piece[:room]
        self._valid = checked(gathered, self._valid)
        if self._valid < 0:
            return Violation(BAD_DATA, "a text message is not UTF-8")
        if len(piece) > room:
            return Violation(TOO_BIG, f"a message is larger than {self._maxMessage} bytes")
        if not whole:
            return None
        if self._valid != len(gathered):  # it ends amid a character
            return Violation(BAD_DATA, "a text message is not UTF-8")
        self._bytes = bytearray()
        self._valid = 0
        self._state = _TYPE
        return gathered.decode()

    def _skipText(self) -> Event | None:
        piece, whole = self._upToEnd()
        self._left -= len(piece)
        if self._left < 0:
            return Violation(TOO_BIG, f"a frame to discard is larger than {self._maxMessage} bytes")
        if not whole:
            return None
        self._state = _TYPE
        return _NOTHING

    def _readLength(self) -> Event | None:
        digit = self._data[self._position]
        self._position += 1
        self._digits += 1
        self._left = self._left << 7 | digit & 0x7F
        if self._left > self._maxMessage:
            return Violation(TOO_BIG, f"a frame to discard is larger than {self._maxMessage} bytes")
        if digit & 0x80:
            if self._digits == _LONGEST_LENGTH:
                return Violation(PROTOCOL_ERROR, "a frame's length does not end")
        elif self._left == 0 and self._type == 0xFF and self._closes:
            return Close(NO_STATUS, "")
        elif self._left:
            self._state = _SKIP_BYTES
        else:
            self._state = _TYPE
            return _NOTHING
        return None

    def _skipBytes(self) -> Event | None:
        step = min(self._left, len(self._data) - self._position)
        self._position += step
        self._left -= step
        if self._left:
            return None
        self._state = _TYPE
        return _NOTHING


_STEPS = {
    _TYPE: HixieReceiver._readType,
    _TEXT: HixieReceiver._readText,
    _SKIP_TEXT: HixieReceiver._skipText,
    _LENGTH: HixieReceiver._readLength,
    _SKIP_BYTES: HixieReceiver._skipBytes,
}


class HixieSender:
    """Builds the frames that go to one peer; used as :class:`wsapp.wire.frames.HybiSender` is.

    :param closes: Whether there is a closing handshake: True for hixie-76.
    """

    __slots__ = ("_closes",)

    hasBinary = hasPing = False
    form: Hashable = "hixie"

    def __init__(self, closes: bool = True) -> None:
        self._closes = closes

    def encode(self, message: str | bytes) -> bytes:
        """A whole message.

        :raises UnsupportedByVersion: Bytes, which these versions cannot carry.
        :raises UnicodeEncodeError: A lone surrogate, which UTF-8 cannot say.
        """
        if not isinstance(message, str):
            raise UnsupportedByVersion("a hixie client takes text only: send a str, not bytes")
        return b"\x00" + message.encode() + b"\xff"

    def pieces(self, message: str | bytes) -> list[bytes | memoryview]:
        """What :meth:`encode` makes."""
        return [self.encode(message)]

    def ping(self, payload: bytes) -> bytes:
        """:raises UnsupportedByVersion: Always."""
        raise UnsupportedByVersion("a hixie client knows no ping")

    def pong(self, payload: bytes) -> bytes:
        """Nothing: these versions know no pong, and no ping that would ask for one."""
        return b""

    def close(self, code: int, reason: str) -> bytes:
        """The closing handshake, which has no code; nothing for hixie-75, where TCP's end is the close."""
        return b"\xff\x00" if self._closes else b""
