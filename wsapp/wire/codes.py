"""Opcodes and close codes, and which of them each version may put on the wire.

The registry of close codes is RFC 6455 7.4.  The older sets are those of section 7.4.1 of the
drafts, as their differences list them (pywebsocket's notes, WebSocketProtocolSpec): hybi-07 has
1000 to 1004, where 1004 is "a frame that is too large"; hybi-08 adds 1005 and 1006, which are never
on the wire; hybi-10, which Version 8 browsers shipped, adds 1007; hybi-13 reserves 1004 and adds
1008 to 1010.  Imports nothing.
"""

from __future__ import annotations

__all__ = [
    "ABNORMAL",
    "BAD_DATA",
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "GOING_AWAY",
    "INTERNAL_ERROR",
    "NORMAL",
    "NO_STATUS",
    "PING",
    "POLICY_VIOLATION",
    "PONG",
    "PROTOCOL_ERROR",
    "TEXT",
    "TOO_BIG",
    "TRY_AGAIN_LATER",
    "UNSUPPORTED_DATA",
    "closing",
    "fromTheWire",
    "isSayable",
    "onTheWire",
]

# RFC 6455 5.2
CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

# RFC 6455 7.4.1, and the registry that it founds
NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005
ABNORMAL = 1006
BAD_DATA = 1007
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013

_FRAME_TOO_LARGE = 1004  # hybi-07 to hybi-12; reserved since

_OWN = range(3000, 5000)  # libraries (3000-3999) and applications (4000-4999)

_SAYABLE = {
    7: frozenset([1000, 1001, 1002, 1003, 1004]),
    8: frozenset([1000, 1001, 1002, 1003, 1004, 1007]),
    13: frozenset([1000, 1001, 1002, 1003, *range(1007, 1015)]),
}

# What an older version has no word for, and the nearest that it has.
_NEAREST = {
    7: {1007: 1002, 1008: 1002, 1009: 1004, 1010: 1002, 1011: 1001, 1012: 1001, 1013: 1001, 1014: 1001},
    8: {1008: 1002, 1009: 1004, 1010: 1002, 1011: 1001, 1012: 1001, 1013: 1001, 1014: 1001},
    13: {},
}


def isSayable(number: int, code: int) -> bool:
    """Whether a Close frame of the version may carry *code*.

    :param number: The ``Sec-WebSocket-Version``: 7, 8 or 13.
    """
    return code in _SAYABLE[number] or code in _OWN


def fromTheWire(number: int, code: int) -> int | None:
    """What a Close frame's code says today, or None where this version may not carry it.

    :param number: The ``Sec-WebSocket-Version``: 7, 8 or 13.
    """
    if not isSayable(number, code):
        return None
    # Said as an application knows it, and as onTheWire() can answer it.
    return TOO_BIG if code == _FRAME_TOO_LARGE else code


def onTheWire(number: int, code: int) -> int:
    """The code that says *code* to a peer of this version.

    :param number: The ``Sec-WebSocket-Version``: 7, 8 or 13.
    :raises ValueError: *code* may not be sent at all (RFC 6455 7.4.1 and 7.4.2).
    """
    if not isSayable(13, code):
        raise ValueError(f"close code {code} cannot be sent: use 1000-1003, 1007-1014 or 3000-4999")
    return _NEAREST[number].get(code, code)


def closing(code: int, reason: str) -> None:
    """Check what an application wants to close with.

    :raises ValueError: *code* may not be sent at all.
    :raises TypeError: *reason* is not text.
    """
    onTheWire(13, code)
    if not isinstance(reason, str):
        raise TypeError(f"a reason is str, not {type(reason).__name__}")
