"""Tests of `wsapp.wire.http`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.machines import cut
from tests.wire.profile import STABLE
from wsapp.errors import BadRequest, HandshakeError, HeadTooLarge, LineTooLong
from wsapp.limits import Limits
from wsapp.wire import http
from wsapp.wire.http import response
from wsapp.wire.selection import HeadReader, RequestHead

GET = b"GET / HTTP/1.1\r\n"
SMALL = Limits(maxHead=120, maxLine=60, maxHeaders=4)

# All that a reader says of some bytes: its head and the bytes behind it, or its error, or that it waits.
Outcome = tuple[str, str, bytes]


def outcome(pieces: Sequence[bytes], limits: Limits | None = None) -> Outcome:
    """What becomes of a request that comes in these pieces."""
    reader = HeadReader(limits or Limits())
    for number, piece in enumerate(pieces):
        try:
            head = reader.receive(piece)
        except HandshakeError as error:
            return type(error).__name__, error.message, b""
        if head is not None:
            fields = f"{head.method} {head.target} {head.version} {head.headers!r} {head.raw!r}"
            return "head", fields, reader.rest + b"".join(pieces[number + 1 :])
    return "waits", str(reader.empty), b""


class HeadSuite(Case):
    """Ways to say what becomes of a head."""

    def everyCut(self, data: bytes, limits: Limits | None = None) -> Outcome:
        """What becomes of the data: the same whole, cut in two anywhere, and byte by byte."""
        whole = outcome([data], limits)
        for place in range(1, min(len(data), 300)):
            self.assertEqual(outcome(cut(data, [place]), limits), whole, place)
        self.assertEqual(outcome(cut(data, range(len(data))), limits), whole)
        return whole

    def refused(self, error: type[HandshakeError], data: bytes, limits: Limits | None = None) -> str:
        """The data is refused with this error, however it comes."""
        name, message, _ = self.everyCut(data, limits)
        self.assertEqual(name, error.__name__, data)
        return message

    def read(self, data: bytes, limits: Limits | None = None) -> RequestHead:
        """The head that the data is."""
        self.assertEqual(self.everyCut(data, limits)[0], "head", data)
        head = HeadReader(limits or Limits()).receive(data)
        assert head is not None
        return head


class HeadTests(HeadSuite):
    """What is a request head."""

    def test_parts(self) -> None:
        """Line, headers, the bytes themselves, and what is behind them."""
        data = b"GET /a?b=%20 HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\nx-two: \t a  b\t \r\n\r\n"
        head = self.read(data + b"\x81\x00\r\n\r\n")
        self.assertEqual((head.method, head.target, head.version), ("GET", "/a?b=%20", 11))
        self.assertEqual(list(head.headers), [("Host", "example.com"), ("X-Empty", ""), ("x-two", "a  b")])
        self.assertEqual(head.raw, data)
        reader = HeadReader(Limits())
        reader.receive(data + b"\x81\x00\r\n\r\n")
        self.assertEqual(reader.rest, b"\x81\x00\r\n\r\n")

    def test_versions(self) -> None:
        """HTTP/1.0 is told from HTTP/1.1 and what may come; others are not HTTP/1."""
        for text, version in ((b"HTTP/1.0", 10), (b"HTTP/1.1", 11), (b"HTTP/1.7", 11)):
            self.assertEqual(self.read(b"GET / " + text + b"\r\n\r\n").version, version)
        for text in (
            b"HTTP/2.0",
            b"HTTP/1.10",
            b"http/1.1",
            b"HTTP/1.",
            b"HTTP/11",
            b"HTTP/1.1 ",
            b"ICAP/1.0",
            b"",
        ):
            self.refused(BadRequest, b"GET / " + text + b"\r\n\r\n")

    def test_requestLine(self) -> None:
        """Three parts with one space between, a token, a target without white space."""
        for line in (
            b"GET /",
            b"GET",
            b"GET  / HTTP/1.1",
            b"GET / a HTTP/1.1",
            b"GET\t/\tHTTP/1.1",
            b"G(T / HTTP/1.1",
            b"GET  HTTP/1.1",
            b"GET /\x00 HTTP/1.1",
            b"GET /\x7f HTTP/1.1",
            b"GET /\x0b HTTP/1.1",
            b"GET /\t HTTP/1.1",
            b"GET /\r HTTP/1.1",
            b"GET / HTTP/1.1\r",
        ):
            self.refused(BadRequest, line + b"\r\n\r\n")
        for target in (b"*", b"http://example.com/", b"/\xc3\xa9", b"//", b"example.com:80"):
            self.assertEqual(
                self.read(b"GET " + target + b" HTTP/1.1\r\n\r\n").target, target.decode("latin-1")
            )

    def test_blankLines(self) -> None:
        """A few blank lines may stand before a request (RFC 9112 2.2), and are no part of it."""
        for count in range(5):
            self.assertEqual(self.read(b"\r\n" * count + GET + b"\r\n").raw, GET + b"\r\n")
        self.refused(BadRequest, b"\r\n" * 5)
        self.refused(BadRequest, b"\r\n" * 500)

    def test_empty(self) -> None:
        """Whether a request has begun; blank lines are none."""
        reader = HeadReader(Limits())
        self.assertTrue(reader.empty)
        for piece, empty in (
            (b"\r", False),
            (b"\n", True),
            (b"G", False),
            (b"ET / HTTP/1.1\r\n", False),
            (b"A", False),
        ):
            self.assertIsNone(reader.receive(piece))
            self.assertEqual(reader.empty, empty)

    def test_notHttp(self) -> None:
        """A TLS hello, or garbage, on a plain port is told by its first byte."""
        for first in (0x16, 0x00, 0x80, 0xFF, 0x20, 0x0A, 0x7F, 0x09):
            self.refused(BadRequest, bytes([first]))
            self.refused(BadRequest, bytes([first]) + b"x" * 300, SMALL)
            self.refused(BadRequest, b"\r\n" + bytes([first]) + b"x" * 300, SMALL)

    def test_highBytes(self) -> None:
        """0x80 to 0xFF are kept as latin-1 and are never a line's end: a browser sends cookies raw."""
        for octet in range(0x80, 0x100):
            value = b"a" + bytes([octet]) + b"b"
            head = self.read(GET + b"Cookie: " + value + b"\r\n\r\n", Limits())
            self.assertEqual(list(head.headers), [("Cookie", value.decode("latin-1"))])

    def test_strippedOfBlanksAlone(self) -> None:
        """What some functions take for white space stays: NEL and NBSP."""
        head = self.read(GET + b"A: \x85\xa0x\xa0\x85 \r\n\r\n")
        self.assertEqual(head.headers.get("a"), "\x85\xa0x\xa0\x85")


