"""The server's end of sessions: whose they are, how long they are kept, and which one a client asks for."""

from __future__ import annotations

from collections.abc import Callable

from wsapp.carrier import ResumableEnd
from wsapp.client import Client, Disconnection
from wsapp.request import Request
from wsapp.sessions import Kept
from wsapp.terms import Served, Terms
from wsapp.wire.codes import TRY_AGAIN_LATER
from wsapp.wire.resumption import Begun, Resume, Resumed, parseHello

__all__ = ["ServerEnd", "ServerSession", "sought"]


class ServerSession(Kept):
    """A client's session at the server."""

    __slots__ = ("_served", "_terms")

    def __init__(self, terms: Terms, served: Served, request: Request, subprotocol: str | None) -> None:
        super().__init__(
            served.app,
            served.limits,
            terms.wheel,
            terms.metrics,
            terms.wallClock,
            terms.sessions.budgetFor(request.peer),
        )
        self._terms = terms
        self._served = served
        self.client = Client(self, served.rooms, request, subprotocol)

    def belongsTo(self, served: Served, request: Request) -> bool:
        """Whether a handshake is that of the same user, from the same origin, for the same application."""
        known = self.client
        return (
            not self.ending
            and served.app is self._served.app
            and request.user == known.user
            and request.origin == known.request.origin
        )

    def unplugged(self) -> None:
        """See :meth:`Session.unplugged <wsapp.session.Session.unplugged>`."""
        if self.timer is None:
            self._terms.sessions.keep(self, self._terms.resume)

    def ended(self, reason: Disconnection) -> object:
        """See :meth:`Session.ended <wsapp.session.Session.ended>`."""
        self._served.rooms.remove(self.client)
        self._terms.sessions.remove(self)
        return self.app.onDisconnect(self.client, reason)

    def settle(self, hook: Callable[[], object]) -> None:
        """See :meth:`Session.settle <wsapp.session.Session.settle>`."""
        self._terms.sessions.settle(self, hook)


def sought(terms: Terms, served: Served, request: Request, hello: Resume) -> ServerSession | None:
    """The session that a handshake's client asks for, if it can be resumed."""
    session = terms.sessions.find(hello.token)
    if not isinstance(session, ServerSession) or not session.belongsTo(served, request):
        return None
    if hello.arrived < session.ledger.sent.first:
        session.abandon(Disconnection(TRY_AGAIN_LATER, "too much was unacknowledged", False))
        return None
    return session if hello.arrived <= session.ledger.sent.count else None


class ServerEnd(ResumableEnd):
    """One connection of a client that can be resumed.

    :param served: The application that was asked for.
    :param subprotocol: What was agreed to of it.
    """

    def __init__(self, terms: Terms, served: Served, request: Request, subprotocol: str | None) -> None:
        super().__init__(served.app.name, terms)
        self._served = served
        self._request = request
        self._subprotocol = subprotocol

    def hello(self, message: str | bytes) -> object:
        """See :meth:`ResumableEnd.hello <wsapp.carrier.ResumableEnd.hello>`."""
        hello = parseHello(message)
        if self.carrier.ended:
            return None  # it would never know of its session
        if hello is None:
            return self._begin()
        session = sought(self.terms, self._served, self._request, hello)
        if session is None:
            self.terms.metrics.afresh += 1
            return self._begin()
        self.terms.metrics.resumed += 1
        self.terms.sessions.back(session)
        session.client.request = self._request
        if self._request.expires is not None:
            session.client.expires = self._request.expires
        self.carrier.say(str(Resumed(session.ledger.arrived.count)))
        return self.carry(session, hello.arrived)

    def _begin(self) -> object:
        """A new session."""
        session = ServerSession(self.terms, self._served, self._request, self._subprotocol)
        token = self.terms.sessions.add(session)
        self.carrier.say(str(Begun(token, self.terms.resume, self._subprotocol)))
        self.carry(session, 0)
        self._served.rooms.add(session.client)
        return self._served.app.onConnect(session.client)
