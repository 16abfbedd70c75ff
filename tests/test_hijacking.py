"""Cross-site WebSocket hijacking: no page of another origin gets in by default, in any version.

What is compared is in `wsapp.origins`; here the whole server is asked, as a browser that speaks that
version would, with the user's cookies along.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from tests.peers import KEY, NUMBERS, ServedCase, World, head
from wsapp.memory import SecureMemoryTransport

#: Where each version has the origin; browsers of hybi-07 and -08 sent the second.
HEADERS = {
    "RFC 6455": ("Origin",),
    "hybi-08": ("Origin", "Sec-WebSocket-Origin"),
    "hybi-07": ("Origin", "Sec-WebSocket-Origin"),
    "hixie-76": ("Origin",),
    "hixie-75": ("Origin",),
}

#: Pages that are not of http://shop.example:8080, and do not look so but to the careless.
STRANGERS = (
    "https://evil.example",
    "null",
    "http://shop.example",
    "http://shop.example:80",
    "http://shop.example:808",
    "http://shop.example:80800",
    "http://shop.example:08080",
    "https://shop.example:8080",
    "ftp://shop.example:8080",
    "file://",
    "http://www.shop.example:8080",
    "http://example:8080",
    "http://evilshop.example:8080",
    "http://shop.example.evil.example:8080",
    "http://shop.example:8080.evil.example",
    "http://evil.example/http://shop.example:8080",
    "http://evil.example#http://shop.example:8080",
    "http://shop.example:8080@evil.example",
    "http://shop.example.:8080",
    "http://.shop.example:8080",
    "http://*.example:8080",
    "http://shop.example:8080/",
    "http://shop.example:8080/page",
    "shop.example:8080",
    "//shop.example:8080",
    "http:shop.example:8080",
    "http://shop.example:8080,http://evil.example",
    "http://shop\u00e9.example:8080",
    "http://shop.example:8080\x85",
    "*",
    "undefined",
)


class HijackingTests(ServedCase):
    """A browser that is logged in, and a page of somebody else's."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str | None] = []

    def world(self) -> World:
        """A server with defaults."""
        world = World()
        app = world.app
        app.does["onHandshake"] = lambda request: self.asked.append(request.origin)  # type: ignore[attr-defined]
        return world

    def ask(self, world: World, version: str, *lines: str, secure: bool = False, host: str = "") -> bytes:
        """A browser's handshake; what the server says at first."""
        number = NUMBERS[version]
        upgrade = ["Upgrade: WebSocket", "Connection: Upgrade", "Cookie: session=ann"]
        if number is not None:
            upgrade += [f"Sec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Version: {number}"]
        key3 = b""
        if version == "hixie-76":
            upgrade += ["Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8"]
            upgrade += ["Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0"]
            key3 = b"Tm[K T2u"
        peer = world.peer(secure=secure)
        assert isinstance(peer.transport, SecureMemoryTransport) is secure
        peer.feed(head(*upgrade, *lines, host=host or "shop.example:8080") + key3)
        return peer.take()

    def test_own(self) -> None:
        """The server's own page comes in, however it is written: the others are held against that."""
        for version, headers in HEADERS.items():
            for header in headers:
                for origin in ("http://shop.example:8080", "HTTP://Shop.EXAMPLE:8080"):
                    answer = self.ask(self.world(), version, f"{header}: {origin}")
                    self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), (version, origin, answer))
                    self.assertEqual(self.asked.pop(), origin)

    def test_strangers(self) -> None:
        """403 (or 400, where it is no origin at all), and the application is not asked."""
        for version, headers in HEADERS.items():
            for header in headers:
                for origin in STRANGERS:
                    answer = self.ask(self.world(), version, f"{header}: {origin}")
                    refusals = (b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")
                    self.assertTrue(answer.startswith(refusals), (version, header, origin, answer))
        self.assertEqual(self.asked, [])

    def test_defaultPorts(self) -> None:
        """A port that is not written is the scheme's, not any."""
        for secure, host, origin, status in (
            (False, "shop.example", "http://shop.example", b"101"),
            (False, "shop.example", "http://shop.example:80", b"101"),
            (False, "shop.example:80", "http://shop.example", b"101"),
            (False, "shop.example", "http://shop.example:443", b"403"),
            (False, "shop.example", "https://shop.example", b"403"),
            (False, "shop.example:443", "https://shop.example", b"403"),
            (True, "shop.example", "https://shop.example", b"101"),
            (True, "shop.example", "https://shop.example:443", b"101"),
            (True, "shop.example", "http://shop.example", b"403"),
            (True, "shop.example:80", "http://shop.example", b"403"),
        ):
            for version in HEADERS:
                answer = self.ask(self.world(), version, f"Origin: {origin}", secure=secure, host=host)
                self.assertEqual(answer[9:12], status, (version, secure, host, origin))

    def test_twoOrigins(self) -> None:
        """The server's own beside another one helps nobody, in either order, in either header."""
        own, other = "http://shop.example:8080", "http://evil.example"
        for version in HEADERS:
            for lines in (
                (f"Origin: {other}", f"Origin: {own}"),
                (f"Origin: {own}", f"Origin: {other}"),
                (f"Origin: {other}", f"Sec-WebSocket-Origin: {own}"),
                (f"Sec-WebSocket-Origin: {own}", f"Origin: {other}"),
            ):
                answer = self.ask(self.world(), version, *lines)
                self.assertIn(answer[9:12], (b"403", b"400"), (version, lines))
        self.assertEqual(self.asked, [])

    def test_forwardedByNobody(self) -> None:
        """Nobody that is not trusted says what the server's name or scheme is."""
        for version in HEADERS:
            for lines in (
                ("Origin: http://evil.example", "X-Forwarded-Host: evil.example"),
                ("Origin: https://shop.example:8080", "X-Forwarded-Proto: https"),
                ("Origin: http://evil.example", "Forwarded: host=evil.example"),
            ):
                self.assertEqual(self.ask(self.world(), version, *lines)[9:12], b"403")

    def test_emptyOrigin(self) -> None:
        """An Origin that is there and empty is no missing one."""
        for version in HEADERS:
            answer = self.ask(self.world(), version, "Origin: ")
            self.assertIn(answer[9:12], (b"403", b"400"), version)
        self.assertEqual(self.asked, [])
