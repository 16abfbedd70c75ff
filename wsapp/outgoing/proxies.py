"""Which proxy the way to a server leads through, as ``HTTPS_PROXY`` and the like say.

There is no standard for these; curl's manual is the nearest: lower case goes first, ``HTTP_PROXY``
in capitals does not count where a web server may have set it from a request's ``Proxy`` header.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from wsapp.wire.url import WebSocketURL, hidden, parseURL

__all__ = ["parseProxy", "proxyFor"]


def parseProxy(text: str) -> WebSocketURL:
    """The URL of a proxy, ``http://user:password@host:port`` or ``https://...``; ``http://`` may be left out.

    :raises ValueError: It is none, or of another kind (SOCKS).
    """
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
    if scheme.lower() not in ("http", "https"):
        raise ValueError(f"{hidden(text)!r} is no HTTP proxy: it must be like http://host:port")
    try:
        return parseURL(f"{'wss' if scheme.lower() == 'https' else 'ws'}://{rest}")
    except ValueError:
        shown = hidden(f"{scheme}://{rest}")
        raise ValueError(f"{shown!r} is not the URL of a proxy: it must be like http://host:port") from None


def proxyFor(url: WebSocketURL, environment: Mapping[str, str]) -> WebSocketURL | None:
    """The proxy that the environment names for this server; None for none.

    :raises ValueError: What it names is no HTTP proxy.
    """
    if url.socket or _excepted(url, _variable(environment, "no_proxy")):
        return None
    name = "https_proxy" if url.secure else "http_proxy"
    text = _variable(environment, name) or _variable(environment, "all_proxy")
    return parseProxy(text) if text else None


def _variable(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value and not (name == "http_proxy" and "REQUEST_METHOD" in environment):
        value = environment.get(name.upper(), "")
    return value.strip()


def _excepted(url: WebSocketURL, list_: str) -> bool:
    """Whether ``NO_PROXY`` names the server: by name, by a domain above it, by address or network."""
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        address = None
    for entry in re.split(r"[,\s]+", list_.lower()):
        if entry == "*":
            return True
        if address is not None:
            try:
                if address in ipaddress.ip_network(entry.strip("[]"), strict=False):
                    return True
            except ValueError:
                pass
        match = re.fullmatch(r"\*?\.?(\[[0-9a-f:.]+\]|[^:]+?)\.?(?::([0-9]+))?", entry)
        if match is None or (match[2] and int(match[2]) != url.port):
            continue
        host = url.host.rstrip(".")
        name = match[1].strip("[]")
        if host == name or (address is None and host.endswith("." + name)):
            return True
    return False
