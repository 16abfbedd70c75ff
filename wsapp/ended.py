"""``Ended``: what a client asks once its connection is over, which then can be freed.

An application may keep a client for as long as it likes; with it would stay all that made up the connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from wsapp.sendqueue import closed
from wsapp.wire.codes import closing

__all__ = ["Ended"]


class Ended:
    """A :class:`~wsapp.client.Link` to nobody.

    :ivar dropped: How many messages the client was too slow to be sent.
    """

    __slots__ = ("dropped",)

    #: Nothing waits.
    bufferedAmount = 0

    def __init__(self, dropped: int) -> None:
        self.dropped = dropped

    def send(self, message: str | bytes) -> bool:
        """It goes nowhere."""
        return False

    def sendShared(self, message: str | bytes, encoded: dict[object, bytes]) -> bool:
        """Nor does this."""
        return False

    def ping(self) -> Deferred[Any]:
        """No pong will come."""
        return closed()

    def drained(self) -> Deferred[Any]:
        """Nothing will leave."""
        return closed()

    def close(self, code: int, reason: str) -> None:
        """It is closed; but what is no code or no reason is wrong all the same."""
        closing(code, reason)

    def overrun(self) -> None:
        """Nothing waits for it."""

    def abort(self) -> None:
        """There is nothing to end."""

    def setExpires(self, expires: float | None) -> None:
        """There is nothing to close then."""
