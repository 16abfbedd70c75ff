"""Where the workers of one machine find each other: a UNIX socket each, in a folder of the master's."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure

from wsapp.relay.channel import Channel

__all__ = ["SocketSiblings"]

#: Seconds for connecting to a sibling, which takes none but where that has far too much to do.
PATIENCE = 5.0


class SocketSiblings:
    """See :class:`wsapp.relay.channel.Siblings`.

    :param folder: Where their sockets are: a folder that nobody else may enter.
    """

    def __init__(self, reactor: Any, folder: str, node: str, name: str) -> None:
        self._reactor = reactor
        self._folder = folder
        self.node = node
        self.name = name

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def dial(self, name: str, channel: Channel) -> None:
        """Connect a channel to the sibling of that name."""
        self._reactor.connectUNIX(self._path(name), _Dialing(channel), timeout=PATIENCE)

    def listen(self, factory: Any) -> Any:
        """Take the channels of siblings."""
        return self._reactor.listenUNIX(self._path(self.name), factory, backlog=socket.SOMAXCONN, mode=0o600)


class _Dialing(ClientFactory):
    """Gives a channel its connection."""

    noisy = False

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """There is somebody."""
        return self._channel

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """There is nobody."""
        self._channel.notConnected()
