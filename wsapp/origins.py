"""Who may connect from where: Origin, Host, trusted proxies, and what counts as one address.

RFC 6455 10.2 and RFC 6454 for origins; DNS rebinding for Host.  Plain values in and out.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from wsapp.errors import NotAllowed
from wsapp.wire.headers import Headers

__all__ = ["Origins", "TrustedProxies", "View", "addressKey"]

_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
_LOOPBACK_HOSTS = frozenset(["localhost", "127.0.0.1", "[::1]"])
_ORIGIN = re.compile(r"([a-z][a-z0-9+.\-]*)://(\*\.)?([^/:?#@\s\[\]*]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_FORWARDED = re.compile(r"(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\])(?::[0-9]{1,5})?")
_HOST = re.compile(r"([^/:?#@\s\[\]]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")


class View(NamedTuple):
    """A connection as it looks from the client's side of any trusted proxies.

    :ivar peer: The client's address; empty for a UNIX socket.
    :ivar secure: Whether the client uses TLS.
    :ivar host: The host and port that the client asked for, as its Host header says.
    """

    peer: str
    secure: bool
    host: str


@functools.lru_cache(4096)
def addressKey(peer: str) -> str | None:
    """What counts as one address for limits: an IPv4 address, an IPv6 /64.

    None for what is not counted: loopback and UNIX peers.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class TrustedProxies:
    """Whose X-Forwarded-For, -Proto and -Host, and whose PROXY headers, count.

    :param addresses: Addresses, networks (``10.0.0.0/8``), or ``unix`` for UNIX sockets.
    :raises ValueError: One that is none of these.
    """

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self._unix = False
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for text in addresses:
            if text == "unix":
                self._unix = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(text))
            except ValueError:
                raise ValueError(
                    f"{text!r} is not an address, a network such as 10.0.0.0/8, or unix"
                ) from None

    def trusts(self, peer: str) -> bool:
        """Whether this peer (empty: a UNIX socket's) is one of them."""
        if not peer:
            return self._unix
        if not self._networks:
            return False
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)

    def view(self, headers: Headers, peer: str, secure: bool) -> View:
        """The connection from the client's side.

        :param peer: Who is at the other end of the connection itself; empty for a UNIX socket.
        """
        host = headers.get("Host") or ""
        if not self.trusts(peer):
            return View(peer, secure, host)
        protocols = headers.getList("X-Forwarded-Proto")
        if protocols:
            secure = protocols[-1].lower() in ("https", "wss")
        hosts = headers.getList("X-Forwarded-Host")
        if hosts and _HOST.fullmatch(hosts[-1].lower()):
            host = hosts[-1]
        # Each proxy appends who spoke to it: the last one that is no proxy of ours is the client.
        for address in reversed(headers.getList("X-Forwarded-For")):
            match = _FORWARDED.fullmatch(address)  # some add the port
            try:
                peer = str(ipaddress.ip_address(match[1] or match[2] if match else address))
            except ValueError:
                break
            if not self.trusts(peer):
                break
        return View(peer, secure, host)


_Origin = tuple[str, bool, str, "str | None"]


def _parse(origin: str) -> _Origin:
    """An origin's scheme, whether it names subdomains, its host, and its port where it is not the default."""
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        raise ValueError(
            f"{origin!r} is not an origin: it must be like https://example.com, https://*.example.com or *"
        )
    scheme, wild, host, port = match.groups()
    scheme = _HTTP_SCHEMES.get(scheme, scheme)
    return scheme, bool(wild), host, None if port == _DEFAULT_PORTS.get(scheme) else port


class Origins:
    """Which pages may open WebSockets here, and by which names the server may be called.

    :param allowed: Origins beside the server's own: ``https://example.com``,
        ``https://*.example.com``, ``null``, or ``*`` for any.
    :param require: Refuse clients that send no Origin (which browsers always do).
    :param hosts: Host names to answer to; none: any, but on a loopback listener only its own.
    :raises ValueError: An origin or a host that cannot be read.
    """

    #: What would let somebody in who was not, for the log.
    hostHint = ": --host NAME would accept it"
    originHint = ": --allow-origin ORIGIN would accept it"
    requireHint = ": --require-origin is on"

    def __init__(self, allowed: Iterable[str] = (), require: bool = False, hosts: Iterable[str] = ()) -> None:
        self.allowed = tuple(allowed)
        self._any = "*" in self.allowed
        self._null = "null" in self.allowed
        self._allowed = [_parse(origin) for origin in self.allowed if origin not in ("*", "null")]
        self._require = require
        self._hosts = frozenset(self._hostName(host) for host in hosts)

    @staticmethod
    def _hostName(host: str) -> str:
        if ":" in host and not host.startswith("[") and host.count(":") > 1:
            host = f"[{host}]"
        if "*" in host:
            raise ValueError(
                f"{host!r} is not a host name: wildcards are for origins only: give each name, or none"
            )
        match = _HOST.fullmatch(host.lower())
        if match is None or match[2]:
            raise ValueError(f"{host!r} is not a host name or address (without a port)")
        return match[1]

    def checkHost(self, view: View, loopback: bool) -> None:
        """Refuse names that this server does not answer to (DNS rebinding).

        :param loopback: Whether the listener is on the loopback interface.
        :raises NotAllowed: It is none of ours.
        """
        # Who names none speaks HTTP/1.0, as health checkers do and no browser: no name can be rebound.
        accepted = self._hosts or (_LOOPBACK_HOSTS if loopback and view.host else None)
        if accepted is None:
            return
        match = _HOST.fullmatch(view.host.lower())
        if match is None or match[1] not in accepted:
            raise NotAllowed(
                "this server does not answer to that Host",
                detail=f"Host {view.host[:200]!r} is none of {', '.join(sorted(accepted))}{self.hostHint}",
            )

    def checkOrigin(self, origin: str | None, view: View) -> None:
        """Refuse pages of other origins (cross-site WebSocket hijacking).

        :param origin: The Origin header; None where there is none.
        :raises NotAllowed: It is not allowed.
        """
        if origin is None:
            if self._require:
                raise NotAllowed("an Origin header is required", detail=f"no Origin{self.requireHint}")
            return
        if self._any:
            return
        own = f"{'https' if view.secure else 'http'}://{view.host}"
        if origin == "null" and self._null:
            return
        asked = _read(origin)
        if asked is not None and (asked == _read(own) or any(_covers(one, asked) for one in self._allowed)):
            return
        raise NotAllowed(
            "this origin may not connect here",
            detail=f"Origin {origin[:200]!r} is not that of the server, {own[:200]!r}{self.originHint}",
        )


def _read(origin: str) -> _Origin | None:
    """The origin of a request: of one only, and in any other form there is none."""
    try:
        found = _parse(origin)
    except ValueError:
        return None
    return None if found[1] else found


def _covers(allowed: _Origin, asked: _Origin) -> bool:
    scheme, wild, host, port = allowed
    return (scheme, port) == (asked[0], asked[3]) and (
        asked[2].endswith("." + host) if wild else asked[2] == host
    )
