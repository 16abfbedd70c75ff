"""The Flash policy phase: whom a Flash file from elsewhere may connect to.

Old browsers without WebSockets were given them by a Flash file, and Flash asks the port itself,
before anything else, by ``<policy-file-request/>`` and a NUL.  The request names no host, so only
origins that are allowed explicitly are granted anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from twisted.python.failure import Failure

from wsapp.errors import BadRequest, HandshakeError, ServerFull

__all__ = ["REQUEST", "FlashPolicy", "policy"]

REQUEST = b"<policy-file-request/>\x00"


def policy(allowed: Iterable[str], port: int | None) -> bytes:
    """The cross-domain policy that grants *port* to pages of the allowed origins.

    :param allowed: As for :class:`~wsapp.origins.Origins`.
    :param port: The port of this listener; None where it has none.
    """
    domains = [("*" if origin == "*" else urlsplit(origin).hostname or "") for origin in allowed]
    grants = [
        f'<allow-access-from domain={quoteattr(domain)} to-ports="{port}"/>'
        for domain in domains
        if domain and port
    ]
    return (
        '<?xml version="1.0"?><!DOCTYPE cross-domain-policy SYSTEM '
        '"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd">'
        f"<cross-domain-policy>{''.join(grants)}</cross-domain-policy>\x00"
    ).encode()


class FlashPolicy:
    """Reads the request, cut anywhere.

    :param asked: Called once it is whole.
    :param refused: Called where it is something else.
    """

    def __init__(self, asked: Callable[[], None], refused: Callable[[HandshakeError], None]) -> None:
        self._asked = asked
        self._refused = refused
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data[: len(REQUEST)]
        if self._buffer.startswith(REQUEST):
            self._asked()
        elif not REQUEST.startswith(self._buffer):
            self._refused(BadRequest("this is not an HTTP request"))

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""

    def stop(self) -> None:
        """The server stops."""
        self._refused(ServerFull("the server is stopping"))
