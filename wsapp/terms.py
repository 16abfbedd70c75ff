"""What all connections of one listener go by."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Site

from wsapp.accounts import Accounts
from wsapp.admission import Admission
from wsapp.app import App
from wsapp.client import Client, Rooms
from wsapp.closing import TABLE, Table
from wsapp.fairness import Fairness
from wsapp.incidents import Incidents
from wsapp.limits import Limits
from wsapp.origins import Origins, TrustedProxies
from wsapp.relay.channel import Siblings
from wsapp.selection import Metrics, Turn
from wsapp.sessions import Sessions
from wsapp.wheel import Wheel
from wsapp.wire.deflate import Compression
from wsapp.wire.versions import VERSIONS, Version

__all__ = ["NOBODY", "Served", "Terms", "Visitors"]


class Visitors(Rooms, Protocol):
    """The broadcast service, which is also told of clients that come and go."""

    def add(self, client: Client) -> None: ...

    def remove(self, client: Client) -> None: ...


class _Nobody:
    """The rooms of a client that has no company: it comes and goes alone."""

    def add(self, client: Client) -> None:
        """Nobody is to know."""

    def remove(self, client: Client) -> None:
        """Nobody knew."""


#: For clients that no application knows, so that nobody can ask for the rest.
NOBODY = cast(Visitors, _Nobody())


@dataclass(frozen=True)
class Served:
    """An application as connections need it.

    :ivar limits: Those of its clients.
    """

    app: App
    rooms: Visitors
    limits: Limits


@dataclass
class Terms:
    """Everything that a connection is told from outside.

    :ivar choose: Finds the application for a path and the subprotocols offered, and which of these
        to agree to; raises :exc:`~wsapp.errors.NoSuchApp`.
    :ivar site: Answers plain HTTP requests; None: 404.
    :ivar closing: How connections end: a server's way, or a client's.
    :ivar resume: Seconds for which a client is kept that has lost its connection; 0: none is.
    :ivar siblings: The other workers of this machine, where clients' sessions may be; None: nobody is asked.
    :ivar wallClock: The time in seconds since the epoch.
    :ivar stopwatch: A clock for parts of a millisecond, which goes on during a turn of the reactor.
    """

    clock: IReactorTime
    wallClock: Callable[[], float]
    choose: Callable[[str, Sequence[str]], tuple[Served, str | None]]
    site: Site | None = None
    limits: Limits = field(default_factory=Limits)
    versions: frozenset[Version] = frozenset(VERSIONS)
    compression: Compression = Compression.SHARED
    origins: Origins = field(default_factory=Origins)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    stopwatch: Callable[[], float] = time.perf_counter
    metrics: Metrics = field(default_factory=Metrics)
    closing: Table = field(default_factory=lambda: TABLE)
    resume: float = 0
    siblings: Siblings | None = None

    def __post_init__(self) -> None:
        self.wheel = Wheel(self.clock)
        self.fairness = Fairness(self.clock, self.stopwatch)
        self.incidents = Incidents(self.clock.seconds, self.wheel)
        self.turn = Turn(self.clock)
        names = () if self.siblings is None else (self.siblings.node, self.siblings.name)
        self.sessions = Sessions(self.limits, self.wheel, self.metrics, *names)
        self.admission = Admission(self.limits, self.clock.seconds)
        self.accounts = Accounts(self.metrics, self.wallClock)
