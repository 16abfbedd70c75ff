"""Tests of `wsapp.request`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsapp.origins import View
from wsapp.request import Reject, Request
from wsapp.wire.headers import Headers
from wsapp.wire.http import RequestHead
from wsapp.wire.versions import VERSIONS, negotiate

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def request(
    target: str = "/", *fields: tuple[str, str], secure: bool = False, peer: str = "192.0.2.1"
) -> Request:
    """The request of an opening handshake."""
    head = RequestHead(
        "GET",
        target,
        11,
        Headers(
            [
                ("Host", "example.com"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", KEY),
                ("Sec-WebSocket-Version", "13"),
                *fields,
            ]
        ),
        b"",
    )
    return Request(negotiate(head, frozenset(VERSIONS)), View(peer, secure, "example.com"))


def raw(text: str) -> str:
    """Text in UTF-8 as a head has it: latin-1."""
    return text.encode().decode("latin-1")


class TargetTests(SynchronousTestCase):
    """Path and query."""

    def test_path(self) -> None:
        """The path is decoded as UTF-8, raw or by percent; what is not UTF-8 is replaced."""
        for target, path in (
            ("/", "/"),
            ("/chat", "/chat"),
            ("/a%20b%2Fc", "/a b/c"),
            ("/gr%C3%BC%C3%9Fe", "/grüße"),
            (raw("/grüße 😀"), "/grüße 😀"),
            ("/%ff", "/\ufffd"),
            ("/\xff", "/\ufffd"),
            ("/a%zz%", "/a%zz%"),
            ("/a+b", "/a+b"),
            ("//double", "//double"),
            ("/a?b?c", "/a"),
            ("/a#b", "/a"),
            ("/a%3Fb", "/a?b"),
        ):
            self.assertEqual(request(target).path, path)

    def test_absoluteForm(self) -> None:
        """The absolute form of a target is as good (RFC 9112 3.2.2)."""
        for target, path, query in (
            ("http://example.com/chat?x=1", "/chat", "x=1"),
            ("ws://example.com", "/", ""),
            ("http://example.com?x=/y", "/", "x=/y"),
            ("http://example.com/?x", "/", "x"),
            ("*", "/", ""),
        ):
            made = request(target)
            self.assertEqual((made.path, made.queryString), (path, query))

    def test_query(self) -> None:
        """Fields are decoded, each with its values in order; empty ones count."""
        made = request("/?a=1&b=2&a=3&c=&d&e=%C3%BC+x&=f")
        self.assertEqual(
            made.query, {"a": ["1", "3"], "b": ["2"], "c": [""], "d": [""], "e": ["ü x"], "": ["f"]}
        )
        self.assertIs(made.query, made.query)
        self.assertEqual(request("/").query, {})
        self.assertEqual(request(raw("/?n=ü")).query, {"n": ["ü"]})
        self.assertEqual(request("/?n=\xff%ff").query, {"n": ["\ufffd\ufffd"]})
        self.assertEqual(request("/?a?b=c").query, {"a?b": ["c"]})

    def test_manyFields(self) -> None:
        """More than a thousand fields are as good as none: nobody can be made to take them apart."""
        self.assertEqual(len(request("/?" + "&".join(f"{n}=1" for n in range(1000))).query), 1000)
        self.assertEqual(request("/?" + "&" * 5000).query, {})

    def test_location(self) -> None:
        """The location is the URL as the client wrote it."""
        self.assertEqual(request("/a%20b?c=d").location, "ws://example.com/a%20b?c=d")
        self.assertEqual(request("http://example.com/a", secure=True).location, "wss://example.com/a")


class CookieTests(SynchronousTestCase):
    """Cookies, read leniently (RFC 6265 4.2)."""

    def cookies(self, *values: str) -> dict[str, str]:
        """Of these Cookie headers."""
        return request("/", *[("Cookie", value) for value in values]).cookies

    def test_cookies(self) -> None:
        """Names and values, in one header or several; of a name that comes twice the first counts."""
        self.assertEqual(self.cookies("a=1; b=2", "c=3;a=4"), {"a": "1", "b": "2", "c": "3"})
        self.assertEqual(self.cookies(), {})

    def test_odd(self) -> None:
        """Quotes are taken off; what is no pair is left out; values may have equals signs."""
        self.assertEqual(
            self.cookies('a="x y"; b; =c; d=e=f; ; \tg = h \t; i="; j=""; k="l'),
            {"a": "x y", "d": "e=f", "g": "h", "i": '"', "j": "", "k": '"l'},
        )

    def test_notAscii(self) -> None:
        """Raw UTF-8, as browsers send it, is text; what is not UTF-8 is latin-1."""
        self.assertEqual(self.cookies(raw("name=Grüße 😀; ü=1")), {"name": "Grüße 😀", "ü": "1"})
        self.assertEqual(self.cookies("a=gr\xfc\xdfe; b=\xff"), {"a": "grüße", "b": "ÿ"})

    def test_readOnce(self) -> None:
        """They are taken apart once."""
        made = request("/", ("Cookie", "a=1"))
        self.assertIs(made.cookies, made.cookies)


class RequestTests(SynchronousTestCase):
    """The rest of it."""

    def test_attributes(self) -> None:
        """What the handshake said."""
        made = request(
            "/",
            ("Origin", "http://a.example"),
            ("Sec-WebSocket-Protocol", "chat, echo"),
            ("X-A", "1"),
            secure=True,
        )
        self.assertEqual(made.origin, "http://a.example")
        self.assertEqual(list(made.subprotocols), ["chat", "echo"])
        self.assertEqual(
            (made.version, made.peer, made.secure, made.host), ("RFC 6455", "192.0.2.1", True, "example.com")
        )
        self.assertEqual((made.headers.get("x-a"), made.headers.get("X-B")), ("1", None))
        self.assertIsNone(made.clientCertificate)
        self.assertIsNone(made.user)
        self.assertIsNone(made.data)
        self.assertIsNone(request().origin)
        self.assertRaises(AttributeError, setattr, made, "usr", "typo")

    def test_repr(self) -> None:
        """It tells path, address and version."""
        self.assertEqual(repr(request("/a?b")), "<Request '/a' from 192.0.2.1 (RFC 6455)>")
        self.assertIn("UNIX", repr(request(peer="")))

    def test_setHeader(self) -> None:
        """Headers of the application's are kept in order, names as often as they come."""
        made = request()
        made.setHeader("Set-Cookie", "a=1")
        made.setHeader("Set-Cookie", "b=\xfc\t2")
        self.assertEqual(made.responseHeaders, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xfc\t2")])

    def test_noHeader(self) -> None:
        """What is no header, or could smuggle another one, is refused."""
        made = request()
        for name, value in (
            ("", "x"),
            ("A B", "x"),
            ("A:", "x"),
            ("Ä", "x"),
            ("A\r\nB", "x"),
            ("A", "x\r\nSet-Cookie: b"),
            ("A", "x\ny"),
            ("A", "x\ry"),
            ("A", "\x00"),
            ("A", "\x7f"),
            ("A", "\x0b"),
            ("A", "€"),
        ):
            error = str(self.assertRaises(ValueError, made.setHeader, name, value))
            self.assertIn("cannot be a header", error)
            self.assertTrue(error.isprintable())
        self.assertEqual(list(made.responseHeaders), [])

    def test_handshakesOwnHeaders(self) -> None:
        """What the handshake itself says cannot be said by others."""
        made = request()
        for name in (
            "Connection",
            "UPGRADE",
            "Content-Length",
            "Transfer-Encoding",
            "Sec-WebSocket-Accept",
            "sec-websocket-protocol",
            "Sec-WebSocket-Extensions",
            "WebSocket-Origin",
        ):
            self.assertIn("handshake", str(self.assertRaises(ValueError, made.setHeader, name, "x")))


class RejectTests(SynchronousTestCase):
    """How an application refuses."""

    def test_defaults(self) -> None:
        """403 without a code; what was not said is said for the log."""
        reject = Reject()
        self.assertEqual((reject.status, reject.reason, reject.code), (403, "", None))
        self.assertEqual(str(reject), "rejected with 403")
        self.assertEqual(str(Reject(401, "who are you?")), "who are you?")
        self.assertEqual(str(Reject(code=4001)), "rejected with 4001")

    def test_statuses(self) -> None:
        """Statuses that refuse."""
        for status in (400, 401, 404, 429, 503, 599):
            self.assertEqual(Reject(status).status, status)
        for status in (0, 101, 200, 302, 399, 600, 4001):
            self.assertIn(str(status), str(self.assertRaises(ValueError, Reject, status)))

    def test_codes(self) -> None:
        """Codes that may be sent (RFC 6455 7.4)."""
        for code in (1000, 1001, 1003, 1007, 1008, 1013, 1014, 3000, 4000, 4999):
            self.assertEqual(Reject(code=code).code, code)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536):
            error = str(self.assertRaises(ValueError, Reject, 403, "", code))
            self.assertIn(str(code), error)
            self.assertIn("3000-4999", error)


class CredentialsTests(SynchronousTestCase):
    """Who it may be from."""

    def test_none(self) -> None:
        """Nobody says."""
        made = request()
        self.assertEqual((made.credentials, made.token, made.expires, made.time), (None, None, None, 0.0))

    def test_basic(self) -> None:
        """A name and a password, which the request does not show."""
        found = request("/", ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")).credentials
        assert found is not None
        self.assertEqual((found.user, found.password), ("Aladdin", "open sesame"))
        twice = [("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")] * 2
        self.assertIsNone(request("/", *twice).credentials)

    def test_token(self) -> None:
        """Of the subprotocols one is the token, and is no subprotocol any more."""
        made = request(
            "/", ("Sec-WebSocket-Protocol", "chat, token.a.b-_"), ("Sec-WebSocket-Protocol", "more")
        )
        self.assertEqual(made.token, "a.b-_")
        self.assertEqual(list(made.subprotocols), ["chat", "more"])
        self.assertNotIn("a.b", repr(made))
        self.assertEqual(request("/", ("Authorization", "Bearer a.b.c")).token, "a.b.c")
