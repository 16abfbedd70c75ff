"""What a framing machine reports beside messages, as plain values.

A message travels as the ``str`` or ``bytes`` that it is; only these are objects.
Imports nothing.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["Close", "Event", "Ping", "Pong", "Violation"]


class Ping(NamedTuple):
    """The peer asks for a Pong with the same payload (RFC 6455 5.5.2)."""

    payload: bytes


class Pong(NamedTuple):
    """The peer answers a Ping, or says unasked that it lives (RFC 6455 5.5.3)."""

    payload: bytes


class Close(NamedTuple):
    """The peer's Close; nothing comes after it (RFC 6455 5.5.1).

    ``code`` is 1005 where the frame carried none.
    """

    code: int
    reason: str


class Violation(NamedTuple):
    """The peer broke the protocol or a limit; nothing comes after it.

    ``code`` and ``reason`` are what a Close should say to it.
    """

    code: int
    reason: str


Event: TypeAlias = str | bytes | Ping | Pong | Close | Violation
