"""The console's WebSocket, as an application of wsapp's own: JSON both ways.

What a page may send, each with ``id``, which its answer has too (``{"id": 1, "result": ...}`` or
``{"id": 1, "error": "why"}``): ``{"ask": "clients", "query": {...}}``, ``groups``, ``client``;
``{"do": "close", "client": ID, "code": 1001, "reason": ""}``,
``{"do": "announce", "app": NAME, "text": ...}``, ``{"do": "drain", "seconds": 30}``, ``{"do": "resume"}``.
Each may name a ``node``, where there are several: it goes to that one alone.  Unasked a page is sent
``{"workers": [snapshot...]}``, about once a second.  While no page is open nothing is gathered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.admin.gate import Gate
from wsapp.admin.source import Source, Unknown
from wsapp.app import App
from wsapp.client import Client, Disconnection
from wsapp.request import Reject, Request

__all__ = ["Console"]

_log = Logger()

#: Seconds between two snapshots, at least and at most, and the most of its time that a server spends on them.
STEP = 1.0
MOST = 60.0
SHARE = 0.05

#: Seconds that a drain may take.
LONGEST = 86400

#: Why a page is let in no more, as its own close code: the token is asked for again.
UNKNOWN = 4401


class Console(App):
    """Shows a source to whoever the gate lets in.

    :param named: Gives the one node of that name, where there are several; raises
        :exc:`~wsapp.admin.source.Unknown` where there is none.
    """

    limits: Mapping[str, Any] = {"maxMessage": 64 * 1024, "maxSendBuffer": 4 * 1024 * 1024}

    def __init__(self, source: Source, gate: Gate, named: Callable[[str], Source] | None = None) -> None:
        self._source = source
        self._named = named
        self._gate = gate
        self._next: IDelayedCall | None = None
        self._busy = False
        self._began = -math.inf
        self._cost = 0.0  # seconds that one server has spent since then

    # Hooks

    def onHandshake(self, request: Request) -> None:
        """Only a browser with the cookie; its page's origin was looked at before."""
        expires = self._gate.expires(request.cookies.get(self._gate.cookie(request.host)))
        if expires is None:
            raise Reject(code=UNKNOWN)
        request.expires = expires

    def onConnect(self, client: Client) -> None:
        """A page was opened."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._cost = 0.0  # a page that is opened need not wait
        self._look()

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        """A page was closed; with the last one nothing is gathered any more."""
        if not self.clients and self._next is not None:
            self._next.cancel()
            self._next = None

    def onMessage(self, client: Client, message: Any) -> Deferred[None]:
        """A page asks something."""
        try:
            asked = json.loads(message)
            identity = asked.get("id")
            answer = self._answer(asked)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            client.close(1008, "this is not what a console's page says")
            done: Deferred[None] = Deferred()
            done.callback(None)
            return done

        def failed(failure: Failure) -> dict[str, Any]:
            if not failure.check(Unknown):
                _log.failure("the console could not do what was asked", failure)
                return {"id": identity, "error": "it could not be done: the log says why"}
            return {"id": identity, "error": str(failure.value)}

        answer.addCallback(lambda result: {"id": identity, "result": result})
        answer.addErrback(failed)
        return answer.addCallback(lambda said: _drop(client.send(json.dumps(said))))

    def _answer(self, asked: dict[str, Any]) -> Deferred[Any]:
        """:raises KeyError: There is no such question."""
        source = self._source
        node = str(asked.get("node") or "")
        if node and self._named is not None:
            try:
                source = self._named(node)
            except Unknown as error:
                return fail(error)
        if "ask" in asked:
            what = asked["ask"]
            if what == "client":
                return source.client(str(asked["client"]))
            ask = {"clients": source.clients, "groups": source.groups}[what]
            return ask(dict(asked.get("query") or {})).addCallback(self._reckon)
        what = asked["do"]
        if what == "close":
            done = source.close(str(asked["client"]), int(asked["code"]), str(asked.get("reason", "")))
        elif what == "announce":
            done = source.announce(str(asked["app"]), str(asked["text"]))
        elif what == "drain":
            seconds = float(asked["seconds"])
            if not 0 <= seconds <= LONGEST:
                return fail(Unknown(f"a drain takes 0 to {LONGEST} seconds, which is a day, not {seconds:g}"))
            done = source.drain(seconds)
        else:
            done = {"resume": source.resume}[what]()
        target = " ".join(str(asked[name]) for name in ("client", "app", "node") if asked.get(name))
        _log.info("console: {what} {target}", what=what, target=target)
        return done

    # What pages are sent

    def _look(self) -> None:
        """Gather, send, and do so again after a while, which is long where gathering is.

        Pages ask for their tables whenever they are sent something, so what those cost is reckoned too.
        """
        self._next = None
        if self._busy:
            return
        now = self.reactor.seconds()
        if (wait := self._began + min(self._cost / SHARE, MOST) - now) > 0:
            self._next = self.reactor.callLater(wait, self._look)
            return
        self._busy = True
        self._began, self._cost = now, 0.0

        def send(snapshots: Any) -> None:
            # Not how long it was waited for them: another process that is slow to answer costs nothing here.
            self._cost += max((snapshot["took"] for snapshot in snapshots), default=0.0)
            text = json.dumps({"workers": snapshots})
            for client in self.clients:
                client.send(text)

        def again(_: object) -> None:
            self._busy = False
            if self.clients:
                self._next = self.reactor.callLater(STEP, self._look)

        gathering = self._source.snapshots()
        gathering.addCallback(send)
        gathering.addErrback(lambda failure: _log.failure("no snapshot for the console", failure))
        gathering.addCallback(again)

    def _reckon(self, page: Any) -> Any:
        self._cost += page["took"]
        return page


def _drop(result: object) -> None:
    """Nobody wants it."""
