"""Every exception of wsapp's own, each with the HTTP status or close code that it implies.

Those under :class:`HandshakeError` are the peer's doing (or the policy's) and become an HTTP
response; those under :class:`ConnectFailed` are what became of a client's attempt to connect; the
others are the caller's doing and are raised to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a website that mints tokens has no use for the wire
    from wsapp.wire.headers import Headers

__all__ = [
    "BadRequest",
    "BadResponse",
    "BadToken",
    "BodyTooLarge",
    "BrokerUnavailable",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionClosed",
    "HandshakeError",
    "HandshakeFailed",
    "HandshakeRefused",
    "HeadTooLarge",
    "HistoryGone",
    "HookTimeout",
    "LineTooLong",
    "MethodNotAllowed",
    "NoSuchApp",
    "NotAllowed",
    "OutboxFull",
    "ProxyRefused",
    "RegistryError",
    "SendBufferFull",
    "ServerFull",
    "Superseded",
    "TooManyConnections",
    "UnsupportedByVersion",
    "UnsupportedVersion",
    "WsappError",
]


class WsappError(Exception):
    """The base of all that wsapp raises."""


class HandshakeError(WsappError):
    """An opening handshake, or a plain request, that is not accepted.

    :ivar status: The HTTP status to answer with.
    :ivar phrase: Its reason phrase.
    :ivar message: What was wrong, for the peer.
    :ivar detail: What only the operator's log should say of it.
    :ivar headers: Headers that the response must carry.
    """

    status = 400
    phrase = "Bad Request"

    def __init__(self, message: str, headers: Sequence[tuple[str, str]] = (), detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.headers = tuple(headers)


class BadRequest(HandshakeError):
    """The request is malformed (RFC 6455 4.2.1, RFC 9112)."""


class NotAllowed(HandshakeError):
    """An Origin or a Host that may not connect here (RFC 6455 4.2.2)."""

    status, phrase = 403, "Forbidden"


class NoSuchApp(HandshakeError):
    """No application answers to this path or subprotocol."""

    status, phrase = 404, "Not Found"


class MethodNotAllowed(HandshakeError):
    """An upgrade by a method other than GET (RFC 6455 4.1)."""

    status, phrase = 405, "Method Not Allowed"


class BodyTooLarge(HandshakeError):
    """The body of a plain request passes :attr:`wsapp.Limits.maxBody`."""

    status, phrase = 413, "Content Too Large"


class LineTooLong(HandshakeError):
    """The request line passes :attr:`wsapp.Limits.maxLine`."""

    status, phrase = 414, "URI Too Long"


class UnsupportedVersion(HandshakeError):
    """A version that is not served; the response lists those that are (RFC 6455 4.4)."""

    status, phrase = 426, "Upgrade Required"


class TooManyConnections(HandshakeError):
    """One address has too many connections."""

    status, phrase = 429, "Too Many Requests"


class HeadTooLarge(HandshakeError):
    """The head passes ``maxHead``, ``maxLine`` or ``maxHeaders`` (RFC 6585 5)."""

    status, phrase = 431, "Request Header Fields Too Large"


class HandshakeFailed(HandshakeError):
    """The application's own ``onHandshake`` failed."""

    status, phrase = 500, "Internal Server Error"


class ServerFull(HandshakeError):
    """The server has all the connections that it takes, or is stopping."""

    status, phrase = 503, "Service Unavailable"


class ConnectionClosed(WsappError):
    """What was asked for needs a connection, and there is none any more.

    :ivar code: The close code of the side that began to close, where that is known; else 1006.
    :ivar reason: What that side said.
    """

    def __init__(self, message: str, code: int = 1006, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class SendBufferFull(WsappError):
    """Messages were sent without waiting for those before, and more wait than may."""


class BrokerUnavailable(WsappError):
    """The broker between the nodes cannot be reached, or does not do what it is asked for."""


class Superseded(BrokerUnavailable):
    """While the broker was away, this join or leave was followed by too many others of the same client: what
    becomes of the last ones is what counts."""


class OutboxFull(BrokerUnavailable):
    """So much waits for the broker already that this message is not taken: it is sent nowhere."""


class HistoryGone(WsappError):
    """Not all that a group was sent since then is kept: take what ``history()`` has, and begin anew."""


class UnsupportedByVersion(WsappError):
    """The client's version of the protocol cannot carry this (binary or ping to hixie)."""


class BadToken(WsappError):
    """A token that is not good: forged, expired, for somebody else, or no token at all."""


class RegistryError(WsappError):
    """An application that cannot be found, loaded or given these options."""


class HookTimeout(WsappError):
    """A hook took longer than :attr:`wsapp.Limits.hookTimeout`."""


class ConnectFailed(WsappError):
    """An attempt to connect has failed; ``__cause__`` is the transport's own error, where there was one."""


class ConnectTimeout(ConnectFailed):
    """It took longer than it may."""


class BadResponse(ConnectFailed):
    """The server's answer to the opening handshake is not valid (RFC 6455 4.1)."""


class HandshakeRefused(ConnectFailed):
    """The server has answered the opening handshake with something other than a 101.

    :ivar status: The HTTP status.
    :ivar headers: The response's header fields.
    :ivar body: Its body, or the first 64 KiB of it.
    """

    what = "the server"

    def __init__(self, status: int, phrase: str, headers: Headers, body: bytes) -> None:
        # The phrase is whatever the server likes: what is no letter stays out of logs and terminals.
        shown = "".join(letter if letter.isprintable() else "?" for letter in phrase)
        super().__init__(f"{self.what} has answered {status} {shown}".rstrip())
        self.status = status
        self.headers = headers
        self.body = body


class ProxyRefused(HandshakeRefused):
    """The proxy has refused to connect to the server."""

    what = "the proxy"
