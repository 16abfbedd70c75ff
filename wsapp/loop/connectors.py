"""Outgoing connections: resolved, bound and connected by Twisted's own classes, then handed to uvloop.

So every error, time-out and way of giving up is Twisted's; only a connection that has come about changes
hands. May import ``addresses``, ``flavours`` and ``adopting``.
"""

from __future__ import annotations

__all__ = ["Connector", "TCPConnector", "UNIXConnector"]

from typing import Any

from twisted.internet import tcp, unix
from twisted.python.failure import Failure

from wsapp.loop.adopting import adopt
from wsapp.loop.flavours import TCPClient, UNIXClient

Connector = Any
"""A :class:`twisted.internet.base.BaseConnector`; its ``transport`` is the attempt, then the connection."""


class _HandsOver(tcp.BaseClient):
    """An attempt to connect whose socket, once connected, becomes uvloop's."""

    connector: Any
    reactor: Any
    addr: Any
    made: Any
    _made: Any = None

    def getPeer(self) -> Any:
        raise NotImplementedError

    def _connectDone(self) -> None:
        made = self._made = self.made(self.connector, self.getPeer(), self.addr)
        adopt(self.reactor.loop, made, self.socket)

    def failIfNotConnected(self, err: BaseException) -> None:
        """Give up, if there is still anything to give up."""
        made = self._made
        if made is None:
            super().failIfNotConnected(err)  # type: ignore[no-untyped-call]
        elif not made.connected and not made.abandoned:
            made.abandon()
            self.connector.connectionFailed(Failure(err))


class _TCPAttempt(_HandsOver, tcp.Client):
    made = TCPClient

    def getPeer(self) -> Any:
        return tcp.Client.getPeer(self)


class _UNIXAttempt(_HandsOver, unix.Client):
    made = UNIXClient

    def getPeer(self) -> Any:
        return unix.Client.getPeer(self)


class TCPConnector(tcp.Connector):
    """Makes a TCP connection."""

    def _makeTransport(self) -> Any:
        attempt: Any = _TCPAttempt
        return attempt(self.host, self.port, self.bindAddress, self, self.reactor)


class UNIXConnector(unix.Connector):
    """Makes a UNIX connection."""

    def _makeTransport(self) -> Any:
        attempt: Any = _UNIXAttempt
        return attempt(self.address, self, self.reactor, self.checkPID)
