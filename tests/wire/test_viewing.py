"""Tests of `wsapp.wire.viewing`, of both builds of it."""

from __future__ import annotations

import gc

from tests.wire.case import Case
from tests.wire.test_builds import compiled
from wsapp.wire import viewing


class PlainTests(Case):
    """The plain build."""

    def utf8(self, text: str) -> bytes | memoryview:
        """The bytes of a text."""
        return viewing.utf8(text)

    def test_bytes(self) -> None:
        """They are what encoding makes, and nobody can change them."""
        for text in ("", "a", "word " * 1000, "é", "x" * 100 + "€", "😀", "ÿ"):
            octets = self.utf8(text)
            self.assertEqual(bytes(octets), text.encode())
            self.assertEqual(len(octets), len(text.encode()))
            self.assertTrue(memoryview(octets).readonly)
        self.raised(UnicodeEncodeError, self.utf8, "\ud800")

    def test_outliveTheText(self) -> None:
        """They stay, and can be cut, when nothing else holds the text."""
        octets = memoryview(self.utf8("".join(["abc"] * 50_000)))[2:100_000]
        gc.collect()
        others = ["x" * 150_000 for _ in range(10)]
        self.assertEqual(octets, b"c" + b"abc" * 33_332 + b"a")
        self.assertEqual(len(others), 10)


class CompiledTests(PlainTests):
    """The compiled build."""

    def utf8(self, text: str) -> bytes | memoryview:
        octets: bytes | memoryview = compiled("viewing").utf8(text)
        return octets

    def test_notCopied(self) -> None:
        """Those of an ASCII text are the text's own."""
        self.assertIsInstance(self.utf8("abc"), memoryview)
        self.raised(TypeError, compiled("viewing").utf8, None)
        self.raised(TypeError, compiled("viewing").utf8, b"abc")
