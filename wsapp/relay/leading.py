"""The phase between an opening handshake and its session, where that may be at a sibling.

It reads the client's first message, without taking it from whoever is to read it: all bytes from the
handshake on are kept until it is known whose they are.  Where the session is this worker's, or is to begin,
the connection goes on here.  Else the sibling is asked; it is given the request and those bytes, decides
about them as if the client had come to it, and from then on bytes are carried both ways, as they are.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.deciding import Decision
from wsapp.relay.channel import DATA, END, HALF, NO, OPEN, YES, Channel, Siblings
from wsapp.terms import Terms
from wsapp.transports import StreamTransport, certificateOf, halfClose, isSecure, peerOf, receiveBy
from wsapp.websocket import WebSocket
from wsapp.wheel import Timer
from wsapp.wire.codes import PROTOCOL_ERROR
from wsapp.wire.events import Event, Ping, Pong
from wsapp.wire.resumption import Broken, Resume, parseHello

__all__ = ["FORM", "Bearer", "Leading"]

#: The form of what a sibling is told: one that knows another form (a newer wsapp's, say) declines.
FORM = 1

#: Bytes from the handshake to the end of the first message: past it the connection goes on here.
MOST = 4096

#: How many siblings may be asked at once; for others' clients the session begins here.
MOST_ASKED = 100


class Bearer(Protocol):
    """Whose phase it is: the connection."""

    transport: StreamTransport

    def carry(self, decision: Decision, rest: bytes) -> WebSocket:
        """Go on here."""

    def abort(self) -> None:
        """End now."""


@implementer(IPushProducer)
class Leading:
    """One connection, from its handshake to its session; to its end, where that is a sibling's.

    :ivar relays: Whether a sibling serves it.
    """

    __slots__ = (
        "_asking",
        "_bearer",
        "_channel",
        "_decision",
        "_ended",
        "_full",
        "_hello",
        "_owed",
        "_raw",
        "_receiver",
        "_siblings",
        "_terms",
        "_timer",
        "_told",
        "relays",
    )

    def __init__(self, bearer: Bearer, terms: Terms, siblings: Siblings, decision: Decision) -> None:
        self._bearer = bearer
        self._terms = terms
        self._siblings = siblings
        self._decision = decision
        self._receiver = decision.opening.framing(decision.accepted, decision.served.limits)[0]
        self._raw = b""  # all since the handshake, until it is known whose it is
        self._timer: Timer | None = None
        self._channel: Channel | None = None
        self._hello: Resume | None = None
        self._told = 0  # of those bytes the sibling has so many
        self._asking = False
        self._ended = False  # the sibling has taken its leave, or the connection has
        self._full = False  # the client does not take what is there
        self._owed = 0  # bytes that it has not taken
        self.relays = False

    def begin(self, rest: bytes) -> None:
        """The handshake is done.

        :param rest: What came behind it.
        """
        seconds = self._terms.limits.handshakeTimeout
        self._timer = self._terms.wheel.after(seconds, lambda: self._tooLate(seconds))
        self.receive(rest)

    def _tooLate(self, seconds: float) -> None:
        carrier: Any = self._here()
        if carrier is not None:
            carrier.fail(PROTOCOL_ERROR, f"no first message within {seconds:g} s")

    # The first message

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        if self.relays:
            self._pass(data)
            return
        self._raw += data
        if self._asking or self._ended:
            return
        self._receiver.receive(data)
        while not self._receiver.hungry:
            for event in self._receiver.next(1, MOST):
                if not isinstance(event, (Ping, Pong)):
                    self._know(event)
                    return
        if len(self._raw) > MOST:
            self._here()

    def _know(self, event: Event) -> None:
        try:
            hello = parseHello(event) if isinstance(event, str) else None
        except Broken:
            hello = None
        name = None if hello is None else self._terms.sessions.sibling(hello.token)
        if hello is None or name is None or self._terms.sessions.asking >= MOST_ASKED:
            self._here()
        else:
            self._ask(name, hello)

    def _here(self) -> WebSocket | None:
        """The session is this worker's, or a new one."""
        if self._ended or self.relays:
            return None
        asked = self._asking
        self._done()
        self._ended = True
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.abort()
        if asked:
            self._bearer.transport.resumeProducing()
        return self._bearer.carry(self._decision, self._raw)

    def _done(self) -> None:
        """It is known whose it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asking:
            self._asking = False
            self._terms.sessions.asking -= 1

    # The sibling

    def _ask(self, name: str, hello: Resume) -> None:
        terms = self._terms
        self._asking = True
        terms.sessions.asking += 1
        if self._timer is not None:
            self._timer.cancel()
        # Soon enough for the client, which waits for an answer as long as this server would for its message.
        self._timer = terms.wheel.after(terms.limits.handshakeTimeout / 2, self._here)
        self._bearer.transport.pauseProducing()
        self._hello = hello
        channel = self._channel = Channel(self)
        self._siblings.dial(name, channel)

    def connected(self) -> None:
        """There is a sibling: tell it who is here."""
        channel, hello = self._channel, self._hello
        assert channel is not None and hello is not None, "nobody was asked"
        transport, decision = self._bearer.transport, self._decision
        certificate = certificateOf(transport)
        deflation = decision.accepted.deflation
        told = {
            "form": FORM,
            "peer": peerOf(transport, self._terms.proxies),
            "secure": isSecure(transport),
            "certificate": None if certificate is None else _encoded(certificate),
            "deflation": None if deflation is None else list(deflation),
            "token": hello.token,
            "arrived": hello.arrived,
        }
        channel.say(OPEN, json.dumps(told).encode("ascii"))
        self._told = len(self._raw)
        channel.send(decision.opening.head.raw + self._raw)

    def heard(self, kind: bytes, payload: bytes) -> None:
        """The sibling says something."""
        transport = self._bearer.transport
        if kind == DATA and self.relays and not self._ended:
            self._owed += len(payload)
            transport.write(payload)
            if not self._full:
                self._settle()
        elif kind == YES and self._asking:
            self._done()
            self.relays = True
            raw, self._raw = self._raw[self._told :], b""
            del self._receiver, self._decision  # of no use any more, for as long as it lasts
            transport.registerProducer(self, True)
            receiveBy(transport, self.receive)  # the last of the phases
            transport.resumeProducing()
            self._pass(raw)
        elif kind == NO and self._asking:
            self._here()
        elif kind in (HALF, END) and self.relays and not self._ended:
            transport.unregisterProducer()  # TLS says no farewell while there is one
            self._full = False
            self._settle()
            if kind == HALF:
                halfClose(transport)
            else:
                self._ended = True
                transport.loseConnection()

    def gone(self) -> None:
        """The sibling's end of the channel is gone."""
        self._channel = None
        if self.relays:
            # Where it has not taken its leave, or could not wait for the client's end, that was abrupt.
            self._bearer.abort()
        elif self._asking:
            self._here()

    # Bytes

    def _pass(self, data: bytes) -> None:
        channel = self._channel
        if channel is not None:
            channel.send(data)
            if channel.full:
                self._bearer.transport.pauseProducing()

    def moved(self) -> None:
        """The sibling has taken what the client has sent."""
        if self.relays and not self._ended:
            self._bearer.transport.resumeProducing()

    def _settle(self) -> None:
        owed, self._owed = self._owed, 0
        if self._channel is not None:
            self._channel.took(owed)

    def pauseProducing(self) -> None:
        """The client takes no more for now."""
        self._full = True

    def resumeProducing(self) -> None:
        """The client has taken all."""
        self._full = False
        self._settle()

    def stopProducing(self) -> None:
        """The client takes nothing ever again; its end comes soon."""

    # What the connection tells

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""
        self._done()
        self._ended = True
        channel, self._channel = self._channel, None
        if channel is None:
            return
        if self.relays and reason.check(ConnectionDone):
            channel.finish(END, close=True)
        else:
            channel.abort()

    def stop(self) -> None:
        """This worker stops.

        Where the sibling does too, it says so to the client, in a moment; else the client loses its
        connection, and comes back to the session by another worker.
        """
        if self.relays:
            if self._timer is None:
                self._timer = self._terms.wheel.after(self._terms.limits.closeTimeout / 2, self._bearer.abort)
        else:
            self._here()


def _encoded(certificate: Any) -> str:
    from OpenSSL import crypto

    return base64.b64encode(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)).decode("ascii")
