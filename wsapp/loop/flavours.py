"""The kinds of stream transport: TCP and UNIX, accepted and connected.

Each says where its protocol comes from, who is at either end, and what is particular to its sort of socket.
May import ``addresses``, ``descriptors``, ``naming`` and ``transports``.
"""

from __future__ import annotations

__all__ = ["Accepted", "TCPClient", "TCPServer", "UNIXClient", "UNIXServer"]

import socket
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet import interfaces
from twisted.internet.address import UNIXAddress
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.loop.addresses import Address, inet, unix
from wsapp.loop.descriptors import DescriptorPassing, handOver
from wsapp.loop.naming import prefixOf
from wsapp.loop.transports import Origin, StreamTransport

if TYPE_CHECKING:
    from wsapp.loop.connectors import Connector


class Accepted(Origin, Protocol):
    """What accepted connections need of a port."""

    @property
    def factory(self) -> Any:
        """Makes the protocol: ``buildProtocol(address)``."""

    @property
    def connected(self) -> Any:
        """Whether the port is open."""

    def where(self) -> object:
        """The port's number or path, for people."""


@implementer(interfaces.ITLSTransport)
class _TCP(StreamTransport):
    """What is particular to TCP. uvloop switches no-delay on, for it gathers what it writes itself."""

    __slots__ = ()

    def getHost(self) -> Any:
        return inet(self._stream.get_extra_info("sockname"))

    def getTcpNoDelay(self) -> bool:
        """Whether small writes leave at once (TCP_NODELAY)."""
        return bool(self._option().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Say whether small writes leave at once (TCP_NODELAY)."""
        self._option().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enabled))

    def getTcpKeepAlive(self) -> bool:
        """Whether the kernel probes an idle connection (SO_KEEPALIVE)."""
        return bool(self._option().getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Say whether the kernel probes an idle connection (SO_KEEPALIVE)."""
        self._option().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enabled))


class _Server(StreamTransport):
    """A connection that a port accepted, or that was adopted."""

    __slots__ = ("sessionno",)

    _origin: Accepted

    def __init__(self, port: Accepted, sessionno: int) -> None:
        super().__init__(port)
        self.sessionno = sessionno

    def _identify(self) -> Address:
        raise NotImplementedError

    def _buildProtocol(self) -> Any:
        port = self._origin
        if not port.connected:
            # The port was closed after the kernel had accepted: nobody serves this connection any more.
            return None
        self._peer = self._identify()
        return port.factory.buildProtocol(self._peer)

    def logPrefix(self) -> str:
        whom = getattr(self._peer, "host", None) or self._origin.where()
        return f"{prefixOf(self._protocol)},{self.sessionno},{whom}"

    def __repr__(self) -> str:
        return f"<{type(self._protocol).__name__} #{self.sessionno} on {self._origin.where()}>"


class TCPServer(_TCP, _Server):
    """The accepting end of a TCP connection."""

    __slots__ = ()

    def _identify(self) -> Address:
        return inet(self._stream.get_extra_info("peername") or ("0.0.0.0", 0))


class UNIXServer(DescriptorPassing, _Server):
    """The accepting end of a UNIX connection."""

    __slots__ = ()

    def _identify(self) -> Address:
        return unix(self._stream.get_extra_info("peername"))

    def _buildProtocol(self) -> Any:
        protocol = super()._buildProtocol()
        if interfaces.IFileDescriptorReceiver.providedBy(protocol):
            handOver(self, protocol, self.sessionno)
            return None
        return protocol

    def getHost(self) -> Address:
        return UNIXAddress(self._option().getsockname())


class _Client(StreamTransport):
    """A connection that a connector made."""

    __slots__ = ()

    _tlsClientDefault = True
    _origin: Connector
    abandoned = False

    def __init__(self, connector: Connector, peer: Address, addr: object) -> None:
        """
        :param addr: what was to be connected to, before names were resolved
        """
        super().__init__(connector)
        self._peer = peer
        self.addr = addr

    def abandon(self) -> None:
        """The connector gave up between the kernel's connecting and the protocol's hearing of it."""
        self.abandoned = True

    def _buildProtocol(self) -> Any:
        connector = self._origin
        if self.abandoned:
            return None
        connector.transport = self
        return connector.buildProtocol(self._peer)

    def _refused(self) -> None:
        if self.abandoned:
            super()._refused()
        else:
            # The connector hears of the loss as if there had been a protocol.
            self._open(self._stream, TwistedProtocol())
            self.loseConnection()

    def _unbuilt(self, failure: Failure) -> None:
        self.abandoned = True
        self._origin.connectionFailed(failure)

    def _ended(self, reason: Failure) -> None:
        self._origin.connectionLost(reason)

    def logPrefix(self) -> str:
        return f"{prefixOf(self._protocol)},client"

    def __repr__(self) -> str:
        return f"<{type(self)} to {self.addr} at {id(self):x}>"


class TCPClient(_TCP, _Client):
    """The connecting end of a TCP connection."""

    __slots__ = ()


class UNIXClient(DescriptorPassing, _Client):
    """The connecting end of a UNIX connection."""

    __slots__ = ()

    def _buildProtocol(self) -> Any:
        protocol = super()._buildProtocol()
        if interfaces.IFileDescriptorReceiver.providedBy(protocol):
            handOver(self, protocol, None)
            self.abandon()
            return None
        return protocol

    def getHost(self) -> Address:
        return unix(None)
