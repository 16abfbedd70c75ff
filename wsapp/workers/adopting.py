"""Listening on sockets that were inherited, with any endpoint: plain, TLS, behind a PROXY header.

Imports nothing of wsapp.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet import tcp, unix
from twisted.protocols.tls import TLSMemoryBIOFactory

__all__ = ["Inheriting"]


class Inheriting:
    """The reactor, as one ``--port``'s endpoint sees it: listening is adopting what the master has bound.

    :param reactor: The real one.
    :param sockets: Descriptors by place and by the times that the endpoint listens.
    :param own: The place whose sockets are listened on.
    """

    #: Of UNIX sockets, on any reactor.
    keepsPaths = True

    def __init__(self, reactor: Any, sockets: Sequence[Sequence[int]], own: int) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._own = own
        self._factories: list[Any] = []  # what it has listened with, wrapped for TLS and all
        self._others: dict[int, list[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    # As endpoints call it

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Listen on what was bound."""
        self._factories.append(factory)
        return self._adopt(self._sockets[self._own][len(self._factories) - 1], factory)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        """The same, with TLS."""
        wrap = getattr(self._reactor, "secured", None)  # the uvloop reactor's own
        secured = (
            TLSMemoryBIOFactory(contextFactory, False, factory)
            if wrap is None
            else wrap(contextFactory, factory)
        )
        return self.listenTCP(port, secured, backlog, interface)

    def listenUNIX(self, address: object, factory: Any, *more: object, **named: object) -> Any:
        """The same."""
        return self.listenTCP(0, factory)

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> Any:
        """The same: the descriptor itself is there for the endpoint to close."""
        return self.listenTCP(0, factory)

    # As the worker does

    def also(self, place: int) -> None:
        """Serve another worker's sockets too, those that are not shared."""
        if place == self._own or place in self._others:
            return
        own, other = self._sockets[self._own], self._sockets[place]
        self._others[place] = [
            self._adopt(there, factory)
            for here, there, factory in zip(own, other, self._factories, strict=False)
            if there != here
        ]

    def without(self, place: int) -> None:
        """Leave them to their own worker again."""
        for port in self._others.pop(place, ()):
            port.stopListening()

    def close(self) -> None:
        """Let go of all that was inherited, but for the ports that endpoints have: they close those."""
        for place in list(self._others):
            self.without(place)
        for descriptor in {one for place in self._sockets for one in place}:
            os.close(descriptor)
        self._sockets = ()

    def _adopt(self, descriptor: int, factory: Any) -> Any:
        # Both copy the descriptor.
        with socket.socket(fileno=os.dup(descriptor)) as found:
            if found.family == socket.AF_UNIX and not getattr(self._reactor, "keepsPaths", False):
                port = _inheritedPort(self._reactor, descriptor, factory)
            else:
                port = self._reactor.adoptStreamPort(descriptor, found.family, factory)
        return port


class _SharedPort(unix.Port):
    """A UNIX port that belongs to others too; the uvloop reactor has its own.

    Twisted's own sets the path's mode when it adopts one, and when it closes it removes the path and shuts
    the socket down for everybody.
    """

    def startListening(self: Any) -> None:
        """Accept; the rest is done."""
        self.socket, self._preexistingSocket = self._preexistingSocket, None
        self._shouldShutdown = False
        self.factory.doStart()
        self.connected = True
        self.fileno = self.socket.fileno
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self: Any, reason: Any) -> None:
        """It is closed, and stays where it is."""
        tcp.Port.connectionLost(self, reason)


def _inheritedPort(reactor: Any, descriptor: int, factory: Any) -> Any:
    make: Any = _SharedPort
    port = make._fromListeningDescriptor(reactor, descriptor, factory)
    port.startListening()
    return port
