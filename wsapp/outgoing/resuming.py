"""The client's end of sessions: what a program holds of a server while connections come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp import hooks
from wsapp.app import App, hookFailed
from wsapp.carrier import ResumableEnd
from wsapp.client import Client, Disconnection
from wsapp.ledger import Budget
from wsapp.outgoing.conversation import ClientConnection
from wsapp.request import Request
from wsapp.session import Session
from wsapp.terms import NOBODY, Terms
from wsapp.wire.codes import ABNORMAL
from wsapp.wire.resumption import NEW, Begun, Broken, Resume, parseAnswer, unwrapped

__all__ = ["ClientEnd", "ClientSession", "Resumption"]

_log = Logger(namespace="wsapp.client")


class ClientSession(Session):
    """A program's session with a server.

    :param app: Its hooks, or its inbox.
    :ivar connection: What the program holds.
    """

    __slots__ = ("connection",)

    def __init__(
        self, app: App, terms: Terms, connection: ClientConnection, request: Request, subprotocol: str | None
    ) -> None:
        super().__init__(app, terms.limits, terms.wheel, terms.metrics, terms.wallClock, Budget())
        self.connection = connection
        self.client = Client(self, NOBODY, request, subprotocol)

    def unplugged(self) -> None:
        """Whoever connects comes back, or gives up."""

    def ended(self, reason: Disconnection) -> object:
        """See :meth:`Session.ended <wsapp.session.Session.ended>`."""
        return self.app.onDisconnect(self.client, reason)

    def settle(self, hook: Callable[[], object]) -> None:
        """See :meth:`Session.settle <wsapp.session.Session.settle>`."""

        def done(result: object = None) -> None:
            if isinstance(result, Failure):
                hookFailed(self.app, self.client, result)
            self.connection.over()

        result = hooks.call(hook)
        if isinstance(result, Deferred):
            result.addBoth(done)
        else:
            done(result)


class Resumption:
    """What is known of a server between connections.

    :ivar session: What is to be resumed; None for nothing.
    :ivar unsent: Messages of a session that could not be resumed, which had never left: for the next one.
    """

    def __init__(self) -> None:
        self.session: ClientSession | None = None
        self.token = ""
        self.unsent: list[str | bytes] = []

    @property
    def open(self) -> ClientSession | None:
        """The session, if it may go on."""
        session = self.session
        return None if session is None or session.ending else session

    def hello(self) -> str:
        """What a new connection says first; from then on nothing is taken from the last one."""
        session = self.open
        if session is None:
            return NEW
        session.silence()
        return str(Resume(self.token, session.ledger.arrived.count))

    def forget(self, reason: str) -> None:
        """The session cannot go on."""
        session, self.session = self.open, None
        if session is not None:
            self.unsent += [unwrapped(message) for message in session.ledger.unsent()]
            session.abandon(Disconnection(ABNORMAL, reason, False))

    def begin(self, session: ClientSession, token: str) -> None:
        """There is a new one."""
        self.session = session
        self.token = token


class ClientEnd(ResumableEnd):
    """One connection to a server that resumes.

    :param make: Makes a new session, of the subprotocol that was agreed to.
    :param ready: Told the program's connection, once that can be used over this one.
    """

    def __init__(
        self,
        name: str,
        terms: Terms,
        resumption: Resumption,
        make: Callable[[str | None], ClientSession],
        ready: Callable[[ClientConnection], None],
    ) -> None:
        super().__init__(name, terms)
        self._resumption = resumption
        self._make = make
        self._ready = ready

    def onConnect(self, client: Client) -> None:
        super().onConnect(client)
        self.carrier.say(self._resumption.hello())

    def hello(self, message: str | bytes) -> object:
        """See :meth:`ResumableEnd.hello <wsapp.carrier.ResumableEnd.hello>`."""
        answer = parseAnswer(message)
        resumption = self._resumption
        if isinstance(answer, Begun):
            resumption.forget("the server has started afresh")
            session = self._make(answer.subprotocol)
            resumption.begin(session, answer.token)
            self.carry(session, 0)
            result = self._hooked(session)
            self._ready(session.connection)
            return result
        known = resumption.open
        if known is None:
            raise Broken("resumed what was not asked for")
        sent = known.ledger.sent
        if not sent.first <= answer.arrived <= sent.count:
            resumption.forget("what has arrived cannot be made out")
            raise Broken(f"resumed with {answer.arrived}: {sent.first} to {sent.count} are here")
        waiting = self.carry(known, answer.arrived)
        self._ready(known.connection)
        return waiting

    @staticmethod
    def _hooked(session: ClientSession) -> Any:
        return session.app.onConnect(session.client)
