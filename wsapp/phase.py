"""What a connection goes through: one phase at a time, each an object.

A phase knows nothing of the others.  When it is done it tells the connection, which puts the next
one in its place.  Imports nothing of wsapp.
"""

from __future__ import annotations

from typing import Protocol

from twisted.python.failure import Failure

__all__ = ["Farewell", "Phase"]


class Phase(Protocol):
    """What the connection tells its phase."""

    def receive(self, data: bytes) -> None:
        """Bytes have come."""

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""

    def stop(self) -> None:
        """The server stops: end as soon as that is polite."""


class Farewell:
    """All is said; the connection's end is awaited, and what comes until then is discarded."""

    __slots__ = ()

    def receive(self, data: bytes) -> None:
        """Drop it."""

    def lost(self, reason: Failure) -> None:
        """It was expected."""

    def stop(self) -> None:
        """It is ending already."""
