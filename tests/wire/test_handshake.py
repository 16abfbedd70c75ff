"""Tests of `wsapp.wire.handshake`."""

from __future__ import annotations

from collections.abc import Callable

from tests.wire.case import Case
from tests.wire.vectors import HANDSHAKES, KEYS
from wsapp.errors import BadRequest, HandshakeError, MethodNotAllowed
from wsapp.limits import Limits
from wsapp.wire import handshake
from wsapp.wire.deflate import Compression, Deflation
from wsapp.wire.selection import HeadReader, RequestHead, checkHost
from wsapp.wire.versions import VERSIONS, negotiate

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
RFC = ("Host: example.com", "Upgrade: websocket", "Connection: Upgrade", KEY, "Sec-WebSocket-Version: 13")
HIXIE_75 = ("Host: example.com", "Upgrade: WebSocket", "Connection: Upgrade", "Origin: http://example.com")
HIXIE_76 = (*HIXIE_75, f"Sec-WebSocket-Key1: {KEYS[0][0]}", f"Sec-WebSocket-Key2: {KEYS[1][0]}")
EVERY = frozenset(VERSIONS)


def head(*lines: str, request: str = "GET /chat HTTP/1.1") -> RequestHead:
    """A request's head, read as it would be."""
    read = HeadReader(Limits()).receive("\r\n".join([request, *lines, "", ""]).encode("latin-1"))
    assert read is not None
    return read


def without(lines: tuple[str, ...], name: str) -> list[str]:
    """The lines but for one header."""
    return [line for line in lines if not line.startswith(f"{name}:")]


def read(data: bytes) -> RequestHead:
    """The head that these bytes are."""
    found = HeadReader(Limits()).receive(data)
    assert found is not None
    return found


class VectorTests(Case):
    """The handshakes that stand in the specifications, byte for byte."""

    def test_answers(self) -> None:
        """Each version's answer to its example."""
        for vector in HANDSHAKES:
            opening = negotiate(read(vector.request), EVERY)
            subprotocol = "sample" if "sample" in opening.subprotocols else None
            location = "ws://example.com" + opening.head.target
            accepted = opening.accept(subprotocol, [], location, Compression.SHARED)
            self.assertEqual(opening.version.trailing, len(vector.key3), vector.name)
            if vector.key3:
                assert accepted.challenge is not None
                self.assertEqual(
                    accepted.head + accepted.challenge(vector.key3), vector.response, vector.name
                )
                self.assertEqual(len(accepted.challenge(vector.key3)), 16)
            else:
                self.assertIsNone(accepted.challenge)
                self.assertEqual(accepted.head, vector.response, vector.name)

    def test_names(self) -> None:
        """Each is recognised as what it is."""
        for vector in HANDSHAKES:
            name = negotiate(read(vector.request), EVERY).version.name
            self.assertTrue(vector.name.startswith(name), vector.name)


class KeyNumberTests(Case):
    """hixie-76's keys."""

    def numbers(self, key: str) -> bytes:
        """What is digested of a key."""
        opening = handshake.acceptHixie76(
            head(*HIXIE_75, f"Sec-WebSocket-Key1: {key}", f"Sec-WebSocket-Key2: {KEYS[0][0]}"),
            None,
            [],
            "ws://a/",
        )
        assert opening.challenge is not None
        return opening.challenge(b"12345678")

    def test_numbers(self) -> None:
        """The digits as one number, divided by the count of spaces: the draft's examples."""
        for key, number in KEYS:
            self.assertEqual(self.numbers(key), self.numbers(f"{number * 7}a b c d e f g h"), key)

    def test_largest(self) -> None:
        """2**32-1 is a number, 2**32 is none."""
        largest = (1 << 32) - 1
        self.numbers(f"a {largest}")
        self.numbers(f"a {largest * 12}" + " " * 11 + "b")
        for key in (f"a {largest + 1}", f"a  {(largest + 1) * 2}", "a " + "9" * 12, "a " + "9" * 5000):
            self.raised(BadRequest, self.numbers, key)

    def test_wrong(self) -> None:
        """Without spaces, without digits, or what does not divide; other digits than 0 to 9 are none."""
        for key in ("123", "a b", "", "1 2  4", "3e6b263 4 17 81", "a\xb2 b"):
            self.raised(BadRequest, self.numbers, key)
        self.assertEqual(self.numbers("4\xb2 \u00e9"), self.numbers("4 a"))


