"""What log lines call protocols and factories. May import nothing of this package."""

from __future__ import annotations

__all__ = ["prefixOf"]

from twisted.internet.interfaces import ILoggingContext


def prefixOf(thing: object) -> str:
    """What to call a protocol or factory in the log."""
    if ILoggingContext.providedBy(thing):
        return thing.logPrefix()
    return type(thing).__name__
