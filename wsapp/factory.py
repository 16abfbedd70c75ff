"""``WsappFactory``: builds the connections of one listening port."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from wsapp.connection import Connection, Listener
from wsapp.terms import Terms

__all__ = ["WsappFactory"]


class WsappFactory(Factory):
    """Give it to an endpoint's ``listen``.

    Once the server stops it may still be listened with, where the port is somebody else's: who comes then is
    answered 503.

    :ivar listener: What its connections share; tell it the port once that is known.
    """

    noisy = False

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.listener = Listener()
        self._late = Listener()  # of those who come too late: nobody waits for them
        self._late.ready = True

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        """A connection has been accepted."""
        admission = self.terms.admission
        admission.expect()
        connection = Connection(self.terms, self._late if admission.stopping else self.listener)
        connection.factory = self
        return connection

    def dismiss(self) -> None:
        """Drop those who have come too late, and have not gone yet."""
        for connection in list(self._late.connections):
            connection.abort()
