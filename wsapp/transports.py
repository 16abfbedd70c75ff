"""What the connection needs of a transport, and what transports do differently."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITCPTransport
from twisted.protocols.policies import ProtocolWrapper

from wsapp.origins import TrustedProxies

__all__ = [
    "StreamTransport",
    "certificateOf",
    "halfClose",
    "isSecure",
    "kindOf",
    "peerOf",
    "receiveBy",
    "tune",
    "tuneAll",
]


class StreamTransport(Protocol):
    """The transport of a stream: TCP, UNIX or TLS."""

    def write(self, data: bytes, /) -> None: ...

    def loseConnection(self) -> None: ...

    def abortConnection(self) -> None: ...

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def registerProducer(self, producer: IPushProducer, streaming: bool, /) -> None: ...

    def unregisterProducer(self) -> None: ...

    def getPeer(self) -> Any: ...

    def getHost(self) -> Any: ...


def receiveBy(transport: object, receive: Callable[[bytes], object]) -> None:
    """Have what arrives handed straight to *receive*, where the transport knows how to.

    Elsewhere it still comes by the protocol's ``dataReceived``.
    """
    # Of the class: a wrapper, TLS above all, passes on what it does not know to what is below it.
    method = getattr(type(transport), "receiveBy", None)
    if method is not None:
        method(transport, receive)


def isSecure(transport: object) -> bool:
    """Whether the peer speaks TLS with us."""
    return bool(ISSLTransport.providedBy(transport))


def certificateOf(transport: Any) -> Any:
    """The certificate (pyOpenSSL's ``X509``) that the peer has proved to hold, or None."""
    return transport.getPeerCertificate() if isSecure(transport) else None


def kindOf(transport: Any) -> str:
    """What the peer comes by: ``tls``, ``unix`` or ``tcp``."""
    if isSecure(transport):
        return "tls"
    return "unix" if isinstance(transport.getPeer(), UNIXAddress) else "tcp"


def tune(transport: Any) -> None:
    """Have small frames leave at once, and the system find peers that are gone (hixie knows no ping)."""
    # Some releases of Twisted call their UNIX transports TCP transports too.
    if ITCPTransport.providedBy(transport) and not isinstance(transport.getHost(), UNIXAddress):
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)


def tuneAll(port: Any) -> bool:
    """The same for all that a listening TCP port accepts: they inherit it where that can be relied on.

    :return: Whether they do.
    """
    listener: Any = getattr(port, "socket", None)
    if sys.platform != "linux" or getattr(listener, "family", None) not in (socket.AF_INET, socket.AF_INET6):
        return False
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return True


def halfClose(transport: Any) -> None:
    """End our direction once all is sent, and let the peer end its own.

    Closing a socket that holds unread input resets the connection, and a reset may overtake what
    was just sent.  TLS has a farewell of its own, which does the same.
    """
    if isSecure(transport) or not hasattr(transport, "loseWriteConnection"):
        transport.loseConnection()
    else:
        transport.loseWriteConnection()


def peerOf(transport: Any, proxies: TrustedProxies) -> str:
    """The peer's address; empty for a UNIX socket.

    Behind a ``haproxy:`` endpoint it is what the PROXY header says, where it came from a proxy
    that is trusted.
    """
    claimed = transport.getPeer()
    wire = transport
    while isinstance(wire, ProtocolWrapper):
        wire = wire.transport
    real = claimed if wire is transport else wire.getPeer()
    if claimed is not real and claimed != real and not proxies.trusts(getattr(real, "host", "")):
        claimed = real
    return str(getattr(claimed, "host", ""))
