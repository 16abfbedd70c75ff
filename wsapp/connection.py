"""``Connection``: the protocol of one TCP, UNIX or TLS connection, as a row of phases.

Reading a request head, then plain HTTP, or deciding and WebSocket, or Flash policy: each an
object that is put in the place of the last (DESIGN: the way of the data).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp import flash
from wsapp.admission import Ticket
from wsapp.carrier import Carrier
from wsapp.deciding import Deciding, Decision
from wsapp.errors import HandshakeError, NoSuchApp
from wsapp.heads import Queued, ReadingHead, Refusing
from wsapp.phase import Farewell, Phase
from wsapp.plainhttp import PlainHTTP
from wsapp.relay.leading import Leading
from wsapp.resuming import ServerEnd
from wsapp.terms import Terms
from wsapp.transports import StreamTransport, halfClose, isSecure, peerOf, receiveBy, tune
from wsapp.websocket import WebSocket
from wsapp.wheel import Timer
from wsapp.wire.http import response
from wsapp.wire.selection import RequestHead, checkHost

__all__ = ["Connection", "Listener"]


class Listener:
    """What connections of one listening port share.

    :ivar loopback: Whether the port is on the loopback interface.
    :ivar port: Its number; None for a UNIX socket.
    :ivar tuned: Whether its connections have their socket options from it.
    :ivar ready: Whether connections are attended to; until :meth:`open` they wait unread.
    :ivar connections: Those that are not over, their last hook is not done; in the order in which they came.
    :ivar whenLeft: Called whenever one is over.
    """

    def __init__(self) -> None:
        self.loopback = False
        self.port: int | None = None
        self.tuned = False
        self.ready = False
        self.connections: dict[Connection, None] = {}
        self.whenLeft: Callable[[], None] = _nothing

    def open(self) -> None:
        """Attend to connections from now on."""
        self.ready = True
        for connection in list(self.connections):
            connection.attend()

    def left(self, connection: Connection) -> None:
        """One is over."""
        self.connections.pop(connection, None)
        self.whenLeft()


def _nothing() -> None:
    """Nobody wants to know."""


#: The phase of every connection that is in none, or in no other any more.
_FAREWELL = Farewell()


@implementer(IProtocol)
class Connection:
    """One connection, from its first byte to its last hook.

    Not a subclass of Twisted's ``Protocol``, whose instances have a dictionary each.
    """

    __slots__ = (
        "__weakref__",
        "_bodiless",
        "_deadline",
        "_listener",
        "_lost",
        "_phase",
        "_stopping",
        "_terms",
        "_ticket",
        "factory",
        "transport",
    )

    factory: Any
    transport: StreamTransport

    def __init__(self, terms: Terms, listener: Listener) -> None:
        self._terms = terms
        self._listener = listener
        self._phase: Phase = _FAREWELL
        self._deadline: Timer | None = None
        self._bodiless = False
        self._stopping = False
        self._lost = False

    # IProtocol

    def makeConnection(self, transport: Any) -> None:
        """This is the transport."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Somebody has connected."""
        terms = self._terms
        self._listener.connections[self] = None
        self._ticket = Ticket(terms.admission)
        terms.metrics.connections += 1
        if not self._listener.tuned:
            tune(self.transport)
        self._enter(ReadingHead(self, terms.limits, None))
        self._endAfter(terms.limits.handshakeTimeout)
        try:
            terms.admission.check()
            peer = peerOf(self.transport, terms.proxies)
            if not terms.proxies.trusts(peer):
                self._ticket.address(peer)
        except HandshakeError as error:
            self._enter(Refusing(self, error))
            self._endAfter(terms.limits.closeTimeout)
            if not self._ticket.refuse():
                self.abort()
        if not self._listener.ready:
            self.transport.pauseProducing()

    def attend(self) -> None:
        """The server is ready."""
        self.transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        self._phase.receive(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended."""
        self._lost = True
        self._noDeadline()
        phase = self._phase
        if not isinstance(phase, WebSocket):
            self.over()  # a WebSocket says itself when its last hook is done
        phase.lost(reason)

    # What the service asks and tells

    @property
    def socket(self) -> WebSocket | None:
        """The WebSocket that it is, while it is one."""
        phase = self._phase
        return phase if not self._lost and isinstance(phase, WebSocket) else None

    @property
    def serving(self) -> bool:
        """Whether it is a client that an application knows, here or at a sibling."""
        phase = self._phase
        return not self._lost and (
            isinstance(phase, WebSocket) or (isinstance(phase, Leading) and phase.relays)
        )

    @property
    def arriving(self) -> bool:
        """Whether somebody has come to ask something, and waits for the answer to an opening handshake."""
        phase = self._phase
        if self._lost:
            return False
        return isinstance(phase, Deciding) or (isinstance(phase, ReadingHead) and not phase.expected)

    def stop(self) -> None:
        """The server stops: end as soon as that is polite."""
        self._stopping = True
        self._phase.stop()

    def abort(self) -> None:
        """End now; nothing where it has ended (TLS of Twisted's would raise)."""
        if not self._lost:
            self.transport.abortConnection()

    def giveUp(self) -> None:
        """End, without waiting for the application's hooks; its last one is called all the same."""
        self.abort()
        if isinstance(self._phase, WebSocket):
            self._phase.giveUp()

    def giveWay(self) -> bool:
        """End now, where this is no client, and let somebody else have its place.

        :return: Whether it had one that is free now.
        """
        if self._lost or self.serving or self._ticket.left:
            return False
        self._ticket.leave()
        self.abort()
        return True

    # What the phases tell

    def over(self) -> None:
        """The last hook is done, or there is nobody to call one for: only now is its place free.

        What a client has sent is kept until its hooks are done, so whoever comes and goes faster than they
        are must count for as long.
        """
        self._ticket.leave()
        self._phase = _FAREWELL  # parted from, so that both are freed at once
        self._listener.left(self)

    def hangUp(self) -> None:
        """Nothing more is to be said."""
        self._enter(_FAREWELL)
        self._endAfter(self._terms.limits.closeTimeout)
        self.transport.loseConnection()

    def refused(self, error: HandshakeError) -> None:
        """Answer a request with an error, and end."""
        peer = peerOf(self.transport, self._terms.proxies)
        self._terms.accounts.refused(error, peer)
        self._terms.incidents.note(
            f"requests refused with {error.status}",
            "refused {peer}: {status} {reason}{detail}",
            peer=peer or "a UNIX socket",
            status=error.status,
            reason=error.message,  # "message" means something else to observers of the old style
            detail=f" ({error.detail})" if error.detail else "",
        )
        headers = [*error.headers, ("X-Content-Type-Options", "nosniff")]
        # An application's reason may hold what UTF-8 cannot say.
        body = b"" if self._bodiless else f"{error.message}\n".encode(errors="replace")
        self.transport.write(response(error.status, error.phrase, headers, body))
        self._sayNoMore()

    def _sayNoMore(self) -> None:
        self._enter(_FAREWELL)
        self._endAfter(self._terms.limits.closeTimeout)
        halfClose(self.transport)

    def askedByFlash(self, data: bytes) -> None:
        """The first byte is that of a Flash policy request."""

        def grant() -> None:
            self.transport.write(flash.policy(self._terms.origins.allowed, self._listener.port))
            self._sayNoMore()

        self._enter(flash.FlashPolicy(grant, self.refused))
        self._phase.receive(data)

    def plain(self, head: RequestHead, data: bytes, start: int) -> None:
        """A plain HTTP request has come."""
        terms = self._terms
        self._bodiless = head.method == "HEAD"
        peer = peerOf(self.transport, terms.proxies)
        try:
            checkHost(head)
            view = terms.proxies.view(head.headers, peer, isSecure(self.transport))
            peer = view.peer
            terms.origins.checkHost(view, self._listener.loopback)
            if terms.site is None:
                raise NoSuchApp("there is nothing here but WebSockets")
            phase = PlainHTTP(
                self.transport,
                terms.site,
                terms.limits,
                terms.fairness,
                head,
                self._next,
                self._patience,
                self.refused,
                terms.accounts.plain(peer, head.version),
            )
        except HandshakeError as error:
            self.refused(error)
            return
        self._noDeadline()
        self._enter(phase)
        phase.begin(data, start)

    def _patience(self, on: bool) -> None:
        """Whether a plain peer must move within the keep-alive time-out, from now."""
        if on:
            self._endAfter(self._terms.limits.keepAliveTimeout)
        else:
            self._noDeadline()

    def _next(self, data: bytes, start: int) -> None:
        """A plain request is answered: the next one may come, of whatever kind, or is here already."""
        self._bodiless = False
        if start < len(data):
            self._noDeadline()  # it is not the peer who is waited for
            self._enter(Queued(self, self._terms.fairness, data, start, self._following))
        else:
            self._following(data, start)

    def _following(self, data: bytes, start: int) -> None:
        limits = self._terms.limits
        self._endAfter(limits.keepAliveTimeout)
        phase = ReadingHead(self, limits, lambda: self._endAfter(limits.handshakeTimeout))
        self._enter(phase)
        if start < len(data):
            phase.receive(data, start)

    def upgrade(self, head: RequestHead, rest: bytes) -> None:
        """An opening handshake has come."""
        self._bodiless = head.method == "HEAD"
        phase = Deciding(self.transport, self._terms, self._ticket, self._listener.loopback, self)
        self._enter(phase)
        phase.begin(head, rest)

    def accepted(self, decision: Decision, rest: bytes) -> None:
        """The 101 is written."""
        reject = decision.reject
        if reject is not None and reject.code is not None:
            framing = decision.opening.framing(decision.accepted, decision.served.limits)
            self.transport.write(framing[1].close(reject.code, reject.reason))
            self._terms.accounts.turnedAway(decision.served.app.name, decision.request, reject.code)
            self._sayNoMore()
            return
        self._noDeadline()
        siblings = self._terms.siblings
        if decision.resumes and siblings is not None:
            phase = Leading(self, self._terms, siblings, decision)
            self._enter(phase)
            phase.begin(rest)
        else:
            self.carry(decision, rest)

    def carry(self, decision: Decision, rest: bytes) -> WebSocket:
        """Go on as a client of an application.

        :param rest: What came behind the handshake.
        """
        opening, served, subprotocol = decision.opening, decision.served, decision.subprotocol
        request = decision.request
        framing = opening.framing(decision.accepted, served.limits)
        self._noDeadline()
        phase: WebSocket
        if decision.resumes:
            end = ServerEnd(self._terms, served, request, subprotocol)
            phase = Carrier(end, self.transport, self._terms, served.limits, opening.version, framing, self)
        else:
            phase = WebSocket(self.transport, self._terms, served, opening.version, framing, self)
        self._enter(phase)
        receiveBy(self.transport, phase.receive)  # the last of the phases
        phase.begin(request, subprotocol, rest)
        request.headers.fold()
        if self._stopping:
            phase.stop()
        return phase

    # How

    def _enter(self, phase: Phase) -> None:
        self._phase = phase

    def _endAfter(self, seconds: float) -> None:
        """Abort the connection unless something else is decided until then."""
        self._noDeadline()
        self._deadline = self._terms.wheel.after(seconds, self.abort)

    def _noDeadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
