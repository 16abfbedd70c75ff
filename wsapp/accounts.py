"""What has come and gone: sums of each application's clients, and the access log told of each that ends.

A client's own numbers stand in its connection, where counting costs least; here they are added up
once, when it goes.  What those who are still there have had is asked of them by whoever wants to know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from wsapp.client import Client
from wsapp.errors import HandshakeError
from wsapp.metrics import Metrics
from wsapp.request import Request

__all__ = ["Access", "Account", "Accounts", "Tally"]


class Access(NamedTuple):
    """One connection that is over, or was refused, or one plain request that was answered.

    :ivar time: When its handshake or request came (of a refusal: now), in seconds since the epoch.
    :ivar peer: The client's address; empty for a UNIX socket.
    :ivar app: The application's name; empty where it came to none.
    :ivar version: Of the protocol, ``HTTP/1.1`` of a plain request; empty where it came to none.
    :ivar status: The HTTP status that it was answered.
    :ivar seconds: How long it lasted.
    :ivar bytesIn: Of frames and all; of a plain request its body, and *bytesOut* that of the response.
    :ivar code: The close code; None where it was refused by its status, or was no WebSocket.
    :ivar client: The client's id, as other lines have it; empty where it became none.
    """

    time: float
    peer: str
    app: str
    version: str
    status: int
    seconds: float = 0.0
    messagesIn: int = 0
    messagesOut: int = 0
    bytesIn: int = 0
    bytesOut: int = 0
    code: int | None = None
    client: str = ""


class Account(Protocol):
    """What a client's connection has counted."""

    client: Client
    bytesIn: int
    messagesIn: int
    messagesOut: int

    @property
    def bytesOut(self) -> int: ...


class Tally:
    """Sums over the clients of one application that are gone.

    :ivar opened: Clients that have come, those included that are still there.
    """

    __slots__ = ("bytesIn", "bytesOut", "messagesIn", "messagesOut", "opened")

    def __init__(self) -> None:
        self.opened = 0
        self.messagesIn = 0
        self.messagesOut = 0
        self.bytesIn = 0
        self.bytesOut = 0

    def add(self, account: Account | Tally) -> None:
        """Count what one client has had."""
        self.messagesIn += account.messagesIn
        self.messagesOut += account.messagesOut
        self.bytesIn += account.bytesIn
        self.bytesOut += account.bytesOut


class Accounts:
    """The sums of one server.

    :param wallClock: The time in seconds since the epoch.
    :ivar apps: By the application's name, of those that have had a client.
    :ivar log: Called with each connection that is over, unless it is None.
    """

    __slots__ = ("_metrics", "_wallClock", "apps", "log")

    def __init__(self, metrics: Metrics, wallClock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._wallClock = wallClock
        self.apps: dict[str, Tally] = {}
        self.log: Callable[[Access], None] | None = None

    def opened(self, app: str) -> None:
        """A client was taken."""
        self._metrics.clients += 1
        tally = self.apps.get(app)
        if tally is None:
            tally = self.apps[app] = Tally()
        tally.opened += 1

    def closed(self, app: str, account: Account, code: int) -> None:
        """It is gone."""
        self._metrics.closed[code] += 1
        self.apps[app].add(account)
        if self.log is not None:
            request = account.client.request
            self.log(
                Access(
                    request.time,
                    request.peer,
                    app,
                    request.version,
                    101,
                    max(0.0, self._wallClock() - request.time),
                    account.messagesIn,
                    account.messagesOut,
                    account.bytesIn,
                    account.bytesOut,
                    code,
                    account.client.id,
                )
            )

    def refused(self, error: HandshakeError, peer: str) -> None:
        """A request was answered with an error.

        :param peer: Who is at the other end of the connection.
        """
        self._metrics.refused[error.status] += 1
        self._metrics.reasons[type(error).__name__] += 1
        if self.log is not None:
            self.log(Access(self._wallClock(), peer, "", "", error.status))

    def plain(self, peer: str, version: int) -> Callable[[int, int, int], None]:
        """A plain request has come.

        :param peer: Who has sent it.
        :param version: 10 for HTTP/1.0, 11 for HTTP/1.1.
        :return: To be called once it is answered: with the status, and the bytes of both bodies, in and out.
        """
        log, began = self.log, self._wallClock()
        if log is None:
            return _nobody

        def answered(status: int, bytesIn: int, bytesOut: int) -> None:
            seconds = max(0.0, self._wallClock() - began)
            shown = f"HTTP/{version // 10}.{version % 10}"
            log(Access(began, peer, "", shown, status, seconds, bytesIn=bytesIn, bytesOut=bytesOut))

        return answered

    def turnedAway(self, app: str, request: Request, code: int) -> None:
        """A client was told a close code instead of being taken."""
        self._metrics.turnedAway[code] += 1
        if self.log is not None:
            self.log(Access(request.time, request.peer, app, request.version, 101, code=code))


def _nobody(status: int, bytesIn: int, bytesOut: int) -> None:
    """Nobody wants to know."""
