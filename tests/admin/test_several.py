"""Tests of `wsapp.admin.several`: several sources as one."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from wsapp.admin.asking import Unanswered
from wsapp.admin.several import Several
from wsapp.admin.source import CLIENT_COLUMNS, GROUP_COLUMNS, MOST_ROWS, Unknown, page


class Part:
    """A source.

    :ivar done: What has been done.
    """

    def __init__(self, apps: tuple[str, ...] = ("a",)) -> None:
        self.apps = apps
        self.rows: list[dict[str, Any]] = []
        self.counts: dict[tuple[str, str], int] = {}
        self.done: list[Any] = []
        self.asked = 0
        self.took = 0.0

    def clients(self, query: dict[str, Any]) -> Deferred[Any]:
        """Those that it has."""
        return succeed({**page(self.rows, query, CLIENT_COLUMNS), "took": self.took})

    def client(self, identity: str) -> Deferred[Any]:
        """One of them."""
        for row in self.rows:
            if row["id"] == identity:
                return succeed(row)
        return fail(Unknown("not here"))

    def groups(self, query: dict[str, Any]) -> Deferred[Any]:
        """Those that it has."""
        self.asked += 1
        only = query.get("only")
        rows = [
            {"app": app, "name": name, "clients": count}
            for (app, name), count in self.counts.items()
            if only is None or [app, name] in only
        ]
        return succeed({**page(rows, query, GROUP_COLUMNS), "took": self.took})

    def close(self, identity: str, code: int, reason: str) -> Deferred[Any]:
        """Note it."""
        return self.client(identity).addCallback(lambda _: self.done.append((identity, code, reason)))

    def announce(self, app: str, text: str) -> Deferred[Any]:
        """Note it."""
        if app not in self.apps:
            return fail(Unknown(f"no {app}"))
        self.done.append(text)
        return succeed(None)

    def drain(self, seconds: float) -> Deferred[Any]:
        """Note it."""
        self.done.append(seconds)
        return succeed(None)

    def resume(self) -> Deferred[Any]:
        """Note it."""
        self.done.append("resume")
        return succeed(None)


class Mute(Part):
    """One that does not answer in time, to anything."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("clients", "client", "groups", "close", "announce", "drain", "resume"):
            return lambda *arguments: fail(Unanswered("b does not answer"))
        return super().__getattribute__(name)


