"""One server as an operator sees it: how it stands, who is there, and what can be done about it.

Nothing is kept up to date for this: what is asked for is gathered when it is, by walking the connections.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from wsapp.accounts import Tally
from wsapp.admin.snapshot import BUFFERS, Snapshot, bucketOf
from wsapp.admin.source import CLIENT_COLUMNS, GROUP_COLUMNS, MOST_ROWS, Page, Row, Unknown, page
from wsapp.admin.watching import Durations, Lag, time
from wsapp.client import checked
from wsapp.draining import spread
from wsapp.service import Server
from wsapp.wire.codes import closing

__all__ = ["Node"]

#: How many clients are looked at in one turn of the reactor.
HANDFUL = 500

#: Seconds of which a snapshot has the event loop's worst lag: more than there are between two of a console's.
RECENT = 3.0


class Node:
    """One :class:`~wsapp.service.Server`.

    :param worker: What it is called among others.
    """

    def __init__(self, server: Server, worker: str = "0") -> None:
        self._server = server
        self._terms = server.terms
        self._clock: Any = server.terms.clock
        self._worker = worker
        self._since = server.terms.wallClock()
        self._draining: Deferred[None] | None = None
        self._hooks: dict[str, dict[str, Durations]] = {
            name: time(app, self._terms.stopwatch) for name, app in server.apps.items()
        }
        self.lag = Lag(self._clock)

    # How it stands

    @property
    def state(self) -> str:
        """``starting``, ``ready``, ``draining`` or ``stopping``."""
        if self._terms.admission.closed:
            return "draining"
        if self._server.ready:
            return "ready"
        return "starting" if self._server.running else "stopping"

    def ready(self) -> Deferred[str]:
        """See :class:`~wsapp.admin.source.Source`."""
        state = self.state
        if state != "ready":
            return succeed(state)
        broker = self._terms.metrics.broker.state
        return succeed("" if broker == "up" else f"the broker is {broker}")

    def snapshots(self) -> Deferred[list[Snapshot]]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.snapshot().addCallback(lambda snapshot: [snapshot])

    @inlineCallbacks
    def snapshot(self) -> Any:
        """How it stands now: fires with a :data:`~wsapp.admin.snapshot.Snapshot`.

        Its counts never go down from one to the next.
        """
        began = self._terms.stopwatch()
        apps = yield self._apps()
        metrics = self._terms.metrics
        counted = (
            "connections",
            "clients",
            "skipped",
            "overrun",
            "dropped",
            "tooFast",
            "slowed",
            "failedHooks",
            "resumed",
            "afresh",
            "expired",
            "unkept",
        )
        broker = {
            name: getattr(metrics.broker, name)
            for name in ("state", "reconnects", "epochs", "published", "received", "outbox", "outboxBytes",
                         "lag", "behind", "dropped", "lost")
        }  # fmt: skip
        snapshot: Snapshot = {
            "worker": self._worker,
            "pid": os.getpid(),
            "time": self._terms.wallClock(),
            "took": self._terms.stopwatch() - began,
            "since": self._since,
            "state": self.state,
            "lag": self.lag.worst(RECENT),
            "worstLag": self.lag.worst(Lag.KEPT),
            "detached": metrics.detached,
            "open": self._terms.admission.total,
            "counters": {name: getattr(metrics, name) for name in counted},
            "refused": {str(status): count for status, count in metrics.refused.items()},
            "reasons": dict(metrics.reasons),
            "turnedAway": {str(code): count for code, count in metrics.turnedAway.items()},
            "closed": {str(code): count for code, count in metrics.closed.items()},
            "broker": broker,
            "apps": apps,
        }
        return snapshot

    @inlineCallbacks
    def _apps(self) -> Any:
        made = {}
        for name in self._server.apps:
            tally = Tally()
            if (gone := self._terms.accounts.apps.get(name)) is not None:
                tally.add(gone)
                tally.opened = gone.opened
            made[name] = (tally, Counter[str](), [0] * (len(BUFFERS) + 1), [0, 0])

        def visit(socket: Any) -> None:
            # Who has gone since the walk began is counted here, as it is not in the sum that was taken then.
            tally, kinds, buffers, levels = made[socket.app]
            tally.add(socket)
            kinds[f"{socket.person.version}|{socket.transport}"] += 1
            buffered = socket.bufferedAmount
            buffers[bucketOf(buffered, BUFFERS)] += 1
            levels[0] += buffered
            levels[1] += socket.slow

        yield self._walk(visit)
        return {
            name: {
                "opened": tally.opened,
                "messagesIn": tally.messagesIn,
                "messagesOut": tally.messagesOut,
                "bytesIn": tally.bytesIn,
                "bytesOut": tally.bytesOut,
                "clients": dict(kinds),
                "buffers": buffers,
                "buffered": levels[0],
                "slow": levels[1],
                "hooks": {
                    hook: {"counts": list(durations.counts), "total": durations.total}
                    for hook, durations in self._hooks[name].items()
                },
            }
            for name, (tally, kinds, buffers, levels) in made.items()
        }

    def _sockets(self) -> Iterator[Any]:
        """The WebSockets that there are."""
        for connection in self._server.connections():
            socket = connection.socket
            if socket is not None:
                yield socket

    @inlineCallbacks
    def _walk(self, visit: Callable[[Any], None]) -> Any:
        """Visit every WebSocket that there is now, a handful in each turn, so that clients need not wait."""
        for count, socket in enumerate(list(self._sockets()), 1):
            visit(socket)
            if count % HANDFUL == 0:
                yield deferLater(self._clock, 0)

    # Who is there

    @inlineCallbacks
    def clients(self, query: dict[str, Any]) -> Any:
        """See :class:`~wsapp.admin.source.Source`."""
        began = self._terms.stopwatch()
        app, text = str(query.get("app") or ""), str(query.get("filter") or "").casefold()
        group = query.get("group")
        rows: list[Row] = []

        def visit(socket: Any) -> None:
            if (app and socket.app != app) or (group is not None and group not in socket.person.groups):
                return
            row = self._row(socket)
            if not text or any(text in str(value).casefold() for value in row.values()):
                rows.append(row)

        yield self._walk(visit)
        found: Page = page(rows, query, CLIENT_COLUMNS)
        found["took"] = self._terms.stopwatch() - began
        return found

    def _row(self, socket: Any) -> Row:
        client = socket.person
        return {
            "id": client.id,
            "app": socket.app,
            "user": client.user or "",
            "peer": client.peer or "unix",
            "version": client.version,
            "transport": socket.transport,
            "since": client.request.time,
            "messagesIn": socket.messagesIn,
            "messagesOut": socket.messagesOut,
            "bytesIn": socket.bytesIn,
            "bytesOut": socket.bytesOut,
            "buffered": socket.bufferedAmount,
            "dropped": client.dropped,
            "groups": len(client.groups),
            "worker": self._worker,
        }

    def client(self, identity: str) -> Deferred[Row]:
        """See :class:`~wsapp.admin.source.Source`; what a token or cookie could stand in is left out."""

        def look() -> dict[str, Any]:
            socket = self._find(identity)
            client = socket.person
            request = client.request
            return {
                **self._row(socket),
                "groups": sorted(client.groups)[:MOST_ROWS],
                "subprotocol": client.subprotocol or "",
                "path": request.path,
                "host": request.host,
                "origin": request.origin or "",
                "agent": request.headers.get("User-Agent") or "",
                "expires": client.expires,
            }

        return maybeDeferred(look)

    @inlineCallbacks
    def groups(self, query: dict[str, Any]) -> Any:
        """See :class:`~wsapp.admin.source.Source`."""
        began = self._terms.stopwatch()
        only = {(str(one[0]), str(one[1])) for one in query["only"]} if "only" in query else None
        app, text = str(query.get("app") or ""), str(query.get("filter") or "").casefold()
        counts: Counter[tuple[str, str]] = Counter()

        def visit(socket: Any) -> None:
            if not app or socket.app == app:
                counts.update((socket.app, name) for name in socket.person.groups)

        yield self._walk(visit)
        rows = [
            {"app": key[0], "name": key[1], "clients": count}
            for key, count in counts.items()
            if (not text or text in key[1].casefold()) and (only is None or key in only)
        ]
        found: Page = page(rows, query, GROUP_COLUMNS)
        found["took"] = self._terms.stopwatch() - began
        return found

    def _find(self, identity: str) -> Any:
        for socket in self._sockets():
            if socket.person.id == identity:
                return socket
        raise Unknown("this client is not here any more")

    # What can be done

    def close(self, identity: str, code: int, reason: str) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""

        def act() -> None:
            try:
                closing(code, reason)
            except (ValueError, TypeError) as error:
                raise Unknown(str(error)) from None
            self._find(identity).client.close(code, reason)

        return maybeDeferred(act)

    @inlineCallbacks
    def announce(self, app: str, text: str) -> Any:
        """See :class:`~wsapp.admin.source.Source`.

        Not by the application's own broadcast: whoever asks has asked every other worker and node too.
        Where the application cannot word it for one client the others are told all the same.
        """
        known = self._server.apps.get(app)
        if known is None:
            raise Unknown(f"there is no application {app!r} here")
        try:
            checked(text)
        except (TypeError, UnicodeEncodeError) as error:
            raise Unknown(f"this cannot be sent: {error}") from None
        encoded: dict[str | bytes, dict[object, bytes]] = {}  # most are told the same
        failure: Failure | None = None
        for count, client in enumerate(list(known.clients), 1):
            try:
                message = known.announcement(client, text)
                if message is not None:
                    message = checked(message)
                    client.deliver(message, encoded.setdefault(message, {}))
            except Exception:
                failure = failure or Failure()
            if count % HANDFUL == 0:
                yield deferLater(self._clock, 0)
        if failure is not None:
            failure.raiseException()

    def drain(self, seconds: float) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`; fires at once, :attr:`state` tells how it stands."""
        self._terms.admission.closed = True
        self._noDrain()
        staying = [connection for connection in self._server.connections() if connection.serving]
        if staying:
            self._draining = spread(self._clock, max(0.1, seconds), staying)
        return succeed(None)

    def resume(self) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`; who has not been said goodbye to stays."""
        self._noDrain()
        self._terms.admission.closed = False
        return succeed(None)

    def _noDrain(self) -> None:
        draining, self._draining = self._draining, None
        if draining is not None and not draining.called:
            draining.cancel()

    def start(self) -> None:
        """Look how late the event loop is, from now on."""
        self.lag.start()

    def stop(self) -> None:
        """Look no more."""
        self.lag.stop()
        self._noDrain()
