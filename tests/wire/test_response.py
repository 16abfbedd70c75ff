"""Tests of `wsapp.wire.response`."""

from __future__ import annotations

from tests.wire.case import Case
from tests.wire.machines import cut
from wsapp.errors import BadRequest, HandshakeError, HeadTooLarge, LineTooLong
from wsapp.limits import Limits
from wsapp.wire.response import LARGEST_BODY, ResponseBody, ResponseHead, ResponseReader
from wsapp.wire.selection import Headers


def response(status: int = 400, *fields: tuple[str, str]) -> ResponseHead:
    """A head."""
    return ResponseHead(status, "", 11, Headers(list(fields)))


class HeadTests(Case):
    """The status line; the rest is :mod:`tests.wire.test_http`'s."""

    def read(self, data: bytes, limits: Limits | None = None) -> ResponseHead:
        """The head that these bytes are, byte by byte and at once."""
        heads = []
        for pieces in ([data], [data[n : n + 1] for n in range(len(data))]):
            reader = ResponseReader(limits or Limits())
            found = [reader.receive(piece) for piece in pieces]
            self.assertEqual([one for one in found[:-1] if one], [])
            heads.append(found[-1])
        assert heads[0] is not None and heads[1] is not None
        self.assertEqual(heads[0][:3], heads[1][:3])
        self.assertEqual(list(heads[0].headers), list(heads[1].headers))
        return heads[0]

    def test_right(self) -> None:
        """Phrases may be of any kind, and need not be."""
        for line, read in {
            b"HTTP/1.1 101 Switching Protocols": (101, "Switching Protocols", 11),
            b"HTTP/1.0 404 Not Found": (404, "Not Found", 10),
            b"HTTP/1.1 200 ": (200, "", 11),
            b"HTTP/1.1 599": (599, "", 11),
            b"HTTP/1.7 200 gr\xfc\xdf dich": (200, "grüß dich", 11),
        }.items():
            head = self.read(line + b"\r\nA: b\r\nc:d\r\n\r\n")
            self.assertEqual(head[:3], read)
            self.assertEqual(list(head.headers), [("A", "b"), ("c", "d")])

    def test_wrong(self) -> None:
        """What is no status line, and what no head."""
        for data in (
            b"HTTP/1.1 0101 x",
            b"HTTP/1.1  101 x",
            b"HTTP/1.1 099 x",
            b"HTTP/1.1 600 x",
            b"HTTP/1.1 20",
            b"HTTP/1.1 101x",
            b"HTTP/2 101 x",
            b"http/1.1 101 x",
            b"SSH-2.0-OpenSSH",
            b"HTTP/1.1 101 x\x00y",
            b"HTTP/1.1 101 x\rSet-Cookie: y",
            b"HTTP/1.1 101 x\r\nA: b\nc: d",
            b"HTTP/1.1 101 x\r\nA : b",
            b"HTTP/1.1 101 x\r\nA: b\r\n folded",
        ):
            error = self.raised(BadRequest, ResponseReader(Limits()).receive, data + b"\r\n\r\n")
            self.assertNotIn("request", str(error), data)

    def test_binary(self) -> None:
        """A peer that speaks something else is known by its first byte."""
        error = self.raised(BadRequest, ResponseReader(Limits()).receive, b"\x15\x03\x01")
        self.assertEqual(str(error), "this is not an HTTP response")

    def test_bounds(self) -> None:
        """The limits of a head are the same as a request's."""
        limits = Limits(maxLine=50, maxHead=120, maxHeaders=3)
        start = b"HTTP/1.1 200 OK\r\n"
        for data, error in {
            b"HTTP/1.1 200 " + b"x" * 50: LineTooLong,
            start + b"A: " + b"x" * 60: HeadTooLarge,
            start + b"A: bcdefghijklmnopqrstuvwxyz\r\n" * 3 + b"A: bcdefghijklmnopq": HeadTooLarge,
            start + b"A: b\r\n" * 4: HeadTooLarge,
        }.items():
            self.assertIs(type(self.raised(HandshakeError, ResponseReader(limits).receive, data)), error)


class BodyTests(Case):
    """What is kept, and where it ends."""

    def gather(self, head: ResponseHead, data: bytes) -> tuple[bytes, bool]:
        """What is kept of these bytes, however they are cut, and whether the body has ended."""
        results = set()
        for places in ([], list(range(len(data))), [1, 7, 8, 20]):
            body = ResponseBody(head)
            for piece in cut(data, places):
                body.receive(piece)
            results.add((bytes(body.kept), body.done))
        self.assertEqual(len(results), 1)
        return results.pop()

    def test_length(self) -> None:
        """Content-Length, also where it is said twice alike."""
        for values in (["5"], ["5", "5"]):
            head = response(400, *(("Content-Length", value) for value in values))
            self.assertEqual(self.gather(head, b"Hell"), (b"Hell", False))
            self.assertEqual(self.gather(head, b"Hello, world"), (b"Hello", True))
        self.assertTrue(ResponseBody(response(400, ("Content-Length", "0"))).done)

    def test_none(self) -> None:
        """Statuses that have none."""
        for status in (204, 304):
            self.assertTrue(ResponseBody(response(status, ("Content-Length", "5"))).done)

    def test_close(self) -> None:
        """Where the length is not clear, the body ends with the connection."""
        for fields in (
            [],
            [("Content-Length", "5"), ("Content-Length", "6")],
            [("Content-Length", "-1")],
            [("Content-Length", "9" * 16)],
            [("Transfer-Encoding", "gzip, chunked")],
        ):
            self.assertEqual(self.gather(response(500, *fields), b"Hello"), (b"Hello", False))

    def test_chunked(self) -> None:
        """Chunks, with extensions and trailers; what is no chunk ends it."""
        head = response(500, ("Transfer-Encoding", "Chunked"), ("Content-Length", "1"))
        for data, kept, done in (
            (b"5\r\nHello\r\n1;a=b\r\n!\r\n0\r\nA: b\r\n\r\n", b"Hello!", True),
            (b"A\r\n0123456789\r\n", b"0123456789", False),
            (b"5\r\nHel", b"Hel", False),
            (b"2\r\nHello\r\n", b"He", True),
            (b"x\r\nHello\r\n", b"", True),
        ):
            self.assertEqual(self.gather(head, data), (kept, done), data)

    def test_bounds(self) -> None:
        """Neither a body nor a chunk's line grows for ever."""
        data = b"x" * (LARGEST_BODY + 100)
        chunked = response(500, ("Transfer-Encoding", "chunked"))
        for head, sent in (
            (response(500), data),
            (response(500, ("Content-Length", "1000000")), data),
            (chunked, b"%x\r\n%s" % (len(data), data)),
        ):
            body = ResponseBody(head)
            for start in range(0, len(sent), 5000):
                body.receive(sent[start : start + 5000])
            self.assertEqual((len(body.kept), body.done), (LARGEST_BODY, True))
        body = ResponseBody(chunked)
        for _ in range(100):
            body.receive(b"0" * 100)
        self.assertTrue(body.done)
        self.assertEqual(self.gather(chunked, b"3;" + b"x" * 5000 + b"\r\nabc\r\n"), (b"", True))