class Both(Several):
    """Some of them."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def sources(self) -> Mapping[str, Any]:
        """All."""
        return self.parts


def rows(start: int, count: int, step: int = 1) -> list[dict[str, Any]]:
    """Clients that have come at these times."""
    return [{"id": f"c{since}", "since": since} for since in range(start, start + count * step, step)]


class TableTests(SynchronousTestCase):
    """Tables put together."""

    def test_clients(self) -> None:
        """The first of all, in one order, and how many there are in all."""
        one, other = Part(), Part()
        one.rows, other.rows = rows(0, 300, 2), rows(1, 300, 2)
        one.took, other.took = 0.3, 0.2
        found = self.successResultOf(Both(a=one, b=other).clients({"sort": "since", "descending": True}))
        self.assertEqual([row["since"] for row in found["rows"]], list(range(599, 399, -1)))
        self.assertEqual((len(found["rows"]), found["count"]), (MOST_ROWS, 600))
        self.assertEqual(found["took"], 0.3)
        self.assertNotIn("missing", found)

    def test_missing(self) -> None:
        """Who does not answer is named; whom one part misses too."""
        one = Part()
        one.rows = rows(0, 3)
        one.counts = {("a", "x"): 1}
        both = Both(a=one, b=Mute())
        found = self.successResultOf(both.clients({}))
        self.assertEqual((found["count"], found["missing"]), (3, ["b"]))
        found = self.successResultOf(Both(outer=both, c=Mute()).groups({}))
        self.assertEqual((found["count"], found["missing"]), (1, ["b", "c"]))

    def test_nobody(self) -> None:
        """Of none it is an empty one."""
        self.assertEqual(self.successResultOf(Both().clients({})), {"rows": [], "count": 0, "took": 0.0})
        self.assertEqual(self.successResultOf(Both().groups({})), {"rows": [], "count": 0, "took": 0.0})

    def test_groups(self) -> None:
        """Those of the same name and application are one, with the clients of all."""
        one, other = Part(), Part()
        one.counts = {("a", "x"): 3, ("b", "x"): 1}
        other.counts = {("a", "x"): 4, ("a", "y"): 2}
        found = self.successResultOf(Both(a=one, b=other).groups({"sort": "clients", "descending": True}))
        self.assertEqual(
            [(row["app"], row["name"], row["clients"]) for row in found["rows"]],
            [("a", "x", 7), ("a", "y", 2), ("b", "x", 1)],
        )
        self.assertEqual((found["count"], one.asked), (3, 1))

    def test_manyGroups(self) -> None:
        """Where there are more than fit a table, those of the most clients are counted everywhere."""
        one, other = Part(), Part()
        one.counts = {("a", f"one {number}"): 100 + number for number in range(MOST_ROWS)}
        other.counts = {("a", f"other {number}"): 100 + number for number in range(MOST_ROWS)}
        one.counts["a", "both"], other.counts["a", "both"] = 1, 290
        found = self.successResultOf(Both(a=one, b=other).groups({"sort": "clients", "descending": True}))
        self.assertIn({"app": "a", "name": "both", "clients": 291}, found["rows"])
        self.assertTrue(found["count"] >= MOST_ROWS + 1)


class DeedTests(SynchronousTestCase):
    """What is done."""

    def test_client(self) -> None:
        """Whoever has it answers, though others do not; it is closed once."""
        one, other = Part(), Part()
        other.rows = rows(0, 2)
        several = Both(a=one, b=other, c=Mute())
        self.assertEqual(self.successResultOf(several.client("c1"))["since"], 1)
        self.successResultOf(several.close("c1", 1001, "bye"))
        self.assertEqual((one.done, other.done), ([], [("c1", 1001, "bye")]))

    def test_atOnce(self) -> None:
        """Nobody is waited for once it is done."""
        one, waiting = Part(), Part()
        one.rows = rows(0, 1)
        self.patch(waiting, "client", lambda identity: Deferred())
        self.successResultOf(Both(a=waiting, b=one).client("c0"))

    def test_noClient(self) -> None:
        """Where nobody has it that is said; or that somebody who may have it does not answer."""
        for parts, text in (
            ({"a": Part(), "b": Part()}, "not here"),
            ({"a": Part(), "b": Mute()}, "b does not answer"),
            ({}, "nobody is there"),
        ):
            failure = self.failureResultOf(Both(**parts).client("x"), Unknown)
            self.assertIn(text, str(failure.value))

    def test_announce(self) -> None:
        """All who have the application; where nobody has, or some do not answer, that is said."""
        one, other = Part(("a",)), Part(("b",))
        self.successResultOf(Both(a=one, b=other).announce("a", "hi"))
        self.assertEqual((one.done, other.done), (["hi"], []))
        failure = self.failureResultOf(Both(a=one, b=other).announce("c", "hi"), Unknown)
        self.assertEqual(str(failure.value), "no c")
        failure = self.failureResultOf(Both(a=one, b=Mute()).announce("a", "hi"), Unknown)
        self.assertEqual(str(failure.value), "b does not answer (the others have done it)")

    def test_all(self) -> None:
        """Draining, and taking clients again."""
        one, other = Part(), Part()
        both = Both(a=one, b=other)
        self.successResultOf(both.drain(3))
        self.successResultOf(both.resume())
        self.assertEqual((one.done, other.done), ([3, "resume"], [3, "resume"]))
        failure = self.failureResultOf(Both(a=one, b=Mute()).drain(3), Unknown)
        self.assertIn("the others have done it", str(failure.value))

    def test_broken(self) -> None:
        """What goes wrong here is in the log."""
        one = Part()
        self.patch(one, "clients", lambda query: fail(KeyError("x")))
        found = self.successResultOf(Both(a=one).clients({}))
        self.assertEqual(found["missing"], ["a"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
