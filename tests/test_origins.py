"""Tests of `wsapp.origins`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import ServedCase
from wsapp.app import App
from wsapp.errors import NotAllowed
from wsapp.origins import Origins, TrustedProxies, View, addressKey
from wsapp.testing import Rejected, TestServer
from wsapp.wire.headers import Headers


def view(host: str = "example.com", secure: bool = False, peer: str = "192.0.2.1") -> View:
    """A connection as the client sees it."""
    return View(peer, secure, host)


class OriginTests(SynchronousTestCase):
    """Which pages may open WebSockets."""

    def allowed(
        self, origins: Origins, origin: str | None, host: str = "example.com", secure: bool = False
    ) -> bool:
        """Whether a page of that origin may."""
        try:
            origins.checkOrigin(origin, view(host, secure))
        except NotAllowed as error:
            self.assertEqual(error.status, 403)
            return False
        return True

    def test_sameOrigin(self) -> None:
        """By default only the server's own, with the scheme's port said or not, in any case."""
        for origin, host, secure in (
            ("http://example.com", "example.com", False),
            ("http://example.com:80", "example.com", False),
            ("http://example.com", "example.com:80", False),
            ("https://example.com", "example.com", True),
            ("https://example.com:443", "example.com", True),
            ("https://example.com", "example.com:443", True),
            ("http://example.com:8080", "example.com:8080", False),
            ("HTTP://Example.COM", "eXample.com", False),
            ("http://[::1]:8080", "[::1]:8080", False),
            ("http://[2001:DB8::1]", "[2001:db8::1]", False),
            ("http://localhost:8080", "localhost:8080", False),
            ("http://my_host", "my_host", False),
        ):
            self.assertTrue(self.allowed(Origins(), origin, host, secure), origin)

    def test_otherOrigins(self) -> None:
        """Another scheme, host or port is another origin; so is what is none."""
        for origin, host, secure in (
            ("https://example.com", "example.com", False),
            ("http://example.com", "example.com", True),
            ("http://example.com:443", "example.com", True),
            ("http://example.com:81", "example.com", False),
            ("http://example.com", "example.com:8080", False),
            ("http://www.example.com", "example.com", False),
            ("http://example.com.evil.example", "example.com", False),
            ("http://notexample.com", "example.com", False),
            ("http://example.com@evil.example", "example.com", False),
            ("http://evil.example#http://example.com", "example.com", False),
            ("http://example.com/", "example.com", False),
            ("http://*.example.com", "example.com", False),
            ("*", "example.com", False),
            ("", "example.com", False),
            ("null", "example.com", False),
            ("null", "null", False),
            ("file://", "", False),
            ("http://", "", False),
            ("example.com", "example.com", False),
            ("http://example.com http://example.com", "example.com", False),
        ):
            self.assertFalse(self.allowed(Origins(), origin, host, secure), origin)

    def test_allowed(self) -> None:
        """Origins that are listed may too; ws: is the same as http:."""
        origins = Origins(["https://a.example", "http://b.example:8080", "ws://c.example", "app://d"])
        for origin in (
            "https://a.example",
            "https://A.example:443",
            "http://b.example:8080",
            "http://c.example",
            "app://d",
        ):
            self.assertTrue(self.allowed(origins, origin), origin)
        for origin in (
            "http://a.example",
            "https://a.example:8443",
            "http://b.example",
            "https://*.a.example",
            "https://b.a.example",
        ):
            self.assertFalse(self.allowed(origins, origin), origin)
        self.assertTrue(self.allowed(origins, "http://example.com"), "its own still may")

    def test_wildcard(self) -> None:
        """``*.`` stands for any subdomain, at any depth, and not for the domain itself."""
        origins = Origins(["https://*.example.org"])
        self.assertTrue(self.allowed(origins, "https://a.example.org"))
        self.assertTrue(self.allowed(origins, "https://a.b.example.org:443"))
        for origin in (
            "https://example.org",
            "https://evilexample.org",
            "http://a.example.org",
            "https://a.example.org:8443",
            "https://a.example.org.evil.example",
            "https://*.example.org",
        ):
            self.assertFalse(self.allowed(origins, origin), origin)

    def test_wildcardOriginIsNone(self) -> None:
        """A request whose Origin has a wildcard is no match for a domain that is listed."""
        self.assertFalse(self.allowed(Origins(["https://example.org"]), "https://*.example.org"))

    def test_any(self) -> None:
        """``*`` is any, null too; ``null`` is null."""
        for origin in ("https://a.example", "null", "file://", "what is this"):
            self.assertTrue(self.allowed(Origins(["*"]), origin))
        self.assertTrue(self.allowed(Origins(["null"]), "null"))
        self.assertFalse(self.allowed(Origins(["null"]), "https://a.example"))

    def test_oddHost(self) -> None:
        """A Host that is none does not hide the origins that are listed."""
        origins = Origins(["https://a.example"])
        for host in ("", "a b", "x/y", "a:b:c"):
            self.assertTrue(self.allowed(origins, "https://a.example", host))
            self.assertFalse(self.allowed(origins, "https://b.example", host))

    def test_noOrigin(self) -> None:
        """Who sends none is no browser, and let in unless it is required."""
        self.assertTrue(self.allowed(Origins(), None))
        self.assertFalse(self.allowed(Origins(require=True), None))
        self.assertFalse(self.allowed(Origins(["*"], require=True), None))
        self.assertTrue(self.allowed(Origins(require=True), "http://example.com"))

    def test_whatIsNoOrigin(self) -> None:
        """What cannot be listed is refused with what would be right."""
        for text in (
            "example.com",
            "https://",
            "https://*",
            "https://a.*.example",
            "https://a.example/",
            "https://a.example/path",
            "https://a b",
            "https://a.example:port",
            "https://[::1",
            "",
            "https://a@b",
        ):
            error = str(self.assertRaises(ValueError, Origins, [text]))
            self.assertIn(repr(text), error)
            self.assertIn("https://*.example.com", error)


class HostTests(SynchronousTestCase):
    """By which names the server may be called."""

    def accepted(self, origins: Origins, host: str, loopback: bool = False) -> bool:
        """Whether it answers to it."""
        try:
            origins.checkHost(view(host), loopback)
        except NotAllowed:
            return False
        return True

    def test_anyByDefault(self) -> None:
        """A public listener answers to any name."""
        for host in ("example.com", "192.0.2.1:80", "[::1]", "", "what is this"):
            self.assertTrue(self.accepted(Origins(), host))

    def test_loopback(self) -> None:
        """One on the loopback interface answers to the names of that, on any port."""
        for host in ("localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"):
            self.assertTrue(self.accepted(Origins(), host, True), host)
        for host in (
            "example.com",
            "localhost.example.com",
            "127.0.0.2",
            "::1",
            "localhost:",
            "a@localhost",
            "localhost/",
        ):
            self.assertFalse(self.accepted(Origins(), host, True), host)

    def test_none(self) -> None:
        """Who names no host, by HTTP/1.0, is no browser: refused only where names are demanded."""
        self.assertTrue(self.accepted(Origins(), "", True))
        for loopback in (True, False):
            self.assertFalse(self.accepted(Origins(hosts=["example.com"]), "", loopback))

    def test_listed(self) -> None:
        """Names that are listed, and only these, on loopback too; IPv6 addresses with brackets or not."""
        origins = Origins(hosts=["Example.com", "::1", "[2001:DB8::1]", "192.0.2.1"])
        for loopback in (True, False):
            for host in ("example.com", "EXAMPLE.com:8080", "[::1]:80", "[2001:db8::1]", "192.0.2.1"):
                self.assertTrue(self.accepted(origins, host, loopback), host)
            for host in ("localhost", "www.example.com", ""):
                self.assertFalse(self.accepted(origins, host, loopback), host)

    def test_whatIsNoHost(self) -> None:
        """What cannot be listed is refused; a port does not belong to it."""
        for text in ("example.com:80", "http://example.com", "", "a b", "[::1", "[::1]:80"):
            error = str(self.assertRaises(ValueError, Origins, hosts=[text]))
            self.assertIn("is not a host name", error)
        for text in ("*", "*.ex.org", "a*.example"):
            error = str(self.assertRaises(ValueError, Origins, hosts=[text]))
            self.assertIn(f"{text!r} is not a host name: wildcards", error)


class ProxyTests(SynchronousTestCase):
    """What trusted proxies say of a client."""

    def view(self, proxies: list[str], peer: str, **fields: str) -> View:
        """The connection from *peer*, with X-Forwarded-... fields."""
        headers = [("Host", "inner:8080")]
        headers += [(f"X-Forwarded-{name.title()}", value) for name, value in fields.items()]
        return TrustedProxies(proxies).view(Headers(headers), peer, False)

    def test_notTrusted(self) -> None:
        """Of anybody else nothing is believed."""
        fields = {"for": "198.51.100.1", "proto": "https", "host": "example.com"}
        self.assertEqual(self.view([], "192.0.2.1", **fields), View("192.0.2.1", False, "inner:8080"))
        self.assertEqual(
            self.view(["10.0.0.0/8"], "192.0.2.1", **fields), View("192.0.2.1", False, "inner:8080")
        )
        self.assertEqual(self.view(["10.0.0.0/8"], "", **fields), View("", False, "inner:8080"))
        self.assertEqual(self.view(["10.0.0.0/8"], "odd", **fields), View("odd", False, "inner:8080"))

    def test_trusted(self) -> None:
        """A trusted proxy says who the client is, how it came, and what it asked for."""
        fields = {"for": "198.51.100.1", "proto": "HTTPS", "host": "example.com:8443"}
        expected = View("198.51.100.1", True, "example.com:8443")
        for proxies, peer in (
            (["192.0.2.1"], "192.0.2.1"),
            (["192.0.2.0/24"], "192.0.2.1"),
            (["10.0.0.1", "192.0.2.1"], "::ffff:192.0.2.1"),
            (["2001:db8::/32"], "2001:db8::7"),
            (["fe80::/10"], "fe80::1%eth0"),
            (["unix"], ""),
        ):
            self.assertEqual(self.view(proxies, peer, **fields), expected)

    def test_partly(self) -> None:
        """What it does not say is as the connection has it."""
        self.assertEqual(self.view(["192.0.2.1"], "192.0.2.1"), View("192.0.2.1", False, "inner:8080"))
        self.assertTrue(self.view(["192.0.2.1"], "192.0.2.1", proto="http, wss").secure)
        self.assertFalse(self.view(["192.0.2.1"], "192.0.2.1", proto="https, http").secure)

    def test_chain(self) -> None:
        """Of a chain the last that is no trusted proxy is the client: what it says itself is not believed."""
        proxies = ["192.0.2.1", "10.0.0.0/8"]
        for chain, peer in (
            ("198.51.100.1, 10.0.0.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
            ("127.0.0.1, 198.51.100.1", "198.51.100.1"),
            ("198.51.100.1, nonsense, 10.0.0.1", "10.0.0.1"),
            ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
            ("198.51.100.1:51000", "198.51.100.1"),
            ("[2001:db8::9]:51000", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("2001:DB8::9", "2001:db8::9"),
            ("1.2.3.4.5", "192.0.2.1"),
            ("unknown", "192.0.2.1"),
            ("", "192.0.2.1"),
        ):
            self.assertEqual(self.view(proxies, "192.0.2.1", **{"for": chain}).peer, peer, chain)

    def test_badHost(self) -> None:
        """An X-Forwarded-Host that is none is not believed; of several the last counts."""
        for host in ("a b", "a/b", "a@b", "http://a"):
            self.assertEqual(self.view(["192.0.2.1"], "192.0.2.1", host=host).host, "inner:8080")
        self.assertEqual(self.view(["192.0.2.1"], "192.0.2.1", host="a.example, b.example").host, "b.example")

    def test_whatIsNoAddress(self) -> None:
        """What cannot be listed is refused with what would be right."""
        for text in ("", "proxy.example", "10.0.0.0/33", "10.0.0.1/8", "*", "UNIX"):
            error = str(self.assertRaises(ValueError, TrustedProxies, [text]))
            self.assertIn(repr(text), error)
            self.assertIn("10.0.0.0/8", error)


class AddressKeyTests(SynchronousTestCase):
    """What counts as one address."""

    def test_keys(self) -> None:
        """An IPv4 address, an IPv6 /64; loopback and UNIX peers are not counted."""
        for peer, key in (
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("127.0.0.1", None),
            ("127.9.9.9", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
            ("", None),
            ("/run/socket", None),
        ):
            self.assertEqual(addressKey(peer), key)


class LogTests(ServedCase):
    """What is written of a refusal."""

    def refused(self, server: TestServer, **headers: str) -> str:
        """:return: The one line that the refusal of a client with these headers has in the log."""
        self.logged.clear()
        error = self.assertRaises(Rejected, server.connect, headers=headers)
        self.assertEqual(error.status, 403)
        (line,) = self.lines()
        return line

    def test_origin(self) -> None:
        """The line shows both origins and names the option; the peer is told neither."""
        server = TestServer(App())
        line = self.refused(server, Origin="https://evil.example")
        for part in (
            "198.51.100.7",
            "403",
            "'https://evil.example'",
            "'http://test.example'",
            "--allow-origin",
        ):
            self.assertIn(part, line)
        error = self.assertRaises(Rejected, server.connect, headers={"Origin": "https://evil.example"})
        self.assertNotIn(b"evil", error.body)
        self.assertNotIn(b"--", error.body)

    def test_host(self) -> None:
        """So does that of a Host."""
        server = TestServer(App(), origins=Origins(hosts=["a.example", "b.example"]))
        line = self.refused(server)
        for part in ("'test.example'", "a.example, b.example", "--host"):
            self.assertIn(part, line)

    def test_required(self) -> None:
        """Where an Origin is required the line names that option."""
        self.assertIn("--require-origin", self.refused(TestServer(App(), origins=Origins(require=True))))

    def test_long(self) -> None:
        """A long value is cut, and what is not text does not break the line."""
        line = self.refused(TestServer(App()), Origin="https://" + "x" * 5000 + "\u0085\u00ff")
        self.assertLess(len(line), 600)
        self.assertTrue(line.isprintable())

    def test_behindProxy(self) -> None:
        """Behind a trusted proxy the origin is what the browser sees."""
        forwarded = {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "chat.example",
            "X-Forwarded-For": "203.0.113.5",
        }
        server = TestServer(App(), proxies=TrustedProxies(["198.51.100.7"]))
        client = server.connect(headers={"Origin": "https://chat.example", **forwarded})
        assert client.client is not None
        request = client.client.request
        self.assertEqual((request.peer, request.secure, request.host), ("203.0.113.5", True, "chat.example"))
        self.assertEqual(request.location, "wss://chat.example/")
        self.refused(TestServer(App()), Origin="https://chat.example", **forwarded)
