"""Twisted's address objects from the tuples that sockets give. May import nothing of this package."""

from __future__ import annotations

__all__ = ["Address", "inet", "unix"]

import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

Address = IPv4Address | IPv6Address | UNIXAddress

_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


def inet(name: tuple[Any, ...]) -> IPv4Address | IPv6Address:
    """The address of one end of a TCP connection.

    A link-local IPv6 address gets its interface (``fe80::1%eth0``): without it nobody can connect back.

    :param name: what ``getsockname`` or ``getpeername`` gives: (host, port), or (host, port, flow, scope)
        for IPv6
    """
    if len(name) == 2:
        return IPv4Address("TCP", *name)
    if name[3]:
        return IPv6Address("TCP", socket.getnameinfo(name, _NUMERIC)[0], *name[1:])
    return IPv6Address("TCP", *name)


def unix(name: str | bytes | None) -> UNIXAddress:
    """The address of one end of a UNIX connection; the end that connected has none."""
    return UNIXAddress(name or None)
