"""``Outgoing``: the protocol of one connection to a server, from the request to its last hook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from wsapp.carrier import Carrier
from wsapp.errors import BadResponse, ConnectFailed
from wsapp.origins import View
from wsapp.outgoing.adapters import Hooked, Received
from wsapp.outgoing.conversation import ClientConnection
from wsapp.outgoing.inbox import Inbox
from wsapp.outgoing.resuming import ClientEnd, ClientSession, Resumption
from wsapp.phase import Farewell, Phase
from wsapp.request import Request
from wsapp.terms import NOBODY, Served, Terms
from wsapp.transports import StreamTransport, certificateOf, isSecure, receiveBy, tune
from wsapp.websocket import WebSocket
from wsapp.wire.answer import Answer
from wsapp.wire.asking import Agreement, Asking
from wsapp.wire.resumption import SUBPROTOCOL
from wsapp.wire.versions import Opening, Receiver, Sender

__all__ = ["Outgoing", "explained"]


def explained(failure: Failure) -> str:
    """What a transport's error says, in words."""
    error = failure.value
    if type(error).__name__ == "VerificationError":  # service_identity's
        return "the server's certificate is for another host"
    first = error.args[0] if error is not None and error.args else None
    if isinstance(first, list):  # OpenSSL's: (library, function, reason), several
        return ", ".join(str(entry[-1]) for entry in first) or type(error).__name__
    return str(error) or type(error).__name__


def _nothing() -> None:
    """Nobody wants to know."""


class _Asked:
    """The phase of waiting for the answer."""

    def __init__(self, connection: Outgoing, asking: Asking, terms: Terms) -> None:
        self._connection = connection
        self._answer = Answer(asking, terms.limits)

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        try:
            agreement = self._answer.receive(data)
        except ConnectFailed as error:
            self._connection.failed(error)
            return
        if agreement is not None:
            self._connection.agreed(agreement, self._answer.rest)

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""
        self._connection.failed(self._answer.end() or self._noAnswer(reason))

    @staticmethod
    def _noAnswer(reason: Failure) -> ConnectFailed:
        error = ConnectFailed(f"the connection ended without an answer: {explained(reason)}")
        error.__cause__ = reason.value
        return error

    def refusal(self) -> ConnectFailed | None:
        """What the server has said, where that is a no, however much of it is there; None where it is not."""
        said = self._answer.end()
        return None if isinstance(said, BadResponse) else said

    def stop(self) -> None:
        """Only servers stop."""


