"""Tests of `wsapp.wire.headers`."""

from __future__ import annotations

import gc
import sys

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.profile import STABLE
from wsapp.wire.headers import isToken, parseExtensions, splitList
from wsapp.wire.selection import Headers

# A Sec-WebSocket-Extensions value, and the offers that are read from it.
EXTENSIONS: list[tuple[str, list[tuple[str, list[tuple[str, str | None]]]]]] = [
    ("", []),
    ("foo", [("foo", [])]),
    (" \t foo \t ", [("foo", [])]),
    ("foo, bar; baz=2", [("foo", []), ("bar", [("baz", "2")])]),
    ("foo;a;b = c ; d", [("foo", [("a", None), ("b", "c"), ("d", None)])]),
    ('foo; bar="baz"', [("foo", [("bar", "baz")])]),
    ('foo; bar="b, a;z"', [("foo", [("bar", "b, a;z")])]),
    (r'foo; bar="b\"a\\z"', [("foo", [("bar", 'b"a\\z')])]),
    ('foo; bar=""', [("foo", [("bar", "")])]),
    (", ,foo,,", [("foo", [])]),
    # What cannot be read is left out, up to the next comma.
    ("foo;", []),
    ("foo; ;bar, baz", [("baz", [])]),
    ("foo; =2, baz", [("baz", [])]),
    ("foo; bar=, baz", [("baz", [])]),
    ("foo=2; bar, baz", [("baz", [])]),
    ('foo; bar="baz, qux', [("qux", [])]),
    ("foo bar, baz", [("baz", [])]),
    ("fo\xe9, baz", [("baz", [])]),
    ("foo, baz; a=b c", [("foo", [])]),
    ("=", []),
    (";", []),
    ('"foo"', []),
]


class ExtensionsTests(Case):
    """The grammar of RFC 6455 9.1."""

    def test_table(self) -> None:
        """Tokens, quoted strings, lists, and what is neither."""
        for value, offers in EXTENSIONS:
            self.assertEqual(parseExtensions(value), offers, value)

    @STABLE
    @given(st.text(alphabet='ab=;," \\\t\xe9', max_size=40))
    def test_anyValue(self, value: str) -> None:
        """Whatever a peer sends is read or left out; each name is a token; a good offer behind is found."""
        for name, parameters in parseExtensions(value):
            self.assertTrue(isToken(name))
            self.assertTrue(all(isToken(key) for key, _ in parameters))
        if '"' not in value:
            self.assertEqual(parseExtensions(value + ", last; x=1")[-1], ("last", [("x", "1")]))


class ListTests(Case):
    """Tokens and lists of RFC 9110 5.6."""

    def test_token(self) -> None:
        """The characters that may stand in a token."""
        for text in ("a", "chat", "v1.chat", "!#$%&'*+-.^_`|~09azAZ"):
            self.assertTrue(isToken(text), text)
        for text in ("", " ", "a b", "a,b", "a\n", "\xe9", 'a"', "a/b", "a=b", "a\x7f"):
            self.assertFalse(isToken(text), text)

    def test_list(self) -> None:
        """Empty elements do not count."""
        for value, elements in (
            ("", []),
            (" ", []),
            ("a", ["a"]),
            (" a ,\tb,, c d ,", ["a", "b", "c d"]),
        ):
            self.assertEqual(splitList(value), elements)


class HeadersTests(Case):
    """Fields by name."""

    def setUp(self) -> None:
        self.fields = [("Host", "a"), ("Accept", "x, y"), ("accept", "z"), ("ACCEPT", "")]
        self.headers = Headers(self.fields)

    def test_lookUp(self) -> None:
        """Case makes no difference; the first value, all of them, or all their elements."""
        self.assertEqual(self.headers.get("host"), "a")
        self.assertEqual(self.headers.get("Accept"), "x, y")
        self.assertIsNone(self.headers.get("Origin"))
        self.assertEqual(self.headers.getAll("aCCept"), ["x, y", "z", ""])
        self.assertEqual(self.headers.getAll("Origin"), [])
        self.assertEqual(self.headers.getList("accept"), ["x", "y", "z"])
        self.assertEqual(self.headers.getList("Origin"), [])

    def test_hasToken(self) -> None:
        """An element of any of the field's values, in any case."""
        headers = Headers([("Connection", "keep-alive"), ("connection", "close , UpGrade")])
        self.assertTrue(headers.hasToken("Connection", "upgrade"))
        self.assertFalse(headers.hasToken("Connection", "up"))
        self.assertFalse(headers.hasToken("Upgrade", "upgrade"))

    def test_asCollection(self) -> None:
        """They go in order, as they were written; changing what a look-up gave changes nothing."""
        self.assertEqual(list(self.headers), self.fields)
        self.assertEqual(len(self.headers), 4)
        self.assertIn("ACCEPT", self.headers)
        self.assertNotIn("Origin", self.headers)
        self.assertNotIn(3, self.headers)
        self.headers.getAll("Host").append("b")
        self.assertEqual(self.headers.getAll("Host"), ["a"])
        self.assertIn("'Host', 'a'", repr(self.headers))
        self.assertEqual(len(Headers()), 0)

    def test_fold(self) -> None:
        """What a look has made is let go, and made again by the next."""
        lines = "Host: a\r\nAccept:\t x, y \r\naccept:\r\n"
        headers = Headers(lines=lines)
        small = sys.getsizeof(headers) + sum(sys.getsizeof(one) for one in gc.get_referents(headers))
        for _ in range(2):
            self.assertEqual(headers.getAll("Accept"), ["x, y", ""])
            self.assertEqual(list(headers), [("Host", "a"), ("Accept", "x, y"), ("accept", "")])
            self.assertEqual(len(headers), 3)
            headers.fold()
            now = sys.getsizeof(headers) + sum(sys.getsizeof(one) for one in gc.get_referents(headers))
            self.assertEqual(now, small)