class BadHeaderTests(HeadSuite):
    """SECURITY: what may not stand in a header, each 400."""

    def test_controlCharacters(self) -> None:
        """0x00 to 0x1F but HTAB, and 0x7F, in names and in values."""
        for octet in [*range(0x20), 0x7F]:
            character = bytes([octet])
            if octet != 0x09:
                self.refused(BadRequest, GET + b"A: b" + character + b"c\r\n\r\n")
                self.refused(BadRequest, GET + b"A: " + character + b"\r\n\r\n")
            self.refused(BadRequest, GET + b"A" + character + b"B: c\r\n\r\n")
        self.assertEqual(self.read(GET + b"A: b\tc\r\n\r\n").headers.get("a"), "b\tc")

    def test_bareLineFeed(self) -> None:
        """LF without CR ends no line, of any kind."""
        for data in (
            b"GET / HTTP/1.1\n",
            GET + b"A: b\n",
            GET + b"A: b\r\n\n",
            GET + b"\n",
            b"\n",
            b"\r\n\n",
            b"a\n",
        ):
            self.refused(BadRequest, data)

    def test_bareCarriageReturn(self) -> None:
        """CR without LF is a control character."""
        self.refused(BadRequest, GET + b"A: b\rC: d\r\n\r\n")
        self.refused(BadRequest, GET + b"A: b\r\r\n\r\n")
        self.refused(BadRequest, b"\rGET / HTTP/1.1\r\n\r\n")

    def test_foldedLine(self) -> None:
        """Obsolete line folding."""
        for blank in (b" ", b"\t"):
            self.assertIn("folding", self.refused(BadRequest, GET + b"A: b\r\n" + blank + b"c\r\n\r\n"))
            self.refused(BadRequest, GET + blank + b"A: b\r\n\r\n")
            self.refused(BadRequest, GET + b"A: b\r\n" + blank + b"\r\n\r\n")

    def test_spaceBeforeColon(self) -> None:
        """It makes two readers see two headers."""
        for blank in (b" ", b"\t"):
            self.refused(BadRequest, GET + b"A" + blank + b": b\r\n\r\n")

    def test_nameNotToken(self) -> None:
        """No name, no colon, or a name that is not a token."""
        for line in (b": b", b":", b"A", b"A B: c", b"A(B): c", b"\xe9: a", b'"A": b', b"A/B: c", b"A,B: c"):
            self.refused(BadRequest, GET + line + b"\r\n\r\n")

    def test_longValueIsShownShort(self) -> None:
        """What an error shows of the peer's bytes is little."""
        message = self.refused(BadRequest, GET + b"\xe9" * 1000 + b"\r\n")
        self.assertLess(len(message), 250)
        self.assertIn("...", message)


