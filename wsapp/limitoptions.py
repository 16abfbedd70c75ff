"""What the command line calls each limit, and which of them an application may have of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from wsapp.limits import OFF, POLICIES, Limits
from wsapp.quantities import parseByteRate, parseCount, parseRate, parseSeconds, parseSize

__all__ = ["OPTIONS", "PER_APP", "LimitOption", "ofApp", "parseLimit"]


def _policy(field: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in POLICIES[field]:
            raise ValueError(f"{text!r} is not one of {', '.join(POLICIES[field])}")
        return text

    return parse


class LimitOption(NamedTuple):
    """A limit on the command line.

    :ivar name: Without the dashes in front.
    :ivar field: Of :class:`~wsapp.Limits`.
    :ivar parse: Text to value; raises ValueError.
    :ivar help: What it is for.
    """

    name: str
    field: str
    parse: Callable[[str], Any]
    help: str

    @property
    def shown(self) -> str:
        """The default, as it would be written."""
        value = getattr(Limits(), self.field)
        if self.field in OFF and not value:
            return "off"
        if self.parse is parseSize and value % 1024 == 0:
            return f"{value // 1024**2}M" if value % 1024**2 == 0 else f"{value // 1024}K"
        return f"{value:g}" if isinstance(value, float) else str(value)


OPTIONS: dict[str, LimitOption] = {
    name: LimitOption(name, field, parse, help)
    for name, field, parse, help in (
        ("max-message", "maxMessage", parseSize, "largest message, inflated"),
        ("max-fragments", "maxFragments", parseCount, "most frames in one message"),
        ("max-head", "maxHead", parseSize, "largest request head"),
        ("max-line", "maxLine", parseSize, "longest line of a request head"),
        ("max-headers", "maxHeaders", parseCount, "most header lines"),
        ("max-body", "maxBody", parseSize, "largest body of a plain HTTP request"),
        ("max-queue", "maxQueue", parseCount, "most messages of a client that wait for its hook"),
        ("max-pings", "maxPings", parseCount, "most unanswered pings to a client"),
        ("max-send-buffer", "maxSendBuffer", parseSize, "most bytes that wait to be sent to a client"),
        (
            "backlog-policy",
            "backlogPolicy",
            _policy("backlogPolicy"),
            "what a client past --max-send-buffer gets: close (1013), or drop (not the message)",
        ),
        ("max-detached", "maxDetached", parseCount, "most clients kept after their connection has dropped"),
        (
            "max-detached-per-address",
            "maxDetachedPerAddress",
            parseCount,
            "most clients of one address kept after their connection has dropped",
        ),
        ("max-session-bytes", "maxSessionBytes", parseSize, "most bytes kept for all clients to be resumed"),
        ("max-connections", "maxConnections", parseCount, "most connections in all"),
        (
            "max-connections-per-address",
            "maxConnectionsPerAddress",
            parseCount,
            "most connections of one address",
        ),
        ("handshake-timeout", "handshakeTimeout", parseSeconds, "seconds for the opening handshake"),
        ("keep-alive-timeout", "keepAliveTimeout", parseSeconds, "seconds between plain HTTP requests"),
        ("ping-interval", "pingInterval", parseSeconds, "seconds of silence before a ping"),
        ("ping-timeout", "pingTimeout", parseSeconds, "seconds to answer a ping"),
        (
            "idle-timeout",
            "idleTimeout",
            parseSeconds,
            "seconds of silence of a hixie client, which knows no ping",
        ),
        ("stall-timeout", "stallTimeout", parseSeconds, "seconds that a send buffer may stay full"),
        ("close-timeout", "closeTimeout", parseSeconds, "seconds for the closing handshake"),
        ("hook-timeout", "hookTimeout", parseSeconds, "seconds for one hook of an application, 0 for any"),
        (
            "message-rate",
            "messageRate",
            parseRate,
            "messages per second of a client, on average",
        ),
        ("byte-rate", "byteRate", parseByteRate, "bytes per second of a client, on average"),
        (
            "rate-burst",
            "rateBurst",
            parseSeconds,
            "seconds' worth of --message-rate and --byte-rate that may come at once",
        ),
        (
            "rate-policy",
            "ratePolicy",
            _policy("ratePolicy"),
            "what a client past --message-rate or --byte-rate gets: close (1008) or slow",
        ),
        ("handshake-rate", "handshakeRate", parseRate, "opening handshakes per second of one address"),
    )
}

#: Fields that an application may have of its own; others count before it is known whose client one is.
PER_APP = frozenset(
    [
        "maxMessage",
        "maxFragments",
        "maxQueue",
        "maxSendBuffer",
        "backlogPolicy",
        "stallTimeout",
        "pingInterval",
        "pingTimeout",
        "maxPings",
        "idleTimeout",
        "closeTimeout",
        "hookTimeout",
        "messageRate",
        "byteRate",
        "rateBurst",
        "ratePolicy",
    ]
)

_KINDS = {field.name: str(field.type) for field in dataclasses.fields(Limits)}
_TAKEN: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}


def parseLimit(name: str, text: str) -> tuple[str, Any]:
    """A limit as it was written.

    :param name: The option's name.
    :return: The field and its value.
    :raises ValueError: It cannot be read, or is too little; the text names the option.
    """
    option = OPTIONS[name]
    try:
        value = option.parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    try:
        dataclasses.replace(Limits(), **{option.field: value})
    except ValueError:
        raise ValueError(f"{name}: {text!r} is too little: it must be more than 0") from None
    return option.field, value


def ofApp(limits: Limits, own: Mapping[str, Any], app: str) -> Limits:
    """The limits of one application's clients: the server's, but for its own.

    :param own: Fields and values; see :attr:`wsapp.App.limits`.
    :param app: The application's name, for what is said where they are wrong.
    :raises ValueError: There is no such limit, or it is none of an application's, or cannot be so.
    """
    for field, value in own.items():
        if field not in PER_APP:
            there = "is the whole server's" if hasattr(limits, field) else "is no limit"
            raise ValueError(
                f"{app}: {field} {there}: an application's limits are {', '.join(sorted(PER_APP))}"
            )
        kind = _KINDS[field]
        if isinstance(value, bool) or not isinstance(value, _TAKEN[kind]):
            raise ValueError(f"{app}: {field} is {value!r}: it must be {kind}")
    try:
        return dataclasses.replace(limits, **own)
    except ValueError as error:
        raise ValueError(f"{app}: {error}") from None
