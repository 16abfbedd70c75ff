"""Whom health, metrics and the console ask, and the tables that they are answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from wsapp.admin.snapshot import Snapshot

__all__ = ["CLIENT_COLUMNS", "GROUP_COLUMNS", "MOST_ROWS", "Page", "Row", "Source", "Unknown", "page"]

#: How many rows of clients or groups are given at once; an operator narrows the filter for others.
MOST_ROWS = 200

#: By which columns clients are sorted, and groups; the first is the one where none is asked for.
CLIENT_COLUMNS = (
    "since", "id", "app", "user", "peer", "version", "transport", "messagesIn", "messagesOut", "bytesIn",
    "bytesOut", "buffered", "dropped", "groups", "node", "worker",
)  # fmt: skip
GROUP_COLUMNS = ("name", "app", "clients")

#: One line of a table, by column.
Row = dict[str, Any]

#: ``rows``, at most :data:`MOST_ROWS`; ``count``, how many fit the query; ``took``, the seconds that
#: gathering it took; ``missing``, the names of those who did not answer (left out where all did).
Page = dict[str, Any]


class Unknown(ValueError):
    """There is no such client or application here, or what was asked for cannot be; the text says why."""


class Source(Protocol):
    """A node by itself, or what speaks for several workers, or for several nodes."""

    def ready(self) -> Deferred[str]:
        """Why clients should not be sent here; empty where they should."""

    def snapshots(self) -> Deferred[list[Snapshot]]:
        """How each worker stands."""

    def clients(self, query: dict[str, Any]) -> Deferred[Page]:
        """Some of the clients, each with what the console's table shows.

        :param query: ``app``, or empty for all; ``filter``, a part of what a row shows; ``group`` that they
            are in; ``sort``, one of :data:`CLIENT_COLUMNS`; ``descending``.
        """

    def client(self, identity: str) -> Deferred[Row]:
        """One client in detail; fails with :exc:`Unknown`."""

    def groups(self, query: dict[str, Any]) -> Deferred[Page]:
        """Some of the groups, with how many clients are in each.

        :param query: ``app`` and ``filter`` as for :meth:`clients`; ``only``, a list of ``[app, name]``;
            ``sort``, one of :data:`GROUP_COLUMNS`; ``descending``.
        """

    def close(self, identity: str, code: int, reason: str) -> Deferred[None]:
        """Close one client; fails with :exc:`Unknown`."""

    def announce(self, app: str, text: str) -> Deferred[None]:
        """Tell every client of an application, in its ``announcement``'s words; fails with :exc:`Unknown`."""

    def drain(self, seconds: float) -> Deferred[None]:
        """Take no more, and say goodbye to everybody within that time."""

    def resume(self) -> Deferred[None]:
        """Take clients again."""


def page(rows: Iterable[Row], query: dict[str, Any], columns: tuple[str, ...]) -> Page:
    """The first rows in the order that a query asks for.

    Rows that are equal in the column asked for are in an order of their own all the same, so that the first
    rows of several tables together have all the first rows of their sum.
    """
    asked = query.get("sort")
    column = asked if isinstance(asked, str) and asked in columns else columns[0]

    def place(row: Row) -> Any:
        return [_comparable(name, row.get(name, "")) for name in (column, *columns[:2])]

    ordered = sorted(rows, key=place, reverse=bool(query.get("descending")))
    return {"rows": ordered[:MOST_ROWS], "count": len(ordered)}


def _comparable(column: str, value: Any) -> tuple[bool, Any]:
    # Rows of other processes may be of another release: numbers come before texts, whatever is which.
    if not isinstance(value, (int, float)):
        value = str(value)
        if column == "worker" and value.isdecimal() and len(value) < 10:
            value = int(value)
    return (isinstance(value, str), value)