class Outgoing(Protocol):
    """One connection to a server.

    :param asking: The opening handshake.
    :param hooks: The program's hooks; None where it takes messages one by one.
    :param inbox: Where they wait then, if it is not to be one of this connection's own.
    :param whenOver: Called when nothing more comes of it: the last hook is done, or the attempt has failed.
    :param resumption: What is to be resumed, where that is wanted; *whenOver* is then called as soon as the
        transport is gone, for hooks may wait for the next connection.
    :ivar opened: Fires with the :class:`~wsapp.ClientConnection`; fails with
        :exc:`~wsapp.errors.ConnectFailed`.  Whoever waits for it sees to the time, and cancels it.
    :ivar refusal: What the server had said by then, where that was a no that had not ended.
    """

    refusal: ConnectFailed | None = None

    def __init__(
        self,
        terms: Terms,
        asking: Asking,
        hooks: object = None,
        inbox: Inbox | None = None,
        whenOver: Callable[[], None] = _nothing,
        resumption: Resumption | None = None,
    ) -> None:
        self._resumption = resumption
        self._whenOver = whenOver
        self._terms = terms
        self._asking = asking
        self._hooks = hooks
        self._inbox = inbox
        self._phase: Phase = Farewell()
        self._connection: ClientConnection | None = None
        self._last: Callable[[], None] = _nothing  # what is to be done once the last hook is
        self._told = False
        self._lost = False
        self.opened: Deferred[ClientConnection] = Deferred(self._cancelled)

    # IProtocol

    @property
    def _stream(self) -> StreamTransport:
        return self.transport  # type: ignore[return-value]

    def connectionMade(self) -> None:
        """The server is there."""
        tune(self.transport)
        self._phase = _Asked(self, self._asking, self._terms)
        self._stream.write(self._asking.request)

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        self._phase.receive(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended."""
        self._lost = True
        phase, connection = self._phase, self._connection
        phase.lost(reason)
        if connection is not None and self._hooks is None and isinstance(phase, WebSocket):
            # Who has left may never take what has come, and whenClosed() is not to wait for that.
            connection.lost(phase.giveUp)
        if isinstance(phase, Carrier):
            self.failed(ConnectFailed("the connection ended before the session was agreed on"))

    # What the phases tell

    def over(self) -> None:
        """The last hook is done."""
        self._last()

    def failed(self, error: ConnectFailed) -> None:
        """No connection comes of it, or nothing more of one that is to be resumed."""
        self._end()
        if not self._told:
            self._told = True
            self.opened.errback(error)

    def _cancelled(self, _: object) -> None:
        self._told = True
        if isinstance(self._phase, _Asked):
            self.refusal = self._phase.refusal()
        self._end()

    def _end(self) -> None:
        self._whenOver()
        if not isinstance(self._phase, WebSocket):  # which has things to end yet
            self._phase = Farewell()
        if not self._lost and self.transport is not None:
            self._stream.abortConnection()

    def agreed(self, agreement: Agreement, rest: bytes) -> None:
        """The server speaks WebSocket from here on."""
        terms, asking = self._terms, self._asking
        transport: Any = self.transport
        peer = str(getattr(transport.getPeer(), "host", ""))
        # What a server would see of it.
        opening = Opening(asking.head, asking.version)
        view = View(peer, asking.url.secure, asking.url.authority)
        request = Request(opening, view, certificateOf(transport) if isSecure(transport) else None)
        framing = asking.framing(agreement, terms.limits)
        if self._resumption is not None and agreement.subprotocol == SUBPROTOCOL:
            self._resume(self._resumption, request, agreement, framing, rest)
            return
        if self._resumption is not None:
            self._resumption.forget("the server does not resume sessions")
        connection, app = self._held(request, agreement)

        def over() -> None:
            connection.over()
            self._whenOver()

        self._last = over
        phase = WebSocket(
            self._stream, terms, Served(app, NOBODY, terms.limits), asking.version, framing, self
        )
        self._speak(phase, request, agreement, rest)
        self._ready(connection)

    def _speak(self, phase: WebSocket, request: Request, agreement: Agreement, rest: bytes) -> None:
        """Enter the last of the phases."""
        self._phase = phase
        receiveBy(self._stream, phase.receive)
        phase.begin(request, agreement.subprotocol, rest)

    def _ready(self, connection: ClientConnection) -> None:
        self._connection = connection
        if not self._told:
            self._told = True
            self.opened.callback(connection)

    def _held(self, request: Request, agreement: Agreement) -> tuple[ClientConnection, Hooked | Received]:
        """What the program holds, and what passes on to it what comes."""
        limits = self._terms.limits
        if self._hooks is not None:
            connection = ClientConnection(request, agreement.headers, limits, None)
            return connection, Hooked(connection, self._hooks)
        inbox = self._inbox or Inbox(limits)
        connection = ClientConnection(request, agreement.headers, limits, inbox)
        return connection, Received(connection, inbox, self._inbox is None)

    def _resume(
        self,
        resumption: Resumption,
        request: Request,
        agreement: Agreement,
        framing: tuple[Receiver, Sender],
        rest: bytes,
    ) -> None:
        terms = self._terms

        def make(subprotocol: str | None) -> ClientSession:
            connection, app = self._held(request, agreement)
            return ClientSession(app, terms, connection, request, subprotocol)

        def over() -> None:
            session = end.session
            if isinstance(session, ClientSession) and session.over:
                session.connection.over()

        self._last = over
        end = ClientEnd(request.location.partition("?")[0], terms, resumption, make, self._ready)
        phase = Carrier(end, self._stream, terms, terms.limits, self._asking.version, framing, self)
        self._speak(phase, request, agreement, rest)
