"""Payload to messages: unmasked (RFC 6455 5.3), checked (8.1) and put together.

Where the wire is compiled, ``_c/gathering.pyx`` does the same in one pass over the bytes.
"""

from __future__ import annotations

from wsapp.wire.events import Event
from wsapp.wire.masking import unmask
from wsapp.wire.utf8 import checked

__all__ = ["Gathering", "messages", "payload", "whole"]


def payload(data: bytes, start: int, size: int, masked: bool) -> bytes:
    """The payload of a frame that is all here.

    :param start: Where in *data* its payload begins; the masking key stands right before it.
    :param masked: Whether there is such a key.
    """
    return unmask(data, start, size, data[start - 4 : start], 0) if masked else data[start : start + size]


def whole(data: bytes, start: int, size: int, masked: bool, text: bool) -> str | bytes | None:
    """The message of a frame that is all here; None for a text that is not UTF-8.

    :param start: As for :func:`payload`.
    :param text: Whether it is text.
    """
    message = payload(data, start, size, masked)
    if not text:
        return message
    try:
        return message.decode()
    except UnicodeDecodeError:
        return None


def messages(
    data: bytes, position: int, masked: bool, most: int, count: int, size: int, events: list[Event]
) -> int:
    """Read messages as long as each is one frame, uncompressed, all here, and right.

    Nearly all are; what is anything else is the receiver's matter, frame by frame.

    :param position: Where in *data* the first of their frames begins.
    :param masked: Whether frames have to be masked.
    :param most: The largest payload that is taken, in bytes.
    :param count: Read at most so many.
    :param size: Stop once so much has been read.
    :param events: They are added to these.
    :return: Where in *data* the first frame begins that was not read.
    """
    end = len(data)
    while count > 0 and size > 0 and end - position >= 4:
        first = data[position]
        length = data[position + 1]
        if masked:
            length -= 128
        start = position + 2
        if length == 126:
            length = data[start] << 8 | data[start + 1]
            start += 2
            if length < 126:
                break
        elif not 0 <= length < 126:
            break
        if masked:
            start += 4
        if not 0x81 <= first <= 0x82 or length > most or end - start < length:
            break
        message = whole(data, start, length, masked, first == 0x81)
        if message is None:
            break
        events.append(message)
        count -= 1
        size -= len(message)
        position = start + length
    return position


class Gathering:
    """A message that comes in pieces.

    What it takes is in proportion to what has come, whatever a frame has declared.

    :param text: Whether it is text.
    """

    __slots__ = ("_bytes", "_text", "_valid")

    def __init__(self, text: bool) -> None:
        self._text = text
        self._bytes = bytearray()
        self._valid = 0  # how many of them are known to be whole characters

    def add(self, data: bytes, start: int, size: int, key: bytes, offset: int, left: int) -> bool:
        """Add a piece of payload.

        :param start: Where in *data* it begins.
        :param key: The frame's masking key, or nothing.
        :param offset: How many bytes of the same frame's payload came before.
        :param left: How many are still to come, this piece's included: room for them may be made.
        :return: False at the first byte that is wrong in a text.
        """
        if key:
            self._bytes += unmask(data, start, size, key, offset)
        else:
            self._bytes += data if size == len(data) else data[start : start + size]
        if self._text:
            self._valid = checked(self._bytes, self._valid)
        return self._valid >= 0

    def finish(self) -> str | bytes | None:
        """All has come: the message; None for a text that ends amid a character."""
        if not self._text:
            return bytes(self._bytes)
        return self._bytes.decode() if self._valid == len(self._bytes) else None
