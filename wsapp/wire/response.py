"""The head and body of an HTTP response, read as they come, for a client.

The rules of the head are those of :mod:`wsapp.wire.http`; the body's are RFC 9112 6.3.  Bodies are
kept, as far as they are small: they say why a handshake was refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wsapp.errors import BadRequest, LineTooLong
from wsapp.limits import Limits
from wsapp.wire.selection import Headers, HeadReader

__all__ = ["LARGEST_BODY", "ResponseBody", "ResponseHead", "ResponseReader"]

#: So many bytes of a body are kept; what comes behind them is nobody's business.
LARGEST_BODY = 64 * 1024

_STATUS = re.compile(rb"HTTP/(1\.[0-9]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n")
_REQUEST = b"GET / HTTP/1.1\r\n"
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")


class ResponseHead(NamedTuple):
    """A response's status line and headers.

    :ivar version: 10 for HTTP/1.0, 11 for HTTP/1.1 and what is compatible with it.
    """

    status: int
    phrase: str
    version: int
    headers: Headers


class ResponseReader:
    """Gathers bytes until they are a whole response head.

    Give it all that comes by :meth:`receive`; once that has returned a head, :attr:`rest` holds
    what came behind it.
    """

    __slots__ = ("_fields", "_limits", "_line", "_status", "rest")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._line = bytearray()
        self._status: tuple[int, str, int] | None = None
        # There is one reader of header fields, and it wants a request in front of them.
        self._fields = HeadReader(limits)
        self._fields.receive(_REQUEST)
        self.rest = b""

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""
        return not self._line

    def receive(self, data: bytes) -> ResponseHead | None:
        """Take bytes; return the head once it is whole, None until then.

        :raises HandshakeError: As soon as it is sure that this is not a response, or too large.
        """
        if self._status is None:
            line, limit = self._line, self._limits.maxLine
            searched = len(line)
            line += data
            end = line.find(b"\n", searched) + 1
            if line and line[:5] != b"HTTP/"[: len(line)]:
                raise BadRequest("this is not an HTTP response")
            if (end or len(line)) > limit:
                raise LineTooLong(f"the status line is longer than {limit} bytes")
            if not end:
                return None
            data = bytes(line[end:])
            self._status = self._read(bytes(line[:end]))
        head = self._fields.receive(data)
        if head is None:
            return None
        self.rest = self._fields.rest
        return ResponseHead(*self._status, head.headers)

    @staticmethod
    def _read(line: bytes) -> tuple[int, str, int]:
        match = _STATUS.fullmatch(line)
        if match is None:
            raise BadRequest(f"not the status line of an HTTP response: {line[:40].decode('latin-1')!a}")
        version = 10 if match[1] == b"1.0" else 11
        return int(match[2]), (match[3] or b"").decode("latin-1").strip(), version


class ResponseBody:
    """Gathers a response's body, of which it keeps :data:`LARGEST_BODY` bytes.

    Where its length is not clear it ends with the connection.

    :ivar kept: What has come of it.
    """

    __slots__ = ("_left", "_line", "_phase", "kept")

    # What the next byte is part of; _CHUNK_END is the line behind a chunk.
    _CLOSE, _DATA, _SIZE, _CHUNK_DATA, _CHUNK_END, _DONE = range(6)

    def __init__(self, head: ResponseHead) -> None:
        self.kept = bytearray()
        self._line = bytearray()
        self._left = 0
        lengths = head.headers.getAll("Content-Length")
        codings = [coding.lower() for coding in head.headers.getList("Transfer-Encoding")]
        if head.status in (204, 304):
            self._phase = self._DONE
        elif codings:
            self._phase = self._SIZE if codings == ["chunked"] else self._CLOSE
        elif len(set(lengths)) == 1 and re.fullmatch("[0-9]{1,15}", lengths[0]):
            self._left = int(lengths[0])
            self._phase = self._DATA if self._left else self._DONE
        else:
            self._phase = self._CLOSE

    @property
    def done(self) -> bool:
        """Whether nothing more is to be kept."""
        return self._phase == self._DONE

    def receive(self, data: bytes) -> None:
        """Take bytes; what is behind the body is dropped."""
        position = 0
        while position < len(data) and not self.done:
            if self._phase in (self._CLOSE, self._DATA, self._CHUNK_DATA):
                rest = len(data) - position
                step = rest if self._phase == self._CLOSE else min(self._left, rest)
                self.kept += data[position : position + step]
                position += step
                self._left -= step
                if not self._left and self._phase != self._CLOSE:
                    self._phase = self._DONE if self._phase == self._DATA else self._CHUNK_END
            else:
                end = data.find(b"\n", position) + 1
                self._line += data[position : end or len(data)]
                position = end or len(data)
                if len(self._line) > 4096:
                    self._phase = self._DONE
                elif end:
                    line, self._line = bytes(self._line).rstrip(b"\r\n"), bytearray()
                    self._takeLine(line)
            if len(self.kept) >= LARGEST_BODY:
                del self.kept[LARGEST_BODY:]
                self._phase = self._DONE

    def _takeLine(self, line: bytes) -> None:
        if self._phase == self._CHUNK_END:
            self._phase = self._DONE if line else self._SIZE
            return
        match = _CHUNK.fullmatch(line)
        self._left = int(match[1], 16) if match else 0
        # Trailers tell nothing that anybody here wants to know.
        self._phase = self._CHUNK_DATA if self._left else self._DONE
