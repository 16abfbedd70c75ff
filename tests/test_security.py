"""What docs/security.rst says of limits and tests is so."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import dataclasses
import importlib.util
import re

from tests.test_docs import DOCS, DocsCase, shown
from wsapp.limits import Limits


class SecurityTests(DocsCase):
    """The table of limits."""

    def setUp(self) -> None:
        super().setUp()
        text = (DOCS / "security.rst").read_text(encoding="utf-8")
        table = text[text.index("     - tested in\n") : text.index("What can be said about all input")]
        rows = [re.split(r"\n +- ", row) for row in table.split("\n   * - ")[1:]]
        self.rows = [[" ".join(cell.split()) for cell in row] for row in rows]

    def test_limits(self) -> None:
        """It has every limit once, with its default."""
        names: list[str] = []
        for fields, default, _, _ in self.rows:
            found = re.findall(r"``(\w+)``", fields)
            names += found
            self.assertEqual(default, ", ".join(shown(name, getattr(Limits(), name)) for name in found))
        self.assertEqual(sorted(names), sorted(field.name for field in dataclasses.fields(Limits)))

    def test_tests(self) -> None:
        """The tests that it names are there."""
        for fields, _, _, modules in self.rows:
            names = re.findall(r"``(tests\.[\w.]+)``", modules)
            self.assertTrue(names, fields)
            for name in names:
                self.assertIsNotNone(importlib.util.find_spec(name), name)
