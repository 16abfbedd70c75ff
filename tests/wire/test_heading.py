"""Tests of `wsapp.wire.heading`, of both builds of it."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.profile import STABLE
from tests.wire.test_builds import compiled
from wsapp.wire import heading

HEAD = b"GET /a?b HTTP/1.1\r\nHost: x:1\r\nEmpty:\r\nBlank: \t \r\nText:\t a\xe9 b\t\r\n\r\n"

#: What stands in heads, and what must not.
PIECES = [
    *(
        b"GET",
        b" ",
        b"/",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"HTTP/1.:",
        b"\r\n",
        b"\r",
        b"\n",
        b":",
        b"\t",
    ),
    *(b"Host", b"a: b\r\n", b"X:\r\n", b"\x00", b"\x7f", b"\x80", b"\xff", b"\x1f", b"(", b"\r\n\r\n", b"!~"),
]


class Suite:
    """What both builds do."""

    module: Any

    def split(self, data: bytes) -> Any:
        """All of it."""
        return self.module.split(data, len(data))

    def test_parts(self: Any) -> None:
        """Each part, as it stands there."""
        fields = "Host: x:1\r\nEmpty:\r\nBlank: \t \r\nText:\t a\xe9 b\t\r\n"
        self.assertEqual(self.split(HEAD), ("GET", "/a?b", 11, fields, 4))
        self.assertEqual(self.split(b"!#$ \xff HTTP/1.0\r\n\r\n"), ("!#$", "\xff", 10, "", 0))
        for digit in range(1, 10):
            self.assertEqual(self.split(b"A / HTTP/1.%d\r\n\r\n" % digit)[2], 11)

    def test_end(self: Any) -> None:
        """It goes as far as it is told, and no further; what is not there is not looked at."""
        self.assertEqual(self.module.split(HEAD + b"rest", len(HEAD)), self.split(HEAD))
        self.assertIsNone(self.split(HEAD + b"r"))
        for end in range(len(HEAD)):
            self.assertIsNone(self.module.split(HEAD, end), end)
            self.assertIsNone(self.split(HEAD[:end]), end)

    def test_bytes(self: Any) -> None:
        """Each byte in each place: of a name, a value, a method, a target, or where it must be another."""
        token = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        seen = frozenset(range(0x21, 0x100)) - {0x7F}
        places = [
            (b"G%bT / HTTP/1.1\r\n\r\n", token),
            (b"GET /%b HTTP/1.1\r\n\r\n", seen),
            (b"GET / HTTP/1.1\r\nA%bB: x\r\n\r\n", token | {0x3A}),
            (b"GET / HTTP/1.1\r\nA:x%b\r\n\r\n", seen | {0x20, 0x09}),
            (b"GET / HTTP/1.%b\r\n\r\n", frozenset(b"0123456789")),
            (b"GET / HTTP/1.1%b\n\r\n", frozenset(b"\r")),
            (b"GET / HTTP/1.1\r%b\r\n", frozenset(b"\n")),
            (b"GET / HTTP/1.1\r\n\r%b", frozenset(b"\n")),
            (b"GET / HTTP/1.1\r\nA: x\r\n%b\n", frozenset(b"\r")),
        ]
        for text, right in places:
            for byte in range(256):
                found = self.split(text % bytes([byte])) is not None
                self.assertEqual(found, byte in right, (text, byte))

    def test_names(self: Any) -> None:
        """Fields by name in any case, in order; the spaces around a value are none of it."""
        lines = "Host: x:1\r\nEmpty:\r\nhOST:\t y \t\r\nBlank: \t \r\nno colon\r\n:unnamed\r\n"
        found = {"host": ["x:1", "y"], "empty": [""], "blank": [""], "": ["unnamed"]}
        self.assertEqual(self.module.byName(lines), found)
        self.assertEqual(self.module.byName(""), {})
        self.assertEqual(self.module.byName("A: b"), {"a": ["b"]})
        self.assertEqual(self.module.byName("A: b\r\r\nC: \r"), {"a": ["b\r"], "c": ["\r"]})

    def test_otherText(self: Any) -> None:
        """Names and values that are not ASCII, or not even latin-1."""
        lines = "ÀÉ: é\r\nX: 😀\r\nΣ: €\r\n"
        self.assertEqual(self.module.byName(lines), {"àé": ["é"], "x": ["😀"], "σ": ["€"]})


class PlainTests(Suite, Case):
    """Plain Python."""

    module = heading

    def test_offered(self) -> None:
        """The patterns are those of the lines too."""
        self.assertEqual(set(heading.__all__), {"FIELD", "HTTP", "TARGET", "TOKEN", "byName", "split"})


class CompiledTests(Suite, Case):
    """C."""

    module: ModuleType

    def setUp(self) -> None:
        self.module = compiled("heading")

    @STABLE
    @given(st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join))
    def test_same(self, data: bytes) -> None:
        """As plain Python does, of anything; with a line before it that is right, too."""
        for head in (data, b"GET / HTTP/1.1\r\n" + data, b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n"):
            self.assertEqual(self.module.split(head, len(head)), heading.split(head, len(head)))
            text = head.decode("latin-1")
            self.assertEqual(self.module.byName(text), heading.byName(text))

    def test_spoilt(self) -> None:
        """A head with any one byte another."""
        chance = random.Random(9112)
        for at in range(len(HEAD)):
            for byte in {*b"\r\n :\t\x00\x7f\x80aA", chance.randrange(256)}:
                data = HEAD[:at] + bytes([byte]) + HEAD[at + 1 :]
                self.assertEqual(self.split(data), heading.split(data, len(data)), data)

    def test_types(self) -> None:
        """Of nothing but bytes and text."""
        self.assertRaises(TypeError, self.module.split, bytearray(HEAD), 3)
        self.assertRaises(TypeError, self.module.split, None, 3)
        self.assertRaises(TypeError, self.module.byName, b"")
        self.assertRaises(TypeError, self.module.byName, None)
