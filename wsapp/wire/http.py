"""The head of an HTTP request, read as it comes, and where the request's body ends.

Strict where leniency lets two readers disagree (RFC 9112 3 and 5, and 11.2 on smuggling): lines
end with CRLF alone, no folded lines, no space before a colon, no control characters.  Every step
costs in proportion to the bytes that it is given, however they are cut.
"""

from __future__ import annotations

import re

from wsapp.errors import BadRequest, BodyTooLarge, HeadTooLarge, LineTooLong
from wsapp.limits import Limits
from wsapp.wire.heading import FIELD, HTTP, TARGET

# Siblings: this source is compiled too, under another name, beside compiled siblings.
from .headers import Headers, isToken
from .heading import split

__all__ = ["BodyReader", "HeadReader", "RequestHead", "response"]

_VERSION = re.compile(HTTP)
_LINE = re.compile(FIELD)
_TARGET = re.compile(TARGET)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")


class RequestHead:
    """A request's line and headers.

    :ivar raw: The bytes themselves, with the blank line that ends them.
    :ivar version: 10 for HTTP/1.0, 11 for HTTP/1.1 and what is compatible with it.
    """

    __slots__ = ("headers", "method", "raw", "target", "version")

    def __init__(self, method: str, target: str, version: int, headers: Headers, raw: bytes) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.raw = raw


class HeadReader:
    """Gathers bytes until they are a whole request head.

    Give it all that comes by :meth:`receive`; once that has returned a head, :attr:`rest` holds
    what came behind it.
    """

    __slots__ = ("_buffer", "_fields", "_limits", "_lineStart", "_lines", "_request", "_searched", "rest")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._lineStart = 0
        self._searched = 0
        self._request: list[bytes] | None = None  # its line's three parts
        self._lines = 0  # how many header lines there were
        self._fields = 0  # where they begin
        self.rest = b""

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet (but for blank lines, which RFC 9112 2.2 lets pass)."""
        return self._request is None and len(self._buffer) == self._lineStart

    def receive(self, data: bytes) -> RequestHead | None:
        """Take bytes; return the head once it is whole, None until then.

        :raises HandshakeError: As soon as it is sure that this is not a request, or too large.
        """
        buffer = self._buffer
        if not buffer and (head := self._whole(data)) is not None:
            return head
        buffer += data
        while (end := buffer.find(b"\n", self._searched)) >= 0:
            self._check(end + 1)
            if end == self._lineStart or buffer[end - 1] != 0x0D:
                raise BadRequest("a line of the head ends with a bare LF: it must end with CRLF")
            line = bytes(buffer[self._lineStart : end - 1])
            self._searched = end + 1
            if line:
                self._lineStart = end + 1
                self._take(line)
                self._fields = self._fields or end + 1
            elif self._request is None:
                # A stray blank line before the request (RFC 9112 2.2): bounded, as it stays in
                # the count of the head's bytes.
                self._lineStart = end + 1
                if end + 1 > 8:
                    raise BadRequest("blank lines where a request must stand")
            else:
                self.rest = bytes(buffer[end + 1 :])
                raw = bytes(buffer[: end + 1])
                self._buffer = bytearray()
                method, target, version = self._request
                fields = raw[self._fields : len(raw) - 2].decode("latin-1")
                return RequestHead(
                    method.decode("latin-1"),
                    target.decode("latin-1"),
                    10 if version == b"HTTP/1.0" else 11,
                    Headers((), fields),
                    raw.lstrip(b"\r\n"),
                )
        self._searched = len(buffer)
        self._check(len(buffer))
        return None

    def _whole(self, data: bytes) -> RequestHead | None:
        """The head, where it has come at once and there is nothing to say against it.

        None says nothing: line by line it will be found out what is wrong, or missing.
        """
        limits = self._limits
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or end > limits.maxLine or end > limits.maxHead:
            return None
        parts = split(data, end)
        if parts is None:
            return None
        method, target, version, fields, lines = parts
        if lines > limits.maxHeaders:
            return None
        self.rest = data[end:]
        return RequestHead(method, target, version, Headers((), fields), data[:end])

    def _check(self, end: int) -> None:
        """What can be told of a line of which the bytes up to *end* are here, whole or not.

        The first rule that its bytes break, one after the other, is the one that is named: how
        they were cut makes no difference.
        """
        if self._request is None and end > self._lineStart:
            start = self._buffer[self._lineStart]
            if start != 0x0D and not 0x21 <= start <= 0x7E:
                raise BadRequest("this is not an HTTP request")
        lineEnd = self._lineStart + self._limits.maxLine
        if end > self._limits.maxHead and lineEnd > self._limits.maxHead:
            raise HeadTooLarge(f"the head is larger than {self._limits.maxHead} bytes")
        if end > lineEnd:
            if self._request is None:
                raise LineTooLong(f"the request line is longer than {self._limits.maxLine} bytes")
            raise HeadTooLarge(f"a header line is longer than {self._limits.maxLine} bytes")

    def _take(self, line: bytes) -> None:
        if self._request is None:
            self._request = self._requestLine(line)
            return
        self._lines += 1
        if self._lines > self._limits.maxHeaders:
            raise HeadTooLarge(f"more than {self._limits.maxHeaders} header lines")
        if _LINE.fullmatch(line):
            return
        name, colon, _ = line.partition(b":")
        if line[0] in b" \t":
            raise BadRequest("a header line begins with white space (obsolete line folding)")
        if not colon or not isToken(name.decode("latin-1")):
            raise BadRequest(f"not a header line: {_shown(line)}")
        raise BadRequest(f"a control character in the value of {name.decode('latin-1')}")

    @staticmethod
    def _requestLine(line: bytes) -> list[bytes]:
        parts = line.split(b" ")
        if len(parts) != 3:
            raise BadRequest(f"not a request line: {_shown(line)}")
        method, target, version = parts
        if not isToken(method.decode("latin-1")):
            raise BadRequest(f"not a method: {_shown(method)}")
        if not _TARGET.fullmatch(target):
            raise BadRequest(f"not a request target: {_shown(target)}")
        if not _VERSION.fullmatch(version):
            raise BadRequest(f"not a version of HTTP/1: {_shown(version)}")
        return parts


def _shown(data: bytes) -> str:
    """Bytes of a peer's as something to put in a log line or a response."""
    text = ascii(data[:40].decode("latin-1"))
    return f"{text}..." if len(data) > 40 else text


