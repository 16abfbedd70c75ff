"""A way to a server through an HTTP proxy (``CONNECT``, RFC 9110 9.3.6): an endpoint around the proxy's."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.errors import BadResponse, ConnectFailed, HandshakeError, ProxyRefused
from wsapp.limits import Limits
from wsapp.wire.asking import basic
from wsapp.wire.response import ResponseBody, ResponseHead, ResponseReader

__all__ = ["TunnelEndpoint"]


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to a server through a proxy.

    :param proxy: The way to the proxy.
    :param authority: The server, ``host:port``.
    :param credentials: The user and password for the proxy.
    """

    def __init__(
        self,
        proxy: IStreamClientEndpoint,
        authority: str,
        credentials: tuple[str, str] | None,
        limits: Limits,
    ) -> None:
        self._proxy = proxy
        self._limits = limits
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        if credentials is not None:
            lines.append(f"Proxy-Authorization: {basic(credentials)}")
        self._request = "\r\n".join([*lines, "", ""]).encode("latin-1")

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See :meth:`twisted.internet.interfaces.IStreamClientEndpoint.connect`.

        :return: Fails with :exc:`~wsapp.errors.ProxyRefused` where the proxy says no.
        """
        factory = Factory.forProtocol(lambda: _Tunnel(self._request, protocolFactory, self._limits))
        factory.noisy = False
        connecting: Deferred[Any] = self._proxy.connect(factory)
        return connecting.addCallback(lambda tunnel: tunnel.opened)


class _Tunnel(Protocol):
    """Asks the proxy, then passes everything on to the protocol within."""

    def __init__(self, request: bytes, factory: IProtocolFactory, limits: Limits) -> None:
        self._request = request
        self._factory = factory
        self._reader = ResponseReader(limits)
        self._body: ResponseBody | None = None
        self._refusal: ResponseHead | None = None
        self._inner: Any = None
        self.opened: Deferred[Any] = Deferred(lambda _: self._abort())

    def connectionMade(self) -> None:
        """The proxy is there."""
        self._write(self._request)

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def _abort(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come, from the proxy or through it."""
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        if self.opened.called:
            return
        while self._body is None:
            try:
                head = self._reader.receive(data)
            except HandshakeError as error:
                self._fail(BadResponse(f"the proxy's answer: {error.message}"))
                return
            if head is None:
                return
            data = self._reader.rest
            if 200 <= head.status < 300:  # which has no body, whatever its headers say
                self._open(data)
                return
            if head.status < 200:
                self._fail(BadResponse(f"the proxy's answer: {head.status} where it must be final"))
                return
            self._refusal = head
            self._body = ResponseBody(head)
        self._body.receive(data)
        if self._body.done:
            self._fail(self._refused())

    def _open(self, rest: bytes) -> None:
        assert self.transport is not None
        self._inner = self._factory.buildProtocol(self.transport.getPeer())
        if self._inner is None:
            self._fail(ConnectFailed("the connection is not wanted any more"))
            return
        self._inner.makeConnection(self.transport)
        self.opened.callback(self._inner)
        if rest:
            self._inner.dataReceived(rest)

    def _fail(self, error: ConnectFailed) -> None:
        if not self.opened.called:
            self.opened.errback(error)
        self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended, for whatever is within too."""
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif not self.opened.called:
            self.opened.errback(self._refused())

    def _refused(self) -> ConnectFailed:
        """What the proxy's answer, as far as it has come, makes of the attempt."""
        head, body = self._refusal, self._body
        if head is None or body is None:
            return ConnectFailed("the proxy has ended the connection without an answer")
        return ProxyRefused(head.status, head.phrase, head.headers, bytes(body.kept))
