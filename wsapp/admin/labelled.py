"""One source among others: tables that can be put together with theirs, with its node in every row."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from wsapp.admin.asking import Unanswered
from wsapp.admin.source import Page, Row, Source

__all__ = ["Labelled"]


class Labelled:
    """A source whose clients say which node they are with, and whose tables can be put together.

    :param source: What it answers.
    :param name: What it is called.
    :param node: Whether it is a node; else it is a worker, whose clients say so themselves.
    """

    def __init__(self, source: Source, name: str, node: bool = True) -> None:
        self._source = source
        self._name = name
        self._label = {"node": name} if node else {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def clients(self, query: dict[str, Any]) -> Deferred[Page]:
        """See :class:`~wsapp.admin.source.Source`."""

        def labelled(page: Any) -> Page:
            page = self._sound(page, {"id": str})
            return {**page, "rows": [{**row, **self._label} for row in page["rows"]]}

        return self._source.clients(query).addCallback(labelled)

    def groups(self, query: dict[str, Any]) -> Deferred[Page]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self._source.groups(query).addCallback(self._sound, {"app": str, "name": str, "clients": int})

    def client(self, identity: str) -> Deferred[Row]:
        """See :class:`~wsapp.admin.source.Source`."""

        def labelled(row: Any) -> Row:
            if not isinstance(row, dict):
                raise self._odd()
            return {**row, **self._label}

        return self._source.client(identity).addCallback(labelled)

    def _sound(self, page: Any, columns: dict[str, type]) -> Page:
        """A page that can be put together with others, with this one's name before those that it misses.

        :raises Unanswered: It cannot: it came from another process, perhaps of another release.
        """
        if (
            not isinstance(page, dict)
            or not isinstance(page.get("count"), int)
            or not isinstance(page.get("took"), (int, float))
            or not isinstance(page.get("rows"), list)
            or not isinstance(page.get("missing", []), list)
            or not all(isinstance(row, dict) for row in page["rows"])
            or not all(
                isinstance(row.get(name), kind) for row in page["rows"] for name, kind in columns.items()
            )
        ):
            raise self._odd()
        if "missing" in page:
            page["missing"] = [f"{self._name} {one}" for one in page["missing"]]
        return page

    def _odd(self) -> Unanswered:
        return Unanswered(f"{self._name} tells what is not understood here: it has another release of wsapp")
