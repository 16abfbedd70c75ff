"""Several sources as one: tables put together, what is done done by all, and nobody waited for in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.admin.asking import Unanswered
from wsapp.admin.source import CLIENT_COLUMNS, GROUP_COLUMNS, MOST_ROWS, Page, Row, Source, Unknown, page

__all__ = ["Several", "together"]

_log = Logger()


def together(asked: Mapping[Any, Deferred[Any]]) -> Deferred[dict[Any, Any]]:
    """Fires once all have: with the results by name, failures among them."""
    names = list(asked)

    def named(results: list[tuple[bool, Any]]) -> dict[Any, Any]:
        for done, result in results:
            if not done and not result.check(Unanswered, Unknown):
                _log.failure("what the console has asked could not be done", result)
        return {name: result for name, (_, result) in zip(names, results, strict=True)}

    gathered: Deferred[Any] = DeferredList(list(asked.values()), consumeErrors=True)
    return gathered.addCallback(named)


class Several:
    """What is common to all who speak for others."""

    def sources(self) -> Mapping[str, Source]:
        """Those who are asked, by what they are called."""
        raise NotImplementedError

    def _ask(self, call: Callable[[Source], Deferred[Any]]) -> Deferred[dict[str, Any]]:
        return together({name: call(source) for name, source in self.sources().items()})

    # Tables

    @inlineCallbacks
    def clients(self, query: dict[str, Any]) -> Any:
        """See :class:`~wsapp.admin.source.Source`."""
        results = yield self._ask(lambda source: source.clients(query))
        pages, missing = _parted(results)
        rows = [row for one in pages for row in one["rows"]]
        found = page(rows, query, CLIENT_COLUMNS)
        found["count"] = sum(one["count"] for one in pages)
        return _told(found, pages, missing)

    @inlineCallbacks
    def groups(self, query: dict[str, Any]) -> Any:
        """See :class:`~wsapp.admin.source.Source`; how many there are is at least what is told, where there
        are more than fit a table."""
        results = yield self._ask(lambda source: source.groups(query))
        pages, missing = _parted(results)
        rows = _sums(pages)
        if query.get("sort") == "clients" and any(one["count"] > len(one["rows"]) for one in pages):
            # One that is large here may be small there, and not among the first: now count these everywhere.
            first = page(rows, query, GROUP_COLUMNS)["rows"]
            again = {**query, "only": [[row["app"], row["name"]] for row in first]}
            results = yield self._ask(lambda source: source.groups(again))
            rows = _sums(_parted(results)[0])
        found = page(rows, query, GROUP_COLUMNS)
        found["count"] = max([len(rows), *(one["count"] for one in pages)])
        return _told(found, pages, missing)

    # One client

    def client(self, identity: str) -> Deferred[Row]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self._first(lambda source: source.client(identity))

    def close(self, identity: str, code: int, reason: str) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self._first(lambda source: source.close(identity, code, reason))

    def _first(self, call: Callable[[Source], Deferred[Any]]) -> Deferred[Any]:
        """The result of the one that has any, as soon as it is there: ids are unique."""
        done: Deferred[Any] = Deferred()

        def found(result: Any) -> None:
            if not done.called:
                done.callback(result)

        def all_(results: dict[str, Any]) -> None:
            if not done.called:
                done.errback(_worst(results.values()))

        asked = {
            name: call(source).addCallback(lambda result: found(result))
            for name, source in self.sources().items()
        }
        together(asked).addCallback(all_)
        return done

    # All of them

    def announce(self, app: str, text: str) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`; it is enough that some have the application."""

        def judge(results: dict[str, Any]) -> None:
            failures = [one for one in results.values() if isinstance(one, Failure)]
            unanswered = [one for one in failures if not one.check(Unknown)]
            if unanswered or len(failures) == len(results):
                raise Unknown(_others(unanswered or failures, len(results)))

        return self._ask(lambda source: source.announce(app, text)).addCallback(judge)

    def drain(self, seconds: float) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self._all(lambda source: source.drain(seconds))

    def resume(self) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self._all(lambda source: source.resume())

    def _all(self, call: Callable[[Source], Deferred[Any]]) -> Deferred[None]:
        def judge(results: dict[str, Any]) -> None:
            failures = [one for one in results.values() if isinstance(one, Failure)]
            if failures:
                raise Unknown(_others(failures, len(results)))

        return self._ask(call).addCallback(judge)


def _parted(results: dict[str, Any]) -> tuple[list[Page], list[str]]:
    """The answers, and the names of those who gave none."""
    pages = [one for one in results.values() if not isinstance(one, Failure)]
    missing = [name for name, one in results.items() if isinstance(one, Failure)]
    return pages, missing


def _told(found: Page, pages: list[Page], missing: list[str]) -> Page:
    """With what it cost whom it cost most, and the names of all who did not answer, in whatever depth."""
    found["took"] = max((one["took"] for one in pages), default=0.0)
    missing = [*missing, *(name for one in pages for name in one.get("missing", ()))]
    if missing:
        found["missing"] = sorted(missing)[:MOST_ROWS]
    return found


def _sums(pages: Iterable[Page]) -> list[Row]:
    """The groups of all, those of the same name added up."""
    sums: dict[tuple[str, str], Row] = {}
    for one in pages:
        for row in one["rows"]:
            known = sums.setdefault((row["app"], row["name"]), {**row, "clients": 0})
            known["clients"] += row["clients"]
    return list(sums.values())


def _others(failures: list[Failure], count: int) -> str:
    texts = "; ".join(sorted({str(one.value) for one in failures}))
    return f"{texts} (the others have done it)" if len(failures) < count else texts


def _worst(results: Iterable[Any]) -> Failure:
    """Why there was nothing: that somebody did not answer, where that is so."""
    failures = [one for one in results if isinstance(one, Failure)]
    unanswered = [one for one in failures if not one.check(Unknown)]
    for failure in unanswered or failures:
        return Failure(Unknown(str(failure.value)))
    return Failure(Unknown("nobody is there to ask"))
