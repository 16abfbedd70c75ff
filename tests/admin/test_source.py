"""Tests of `wsapp.admin.source`: tables in order."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsapp.admin.source import CLIENT_COLUMNS, GROUP_COLUMNS, MOST_ROWS, page


class PageTests(SynchronousTestCase):
    """The first rows."""

    def names(self, rows: list[dict[str, Any]], **query: Any) -> list[Any]:
        """In order."""
        return [row["name"] for row in page(rows, query, GROUP_COLUMNS)["rows"]]

    def test_order(self) -> None:
        """By a column that there is, else by the first; equal ones always in the same order."""
        rows = [{"name": name, "app": app, "clients": 1} for name in "bca" for app in "yx"]
        self.assertEqual(self.names(rows), list("aabbcc"))
        self.assertEqual(self.names(rows, sort="nonsense"), list("aabbcc"))
        self.assertEqual(self.names(rows, sort="app"), list("abcabc"))
        self.assertEqual(self.names(rows, sort="clients", descending=True), list("ccbbaa"))
        self.assertEqual(
            page(rows, {"sort": "clients"}, GROUP_COLUMNS),
            page(rows[::-1], {"sort": "clients"}, GROUP_COLUMNS),
        )

    def test_bounded(self) -> None:
        """So many, and how many there are."""
        rows = [{"name": str(number), "app": "a", "clients": number} for number in range(MOST_ROWS + 5)]
        found = page(rows, {"sort": "clients", "descending": True}, GROUP_COLUMNS)
        self.assertEqual((len(found["rows"]), found["count"]), (MOST_ROWS, MOST_ROWS + 5))
        self.assertEqual(found["rows"][0]["clients"], MOST_ROWS + 4)

    def test_workers(self) -> None:
        """Workers are in order of their numbers."""
        rows = [{"id": "x", "since": 0.0, "worker": worker} for worker in ("10", "9", "1")]
        found = page(rows, {"sort": "worker"}, CLIENT_COLUMNS)["rows"]
        self.assertEqual([row["worker"] for row in found], ["1", "9", "10"])

    def test_odd(self) -> None:
        """Rows of another release, whose columns are missing or others, are no trouble."""
        rows: list[dict[str, Any]] = [
            {"name": "b", "clients": "many"}, {"name": "a", "clients": 3}, {"name": "c"},
            {"name": "d", "clients": None}, {"name": "e", "clients": []},
        ]  # fmt: skip
        self.assertEqual(self.names(rows, sort="clients"), ["a", "c", "d", "e", "b"])
        mixed: list[dict[str, Any]] = [{"id": "x", "worker": one} for one in ("x", 7, None, "12", 1.5)]
        found = page(mixed, {"sort": "worker"}, CLIENT_COLUMNS)["rows"]
        self.assertEqual([row["worker"] for row in found], [1.5, 7, "12", None, "x"])
