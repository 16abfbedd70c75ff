"""The deciding phase: from a whole opening handshake to its answer.

How fast its address asks, version, Host, Origin, how many connections its address has, and application are
looked at in this order; then the application is asked, which may take its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp import hooks
from wsapp.admission import Ticket
from wsapp.errors import HandshakeError, HandshakeFailed, ServerFull
from wsapp.request import Reject, Request
from wsapp.terms import Served, Terms
from wsapp.transports import StreamTransport, certificateOf, isSecure, peerOf
from wsapp.wire.handshake import Accepted
from wsapp.wire.resumption import SUBPROTOCOL
from wsapp.wire.selection import RequestHead
from wsapp.wire.versions import RFC_6455, Opening, negotiate

__all__ = ["Asker", "Deciding", "Decision"]

_log = Logger()


class Decision:
    """A handshake that was accepted.

    :ivar subprotocol: What was agreed to of the application.
    :ivar reject: Where the application wants the client told a close code and nothing more.
    :ivar resumes: Whether the client's session is to outlive the connection.
    """

    __slots__ = ("accepted", "opening", "reject", "request", "resumes", "served", "subprotocol")

    def __init__(
        self,
        served: Served,
        request: Request,
        subprotocol: str | None,
        opening: Opening,
        accepted: Accepted,
        reject: Reject | None,
        resumes: bool,
    ) -> None:
        self.served = served
        self.request = request
        self.subprotocol = subprotocol
        self.opening = opening
        self.accepted = accepted
        self.reject = reject
        self.resumes = resumes


class Asker(Protocol):
    """Who is told the outcome."""

    def accepted(self, decision: Decision, rest: bytes) -> None:
        """The 101 is written; *rest* came behind the request."""

    def refused(self, error: HandshakeError) -> None:
        """It is not to be."""

    def hangUp(self) -> None:
        """It is too late to say anything."""


class Deciding:
    """One opening handshake.

    :param loopback: Whether the listener is on the loopback interface.
    """

    __slots__ = (
        "_asked",
        "_asker",
        "_decision",
        "_loopback",
        "_opening",
        "_request",
        "_rest",
        "_served",
        "_subprotocol",
        "_terms",
        "_ticket",
        "_transport",
    )

    _opening: Opening
    _request: Request
    _served: Served
    _subprotocol: str | None

    def __init__(
        self, transport: StreamTransport, terms: Terms, ticket: Ticket, loopback: bool, asker: Asker
    ) -> None:
        self._transport = transport
        self._terms = terms
        self._ticket = ticket
        self._loopback = loopback
        self._asker = asker
        self._rest = b""
        self._asked: Deferred[Any] | None = None
        self._decision: Decision | None = None  # the 101 is out, what belongs to it is not all in

    def begin(self, head: RequestHead, rest: bytes) -> None:
        """Look at the request; the answer comes by the :class:`Asker`, at once or later.

        :param rest: What came behind the head.
        """
        self._rest = rest
        terms = self._terms
        try:
            peer = peerOf(self._transport, terms.proxies)
            view = terms.proxies.view(head.headers, peer, isSecure(self._transport))
            self._ticket.knock(view.peer)
            opening = self._opening = negotiate(head, terms.versions)
            terms.origins.checkHost(view, self._loopback)
            terms.origins.checkOrigin(opening.origin, view)
            self._ticket.address(view.peer)
            request = self._request = Request(
                opening, view, certificateOf(self._transport), terms.wallClock()
            )
            self._served, self._subprotocol = terms.choose(request.path, request.subprotocols)
        except HandshakeError as error:
            self._asker.refused(error)
            return
        answer = hooks.call(self._served.app.onHandshake, request)
        if answer is None:
            self._accept()
        elif isinstance(answer, Failure):
            self._failed(answer)
        else:
            self._asked = answer
            self._transport.pauseProducing()
            answer.addBoth(self._answered)

    def _answered(self, result: object) -> None:
        """The application, which took its time, has decided."""
        if self._asked is None:  # nobody waits any more
            return
        self._asked = None
        self._transport.resumeProducing()
        if isinstance(result, Failure):
            self._failed(result)
        else:
            self._accept()

    def _failed(self, failure: Failure) -> None:
        reject = failure.check(Reject) and failure.value
        if not isinstance(reject, Reject):
            self._terms.incidents.failed(
                f"failures of onHandshake of {self._served.app.name}",
                failure,
                _log,
                "onHandshake of {app} failed for {peer} ({version})",
                app=self._served.app.name,
                peer=self._request.peer or "a UNIX socket",
                version=self._request.version,
            )
            self._asker.refused(HandshakeFailed("the application could not answer"))
        elif reject.code is not None:
            self._accept(reject)
        else:
            self._asker.refused(Rejected(reject, self._request.responseHeaders))

    def _accept(self, reject: Reject | None = None) -> None:
        opening, request = self._opening, self._request
        resumes = (
            self._terms.resume > 0
            and opening.version is RFC_6455
            and reject is None
            and SUBPROTOCOL in request.subprotocols
        )
        accepted = opening.accept(
            SUBPROTOCOL if resumes else self._subprotocol,
            request.responseHeaders,
            request.location,
            self._terms.compression,
        )
        self._transport.write(accepted.head)
        self._decision = Decision(
            self._served, request, self._subprotocol, opening, accepted, reject, resumes
        )
        self._complete(self._decision)

    def _complete(self, decision: Decision) -> None:
        """hixie-76: once its key3 is there, the digest (draft 76, 5.2); others are done already."""
        trailing = decision.opening.version.trailing
        if len(self._rest) < trailing:
            return
        self._decision = None
        if decision.accepted.challenge is not None:
            self._transport.write(decision.accepted.challenge(self._rest[:trailing]))
        self._asker.accepted(decision, self._rest[trailing:])

    def receive(self, data: bytes) -> None:
        """Bytes have come before the answer is out: frames, or hixie-76's key3."""
        self._rest += data
        if self._decision is not None:
            self._complete(self._decision)

    def lost(self, reason: Failure) -> None:
        """The connection has ended; nothing is kept of it for a hook that does not heed that."""
        self._rest = b""
        self._forget()

    def stop(self) -> None:
        """The server stops."""
        if self._asked is not None:
            self._transport.resumeProducing()  # or the peer's end would not be seen
        self._forget()
        if self._decision is not None:  # hixie-76: the 101 is out, key3 is not in
            self._asker.hangUp()
        else:
            self._asker.refused(ServerFull("the server is stopping", [("Retry-After", "5")]))

    def _forget(self) -> None:
        if self._asked is not None:
            asked, self._asked = self._asked, None
            asked.cancel()


class Rejected(HandshakeError):
    """What the application refused, with its own status."""

    def __init__(self, reject: Reject, headers: Sequence[tuple[str, str]]) -> None:
        super().__init__(reject.reason or "the application does not accept this", headers)
        self.status = reject.status
        self.phrase = "Rejected"