class BoundTests(HeadSuite):
    """SECURITY: a head has its limits."""

    def test_requestLineTooLong(self) -> None:
        """414 as soon as it passes, with its end or without."""
        line = b"GET /" + b"x" * (60 - 16) + b" HTTP/1.1\r\n"
        self.assertEqual(len(line), 60)
        self.read(line + b"\r\n", SMALL)
        self.refused(LineTooLong, line.replace(b"x", b"xx", 1), SMALL)
        self.refused(LineTooLong, b"G" * 61, SMALL)
        self.assertEqual(outcome([b"G" * 60], SMALL)[0], "waits")

    def test_headerLineTooLong(self) -> None:
        """431."""
        line = b"A: " + b"x" * 55 + b"\r\n"
        self.assertEqual(len(line), 60)
        self.read(GET + line + b"\r\n", SMALL)
        self.refused(HeadTooLarge, GET + b"x" + line + b"\r\n", SMALL)
        self.refused(HeadTooLarge, GET + b"x" * 61, SMALL)

    def test_headTooLarge(self) -> None:
        """431, and the bytes behind the head do not count."""
        head = GET + b"A: " + b"x" * 45 + b"\r\nB: " + b"x" * 47 + b"\r\n\r\n"
        self.assertEqual(len(head), 120)
        self.read(head + b"y" * 500, SMALL)
        self.refused(HeadTooLarge, head.replace(b"x", b"xx", 1), SMALL)
        self.refused(HeadTooLarge, head[:-2] + b"C" * 10, SMALL)

    def test_headSmallerThanLine(self) -> None:
        """Whichever limit comes first."""
        limits = Limits(maxHead=30, maxLine=60)
        self.refused(HeadTooLarge, b"G" * 31, limits)
        self.refused(HeadTooLarge, b"G" * 100, limits)

    def test_tooManyHeaders(self) -> None:
        """431 at the one too many."""
        self.read(GET + b"A: b\r\n" * 4 + b"\r\n", SMALL)
        self.refused(HeadTooLarge, GET + b"A: b\r\n" * 5, SMALL)
        self.read(GET + b"A: b\r\n" * 128 + b"\r\n")
        self.refused(HeadTooLarge, GET + b"A: b\r\n" * 129)

    def test_defaults(self) -> None:
        """16 KiB, 8 KiB a line."""
        eight = b"A: " + b"x" * (8192 - 5) + b"\r\n"
        self.assertIsNone(HeadReader(Limits()).receive(GET + eight))
        self.raised(HeadTooLarge, HeadReader(Limits()).receive, GET + b"x" + eight)
        self.raised(HeadTooLarge, HeadReader(Limits()).receive, GET + eight * 2)
        self.raised(LineTooLong, HeadReader(Limits()).receive, b"x" * 8193)

    def test_tooManyAtOnce(self) -> None:
        """One line too many, in a head that comes at once: as when it comes in pieces."""
        head = b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n"
        for pieces in ([head], [head[:20], head[20:]]):
            reader = HeadReader(Limits(maxHeaders=1))
            with self.assertRaises(HeadTooLarge):
                for piece in pieces:
                    reader.receive(piece)

    def test_byteByByte(self) -> None:
        """A head trickled byte by byte costs in proportion to its bytes."""
        counts = []
        for repeat in (100, 200):
            reader = http.HeadReader(Limits(maxHeaders=1000))  # the plain one, whose calls can be counted
            pieces = cut(GET + b"A: bcdefgh\r\n" * repeat, range(20_000))
            calls = 0

            def count(frame: object, event: str, argument: object) -> None:
                nonlocal calls
                calls += 1

            sys.setprofile(count)
            try:
                for piece in pieces:
                    reader.receive(piece)
            finally:
                sys.setprofile(None)
            counts.append(calls)
        self.assertLess(counts[1], 2.1 * counts[0])

    def test_blanks(self) -> None:
        """A line of blanks is looked at once: twice for each blank, this would take an hour."""
        limits = Limits(maxHead=2 << 20, maxLine=1 << 20)
        for line in (b"A:" + b" " * 1_000_000, b"A: b" + b" \t" * 500_000, b"A: " + b"b " * 500_000):
            for end, error in ((b"\r\n\r\n", None), (b"\x01\r\n\r\n", BadRequest)):
                if error is None:
                    self.assertEqual(outcome([GET + line + end], limits)[0], "head")
                else:
                    self.raised(error, HeadReader(limits).receive, GET + line + end)


