"""The admin port as a service, and it together with the server that it looks at."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from twisted.application.service import Service
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.logger import Logger

from wsapp.admin.console import Console
from wsapp.admin.fleet import Fleet
from wsapp.admin.gate import Gate
from wsapp.admin.site import adminSite
from wsapp.admin.source import Source
from wsapp.limits import Limits
from wsapp.listening import Endpoint
from wsapp.origins import Origins, View
from wsapp.service import Server

__all__ = ["AdminOrigins", "Watched", "adminEndpoint", "adminServer", "nodeName"]

_log = Logger()

#: A console is for a few people, and health for a few probes.
_LIMITS = Limits(maxConnections=200, maxBody=4096, maxHead=16 * 1024)


def adminEndpoint(text: str) -> str:
    """The endpoint string of ``--admin``: a number is a port, and what names no interface is on loopback."""
    if text.isascii() and text.isdigit():
        text = f"tcp:{text}"
    if text.startswith(("tcp:", "ssl:")) and ":interface=" not in text:
        text += ":interface=127.0.0.1"
    return text


def nodeName(urls: Sequence[str]) -> str:
    """What a node is called in consoles: its host, and the port of its own.

    :param urls: Of its admin port.
    """
    port = urlsplit(urls[0]).port if urls else None
    return f"{socket.gethostname()}:{port or os.getpid()}"


class AdminOrigins(Origins):
    """Only the console's own pages, and only under names that cannot be rebound to it (DNS rebinding):
    the loopback's own, addresses, and those that the operator has named.

    :param hosts: Names beside these.
    """

    hostHint = ": --admin-host NAME would accept it"
    originHint = ""  # nothing would
    requireHint = ", which a console's page sends"

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        super().__init__(require=True, hosts=[*hosts, "localhost", "127.0.0.1", "[::1]"])

    def checkHost(self, view: View, loopback: bool) -> None:
        """See :class:`~wsapp.origins.Origins`."""
        name = view.host
        if not name:
            return  # HTTP/1.0 of a health checker's, as no browser speaks it: there is no name to be rebound
        if name.startswith("["):
            name = name[1:].partition("]")[0]
        elif name.count(":") == 1:
            name = name.partition(":")[0]
        try:
            ipaddress.ip_address(name)
        except ValueError:
            super().checkHost(view, loopback)


def adminServer(
    reactor: Any,
    source: Source,
    endpoints: Iterable[Endpoint],
    gate: Gate,
    hosts: Iterable[str] = (),
    fleet: Fleet | None = None,
) -> Server:
    """A server of its own for the admin port, which cannot be shut by connections that say nothing.

    :param source: Whom health and metrics ask.
    :param fleet: Whom the console asks; None: the same.
    """
    console = Console(source, gate) if fleet is None else Console(fleet, gate, fleet.named)
    server = Server(
        reactor,
        {"console": console},
        endpoints,
        limits=_LIMITS,
        origins=AdminOrigins(hosts),
        site=adminSite(source, gate, reactor),
    )

    def giveWay() -> None:
        # The one who has been here longest and is no console: probes and pages need but a moment.
        any(connection.giveWay() for connection in server.connections())

    server.terms.admission.giveWay = giveWay
    return server


class Serving(Protocol):
    """Who serves: a :class:`~wsapp.service.Server`, or a :class:`~wsapp.workers.master.Master`."""

    started: Deferred[None]

    def privilegedStartService(self) -> None: ...

    def startService(self) -> None: ...

    def stopService(self) -> Any: ...

    def hurry(self) -> None: ...

    def renewCertificates(self) -> None: ...

    def replaceWorkers(self) -> None: ...


class Part(Protocol):
    """What runs beside them."""

    def start(self) -> object: ...

    def stop(self) -> object: ...


class Watched(Service):
    """A server and its admin port: up before it, so that health can be asked, and down after it.

    :ivar started: The server's.
    :param parts: What is started with it and stopped after it.
    :param told: Whether the token is in nobody's file, so that the log has to have it.
    """

    def __init__(self, server: Serving, admin: Server, parts: Sequence[Part], gate: Gate, told: bool) -> None:
        self.server = server
        self.admin = admin
        self.started = server.started
        self._parts = parts
        self._gate = gate
        self._told = told

    def privilegedStartService(self) -> None:
        """Listen on all ports."""
        self.admin.privilegedStartService()
        self.server.privilegedStartService()

    def startService(self) -> None:
        """Start both."""
        Service.startService(self)
        self.admin.startService()
        # The fragment goes to no server and into no other log.
        fragment = f"#{self._gate.token}" if self._told else ""
        for url in self.admin.urls:
            _log.info("the console is at {url}{fragment}", url=url, fragment=fragment)
        for part in self._parts:
            part.start()
        self.server.startService()

    @inlineCallbacks
    def stopService(self) -> Any:
        """Stop the server, then this."""
        Service.stopService(self)
        yield maybeDeferred(self.server.stopService)
        for part in self._parts:
            yield maybeDeferred(part.stop)
        stopped: Deferred[Any] = maybeDeferred(self.admin.stopService)
        yield stopped

    def hurry(self) -> None:
        """Do not wait for anybody any more."""
        self.server.hurry()
        self.admin.hurry()

    def renewCertificates(self) -> None:
        """Of both."""
        self.server.renewCertificates()
        self.admin.renewCertificates()

    def replaceWorkers(self) -> None:
        """The admin port stays: it is the master's."""
        self.server.replaceWorkers()
