"""``WsappFactory``: builds the connections of one listening port."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from wsapp.connection import Connection, Listener
from wsapp.terms import Terms

__all__ = ["WsappFactory"]


class WsappFactory(Factory):
    """Give it to an endpoint's ``listen``.

    :ivar listener: What its connections share; tell it the port once that is known.
    """

    noisy = False

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.listener = Listener()

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        """A connection has been accepted."""
        self.terms.admission.expect()
        connection = Connection(self.terms, self.listener)
        connection.factory = self
        return connection