class AnyHeadTests(Case):
    """Any bytes, any cut."""

    @STABLE
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"GET / HTTP/1.1",
                    b"A: b",
                    b"\r\n",
                    b"\r\n\r\n",
                    b"\n",
                    b"\r",
                    b" ",
                    b":",
                    b"\x00",
                    b"\xff",
                    b"x" * 30,
                ]
            )
            | st.binary(max_size=5),
            max_size=14,
        ),
        st.lists(st.integers(0, 200), max_size=6),
    )
    def test_anyCut(self, parts: list[bytes], places: list[int]) -> None:
        """The same head and the same rest, or the same error."""
        data = b"".join(parts)
        whole = outcome([data], SMALL)
        self.assertEqual(outcome(cut(data, places), SMALL), whole)
        self.assertEqual(outcome(cut(data, range(len(data))), SMALL), whole)


class ResponseTests(Case):
    """A response that ends its connection."""

    def test_response(self) -> None:
        """Its length is said, and its type if it has a body."""
        self.assertEqual(
            response(400, "Bad Request", [], b"why\n"),
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 4\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n\r\nwhy\n",
        )
        self.assertEqual(
            response(405, "Method Not Allowed", [("Allow", "GET")]),
            b"HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n"
            b"Content-Length: 0\r\nAllow: GET\r\n\r\n",
        )

    def test_upgrade(self) -> None:
        """Upgrade is named in Connection (RFC 9110 7.8)."""
        data = response(426, "Upgrade Required", [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")])
        self.assertIn(b"\r\nConnection: close, Upgrade\r\n", data)
        self.assertIn(b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", data)