class UpgradeTests(Case):
    """What every version asks of the request: SECURITY's opening handshake."""

    REQUESTS = (RFC, HIXIE_75, HIXIE_76)

    def refused(
        self, error: type[HandshakeError], *lines: str, request: str = "GET /chat HTTP/1.1"
    ) -> HandshakeError:
        """The request is answered with this error."""
        found: HandshakeError = self.raised(error, negotiate, head(*lines, request=request), EVERY)
        return found

    def test_method(self) -> None:
        """An upgrade by another method: 405, which names the right one."""
        for lines in self.REQUESTS:
            for method in ("POST", "HEAD", "OPTIONS", "get", "PUT"):
                error = self.refused(MethodNotAllowed, *lines, request=f"{method} / HTTP/1.1")
                self.assertEqual((error.status, error.headers), (405, (("Allow", "GET"),)))

    def test_hostOfAnyRequest(self) -> None:
        """RFC 9112 3.2: HTTP/1.0 may have none; nobody has two, or what is none."""
        none = "GET / HTTP/1.0"
        for request in (none, "GET / HTTP/1.1"):
            checkHost(head("Host: example.com:80", request=request))
            for lines in (["Host: a", "Host: a"], ["Host: a, b"], ["Host:"], ["Host: a", "host:"]):
                self.raised(BadRequest, checkHost, head(*lines, request=request))
        checkHost(head(request=none))
        self.raised(BadRequest, checkHost, head())

    def test_http10(self) -> None:
        """An upgrade by HTTP/1.0: 400."""
        for lines in self.REQUESTS:
            self.assertEqual(self.refused(BadRequest, *lines, request="GET / HTTP/1.0").status, 400)
        negotiate(head(*RFC, request="GET / HTTP/1.9"), EVERY)

    def test_host(self) -> None:
        """A missing, repeated or impossible Host: 400."""
        for lines in self.REQUESTS:
            others = without(lines, "Host")
            self.refused(BadRequest, *others)
            self.refused(BadRequest, *lines, "Host: example.com")
            for value in (
                "",
                "a b",
                "a,b",
                "a/b",
                "http://a",
                "a:b",
                "a:123456",
                "[::1",
                "\xe9",
                "a@b",
                "a\\b",
                "<a>",
            ):
                self.refused(BadRequest, *others, f"Host: {value}")
            for value in (
                "a",
                "a.example:8080",
                "127.0.0.1",
                "[::1]",
                "[::1]:80",
                "[::ffff:1.2.3.4]:1",
                "a_b-c.~%20",
            ):
                negotiate(head(*others, f"Host: {value}"), EVERY)

    def test_connection(self) -> None:
        """Connection without the token upgrade: 400; in a list, or a second header, it is there."""
        for lines in self.REQUESTS:
            others = without(lines, "Connection")
            self.refused(BadRequest, *others)
            for value in ("keep-alive", "upgraded", "up grade", ""):
                self.refused(BadRequest, *others, f"Connection: {value}")
            for value in ("upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade,keep-alive"):
                negotiate(head(*others, f"Connection: {value}"), EVERY)
            negotiate(head(*others, "Connection: keep-alive", "Connection: Upgrade"), EVERY)

    def test_body(self) -> None:
        """A body with an upgrade, in any way that it could be said: 400."""
        for lines in self.REQUESTS:
            for more in (
                ["Content-Length: 1"],
                ["Content-Length: 08"],
                ["Content-Length: 8,8"],
                ["Content-Length: -1"],
                ["Content-Length: "],
                ["Content-Length: 0", "Content-Length: 0"],
                ["Content-Length: 8", "Content-Length: 8"],
                ["Transfer-Encoding: chunked"],
                ["Transfer-Encoding: identity"],
                ["Transfer-Encoding: chunked", "Content-Length: 8"],
            ):
                self.refused(BadRequest, *lines, *more)

    def test_declaredLength(self) -> None:
        """No body may be declared as such; hixie-76's eight bytes as eight, and as nothing else."""
        for lines, right, wrong in ((RFC, 0, 8), (HIXIE_75, 0, 8), (HIXIE_76, 8, 0)):
            negotiate(head(*lines, f"Content-Length: {right}"), EVERY)
            self.refused(BadRequest, *lines, f"Content-Length: {wrong}")


