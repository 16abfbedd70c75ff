"""Tests of `wsapp.wire.http`'s `BodyReader`."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.machines import cut
from tests.wire.profile import STABLE
from wsapp.errors import BadRequest, BodyTooLarge, HandshakeError
from wsapp.limits import Limits
from wsapp.wire.headers import Headers
from wsapp.wire.http import BodyReader, RequestHead


def _head(*fields: tuple[str, str], version: int = 11) -> RequestHead:
    return RequestHead("POST", "/", version, Headers(list(fields)), b"")


LENGTH, CODING = "Content-Length", "Transfer-Encoding"
CHUNKED = (CODING, "chunked")


def end(head: RequestHead, pieces: Sequence[bytes], limits: Limits | None = None) -> tuple[int, bool] | str:
    """How many of the bytes belong to the body and whether it is done, or the error."""
    reader = BodyReader(head, limits or Limits())
    total = 0
    try:
        for piece in pieces:
            taken = reader.receive(piece)
            total += taken
            if taken < len(piece):
                break
    except HandshakeError as error:
        return f"{type(error).__name__}: {error.message}"
    return total, reader.done


class BodyTests(Case):
    """Where a plain request's body ends."""

    def ends(self, head: RequestHead, body: bytes, limits: Limits | None = None) -> None:
        """The body is this, whatever is behind it, at every cut."""
        data = body + b"GET / HTTP/1.1\r\n"
        for pieces in (
            [data],
            *(cut(data, [place]) for place in range(len(data))),
            cut(data, range(len(data))),
        ):
            self.assertEqual(end(head, pieces, limits), (len(body), True), pieces)
        for place in range(len(body)):
            self.assertEqual(end(head, [body[:place]], limits), (place, False))

    def refused(
        self, error: type[HandshakeError], head: RequestHead, body: bytes, limits: Limits | None = None
    ) -> None:
        """The body is refused with this error, at every cut."""
        whole = end(head, [body], limits)
        self.assertTrue(str(whole).startswith(error.__name__), (body, whole))
        for place in range(len(body)):
            self.assertEqual(end(head, cut(body, [place]), limits), whole)
        self.assertEqual(end(head, cut(body, range(len(body))), limits), whole)

    def test_none(self) -> None:
        """Without either header there is no body (RFC 9112 6.3)."""
        for head in (_head(), _head((LENGTH, "0")), _head((LENGTH, "000"))):
            reader = BodyReader(head, Limits())
            self.assertTrue(reader.done)
            self.assertEqual(reader.receive(b"GET /"), 0)

    def test_length(self) -> None:
        """So many bytes, whatever they are."""
        self.ends(_head((LENGTH, "5")), b"\r\n\r\n0")
        self.ends(_head((LENGTH, "010")), b"0123456789")
        self.ends(_head((LENGTH, "3"), version=10), b"abc")

    def test_lengthTooLarge(self) -> None:
        """413 before a byte of it."""
        limits = Limits(maxBody=10)
        self.assertFalse(BodyReader(_head((LENGTH, "10")), limits).done)
        for value in ("11", "9" * 18, "9" * 19, "9" * 5000, "0" * 19):
            self.raised(BodyTooLarge, BodyReader, _head((LENGTH, value)), limits)

    def test_ambiguous(self) -> None:
        """What two readers could read in two ways: 400 (RFC 9112 6.3, 11.2)."""
        for fields in (
            [(LENGTH, "5"), (LENGTH, "5")],
            [(LENGTH, "5"), (LENGTH, "6")],
            [(LENGTH, "5, 5")],
            [(LENGTH, "+5")],
            [(LENGTH, "-5")],
            [(LENGTH, "5 5")],
            [(LENGTH, "0x5")],
            [(LENGTH, "5_0")],
            [(LENGTH, "")],
            [(LENGTH, "\xb2")],
            [(LENGTH, "five")],
            [(LENGTH, "5"), CHUNKED],
            [CHUNKED, CHUNKED],
            [(CODING, "chunked, chunked")],
            [(CODING, "gzip, chunked")],
            [(CODING, "identity")],
            [(CODING, "")],
            [(CODING, "chunked;a=b")],
            [(CODING, "\x0bchunked")],
            [(CODING, "xchunked")],
        ):
            self.raised(BadRequest, BodyReader, _head(*fields), Limits())
        self.raised(BadRequest, BodyReader, _head(CHUNKED, version=10), Limits())

    def test_chunked(self) -> None:
        """Chunks, their extensions, a trailer (RFC 9112 7.1)."""
        for body in (
            b"0\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nh\r\n\r\n\r\n0\r\n\r\n",
            b"A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n",
            b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
            b'5 \t;a="b;c"\r\nhello\r\n000\r\n\r\n',
            b"0\r\nTrailer: a\r\nOther: b\r\n\r\n",
        ):
            self.ends(_head(CHUNKED), body)
        self.ends(_head((CODING, "Chunked")), b"1\r\na\r\n0\r\n\r\n")

    def test_badChunks(self) -> None:
        """What smuggles: 400."""
        for body in (
            b"5\nhello\r\n",
            b"5\r\nhello\n",
            b"0\r\n\n",
            b"0\r\nTrailer: a\n",
            b"5\r\nhelloo\r\n",
            b"5\r\nhello0\r\n",
            b"\r\n",
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b"1_0\r\n",
            b" 1\r\n",
            b"1 2\r\n",
            b"5;\x00\r\n",
            b"5;\n\r\n",
            b"5;\r\r\n",
            b"123456789\r\n",
            b";\r\n",
            b"\xb2\r\n",
        ):
            self.refused(BadRequest, _head(CHUNKED), body)

    def test_chunkedTooLarge(self) -> None:
        """413: sizes, what stands behind them, and trailers count."""
        limits = Limits(maxBody=20)
        self.ends(_head(CHUNKED), b"9\r\n012345678\r\n8\r\n01234567\r\n0\r\n\r\n", limits)
        for body in (
            b"14\r\n",
            b"FFFFFFFF\r\n",
            b"9\r\n012345678\r\na\r\n",
            b"1;aaaaaaaaaaaaaaaaaaaaaa\r\n",
            b"0\r\nA: bcdefgh\r\nA: bcdefghijk\r\n",
            b"1\r\na\r\n" * 11,
        ):
            self.refused(BodyTooLarge, _head(CHUNKED), body, limits)

    def test_aFewLines(self) -> None:
        """So many lines are read in one call, from where the last one has ended."""
        data = b"1\r\na\r\n" * 5 + b"0\r\n\r\n" + b"GET /"
        for lines in (1, 2, 3, 100):
            reader = BodyReader(_head(CHUNKED), Limits())
            calls = place = 0
            while not reader.done:
                place = reader.receive(data, place, lines)
                calls += 1
            self.assertEqual((data[place:], calls), (b"GET /", -(-12 // lines)))
            self.assertEqual(reader.receive(data, place, lines), place)

    def test_endlessLine(self) -> None:
        """A size or a trailer that does not end: 400, and no more of it is kept."""
        self.assertIn("4096", str(end(_head(CHUNKED), [b"1" * 4097])))
        self.assertIn("4096", str(end(_head(CHUNKED), [b"0\r\n", *[b"x"] * 4097])))
        self.assertEqual(end(_head(CHUNKED), [b"0\r\n", *[b"x"] * 4096]), (4099, False))

    @STABLE
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"5\r\nhello\r\n",
                    b"0\r\n",
                    b"\r\n",
                    b"1",
                    b"a\r\n",
                    b"\n",
                    b"\r",
                    b";x",
                    b"0\r\n\r\n",
                    b"f" * 30,
                ]
            )
            | st.binary(max_size=4),
            max_size=12,
        ),
        st.lists(st.integers(0, 100), max_size=6),
    )
    def test_anyCut(self, parts: list[bytes], places: list[int]) -> None:
        """Any cut gives the same end."""
        data = b"".join(parts)
        for head in (_head(CHUNKED), _head((LENGTH, "17"))):
            whole = end(head, [data], Limits(maxBody=40))
            self.assertEqual(end(head, cut(data, places), Limits(maxBody=40)), whole)
            self.assertEqual(end(head, cut(data, range(len(data))), Limits(maxBody=40)), whole)
