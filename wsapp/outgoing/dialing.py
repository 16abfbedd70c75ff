"""Everything that one connection to a server goes by, and the endpoint that leads there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from wsapp.closing import CLIENT_TABLE
from wsapp.limits import Limits
from wsapp.outgoing.proxies import parseProxy, proxyFor
from wsapp.outgoing.tunnel import TunnelEndpoint
from wsapp.terms import Terms
from wsapp.wire.asking import Asking
from wsapp.wire.deflate import Compression
from wsapp.wire.url import WebSocketURL, parseURL
from wsapp.wire.versions import VERSIONS, Version, parseVersions

__all__ = ["Dialing"]


def _nobody(path: str, subprotocols: Sequence[str]) -> NoReturn:
    """A client serves nothing."""
    raise AssertionError("a client was asked for an application")


@dataclass
class Dialing:
    """How to connect; the fields are the arguments of :func:`wsapp.connect`.

    :raises ValueError: Something that cannot be.
    """

    #: What makes an opening handshake.
    asks: ClassVar[type[Asking]] = Asking

    url: str = field(repr=False)
    subprotocols: Sequence[str] = ()
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = field(default=(), repr=False)
    origin: str | None = None
    version: str = "13"
    compression: Compression | str = Compression.TAKEOVER
    limits: Limits = field(default_factory=Limits)
    trustRoot: Any = None
    clientCertificate: Any = None
    proxy: str | bool | None = field(default=True, repr=False)
    endpoint: IStreamClientEndpoint | None = None

    def __post_init__(self) -> None:
        self.target: WebSocketURL = parseURL(self.url)
        named = {version.name: version for version in VERSIONS}
        self._version: Version = named.get(self.version) or next(iter(parseVersions([self.version])))
        if isinstance(self.subprotocols, str):
            raise TypeError(f"subprotocols is a list of names, not the one name {self.subprotocols!r}")
        fields = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        self._fields = list(fields)
        self._compression = Compression(self.compression)
        self.proxyURL: WebSocketURL | None = None
        if isinstance(self.proxy, str):
            self.proxyURL = parseProxy(self.proxy)
        elif self.proxy and self.endpoint is None:
            self.proxyURL = proxyFor(self.target, os.environ)
        self.asking()  # what cannot be asked is an error now, and not at every attempt

    @property
    def place(self) -> str:
        """Where it leads, for error messages."""
        if self.target.socket:
            return self.target.socket
        through = f" through the proxy {self.proxyURL.authority}" if self.proxyURL else ""
        return self.target.authority + through

    def asking(self) -> Asking:
        """A new opening handshake."""
        return self.asks(
            self.target, self._version, self.subprotocols, self._fields, self.origin, self._compression
        )

    def terms(self, reactor: Any) -> Terms:
        """What the connection goes by."""
        return Terms(
            clock=reactor, wallClock=time.time, choose=_nobody, limits=self.limits, closing=CLIENT_TABLE
        )

    def way(self, reactor: Any) -> IStreamClientEndpoint:
        """The way to the server: TCP to whichever of its addresses answers first (RFC 8305) or a UNIX
        socket, the proxy, TLS."""
        url, proxy = self.target, self.proxyURL
        way = self.endpoint
        if way is None:
            way = self._stream(reactor, proxy or url)
            if proxy is not None:
                if proxy.secure:
                    way = wrapClientTLS(_verifying(proxy.host), way)
                host = f"[{url.host}]" if ":" in url.host else url.host
                way = TunnelEndpoint(way, f"{host}:{url.port}", proxy.credentials, self.limits)
        if url.secure:
            way = wrapClientTLS(_verifying(url.host, self.trustRoot, self.clientCertificate), way)
        return way

    def _stream(self, reactor: Any, url: WebSocketURL) -> IStreamClientEndpoint:
        if url.socket:
            return UNIXClientEndpoint(reactor, url.socket)
        return _Named(reactor, url.host, url.port)


class _Named(HostnameEndpoint):
    """The way to a host by its name as the URL has it, where Twisted's would have IDNA look at it once more.

    That knows no ``my_service`` and no ``r3---sn``, which resolvers do.
    """

    @staticmethod
    def _hostAsBytesAndText(host: bytes | str) -> tuple[bool, bytes, str]:
        text = host if isinstance(host, str) else host.decode("ascii")
        return False, text.encode("ascii"), text


def _verifying(host: str, trustRoot: Any = None, clientCertificate: Any = None) -> Any:
    """TLS that believes a certificate for that host only, of whom the system (or *trustRoot*) trusts."""
    from twisted.internet.ssl import optionsForClientTLS

    def options(name: str) -> Any:
        return optionsForClientTLS(
            name, trustRoot=trustRoot, clientCertificate=clientCertificate, acceptableProtocols=[b"http/1.1"]
        )

    try:
        return options(host)
    except UnicodeError:  # none of IDNA's, see _Named
        # Should Twisted ever keep the name elsewhere, it is this one, and nobody has a certificate for that.
        made = options("name.invalid")
        made._hostname = made._hostnameASCII = host
        made._hostnameBytes = host.encode("ascii")
        return made
