"""Clients that a sibling leads here: their connections, which are here in all but their bytes' last step.

The sibling has answered the opening handshake already.  Here it is looked at, and the application asked, as
if it had come here; then it goes on here with its session, or this worker declines and nothing has happened.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from wsapp.connection import Connection, Listener
from wsapp.deciding import Decision
from wsapp.errors import HandshakeError
from wsapp.relay.channel import NO, OPEN, Channel
from wsapp.relay.leading import FORM
from wsapp.relay.transport import Relayed, SecureRelayed
from wsapp.resuming import sought
from wsapp.terms import Terms
from wsapp.wire.resumption import Resume
from wsapp.wire.selection import RequestHead

__all__ = ["ArrivingFactory"]


class ArrivingFactory(Factory):
    """Takes the channels of siblings.

    :ivar listener: What the connections that they bring share.
    """

    noisy = False

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.listener = Listener()
        self.listener.tuned = True  # by who has accepted them

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A sibling has connected."""
        return _Arriving(self.terms, self.listener).channel


class _Arriving:
    """One channel, until it is known who comes by it."""

    __slots__ = ("_listener", "_terms", "_timer", "channel")

    def __init__(self, terms: Terms, listener: Listener) -> None:
        self._terms = terms
        self._listener = listener
        self.channel = Channel(self)
        self._timer = terms.wheel.after(terms.limits.handshakeTimeout, self.channel.abort)

    def connected(self) -> None:
        """Somebody is there."""

    def heard(self, kind: bytes, payload: bytes) -> None:
        """The sibling says who comes."""
        self._timer.cancel()
        try:
            if kind != OPEN:
                raise ValueError("that is not how it begins")
            said = json.loads(payload)
            if said["form"] != FORM:
                raise ValueError("another form")
            hello = Resume(said["token"], said["arrived"])
            proof = said["certificate"]
            transport = (SecureRelayed if said["secure"] else Relayed)(
                self.channel, self._terms.clock, said["peer"], None if proof is None else _decoded(proof)
            )
            connection = _ArrivingConnection(self._terms, self._listener, hello, said["deflation"])
        except (ValueError, KeyError, TypeError):
            # What another release of wsapp says, whose files have been put in place of ours.
            self.channel.finish(NO, close=True)
            return
        self.channel.user = transport
        transport.begin(connection)

    def moved(self) -> None:
        """Nothing has waited."""

    def gone(self) -> None:
        """It was not to be."""
        self._timer.cancel()


class _ArrivingConnection(Connection):
    """One of them: it goes on with its session, or was never here.

    :param hello: What the client asks for.
    :param deflation: What was agreed to with it of permessage-deflate.
    """

    __slots__ = ("_deflation", "_hello")

    transport: Relayed

    def __init__(self, terms: Terms, listener: Listener, hello: Resume, deflation: Any) -> None:
        super().__init__(terms, listener)
        self._hello = hello
        self._deflation = deflation

    def connectionMade(self) -> None:
        """Somebody is here; the sibling has counted that connection."""
        super().connectionMade()
        self._terms.metrics.connections -= 1

    def refused(self, error: HandshakeError) -> None:
        """It is not to be: the sibling begins anew with the client, whom nothing is refused."""
        self.hangUp()

    def plain(self, head: RequestHead, data: bytes, start: int) -> None:
        """No sibling sends that."""
        self.hangUp()

    def accepted(self, decision: Decision, rest: bytes) -> None:
        """It may be here: see whether its session is, and what has been agreed to is what is here."""
        agreed = decision.accepted.deflation
        same = self._deflation == (None if agreed is None else list(agreed)) and decision.resumes
        if same and sought(self._terms, decision.served, decision.request, self._hello) is not None:
            self.transport.accept()
            self.carry(decision, rest)
        else:
            self.hangUp()


def _decoded(text: str) -> Any:
    from OpenSSL import crypto

    return crypto.load_certificate(crypto.FILETYPE_ASN1, base64.b64decode(text))