class BodyReader:
    """Finds where a plain request's body ends, without keeping it.

    :raises BadRequest: The framing is ambiguous: both ``Content-Length`` and
        ``Transfer-Encoding``, one of them repeated, or one that cannot be read (RFC 9112 6.3).
    :raises BodyTooLarge: The declared length passes :attr:`~wsapp.Limits.maxBody`.
    """

    __slots__ = ("_left", "_line", "_max", "_phase", "_total")

    # Where in the body the next byte stands.
    _DATA, _SIZE, _CHUNK_DATA, _CHUNK_END, _TRAILER, _DONE = range(6)

    def __init__(self, head: RequestHead, limits: Limits) -> None:
        lengths = head.headers.getAll("Content-Length")
        codings = head.headers.getAll("Transfer-Encoding")
        self._max = limits.maxBody
        self._line = bytearray()
        self._left = self._total = 0
        if codings:
            if lengths or len(codings) > 1 or codings[0].lower() != "chunked" or head.version == 10:
                raise BadRequest("the request's body has no unambiguous length")
            self._phase = self._SIZE
        else:
            if len(lengths) > 1 or (lengths and not (lengths[0].isascii() and lengths[0].isdigit())):
                raise BadRequest("the request's body has no unambiguous length")
            # A length of thousands of digits is not worth converting.
            self._left = int(lengths[0]) if lengths and len(lengths[0]) <= 18 else 0
            if (lengths and len(lengths[0]) > 18) or self._left > self._max:
                raise BodyTooLarge(f"the body is larger than {self._max} bytes")
            self._phase = self._DATA if self._left else self._DONE

    @property
    def done(self) -> bool:
        """Whether the body has ended."""
        return self._phase == self._DONE

    def receive(self, data: bytes, start: int = 0, lines: int = 1 << 60) -> int:
        """Where in *data* the bytes of the body end that begin at *start*.

        :param lines: So many lines between chunks are read at most: what is behind them is for another call.
        :raises BadRequest: A chunk that cannot be read.
        :raises BodyTooLarge: The chunks together pass the limit.
        """
        position = start
        while position < len(data) and self._phase != self._DONE and lines:
            if self._phase in (self._DATA, self._CHUNK_DATA):
                step = min(self._left, len(data) - position)
                self._left -= step
                position += step
                if not self._left:
                    self._phase = self._DONE if self._phase == self._DATA else self._CHUNK_END
            else:
                lines -= 1
                end = data.find(b"\n", position) + 1
                self._line += data[position : end or len(data)]
                position = end or len(data)
                if len(self._line) > 4096:
                    raise BadRequest("a chunk's size or a trailer is longer than 4096 bytes")
                if end:
                    line, self._line = bytes(self._line), bytearray()
                    if not line.endswith(b"\r\n"):
                        raise BadRequest("a line of a chunked body ends with a bare LF")
                    self._takeLine(line[: len(line) - 2])
        return position

    def _takeLine(self, line: bytes) -> None:
        if self._phase == self._CHUNK_END:
            if line:
                raise BadRequest("a chunk is longer than its size says")
            self._phase = self._SIZE
        elif self._phase == self._SIZE:
            match = _CHUNK.fullmatch(line)
            if match is None:
                raise BadRequest(f"not the size of a chunk: {_shown(line)}")
            self._left = int(match[1], 16)
            self._total += self._left + len(line)
            if self._total > self._max:
                raise BodyTooLarge(f"the body is larger than {self._max} bytes")
            self._phase = self._CHUNK_DATA if self._left else self._TRAILER
        else:
            self._total += len(line)
            if self._total > self._max:
                raise BodyTooLarge(f"the body is larger than {self._max} bytes")
            if not line:
                self._phase = self._DONE


def response(status: int, phrase: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """A whole HTTP response that ends its connection."""
    # Who sends Upgrade, as a 426 must, names it in Connection too (RFC 9110 7.8).
    connection = "close, Upgrade" if any(name == "Upgrade" for name, value in headers) else "close"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Connection: {connection}", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: text/plain; charset=utf-8")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
