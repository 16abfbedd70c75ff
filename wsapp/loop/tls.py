"""TLS on this reactor: factories for ``listenSSL`` and ``connectSSL``, and TLS on a connection that exists.

May import ``securing``, and does so only where TLS is asked for: pyOpenSSL may not be there.
"""

from __future__ import annotations

__all__ = ["startTLS", "stopTLS", "wrapped"]

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import ISSLTransport
from zope.interface import directlyProvides

if TYPE_CHECKING:
    from wsapp.loop.transports import StreamTransport

_LAYERED = "write", "writeSequence", "loseConnection", "registerProducer", "unregisterProducer"


def wrapped(contextFactory: Any, client: bool, factory: Any, twisted: bool = False) -> Any:
    """A factory whose protocols speak TLS, for another factory's protocols.

    :param contextFactory: as for :meth:`twisted.internet.interfaces.IReactorSSL.listenSSL`
    :param client: whether it is TLS's client
    :param twisted: whether Twisted's own TLS is wanted
    :raises ImportError: pyOpenSSL is not installed
    """
    if twisted:
        from twisted.protocols.tls import TLSMemoryBIOFactory

        return TLSMemoryBIOFactory(contextFactory, client, factory)
    from wsapp.loop.securing import TLSFactory

    return TLSFactory(contextFactory, client, factory)


class _Plain:
    """A transport as its TLS layer sees it: what it writes goes to the peer, not round to itself again."""

    def __init__(self, transport: StreamTransport) -> None:
        self._transport = transport
        self._class = type(transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._class.write(self._transport, data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        self._class.writeSequence(self._transport, iovec)

    def loseConnection(self) -> None:
        self._class.loseConnection(self._transport)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._class.registerProducer(self._transport, producer, streaming)

    def unregisterProducer(self) -> None:
        self._class.unregisterProducer(self._transport)


def startTLS(transport: StreamTransport, contextFactory: Any, normal: bool) -> None:
    """Put TLS between a transport and its protocol.

    From here on the transport's writing and closing methods are the TLS layer's, and it provides
    :class:`~twisted.internet.interfaces.ISSLTransport`. A registered producer stays registered.

    :param contextFactory: as for :meth:`twisted.internet.interfaces.ITLSTransport.startTLS`
    :param normal: whether the end that connected is TLS's client, too
    :raises ImportError: pyOpenSSL is not installed
    """
    client = transport._tlsClientDefault if normal else not transport._tlsClientDefault
    producer, streaming = transport.producer, transport.streamingProducer
    if producer is not None:
        transport.unregisterProducer()
    factory = wrapped(contextFactory, client, None, transport.reactor.twistedTLS)
    layer = factory.protocol(factory, transport.protocol, False)
    transport.TLS = True
    directlyProvides(transport, ISSLTransport)
    # On the instance they come before the class's, so that a connection without TLS need not ask on every
    # write.
    for name in _LAYERED:
        setattr(transport, name, getattr(layer, name))
    transport.getHandle = layer.getHandle  # type: ignore[method-assign]
    transport.getPeerCertificate = layer.getPeerCertificate  # type: ignore[attr-defined]
    transport.protocol = layer
    layer.makeConnection(_Plain(transport))
    if producer is not None:
        transport.registerProducer(producer, streaming)


def stopTLS(transport: StreamTransport) -> None:
    """Give a transport that has ended its own methods back, which do nothing any more."""
    for name in _LAYERED:
        transport.__dict__.pop(name, None)
