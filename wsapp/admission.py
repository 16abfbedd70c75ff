"""How many connections there may be, in all and from one address, and how fast they may come."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from wsapp.bucket import Buckets
from wsapp.errors import ServerFull, TooManyConnections
from wsapp.limits import Limits
from wsapp.origins import addressKey

__all__ = ["Admission", "Ticket"]

#: How many connections may wait at once for a request to refuse; others are dropped without a word.
MOST_REFUSING = 100


class Ticket:
    """One connection's place; give it back with :meth:`leave`.

    :ivar left: Whether it has been given back.
    """

    __slots__ = ("_admission", "_key", "_refusing", "left")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._key: str | None = None
        self.left = False
        self._refusing = False
        admission.total += 1

    def address(self, peer: str) -> None:
        """Count it for its address too; loopback and UNIX peers are not counted.

        :raises TooManyConnections: There are as many already as one address may have.
        """
        key = addressKey(peer)
        if key is None or self._key is not None or self.left:
            return
        admission = self._admission
        if admission.byAddress[key] >= admission.limits.maxConnectionsPerAddress:
            raise TooManyConnections(
                "too many connections from your address",
                [("Retry-After", "30")],
                detail=f"--max-connections-per-address is {admission.limits.maxConnectionsPerAddress}",
            )
        admission.byAddress[key] += 1
        self._key = key

    def knock(self, peer: str) -> None:
        """Count an opening handshake for its address; loopback and UNIX peers are not counted.

        :raises TooManyConnections: They come faster than one address's may.
        """
        admission = self._admission
        if admission.knocks is None or (key := addressKey(peer)) is None:
            return
        if wait := admission.knocks.take(key):
            raise TooManyConnections(
                "too many handshakes from your address",
                [("Retry-After", str(math.ceil(wait)))],
                detail=f"--handshake-rate is {admission.limits.handshakeRate:g}",
            )

    def refuse(self) -> bool:
        """There is no place for this one: count it among those that are being refused.

        :return: Whether it may wait for the request that it will be answered to.
        """
        self.leave()
        self._refusing = True
        self._admission.refusing += 1
        return self._admission.refusing <= MOST_REFUSING

    def leave(self) -> None:
        """The connection has ended, and so have its hooks."""
        if self._refusing:
            self._refusing = False
            self._admission.refusing -= 1
        elif not self.left:
            self.left = True
            self._admission.total -= 1
            if self._key is not None:
                self._admission.byAddress[self._key] -= 1
                if not self._admission.byAddress[self._key]:
                    del self._admission.byAddress[self._key]


class Admission:
    """Counts the connections of this process, over all its listeners.

    :param seconds: The time.
    :ivar giveWay: Called before one comes for whom there is no place: may free one.
    :ivar closed: Whether nobody is let in, until further notice.
    :ivar stopping: Whether nobody is let in any more, as the server stops or has stopped.
    :ivar knocks: Opening handshakes by address; None where they may come as they like.
    """

    def __init__(self, limits: Limits, seconds: Callable[[], float]) -> None:
        self.limits = limits
        rate = limits.handshakeRate
        self.knocks = Buckets(rate, max(1, rate * limits.rateBurst), seconds) if rate else None
        self.total = 0
        self.refusing = 0
        self.giveWay: Callable[[], object] = _nobody
        self.closed = self.stopping = False
        self.byAddress: Counter[str] = Counter()

    def expect(self) -> None:
        """One more comes."""
        if not self.stopping and self.total >= self.limits.maxConnections:
            self.giveWay()

    def check(self) -> None:
        """Whether connections are let in, and there is room for those that there are.

        :raises ServerFull: There is not.
        """
        if self.stopping:
            raise ServerFull("the server is stopping", [("Retry-After", "5")])
        if self.closed:
            raise ServerFull("this server is being drained", [("Retry-After", "5")])
        if self.total > self.limits.maxConnections:
            raise ServerFull(
                "too many connections",
                [("Retry-After", "30")],
                detail=f"--max-connections is {self.limits.maxConnections}",
            )


def _nobody() -> None:
    """Nobody gives way: who comes too late is refused."""
