"""Tests of `wsapp.outgoing.proxies`."""

from __future__ import annotations

from tests.wire.case import Case
from wsapp.outgoing.proxies import parseProxy, proxyFor
from wsapp.wire.url import parseURL


class ParseTests(Case):
    """The URL of a proxy."""

    def test_right(self) -> None:
        """With and without scheme, port and credentials."""
        for text, (secure, authority, credentials) in {
            "proxy.example": (False, "proxy.example", None),
            "proxy.example:3128": (False, "proxy.example:3128", None),
            "http://u:p%40@proxy.example:3128/": (False, "proxy.example:3128", ("u", "p@")),
            "HTTPS://[::1]": (True, "[::1]", None),
        }.items():
            proxy = parseProxy(text)
            self.assertEqual(
                (proxy.secure, proxy.authority, proxy.credentials), (secure, authority, credentials)
            )

    def test_wrong(self) -> None:
        """What is none; the password is not shown."""
        for text in ("socks5://u:secret@h:1", "http://u:secret@:80", "http://u:secret@h:0", "http://"):
            error = self.raised(ValueError, parseProxy, text)
            self.assertNotIn("secret", str(error))
            self.assertIn("http://host:port", str(error))


class EnvironmentTests(Case):
    """What the environment says."""

    def proxy(self, url: str, **environment: str) -> str | None:
        """The proxy's authority."""
        found = proxyFor(parseURL(url), environment)
        return found.authority if found else None

    def test_schemes(self) -> None:
        """Each scheme has its own; ALL_PROXY is for those that have none; lower case goes first."""
        both = {"HTTP_PROXY": "plain:1", "HTTPS_PROXY": "http://tls:2"}
        self.assertEqual(self.proxy("ws://h/", **both), "plain:1")
        self.assertEqual(self.proxy("wss://h/", **both), "tls:2")
        self.assertEqual(self.proxy("wss://h/", https_proxy="lower:3", **both), "lower:3")
        self.assertEqual(self.proxy("ws://h/", HTTPS_PROXY="a:1", ALL_PROXY="all:4"), "all:4")
        self.assertEqual(self.proxy("ws://h/", HTTP_PROXY=" "), None)
        self.assertEqual(self.proxy("ws://h/"), None)
        self.assertEqual(self.proxy("ws+unix:/run/a", **both), None)

    def test_httpoxy(self) -> None:
        """In a CGI program HTTP_PROXY is what a client's header says (CVE-2016-5385)."""
        self.assertIsNone(self.proxy("ws://h/", HTTP_PROXY="evil:1", REQUEST_METHOD="GET"))
        self.assertEqual(self.proxy("ws://h/", http_proxy="own:1", REQUEST_METHOD="GET"), "own:1")

    def test_exceptions(self) -> None:
        """NO_PROXY: names, domains, ports, addresses, networks, everything."""
        for url, exceptions, excepted in (
            ("ws://example.com/", "example.com", True),
            ("ws://www.example.com/", "example.com", True),
            ("ws://www.example.com/", ".Example.com", True),
            ("ws://www.example.com/", "*.example.com", True),
            ("ws://notexample.com/", "example.com", False),
            ("ws://example.com.evil/", "example.com", False),
            ("ws://example.com./", "example.com", True),
            ("ws://example.com/", "a, b,example.com ,c", True),
            ("ws://example.com/", "a b example.com", True),
            ("ws://example.com:81/", "example.com:81", True),
            ("ws://example.com:82/", "example.com:81", False),
            ("wss://example.com/", "example.com:443", True),
            ("ws://127.0.0.1/", "127.0.0.1", True),
            ("ws://127.0.0.1:8080/", "127.0.0.1:8080", True),
            ("ws://10.1.2.3/", "10.0.0.0/8", True),
            ("ws://11.1.2.3/", "10.0.0.0/8", False),
            ("ws://[::1]/", "::1", True),
            ("ws://[::1]/", "[::1]", True),
            ("ws://[fd00::2]/", "fd00::/8", True),
            ("ws://1.2.3.4/", "3.4", False),
            ("ws://anything/", "*", True),
            ("ws://example.com/", "", False),
            ("ws://example.com/", ",,", False),
        ):
            found = self.proxy(url, HTTP_PROXY="p:1", HTTPS_PROXY="p:1", NO_PROXY=exceptions)
            self.assertEqual(found is None, excepted, (url, exceptions))
