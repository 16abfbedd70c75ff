"""Tests of `wsapp.wire.url`."""

from __future__ import annotations

import sys
from unittest import mock

from tests.wire.case import Case
from wsapp.wire.url import WebSocketURL, hidden, parseURL

RIGHT = {
    "ws://example.com": WebSocketURL(False, "example.com", 80, "/"),
    "WSS://Example.COM": WebSocketURL(True, "example.com", 443, "/"),
    "ws://example.com:/": WebSocketURL(False, "example.com", 80, "/"),
    "ws://example.com:8080/a/b?c=d&e": WebSocketURL(False, "example.com", 8080, "/a/b?c=d&e"),
    "wss://example.com?a=/b:@c": WebSocketURL(True, "example.com", 443, "/?a=/b:@c"),
    "ws://[::1]:9000/": WebSocketURL(False, "::1", 9000, "/"),
    "ws://[2001:DB8:0::1]": WebSocketURL(False, "2001:db8::1", 80, "/"),
    "ws://ann@h/": WebSocketURL(False, "h", 80, "/", ("ann", "")),
    "ws://ann:p%40ss:w%C3%B6rd@h/": WebSocketURL(False, "h", 80, "/", ("ann", "p@ss:wörd")),
    "ws://bücher.example/ä?ö=%20": WebSocketURL(False, "xn--bcher-kva.example", 80, "/%C3%A4?%C3%B6=%20"),
    "ws://my_service:8080/": WebSocketURL(False, "my_service", 8080, "/"),
    "wss://_a.r3---sn-x.b-.example./": WebSocketURL(True, "_a.r3---sn-x.b-.example.", 443, "/"),
    f"ws://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}/": WebSocketURL(
        False, f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}", 80, "/"
    ),
    "ws://127.0.0.1:1/": WebSocketURL(False, "127.0.0.1", 1, "/"),
    "ws://１２７.0.0.1/": WebSocketURL(False, "127.0.0.1", 80, "/"),
    "ws+unix:/run/app.sock": WebSocketURL(False, "localhost", 80, "/", None, "/run/app.sock"),
    "ws+unix:/run/app.sock:/chat?x=1": WebSocketURL(
        False, "localhost", 80, "/chat?x=1", None, "/run/app.sock"
    ),
    "ws+unix:///run/a%3Ab.sock:": WebSocketURL(False, "localhost", 80, "/", None, "/run/a:b.sock"),
}

WRONG = [
    "",
    "example.com",
    "http://example.com/",
    "ws:example.com",
    "ws:///path",
    "ws://:80/",
    "ws://host:0/",
    "ws://host:65536/",
    "ws://host:123456789/",
    "ws://host:port/",
    "ws://host/#fragment",
    "ws://host/ space",
    "ws://host/\r\nX: y",
    "ws://ho\tst/",
    "ws://a@b@c/",
    "ws://a%3Ab:c@host/",
    "ws://[::1/",
    "ws://[1.2.3]/",
    "ws://::1/",
    "ws://ho%0d%0ast/",
    "ws://ho%20st/",
    "ws://-host-/",
    "ws://a.-b/",
    "ws://a..b/",
    "ws://.a/",
    "ws://./",
    f"ws://{'a' * 64}.example/",
    f"ws://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 62}/",
    "ws://123/",
    "ws://1_2/",
    "ws://1.2.3/",
    "ws://1.2.3.256/",
    "ws://a.1/",
    "ws://\udc80/",
    "ws+unix:relative",
    "ws+unix:",
]


class ParseTests(Case):
    """From text to its parts."""

    def test_right(self) -> None:
        """What each URL says."""
        for text, url in RIGHT.items():
            self.assertEqual(parseURL(text), url, text)

    def test_wrong(self) -> None:
        """What is none, with the text in the message."""
        for text in WRONG:
            error = self.raised(ValueError, parseURL, text)
            self.assertIn(repr(hidden(text)), str(error), text)

    def test_withoutIDNA(self) -> None:
        """Where the package is not there, Python's own older IDNA is used."""
        with mock.patch.dict(sys.modules, {"idna": None}):
            self.assertEqual(parseURL("ws://Bücher.example/").host, "xn--bcher-kva.example")
            # In what they make of this they differ.
            self.assertEqual(parseURL("ws://straße.example/").host, "strasse.example")
            self.raised(ValueError, parseURL, "ws://" + "ü" * 64 + ".example/")

    def test_secretsStaySecret(self) -> None:
        """No error message and no repr shows a password."""
        for text in (
            "ws://ann:secret@host/#x",
            "ws://ann:secret@ho st/",
            "ws://ann:secret@host:0/",
            "http://ann:secret@host/",
            "ws://ann:sec/secret@host/",
            "wss:/ann:secret@host/",
            "wss:ann:secret@host/",
            "ann:secret@host",
        ):
            self.assertNotIn("secret", str(self.raised(ValueError, parseURL, text)))
        url = parseURL("ws://ann:secret@host/")
        self.assertNotIn("secret", repr(url))
        self.assertNotIn("ann", str(url))

    def test_authority(self) -> None:
        """What ``Host``, ``Origin`` and hixie's Location say."""
        for text, authority in {
            "ws://a": "a",
            "ws://a:443": "a:443",
            "wss://a:443/": "a",
            "wss://a:80": "a:80",
            "ws://[::1]": "[::1]",
            "ws://[::1]:81": "[::1]:81",
        }.items():
            self.assertEqual(parseURL(text).authority, authority)
        self.assertEqual(parseURL("wss://a:1/").origin, "https://a:1")
        self.assertEqual(str(parseURL("WS://u:p@A:80/b?c")), "ws://a/b?c")
