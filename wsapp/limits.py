"""``Limits``: the bounds of everything that a peer can make grow.

Imports nothing of wsapp.  Each field is also an option of the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["OFF", "POLICIES", "Limits"]

#: Fields that may be 0, which means that there is no such limit.
OFF = frozenset(["hookTimeout", "messageRate", "byteRate", "handshakeRate"])

#: Fields that say what happens, and what they may be.
POLICIES = {"backlogPolicy": ("close", "drop"), "ratePolicy": ("close", "slow")}


@dataclass(frozen=True)
class Limits:
    """What a peer may use at most; immutable, safe as it stands.

    Sizes are bytes, times are seconds, rates are per second.  What happens past a limit stands with each.

    :raises ValueError: A value is not positive (``hookTimeout`` and rates may be 0, which means none), or no
        such policy.
    """

    #: The request line and headers of an opening handshake together; past it 431.
    maxHead: int = 16 * 1024
    #: One line of them; past it 414 (request line) or 431.
    maxLine: int = 8 * 1024
    #: How many header lines; past it 431.
    maxHeaders: int = 128
    #: The body of a plain HTTP request; past it 413.
    maxBody: int = 1024 * 1024
    #: From connecting to the 101; past it the connection is dropped.
    handshakeTimeout: float = 10
    #: How long a kept-alive plain HTTP connection may be silent between requests, and a body or a response
    #: may take to move by 64 KiB; past it the connection is dropped.
    keepAliveTimeout: float = 60
    #: One message, inflated, and one frame; past it close 1009.
    maxMessage: int = 1024 * 1024
    #: Frames in one message; past it close 1009.
    maxFragments: int = 131_072
    #: Messages that may wait for a client's hook before reading pauses.
    maxQueue: int = 16
    #: Bytes that may wait to be sent to one client: past it reading pauses; see :attr:`backlogPolicy`.
    maxSendBuffer: int = 1024 * 1024
    #: What happens to a message that does not fit: ``close`` the client with 1013, or ``drop`` it and
    #: those after it until all has left, and tell ``onDropped``.
    backlogPolicy: str = "close"
    #: Clients that may be kept at once after their connection has dropped (``--resume``); past it one that
    #: drops is gone at once.
    maxDetached: int = 1_000
    #: Clients of one address (one /64 for IPv6) that may be; past it the same.
    maxDetachedPerAddress: int = 100
    #: Bytes that may be kept for all clients that can be resumed, a quarter of them for those of one address:
    #: past it :attr:`backlogPolicy` counts for those without a connection, and those with one cannot be
    #: resumed until they have acknowledged more.
    maxSessionBytes: int = 64 * 1024 * 1024
    #: How long a client's send buffer may stay full, and nothing leave, before it is closed with 1013.
    stallTimeout: float = 10
    #: Silence after which a ping is sent.
    pingInterval: float = 20
    #: Silence after that ping which means that the client is gone.
    pingTimeout: float = 20
    #: Pings of one client's that an application may have unanswered at once.
    maxPings: int = 16
    #: Silence after which a client that knows no ping (hixie) is dropped.
    idleTimeout: float = 120
    #: From our Close to the end of the connection.
    closeTimeout: float = 5
    #: How long one hook of the application may take; 0: any time.
    hookTimeout: float = 0
    #: Connections in all, each until its last hook is done; past it 503.
    maxConnections: int = 10_000
    #: Connections of one address (one /64 for IPv6); past it 429.
    maxConnectionsPerAddress: int = 1_000

    #: Messages of one client per second, on average, pings and the like among them; 0: any
    #: number. Past it see :attr:`ratePolicy`.
    messageRate: float = 0
    #: Bytes of one client per second, on average, as they are on the wire or inflated, whichever is more; 0:
    #: any number.
    byteRate: int = 0
    #: Seconds' worth of either rate that may come at once; of bytes the largest message in any case.
    rateBurst: float = 5
    #: What happens past either: ``close`` with 1008, or ``slow``, reading from the client pauses.
    ratePolicy: str = "close"
    #: Opening handshakes of one address (one /64 for IPv6) per second, with the same burst; 0: any number.
    #: Past it 429.
    handshakeRate: float = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in POLICIES:
                if value not in POLICIES[field.name]:
                    there = " or ".join(POLICIES[field.name])
                    raise ValueError(f"{field.name} is {value!r}: it must be {there}")
            elif not (value > 0 or (field.name in OFF and value == 0)):
                raise ValueError(f"{field.name} is {value!r}: it must be more than 0")