class HybiTests(Case):
    """hybi-07 to RFC 6455."""

    def refused(self, *lines: str) -> str:
        """The request is answered with 400."""
        return str(self.raised(BadRequest, negotiate, head(*lines), EVERY))

    def test_key(self) -> None:
        """A missing or repeated key, or one that is not 16 bytes of base64: 400."""
        others = without(RFC, "Sec-WebSocket-Key")
        self.assertIn("no Sec-WebSocket-Key", self.refused(*others))
        self.assertIn("more than one", self.refused(*RFC, KEY))
        for value in (
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ==x",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBsZSBub25jZWVl",
            "dGhl IHNhbXBsZSBub25jZQ==",
            "dGhl-_NhbXBsZSBub25jZQ==",
            "\xe9GhlIHNhbXBsZSBub25jZQ==",
            "=" * 24,
            "A" * 8000,
        ):
            self.refused(*others, f"Sec-WebSocket-Key: {value}")

    def test_accept(self) -> None:
        """The key's answer, and only what was decided beside it, in order."""
        accepted = handshake.acceptHybi(
            head(*RFC), "chat", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xe9")], Compression.SHARED
        )
        self.assertEqual(
            accepted.head,
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
            b"Set-Cookie: a=1\r\nSet-Cookie: b=\xe9\r\n\r\n",
        )
        self.assertIsNone(accepted.deflation)

    def test_extensions(self) -> None:
        """Offers may stand in several headers; only the accepted one is answered."""
        accepted = handshake.acceptHybi(
            head(*RFC, "Sec-WebSocket-Extensions: foo, ;bad", "Sec-WebSocket-Extensions: permessage-deflate"),
            None,
            [],
            Compression.TAKEOVER,
        )
        self.assertEqual(accepted.deflation, Deflation(False, False))
        self.assertIn(b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", accepted.head)
        self.assertNotIn(b"foo", accepted.head)


class HixieTests(Case):
    """The two before."""

    def refused(self, *lines: str) -> str:
        """The request is answered with 400."""
        return str(self.raised(BadRequest, negotiate, head(*lines), EVERY))

    def test_looksLikeNothing(self) -> None:
        """Without a version, keys or an origin it is a client of today's that forgot something."""
        self.assertIn("Sec-WebSocket-Version", self.refused(*without(RFC, "Sec-WebSocket-Version")))
        self.assertIn("Sec-WebSocket-Version", self.refused(*without(HIXIE_75, "Origin")))
        self.assertIn("Sec-WebSocket-Version", self.refused(*HIXIE_75, KEY))

    def test_origin(self) -> None:
        """It goes into the response, so it must be printable, and one."""
        for lines in (HIXIE_75, HIXIE_76):
            others = without(lines, "Origin")
            for value in ("", "a b", "http://\xe9"):
                self.refused(*others, f"Origin: {value}")
            self.refused(*lines, "Origin: http://example.com")
        self.refused(*without(HIXIE_76, "Origin"))

    def test_keys(self) -> None:
        """Both, each once."""
        for name in ("Sec-WebSocket-Key1", "Sec-WebSocket-Key2"):
            others = without(HIXIE_76, name)
            self.refused(*others)
            self.refused(*HIXIE_76, f"{name}: 1 2")
            self.refused(*others, f"{name}: 123")

    def test_headersOfTheServer(self) -> None:
        """The server's own headers come last."""
        accepts: tuple[tuple[Callable[..., handshake.Accepted], tuple[str, ...]], ...] = (
            (handshake.acceptHixie75, HIXIE_75),
            (handshake.acceptHixie76, HIXIE_76),
        )
        for accept, lines in accepts:
            accepted = accept(head(*lines), None, [("Set-Cookie", "a=1")], "wss://example.com/")
            self.assertTrue(
                accepted.head.endswith(b"-Location: wss://example.com/\r\nSet-Cookie: a=1\r\n\r\n")
            )
            self.assertIsNone(accepted.deflation)


class EscapeTests(Case):
    """Nothing of the request reaches the response unescaped."""

    def test_nothingEchoed(self) -> None:
        """Of what a browser's script could choose, only the chosen subprotocol comes back."""
        lines = [
            *RFC,
            "Sec-WebSocket-Protocol: evil, chat",
            "X-Evil: evil",
            "Origin: http://evil",
            "Cookie: evil",
        ]
        opening = negotiate(head(*lines, request="GET /evil?evil HTTP/1.1"), EVERY)
        self.assertNotIn(b"evil", opening.accept("chat", [], "ws://evil/", Compression.SHARED).head)

    def test_errorsShowOneLine(self) -> None:
        """An error's text has no line end and no byte of the peer's that is not printable ASCII."""
        for request in (
            b"\x7f /\r\n",
            b"G\x01T / HTTP/1.1\r\n",
            b"GET / \xff\xfe\r\n",
            b"GET / HTTP/1.1\r\n\x0b\xe9\r\n",
        ):
            error = self.raised(BadRequest, HeadReader(Limits()).receive, request)
            self.assertTrue(error.message.isascii() and error.message.isprintable(), error.message)
